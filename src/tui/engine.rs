//! What the console asks of the engine: to start questions, and what is known so far.

use super::evidence::Evidence;
use crate::investigate::Requests;
use crate::investigate::doctor::Checkup;
use crate::model::id::Recognised;
use crate::model::record::{RecordRead, RecordWanted};
use crate::model::tail::{Tail, TailWanted};
use crate::model::{BreakerState, Case, Dead, Now, SafeText, SourceKind, Spent};
use std::sync::Arc;

/// How the sources were treated so far.
#[derive(Clone, Debug, Default)]
pub struct Dealings {
    /// What the newest question has cost, in all.
    pub all: Option<Spent>,
    /// The same at each source, with the state of its breaker.
    pub each: Vec<(SourceKind, Spent, BreakerState)>,
    /// Every request that was made.
    pub requests: Requests,
    /// What the doctor found, when it was asked.
    pub checkups: Arc<Vec<Checkup>>,
    /// Whether the sources are being examined.
    pub is_examining: bool,
}

/// Starts questions and shows what is known. Nothing here waits; new answers ring the stage's bell.
pub trait Engine {
    /// Starts to follow an identity; what was being followed is cancelled.
    fn follow(&mut self, anchor: Recognised);

    /// Asks sources that are left alone, too, from now on.
    fn try_again(&mut self);

    /// Starts to read the present again.
    fn read_now(&mut self);

    /// Starts to read letters.
    fn read_dead(&mut self);

    /// Starts to read a record.
    fn read_record(&mut self, wanted: RecordWanted);

    /// Starts to tail lines; what was tailed is ended.
    fn tail(&mut self, what: &str, wanted: TailWanted);

    /// Ends the tail.
    fn end_tail(&mut self);

    /// Returns the tail, while there is one.
    fn tailed(&self) -> Option<Arc<Tail>>;

    /// Keeps evidence beyond the console's end, where that is possible. Says why not, when it failed.
    fn keep(&mut self, evidence: &Evidence) -> Result<(), SafeText>;

    /// Starts to examine every source.
    fn examine(&mut self);

    /// Says whether sources are being examined.
    fn is_examining(&self) -> bool;

    /// Changes limits as they are typed (`requests=500,loki.bytes=64MiB`). Says what is wrong and what to write instead.
    fn adjust(&mut self, limits: &str) -> Result<(), (SafeText, SafeText)>;

    /// Returns how the sources were treated so far.
    fn dealings(&self) -> Dealings;

    /// Cancels everything under way. What is known so far stays.
    fn cancel(&mut self);

    /// Returns the newest state of the story.
    fn story(&self) -> Option<Arc<Case>>;

    /// Returns the newest state of the present.
    fn present(&self) -> Option<Arc<Now>>;

    /// Returns the record that was read last.
    fn record(&self) -> Option<Arc<RecordRead>>;

    /// Says whether a record is being read.
    fn is_reading_record(&self) -> bool;

    /// Returns the newest state of the letters.
    fn dead(&self) -> Option<Arc<Dead>>;

    /// Says whether letters are being read.
    fn is_reading_dead(&self) -> bool;

    /// Says whether a story is being told.
    fn is_following(&self) -> bool;

    /// Says whether the present is being read.
    fn is_reading(&self) -> bool;
}
