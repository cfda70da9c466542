//! Cuts a JSON text that arrives in pieces into the small values that a decoder wants, in one pass and without recursion.

use crate::model::ask::NoteKind;
use crate::model::{Note, SafeText};
use memchr::memchr2;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor, value};
use std::borrow::Cow;
use std::fmt;

/// Larger values are left out with a note.
const ITEM_LIMIT: usize = 8 << 20;
/// So do values of more elements and members, which would take many times their bytes when they are read.
const PARTS: u32 = 1 << 20;
/// What some servers put before a text (U+FEFF in UTF-8); it says nothing.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Notes of one answer told in full; further ones are counted.
const NOTES: usize = 20;
/// Longer names of members are no names that a shape knows.
const KEY_LIMIT: usize = 4096;

/// What to do with a value.
#[derive(Clone, Copy, Debug)]
pub enum Next<N> {
    /// Look at its members or elements, if it is a container.
    Into(N),
    /// Hand it over whole.
    Item(N),
    /// Pass over it.
    Skip,
}

/// Knows where the wanted values are. A node is a place in the document.
pub trait Shape {
    /// Places.
    type Node: Copy;
    /// Says what to do with a member (`Some` name) or an element (`None`) of a container, or with a document.
    fn child(&mut self, of: Option<Self::Node>, key: Option<&str>) -> Next<Self::Node>;
    /// Takes a whole value. `key` is its name within an object, `at` its byte offset.
    fn item(&mut self, node: Self::Node, key: &str, text: &str, at: u64, notes: &mut Notes);
    /// Hears that a container entered by [`Next::Into`] has ended, by its bracket or by the end of the bytes.
    fn leave(&mut self, node: Self::Node, notes: &mut Notes);
}

/// Notes of one answer.
#[derive(Debug, Default)]
pub struct Notes {
    list: Vec<Note>,
    more: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Value,
    Key,
    InKey,
    Colon,
    After,
    Passing,
    Dead,
}

/// A value being passed over or collected.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    depth: u64,
    text: bool,
    escaped: bool,
    scalar: bool,
    from: u64,
    parts: u32,
}

/// Cuts the bytes of one answer for a [`Shape`].
#[derive(Debug)]
pub struct Framer<S: Shape> {
    shape: S,
    notes: Notes,
    stack: Vec<(Option<S::Node>, bool)>,
    mode: Mode,
    /// Documents that have begun.
    documents: u64,
    may_end: bool,
    key: Vec<u8>,
    escaped: bool,
    run: Run,
    item: Option<S::Node>,
    buffer: Vec<u8>,
    too_large: bool,
    at: u64,
}

impl Notes {
    /// Adds a note about something left out.
    pub fn damaged(&mut self, text: impl Into<SafeText>) {
        self.add(NoteKind::Damaged, text);
    }

    /// Adds a note.
    pub fn add(&mut self, kind: NoteKind, text: impl Into<SafeText>) {
        if self.list.len() < NOTES {
            self.list.push(Note { kind, text: text.into() });
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self) -> Vec<Note> {
        if self.more > 0 {
            let text = format!("and {} more remarks of this kind", self.more).into();
            self.list.push(Note { kind: NoteKind::Damaged, text });
        }
        self.list
    }
}

/// Returns the remark about a document of which no member is known: it would look like an answer without rows.
pub(super) fn strange() -> Note {
    Note { kind: NoteKind::Damaged, text: SafeText::own("JSON of something else: no member of it is known") }
}

impl<S: Shape> Framer<S> {
    /// Begins with nothing read.
    pub fn new(shape: S) -> Self {
        Self {
            shape,
            notes: Notes::default(),
            stack: Vec::new(),
            mode: Mode::Value,
            documents: 0,
            may_end: false,
            key: Vec::new(),
            escaped: false,
            run: Run::default(),
            item: None,
            buffer: Vec::new(),
            too_large: false,
            at: 0,
        }
    }

    /// Returns the shape with what it has collected so far.
    pub fn shape(&self) -> &S {
        &self.shape
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let used = match self.mode {
                Mode::Dead => rest.len(),
                Mode::Passing => self.pass(rest),
                Mode::InKey => self.read_key(rest),
                _ if byte.is_ascii_whitespace() => 1,
                // Also when it comes in pieces.
                Mode::Value if MARK.get(self.at as usize) == Some(&byte) => 1,
                Mode::Value => self.begin(byte),
                Mode::Key => match byte {
                    b'"' => {
                        self.key.clear();
                        self.mode = Mode::InKey;
                        1
                    }
                    b'}' if self.may_end => self.close(),
                    _ => self.broken(byte),
                },
                Mode::Colon if byte == b':' => {
                    (self.mode, self.may_end) = (Mode::Value, false);
                    1
                }
                Mode::After => match (byte, self.stack.last()) {
                    (b',', Some((_, true))) => {
                        (self.mode, self.may_end) = (Mode::Key, false);
                        1
                    }
                    (b',', Some((_, false))) => {
                        (self.mode, self.may_end) = (Mode::Value, false);
                        1
                    }
                    (b'}', Some((_, true))) | (b']', Some((_, false))) => self.close(),
                    _ => self.broken(byte),
                },
                Mode::Colon => self.broken(byte),
            };
            self.at += used as u64;
            rest = &rest[used..];
        }
    }

    /// Ends: whatever is open was cut. Returns the shape and all notes.
    pub fn finish(mut self) -> (S, Vec<Note>) {
        if self.mode != Mode::Dead && !(self.stack.is_empty() && self.mode == Mode::Value && self.documents > 0) {
            let what = if self.documents > 0 { "the answer was cut" } else { "the answer is empty" };
            self.notes.damaged(format!("{what} at byte {}; whole rows before it are kept", self.at));
        }
        while let Some((node, _)) = self.stack.pop() {
            if let Some(node) = node {
                self.shape.leave(node, &mut self.notes);
            }
        }
        (self.shape, self.notes.finish())
    }

    fn broken(&mut self, byte: u8) -> usize {
        let shown = SafeText::from_bytes(&[byte]);
        self.notes.damaged(format!("no JSON from byte {} on ({shown}); rows before it are kept", self.at));
        self.mode = Mode::Dead;
        1
    }

    fn begin(&mut self, byte: u8) -> usize {
        if byte == b']' && self.may_end {
            return self.close();
        }
        let legal = matches!(byte, b'{' | b'[' | b'"' | b'-' | b't' | b'f' | b'n') || byte.is_ascii_digit();
        if !legal || (self.stack.is_empty() && byte != b'{') {
            return self.broken(byte);
        }
        self.documents += u64::from(self.stack.is_empty());
        let (parent, object) = self.stack.last().copied().unwrap_or((None, false));
        let name = String::from_utf8_lossy(&self.key);
        let next = self.shape.child(parent, object.then_some(&*name));
        let container = matches!(byte, b'{' | b'[');
        match next {
            Next::Into(node) if container => {
                self.stack.push((Some(node), byte == b'{'));
                (self.mode, self.may_end) = (if byte == b'{' { Mode::Key } else { Mode::Value }, true);
                return 1;
            }
            Next::Into(_) | Next::Skip => self.item = None,
            Next::Item(node) => self.item = Some(node),
        }
        self.run = Run { from: self.at, scalar: !container && byte != b'"', ..Run::default() };
        (self.mode, self.too_large) = (Mode::Passing, false);
        self.buffer.clear();
        0
    }

    fn close(&mut self) -> usize {
        if let Some((Some(node), _)) = self.stack.pop() {
            self.shape.leave(node, &mut self.notes);
        }
        self.mode = if self.stack.is_empty() { Mode::Value } else { Mode::After };
        self.may_end = false;
        1
    }

    fn read_key(&mut self, bytes: &[u8]) -> usize {
        for (place, &byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.mode = Mode::Colon;
                    return place + 1;
                }
                _ => {}
            }
            if self.key.len() < KEY_LIMIT {
                self.key.push(byte);
            }
        }
        bytes.len()
    }

    fn pass(&mut self, bytes: &[u8]) -> usize {
        let (used, ended) = self.run.advance(bytes);
        if self.item.is_some() && !self.too_large {
            if self.buffer.len() + used > ITEM_LIMIT || self.run.parts > PARTS {
                self.too_large = true;
                self.buffer = Vec::new();
            } else {
                self.buffer.extend_from_slice(&bytes[..used]);
            }
        }
        if ended {
            self.mode = Mode::After;
            self.hand_over();
        }
        used
    }

    fn hand_over(&mut self) {
        let Some(node) = self.item.take() else { return };
        let from = self.run.from;
        if self.too_large {
            let most = format!("{} MiB or {PARTS} elements", ITEM_LIMIT >> 20);
            self.notes.damaged(format!("a row of more than {most} at byte {from} was left out"));
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        let text = String::from_utf8_lossy(&buffer);
        if matches!(text, Cow::Owned(_)) {
            self.notes.damaged(format!("bytes that are not UTF-8 were replaced in the row at byte {from}"));
        }
        let name = String::from_utf8_lossy(&self.key);
        self.shape.item(node, &name, &text, from, &mut self.notes);
        self.buffer = buffer;
    }
}

impl Run {
    /// Goes on over a value: how many bytes belong to it, and whether it ended.
    fn advance(&mut self, bytes: &[u8]) -> (usize, bool) {
        if self.scalar {
            let end = bytes.iter().position(|byte| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace());
            return (end.unwrap_or(bytes.len()), end.is_some());
        }
        let mut at = 0;
        while at < bytes.len() {
            if self.text {
                if std::mem::take(&mut self.escaped) {
                    at += 1;
                    continue;
                }
                let Some(found) = memchr2(b'"', b'\\', &bytes[at..]) else { return (bytes.len(), false) };
                at += found + 1;
                if bytes[at - 1] == b'\\' {
                    self.escaped = true;
                    continue;
                }
                self.text = false;
            } else {
                at += 1;
                match bytes[at - 1] {
                    b'"' => {
                        self.text = true;
                        continue;
                    }
                    b'{' | b'[' => {
                        self.depth += 1;
                        self.parts = self.parts.saturating_add(1);
                        continue;
                    }
                    b',' => {
                        self.parts = self.parts.saturating_add(1);
                        continue;
                    }
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => continue,
                }
            }
            if self.depth == 0 {
                return (at, true);
            }
        }
        (at, false)
    }
}

/// Any JSON value as it came: the field's type is not what the documentation says often enough.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Raw<'a> {
    /// Absent or null.
    #[default]
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// Integer.
    Int(i64),
    /// Other number.
    Float(f64),
    /// Truth value.
    Bool(bool),
    /// Array or object.
    Json(serde_json::Value),
}

impl Raw<'_> {
    /// Returns a text; nothing else counts.
    pub fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// Returns a whole number, also from its decimal text.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            Self::Null | Self::Float(_) | Self::Bool(_) | Self::Json(_) => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Raw<'de>, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Raw<'de>, E> {
        Ok(Raw::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw<'de>, E> {
        Ok(Raw::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw<'de>, E> {
        Ok(i64::try_from(number).map_or(Raw::Float(number as f64), Raw::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Raw<'de>, E> {
        Ok(Raw::Float(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Raw<'de>, E> {
        Ok(Raw::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw<'de>, E> {
        Ok(Raw::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Raw<'de>, A::Error> {
        Deserialize::deserialize(value::SeqAccessDeserializer::new(seq)).map(Raw::Json)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Raw<'de>, A::Error> {
        Deserialize::deserialize(value::MapAccessDeserializer::new(map)).map(Raw::Json)
    }
}
