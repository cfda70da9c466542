//! Jaeger: `uber-trace-id`, `trace:span:parent:flags`, digits without leading zeros; bit 0 of the flags is the sampling.
//! Some clients send the colons encoded as in URLs.

use super::{Headers, Pointer, Position, pointer};

pub(super) fn all(headers: &Headers<'_>) -> Vec<(Position, Pointer)> {
    headers.each("uber-trace-id", read)
}

pub(in crate::decode) fn read(text: &str) -> Option<Pointer> {
    let plain = text.replace("%3A", ":").replace("%3a", ":");
    let mut parts = plain.split(':');
    let (trace, span, _, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = flags.bytes().all(|byte| byte.is_ascii_hexdigit());
    let flags = is_hex.then(|| u8::from_str_radix(flags, 16).ok()).flatten()?;
    parts.next().is_none().then(|| pointer("uber-trace-id", trace, span, flags & 1 == 1)).flatten()
}
