//! What the server remarked on spans: remarks about the server's own work, never evidence about the incident.

use crate::model::ask::NoteKind;
use crate::model::{Nanos, Note, SpanStore};
use crate::sources::traces::note;
use std::collections::BTreeSet;

/// Under this name `decode` keeps the server's warnings.
const WARNING: &str = "jaeger.warning";

/// Returns what the warnings of all spans say, each kind once.
pub(super) fn notes(store: &SpanStore) -> Vec<Note> {
    let (mut cut, mut skew, mut disabled, mut moved, mut negative) = (BTreeSet::new(), Nanos(0), false, 0, 0);
    for span in store.iter() {
        for (_, value) in span.attributes().filter(|(key, _)| *key == WARNING) {
            let words = value.text();
            if words.starts_with("trace has more than") {
                cut.insert(words.into_owned());
            } else if let Some((_, rest)) = words.split_once("not applying calculated delta of ") {
                disabled = true;
                skew = skew.max(Nanos(duration(rest).map_or(0, i64::abs)));
            } else if words.contains("timestamps were adjusted by") {
                moved += 1;
            } else if words.starts_with("Negative duration detected") {
                negative += 1;
            }
        }
    }
    let mut notes: Vec<Note> =
        cut.into_iter().map(|words| note(NoteKind::Truncated, format!("the server says: {words}"))).collect();
    if disabled {
        let text = format!(
            "the server measures clocks of hosts that differ by up to {} and leaves the times as they are",
            skew.human()
        );
        notes.push(note(NoteKind::Remark, text));
    }
    if moved > 0 {
        let text = format!("the server moved {moved} spans in time to even out clocks of hosts");
        notes.push(note(NoteKind::Remark, text));
    }
    if negative > 0 {
        let text =
            format!("{negative} spans were recorded to end at or before their start; the server changed their end");
        notes.push(note(NoteKind::Remark, text));
    }
    notes
}

/// Reads a duration as Go writes it: `504.5ms`, `1m5.0045s`, `-156µs`. In ns.
fn duration(text: &str) -> Option<i64> {
    let text = text.split_whitespace().next()?;
    let (sign, mut rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let units =
            [("ns", 1.0), ("µs", 1e3), ("μs", 1e3), ("us", 1e3), ("ms", 1e6), ("h", 3.6e12), ("m", 6e10), ("s", 1e9)];
        let (unit, worth) = units.iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        total += number * worth;
        rest = &rest[digits + unit.len()..];
    }
    Some((sign * total) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let rows = [
            ("504.5ms", Some(504_500_000)),
            ("-156µs", Some(-156_000)),
            ("1m5.5s", Some(65_500_000_000)),
            ("1h0m0s", Some(3_600_000_000_000)),
            ("7ns", Some(7)),
            ("soon", None),
            ("5", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(duration(text), wanted, "{text}");
        }
    }
}
