//! Instants, differences and windows in nanoseconds, and how they are written for people.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Nanoseconds in one second.
pub const SECOND: i64 = 1_000_000_000;

/// An instant: nanoseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A signed difference of two instants in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(pub i64);

/// A stretch of time: `from` inclusive, `until` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant after.
    pub until: Timestamp,
}

impl Timestamp {
    /// Returns the instant of a count of microseconds (Jaeger's internal dialect), saturating.
    pub fn from_micros(micros: u64) -> Self {
        Self(i64::try_from(micros).unwrap_or(i64::MAX).saturating_mul(1_000))
    }

    /// Returns the instant of a count of milliseconds (Kafka), saturating.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Returns whole milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Returns the instant `by` later (or earlier when negative), saturating.
    #[must_use]
    pub fn plus(self, by: Nanos) -> Self {
        Self(self.0.saturating_add(by.0))
    }

    /// Returns how long after `earlier` this is; negative when before.
    pub fn since(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    /// Writes RFC 3339 in UTC with nanoseconds as needed; an instant outside years -9999..9999 is written as a number.
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).map_or_else(|_| self.0.to_string(), |at| at.to_string())
    }

    /// Writes the time of day with milliseconds in `zone`, as `14:03:27.120`.
    pub fn clock(self, zone: &TimeZone) -> String {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).map_or_else(
            |_| self.0.to_string(),
            |at| at.to_zoned_datetime(zone.clone()).strftime("%H:%M:%S%.3f").to_string(),
        )
    }

    /// Writes date and time of day with seconds and the zone's abbreviation, as `2026-11-24 14:03:27 UTC`.
    pub fn date_clock(self, zone: &TimeZone) -> String {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).map_or_else(
            |_| self.0.to_string(),
            |at| at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        )
    }
}

impl Nanos {
    /// Returns the difference of a count of seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(SECOND))
    }

    /// Returns the difference of a count of milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Writes the difference for people in at most two units: `850µs`, `12.4ms`, `3.2s`, `1m 33s`, `2h 5m`, `3d 4h`.
    pub fn human(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        let (us, ms, s) = (ns / 1_000, ns / 1_000_000, ns / 1_000_000_000);
        let text = match s {
            0 if ns < 1_000 => format!("{ns}ns"),
            0 if us < 1_000 => format!("{us}µs"),
            0 if ms < 100 => tenths(ns / 100_000, "ms"),
            0 => format!("{ms}ms"),
            1..=59 => tenths(ns / 100_000_000, "s"),
            60..=3_599 => two(s / 60, "m", s % 60, "s"),
            3_600..=86_399 => two(s / 3_600, "h", s % 3_600 / 60, "m"),
            _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
        };
        format!("{sign}{text}")
    }
}

fn tenths(tenths: u64, unit: &str) -> String {
    match tenths % 10 {
        0 => format!("{}{unit}", tenths / 10),
        rest => format!("{}.{rest}{unit}", tenths / 10),
    }
}

fn two(big: u64, big_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 { format!("{big}{big_unit}") } else { format!("{big}{big_unit} {small}{small_unit}") }
}

impl Window {
    /// Returns the window from `before` ahead of `at` until `after` behind it.
    pub fn around(at: Timestamp, before: Nanos, after: Nanos) -> Self {
        Self { from: at.plus(Nanos(before.0.saturating_neg())), until: at.plus(after) }
    }

    /// Says whether `at` lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Returns the length.
    pub fn length(&self) -> Nanos {
        self.until.since(self.from)
    }

    /// Returns the smallest window that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { from: self.from.min(other.from), until: self.until.max(other.until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_written_in_at_most_two_units() {
        let cases: &[(i64, &str)] = &[
            (0, "0ns"),
            (850_000, "850µs"),
            (12_400_000, "12.4ms"),
            (250_000_000, "250ms"),
            (3_200_000_000, "3.2s"),
            (93 * SECOND, "1m 33s"),
            (120 * SECOND, "2m"),
            (7_500 * SECOND, "2h 5m"),
            (-2 * SECOND, "-2s"),
            (90_000 * SECOND, "1d 1h"),
        ];
        for (ns, text) in cases {
            assert_eq!(Nanos(*ns).human(), *text);
        }
    }
}
