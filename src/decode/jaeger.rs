//! Jaeger's internal JSON (`/api/traces`, also files saved from its page), read while it arrives.

use super::stream::{Framer, Next, Notes, Raw, Shape, strange};
use crate::model::spans::{Place, SpanHead};
use crate::model::{Note, SpanId, SpanKind, SpanStatus, SpanStore, Timestamp, TraceId, Value};
use hashbrown::HashMap;
use serde::Deserialize;
use std::borrow::Cow;

/// Reads one answer.
#[derive(Debug)]
pub struct Decoder(Framer<Body>);

#[derive(Debug, Default)]
struct Body {
    store: SpanStore,
    /// Process numbers of the trace being read, by its own names for them.
    processes: HashMap<String, u32, foldhash::fast::FixedState>,
    spans: u64,
    /// Members of the document, and those of them that are not known.
    members: (u64, u64),
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Document,
    Traces,
    Trace,
    Spans,
    Span,
    Processes,
    Process,
    Errors,
    Error,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(borrow, rename = "traceID")]
    trace: Cow<'a, str>,
    #[serde(borrow, rename = "spanID")]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    operation_name: Raw<'a>,
    #[serde(borrow, default)]
    references: Option<Vec<Reference<'a>>>,
    #[serde(borrow, rename = "parentSpanID", default)]
    parent: Raw<'a>,
    #[serde(borrow)]
    start_time: Raw<'a>,
    #[serde(borrow, default)]
    duration: Raw<'a>,
    #[serde(borrow, default)]
    tags: Option<Vec<Tag<'a>>>,
    #[serde(borrow, default)]
    logs: Option<Vec<Log<'a>>>,
    #[serde(borrow, rename = "processID", default)]
    process_id: Raw<'a>,
    #[serde(borrow, default)]
    process: Option<Process<'a>>,
    #[serde(borrow, default)]
    warnings: Option<Vec<Raw<'a>>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow, rename = "refType", default)]
    kind: Raw<'a>,
    #[serde(borrow, rename = "traceID", default)]
    trace: Raw<'a>,
    #[serde(borrow, rename = "spanID", default)]
    span: Raw<'a>,
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow, default)]
    key: Cow<'a, str>,
    #[serde(borrow, rename = "type", default)]
    kind: Raw<'a>,
    #[serde(borrow, default)]
    value: Raw<'a>,
}

#[derive(Deserialize)]
struct Log<'a> {
    #[serde(borrow, default)]
    timestamp: Raw<'a>,
    #[serde(borrow, default)]
    fields: Option<Vec<Tag<'a>>>,
}

#[derive(Deserialize)]
struct Process<'a> {
    #[serde(borrow, rename = "serviceName", default)]
    service: Raw<'a>,
    #[serde(borrow, default)]
    tags: Option<Vec<Tag<'a>>>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self(Framer::new(Body::default()))
    }
}

impl Decoder {
    /// Takes the next bytes of the answer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.push(bytes);
    }

    /// Returns the whole spans so far.
    pub fn so_far(&self) -> &SpanStore {
        &self.0.shape().store
    }

    /// Ends; what was cut or broken is in the notes.
    pub fn finish(self) -> (SpanStore, Vec<Note>) {
        let (mut body, mut notes) = self.0.finish();
        if body.members.0 > 0 && body.members.0 == body.members.1 {
            notes.push(strange());
        }
        body.store.shrink();
        (body.store, notes)
    }
}

impl Shape for Body {
    type Node = Node;

    fn child(&mut self, of: Option<Node>, key: Option<&str>) -> Next<Node> {
        if matches!(of, Some(Node::Document)) {
            self.members.0 += 1;
        }
        match (of, key) {
            (None, _) => Next::Into(Node::Document),
            (Some(Node::Document), Some("data")) => Next::Into(Node::Traces),
            (Some(Node::Document), Some("errors")) => Next::Into(Node::Errors),
            (Some(Node::Errors), _) => Next::Item(Node::Error),
            (Some(Node::Traces), None) => Next::Into(Node::Trace),
            (Some(Node::Trace), Some("spans")) => Next::Into(Node::Spans),
            (Some(Node::Trace), Some("processes")) => Next::Into(Node::Processes),
            (Some(Node::Spans), None) => Next::Item(Node::Span),
            (Some(Node::Processes), Some(_)) => Next::Item(Node::Process),
            (Some(Node::Document), _) => {
                self.members.1 += 1;
                Next::Skip
            }
            _ => Next::Skip,
        }
    }

    fn item(&mut self, node: Node, key: &str, text: &str, at: u64, notes: &mut Notes) {
        match node {
            Node::Span => {
                self.spans += 1;
                let before = self.store.checkpoint();
                let done = serde_json::from_str::<Span<'_>>(text)
                    .map_err(|error| error.to_string())
                    .and_then(|span| self.span(&span).map_err(str::to_owned));
                if let Err(why) = done {
                    self.store.roll_back(before);
                    notes.damaged(format!("span {} at byte {at} was left out: {why}", self.spans));
                }
            }
            Node::Process => match serde_json::from_str::<Process<'_>>(text) {
                Ok(process) => {
                    let number = self.process(key);
                    self.fill(number, &process);
                }
                Err(error) => notes.damaged(format!("process {key} at byte {at} cannot be read: {error}")),
            },
            Node::Error => {
                // "trace not found" inside a good answer means one of several ids; the caller sees that rows miss.
                let error = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
                let said = error.get("msg").and_then(serde_json::Value::as_str).unwrap_or(text);
                notes.damaged(format!("the server says: {said}"));
            }
            Node::Document | Node::Traces | Node::Trace | Node::Spans | Node::Processes | Node::Errors => {}
        }
    }

    fn leave(&mut self, node: Node, _: &mut Notes) {
        if matches!(node, Node::Trace) {
            self.processes.clear();
        }
    }
}

impl Body {
    fn process(&mut self, name: &str) -> u32 {
        if let Some(number) = self.processes.get(name) {
            return *number;
        }
        let number = self.store.process();
        self.processes.insert(name.to_owned(), number);
        number
    }

    fn fill(&mut self, number: u32, process: &Process<'_>) {
        // Names that the server gives to spans that have none (Jaeger 2.13).
        let service = match process.service.text() {
            "missing-service-name" | "empty-service-name" => "",
            named => named,
        };
        self.store.process_service(number, service);
        for tag in process.tags.iter().flatten() {
            with_value(tag, |value| self.store.process_attribute(number, &tag.key, value));
        }
    }

    fn span(&mut self, span: &Span<'_>) -> Result<(), &'static str> {
        let trace = TraceId::parse(&span.trace).ok_or("its trace id is none")?;
        let id = SpanId::parse(&span.id).ok_or("its span id is none")?;
        let start = span.start_time.integer().ok_or("its start is no number")?;
        let parent = self.relations(span, trace);
        let (mut kind, mut status) = (SpanKind::Unspecified, SpanStatus::Unset);
        for tag in span.tags.iter().flatten() {
            match (&*tag.key, &tag.value) {
                ("span.kind", value) => kind = kind_of(value.text()),
                ("otel.status_code", value) => match value.text() {
                    "ERROR" => status = SpanStatus::Error,
                    "OK" => status = SpanStatus::Ok,
                    _ => {}
                },
                (key, value) => {
                    let failed = *value == Raw::Bool(true) || value.text() == "true";
                    if key == "error" && failed && status == SpanStatus::Unset {
                        status = SpanStatus::Error;
                    }
                    with_value(tag, |value| self.store.push_attribute(Place::Span, key, value));
                }
            }
        }
        self.warnings(span);
        for log in span.logs.iter().flatten() {
            let mut name = "";
            for field in log.fields.iter().flatten() {
                match (&*field.key, &field.value) {
                    ("event", Raw::Text(text)) if name.is_empty() => name = text,
                    (key, _) => with_value(field, |value| self.store.push_attribute(Place::Event, key, value)),
                }
            }
            let at = log.timestamp.integer().unwrap_or(start);
            self.store.push_event(micros(at), name);
        }
        let process = match &span.process {
            Some(process) => {
                let number = self.store.process();
                self.fill(number, process);
                number
            }
            None => self.process(span.process_id.text()),
        };
        let name = self.store.symbols.add(span.operation_name.text());
        let duration = span.duration.integer().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
        let (start, duration) = (micros(start), duration.saturating_mul(1_000));
        self.store.finish(SpanHead { trace, id, parent, start, duration, name, process, kind, status });
        Ok(())
    }

    /// Writes the links and returns the parent: the first `CHILD_OF` within the trace, else the first `FOLLOWS_FROM`
    /// there, since Jaeger writes a parent that is also linked to as `FOLLOWS_FROM` alone.
    fn relations(&mut self, span: &Span<'_>, own: TraceId) -> SpanId {
        let named: Vec<(bool, TraceId, SpanId)> = (span.references.iter().flatten())
            .filter_map(|reference| {
                let trace = TraceId::parse(reference.trace.text())?;
                Some((reference.kind.text() == "CHILD_OF", trace, SpanId::parse(reference.span.text())?))
            })
            .collect();
        let first = |child: bool| named.iter().position(|(is_child, trace, _)| *is_child == child && *trace == own);
        let parent = first(true).or_else(|| first(false));
        for (place, (_, trace, linked)) in named.iter().enumerate() {
            if Some(place) != parent {
                self.store.push_link(*trace, *linked);
            }
        }
        match parent {
            Some(place) => named[place].2,
            None => SpanId::parse(span.parent.text()).unwrap_or_default(),
        }
    }

    /// Some versions repeat a warning with every read.
    fn warnings(&mut self, span: &Span<'_>) {
        let mut seen = hashbrown::HashSet::<&str, foldhash::fast::FixedState>::default();
        for warning in span.warnings.iter().flatten().map(Raw::text) {
            if !warning.is_empty() && seen.insert(warning) {
                self.store.push_attribute(Place::Span, "jaeger.warning", Value::Text(warning));
            }
        }
    }
}

fn micros(count: i64) -> Timestamp {
    Timestamp(count.saturating_mul(1_000))
}

fn kind_of(text: &str) -> SpanKind {
    match text {
        "internal" => SpanKind::Internal,
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

/// A number beyond 2^53 comes as a text with the type beside it.
fn with_value(tag: &Tag<'_>, mut write: impl FnMut(Value<'_>)) {
    match &tag.value {
        Raw::Text(text) => match (tag.kind.text(), text.parse()) {
            ("int64", Ok(number)) => write(Value::Int(number)),
            _ => write(Value::Text(text)),
        },
        Raw::Int(number) if tag.kind.text() == "float64" => write(Value::Float(*number as f64)),
        Raw::Int(number) => write(Value::Int(*number)),
        Raw::Float(number) => write(Value::Float(*number)),
        Raw::Bool(truth) => write(Value::Bool(*truth)),
        Raw::Null => write(Value::Empty),
        Raw::Json(json) => write(Value::Text(&json.to_string())),
    }
}

#[cfg(test)]
mod tests;
