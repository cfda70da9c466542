//! Identities: what a person can point at, in canonical form, and how a pasted text is recognised.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;

/// A trace: 128 bits, written as 32 lower-case hex digits. Shorter spellings are left-padded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u128);

/// A span within its trace: 64 bits, written as 16 lower-case hex digits. Never an identity alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

/// Where a record stands: topic, partition, offset. Written `topic-partition@offset`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Coordinate {
    /// Topic name.
    pub topic: SmolStr,
    /// Partition index.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
}

/// What a story is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A whole trace.
    Trace(TraceId),
    /// One span of a trace (a pasted `traceparent` names one).
    Span(TraceId, SpanId),
    /// One record.
    Record(Coordinate),
    /// An application's own id: order number, request id, idempotency key, record key.
    Business(SmolStr),
}

/// The kinds that `--as` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityKind {
    /// 1 to 32 hex digits.
    Trace,
    /// `00-<32 hex>-<16 hex>-<2 hex>`.
    Traceparent,
    /// `topic-partition@offset`.
    Record,
    /// Any other text.
    Business,
}

/// How a pasted text was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The identity.
    pub identity: Identity,
    /// The kind it was taken for.
    pub kind: IdentityKind,
    /// Sampled flag, when the text carries one (`traceparent`): `Some(false)` means the trace was probably not kept.
    pub sampled: Option<bool>,
    /// Another kind that it could also be, to be named to the person.
    pub also: Option<IdentityKind>,
}

impl TraceId {
    /// Reads 1 to 32 hex digits of either case; all zeros is no trace.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| u128::from_str_radix(text, 16).ok()).flatten().filter(|id| *id != 0).map(Self)
    }

    /// Returns the spellings under which it may stand in logs: 32 digits, and 16 when the upper half is zero.
    pub fn spellings(self) -> Vec<SmolStr> {
        let long = SmolStr::from(self.to_string());
        if self.0 >> 64 == 0 { vec![SmolStr::from(format!("{:016x}", self.0)), long] } else { vec![long] }
    }
}

impl SpanId {
    /// Reads 1 to 16 hex digits of either case; all zeros is no span.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| u64::from_str_radix(text, 16).ok()).flatten().filter(|id| *id != 0).map(Self)
    }
}

impl Coordinate {
    /// Reads `topic-partition@offset` or `topic/partition@offset`. The topic may itself hold `-`, `.` and `_`.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, offset) = text.rsplit_once('@')?;
        let (topic, partition) = place.rsplit_once(['-', '/'])?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        // Kafka topic names: up to 249 of these characters (Kafka 4.3, Topic.java legal characters).
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let topic_ok = !topic.is_empty() && topic.len() <= 249 && topic.bytes().all(legal);
        (topic_ok && digits(partition) && digits(offset))
            .then(|| {
                Some(Self { topic: topic.into(), partition: partition.parse().ok()?, offset: offset.parse().ok()? })
            })
            .flatten()
    }
}

/// Recognises a pasted text. Surrounding white space and quotes are ignored. `None` when nothing is left.
///
/// Order: `traceparent`, coordinate, 32 or 16 hex digits as a trace id, else a business id. Shorter or odd hex texts are
/// business ids, since order numbers are often hexadecimal too; `--as trace` overrides.
pub fn recognise(text: &str) -> Option<Recognised> {
    let text = bare(text);
    let plain = |identity, kind| Recognised { identity, kind, sampled: None, also: None };
    if text.is_empty() {
        return None;
    }
    if let Some(found) = traceparent(text) {
        return Some(found);
    }
    if let Some(coordinate) = Coordinate::parse(text) {
        return Some(plain(Identity::Record(coordinate), IdentityKind::Record));
    }
    if matches!(text.len(), 16 | 32)
        && let Some(id) = TraceId::parse(text)
    {
        let also = (text.len() == 16).then_some(IdentityKind::Business);
        return Some(Recognised { also, ..plain(Identity::Trace(id), IdentityKind::Trace) });
    }
    Some(plain(Identity::Business(text.into()), IdentityKind::Business))
}

/// Takes white space and quotes off both ends, however they are nested.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'))
}

/// Reads a text as the given kind, or says why it is none.
pub fn recognise_as(text: &str, kind: IdentityKind) -> Result<Recognised, &'static str> {
    let text = bare(text);
    let plain = |identity| Recognised { identity, kind, sampled: None, also: None };
    match kind {
        IdentityKind::Trace => TraceId::parse(text)
            .map(|id| plain(Identity::Trace(id)))
            .ok_or("a trace id is 1 to 32 hex digits and not all zeros"),
        IdentityKind::Traceparent => {
            traceparent(text).ok_or("a traceparent is VERSION-TRACEID-SPANID-FLAGS, as 00-<32 hex>-<16 hex>-<2 hex>")
        }
        IdentityKind::Record => Coordinate::parse(text)
            .map(|at| plain(Identity::Record(at)))
            .ok_or("a record coordinate is topic-partition@offset, as orders-7@88213"),
        IdentityKind::Business if text.is_empty() => Err("an id cannot be empty"),
        IdentityKind::Business => Ok(plain(Identity::Business(text.into()))),
    }
}

/// W3C Trace Context: two hex digits of version (`ff` is invalid), trace id, parent id, flags; bit 0 means sampled.
fn traceparent(text: &str) -> Option<Recognised> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sized = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    // Version 00 has exactly four parts; later versions may append more.
    if !sized || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    // A sign would be taken for a part of a number.
    if version.starts_with('+') || flags.starts_with('+') {
        return None;
    }
    u8::from_str_radix(version, 16).ok()?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some(Recognised {
        identity: Identity::Span(TraceId::parse(trace)?, SpanId::parse(span)?),
        kind: IdentityKind::Traceparent,
        sampled: Some(flags & 1 == 1),
        also: None,
    })
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(id) => id.fmt(f),
            Self::Span(trace, span) => write!(f, "00-{trace}-{span}-01"),
            Self::Record(at) => at.fmt(f),
            Self::Business(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for IdentityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace id",
            Self::Traceparent => "traceparent",
            Self::Record => "record coordinate",
            Self::Business => "business id",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: IdentityKind, shown: &str) {
        let found = recognise(text).expect("something was given");
        assert_eq!((found.kind, found.identity.to_string()), (kind, shown.to_owned()), "{text}");
    }

    #[test]
    fn pasted_texts_are_taken_for_what_they_are() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        check(trace, IdentityKind::Trace, trace);
        check(" \"4BF92F3577B34DA6A3CE929D0E0E4736\"", IdentityKind::Trace, trace);
        check("a3ce929d0e0e4736", IdentityKind::Trace, "0000000000000000a3ce929d0e0e4736");
        check("orders-7@88213", IdentityKind::Record, "orders-7@88213");
        check("eu.orders-retry-0/12@5", IdentityKind::Record, "eu.orders-retry-0-12@5");
        check("ord-7f3k2q", IdentityKind::Business, "ord-7f3k2q");
        check("00000000000000000000000000000000", IdentityKind::Business, "00000000000000000000000000000000");
        check("someone@example.org", IdentityKind::Business, "someone@example.org");
        check("orders-7@-1", IdentityKind::Business, "orders-7@-1");
        check("deadbeef", IdentityKind::Business, "deadbeef");
    }

    #[test]
    fn a_traceparent_tells_whether_it_was_sampled() {
        let of = |flags: &str| recognise(&format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}"));
        let sampled = |flags| of(flags).and_then(|found| found.sampled);
        assert_eq!(
            (sampled("01"), sampled("03"), sampled("02"), sampled("00")),
            (Some(true), Some(true), Some(false), Some(false))
        );
        assert_eq!(of("zz").map(|found| found.kind), Some(IdentityKind::Business));
    }

    #[test]
    fn nothing_is_no_identity() {
        assert_eq!((recognise(""), recognise(" \" ")), (None, None));
    }
}
