//! `CloudEvents`, extension "Distributed Tracing": `ce_traceparent`, or `traceparent` in the value of a structured event,
//! names the span that started the transmission, while a plain `traceparent` header names the last hop.

use super::{Headers, Pointer, Position, w3c};
use serde::Deserialize;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    specversion: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    traceparent: Option<std::borrow::Cow<'a, str>>,
}

pub(super) fn all(headers: &Headers<'_>) -> Vec<(Position, Pointer)> {
    let start = |pointer| (Position::Start, Pointer { header: "ce_traceparent", ..pointer });
    let binary = headers.named("ce_traceparent").filter_map(|(_, text)| w3c::read(text));
    binary.chain(structured(headers)).map(start).collect()
}

fn structured(headers: &Headers<'_>) -> Option<Pointer> {
    let (_, kind) = headers.last("content-type")?;
    let kind = kind.get(..kind.find(';').unwrap_or(kind.len()))?.trim();
    if !kind.eq_ignore_ascii_case("application/cloudevents+json") {
        return None;
    }
    let event: Event<'_> = serde_json::from_slice(headers.record.value.as_deref()?).ok()?;
    event.specversion?;
    w3c::read(&event.traceparent?)
}
