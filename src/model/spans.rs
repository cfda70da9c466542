//! Spans in columns: what a trace store returned, with attributes, events and links packed into bytes.
//!
//! A decoder fills a store while bytes arrive: [`SpanStore::checkpoint`], attributes, events and links, then
//! [`SpanStore::finish`], or [`SpanStore::roll_back`] when the span was cut. Rows keep the order of arrival.

use super::id::{SpanId, TraceId};
use super::symbols::{Sym, Symbols};
use super::time::Timestamp;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use pack::{Pair, Shapes, folded, put};
use std::hash::BuildHasher;
use value::Uuids;

mod pack;
mod value;
mod view;

pub use value::{Parts, Value};
pub use view::{EventView, SpanView};

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

/// A service instance: resource attributes, shared by its spans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Process {
    service: Sym,
    keys: Vec<u32>,
    values: Vec<u8>,
}

/// Bits of `marks`: the kind, the status behind it, and whether there are events and links.
const KIND: u8 = 0b111;
const EVENTS: u8 = 1 << 5;
const LINKS: u8 = 1 << 6;

/// In `duration`: the length stands in `long`.
const LONG: u32 = u32::MAX;

/// Spans of one or more traces.
#[derive(Clone, Debug, Default)]
pub struct SpanStore {
    /// Names, services, attribute keys and texts.
    pub symbols: Symbols,
    uuids: Uuids,
    traces: indexmap::IndexSet<u128, FixedState>,
    processes: Vec<Process>,
    process_bytes: usize,
    /// Processes that were shared, by their hash.
    shared: HashTable<u32>,
    shapes: Shapes,
    seats: Seats,
    seat: Vec<u32>,
    id: Vec<u64>,
    parent: Vec<u64>,
    start: Vec<i64>,
    /// In ns; what is longer than 4 seconds stands in `long`.
    duration: Vec<u32>,
    /// Rows with longer durations, in ns.
    long: Vec<(u32, u64)>,
    name: Vec<Sym>,
    marks: Vec<u8>,
    /// Where the packed bytes of each span end.
    end: Vec<u32>,
    /// Of each span: its attributes, its events if it has any, its links if it has any.
    packed: Vec<u8>,
    draft: Draft,
}

/// What belongs to the span being written.
#[derive(Clone, Debug, Default)]
struct Draft {
    attributes: Vec<Pair>,
    events: Vec<(i64, Sym, u32)>,
    event_attributes: Vec<Pair>,
    links: Vec<(u128, u64)>,
}

/// Where a span comes from. Few of them differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Seat {
    trace: u32,
    process: u32,
    exchange: u32,
}

#[derive(Clone, Debug, Default)]
struct Seats {
    all: Vec<Seat>,
    table: HashTable<u32>,
    hasher: FixedState,
}

/// How many spans there are at a moment; [`SpanStore::roll_back`] returns to it. Symbols are never taken back.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    spans: usize,
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
            + self.uuids.bytes()
            + self.shapes.bytes()
            + self.seats.all.capacity() * 12
            + self.seats.table.capacity() * 5
            + self.process_bytes
            + self.processes.capacity() * size_of::<Process>()
            + self.id.capacity() * 8 * 3
            + self.seat.capacity() * 4 * 4
            + self.marks.capacity()
            + self.long.capacity() * 16
            + self.packed.capacity()
    }

    /// Returns unused memory to the system: nothing more is expected soon.
    pub fn shrink(&mut self) {
        self.symbols.settle();
        self.uuids.settle();
        self.shared = HashTable::new();
        self.seat.shrink_to_fit();
        self.id.shrink_to_fit();
        self.parent.shrink_to_fit();
        self.start.shrink_to_fit();
        self.duration.shrink_to_fit();
        self.long.shrink_to_fit();
        self.name.shrink_to_fit();
        self.marks.shrink_to_fit();
        self.end.shrink_to_fit();
        self.packed.shrink_to_fit();
        self.draft = Draft::default();
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
        let pair = Pair::new(&mut self.symbols, &mut self.uuids, key, value);
        let process = &mut self.processes[process as usize];
        let before = process.values.len();
        process.keys.push(pair.key);
        pair.pack(&mut process.values);
        self.process_bytes += 4 + process.values.len() - before;
    }

    /// Returns the number of a process that says the same as this one, which must be the last and complete: servers
    /// repeat a resource for each batch of its spans. Without such a one, or when spans name it already, it stays.
    pub fn share_process(&mut self, process: u32) -> u32 {
        let hasher = FixedState::default();
        let (all, place) = (&self.processes, process as usize);
        let is_used = self.seat.last().is_some_and(|seat| self.seats.of(*seat).process == process);
        if place + 1 != all.len() || is_used {
            return process;
        }
        let hash = hasher.hash_one(&all[place]);
        if let Some(known) = self.shared.find(hash, |known| all[*known as usize] == all[place]) {
            let known = *known;
            self.processes.pop();
            return known;
        }
        self.shared.insert_unique(hash, process, |known| hasher.hash_one(&all[*known as usize]));
        process
    }

    /// Remembers how many spans there are, before one is written.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { spans: self.id.len() }
    }

    /// Forgets what was written since `to`: the bytes of a span ended in the middle.
    pub fn roll_back(&mut self, to: Checkpoint) {
        self.draft.clear();
        if to.spans >= self.id.len() {
            return;
        }
        self.seat.truncate(to.spans);
        self.id.truncate(to.spans);
        self.parent.truncate(to.spans);
        self.start.truncate(to.spans);
        self.duration.truncate(to.spans);
        self.long.retain(|(row, _)| (*row as usize) < to.spans);
        self.name.truncate(to.spans);
        self.marks.truncate(to.spans);
        self.end.truncate(to.spans);
        self.packed.truncate(self.end.last().map_or(0, |end| *end as usize));
    }

    /// Adds an attribute to the span being written.
    pub fn push_attribute(&mut self, place: Place, key: &str, value: Value<'_>) {
        let pair = Pair::new(&mut self.symbols, &mut self.uuids, key, value);
        match place {
            Place::Span => self.draft.attributes.push(pair),
            Place::Event => self.draft.event_attributes.push(pair),
        }
    }

    /// Adds an event to the span being written, after its attributes were added with [`Place::Event`].
    pub fn push_event(&mut self, at: Timestamp, name: &str) {
        let name = self.symbols.add(name);
        self.draft.events.push((at.0, name, self.draft.event_attributes.len() as u32));
    }

    /// Adds a link to the span being written.
    pub fn push_link(&mut self, trace: TraceId, span: SpanId) {
        self.draft.links.push((trace.0, span.0));
    }

    /// Ends the span being written and returns its row.
    pub fn finish(&mut self, head: SpanHead) -> SpanRow {
        self.finish_from(head, 0)
    }

    fn finish_from(&mut self, head: SpanHead, exchange: u32) -> SpanRow {
        let trace = match self.traces.last() {
            // Spans of one trace come together in every dialect, so the last one is nearly always the right one.
            Some(last) if *last == head.trace.0 => self.traces.len() as u32 - 1,
            _ => self.traces.insert_full(head.trace.0).0 as u32,
        };
        let row = self.id.len() as u32;
        self.seat.push(self.seats.add(Seat { trace, process: head.process, exchange }));
        self.id.push(head.id.0);
        self.parent.push(head.parent.0);
        self.start.push(head.start.0);
        let short = u32::try_from(head.duration).ok().filter(|short| *short != LONG);
        if short.is_none() {
            self.long.push((row, head.duration));
        }
        self.duration.push(short.unwrap_or(LONG));
        self.name.push(head.name);
        let has_events = if self.draft.events.is_empty() { 0 } else { EVENTS };
        let has_links = if self.draft.links.is_empty() { 0 } else { LINKS };
        self.marks.push(head.kind as u8 | (head.status as u8) << 3 | has_events | has_links);
        self.pack(head.start.0);
        // 4 GiB of packed attributes are some 100 GB of JSON; no answer may be that large.
        self.end.push(u32::try_from(self.packed.len()).expect("the bytes of an answer are bounded"));
        SpanRow(row)
    }

    /// Appends the draft to the packed bytes and empties it.
    fn pack(&mut self, start: i64) {
        let (draft, out) = (&mut self.draft, &mut self.packed);
        put(out, u64::from(self.shapes.add(&draft.attributes, &self.symbols)));
        for pair in &draft.attributes {
            pair.pack(out);
        }
        if !draft.events.is_empty() {
            put(out, draft.events.len() as u64);
        }
        let mut from = 0;
        for (at, name, until) in &draft.events {
            let pairs = &draft.event_attributes[from..*until as usize];
            from = *until as usize;
            put(out, folded(at.wrapping_sub(start)));
            put(out, u64::from(name.0));
            put(out, u64::from(self.shapes.add(pairs, &self.symbols)));
            for pair in pairs {
                pair.pack(out);
            }
        }
        if !draft.links.is_empty() {
            put(out, draft.links.len() as u64);
        }
        for (trace, span) in &draft.links {
            out.extend(trace.to_le_bytes());
            out.extend(span.to_le_bytes());
        }
        draft.clear();
    }

    fn length(&self, row: usize) -> u64 {
        match self.duration[row] {
            LONG => self.long.binary_search_by_key(&(row as u32), |(row, _)| *row).map_or(0, |at| self.long[at].1),
            short => u64::from(short),
        }
    }

    /// Stamps every span with the exchange that brought it.
    pub fn stamp(&mut self, exchange: u32) {
        self.seats.stamp(exchange);
    }

    /// Copies the spans of another store that are not here yet (same trace, id, start and service) and returns how many.
    pub fn merge(&mut self, other: Self) -> usize {
        if self.is_empty() {
            let added = other.len();
            *self = other;
            return added;
        }
        let hasher = FixedState::default();
        let hash = |span: SpanView<'_>| hasher.hash_one((span.trace().0, span.id().0, span.start().0));
        let mut here: HashTable<u32> = HashTable::with_capacity(self.len() + other.len());
        for span in self.iter() {
            here.insert_unique(hash(span), span.row().0, |row| hash(self.span(SpanRow(*row))));
        }
        let mut processes: Vec<Option<u32>> = vec![None; other.processes.len()];
        let mut added = 0;
        for span in other.iter() {
            if here.find(hash(span), |row| self.span(SpanRow(*row)).is_same(span)).is_some() {
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
            let head = SpanHead {
                trace: span.trace(),
                id: span.id(),
                parent: span.parent().unwrap_or_default(),
                start: span.start(),
                duration: span.duration().0.unsigned_abs(),
                name,
                process,
                kind: span.kind(),
                status: span.status(),
            };
            let row = self.finish_from(head, span.exchange());
            here.insert_unique(hash(span), row.0, |row| hash(self.span(SpanRow(*row))));
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

    /// Returns the position of a trace in [`SpanStore::traces`].
    pub fn trace_number(&self, trace: TraceId) -> Option<u32> {
        self.traces.get_index_of(&trace.0).map(|place| place as u32)
    }

    /// Returns the different traces in the order of arrival.
    pub fn traces(&self) -> impl ExactSizeIterator<Item = TraceId> {
        self.traces.iter().map(|id| TraceId(*id))
    }
}

impl Draft {
    fn clear(&mut self) {
        self.attributes.clear();
        self.events.clear();
        self.event_attributes.clear();
        self.links.clear();
    }
}

impl Seats {
    fn of(&self, number: u32) -> Seat {
        self.all[number as usize]
    }

    fn add(&mut self, seat: Seat) -> u32 {
        let last = self.all.len().wrapping_sub(1);
        if self.all.last() == Some(&seat) {
            return last as u32;
        }
        let (all, hasher) = (&self.all, &self.hasher);
        let hash = hasher.hash_one(seat);
        if let Some(known) = self.table.find(hash, |known| all[*known as usize] == seat) {
            return *known;
        }
        let number = all.len() as u32;
        self.table.insert_unique(hash, number, |known| hasher.hash_one(all[*known as usize]));
        self.all.push(seat);
        number
    }

    fn stamp(&mut self, exchange: u32) {
        let seats = std::mem::take(&mut self.all);
        self.table.clear();
        for seat in seats {
            // Seats keep their numbers, even when two become alike.
            let seat = Seat { exchange, ..seat };
            let (hasher, number) = (&self.hasher, self.all.len() as u32);
            self.all.push(seat);
            let all = &self.all;
            self.table.insert_unique(hasher.hash_one(seat), number, |known| hasher.hash_one(all[*known as usize]));
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
