//! Datadog: ids in decimal. `x-datadog-trace-id` holds the low 64 bits, the upper ones stand in `x-datadog-tags` as
//! `_dd.p.tid=16hex` since traces have 128 bits; a sampling priority of zero or less drops the trace.

use super::{Headers, Pointer, Position};
use crate::model::{SpanId, TraceId};

pub(super) fn all(headers: &Headers<'_>) -> Vec<(Position, Pointer)> {
    read(headers).into_iter().collect()
}

fn read(headers: &Headers<'_>) -> Option<(Position, Pointer)> {
    let digits = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten().filter(|id: &u64| *id != 0)
    };
    let (at, trace) = headers.last("x-datadog-trace-id")?;
    let (_, span) = headers.last("x-datadog-parent-id")?;
    let upper = || {
        let (_, tags) = headers.last("x-datadog-tags")?;
        let hex = tags.split(',').find_map(|tag| tag.trim().strip_prefix("_dd.p.tid="))?;
        let fits = hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| u64::from_str_radix(hex, 16).ok()).flatten()
    };
    let priority = headers.last("x-datadog-sampling-priority").and_then(|(_, priority)| priority.parse::<i32>().ok());
    let trace = TraceId(u128::from(upper().unwrap_or(0)) << 64 | u128::from(digits(trace)?));
    let sampled = priority.is_none_or(|priority| priority > 0);
    let pointer = Pointer { trace, span: SpanId(digits(span)?), sampled, header: "x-datadog-trace-id" };
    Some((Position::Header(at), pointer))
}
