//! One header, read by its name and its length.

use super::Undecoded;
use crate::model::{Coordinate, Record, Timestamp};
use smol_str::SmolStr;
use std::cell::RefCell;

/// Which one of several headers of one name is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newest {
    /// New headers are put in front of the copied ones.
    First,
    /// New headers are appended.
    Last,
}

/// How many bytes of an undecoded value are shown.
const SHOWN: usize = 16;
/// Earliest and latest plausible instant, milliseconds since the epoch: years 2001 to 2100.
const PLAUSIBLE: std::ops::Range<i64> = 978_307_200_000..4_102_444_800_000;

/// The headers of one record as one family reads them. Values whose bytes do not fit are kept as they are.
pub(super) struct Headers<'a> {
    pub(super) record: &'a Record,
    newest: Newest,
    undecoded: RefCell<Vec<Undecoded>>,
}

impl<'a> Headers<'a> {
    pub(super) const fn new(record: &'a Record, newest: Newest) -> Self {
        Self { record, newest, undecoded: RefCell::new(Vec::new()) }
    }

    /// Returns what did not fit.
    pub(super) fn undecoded(self) -> Vec<Undecoded> {
        self.undecoded.into_inner()
    }

    fn bytes(&self, name: &'a str) -> Option<&'a [u8]> {
        let mut named = self.record.headers_named(name);
        let found = match self.newest {
            Newest::First => named.next(),
            Newest::Last => named.next_back(),
        };
        found.flatten().map(|bytes| &bytes[..])
    }

    /// Reads the newest value of a name. Empty values are taken for absent ones.
    fn read<T>(&self, name: &'a str, read: impl Fn(&'a [u8]) -> Option<T>) -> Option<T> {
        let bytes = self.bytes(name).filter(|bytes| !bytes.is_empty())?;
        let value = read(bytes);
        let mut undecoded = self.undecoded.borrow_mut();
        if value.is_none() && !undecoded.iter().any(|kept| kept.name == name) {
            let hex = bytes.iter().take(SHOWN).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            undecoded.push(Undecoded { name: name.into(), hex: hex.into(), length: bytes.len() });
        }
        value
    }

    /// UTF-8 text without controls; anything else is no text.
    pub(super) fn text(&self, name: &'a str) -> Option<SmolStr> {
        self.read(name, text)
    }

    /// The first line of a UTF-8 text, for messages of exceptions.
    pub(super) fn line(&self, name: &'a str) -> Option<SmolStr> {
        self.read(name, |bytes| {
            let line = std::str::from_utf8(bytes).ok()?.lines().next().unwrap_or_default();
            Some(line.chars().filter(|c| !c.is_control()).collect::<SmolStr>())
        })
    }

    /// A number written in decimal digits.
    pub(super) fn decimal(&self, name: &'a str) -> Option<i64> {
        self.read(name, |bytes| text(bytes)?.parse().ok())
    }

    /// Four bytes, big-endian.
    pub(super) fn int(&self, name: &'a str) -> Option<i64> {
        self.read(name, |bytes| Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?))))
    }

    /// Eight bytes, big-endian.
    pub(super) fn long(&self, name: &'a str) -> Option<i64> {
        self.read(name, |bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)))
    }

    /// One to eight bytes, two's complement, as short as the number allows.
    pub(super) fn shortest(&self, name: &'a str) -> Option<i64> {
        self.read(name, shortest)
    }

    /// Four bytes, big-endian, or one unsigned byte.
    pub(super) fn int_or_byte(&self, name: &'a str) -> Option<i64> {
        self.read(name, int_or_byte)
    }

    /// Eight bytes, big-endian: an instant in milliseconds.
    pub(super) fn long_millis(&self, name: &'a str) -> Option<Timestamp> {
        self.read(name, |bytes| millis(i64::from_be_bytes(bytes.try_into().ok()?)))
    }

    /// One to eight bytes, two's complement, as short as the number allows: an instant in milliseconds.
    pub(super) fn shortest_millis(&self, name: &'a str) -> Option<Timestamp> {
        self.read(name, shortest_millis)
    }

    /// Milliseconds in decimal digits.
    pub(super) fn decimal_millis(&self, name: &'a str) -> Option<Timestamp> {
        self.read(name, |bytes| millis(text(bytes)?.parse().ok()?))
    }

    /// An instant as a text: ISO 8601 with an offset, or `2026-11-24 08:54:36:777000 Z` as `NServiceBus` writes it.
    pub(super) fn instant(&self, name: &'a str) -> Option<Timestamp> {
        self.read(name, |bytes| {
            let text = text(bytes)?;
            let parsed = text.parse::<jiff::Timestamp>().ok().or_else(|| {
                let (rest, micros) = text.strip_suffix(" Z")?.rsplit_once(':')?;
                format!("{rest}.{micros}Z").parse().ok()
            })?;
            millis(parsed.as_millisecond())
        })
    }

    /// An instant as [`Self::instant`] reads it, or milliseconds in decimal digits: what teams write by themselves.
    pub(super) fn instant_or_millis(&self, name: &'a str) -> Option<Timestamp> {
        let is_number = self.bytes(name).is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit));
        if is_number { self.decimal_millis(name) } else { self.instant(name) }
    }

    /// A coordinate of three texts.
    pub(super) fn coordinate(&self, topic: &'a str, partition: &'a str, offset: &'a str) -> Option<Coordinate> {
        coordinate(self.text(topic), self.decimal(partition), self.decimal(offset))
    }

    /// All values of a name in the order of their writing, the newest last.
    pub(super) fn all(&self, name: &'a str) -> Vec<&'a [u8]> {
        let mut all: Vec<&[u8]> = self.record.headers_named(name).flatten().map(|bytes| &bytes[..]).collect();
        if self.newest == Newest::First {
            all.reverse();
        }
        all
    }
}

fn text(bytes: &[u8]) -> Option<SmolStr> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.into())
}

pub(super) fn int_or_byte(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [byte] => Some(i64::from(*byte)),
        _ => Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?))),
    }
}

pub(super) fn shortest_millis(bytes: &[u8]) -> Option<Timestamp> {
    shortest(bytes).and_then(millis)
}

fn shortest(bytes: &[u8]) -> Option<i64> {
    let bytes = Some(bytes).filter(|bytes| (1..=8).contains(&bytes.len()))?;
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
    Some(bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
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

pub(super) fn millis(number: i64) -> Option<Timestamp> {
    PLAUSIBLE.contains(&number).then(|| Timestamp::from_millis(number))
}
