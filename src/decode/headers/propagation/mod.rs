//! How records carry the trace they belong to: one file and one line per format.
//!
//! Names of headers are compared without regard to case, since libraries for HTTP and for Kafka disagree. All pointers are
//! kept in the order of their headers: writers append, so that the last one is the most recent, and each one before it
//! names an earlier attempt. Must not know: which of the spans exist.

mod b3;
mod cloudevents;
mod datadog;
mod jaeger;
mod w3c;
mod xray;

use crate::model::{Record, SpanId, TraceId};

pub(in crate::decode) use b3::single as b3;
pub(in crate::decode) use jaeger::read as jaeger;
pub(in crate::decode) use w3c::read as w3c;
pub(in crate::decode) use xray::read as xray;

/// A span that a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Trace; of some formats only the low 64 bits.
    pub trace: TraceId,
    /// Span within it.
    pub span: SpanId,
    /// Whether the header says that the trace was kept.
    pub sampled: bool,
    /// Name of the header, in the spelling of its format.
    pub header: &'static str,
}

/// Reads the pointers of one format with the positions of their headers.
type Read = fn(&Headers<'_>) -> Vec<(Position, Pointer)>;

const FORMATS: &[Read] = &[cloudevents::all, w3c::all, b3::all, jaeger::all, xray::all, datadog::all];

/// Where a pointer stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Position {
    /// The start of the transmission, wherever it is written.
    Start,
    /// The header of this number.
    Header(usize),
}

/// The headers of a record that are texts.
struct Headers<'a> {
    record: &'a Record,
    texts: Vec<(usize, &'a str, &'a str)>,
}

impl<'a> Headers<'a> {
    fn of(record: &'a Record) -> Self {
        let texts = record.headers.iter().enumerate().filter_map(|(at, header)| {
            let value = std::str::from_utf8(header.value.as_deref()?).ok()?;
            Some((at, std::str::from_utf8(&header.key).ok()?, value.trim()))
        });
        Self { record, texts: texts.collect() }
    }

    fn named(&self, name: &'static str) -> impl DoubleEndedIterator<Item = (usize, &'a str)> {
        let named = self.texts.iter().filter(move |(_, key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(at, _, value)| (*at, *value))
    }

    fn last(&self, name: &'static str) -> Option<(usize, &'a str)> {
        self.named(name).next_back()
    }

    /// Reads each header of a name.
    fn each(&self, name: &'static str, read: fn(&str) -> Option<Pointer>) -> Vec<(Position, Pointer)> {
        self.named(name).filter_map(|(at, text)| Some((Position::Header(at), read(text)?))).collect()
    }
}

/// Returns the spans that a record's headers name, the earliest first.
pub fn pointers(record: &Record) -> Vec<Pointer> {
    let headers = Headers::of(record);
    let mut found: Vec<(Position, Pointer)> = FORMATS.iter().flat_map(|read| read(&headers)).collect();
    found.sort_by_key(|(position, _)| *position);
    found.into_iter().map(|(_, pointer)| pointer).collect()
}

fn pointer(header: &'static str, trace: &str, span: &str, sampled: bool) -> Option<Pointer> {
    Some(Pointer { trace: TraceId::parse(trace)?, span: SpanId::parse(span)?, sampled, header })
}

#[cfg(test)]
mod tests;
