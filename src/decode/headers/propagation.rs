//! How records carry the trace they belong to: one line per format.

use crate::model::id::{Identity, recognise};
use crate::model::{Record, SpanId, TraceId};

/// A span that a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Trace.
    pub trace: TraceId,
    /// Span within it.
    pub span: SpanId,
    /// Whether the header says that the trace was kept.
    pub sampled: bool,
}

type Read = fn(&str) -> Option<Pointer>;

/// Name of the header and how its value is read. The last header of a name is the most recent.
const FORMATS: &[(&str, Read)] = &[
    ("traceparent", w3c),
    ("ce_traceparent", w3c),
    ("b3", b3),
    ("uber-trace-id", jaeger),
    ("X-Amzn-Trace-Id", xray),
    ("x-amzn-trace-id", xray),
];

/// Returns the spans that a record's headers name: format by format, in the order of the headers.
pub fn pointers(record: &Record) -> Vec<Pointer> {
    let mut found: Vec<Pointer> = Vec::new();
    for (name, read) in FORMATS {
        let texts = record.headers_named(name).flatten().filter_map(|value| std::str::from_utf8(value).ok());
        found.extend(texts.filter_map(read));
    }
    found.extend(b3_multi(record));
    found
}

fn w3c(text: &str) -> Option<Pointer> {
    let found = recognise(text)?;
    match found.identity {
        Identity::Span(trace, span) => Some(Pointer { trace, span, sampled: found.sampled != Some(false) }),
        Identity::Trace(_) | Identity::Record(_) | Identity::Business(_) => None,
    }
}

fn pointer(trace: &str, span: &str, sampled: bool) -> Option<Pointer> {
    Some(Pointer { trace: TraceId::parse(trace)?, span: SpanId::parse(span)?, sampled })
}

/// `trace-span`, `trace-span-state`, `trace-span-state-parent`; `d` is debug, which is kept.
fn b3(text: &str) -> Option<Pointer> {
    let mut parts = text.split('-');
    let (trace, span, state) = (parts.next()?, parts.next()?, parts.next());
    let fits = matches!(trace.len(), 16 | 32) && span.len() == 16;
    fits.then(|| pointer(trace, span, state != Some("0"))).flatten()
}

fn b3_multi(record: &Record) -> Option<Pointer> {
    let text = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| {
            let value = record.headers_named(name).next_back().flatten()?;
            std::str::from_utf8(value).ok().map(str::to_owned)
        })
    };
    let sampled = text(["X-B3-Sampled", "x-b3-sampled"]);
    pointer(
        &text(["X-B3-TraceId", "x-b3-traceid"])?,
        &text(["X-B3-SpanId", "x-b3-spanid"])?,
        !matches!(sampled.as_deref(), Some("0" | "false")),
    )
}

/// `trace:span:parent:flags`, digits without leading zeros; bit 0 of the flags is the sampling.
fn jaeger(text: &str) -> Option<Pointer> {
    let mut parts = text.split(':');
    let (trace, span, _, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let flags = u8::from_str_radix(flags, 16).ok()?;
    parts.next().is_none().then(|| pointer(trace, span, flags & 1 == 1)).flatten()
}

/// `Root=1-8hex-24hex;Parent=16hex;Sampled=1`: the trace id without the version and the dash.
fn xray(text: &str) -> Option<Pointer> {
    let part = |name: &str| text.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let mut root = part("Root")?.split('-');
    let (version, time, rest) = (root.next()?, root.next()?, root.next()?);
    let fits = version == "1" && time.len() == 8 && rest.len() == 24;
    fits.then(|| pointer(&format!("{time}{rest}"), part("Parent")?, part("Sampled") != Some("0"))).flatten()
}
