//! Values of attributes as they are read, and the UUIDs in them, which are kept as numbers.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::borrow::Cow;
use std::fmt;
use std::hash::BuildHasher;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// Value of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Text; arrays and maps are their JSON text, bytes their base64.
    Text(&'a str),
    /// A text that holds a UUID, as it is read back; it may be written as [`Value::Text`].
    Parts(Parts<'a>),
    /// Integer.
    Int(i64),
    /// Floating point number.
    Float(f64),
    /// Truth value.
    Bool(bool),
    /// Null or an empty value.
    Empty,
}

/// A text with a UUID in it. Such texts differ on nearly every span: what stands around the UUID is kept once, and of its
/// 36 characters 16 bytes.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    pub(super) around: &'a str,
    /// Where in `around` the UUID stands.
    pub(super) at: usize,
    pub(super) uuid: &'a u128,
}

impl<'a> Value<'a> {
    /// Returns the value as text, numbers and truth values written out.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Parts(parts) => parts.to_string().into(),
            Self::Int(number) => number.to_string().into(),
            Self::Float(number) => number.to_string().into(),
            Self::Bool(truth) => if truth { "true" } else { "false" }.into(),
            Self::Empty => "".into(),
        }
    }

    /// Returns an integer, also from its decimal text: partition and offset come as both.
    pub fn integer(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
            Self::Parts(_) | Self::Float(_) | Self::Bool(_) | Self::Empty => None,
        }
    }

    /// Says whether the value is this text; a number that reads like it is not.
    pub fn is_text(self, text: &str) -> bool {
        match self {
            Self::Text(own) => own == text,
            Self::Parts(parts) => parts.is(text),
            Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Empty => false,
        }
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(text), any) | (any, Self::Text(text)) => any.is_text(text),
            (Self::Parts(parts), Self::Parts(others)) => parts.is(&others.to_string()),
            (Self::Int(own), Self::Int(other)) => own == other,
            (Self::Float(own), Self::Float(other)) => own == other,
            (Self::Bool(own), Self::Bool(other)) => own == other,
            (Self::Empty, Self::Empty) => true,
            _ => false,
        }
    }
}

impl Parts<'_> {
    /// What stands before and behind the UUID.
    fn around(&self) -> (&str, &str) {
        self.around.split_at_checked(self.at).unwrap_or((self.around, ""))
    }

    fn is(&self, text: &str) -> bool {
        let (before, behind) = self.around();
        let rest = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
        rest.is_some_and(|rest| {
            rest == Uuid::from_u128(*self.uuid).hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH])
        })
    }
}

impl fmt::Display for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, behind) = self.around();
        write!(f, "{before}{}{behind}", Uuid::from_u128(*self.uuid).hyphenated())
    }
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// Returns where the first UUID of a text stands, and the UUID: 36 characters as they would be written again, so with
/// small letters and hyphens.
pub(super) fn uuid_in(text: &str) -> Option<(usize, u128)> {
    let bytes = text.as_bytes();
    if bytes.len() < Hyphenated::LENGTH {
        return None;
    }
    let is_small = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    memchr::memchr_iter(b'-', bytes).find_map(|hyphen| {
        let at = hyphen.checked_sub(8)?;
        let found = bytes.get(at..at + Hyphenated::LENGTH)?;
        if found[13] != b'-' || found[18] != b'-' || found[23] != b'-' || !found.iter().all(is_small) {
            return None;
        }
        Some((at, Uuid::try_parse_ascii(found).ok()?.as_u128()))
    })
}

/// UUIDs, each kept once.
#[derive(Clone, Debug, Default)]
pub(super) struct Uuids {
    all: Vec<u128>,
    table: HashTable<u32>,
    hasher: FixedState,
}

impl Uuids {
    /// Returns the number of a UUID, adding it when new.
    pub fn add(&mut self, uuid: u128) -> u32 {
        let (all, hasher) = (&mut self.all, &self.hasher);
        if self.table.is_empty() {
            // After `settle`: finds all again.
            self.table.reserve(all.len(), |_| 0);
            for (number, uuid) in all.iter().enumerate() {
                self.table.insert_unique(hasher.hash_one(uuid), number as u32, |_| 0);
            }
        }
        let hash = hasher.hash_one(uuid);
        if let Some(known) = self.table.find(hash, |known| all[*known as usize] == uuid) {
            return *known;
        }
        let number = all.len() as u32;
        all.push(uuid);
        self.table.insert_unique(hash, number, |known| hasher.hash_one(all[*known as usize]));
        number
    }

    /// Returns a UUID by its number.
    pub fn get(&self, number: u32) -> &u128 {
        self.all.get(number as usize).unwrap_or(&0)
    }

    /// Gives up what is needed only for adding, until the next one is added.
    pub fn settle(&mut self) {
        self.table = HashTable::new();
        self.all.shrink_to_fit();
    }

    /// Returns the bytes held in memory, about.
    pub fn bytes(&self) -> usize {
        self.all.capacity() * 16 + self.table.capacity() * 5
    }
}
