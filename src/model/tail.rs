//! Log lines as they come.

use super::ask::{Fault, Note};
use super::journey::Mark;
use super::text::SafeText;
use super::time::Timestamp;
use std::sync::Arc;

/// What is tailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailWanted {
    /// Lines that hold an id, in one of these spellings.
    Id(Vec<smol_str::SmolStr>),
    /// Lines of a `LogQL` query.
    Query(smol_str::SmolStr),
}

/// A tail, as far as it has come.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The id or the query.
    pub what: SafeText,
    /// Nothing before this is shown.
    pub begin: Timestamp,
    /// When the source was read last.
    pub read_at: Option<Timestamp>,
    /// The newest lines, oldest first.
    pub lines: Arc<Vec<TailLine>>,
    /// Lines before these, which are no longer kept.
    pub dropped: u64,
    /// Why the last read failed; it is tried again.
    pub fault: Option<Fault>,
    /// Remarks, each different one once.
    pub notes: Vec<Note>,
}

/// One line of a tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailLine {
    /// Number from the begin of the tail on.
    pub number: u64,
    /// Its time.
    pub at: Timestamp,
    /// Its service, or nothing.
    pub service: SafeText,
    /// What it says.
    pub text: SafeText,
    /// Its level.
    pub mark: Mark,
    /// The trace that it names.
    pub follow: Option<SafeText>,
}

impl Tail {
    /// Returns a tail that has brought nothing yet.
    pub fn of(what: &str, begin: Timestamp) -> Self {
        Self {
            what: SafeText::new(what),
            begin,
            read_at: None,
            lines: Arc::default(),
            dropped: 0,
            fault: None,
            notes: Vec::new(),
        }
    }

    /// Returns how many lines came in all.
    pub fn came(&self) -> u64 {
        self.dropped + self.lines.len() as u64
    }

    /// Adds lines and keeps the newest `most`.
    pub fn add(&mut self, fresh: impl IntoIterator<Item = TailLine>, most: usize) {
        let lines = Arc::make_mut(&mut self.lines);
        lines.extend(fresh);
        let over = lines.len().saturating_sub(most);
        lines.drain(..over);
        self.dropped += over as u64;
    }
}
