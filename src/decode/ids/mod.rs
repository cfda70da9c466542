//! Recognises ids: typed ones in spans, records and log lines, each with the field that named it, and given ones in texts.
//!
//! One function per kind of row. Names and their meanings are a table in `names`, spellings of values are in `values`;
//! what is no id at all is refused by `model::identifier`.

mod baggage;
mod coordinates;
mod names;
mod pairs;
mod values;
mod wanted;

use super::attributes;
use super::headers::{propagation, trail};
use super::instrumentation::{self, MessageId};
use crate::model::lines::LineView;
use crate::model::spans::SpanView;
use crate::model::{Coordinate, Identifier, NamedKind, Record, SpanId, TraceId};
pub use coordinates::{coordinates, spellings, tells_position};
use names::Meaning;
use smol_str::SmolStr;
use std::borrow::Cow;
pub use wanted::{Wanted, effect_key, wanted};

/// Where in its row an identifier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spot {
    /// It is the row's own: ids of a span, coordinate of a record.
    Own,
    /// A link of a span.
    Link,
    /// An attribute, header, label or field of metadata.
    Field,
    /// The key of a record.
    Key,
    /// A named field of a record's value or of a line's text.
    Body,
    /// Words of a text, without a name.
    Text,
}

/// An identifier and the field that named it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Found {
    /// The identifier.
    pub id: Identifier,
    /// Name of the field as it was sent; empty where there is none.
    pub field: SmolStr,
    /// Where it stands.
    pub spot: Spot,
}

/// Longest value of a record that is looked into, in bytes.
const LONGEST_BODY: usize = 1 << 18;

/// What was found in one row. Ids that come in parts are put together at the end.
#[derive(Default)]
struct Finds {
    all: Vec<Found>,
    trace: Option<TraceId>,
    span: Option<(SpanId, SmolStr)>,
    topic: Option<SmolStr>,
    partition: Option<i32>,
    offset: Option<i64>,
}

impl Finds {
    fn add(&mut self, id: Option<Identifier>, field: &str, spot: Spot) {
        let Some(id) = id else { return };
        if !self.all.iter().any(|found| found.id == id) {
            self.all.push(Found { id, field: field.into(), spot });
        }
    }

    /// Takes a field by the meaning of its name.
    fn offer(&mut self, name: &str, value: &str, spot: Spot) {
        let Some(meaning) = names::nested(name) else { return };
        let value = value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '[' | ']'));
        match meaning {
            Meaning::Trace(read) => {
                let trace = read(value);
                self.trace = self.trace.or(trace);
                self.add(trace.map(Identifier::Trace), name, spot);
            }
            Meaning::Span(read) => {
                self.span = self.span.take().or_else(|| read(value).map(|span| (span, name.into())));
            }
            Meaning::Pointer(read) => {
                if let Some((trace, span)) = read(value) {
                    self.add(Some(Identifier::Trace(trace)), name, spot);
                    self.add(span.map(|span| Identifier::Span(trace, span)), name, spot);
                }
            }
            Meaning::Named(kind, within) => {
                if !names::is_name(name, value) {
                    self.add(Identifier::named(kind, within, value), name, spot);
                }
            }
            Meaning::Topic => self.topic = self.topic.take().or_else(|| Some(value.into())),
            Meaning::Partition => self.partition = self.partition.or_else(|| value.parse().ok()),
            Meaning::Offset => self.offset = self.offset.or_else(|| value.parse().ok()),
        }
    }

    /// Takes a member of baggage. Whoever calls may have put it there, so it names no trace and no message: what is
    /// narrower than a conversation is only context.
    fn label(&mut self, header: &str, key: &str, value: &str) {
        let id = match names::nested(key) {
            Some(Meaning::Named(kind @ (NamedKind::Business | NamedKind::Conversation), within)) => {
                Identifier::named(kind, within, value)
            }
            Some(_) | None => Identifier::named(NamedKind::Context, key, value),
        };
        self.add(id, header, Spot::Field);
    }

    fn end(mut self, spot: Spot) -> Vec<Found> {
        if let (Some(trace), Some((span, field))) = (self.trace, self.span.take()) {
            self.add(Some(Identifier::Span(trace, span)), &field, spot);
        }
        if let (Some(topic), Some(partition), Some(offset)) = (self.topic.take(), self.partition, self.offset) {
            let at = Coordinate::parse(&format!("{topic}-{partition}@{offset}"));
            self.add(at.map(|at| Identifier::Record(None, at)), "offset", spot);
        }
        self.all
    }
}

/// Returns the identifiers of a span: its own, those it links to, the record it wrote or handled, message, conversation
/// and key, and what its attributes name, captured headers included. What all spans of a process share is left out.
pub fn of_span(span: SpanView<'_>) -> Vec<Found> {
    let mut finds = Finds::default();
    finds.add(Some(Identifier::Trace(span.trace())), "", Spot::Own);
    finds.add(Some(Identifier::Span(span.trace(), span.id())), "", Spot::Own);
    for (trace, linked) in span.links() {
        finds.add(Some(Identifier::Span(trace, linked)), "", Spot::Link);
    }
    let fields = attributes::messaging(span);
    let cluster = fields.cluster.as_deref().map(SmolStr::from);
    let at = attributes::record_coordinate(span);
    finds.add(at.map(|at| Identifier::Record(cluster, at)), "messaging", Spot::Field);
    if let Some(id) = &fields.message_id
        && instrumentation::of(span).message_id == MessageId::Application
    {
        finds.add(Identifier::named(NamedKind::Message, "", id), "messaging.message.id", Spot::Field);
    }
    if let (Some(topic), Some(key)) = (&fields.destination, &fields.key) {
        finds.add(Identifier::named(NamedKind::RecordKey, topic, key), "messaging.kafka.message.key", Spot::Field);
    }
    for (name, value) in span.attributes() {
        // Parts of coordinates are read above, where the habits of instrumentations are known.
        if names::meaning(name).is_some_and(|meaning| !meaning.is_part()) {
            finds.offer(name, &value.text(), Spot::Field);
        }
    }
    finds.end(Spot::Field)
}

/// Returns the identifiers that all spans of a span's process share; they are wide.
pub fn of_process(span: SpanView<'_>) -> Vec<Found> {
    let mut finds = Finds::default();
    for (name, value) in span.resource() {
        if names::meaning(name).is_some_and(|meaning| !meaning.is_part()) {
            finds.offer(name, &value.text(), Spot::Field);
        }
    }
    finds.all
}

/// Returns the identifiers of a record: its coordinate, its producer's number, its key, the spans and the record that its
/// headers point to, and what its headers and the JSON of its value name.
pub fn of_record(record: &Record) -> Vec<Found> {
    let mut finds = Finds::default();
    finds.add(Some(Identifier::Record(None, record.coordinate.clone())), "", Spot::Own);
    if record.producer_id >= 0 && record.sequence >= 0 {
        let id = Identifier::Produced(record.producer_id, record.producer_epoch, record.sequence);
        finds.add(Some(id), "", Spot::Own);
    }
    if let Some(key) = record.key.as_ref().and_then(|key| std::str::from_utf8(key).ok()) {
        finds.add(Identifier::named(NamedKind::RecordKey, &record.coordinate.topic, key), "", Spot::Key);
    }
    for pointer in propagation::pointers(record) {
        finds.add(Some(Identifier::Trace(pointer.trace)), pointer.header, Spot::Field);
        finds.add(Some(Identifier::Span(pointer.trace, pointer.span)), pointer.header, Spot::Field);
    }
    let told = trail(record);
    finds.add(told.origin.map(|origin| Identifier::Record(None, origin)), told.family, Spot::Field);
    if let Some(message) = told.message {
        finds.add(Identifier::named(NamedKind::Message, &message.source, &message.id), "message id", Spot::Field);
    }
    for header in &record.headers {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let Some((name, value)) = text(&header.key).zip(header.value.as_deref().and_then(text)) else { continue };
        // The id of an event is unique within its source only (CloudEvents 1.0), so that it is never taken alone.
        if name.eq_ignore_ascii_case("tracestate") {
            for (vendor, kept) in baggage::state(value) {
                finds.add(Identifier::named(NamedKind::Context, vendor, kept), name, Spot::Field);
            }
        } else if !baggage::each(name, value, &mut |key, value| finds.label(name, key, value))
            && name != "ce_id"
            && names::meaning(name).is_some_and(|meaning| !meaning.is_part())
        {
            finds.offer(name, value, Spot::Field);
        }
    }
    if let Some(body) = record.value.as_ref().filter(|body| body.len() <= LONGEST_BODY && body.starts_with(b"{"))
        && let Ok(body) = std::str::from_utf8(body)
    {
        pairs::json(body, &mut |name, value| finds.offer(name, value, Spot::Body));
    }
    finds.end(Spot::Body)
}

/// Returns the identifiers of a log line: what its labels, its metadata and its text name, trace and span in brackets, and
/// coordinates of records in its words.
pub fn of_line(line: LineView<'_>) -> Vec<Found> {
    let mut finds = Finds::default();
    for (name, value) in line.metadata().chain(line.labels()) {
        finds.offer(name, value, Spot::Field);
    }
    let text = line.text();
    pairs::each(text, &mut |name, value| finds.offer(name, value, Spot::Body));
    if finds.trace.is_none()
        && let Some((trace, span)) = bracketed(text)
    {
        finds.add(Some(Identifier::Trace(trace)), "", Spot::Text);
        finds.add(Some(Identifier::Span(trace, span)), "", Spot::Text);
    }
    for at in coordinates(text) {
        finds.add(Some(Identifier::Record(None, at)), "", Spot::Text);
    }
    finds.end(Spot::Body)
}

/// The trace and the span that a log line belongs to, and where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePointer {
    /// Trace.
    pub trace: TraceId,
    /// Span, where the line tells it.
    pub span: Option<SpanId>,
    /// Name of the field as it was sent; empty in a text.
    pub field: SmolStr,
    /// Where it stands.
    pub spot: Spot,
}

/// Returns the trace and the span that a log line belongs to, by its fields or its text. Fields win.
pub fn pointer_of_line(line: LineView<'_>) -> Option<LinePointer> {
    let mut finds = Finds::default();
    let mut pointer = None;
    let mut offer = |name: &str, value: &str, spot: Spot| match names::nested(name) {
        Some(Meaning::Trace(_) | Meaning::Span(_)) => finds.offer(name, value, spot),
        Some(Meaning::Pointer(read)) if pointer.is_none() => {
            pointer = read(value).map(|(trace, span)| LinePointer { trace, span, field: name.into(), spot });
        }
        Some(_) | None => {}
    };
    line.metadata().chain(line.labels()).for_each(|(name, value)| offer(name, value, Spot::Field));
    pairs::each(line.text(), &mut |name, value| offer(name, value, Spot::Body));
    if let (Some(trace), Some(first)) = (finds.trace, finds.all.into_iter().next()) {
        let span = finds.span.map(|(span, _)| span);
        return Some(LinePointer { trace, span, field: first.field, spot: first.spot });
    }
    let in_text = |(trace, span)| LinePointer { trace, span: Some(span), field: SmolStr::default(), spot: Spot::Text };
    pointer.or_else(|| bracketed(line.text()).map(in_text))
}

/// Returns the trace and the span that a log line belongs to; see [`pointer_of_line`].
pub fn trace_of_line(line: LineView<'_>) -> Option<(TraceId, Option<SpanId>)> {
    pointer_of_line(line).map(|pointer| (pointer.trace, pointer.span))
}

/// Finds `[trace-span]` (Spring Boot) and `[application,trace,span]` (Sleuth).
fn bracketed(text: &str) -> Option<(TraceId, SpanId)> {
    text.split('[').skip(1).filter_map(|part| part.split(']').next()).find_map(|inner| {
        let mut parts = inner.trim().rsplit(['-', ',']).map(str::trim);
        // Sleuth 2 appends whether the span is exported.
        let span = parts.find(|part| !matches!(*part, "true" | "false"))?;
        let trace = parts.next()?;
        (span.len() == 16 && matches!(trace.len(), 16 | 32))
            .then(|| Some((TraceId::parse(trace)?, SpanId::parse(span)?)))
            .flatten()
    })
}

/// Says whether `id` stands in `text` on token boundaries: a longer id that contains it is another id.
pub fn contains_token(text: &str, id: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !id.is_empty()
        && text.match_indices(id).any(|(at, _)| {
            !text[..at].chars().next_back().is_some_and(joins)
                && !text[at + id.len()..].chars().next().is_some_and(joins)
        })
}

/// Returns what two texts have in common that say the same: JSON without its spaces and with its names in order, other
/// bytes as they are.
pub fn meaning(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len() > LONGEST_BODY || !bytes.starts_with(b"{") {
        return Cow::Borrowed(bytes);
    }
    let read: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    read.map_or(Cow::Borrowed(bytes), |mut value| {
        value.sort_all_objects();
        Cow::Owned(value.to_string().into_bytes())
    })
}

/// Returns what kind of thing a field of this name names, with its entity type: `user_id` a user. `None` for other fields.
pub fn entity(name: &str) -> Option<(NamedKind, &'static str)> {
    match names::nested(name)? {
        Meaning::Named(kind, within) => Some((kind, within)),
        _ => None,
    }
}

/// Counts the words of a text that are written like an id: with the same length and the same signs in the same places. A
/// line with many of them is a summary, and speaks of none.
pub fn alike(text: &str, id: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let is_like = |word: &str| {
        word.len() == id.len()
            && word
                .bytes()
                .zip(id.bytes())
                .all(|(a, b)| a == b || a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric())
            && word.bytes().any(|byte| byte.is_ascii_digit())
    };
    text.split(|c| !is_word(c)).filter(|word| is_like(word.trim_matches('.'))).count()
}

#[cfg(test)]
mod tests;
