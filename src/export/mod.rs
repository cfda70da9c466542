//! Writes what a case holds: text for people, versioned JSON for programs.
//!
//! Owns the report (the projection of a case that is a public contract with its own version) and the formats, one file
//! and one line each. It has no access to sources, reads no clock and knows no screen.
//!
//! Fields follow the glossary; a field that is there stays. Text that came from outside is either a `SafeText` or, in
//! JSON, the raw text with everything that a terminal would obey written as `\uXXXX`.
//! Copy `text.rs` when adding a format.

pub mod compare;
pub mod dead;
pub mod format;
pub mod journey;
pub mod json;
pub mod present;
pub mod queue;
pub mod raw;
pub mod record;
pub mod report;
pub mod text;
pub mod waterfall;
pub mod why;

pub use format::{FORMATS, Format, Look};
pub use present::NowReport;
pub use queue::{LagRow, lag_rows};
pub use report::{ErrorReport, Report};

#[cfg(test)]
mod tests;
