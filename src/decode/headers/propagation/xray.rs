//! AWS X-Ray: `Root=1-8hex-24hex;Parent=16hex;Sampled=1`; the trace id is the root without the version and the dashes.

use super::{Headers, Pointer, Position, pointer};

pub(super) fn all(headers: &Headers<'_>) -> Vec<(Position, Pointer)> {
    headers.each("X-Amzn-Trace-Id", read)
}

pub(in crate::decode) fn read(text: &str) -> Option<Pointer> {
    let part = |name: &str| text.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let mut root = part("Root")?.split('-');
    let (version, time, rest) = (root.next()?, root.next()?, root.next()?);
    let (parent, sampled) = (part("Parent")?, part("Sampled") != Some("0"));
    let fits = version == "1" && time.len() == 8 && rest.len() == 24 && parent.len() == 16 && root.next().is_none();
    fits.then(|| pointer("X-Amzn-Trace-Id", &format!("{time}{rest}"), parent, sampled)).flatten()
}
