//! Joins rows by identity: what to ask next, which rows belong to the anchor, and the journey they tell.
//!
//! Owns the hunt (a machine without IO: it says what to ask and is told what came back), scopes and hubs, the grouping
//! of attempts, executions, copies and deliveries, and the story rows. It must not know source products, requests,
//! wire shapes or screens; there is no `async`, no clock and no error here. The same rows in any order give the same
//! journey.
//!
//! Copy `attempts.rs` when adding a way to group rows; a new question to a source goes into `plan.rs`.

mod attempts;
mod batches;
mod clocks;
mod contents;
mod copies;
mod counts;
mod deliveries;
mod effects;
mod entries;
pub mod hunt;
mod index;
mod journey;
mod labels;
mod layers;
mod leads;
pub mod letters;
mod messages;
mod partly;
mod plan;
mod reads;
mod retries;
mod rows;
mod runs;
mod scope;
mod search;
mod settlements;
pub mod tails;
mod tally;
mod tries;
mod unplaced;
mod wording;

pub use contents::contents;
pub use hunt::{Hunt, Limits, Settings, Step};
pub use plan::METADATA;
pub use scope::Fan;
