//! A trace of any size in the shape that real instrumentation sends: a recorded one, again and again, with span ids, order
//! keys, offsets and times of its own each time.

use crate::trace::TRACE;
use std::fmt::Write as _;

/// Spans of the recorded trace.
pub const SPANS: usize = 17;

/// What the Java agent sent for one order that failed and was retried, as Jaeger 2.13 gave it: see `tests/wire/ORIGIN.md`.
const INTERNAL: &str = include_str!("../wire/jaeger-2.13/poisoned.internal.json");
const V3: &str = include_str!("../wire/jaeger-2.13/poisoned.v3.json");
const RECORDED_TRACE: &str = "dfd9c97de0e3d679a68ca0a758702c63";
const ORDER: &str = "ord-fa8523-0003";
/// What all its times begin with: seconds, cut to tens of thousands.
const TIME: &str = "179551";
const OFFSET: [&str; 2] = [
    r#""messaging.kafka.message.offset","type":"int64","value":"#,
    r#""messaging.kafka.message.offset","value":{"intValue":""#,
];
/// Time between two orders, in ns.
const STEP: u64 = 40_000_000;

/// A piece of the recorded text.
enum Piece {
    /// Comes again as it is.
    Same(&'static str),
    Trace,
    Order,
    Span(u64),
    Offset,
    /// A time, and how many of its units make a step.
    Time(u64, u64),
}

/// Returns the trace in the internal dialect.
pub fn internal(copies: usize) -> Vec<u8> {
    let (before, rest) = cut(INTERNAL, r#""spans":["#);
    let at = rest.find(r#"],"processes":"#).expect("processes stand behind the spans");
    repeated(before, &rest[..at], &rest[at..], copies)
}

/// Returns the trace in version 3 of the API.
pub fn v3(copies: usize) -> Vec<u8> {
    let (before, rest) = cut(V3, r#""resourceSpans":["#);
    let at = rest.rfind("]}}").expect("the document ends behind its resources");
    repeated(before, &rest[..at], &rest[at..], copies)
}

/// Cuts behind a text.
fn cut(text: &'static str, behind: &str) -> (&'static str, &'static str) {
    text.split_at(text.find(behind).expect("the recording has it") + behind.len())
}

fn repeated(before: &str, text: &'static str, behind: &str, copies: usize) -> Vec<u8> {
    let pieces = pieces(text);
    let mut out = before.replace(RECORDED_TRACE, TRACE);
    out.reserve((text.len() + 512) * copies);
    for copy in 0..copies as u64 {
        if copy > 0 {
            out.push(',');
        }
        for piece in &pieces {
            match piece {
                Piece::Same(text) => out.push_str(text),
                Piece::Trace => out.push_str(TRACE),
                Piece::Order => write!(out, "ord-fa8523-{copy:06}").expect("a string takes any text"),
                // Odd factors give each copy ids of its own.
                Piece::Span(id) => write!(out, "{:016x}", id ^ (copy.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                    .expect("a string takes any text"),
                Piece::Offset => write!(out, "{copy}").expect("a string takes any text"),
                Piece::Time(time, step) => {
                    write!(out, "{}", time + step * copy).expect("a string takes any text");
                }
            }
        }
    }
    out.push_str(behind);
    out.into_bytes()
}

/// Takes the recorded text apart.
fn pieces(text: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut same, mut at) = (0, 0);
    while at < text.len() {
        let Some((piece, length)) = special(text, at) else {
            at += 1;
            continue;
        };
        pieces.push(Piece::Same(&text[same..at]));
        pieces.push(piece);
        at += length;
        same = at;
    }
    pieces.push(Piece::Same(&text[same..]));
    pieces
}

/// Returns what stands here, when it differs from copy to copy, and its length.
fn special(text: &'static str, at: usize) -> Option<(Piece, usize)> {
    let (before, rest) = (text.get(..at)?, text.get(at..)?);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let is_new = !before.ends_with(|last: char| last.is_ascii_alphanumeric());
    if rest.starts_with(RECORDED_TRACE) {
        Some((Piece::Trace, RECORDED_TRACE.len()))
    } else if rest.starts_with(ORDER) {
        Some((Piece::Order, ORDER.len()))
    } else if digits > 0 && OFFSET.iter().any(|name| before.ends_with(name)) {
        Some((Piece::Offset, digits))
    } else if is_new && matches!(digits, 16 | 19) && rest.starts_with(TIME) {
        let step = if digits == 16 { STEP / 1_000 } else { STEP };
        Some((Piece::Time(rest[..digits].parse().ok()?, step), digits))
    } else if is_new && before.ends_with('"') && rest.as_bytes().get(16) == Some(&b'"') {
        Some((Piece::Span(u64::from_str_radix(&rest[..16], 16).ok()?), 16))
    } else {
        None
    }
}
