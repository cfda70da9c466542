//! B3 (Zipkin): one header `b3`, or one header per part; 16 or 32 digits of trace. A lone state such as `0` names no span.

use super::{Headers, Pointer, Position, pointer};

pub(super) fn all(headers: &Headers<'_>) -> Vec<(Position, Pointer)> {
    let mut found = headers.each("b3", single);
    found.extend(parted(headers));
    found
}

/// `trace-span`, `trace-span-state`, `trace-span-state-parent`; `d` is debug, which is kept.
pub(in crate::decode) fn single(text: &str) -> Option<Pointer> {
    let mut parts = text.split('-');
    let (trace, span, state) = (parts.next()?, parts.next()?, parts.next());
    let parent = parts.next().is_none_or(|parent| parent.len() == 16) && parts.next().is_none();
    let known = matches!(state, None | Some("0" | "1" | "d"));
    (parent && known && fits(trace, span)).then(|| pointer("b3", trace, span, state != Some("0"))).flatten()
}

fn parted(headers: &Headers<'_>) -> Option<(Position, Pointer)> {
    let ((at, trace), (_, span)) = (headers.last("X-B3-TraceId")?, headers.last("X-B3-SpanId")?);
    // The debug flag decides before the sampling does.
    let is_debug = headers.last("X-B3-Flags").is_some_and(|(_, flags)| flags == "1");
    let is_dropped = headers.last("X-B3-Sampled").is_some_and(|(_, sampled)| matches!(sampled, "0" | "false"));
    let found = fits(trace, span).then(|| pointer("X-B3-TraceId", trace, span, is_debug || !is_dropped)).flatten()?;
    Some((Position::Header(at), found))
}

fn fits(trace: &str, span: &str) -> bool {
    matches!(trace.len(), 16 | 32) && span.len() == 16
}
