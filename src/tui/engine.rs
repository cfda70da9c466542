//! What the console asks of the engine: to start questions, and what is known so far.

use crate::model::id::Recognised;
use crate::model::{Case, Now};
use std::sync::Arc;

/// Starts questions and shows what is known. Nothing here waits; new answers ring the stage's bell.
pub trait Engine {
    /// Starts to follow an identity; what was being followed is cancelled.
    fn follow(&mut self, anchor: Recognised);

    /// Starts to read the present again.
    fn read_now(&mut self);

    /// Cancels everything under way. What is known so far stays.
    fn cancel(&mut self);

    /// Returns the newest state of the story.
    fn story(&self) -> Option<Arc<Case>>;

    /// Returns the newest state of the present.
    fn present(&self) -> Option<Arc<Now>>;

    /// Says whether a story is being told.
    fn is_following(&self) -> bool;

    /// Says whether the present is being read.
    fn is_reading(&self) -> bool;
}
