//! The state of the world at a glance: what the Now screen and `hopscope now` show.

use super::ask::{Exchange, Fault, Note, Signal, SourceKind};
use super::budget::{BreakerState, Spent};
use super::id::TraceId;
use super::queue::{GroupKind, QueueState};
use super::text::SafeText;
use super::time::{Nanos, Timestamp, Window};
use std::sync::Arc;

/// One reading of all sources.
#[derive(Clone, Debug)]
pub struct Now {
    /// When it was taken.
    pub at: Timestamp,
    /// The window that error traces were searched in.
    pub window: Window,
    /// A lamp per kind of source that [`SourceKind::named`] names, in the order of [`SourceKind::ALL`].
    pub lamps: Vec<Lamp>,
    /// Queue state, when it could be read.
    pub queues: Option<Arc<QueueState>>,
    /// Groups with their lag, worst first.
    pub groups: Vec<GroupLag>,
    /// Recent traces that hold an error, newest first.
    pub errors: Vec<ErrorTrace>,
    /// Every request made for this reading.
    pub exchanges: Vec<Exchange>,
}

impl Now {
    /// Returns the lamp of the source that limits what is known of a signal: of several, the one that answered least.
    pub fn worst(&self, signal: Signal) -> Option<&Lamp> {
        let of_signal = self.lamps.iter().filter(|lamp| lamp.source.signal() == signal);
        of_signal.max_by_key(|lamp| match lamp.light {
            Light::Off => 0,
            Light::Ok => 1,
            Light::Partial => 2,
            Light::Waiting => 3,
            Light::Down => 4,
        })
    }
}

/// Health of one source.
#[derive(Clone, Debug)]
pub struct Lamp {
    /// Which source.
    pub source: SourceKind,
    /// Where it is: URL or bootstrap address, without credentials; empty when not configured.
    pub address: SafeText,
    /// How it is.
    pub light: Light,
    /// What it turned out to be: dialect, version, brokers; or what is wrong.
    pub detail: SafeText,
    /// How long the slowest request of this reading took.
    pub slowest: Option<Nanos>,
    /// Faults of this reading.
    pub faults: Vec<Fault>,
    /// Remarks of this reading.
    pub notes: Vec<Note>,
    /// What this reading has cost at it.
    pub spent: Spent,
    /// Whether it is left alone.
    pub breaker: BreakerState,
}

impl Lamp {
    /// Says whether something is missing because a budget of ours was spent.
    pub fn is_cut_by_budget(&self) -> bool {
        self.faults.iter().any(|fault| fault.kind.is_own_budget())
    }
}

/// Colour and letter of a lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// Answered in full.
    Ok,
    /// Answered in part.
    Partial,
    /// Did not answer.
    Down,
    /// Nothing asked yet.
    Waiting,
    /// Not configured.
    Off,
}

/// One group on the Now screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLag {
    /// Group id.
    pub group: SafeText,
    /// State as the coordinator names it.
    pub state: SafeText,
    /// Protocol family.
    pub kind: GroupKind,
    /// Members.
    pub members: usize,
    /// Lag in records over all partitions where it is known; of a share group the most that it can be.
    pub lag: i64,
    /// Of these the ones behind an open transaction.
    pub behind_transaction: i64,
    /// Partitions where it is not known.
    pub unknown: usize,
    /// Offsets that retention deleted unread.
    pub lost: i64,
    /// Topic and partition with the largest lag, and that lag.
    pub worst: Option<(SafeText, i32, i64)>,
    /// The coordinate of the record to be read next there: what `f` follows.
    pub next: Option<SafeText>,
    /// Why something is missing, when so.
    pub fault: Option<SafeText>,
}

/// One trace with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorTrace {
    /// Trace.
    pub trace: TraceId,
    /// When its first span began.
    pub start: Timestamp,
    /// From the first start to the last end.
    pub duration: Nanos,
    /// Service and operation of its root, or of its first span.
    pub root: SafeText,
    /// Service and operation of the deepest span with an error.
    pub error: SafeText,
    /// Spans in it.
    pub spans: usize,
    /// Spans with an error.
    pub errors: usize,
}

impl Light {
    /// Returns the letter shown beside the colour.
    pub const fn letter(self) -> char {
        match self {
            Self::Ok => '+',
            Self::Partial => 'W',
            Self::Down => 'E',
            Self::Waiting => '.',
            Self::Off => '-',
        }
    }
}
