//! Drives a hunt against the configured sources under a budget, and publishes the case as it grows.
//!
//! Owns the order of asking, concurrency, cancelling and the reading behind the Now screen. It must not parse, draw or
//! judge: it moves queries to `sources`, replies to `correlate`, and the finished case to `diagnose`.
//! A source that panics is a fault of that source; the rest of the investigation goes on.

pub mod dead;
pub mod doctor;
pub mod follow;
pub mod now;
pub mod record;
pub mod run;
pub mod sources;
pub mod tail;

pub use crate::sources::log::Requests;
pub use dead::read_dead;
pub use now::read_now;
pub use record::read_record;
pub use run::{Rounds, drive};
pub use sources::SourceSet;

/// Ends the programs that print secrets, for a process that ends without unwinding.
pub use crate::sources::secret::end_all as end_programs;

/// Says what the bytes of a record are.
pub use crate::correlate::contents;
/// Reads what a record's headers tell of a failure.
pub use crate::correlate::letters::alone as letter_of;

/// Returns what a person would ask of a rule, by the rule's code.
pub fn question(code: &str) -> Option<&'static str> {
    crate::diagnose::RULES.iter().find(|rule| rule.code == code).map(|rule| rule.question)
}

#[cfg(test)]
mod tests;
