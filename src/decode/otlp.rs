//! OTLP JSON (Jaeger's `/api/v3`, Tempo's `/api/v2/traces` and `/api/traces`), read while it arrives. Ids in hex or base64, enums as numbers or names.

use super::stream::{Framer, Next, Notes, Raw, Shape, strange};
use crate::model::ask::NoteKind;
use crate::model::spans::{Place, SpanHead};
use crate::model::{Note, SpanId, SpanKind, SpanStatus, SpanStore, Timestamp, TraceId, Value};
use serde::Deserialize;
use serde_json::Value as Json;
use std::borrow::Cow;

/// Reads one answer.
#[derive(Debug)]
pub struct Decoder(Framer<Body>);

#[derive(Debug, Default)]
struct Body {
    store: SpanStore,
    process: u32,
    scope: Option<Scope>,
    /// Spans that came before their scope.
    waiting: Vec<(String, u64)>,
    spans: u64,
    /// Members of the document, and those of them that are not known.
    members: (u64, u64),
    /// The server says that this is a part of the trace, and why.
    is_part: bool,
    said: String,
}

/// Spans that wait for their scope at most.
const WAITING: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Node {
    Document,
    Result,
    Resources,
    Resource,
    About,
    Status,
    Message,
    Scopes,
    Scope,
    ScopeAbout,
    Spans,
    Span,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Scope {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct About<'a> {
    #[serde(borrow, default)]
    attributes: Vec<Pair<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(borrow)]
    trace_id: Cow<'a, str>,
    #[serde(borrow, rename = "spanId")]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    parent_span_id: Raw<'a>,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    kind: Raw<'a>,
    #[serde(borrow)]
    start_time_unix_nano: Raw<'a>,
    #[serde(borrow, default)]
    end_time_unix_nano: Raw<'a>,
    #[serde(borrow, default)]
    attributes: Option<Vec<Pair<'a>>>,
    #[serde(borrow, default)]
    events: Option<Vec<Event<'a>>>,
    #[serde(borrow, default)]
    links: Option<Vec<Link<'a>>>,
    #[serde(borrow, default)]
    status: Option<Status<'a>>,
    #[serde(borrow, default)]
    trace_state: Raw<'a>,
}

#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow, default)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<AnyValue<'a>>,
}

#[derive(Deserialize)]
struct AnyValue<'a> {
    #[serde(borrow, rename = "stringValue")]
    string: Option<Raw<'a>>,
    #[serde(borrow, rename = "intValue")]
    int: Option<Raw<'a>>,
    #[serde(borrow, rename = "doubleValue")]
    double: Option<Raw<'a>>,
    #[serde(borrow, rename = "bytesValue")]
    bytes: Option<Raw<'a>>,
    #[serde(rename = "boolValue")]
    truth: Option<bool>,
    #[serde(rename = "arrayValue")]
    array: Option<Json>,
    #[serde(rename = "kvlistValue")]
    map: Option<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow, default)]
    time_unix_nano: Raw<'a>,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    attributes: Option<Vec<Pair<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link<'a> {
    #[serde(borrow, default)]
    trace_id: Raw<'a>,
    #[serde(borrow, default)]
    span_id: Raw<'a>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    code: Raw<'a>,
    #[serde(borrow, default)]
    message: Raw<'a>,
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
            (Some(Node::Document), Some("result" | "trace")) => Next::Into(Node::Result),
            (Some(Node::Document), Some("status")) => Next::Item(Node::Status),
            (Some(Node::Document), Some("message")) => Next::Item(Node::Message),
            // `batches` is what Tempo's first reading by id calls them.
            (Some(Node::Document | Node::Result), Some("resourceSpans" | "batches")) => Next::Into(Node::Resources),
            (Some(Node::Resources), None) => {
                self.process = self.store.process();
                Next::Into(Node::Resource)
            }
            (Some(Node::Resource), Some("resource")) => Next::Item(Node::About),
            (Some(Node::Resource), Some("scopeSpans" | "instrumentationLibrarySpans")) => Next::Into(Node::Scopes),
            (Some(Node::Scopes), None) => {
                self.scope = None;
                Next::Into(Node::Scope)
            }
            (Some(Node::Scope), Some("scope" | "instrumentationLibrary")) => Next::Item(Node::ScopeAbout),
            (Some(Node::Scope), Some("spans")) => Next::Into(Node::Spans),
            (Some(Node::Spans), None) => Next::Item(Node::Span),
            (Some(Node::Document), _) => {
                self.members.1 += 1;
                Next::Skip
            }
            _ => Next::Skip,
        }
    }

    fn item(&mut self, node: Node, _: &str, text: &str, at: u64, notes: &mut Notes) {
        match node {
            Node::Span if self.scope.is_none() => {
                self.waiting.push((text.to_owned(), at));
                // Servers write the scope first, or none at all: text is not kept for the whole of a long answer.
                if self.waiting.len() == WAITING {
                    self.scope = Some(Scope::default());
                    self.flush(notes);
                }
            }
            Node::Span => self.take(text, at, notes),
            Node::ScopeAbout => {
                if self.scope.is_some() {
                    notes.damaged(format!("the scope at byte {at} came after its spans, which are shown without it"));
                }
                self.scope = Some(serde_json::from_str(text).unwrap_or_default());
                self.flush(notes);
            }
            Node::About => match serde_json::from_str::<About<'_>>(text) {
                Ok(about) => {
                    for pair in &about.attributes {
                        with_value(pair, |key, value| match (key, value) {
                            ("service.name", Value::Text(service)) => self.store.process_service(self.process, service),
                            _ => self.store.process_attribute(self.process, key, value),
                        });
                    }
                    self.process = self.store.share_process(self.process);
                }
                Err(error) => notes.damaged(format!("the resource at byte {at} cannot be read: {error}")),
            },
            Node::Status => self.is_part = text.contains("PARTIAL"),
            Node::Message => self.said = serde_json::from_str(text).unwrap_or_default(),
            Node::Document
            | Node::Result
            | Node::Resources
            | Node::Resource
            | Node::Scopes
            | Node::Scope
            | Node::Spans => {}
        }
    }

    fn leave(&mut self, node: Node, notes: &mut Notes) {
        match node {
            Node::Scope => self.flush(notes),
            Node::Document if std::mem::take(&mut self.is_part) => {
                let said = std::mem::take(&mut self.said);
                notes.add(NoteKind::Truncated, format!("the server gave a part of the trace only: {said}"));
            }
            _ => {}
        }
    }
}

impl Body {
    fn flush(&mut self, notes: &mut Notes) {
        for (text, at) in std::mem::take(&mut self.waiting) {
            self.take(&text, at, notes);
        }
    }

    fn take(&mut self, text: &str, at: u64, notes: &mut Notes) {
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

    fn span(&mut self, span: &Span<'_>) -> Result<(), &'static str> {
        let trace = trace_id(&span.trace_id).ok_or("its trace id is none")?;
        let id = span_id(&span.id).ok_or("its span id is none")?;
        let start = span.start_time_unix_nano.integer().ok_or("its start is no number")?;
        let end = span.end_time_unix_nano.integer().unwrap_or(start);
        let store = &mut self.store;
        for pair in span.attributes.iter().flatten() {
            if pair.key == "@jaeger@warnings" {
                warnings(pair, store);
            } else {
                with_value(pair, |key, value| store.push_attribute(Place::Span, key, value));
            }
        }
        let scope = self.scope.clone().unwrap_or_default();
        let (mut status, mut described) = (SpanStatus::Unset, "");
        if let Some(said) = &span.status {
            status = status_of(&said.code);
            described = said.message.text();
        }
        for (key, text) in [
            ("otel.scope.name", &*scope.name),
            ("otel.scope.version", &*scope.version),
            ("otel.status_description", described),
            ("w3c.tracestate", span.trace_state.text()),
        ] {
            if !text.is_empty() {
                store.push_attribute(Place::Span, key, Value::Text(text));
            }
        }
        for event in span.events.iter().flatten() {
            for pair in event.attributes.iter().flatten() {
                with_value(pair, |key, value| store.push_attribute(Place::Event, key, value));
            }
            store.push_event(Timestamp(event.time_unix_nano.integer().unwrap_or(start)), event.name.text());
        }
        for link in span.links.iter().flatten() {
            if let (Some(trace), Some(span)) = (trace_id(link.trace_id.text()), span_id(link.span_id.text())) {
                store.push_link(trace, span);
            }
        }
        let name = store.symbols.add(span.name.text());
        store.finish(SpanHead {
            trace,
            id,
            parent: span_id(span.parent_span_id.text()).unwrap_or_default(),
            start: Timestamp(start),
            duration: u64::try_from(end.saturating_sub(start)).unwrap_or(0),
            name,
            process: self.process,
            kind: kind_of(&span.kind),
            status,
        });
        Ok(())
    }
}

fn warnings(pair: &Pair<'_>, store: &mut SpanStore) {
    let Some(value) = &pair.value else { return };
    let mut all: Vec<String> = Vec::new();
    if let Some(array) = value.array.as_ref().and_then(|array| array.get("values")).and_then(Json::as_array) {
        all.extend(array.iter().filter_map(|each| each.get("stringValue")?.as_str().map(str::to_owned)));
    } else if let Some(text) = &value.string {
        all.push(text.text().to_owned());
    }
    all.sort();
    all.dedup();
    for warning in &all {
        store.push_attribute(Place::Span, "jaeger.warning", Value::Text(warning));
    }
}

fn with_value(pair: &Pair<'_>, mut write: impl FnMut(&str, Value<'_>)) {
    let Some(value) = &pair.value else { return write(&pair.key, Value::Empty) };
    let key = &*pair.key;
    if let Some(text) = value.string.as_ref().or(value.bytes.as_ref()) {
        write(key, Value::Text(text.text()));
    } else if let Some(number) = &value.int {
        write(key, number.integer().map_or(Value::Empty, Value::Int));
    } else if let Some(number) = &value.double {
        match number {
            Raw::Float(number) => write(key, Value::Float(*number)),
            Raw::Int(number) => write(key, Value::Float(*number as f64)),
            // NaN and the infinities are texts in this encoding.
            other => write(key, other.text().parse().map_or(Value::Empty, Value::Float)),
        }
    } else if let Some(truth) = value.truth {
        write(key, Value::Bool(truth));
    } else if let Some(array) = &value.array {
        write(key, Value::Text(&items(array).to_string()));
    } else if let Some(map) = &value.map {
        write(key, Value::Text(&members(map).to_string()));
    } else {
        write(key, Value::Empty);
    }
}

/// Depth is bounded: the reader of JSON refuses more than 128 levels.
fn plain(value: &Json) -> Json {
    let Some((name, inner)) = value.as_object().and_then(|object| object.iter().next()) else { return Json::Null };
    match name.as_str() {
        "arrayValue" => items(inner),
        "kvlistValue" => members(inner),
        "intValue" => {
            inner.as_str().and_then(|text| text.parse::<i64>().ok()).map_or_else(|| inner.clone(), Json::from)
        }
        _ => inner.clone(),
    }
}

fn items(array: &Json) -> Json {
    let values = array.get("values").and_then(Json::as_array);
    Json::Array(values.map_or(&[][..], Vec::as_slice).iter().map(plain).collect())
}

fn members(map: &Json) -> Json {
    let values = map.get("values").and_then(Json::as_array);
    let pair = |pair: &Json| {
        let key = pair.get("key").and_then(Json::as_str).unwrap_or_default();
        (key.to_owned(), pair.get("value").map_or(Json::Null, plain))
    };
    Json::Object(values.map_or(&[][..], Vec::as_slice).iter().map(pair).collect())
}

fn kind_of(kind: &Raw<'_>) -> SpanKind {
    match (kind.integer(), kind.text()) {
        (Some(1), _) | (_, "SPAN_KIND_INTERNAL") => SpanKind::Internal,
        (Some(2), _) | (_, "SPAN_KIND_SERVER") => SpanKind::Server,
        (Some(3), _) | (_, "SPAN_KIND_CLIENT") => SpanKind::Client,
        (Some(4), _) | (_, "SPAN_KIND_PRODUCER") => SpanKind::Producer,
        (Some(5), _) | (_, "SPAN_KIND_CONSUMER") => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

fn status_of(code: &Raw<'_>) -> SpanStatus {
    match (code.integer(), code.text()) {
        (Some(1), _) | (_, "STATUS_CODE_OK") => SpanStatus::Ok,
        (Some(2), _) | (_, "STATUS_CODE_ERROR") => SpanStatus::Error,
        _ => SpanStatus::Unset,
    }
}

fn trace_id(text: &str) -> Option<TraceId> {
    TraceId::parse(text).or_else(|| base64(text, 16).map(TraceId).filter(|id| id.0 != 0))
}

fn span_id(text: &str) -> Option<SpanId> {
    SpanId::parse(text).or_else(|| base64(text, 8).map(|id| SpanId(id as u64)).filter(|id| id.0 != 0))
}

/// Reads `size` bytes of padded base64 as one big-endian number. Padding keeps it apart from hex.
fn base64(text: &str, size: usize) -> Option<u128> {
    let digits = text.trim_end_matches('=');
    if text.len() != size.div_ceil(3) * 4 || digits.len() != (size * 8).div_ceil(6) {
        return None;
    }
    let (mut number, spare) = (0_u128, digits.len() * 6 - size * 8);
    for (place, digit) in digits.bytes().enumerate() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        let last = place + 1 == digits.len();
        number = if last { number << (6 - spare) | u128::from(six >> spare) } else { number << 6 | u128::from(six) };
    }
    Some(number)
}

#[cfg(test)]
mod tests;
