//! A span as an instrumentation would export it, before any store's dialect.

use smol_str::SmolStr;

use crate::world::truth::{SpanId, TraceId};

/// One span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Trace.
    pub trace_id: TraceId,
    /// Span.
    pub span_id: SpanId,
    /// Parent; it may exist nowhere.
    pub parent: Option<SpanId>,
    /// Links to other spans.
    pub links: Vec<Link>,
    /// Service.
    pub service: SmolStr,
    /// Span name.
    pub name: SmolStr,
    /// Kind.
    pub kind: Kind,
    /// Beginning by the service's own clock, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End by the service's own clock, nanoseconds since the Unix epoch.
    pub end_ns: u64,
    /// Name and version of the instrumentation scope.
    pub scope: (&'static str, &'static str),
    /// Attributes in order.
    pub attributes: Vec<(SmolStr, Value)>,
    /// Events in order.
    pub events: Vec<Event>,
    /// Whether the status is ERROR; the other status seen in the wild is unset.
    pub error: bool,
    /// Description of the ERROR status, if the instrumentation gives one.
    pub status_description: Option<SmolStr>,
}

/// Kind of a span, with the numbers of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Internal work.
    Internal = 1,
    /// Answers a call.
    Server = 2,
    /// Makes a call.
    Client = 3,
    /// Publishes a record.
    Producer = 4,
    /// Handles a record.
    Consumer = 5,
}

impl Kind {
    /// The lower-case name that Jaeger uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// A link to another span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Trace of that span.
    pub trace_id: TraceId,
    /// That span.
    pub span_id: SpanId,
}

/// An attribute value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(SmolStr),
    /// 64-bit integer.
    Int(i64),
    /// Truth value.
    Bool(bool),
    /// List of texts.
    Texts(Vec<SmolStr>),
}

impl Value {
    /// The value as text, as stores compare it in a tag search.
    pub fn text(&self) -> SmolStr {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(number) => smol_str::format_smolstr!("{number}"),
            Self::Bool(truth) => SmolStr::new_static(if *truth { "true" } else { "false" }),
            // As JSON, which is how stores without lists keep them.
            Self::Texts(texts) => serde_json::json!(texts).to_string().into(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<&SmolStr> for Value {
    fn from(text: &SmolStr) -> Self {
        Self::Text(text.clone())
    }
}

impl From<SmolStr> for Value {
    fn from(text: SmolStr) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Vec<SmolStr>> for Value {
    fn from(texts: Vec<SmolStr>) -> Self {
        Self::Texts(texts)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// One attribute.
pub(super) fn attribute(name: &'static str, value: impl Into<Value>) -> (SmolStr, Value) {
    (SmolStr::new_static(name), value.into())
}

/// Something that happened within a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, nanoseconds since the Unix epoch, by the service's clock.
    pub at_ns: u64,
    /// Name; `exception` for exceptions.
    pub name: SmolStr,
    /// Attributes in order.
    pub attributes: Vec<(SmolStr, Value)>,
}

impl Event {
    /// An exception with its class, message and stack trace.
    pub(super) fn exception(at_ns: u64, class: &str, message: &str, stack: SmolStr) -> Self {
        Self {
            at_ns,
            name: SmolStr::new_static("exception"),
            attributes: vec![
                attribute("exception.type", class),
                attribute("exception.message", message),
                attribute("exception.stacktrace", stack),
            ],
        }
    }
}
