//! What was searched, what was not, and why: the part of an answer that keeps it honest.

use super::ask::{Fault, Note, Signal, SourceKind};
use super::budget::{BreakerState, Spent};
use super::text::SafeText;
use super::time::Window;
use serde::Serialize;

/// How far one source could be used for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Everything asked was answered.
    Full,
    /// Something was asked and answered only in part (a fault for some queries, a limit, damaged rows).
    Partial,
    /// Nothing asked was answered.
    None,
    /// No need to ask arose.
    NotAsked,
    /// No such source is configured.
    NotConfigured,
}

/// What one source contributed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceCoverage {
    /// Which source.
    pub source: SourceKind,
    /// How far it could be used.
    pub reach: Reach,
    /// Queries put to it.
    pub asked: u32,
    /// Queries that it answered.
    pub answered: u32,
    /// Smallest window that holds all windows searched, when any was.
    pub window: Option<Window>,
    /// Faults, each different one once.
    pub faults: Vec<Fault>,
    /// Remarks, each different one once.
    pub notes: Vec<Note>,
    /// What the question has cost at this source.
    pub spent: Spent,
    /// Whether the source is left alone.
    pub breaker: BreakerState,
}

/// Why something is not there. Five different answers, never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// Searched, and not there.
    NotFound,
    /// Not searched: budget, wider scope, hub, no need.
    NotAsked,
    /// The source that would know did not answer.
    NotReachable,
    /// Older than what the source keeps.
    OutOfRetention,
    /// This instrumentation does not record it, or the trace was not sampled.
    NotInstrumented,
}

/// Why an identifier was not followed further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotFollowed {
    /// It names more things than one story holds (a hub).
    Hub,
    /// It is wider than what was asked about.
    WiderScope,
    /// A budget was spent.
    Budget,
    /// The source that would answer failed.
    SourceDown,
    /// No such source is configured.
    NotConfigured,
    /// The expansion depth was reached.
    Depth,
}

/// One identifier that was seen and not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// The identifier, safe.
    pub id: SafeText,
    /// Why not.
    pub reason: NotFollowed,
    /// Sentence with the numbers behind the reason.
    pub detail: SafeText,
}

impl SourceCoverage {
    /// Returns the coverage of a source that nothing was asked of yet.
    pub fn untouched(source: SourceKind, reach: Reach) -> Self {
        Self {
            source,
            reach,
            asked: 0,
            answered: 0,
            window: None,
            faults: Vec::new(),
            notes: Vec::new(),
            spent: Spent::default(),
            breaker: BreakerState::Closed,
        }
    }

    /// Says whether answers that rest on this source are as good as the source can give.
    pub fn is_complete(&self) -> bool {
        matches!(self.reach, Reach::Full | Reach::NotAsked)
    }

    /// Says whether something is missing because a budget of ours was spent.
    pub fn is_cut_by_budget(&self) -> bool {
        let is_empty = self.spent.requests.limit > 0 && self.spent.spent().is_some();
        self.faults.iter().any(|fault| fault.kind.is_own_budget()) || (is_empty && self.reach == Reach::Partial)
    }
}

/// Returns the source of a signal that answered least: what it may hold is unknown, whatever the others said.
pub fn weakest(all: &[SourceCoverage], signal: Signal) -> Option<&SourceCoverage> {
    all.iter().filter(|coverage| coverage.source.signal() == signal).min_by_key(|coverage| match coverage.reach {
        Reach::None => 0,
        Reach::NotAsked => 1,
        Reach::Partial => 2,
        Reach::Full => 3,
        // One that turned out not to be there limits nothing while another is.
        Reach::NotConfigured => 4,
    })
}

impl Reach {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "complete",
            Self::Partial => "partial",
            Self::None => "no answer",
            Self::NotAsked => "not asked",
            Self::NotConfigured => "not configured",
        }
    }
}

impl Absence {
    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::NotAsked => "not asked",
            Self::NotReachable => "not reachable",
            Self::OutOfRetention => "out of retention",
            Self::NotInstrumented => "not instrumented",
        }
    }
}

impl NotFollowed {
    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Hub => "too common",
            Self::WiderScope => "wider than this question",
            Self::Budget => "budget spent",
            Self::SourceDown => "source down",
            Self::NotConfigured => "source not configured",
            Self::Depth => "too far away",
        }
    }
}
