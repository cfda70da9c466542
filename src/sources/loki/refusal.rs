//! What Loki refuses because it is too much at once, and how much it would allow.

use crate::model::{Fault, Nanos, SafeText};
use crate::sources::http::Head;

/// Asking for less may help. Each holds the fault to report when it does not.
#[derive(Debug)]
pub(super) enum Refusal {
    /// More lines in a page than this many.
    Lines(usize, Fault),
    /// A longer range than this.
    Length(Nanos, Fault),
    /// The query took too long.
    Slow(Fault),
    /// The answer was too large for a part of the server.
    Large(Fault),
    /// The query would read more bytes than the operator allows. Cutting it into pieces would only go round the limit.
    Bytes(Fault),
    /// Too many queries; the waits that the server asked for are over.
    Busy(Fault),
}

impl Refusal {
    /// Reads a refusal that came after `tries`, or gives the fault back: asking for less would not help.
    pub(super) fn read(head: &Head, fault: Fault, tries: usize) -> Result<Self, Fault> {
        let text = head.text.as_str();
        if let Some(allowed) = lines(text) {
            return Ok(Self::Lines(allowed, fault));
        }
        if let Some(allowed) = length(text) {
            return Ok(Self::Length(allowed, fault));
        }
        if text.contains("would read too many bytes") || text.contains("too large to execute on a single querier") {
            return Ok(Self::Bytes(fault));
        }
        let has = |words: &[&str]| words.iter().any(|words| text.contains(words));
        let hint = match () {
            // A bad expression is a 500 in Loki 2.2 and a 400 in 3.7.
            () if has(&["parse error"]) => {
                "the query is no LogQL that this version understands: correct it at the place named"
            }
            () if has(&[
                "required matchers",
                "label matchers than required",
                "at least one regexp or equality matcher",
            ]) =>
            {
                "set profile.NAME.loki.selector to the matchers that this server requires, as cluster=\"prod\""
            }
            () if has(&["blocked by policy"]) => {
                "the operator of this Loki blocks this query: ask for another one, or ask there"
            }
            () if has(&["querying is disabled"]) => {
                "the operator switched queries off for this tenant: check profile.NAME.loki.tenant"
            }
            () => "",
        };
        if !hint.is_empty() {
            return Err(Fault { hint: SafeText::own(hint), ..fault });
        }
        match head.status {
            // A wait that was not kept was longer than the time there is: asking again now would be rude.
            429 if tries > 1 => Ok(Self::Busy(fault)),
            413 => Ok(Self::Large(fault)),
            504 => Ok(Self::Slow(fault)),
            // Loki 3.7 words it so, with status 504 or, behind some gateways, 500.
            500.. if text.contains("request timed out") || text.contains("context deadline exceeded") => {
                Ok(Self::Slow(fault))
            }
            500.. if text.contains("larger than max") => Ok(Self::Large(fault)),
            _ => Err(fault),
        }
    }

    /// Returns what to report when asking for less does not help.
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Lines(_, fault)
            | Self::Length(_, fault)
            | Self::Slow(fault)
            | Self::Large(fault)
            | Self::Bytes(fault)
            | Self::Busy(fault) => fault,
        }
    }
}

/// Reads what a refusal says would be allowed: lines of a page, length of a range.
pub(super) fn allowed(refusal: &str) -> (Option<usize>, Option<Nanos>) {
    (lines(refusal), length(refusal))
}

/// Reads `max entries limit ... (R > L)`. The name in it differs between 2.2 and 3.7, the two numbers do not.
fn lines(refusal: &str) -> Option<usize> {
    let text = refusal.split_once("max entries limit")?.1;
    let (_, allowed) = text.split_once('(')?.1.split_once('>')?;
    allowed.split(')').next()?.trim().parse().ok().filter(|allowed| *allowed > 0)
}

/// Reads `the query time range exceeds the limit (query length: 19200h0m0s, limit: 721h0m0s)`.
fn length(refusal: &str) -> Option<Nanos> {
    let text = refusal.split_once("time range exceeds the limit")?.1;
    let (_, limit) = text.split_once("limit:")?;
    duration(limit.split(')').next()?.trim())
}

/// Returns the longest range to ask for where the server allows `limit`: its store counts in whole milliseconds, and one more,
/// so a range of just the limit is refused as longer (Loki 2.2.1: `query length: 30m0.001s, limit: 30m0s`, status 500).
pub(super) fn within(limit: Nanos) -> Nanos {
    const ROUNDING: i64 = 2_000_000;
    if limit.0 > 1_000 * ROUNDING { Nanos(limit.0 - ROUNDING) } else { limit }
}

/// Reads a duration as Go writes it (`721h0m0s`, `1.5s`) and as Prometheus does (`30d1h`).
pub(super) fn duration(text: &str) -> Option<Nanos> {
    let (mut rest, mut sum) = (text, 0f64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let seconds = match &rest[digits..unit] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 31_536_000.0,
            _ => return None,
        };
        sum += number * seconds;
        rest = &rest[unit..];
    }
    (sum > 0.0 && sum < 9e9).then_some(Nanos((sum * 1e9) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_maximum_is_read_from_its_refusal() {
        let old = "max entries limit per query exceeded, limit > max_entries_limit (5001 > 5000)";
        let new = "max entries limit per query exceeded, limit > max_entries_limit_per_query (5000 > 50)";
        assert_eq!((lines(old), lines(new), lines("parse error")), (Some(5000), Some(50), None));
    }

    #[test]
    fn a_range_stays_a_little_below_the_longest() {
        let minute = 60_000_000_000;
        assert_eq!((within(Nanos(minute)), within(Nanos(7))), (Nanos(minute - 2_000_000), Nanos(7)));
    }

    #[test]
    fn the_longest_range_is_read_from_its_refusal() {
        let hours = |hours: i64| Some(Nanos(hours * 3_600_000_000_000));
        let old = "the query time range exceeds the limit (query length: 19200h0m0s, limit: 721h0m0s)";
        let new = "the query time range exceeds the limit (query length: 800d, limit: 30d1h)\n";
        assert_eq!((length(old), length(new), length("parse error (limit: 5h)")), (hours(721), hours(721), None));
        for odd in ["", "h", "5", "5x", "1h-2m", "-5h", "999999999999999y", "é5h", "0s"] {
            assert_eq!(duration(odd), None, "{odd}");
        }
        assert_eq!(duration("1.5s"), Some(Nanos(1_500_000_000)));
    }
}
