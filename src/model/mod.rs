//! What things are: identities, spans, log lines, records, queues, journeys, coverage and the case that holds them all.
//!
//! Owns the words of the product (see `docs/glossary.md`) and the stores that rows live in. Every other room reads and
//! writes these types; this room uses none of them. It knows no source, no wire format and no screen: no IO, no clock
//! (instants come in as values), no `async`.
//!
//! Rows (spans, log lines) live in columns: [`spans::SpanStore`] and [`lines::LineStore`]. Few things (records, groups,
//! attempts) are plain structs. Text that came from outside and is to be shown is a [`text::SafeText`].
//!
//! Copy `queue.rs` when adding a kind of state; change anything here only with care, since all depend on it.

pub mod ask;
pub mod budget;
pub mod calls;
pub mod case;
pub mod contents;
pub mod count;
pub mod coverage;
pub mod dead;
pub mod effects;
pub mod hops;
pub mod id;
pub mod identifier;
pub mod journey;
pub mod lines;
pub mod now;
pub mod queue;
pub mod record;
pub mod rows;
pub mod settlement;
pub mod source;
pub mod spans;
pub mod symbols;
pub mod tail;
pub mod text;
pub mod time;
pub mod trend;
pub mod verdict;
pub mod why;
pub mod words;

pub use ask::{Answer, Ask, Exchange, Fault, FaultKind, Keep, Note, Query, Reply, Rows, ScanFrom, Signal, SourceKind};
pub use budget::{BreakerState, Measure, Spent};
pub use case::Case;
pub use coverage::{Absence, LedgerEntry, NotFollowed, Reach, SourceCoverage};
pub use dead::Dead;
pub use id::{Coordinate, Identity, SpanId, TraceId};
pub use identifier::{Identifier, NamedKind, Scope};
pub use journey::Journey;
pub use lines::LineStore;
pub use now::Now;
pub use queue::QueueState;
pub use record::{Header, Record};
pub use spans::{SpanKind, SpanRow, SpanStatus, SpanStore, Value};
pub use text::SafeText;
pub use time::{Nanos, Timestamp, Window};
pub use verdict::{Finding, Tier, Verdict};
pub use why::{Node, Paths};
