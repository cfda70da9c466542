//! One header, read by its name and its length.

use crate::model::{Coordinate, Record, Timestamp};
use smol_str::SmolStr;

/// Which one of several headers of one name is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newest {
    /// New headers are put in front of the copied ones.
    First,
    /// New headers are appended.
    Last,
}

/// Earliest and latest plausible instant, milliseconds since the epoch: years 2001 to 2100.
const PLAUSIBLE: std::ops::Range<i64> = 978_307_200_000..4_102_444_800_000;

/// The headers of one record as one family reads them.
pub(super) struct Headers<'a> {
    pub(super) record: &'a Record,
    pub(super) newest: Newest,
}

impl<'a> Headers<'a> {
    fn bytes(&self, name: &'a str) -> Option<&'a [u8]> {
        let mut named = self.record.headers_named(name);
        let found = match self.newest {
            Newest::First => named.next(),
            Newest::Last => named.next_back(),
        };
        found.flatten().map(|bytes| &bytes[..])
    }

    /// UTF-8 text without controls; anything else is no text.
    pub(super) fn text(&self, name: &'a str) -> Option<SmolStr> {
        let text = std::str::from_utf8(self.bytes(name)?).ok()?;
        (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.into())
    }

    /// A number written in decimal digits.
    pub(super) fn decimal(&self, name: &'a str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// Four bytes, big-endian.
    pub(super) fn int(&self, name: &'a str) -> Option<i64> {
        Some(i64::from(i32::from_be_bytes(self.bytes(name)?.try_into().ok()?)))
    }

    /// Eight bytes, big-endian.
    pub(super) fn long(&self, name: &'a str) -> Option<i64> {
        Some(i64::from_be_bytes(self.bytes(name)?.try_into().ok()?))
    }

    /// One unsigned byte.
    pub(super) fn byte(&self, name: &'a str) -> Option<i64> {
        match self.bytes(name)? {
            [byte] => Some(i64::from(*byte)),
            _ => None,
        }
    }

    /// One to eight bytes, two's complement, as short as the number allows: an instant in milliseconds.
    pub(super) fn shortest_millis(&self, name: &'a str) -> Option<Timestamp> {
        let bytes = self.bytes(name).filter(|bytes| (1..=8).contains(&bytes.len()))?;
        let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
        millis(bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
    }

    /// A coordinate of three texts.
    pub(super) fn coordinate(&self, topic: &'a str, partition: &'a str, offset: &'a str) -> Option<Coordinate> {
        coordinate(self.text(topic), self.decimal(partition), self.decimal(offset))
    }
}

/// Returns the coordinate when all of it is there and possible.
pub(super) fn coordinate(topic: Option<SmolStr>, partition: Option<i64>, offset: Option<i64>) -> Option<Coordinate> {
    let partition = partition.and_then(|number| i32::try_from(number).ok()).filter(|number| *number >= 0);
    Some(Coordinate { topic: topic?, partition: partition?, offset: offset.filter(|number| *number >= 0)? })
}

/// Returns a count when it is one.
pub(super) fn count(number: Option<i64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= 1_000_000)
}

fn millis(number: i64) -> Option<Timestamp> {
    PLAUSIBLE.contains(&number).then(|| Timestamp::from_millis(number))
}
