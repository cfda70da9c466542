//! How values of trace fields are written.

use crate::decode::headers::propagation;
use crate::model::id::{SpanId, TraceId};

/// A trace and, where it is told, a span of it.
pub(super) type Pair = Option<(TraceId, Option<SpanId>)>;

/// Reads 16 or 32 hex digits, X-Ray's `1-8hex-24hex`, or Google's `projects/P/traces/HEX`. Other lengths are no trace id:
/// `0` stands for "none" in Python's logs, and short numbers are anything.
pub(super) fn trace(text: &str) -> Option<TraceId> {
    let text =
        text.rsplit_once("/traces/").filter(|(head, _)| head.starts_with("projects/")).map_or(text, |(_, id)| id);
    if matches!(text.len(), 16 | 32) {
        return TraceId::parse(text);
    }
    let (time, rest) = text.strip_prefix("1-")?.split_once('-')?;
    (time.len() == 8 && rest.len() == 24).then(|| TraceId::parse(&format!("{time}{rest}"))).flatten()
}

/// Reads Datadog's trace id: the low 64 bits in decimal, or all 128 in 32 hex digits.
pub(super) fn datadog_trace(text: &str) -> Option<TraceId> {
    if text.len() == 32 {
        return TraceId::parse(text);
    }
    decimal(text).map(|number| TraceId(u128::from(number)))
}

/// Reads Datadog's span id: decimal.
pub(super) fn datadog_span(text: &str) -> Option<SpanId> {
    decimal(text).map(SpanId)
}

fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten().filter(|number| *number != 0)
}

fn pair(pointer: Option<propagation::Pointer>) -> Pair {
    pointer.map(|pointer| (pointer.trace, Some(pointer.span)))
}

pub(super) fn w3c(text: &str) -> Pair {
    pair(propagation::w3c(text))
}

pub(super) fn b3(text: &str) -> Pair {
    pair(propagation::b3(text))
}

pub(super) fn jaeger(text: &str) -> Pair {
    pair(propagation::jaeger(text))
}

/// Reads X-Ray's header; load balancers write it without a parent.
pub(super) fn xray(text: &str) -> Pair {
    pair(propagation::xray(text)).or_else(|| {
        let root = text.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
        trace(root).map(|trace| (trace, None))
    })
}

/// Reads `X-Cloud-Trace-Context`: `TRACE/SPAN;o=1`, the span in decimal.
pub(super) fn cloud(text: &str) -> Pair {
    let (id, rest) = text.split_once('/').unwrap_or((text, ""));
    let trace = (id.len() == 32).then(|| TraceId::parse(id)).flatten()?;
    Some((trace, rest.split(';').next().and_then(decimal).map(SpanId)))
}
