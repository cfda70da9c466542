//! Attributes in bytes: lists of keys shared by the spans that have the same ones, and values as short as they are.

use super::value::{Parts, Uuids, Value, uuid_in};
use crate::model::symbols::{Sym, Symbols};
use hashbrown::HashTable;
use std::hash::BuildHasher;
use uuid::fmt::Hyphenated;

/// The lower bits of a key are its symbol, the upper ones the type of its value.
const NAME: u32 = 0x00ff_ffff;
const TEXT: u32 = 0;
const INT: u32 = 1 << 24;
const FLOAT: u32 = 2 << 24;
const BOOL: u32 = 3 << 24;
const EMPTY: u32 = 4 << 24;
/// A text that holds a UUID: its place, the UUID's number, and the text without it.
const PARTS: u32 = 5 << 24;

/// An attribute before it is packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub key: u32,
    bits: u64,
    /// Place and number of the UUID in a text.
    uuid: (u32, u32),
}

impl Pair {
    pub fn new(symbols: &mut Symbols, uuids: &mut Uuids, key: &str, value: Value<'_>) -> Self {
        let key = symbols.add(key).0;
        let mut uuid = (0, 0);
        let (kind, bits) = match value {
            Value::Text(text) => match uuid_in(text) {
                Some((at, found)) => {
                    uuid = (at as u32, uuids.add(found));
                    let around = match (&text[..at], &text[at + Hyphenated::LENGTH..]) {
                        (before, "") => symbols.add(before),
                        ("", behind) => symbols.add(behind),
                        (before, behind) => symbols.add(&[before, behind].concat()),
                    };
                    (PARTS, u64::from(around.0))
                }
                None => (TEXT, u64::from(symbols.add(text).0)),
            },
            Value::Parts(parts) => {
                uuid = (parts.at as u32, uuids.add(*parts.uuid));
                (PARTS, u64::from(symbols.add(parts.around).0))
            }
            Value::Int(number) => (INT, folded(number)),
            Value::Float(number) => (FLOAT, number.to_bits()),
            Value::Bool(truth) => (BOOL, u64::from(truth)),
            Value::Empty => (EMPTY, 0),
        };
        Self { key: key | kind, bits, uuid }
    }

    /// Appends the value; how long it is follows from the key.
    pub fn pack(self, out: &mut Vec<u8>) {
        match self.key & !NAME {
            TEXT | INT => put(out, self.bits),
            PARTS => {
                put(out, u64::from(self.uuid.0));
                put(out, u64::from(self.uuid.1));
                put(out, self.bits);
            }
            FLOAT => out.extend(self.bits.to_le_bytes()),
            BOOL => out.push(self.bits as u8),
            _ => {}
        }
    }
}

/// Appends a number, seven bits a byte, the low ones first.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Makes small numbers of both signs small without one.
pub(super) const fn folded(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

const fn unfolded(bits: u64) -> i64 {
    (bits >> 1) as i64 ^ -((bits & 1) as i64)
}

/// Reads what [`put`] and [`Pair::pack`] wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a>(pub &'a [u8]);

impl<'a> Packed<'a> {
    pub fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                break;
            }
        }
        number
    }

    pub fn signed(&mut self) -> i64 {
        unfolded(self.number())
    }

    pub fn word<const N: usize>(&mut self) -> [u8; N] {
        let (word, rest) = self.0.split_first_chunk::<N>().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *word
    }

    pub fn value(&mut self, symbols: &'a Symbols, uuids: &'a Uuids, key: u32) -> Value<'a> {
        match key & !NAME {
            PARTS => {
                let (at, uuid) = (self.number() as usize, uuids.get(self.number() as u32));
                Value::Parts(Parts { around: symbols.text(Sym(self.number() as u32)), at, uuid })
            }
            TEXT => Value::Text(symbols.text(Sym(self.number() as u32))),
            INT => Value::Int(self.signed()),
            FLOAT => Value::Float(f64::from_bits(u64::from_le_bytes(self.word()))),
            BOOL => Value::Bool(self.word::<1>() != [0]),
            _ => Value::Empty,
        }
    }

    /// Passes over a number.
    fn pass(&mut self) {
        let length = self.0.iter().position(|byte| *byte < 0x80).map_or(self.0.len(), |last| last + 1);
        self.0 = &self.0[length..];
    }

    pub fn skip(&mut self, keys: &[u32]) {
        for key in keys {
            match key & !NAME {
                TEXT | INT => self.pass(),
                PARTS => {
                    self.pass();
                    self.pass();
                    self.pass();
                }
                FLOAT => drop(self.word::<8>()),
                BOOL => drop(self.word::<1>()),
                _ => {}
            }
        }
    }
}

/// Attributes as they come back.
#[derive(Clone)]
pub(super) struct Pairs<'a> {
    pub symbols: &'a Symbols,
    pub uuids: &'a Uuids,
    pub keys: std::slice::Iter<'a, u32>,
    pub values: Packed<'a>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = *self.keys.next()?;
        Some((self.symbols.text(Sym(key & NAME)), self.values.value(self.symbols, self.uuids, key)))
    }
}

/// The different lists of keys. An instrumentation writes the same keys in the same order again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct Shapes {
    end: Vec<u32>,
    keys: Vec<u32>,
    /// Beside each key: [`tag`] of its name.
    tags: Vec<u32>,
    /// For each list: which of 64 bits its tags choose. A name whose bit is not set is not in the list.
    masks: Vec<u64>,
    table: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
}

impl Shapes {
    /// Returns the number of a list, adding it when new.
    pub fn add(&mut self, pairs: &[Pair], symbols: &Symbols) -> u32 {
        let same = |number: u32| {
            let known = self.keys(number);
            known.len() == pairs.len() && known.iter().zip(pairs).all(|(key, pair)| *key == pair.key)
        };
        let hash = hash(&self.hasher, pairs.iter().map(|pair| pair.key));
        if let Some(known) = self.table.find(hash, |number| same(*number)) {
            return *known;
        }
        let number = self.end.len() as u32;
        let mut mask = 0;
        for pair in pairs {
            let tag = tag(symbols.text(Sym(pair.key & NAME)));
            mask |= 1 << (tag & 63);
            self.keys.push(pair.key);
            self.tags.push(tag);
        }
        self.masks.push(mask);
        self.end.push(self.keys.len() as u32);
        let (keys, end, hasher) = (&self.keys, &self.end, &self.hasher);
        self.table.insert_unique(hash, number, |number| {
            self::hash(hasher, super::range(keys, end, *number as usize).iter().copied())
        });
        number
    }

    /// Returns the keys of a list.
    pub fn keys(&self, number: u32) -> &[u32] {
        if (number as usize) < self.end.len() { super::range(&self.keys, &self.end, number as usize) } else { &[] }
    }

    /// Returns the place of a name in a list.
    pub fn find(&self, number: u32, name: &str, symbols: &Symbols) -> Option<usize> {
        let tag = tag(name);
        if self.masks.get(number as usize)? & 1 << (tag & 63) == 0 {
            return None;
        }
        let (tags, keys) = (super::range(&self.tags, &self.end, number as usize), self.keys(number));
        let mut places = tags.iter().zip(keys);
        places.position(|(known, key)| *known == tag && symbols.text(Sym(key & NAME)) == name)
    }

    pub fn bytes(&self) -> usize {
        self.keys.capacity() * 8 + self.end.capacity() * 4 + self.masks.capacity() * 8 + self.table.capacity() * 5
    }
}

fn hash(hasher: &foldhash::fast::FixedState, keys: impl Iterator<Item = u32>) -> u64 {
    // Keys of one list differ; folding them one by one keeps their order.
    hasher
        .hash_one(keys.fold(0u64, |all, key| (all.rotate_left(5) ^ u64::from(key)).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// Returns a number that tells most names apart after a look at length, begin and end. Equal numbers prove nothing.
fn tag(name: &str) -> u32 {
    let (bytes, size) = (name.as_bytes(), name.len() as u64);
    let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (0, bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))),
    };
    let mixed = (first.wrapping_add(size) ^ last.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32 ^ mixed as u32
}
