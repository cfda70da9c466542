//! Spans in columns: what a trace store returned, about 180 bytes a span.
//!
//! A decoder fills a store while bytes arrive: [`SpanStore::checkpoint`], attributes, events and links, then
//! [`SpanStore::finish`], or [`SpanStore::roll_back`] when the span was cut. Rows keep the order of arrival.

use super::id::{SpanId, TraceId};
use super::symbols::{Sym, Symbols};
use super::time::{Nanos, Timestamp};

/// Row number of a span in its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct SpanRow(pub u32);

/// Role of a span, as its instrumentation said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified,
    /// Work inside a service.
    Internal,
    /// Handles a request.
    Server,
    /// Makes a request.
    Client,
    /// Writes a message.
    Producer,
    /// Receives or processes a message.
    Consumer,
}

/// Status of a span, as its instrumentation said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanStatus {
    /// Not said; the usual value of successful spans.
    #[default]
    Unset,
    /// Explicitly ok.
    Ok,
    /// Failed.
    Error,
}

/// Value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text; arrays and maps are their JSON text, bytes their base64.
    Text(&'a str),
    /// Integer.
    Int(i64),
    /// Floating point number.
    Float(f64),
    /// Truth value.
    Bool(bool),
    /// Null or an empty value.
    Empty,
}

/// A key with the type of its value in the upper eight bits, and a symbol, a small number or a place in `numbers`.
#[derive(Clone, Copy, Debug)]
struct Attribute {
    key: u32,
    value: u32,
}

const TEXT: u32 = 0;
const SMALL: u32 = 1 << 24;
const LARGE: u32 = 2 << 24;
const FLOAT: u32 = 3 << 24;
const BOOL: u32 = 4 << 24;
const EMPTY: u32 = 5 << 24;

/// A service instance: resource attributes, shared by its spans.
#[derive(Clone, Debug, Default)]
struct Process {
    service: Sym,
    attributes: Vec<Attribute>,
}

/// Spans of one or more traces.
#[derive(Clone, Debug, Default)]
pub struct SpanStore {
    /// Names, services, attribute keys and texts.
    pub symbols: Symbols,
    numbers: Vec<u64>,
    traces: indexmap::IndexSet<u128, foldhash::fast::FixedState>,
    processes: Vec<Process>,
    process_attributes: usize,
    trace: Vec<u32>,
    id: Vec<u64>,
    parent: Vec<u64>,
    start: Vec<i64>,
    duration: Vec<u64>,
    name: Vec<Sym>,
    process: Vec<u32>,
    kind: Vec<SpanKind>,
    status: Vec<SpanStatus>,
    flags: Vec<u8>,
    exchange: Vec<u32>,
    attribute_end: Vec<u32>,
    attributes: Vec<Attribute>,
    event_end: Vec<u32>,
    event_at: Vec<i64>,
    event_name: Vec<Sym>,
    event_attribute_end: Vec<u32>,
    event_attributes: Vec<Attribute>,
    link_end: Vec<u32>,
    link_to: Vec<(u128, u64)>,
}

/// The lengths of all columns at a moment; [`SpanStore::roll_back`] returns to it. Symbols are never taken back.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    spans: usize,
    numbers: usize,
    attributes: usize,
    events: usize,
    event_attributes: usize,
    links: usize,
}

/// Where an attribute belongs while a span is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The span itself.
    Span,
    /// The event added last.
    Event,
}

/// The fixed fields of a span, collected by a decoder in any order and written by [`SpanStore::finish`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanHead {
    /// Trace.
    pub trace: TraceId,
    /// Id within the trace; zero when the source had none.
    pub id: SpanId,
    /// Parent's id; zero for a root.
    pub parent: SpanId,
    /// Start.
    pub start: Timestamp,
    /// Duration in ns.
    pub duration: u64,
    /// Operation name.
    pub name: Sym,
    /// Process number from [`SpanStore::process`].
    pub process: u32,
    /// Kind.
    pub kind: SpanKind,
    /// Status.
    pub status: SpanStatus,
    /// W3C flags (bit 0: sampled).
    pub flags: u8,
}

impl SpanStore {
    /// Returns how many spans there are.
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// Returns the bytes held in memory, about, growth slack included.
    pub fn bytes(&self) -> usize {
        self.symbols.bytes()
            + self.id.capacity() * (8 * 4 + 4 * 5 + 3 + 4 * 3)
            + self.processes.capacity() * size_of::<Process>()
            + self.process_attributes * size_of::<Attribute>()
            + (self.attributes.capacity() + self.event_attributes.capacity() + self.numbers.capacity()) * 8
            + self.event_at.capacity() * 16
            + self.link_to.capacity() * 32
    }

    /// Returns unused memory to the system.
    pub fn shrink(&mut self) {
        self.id.shrink_to_fit();
        self.parent.shrink_to_fit();
        self.start.shrink_to_fit();
        self.duration.shrink_to_fit();
        self.name.shrink_to_fit();
        self.process.shrink_to_fit();
        self.trace.shrink_to_fit();
        self.exchange.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.event_attributes.shrink_to_fit();
        self.numbers.shrink_to_fit();
    }

    /// Adds a process (a service instance) and returns its number. Its attributes follow by
    /// [`SpanStore::process_attribute`]; its service may be set later, since JSON members come in any order.
    pub fn process(&mut self) -> u32 {
        self.processes.push(Process::default());
        self.processes.len() as u32 - 1
    }

    /// Sets the service of a process.
    pub fn process_service(&mut self, process: u32, service: &str) {
        let service = self.symbols.add(service);
        self.processes[process as usize].service = service;
    }

    /// Adds a resource attribute to a process.
    pub fn process_attribute(&mut self, process: u32, key: &str, value: Value<'_>) {
        let attribute = self.attribute(key, value);
        self.processes[process as usize].attributes.push(attribute);
        self.process_attributes += 1;
    }

    /// Says that `span`'s process is `process`; for sources that name processes after their spans.
    pub fn assign_process(&mut self, span: SpanRow, process: u32) {
        self.process[span.0 as usize] = process;
    }

    /// Remembers the lengths of all columns.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            spans: self.id.len(),
            numbers: self.numbers.len(),
            attributes: self.attributes.len(),
            events: self.event_at.len(),
            event_attributes: self.event_attributes.len(),
            links: self.link_to.len(),
        }
    }

    /// Forgets what was written since `to`: the bytes of a span ended in the middle.
    pub fn roll_back(&mut self, to: Checkpoint) {
        self.numbers.truncate(to.numbers);
        self.attributes.truncate(to.attributes);
        self.event_at.truncate(to.events);
        self.event_name.truncate(to.events);
        self.event_attribute_end.truncate(to.events);
        self.event_attributes.truncate(to.event_attributes);
        self.link_to.truncate(to.links);
        self.trace.truncate(to.spans);
        self.id.truncate(to.spans);
        self.parent.truncate(to.spans);
        self.start.truncate(to.spans);
        self.duration.truncate(to.spans);
        self.name.truncate(to.spans);
        self.process.truncate(to.spans);
        self.kind.truncate(to.spans);
        self.status.truncate(to.spans);
        self.flags.truncate(to.spans);
        self.exchange.truncate(to.spans);
        self.attribute_end.truncate(to.spans);
        self.event_end.truncate(to.spans);
        self.link_end.truncate(to.spans);
    }

    /// Adds an attribute to the span being written.
    pub fn push_attribute(&mut self, place: Place, key: &str, value: Value<'_>) {
        let attribute = self.attribute(key, value);
        match place {
            Place::Span => self.attributes.push(attribute),
            Place::Event => self.event_attributes.push(attribute),
        }
    }

    /// Adds an event to the span being written, after its attributes were added with [`Place::Event`].
    pub fn push_event(&mut self, at: Timestamp, name: &str) {
        let name = self.symbols.add(name);
        self.event_at.push(at.0);
        self.event_name.push(name);
        self.event_attribute_end.push(self.event_attributes.len() as u32);
    }

    /// Adds a link to the span being written.
    pub fn push_link(&mut self, trace: TraceId, span: SpanId) {
        self.link_to.push((trace.0, span.0));
    }

    /// Ends the span being written and returns its row.
    pub fn finish(&mut self, head: SpanHead) -> SpanRow {
        let trace = match self.traces.last() {
            // Spans of one trace come together in every dialect, so the last one is nearly always the right one.
            Some(last) if *last == head.trace.0 => self.traces.len() - 1,
            _ => self.traces.insert_full(head.trace.0).0,
        };
        self.trace.push(trace as u32);
        self.id.push(head.id.0);
        self.parent.push(head.parent.0);
        self.start.push(head.start.0);
        self.duration.push(head.duration);
        self.name.push(head.name);
        self.process.push(head.process);
        self.kind.push(head.kind);
        self.status.push(head.status);
        self.flags.push(head.flags);
        self.exchange.push(0);
        self.attribute_end.push(self.attributes.len() as u32);
        self.event_end.push(self.event_at.len() as u32);
        self.link_end.push(self.link_to.len() as u32);
        SpanRow(self.id.len() as u32 - 1)
    }

    /// Stamps every span with the exchange that brought it.
    pub fn stamp(&mut self, exchange: u32) {
        self.exchange.fill(exchange);
    }

    /// Copies the spans of another store that are not here yet (same trace, id, start and service) and returns how many.
    pub fn merge(&mut self, other: Self) -> usize {
        if self.is_empty() {
            let added = other.len();
            *self = other;
            return added;
        }
        let mut here: hashbrown::HashSet<(u128, u64, i64, Box<str>), foldhash::fast::FixedState> =
            self.iter().map(SpanView::fingerprint).collect();
        let mut processes: Vec<Option<u32>> = vec![None; other.processes.len()];
        let mut added = 0;
        for span in other.iter() {
            if !here.insert(span.fingerprint()) {
                continue;
            }
            let process = match processes.get(span.process_number() as usize) {
                Some(Some(known)) => *known,
                Some(None) => {
                    let number = self.process();
                    self.process_service(number, span.service());
                    for (key, value) in span.resource() {
                        self.process_attribute(number, key, value);
                    }
                    processes[span.process_number() as usize] = Some(number);
                    number
                }
                None => self.process(),
            };
            for (key, value) in span.attributes() {
                self.push_attribute(Place::Span, key, value);
            }
            for event in span.events() {
                for (key, value) in event.attributes() {
                    self.push_attribute(Place::Event, key, value);
                }
                self.push_event(event.at, event.name);
            }
            for (trace, linked) in span.links() {
                self.push_link(trace, linked);
            }
            let name = self.symbols.add(span.name());
            let row = self.finish(SpanHead {
                trace: span.trace(),
                id: span.id(),
                parent: span.parent().unwrap_or_default(),
                start: span.start(),
                duration: span.duration().0.unsigned_abs(),
                name,
                process,
                kind: span.kind(),
                status: span.status(),
                flags: other.flags[span.row],
            });
            self.exchange[row.0 as usize] = span.exchange();
            added += 1;
        }
        added
    }

    /// Returns one span.
    pub fn span(&self, row: SpanRow) -> SpanView<'_> {
        SpanView { store: self, row: row.0 as usize }
    }

    /// Returns all spans in the order of arrival.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SpanView<'_>> {
        (0..self.len()).map(|row| SpanView { store: self, row })
    }

    /// Returns the different traces in the order of arrival.
    pub fn traces(&self) -> impl ExactSizeIterator<Item = TraceId> {
        self.traces.iter().map(|id| TraceId(*id))
    }

    fn attribute(&mut self, key: &str, value: Value<'_>) -> Attribute {
        let key = self.symbols.add(key).0;
        let (kind, value) = match value {
            Value::Text(text) => (TEXT, self.symbols.add(text).0),
            Value::Int(number) => match u32::try_from(number) {
                Ok(small) => (SMALL, small),
                Err(_) => (LARGE, self.number(number as u64)),
            },
            Value::Float(number) => (FLOAT, self.number(number.to_bits())),
            Value::Bool(truth) => (BOOL, u32::from(truth)),
            Value::Empty => (EMPTY, 0),
        };
        Attribute { key: key | kind, value }
    }

    fn number(&mut self, bits: u64) -> u32 {
        self.numbers.push(bits);
        self.numbers.len() as u32 - 1
    }

    fn value(&self, attribute: Attribute) -> Value<'_> {
        match attribute.key & 0xff00_0000 {
            TEXT => Value::Text(self.symbols.text(Sym(attribute.value))),
            SMALL => Value::Int(i64::from(attribute.value)),
            LARGE => Value::Int(self.numbers[attribute.value as usize] as i64),
            FLOAT => Value::Float(f64::from_bits(self.numbers[attribute.value as usize])),
            BOOL => Value::Bool(attribute.value != 0),
            _ => Value::Empty,
        }
    }

    fn pairs<'a>(&'a self, attributes: &'a [Attribute]) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        attributes.iter().map(|pair| (self.symbols.text(Sym(pair.key & 0x00ff_ffff)), self.value(*pair)))
    }
}

/// One span, borrowed from its store. All texts are raw: make them a [`super::SafeText`] before they are shown.
#[derive(Clone, Copy)]
pub struct SpanView<'a> {
    store: &'a SpanStore,
    row: usize,
}

/// One event of a span.
#[derive(Clone, Copy)]
pub struct EventView<'a> {
    store: &'a SpanStore,
    attributes: &'a [Attribute],
    /// When.
    pub at: Timestamp,
    /// Name.
    pub name: &'a str,
}

impl<'a> EventView<'a> {
    /// Returns its attributes in the source's order.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.store.pairs(self.attributes)
    }

    /// Returns the first attribute of that name.
    pub fn attribute(self, name: &str) -> Option<Value<'a>> {
        self.attributes().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

impl<'a> SpanView<'a> {
    /// Returns its row number.
    pub fn row(self) -> SpanRow {
        SpanRow(self.row as u32)
    }

    /// Returns its trace.
    pub fn trace(self) -> TraceId {
        TraceId(self.store.traces[self.store.trace[self.row] as usize])
    }

    /// Returns the position of its trace in [`SpanStore::traces`]; cheaper to compare than the id.
    pub fn trace_number(self) -> u32 {
        self.store.trace[self.row]
    }

    /// Returns its id.
    pub fn id(self) -> SpanId {
        SpanId(self.store.id[self.row])
    }

    /// Returns its parent's id; `None` for a root.
    pub fn parent(self) -> Option<SpanId> {
        Some(SpanId(self.store.parent[self.row])).filter(|parent| parent.0 != 0)
    }

    /// Returns its start, by the clock of its own host.
    pub fn start(self) -> Timestamp {
        Timestamp(self.store.start[self.row])
    }

    /// Returns its duration, never negative.
    pub fn duration(self) -> Nanos {
        Nanos(i64::try_from(self.store.duration[self.row]).unwrap_or(i64::MAX))
    }

    /// Returns its end.
    pub fn end(self) -> Timestamp {
        self.start().plus(self.duration())
    }

    /// Returns its operation name.
    pub fn name(self) -> &'a str {
        self.store.symbols.text(self.store.name[self.row])
    }

    /// Returns its service; empty when the source did not say.
    pub fn service(self) -> &'a str {
        let process = self.store.processes.get(self.store.process[self.row] as usize);
        process.map_or("", |process| self.store.symbols.text(process.service))
    }

    /// Returns the number of its process.
    pub fn process_number(self) -> u32 {
        self.store.process[self.row]
    }

    /// Returns its kind.
    pub fn kind(self) -> SpanKind {
        self.store.kind[self.row]
    }

    /// Returns its status.
    pub fn status(self) -> SpanStatus {
        self.store.status[self.row]
    }

    /// Returns the exchange that brought it.
    pub fn exchange(self) -> u32 {
        self.store.exchange[self.row]
    }

    /// Returns its attributes in the source's order.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.store.pairs(range(&self.store.attributes, &self.store.attribute_end, self.row))
    }

    /// Returns the first attribute of that name.
    pub fn attribute(self, name: &str) -> Option<Value<'a>> {
        let key = self.store.symbols.find(name)?.0;
        range(&self.store.attributes, &self.store.attribute_end, self.row)
            .iter()
            .find(|pair| pair.key & 0x00ff_ffff == key)
            .map(|pair| self.store.value(*pair))
    }

    /// Returns the attributes of its resource (Jaeger: process tags).
    pub fn resource(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let process = self.store.processes.get(self.store.process[self.row] as usize);
        self.store.pairs(process.map_or(&[], |process| &process.attributes))
    }

    /// Returns its events in the source's order (Jaeger sorts them by name unless asked for raw data).
    pub fn events(self) -> impl Iterator<Item = EventView<'a>> {
        let store = self.store;
        let end = store.event_end[self.row] as usize;
        let from = if self.row == 0 { 0 } else { store.event_end[self.row - 1] as usize };
        (from..end).map(move |event| EventView {
            store,
            attributes: range(&store.event_attributes, &store.event_attribute_end, event),
            at: Timestamp(store.event_at[event]),
            name: store.symbols.text(store.event_name[event]),
        })
    }

    /// Returns the spans it links to.
    pub fn links(self) -> impl Iterator<Item = (TraceId, SpanId)> {
        let links = range(&self.store.link_to, &self.store.link_end, self.row);
        links.iter().map(|(trace, span)| (TraceId(*trace), SpanId(*span)))
    }

    fn fingerprint(self) -> (u128, u64, i64, Box<str>) {
        (self.trace().0, self.id().0, self.start().0, self.service().into())
    }
}

impl<'a> Value<'a> {
    /// Returns the value as text, numbers and truth values written out.
    pub fn text(self) -> std::borrow::Cow<'a, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Int(number) => number.to_string().into(),
            Self::Float(number) => number.to_string().into(),
            Self::Bool(truth) => if truth { "true" } else { "false" }.into(),
            Self::Empty => "".into(),
        }
    }

    /// Returns an integer, also from its decimal text: partition and offset come as both.
    pub fn integer(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
            Self::Float(_) | Self::Bool(_) | Self::Empty => None,
        }
    }
}

fn range<'a, T>(all: &'a [T], end: &[u32], row: usize) -> &'a [T] {
    let from = if row == 0 { 0 } else { end[row - 1] as usize };
    &all[from..end[row] as usize]
}

#[cfg(test)]
#[path = "spans/tests.rs"]
mod tests;
