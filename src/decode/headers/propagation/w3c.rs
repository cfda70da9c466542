//! W3C Trace Context: `traceparent`, bit 0 of the flags is the sampling. Real flags are `03` and `02`: bit 1 says that the
//! id is random.

use super::{Headers, Pointer, Position};
use crate::model::Identity;
use crate::model::id::{IdentityKind, recognise_as};

pub(super) fn all(headers: &Headers<'_>) -> Vec<(Position, Pointer)> {
    headers.each("traceparent", read)
}

pub(in crate::decode) fn read(text: &str) -> Option<Pointer> {
    let found = recognise_as(text, IdentityKind::Traceparent).ok()?;
    let Identity::Span(trace, span) = found.identity else { return None };
    Some(Pointer { trace, span, sampled: found.sampled != Some(false), header: "traceparent" })
}
