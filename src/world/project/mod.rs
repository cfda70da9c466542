//! Projections: what each source would show of the truth.
//!
//! `spans` and `lines` turn journeys into spans and log lines; one file per instrumentation (`java`, `python`, `go`)
//! knows the attribute names, types and habits of that stack, as observed on real servers, its defects among them.
//! Must not know how a product puts these facts on its wire: that is the business of `demo`.
//! To add an instrumentation, copy `go.rs` and name it in `spans`.

pub mod go;
pub mod java;
pub mod lines;
pub mod python;
pub mod shown;
pub mod span;
pub mod spans;

pub use lines::Line;
pub use shown::Shown;
pub use span::{Event, Kind, Link, Span, Value};
