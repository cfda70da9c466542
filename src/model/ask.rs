//! What is asked of sources, what comes back, and every way in which it fails to.

use super::id::{Coordinate, TraceId};
use super::lines::LineStore;
use super::queue::QueueState;
use super::record::Record;
pub use super::source::{Signal, SourceKind};
use super::spans::SpanStore;
use super::text::SafeText;
use super::time::{Nanos, Timestamp, Window};
use bytes::Bytes;
use serde::Serialize;
use smol_str::SmolStr;
use std::fmt;

/// One question to the sources of one signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Traces: the services that are known.
    Services,
    /// Traces: one whole trace, raw (unadjusted).
    Trace(TraceId),
    /// Traces: traces of `service` with a span that carries `tag`, or, with `None`, any.
    FindSpans {
        /// Service to search; most backends need one.
        service: SmolStr,
        /// Attribute that must be equal, as text.
        tag: Option<(SmolStr, SmolStr)>,
        /// Span starts inside.
        window: Window,
        /// Traces at most.
        limit: u32,
    },
    /// Traces: traces of any service with a span that carries all attributes of one of the alternatives. Only for sources
    /// that search without a service ([`SourceKind::needs_service`]).
    FindAnywhere {
        /// Alternatives, each a list of attributes that must be equal, as text, on one span.
        any: Vec<Vec<(SmolStr, SmolStr)>>,
        /// Span starts inside.
        window: Window,
        /// Traces at most.
        limit: u32,
    },
    /// Traces: recent traces of `service` that hold an error, newest first.
    FindErrors {
        /// Service to search; empty means all, where no service is needed.
        service: SmolStr,
        /// Span starts inside.
        window: Window,
        /// Traces at most.
        limit: u32,
    },
    /// Loki: lines that hold one of the texts, in the line or as a structured metadata value.
    FindLines {
        /// Spellings of one id; any of them may occur.
        needles: Vec<SmolStr>,
        /// Structured metadata names whose value may equal a needle (`trace_id`, ...).
        metadata: Vec<SmolStr>,
        /// Services whose streams are searched; empty means all streams.
        services: Vec<SmolStr>,
        /// Time searched.
        window: Window,
        /// Lines at most.
        limit: u32,
    },
    /// Loki: the lines of a query in the source's own language.
    QueryLines {
        /// LogQL: a stream selector, filters behind it.
        query: SmolStr,
        /// Time searched.
        window: Window,
        /// Lines at most.
        limit: u32,
    },
    /// Kafka: one record.
    Record(Coordinate),
    /// Kafka: records of a bounded range of one partition that match `keep`.
    ScanRecords {
        /// Topic.
        topic: SmolStr,
        /// Partition.
        partition: i32,
        /// Where the scan begins.
        from: ScanFrom,
        /// Records read at most (kept or not).
        limit: u32,
        /// What is returned.
        keep: Keep,
    },
    /// Kafka: topics with their partitions and offsets; no groups.
    Topics,
    /// Kafka: the same with the settings that decide what is kept, and the times of the newest records.
    TopicsInFull,
    /// Kafka: topics, offsets, groups, members and committed offsets.
    Queues,
}

/// Where a scan of a partition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanFrom {
    /// An offset.
    Offset(i64),
    /// The first record at or after an instant.
    Time(Timestamp),
    /// The same where the log was read from `read` on before: without a record between the two, nothing is read again.
    Earlier {
        /// Where to begin now.
        at: Timestamp,
        /// From where on it was read.
        read: Timestamp,
    },
    /// That many records before the end.
    Tail(u32),
}

/// Which records of a scan are returned: those that match at least one of the criteria.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Key equals one of these.
    pub keys: Vec<Bytes>,
    /// Key, a header value or the value holds one of these texts on token boundaries.
    pub texts: Vec<SmolStr>,
    /// A retry or dead-letter header names one of these as the original.
    pub origins: Vec<Coordinate>,
}

/// A numbered question with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Number within the investigation; answers are absorbed in this order.
    pub number: u32,
    /// The source that is asked.
    pub source: SourceKind,
    /// The question.
    pub ask: Ask,
    /// Why it is asked, for people: "trace named by the record's traceparent".
    pub why: SafeText,
}

/// What came back for one query.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Rows with remarks, or the fault that prevented them.
    pub outcome: Result<Answer, Fault>,
    /// Every request that was made for it, in order; several for paged and routed answers.
    pub exchanges: Vec<Exchange>,
}

/// Rows with remarks.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was found.
    pub rows: Rows,
    /// Remarks: damaged rows left out, limits hit, parts that did not answer.
    pub notes: Vec<Note>,
}

/// The rows of an answer.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Service names.
    Services(Vec<SmolStr>),
    /// Spans.
    Spans(Box<SpanStore>),
    /// Log lines.
    Lines(Box<LineStore>),
    /// Records.
    Records(Vec<Record>),
    /// Queue state.
    Queues(Box<QueueState>),
}

/// A remark that belongs to coverage: something is missing or weaker than it looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What kind of weakness.
    pub kind: NoteKind,
    /// Sentence: what, where, how much.
    pub text: SafeText,
}

/// Kinds of remarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// A row, line, record or page could not be read and was left out.
    Damaged,
    /// A limit was reached; more may exist.
    Truncated,
    /// A part of the source did not answer (a broker, a tenant, a partition).
    PartMissing,
    /// Not permitted to see a part.
    NotPermitted,
    /// Nothing there under this id. For a trace: not sampled, expired, never written and wrong tenant look alike.
    NotFound,
    /// Before the start of what is kept.
    OutOfRetention,
    /// Worth knowing, weakens nothing.
    Remark,
}

/// One request and what came of it, for the Sources screen and the report. Holds no secret: credentials are never part
/// of `request`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// Which source.
    pub source: SourceKind,
    /// The request as a person would repeat it (a curl or kafka command line).
    pub request: SafeText,
    /// When it was sent.
    pub at: Timestamp,
    /// How long until the last byte.
    pub took: Nanos,
    /// Bytes of the answer's body as received.
    pub bytes: u64,
    /// Rows decoded from it.
    pub rows: u64,
    /// HTTP status or Kafka error as text; "ok" when fine.
    pub status: SafeText,
}

/// A source failed to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which source.
    pub source: SourceKind,
    /// How.
    pub kind: FaultKind,
    /// What was asked of whom: `GET http://127.0.0.1:16686/api/traces/…`.
    pub asked: SafeText,
    /// What came back or happened.
    pub came: SafeText,
    /// What the person can check or do.
    pub hint: SafeText,
}

/// Ways to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// No connection: name, route, refused, reset, TLS.
    Unreachable,
    /// No (whole) answer in time.
    TimedOut,
    /// Login missing or wrong, or permission refused.
    Refused,
    /// The server answered with an error of its own.
    Failed,
    /// The answer is not what this source says: HTML, garbage, cut in the middle.
    Damaged,
    /// The answer exceeds the cap on bytes.
    TooLarge,
    /// The server does not offer what is needed.
    Unsupported,
    /// Own budget spent: not asked.
    BudgetSpent,
    /// The person cancelled.
    Cancelled,
    /// No such source is configured: not asked.
    NotConfigured,
}

impl Ask {
    /// Returns the signal whose sources answer it.
    pub fn signal(&self) -> Signal {
        match self {
            Self::Services
            | Self::Trace(_)
            | Self::FindSpans { .. }
            | Self::FindAnywhere { .. }
            | Self::FindErrors { .. } => Signal::Traces,
            Self::FindLines { .. } | Self::QueryLines { .. } => Signal::Logs,
            Self::Record(_) | Self::ScanRecords { .. } | Self::Topics | Self::TopicsInFull | Self::Queues => {
                Signal::Queues
            }
        }
    }

    /// Says whether a kind of source can answer it.
    pub fn suits(&self, kind: SourceKind) -> bool {
        let fits = if kind.needs_service() {
            !matches!(self, Self::FindAnywhere { .. })
        } else {
            !matches!(self, Self::FindSpans { .. })
        };
        self.signal() == kind.signal() && fits
    }
}

impl Keep {
    /// Says whether every record is kept.
    pub fn is_all(&self) -> bool {
        self.keys.is_empty() && self.texts.is_empty() && self.origins.is_empty()
    }
}

impl Reply {
    /// Returns the reply of a source that failed before any request was made.
    pub fn fault(fault: Fault) -> Self {
        Self { outcome: Err(fault), exchanges: Vec::new() }
    }
}

impl Rows {
    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Services(names) => names.len(),
            Self::Spans(spans) => spans.len(),
            Self::Lines(lines) => lines.len(),
            Self::Records(records) => records.len(),
            Self::Queues(state) => state.topics.len() + state.groups.len(),
        }
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FaultKind {
    /// Says whether it is a budget of ours that ended the question.
    pub const fn is_own_budget(self) -> bool {
        matches!(self, Self::BudgetSpent | Self::TooLarge)
    }

    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "not reachable",
            Self::TimedOut => "timed out",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Damaged => "damaged answer",
            Self::TooLarge => "answer too large",
            Self::Unsupported => "not supported",
            Self::BudgetSpent => "budget spent",
            Self::Cancelled => "cancelled",
            Self::NotConfigured => "not configured",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} ({})", self.source, self.kind.word(), self.came, self.asked)
    }
}
