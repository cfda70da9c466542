//! What really happened, as plain structures that tests serialise and compare with what a client found.

use std::fmt;

use serde::{Serialize, Serializer};
use smol_str::SmolStr;

/// Place of one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Coordinate {
    /// Topic.
    pub topic: SmolStr,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

/// A 64-bit span id; serialised as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A 128-bit trace id; serialised as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// All that happened to one order until some instant.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// The business id.
    pub order_id: SmolStr,
    /// Trace that the entry began.
    pub trace_id: TraceId,
    /// Whether that trace was sampled, and so reaches the trace store.
    pub sampled: bool,
    /// When the request entered, in nanoseconds since the Unix epoch.
    pub started_ns: u64,
    /// Logical HTTP operations in the order in which they began.
    pub operations: Vec<Operation>,
    /// Records in the order in which they were appended, copies on retry and dead-letter topics among them.
    pub records: Vec<Copy>,
    /// Deliveries to consumer groups, in the order in which they began.
    pub deliveries: Vec<Delivery>,
    /// Lasting effects.
    pub effects: Vec<Effect>,
    /// Where it stands.
    pub state: State,
}

impl Truth {
    /// Executions of this operation (`service METHOD /path`), over all layers of retries.
    pub fn executions(&self, full_name: &str) -> usize {
        self.operations
            .iter()
            .filter(|operation| full_name.split_once(' ') == Some((&operation.callee, &operation.name)))
            .flat_map(|operation| &operation.attempts)
            .map(|attempt| attempt.executions.iter().filter(|execution| !execution.is_shadow).count())
            .sum()
    }
}

/// One thing that a service wanted of another, with every attempt at it.
#[derive(Debug, Clone, Serialize)]
pub struct Operation {
    /// Calling service; absent for the request from outside.
    pub caller: Option<SmolStr>,
    /// Called service.
    pub callee: SmolStr,
    /// Method and route.
    pub name: SmolStr,
    /// Trace of its spans.
    pub trace_id: TraceId,
    /// Idempotency key that all attempts carry.
    pub key: Option<SmolStr>,
    /// Address without host, with what tells this operation from others of the same route.
    pub target: SmolStr,
    /// Span of the caller under which all attempts are siblings; absent for the request from outside, and where the
    /// caller had no current span.
    pub under: Option<SpanId>,
    /// Attempts in order.
    pub attempts: Vec<Attempt>,
}

/// One attempt, as the caller lived it, with the execution that it caused.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// Number within the operation, from 1.
    pub number: u32,
    /// Trace of its spans.
    pub trace_id: TraceId,
    /// The caller's client span; absent when the attempt has none (outside requests, some client libraries).
    pub client_span: Option<SpanId>,
    /// Beginning, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End for the caller, nanoseconds since the Unix epoch.
    pub end_ns: u64,
    /// How it ended for the caller.
    pub outcome: Outcome,
    /// What callees did: several when a proxy tried again.
    pub executions: Vec<Execution>,
}

/// How an attempt ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not over yet at the instant of the question.
    Running,
    /// An answer came with this HTTP status.
    Answered(u16),
    /// The caller gave up waiting.
    TimedOut,
    /// The caller dropped it, because another attempt was answered first.
    Cancelled,
}

/// One run of an operation in the callee.
#[derive(Debug, Clone, Serialize)]
pub struct Execution {
    /// Service that did it.
    pub service: SmolStr,
    /// The server span.
    pub span: SpanId,
    /// The proxy's span above it.
    pub proxy_span: Option<SpanId>,
    /// Number of the proxy's attempt, from 1.
    pub proxy_attempt: u32,
    /// Whether it worked on a copy of the request for which nobody waited.
    pub is_shadow: bool,
    /// Span that the callee was given as parent; it may exist nowhere.
    pub parent: Option<SpanId>,
    /// Beginning, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End, nanoseconds since the Unix epoch; may lie after the caller gave up.
    pub end_ns: u64,
    /// HTTP status that it answered.
    pub status: u16,
    /// Reason of a failure.
    pub message: Option<SmolStr>,
}

/// One record: the original or a copy on a retry or dead-letter topic.
#[derive(Debug, Clone, Serialize)]
pub struct Copy {
    /// Where it lies.
    pub at: Coordinate,
    /// 0 for the original, then one more per hop.
    pub hop: u32,
    /// The previous hop.
    pub from: Option<Coordinate>,
    /// Kind of event that it states.
    pub event: SmolStr,
    /// When the broker appended it, nanoseconds since the Unix epoch.
    pub appended_ns: u64,
    /// Its own timestamp, milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Instant before which a retry consumer leaves it alone, nanoseconds since the Unix epoch.
    pub due_ns: Option<u64>,
    /// Service that produced it.
    pub service: SmolStr,
    /// Trace of the publish span.
    pub trace_id: TraceId,
    /// Span of the publish, also in the record's `traceparent`.
    pub publish_span: SpanId,
    /// Span in which the publish happened.
    pub under: Option<SpanId>,
    /// Whether the producer is instrumented: it has a publish span, and the record names it.
    pub is_traced: bool,
    /// When the publish began, nanoseconds since the Unix epoch.
    pub published_ns: u64,
    /// The key as text, invalid bytes replaced.
    pub key: SmolStr,
}

/// One delivery of one record to one consumer group.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Consumer group.
    pub group: SmolStr,
    /// Service that consumes.
    pub service: SmolStr,
    /// Record.
    pub at: Coordinate,
    /// Trace of the process span: the order's, or one of its own with a link.
    pub trace_id: TraceId,
    /// The process span.
    pub span: SpanId,
    /// Receive span above it, or linked to by it.
    pub receive_span: Option<SpanId>,
    /// Trace of the receive span.
    pub receive_trace: TraceId,
    /// The publish span that it belongs to, as parent or as link; absent when the record names none.
    pub publish_span: Option<SpanId>,
    /// Whether the process span is one for a batch of records, which is told apart.
    pub in_batch: bool,
    /// Beginning, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// When the handler was done or had failed, nanoseconds since the Unix epoch.
    pub handled_ns: u64,
    /// End of the process span, nanoseconds since the Unix epoch; includes the back-off of a blocking retry.
    pub end_ns: u64,
    /// How it ended.
    pub outcome: DeliveryOutcome,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// Not over yet at the instant of the question.
    Running,
    /// The handler succeeded.
    Done,
    /// The handler threw.
    Failed {
        /// Exception class.
        exception: SmolStr,
        /// Its message.
        message: SmolStr,
    },
    /// The process was killed after the work was done and before the commit: no span of it was exported.
    Killed,
    /// Handed over in a batch whose handler failed at an earlier record.
    NotReached,
    /// Not an attempt: the record was not yet due and the handler did not run.
    RefusedEarly {
        /// When it is due, nanoseconds since the Unix epoch.
        due_ns: u64,
    },
}

/// A lasting effect.
#[derive(Debug, Clone, Serialize)]
pub struct Effect {
    /// Kind: `charge`.
    pub kind: SmolStr,
    /// Id under which it was done.
    pub payment_id: SmolStr,
    /// Idempotency key that the caller passed, if any.
    pub idempotency_key: Option<SmolStr>,
    /// Amount in cents.
    pub amount_cents: u64,
    /// When, nanoseconds since the Unix epoch.
    pub at_ns: u64,
    /// Server span of the execution that did it.
    pub span: SpanId,
}

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Some part of it has not happened yet.
    InProgress,
    /// Everything is done.
    Done,
    /// The request was answered with an error and nothing was published for fulfilment.
    Failed {
        /// Status that the outside got.
        status: u16,
    },
    /// A copy waits on a retry topic.
    Waiting {
        /// Due time, nanoseconds since the Unix epoch.
        until_ns: u64,
        /// The waiting copy.
        at: Coordinate,
    },
    /// A copy lies on the dead-letter topic.
    DeadLettered {
        /// The dead letter.
        at: Coordinate,
    },
    /// A group failed to handle a record and went on without it.
    Skipped {
        /// The record.
        at: Coordinate,
        /// The group.
        group: SmolStr,
    },
    /// A group tries one of its records again and again.
    Blocked {
        /// The record.
        at: Coordinate,
        /// The group.
        group: SmolStr,
    },
}

/// One group's position on one partition at some instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Consumer group.
    pub group: SmolStr,
    /// Topic.
    pub topic: SmolStr,
    /// Partition.
    pub partition: i32,
    /// Committed offset; absent when the group never committed there.
    pub committed: Option<i64>,
    /// First offset that still exists.
    pub log_start: i64,
    /// Offset after the last record.
    pub end: i64,
}

impl Position {
    /// Records between the committed position and the end; none is counted when nothing was committed.
    pub fn lag(&self) -> i64 {
        self.committed.map_or(0, |committed| (self.end - committed.max(self.log_start)).max(0))
    }
}
