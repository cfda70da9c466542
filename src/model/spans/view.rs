//! One span, read out of its columns.

use super::pack::{Packed, Pairs};
use super::{EVENTS, KIND, LINKS, SpanKind, SpanRow, SpanStatus, SpanStore, Value};
use crate::model::id::{SpanId, TraceId};
use crate::model::symbols::Sym;
use crate::model::time::{Nanos, Timestamp};

/// One span, borrowed from its store. All texts are raw: make them a [`crate::model::SafeText`] before they are shown.
#[derive(Clone, Copy)]
pub struct SpanView<'a> {
    pub(super) store: &'a SpanStore,
    pub(super) row: usize,
}

/// One event of a span.
#[derive(Clone, Copy)]
pub struct EventView<'a> {
    store: &'a SpanStore,
    shape: u32,
    values: Packed<'a>,
    /// When.
    pub at: Timestamp,
    /// Name.
    pub name: &'a str,
}

impl<'a> EventView<'a> {
    /// Returns its attributes in the source's order.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.store.pairs(self.shape, self.values)
    }

    /// Returns the first attribute of that name.
    pub fn attribute(self, name: &str) -> Option<Value<'a>> {
        self.store.pick(self.shape, self.values, name)
    }
}

impl<'a> SpanView<'a> {
    /// Returns its row number.
    pub fn row(self) -> SpanRow {
        SpanRow(self.row as u32)
    }

    /// Returns its trace.
    pub fn trace(self) -> TraceId {
        TraceId(self.store.traces[self.trace_number() as usize])
    }

    /// Returns the position of its trace in [`SpanStore::traces`]; cheaper to compare than the id.
    pub fn trace_number(self) -> u32 {
        self.store.seats.of(self.store.seat[self.row]).trace
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
        Nanos(i64::try_from(self.store.length(self.row)).unwrap_or(i64::MAX))
    }

    /// Returns its end.
    pub fn end(self) -> Timestamp {
        self.start().plus(self.duration())
    }

    /// Returns its operation name.
    pub fn name(self) -> &'a str {
        self.store.symbols.text(self.name_symbol())
    }

    /// Returns the symbol of its operation name.
    pub fn name_symbol(self) -> Sym {
        self.store.name[self.row]
    }

    /// Returns its service; empty when the source did not say.
    pub fn service(self) -> &'a str {
        self.store.symbols.text(self.service_symbol())
    }

    /// Returns the symbol of its service.
    pub fn service_symbol(self) -> Sym {
        self.store.processes.get(self.process_number() as usize).map_or(Sym(0), |process| process.service)
    }

    /// Returns the number of its process.
    pub fn process_number(self) -> u32 {
        self.store.seats.of(self.store.seat[self.row]).process
    }

    /// Returns its kind.
    pub fn kind(self) -> SpanKind {
        match self.store.marks[self.row] & KIND {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        }
    }

    /// Returns its status.
    pub fn status(self) -> SpanStatus {
        match self.store.marks[self.row] >> 3 & 3 {
            1 => SpanStatus::Ok,
            2 => SpanStatus::Error,
            _ => SpanStatus::Unset,
        }
    }

    /// Returns the exchange that brought it.
    pub fn exchange(self) -> u32 {
        self.store.seats.of(self.store.seat[self.row]).exchange
    }

    /// Returns its attributes in the source's order.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let (shape, values) = self.record();
        self.store.pairs(shape, values)
    }

    /// Returns the first attribute of that name.
    pub fn attribute(self, name: &str) -> Option<Value<'a>> {
        let (shape, values) = self.record();
        self.store.pick(shape, values, name)
    }

    /// Returns the attributes of its resource (Jaeger: process tags).
    pub fn resource(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let process = self.store.processes.get(self.process_number() as usize);
        let (keys, values) = process.map_or((&[][..], &[][..]), |process| (&process.keys, &process.values));
        Pairs { symbols: &self.store.symbols, uuids: &self.store.uuids, keys: keys.iter(), values: Packed(values) }
    }

    /// Returns its events in the source's order (Jaeger sorts them by name unless asked for raw data).
    pub fn events(self) -> impl Iterator<Item = EventView<'a>> {
        self.open_events().1
    }

    /// Returns the spans it links to.
    pub fn links(self) -> impl Iterator<Item = (TraceId, SpanId)> {
        let mut rest = Packed(&[]);
        let mut left = 0;
        if self.store.marks[self.row] & LINKS != 0 {
            let (behind, events) = self.open_events();
            rest = behind;
            for _ in 0..events.left {
                rest = events.store.pass_event(rest);
            }
            left = rest.number();
        }
        (0..left).map(move |_| (TraceId(u128::from_le_bytes(rest.word())), SpanId(u64::from_le_bytes(rest.word()))))
    }

    /// Says whether this is the same span, told again.
    pub(super) fn is_same(self, other: SpanView<'_>) -> bool {
        (self.id(), self.start(), self.trace(), self.service())
            == (other.id(), other.start(), other.trace(), other.service())
    }

    /// The shape of its attributes, and the bytes from their values on.
    fn record(self) -> (u32, Packed<'a>) {
        let mut rest = Packed(super::range(&self.store.packed, &self.store.end, self.row));
        (rest.number() as u32, rest)
    }

    /// The bytes of its events and links, and its events.
    fn open_events(self) -> (Packed<'a>, Events<'a>) {
        let mut rest = Packed(&[]);
        let mut left = 0;
        if self.store.marks[self.row] & (EVENTS | LINKS) != 0 {
            let (shape, values) = self.record();
            rest = values;
            rest.skip(self.store.shapes.keys(shape));
            if self.store.marks[self.row] & EVENTS != 0 {
                left = rest.number();
            }
        }
        (rest, Events { store: self.store, left, start: self.store.start[self.row], rest })
    }
}

struct Events<'a> {
    store: &'a SpanStore,
    left: u64,
    start: i64,
    rest: Packed<'a>,
}

impl<'a> Iterator for Events<'a> {
    type Item = EventView<'a>;

    fn next(&mut self) -> Option<EventView<'a>> {
        self.left = self.left.checked_sub(1)?;
        let at = Timestamp(self.start.wrapping_add(self.rest.signed()));
        let name = self.store.symbols.text(Sym(self.rest.number() as u32));
        let shape = self.rest.number() as u32;
        let values = self.rest;
        self.rest.skip(self.store.shapes.keys(shape));
        Some(EventView { store: self.store, shape, values, at, name })
    }
}

impl SpanStore {
    fn pairs<'a>(&'a self, shape: u32, values: Packed<'a>) -> Pairs<'a> {
        Pairs { symbols: &self.symbols, uuids: &self.uuids, keys: self.shapes.keys(shape).iter(), values }
    }

    fn pick<'a>(&'a self, shape: u32, mut values: Packed<'a>, name: &str) -> Option<Value<'a>> {
        let place = self.shapes.find(shape, name, &self.symbols)?;
        let keys = self.shapes.keys(shape);
        values.skip(&keys[..place]);
        Some(values.value(&self.symbols, &self.uuids, keys[place]))
    }

    fn pass_event<'a>(&'a self, mut rest: Packed<'a>) -> Packed<'a> {
        rest.signed();
        rest.number();
        let shape = rest.number() as u32;
        rest.skip(self.shapes.keys(shape));
        rest
    }
}
