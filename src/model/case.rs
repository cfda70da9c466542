//! All that is known about one question: what console, JSON and tests read. Immutable once published.

use super::ask::{Exchange, Signal, SourceKind};
use super::coverage::{LedgerEntry, Reach, SourceCoverage};
use super::id::{Identity, Recognised};
use super::journey::{Journey, Operation, Story};
use super::lines::LineStore;
use super::queue::QueueState;
use super::record::Record;
use super::spans::SpanStore;
use super::text::SafeText;
use super::time::{Timestamp, Window};
use super::verdict::Verdict;
use super::why::Paths;
use serde::Serialize;
use smol_str::SmolStr;
use std::sync::Arc;

/// One investigation, finished or under way.
#[derive(Clone, Debug)]
pub struct Case {
    /// What was asked about, as pasted and as understood.
    pub anchor: Recognised,
    /// "Now" of the investigation.
    pub at: Timestamp,
    /// Time searched so far.
    pub window: Window,
    /// Spans.
    pub spans: Arc<SpanStore>,
    /// Log lines.
    pub lines: Arc<LineStore>,
    /// Records, by coordinate.
    pub records: Arc<Vec<Record>>,
    /// Queue state, when read.
    pub queues: Option<Arc<QueueState>>,
    /// Other identifiers that turned out to name the same thing, and where each was seen.
    pub aliases: Vec<Alias>,
    /// The journey.
    pub journey: Journey,
    /// Why each row is here.
    pub paths: Paths,
    /// What each rule says, by rule code.
    pub verdicts: Vec<(SmolStr, Verdict)>,
    /// One entry per kind of source that [`SourceKind::named`] names, in the order of [`SourceKind::ALL`].
    pub coverage: Vec<SourceCoverage>,
    /// What was seen and not followed.
    pub ledger: Vec<LedgerEntry>,
    /// Every request made.
    pub exchanges: Vec<Exchange>,
    /// Queries with their reasons, by number, and whether each was answered.
    pub queries: Vec<AskedQuery>,
    /// How far it is.
    pub progress: Progress,
}

/// One query as the report shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AskedQuery {
    /// Number.
    pub number: u32,
    /// Which source.
    pub source: SourceKind,
    /// What was asked, in words.
    pub what: SafeText,
    /// Why.
    pub why: SafeText,
    /// Rows it brought; `None` when it failed or is under way.
    pub rows: Option<u64>,
}

/// An identifier that was learned on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The identity.
    pub identity: Identity,
    /// Field, header or text in which it stood, and where.
    pub seen: SafeText,
}

/// How far an investigation is. Never one word for the last two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Progress {
    /// Queries are under way.
    Running {
        /// Queries not answered yet.
        open: u32,
    },
    /// Nothing is left to ask within the window.
    Complete,
    /// Stopped before that.
    Stopped {
        /// Why.
        reason: SafeText,
    },
}

impl Case {
    /// Returns the rows of the story.
    pub fn rows(&self) -> Story<'_> {
        self.journey.rows.story(&self.journey.words, &self.spans)
    }

    /// Returns the calls of the story.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = Operation<'_>> + Clone {
        self.journey.operations(&self.spans)
    }

    /// Says whether anything at all was found about the anchor.
    pub fn is_found(&self) -> bool {
        !self.spans.is_empty() || !self.lines.is_empty() || !self.records.is_empty()
    }

    /// Returns the coverage of one source.
    pub fn coverage_of(&self, source: SourceKind) -> Option<&SourceCoverage> {
        self.coverage.iter().find(|coverage| coverage.source == source)
    }

    /// Returns the coverage of the source that limits what is known of a signal: of several, the one that answered least.
    pub fn coverage_for(&self, signal: Signal) -> Option<&SourceCoverage> {
        super::coverage::weakest(&self.coverage, signal)
    }

    /// Says whether every configured source could be used in full and nothing was left out for budget.
    pub fn is_complete(&self) -> bool {
        self.progress == Progress::Complete
            && self.coverage.iter().all(|coverage| coverage.is_complete() || coverage.reach == Reach::NotConfigured)
    }

    /// Says whether something is missing because a budget of ours was spent.
    pub fn is_cut_by_budget(&self) -> bool {
        self.coverage.iter().any(SourceCoverage::is_cut_by_budget)
    }

    /// Says whether no configured source answered anything.
    pub fn is_unanswered(&self) -> bool {
        let mut asked = self.coverage.iter().filter(|coverage| coverage.asked > 0).peekable();
        asked.peek().is_some() && asked.all(|coverage| coverage.reach == Reach::None)
    }
}
