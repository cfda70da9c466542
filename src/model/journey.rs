//! A journey: one message or request across every attempt and hop, as `correlate` builds it and everybody else reads it.
//!
//! An *operation* is what a caller wanted once; its *attempts* are the caller's view, an attempt's *executions* the
//! callee's. A *message* is what a producer wanted to say once; its *copies* are records (original, on retry topics,
//! dead letter), its *deliveries* the handings-over of a copy to a consumer group. *Rows* are all of this flattened down
//! the time axis, for screens and text. There may be as many calls and rows as spans, so they are kept in columns that
//! point at the spans, and read through views: [`super::Case::operations`], [`super::Case::rows`].

pub use super::calls::{Asked, Attempt, Calls, Claimed, Execution, Operation, Spread, Tried};
pub use super::count::Count;
pub use super::effects::{EffectKind, EffectStatus, SideEffect};
pub use super::hops::{Channel, Hop};
pub use super::rows::{Entry, Ground, Row, Rows, Story};
pub use super::settlement::{Remark, Settled, Settlement};
pub use super::words::{Word, Words};

use super::coverage::Absence;
use super::id::{Coordinate, TraceId};
use super::lines::LineRow;
use super::spans::{SpanRow, SpanStore};
use super::text::SafeText;
use super::time::{Nanos, Timestamp};
use super::verdict::Tier;
use serde::Serialize;

/// A pointer to evidence in the case's stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fact {
    /// Row of the span store.
    Span(SpanRow),
    /// Row of the line store.
    Line(LineRow),
    /// Index into the records.
    Record(u32),
    /// The queue state.
    Queue,
}

/// The whole journey.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journey {
    /// How it ended, or where it stands.
    pub outcome: Outcome,
    /// One sentence for the head of the screen.
    pub summary: SafeText,
    /// The traces it runs through, in order of first appearance.
    pub traces: Vec<TraceId>,
    /// Calls, in order of their first attempt.
    pub calls: Calls,
    /// Messages, in order of their first copy.
    pub messages: Vec<Message>,
    /// What was changed outside, or perhaps was, by time.
    pub effects: Vec<SideEffect>,
    /// Pairs of services whose times cannot both be right.
    pub clocks: Vec<ClockDoubt>,
    /// Everything down the time axis.
    pub rows: Rows,
    /// What should be there and is not, each with its reason.
    pub gaps: Vec<Gap>,
    /// The texts of calls and rows.
    pub words: Words,
}

/// How a journey ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Outcome {
    /// Every operation succeeded at the first attempt and every message was handled.
    Succeeded,
    /// Succeeded after more than one attempt or delivery.
    SucceededAfterRetries,
    /// All attempts failed, and nothing will try again.
    Failed,
    /// A copy ended on a dead-letter topic.
    DeadLettered,
    /// A copy stands on a retry topic and is due later (or overdue).
    Waiting {
        /// When it is due, if its headers say.
        due: Option<Timestamp>,
    },
    /// A delivery fails again and again at the same coordinate.
    Blocked,
    /// Not decided yet: started, no end seen.
    InProgress,
    /// What is there does not tell.
    #[default]
    Unknown,
}

/// Why attempts are one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    /// One attempt only; nothing to join.
    Single,
    /// An attribute or header says so (resend count, retry count, attempt spans).
    Explicit,
    /// Equal identity, the earlier one failed, no overlap.
    Strong,
    /// Shape only; a loop over items looks the same.
    Possible,
    /// Equal identity, at the same time, and the one that lost was given up: sent twice to be faster, no retry.
    Hedge,
}

/// How an attempt, execution or delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptResult {
    /// Well.
    Succeeded,
    /// With an error.
    Failed,
    /// The caller stopped waiting; whether the callee did the work is another question.
    TimedOut,
    /// No end is known.
    Unknown,
}

/// What a producer wanted to say once.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Record key, shown.
    pub key: SafeText,
    /// Records, original first, then by hop.
    pub copies: Vec<RecordCopy>,
    /// Deliveries by group and time.
    pub deliveries: Vec<Delivery>,
    /// How often it was delivered, over all copies and groups: seen, and at least as its headers claim.
    pub count: Count,
}

/// One record of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordCopy {
    /// Where it stands.
    pub coordinate: Coordinate,
    /// Its part in the story.
    pub role: CopyRole,
    /// Time of the record; of the producer span when the record was not read.
    pub written: Timestamp,
    /// Index into the case's records; `None` when only spans or headers tell of it.
    pub record: Option<u32>,
    /// The producer span that wrote it.
    pub producer: Option<SpanRow>,
    /// The coordinate its headers name as the original.
    pub origin: Option<Coordinate>,
    /// When a retry copy is due.
    pub due: Option<Timestamp>,
    /// Attempt number that its headers claim: 2 on the first retry.
    pub attempt: Option<u32>,
    /// Exception class that its headers name.
    pub exception: Option<SafeText>,
    /// How it was joined.
    pub tier: Tier,
    /// An earlier record of the topic with equal key and value at about the same time: perhaps the producer wrote one
    /// message twice, perhaps it said the same thing twice.
    pub repeats: Option<Coordinate>,
    /// Why it could not be read, when it was not.
    pub absence: Option<Absence>,
}

/// Part of a record in its message's story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyRole {
    /// What the producer wrote first.
    Original,
    /// A copy on a retry topic.
    Retry,
    /// A copy on a dead-letter topic.
    DeadLetter,
    /// A second original with the same identity and no pointer between them.
    Duplicate,
}

/// One handing-over of a record to a consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Which record.
    pub coordinate: Coordinate,
    /// Consumer group, when a source tells it.
    pub group: Option<SafeText>,
    /// Service that handled it.
    pub service: SafeText,
    /// 1 for the first delivery of this record to this group.
    pub ordinal: u32,
    /// Its number as something claims it, from 1; `None` when nothing does.
    pub number: Option<u32>,
    /// The process span.
    pub span: Option<SpanRow>,
    /// Start.
    pub start: Timestamp,
    /// Duration of the span, which may include waits between blocking retries.
    pub duration: Nanos,
    /// How it ended.
    pub result: DeliveryResult,
    /// Exception class and message head, when it failed.
    pub error: Option<SafeText>,
    /// What became of it.
    pub settlement: Settlement,
    /// What has to be known to read its span rightly.
    pub remarks: Vec<Remark>,
    /// How it was joined.
    pub tier: Tier,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryResult {
    /// The handler ended without an error. That proves no commit.
    Handled,
    /// The handler failed.
    Failed,
    /// Refused before the handler ran, because the record was not due (no attempt).
    NotDue,
    /// No end is known.
    Unknown,
}

/// Kinds of story rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    /// A request arrives or work runs inside a service.
    Work,
    /// A call's attempt, seen by the caller.
    Attempt,
    /// A run at the callee.
    Execution,
    /// A record is written: original, retry copy, dead letter.
    Copy,
    /// A delivery to a consumer group.
    Delivery,
    /// A wait: between attempts, in a queue, until due.
    Wait,
    /// A log line.
    Line,
    /// A side effect (database write, outbound write call that succeeded).
    Effect,
    /// Something is missing, with the reason.
    Gap,
}

/// How a row is marked; each has a letter and a role, colour comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Nothing special.
    Plain,
    /// Went well.
    Ok,
    /// Time passes.
    Wait,
    /// Strange, slow, retried.
    Warn,
    /// Failed.
    Error,
    /// Not known.
    Unknown,
}

/// Times of two services that cannot both be right: spans of one begin before what caused them. Nothing is corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClockDoubt {
    /// Service of the causing spans.
    pub cause: SafeText,
    /// Service of the spans that begin too early.
    pub service: SafeText,
    /// The clocks differ by at least that much, in nanoseconds.
    pub at_least: Nanos,
    /// Spans that begin too early.
    pub spans: u32,
    /// The one that begins earliest before its cause.
    #[serde(skip)]
    pub span: SpanRow,
}

/// Something that should be there and is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// What is missing.
    pub what: SafeText,
    /// Why.
    pub reason: Absence,
    /// Sentence: what was searched, or what to try.
    pub detail: SafeText,
}

impl Journey {
    /// Returns the calls, told by the spans they came from.
    pub fn operations<'a>(&'a self, spans: &'a SpanStore) -> impl ExactSizeIterator<Item = Operation<'a>> + Clone {
        self.calls.iter(&self.words, spans)
    }
}

impl ClockDoubt {
    /// Returns it as a sentence.
    pub fn words(&self) -> String {
        let Self { cause, service, at_least, spans, .. } = self;
        let (by, begin) = (at_least.human(), if *spans == 1 { "span begins" } else { "spans begin" });
        format!("{spans} {begin} at {service} before its cause at {cause}: these clocks differ by at least {by}")
    }
}

impl Delivery {
    /// Returns who was handed the record: the consumer group, or the service where no source tells the group.
    pub fn reader(&self) -> &SafeText {
        self.group.as_ref().unwrap_or(&self.service)
    }
}

impl Mark {
    /// Returns the letter or sign shown.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Plain => " ",
            Self::Ok => "+",
            Self::Wait => ".",
            Self::Warn => "W",
            Self::Error => "E",
            Self::Unknown => "?",
        }
    }
}

impl Outcome {
    /// Returns the words for it.
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::SucceededAfterRetries => "succeeded after retries",
            Self::Failed => "failed",
            Self::DeadLettered => "dead-lettered",
            Self::Waiting { .. } => "waiting in a retry topic",
            Self::Blocked => "blocked",
            Self::InProgress => "in progress",
            Self::Unknown => "outcome unknown",
        }
    }
}
