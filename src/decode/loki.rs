//! Loki's answers to log queries: streams of lines, with structured metadata kept apart from labels.
//!
//! An entry is `[ns, line]` or `[ns, line, {"structuredMetadata": {..}, "parsed": {..}}]`. Which of the two it is is
//! decided by its length, not by what was asked for: a cache in front of Loki may answer either (Loki 3.7, Loki 2.2.1).

use super::stream::{Framer, Next, Notes, Shape};
use crate::model::{LineStore, Note, Timestamp};
use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Bytes of a line that are kept.
const LINE_LIMIT: usize = 1 << 20;

/// Reads one answer while its bytes arrive.
#[derive(Debug)]
pub struct Decoder {
    framer: Framer<Streams>,
}

/// What an answer holds beside its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries in the answer, damaged ones included: what a page's limit counts.
    pub entries: usize,
    /// Oldest and newest instant among its lines.
    pub span: Option<(Timestamp, Timestamp)>,
    /// A list of results was there, if only an empty one: without it the answer is not one to a log query.
    pub listed: bool,
    /// Lines that the source wrote anew from its fields; what the program wrote is shown.
    pub rebuilt: usize,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Document,
    Data,
    Kind,
    Result,
    Stream,
    Labels,
    Values,
    Entry,
}

#[derive(Debug, Default)]
struct Streams {
    store: LineStore,
    counts: Counts,
    /// Entries that came before the labels of their stream.
    held: Vec<Entry>,
    held_bytes: usize,
    /// The number of the stream that is read, once its labels are known.
    stream: Option<u32>,
}

#[derive(Debug)]
struct Entry {
    at: Timestamp,
    line: String,
    metadata: IndexMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Categories {
    #[serde(rename = "structuredMetadata")]
    metadata: Option<IndexMap<String, String>>,
    parsed: Option<IndexMap<String, String>>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { framer: Framer::new(Streams::default()) }
    }
}

impl Decoder {
    /// Takes the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        self.framer.push(bytes);
    }

    /// Returns how many lines there are so far, with those of a stream that has not ended.
    pub fn lines(&self) -> usize {
        let streams = self.framer.shape();
        streams.store.len() + streams.held.len()
    }

    /// Returns the memory held, in bytes, about.
    pub fn bytes(&self) -> usize {
        let streams = self.framer.shape();
        streams.store.bytes() + streams.held_bytes
    }

    /// Returns the lines, what the answer held, and remarks about what could not be read.
    pub fn finish(self) -> (LineStore, Counts, Vec<Note>) {
        let (streams, notes) = self.framer.finish();
        (streams.store, streams.counts, notes)
    }
}

impl Shape for Streams {
    type Node = Node;

    fn child(&mut self, of: Option<Node>, key: Option<&str>) -> Next<Node> {
        match (of, key) {
            (None, _) => Next::Into(Node::Document),
            (Some(Node::Document), Some("data")) => Next::Into(Node::Data),
            (Some(Node::Data), Some("resultType")) => Next::Item(Node::Kind),
            (Some(Node::Data), Some("result")) => {
                self.counts.listed = true;
                Next::Into(Node::Result)
            }
            (Some(Node::Result), None) => Next::Into(Node::Stream),
            (Some(Node::Stream), Some("stream")) => Next::Item(Node::Labels),
            (Some(Node::Stream), Some("values")) => Next::Into(Node::Values),
            (Some(Node::Values), None) => Next::Item(Node::Entry),
            _ => Next::Skip,
        }
    }

    fn item(&mut self, node: Node, _key: &str, text: &str, at: u64, notes: &mut Notes) {
        match node {
            Node::Kind => match serde_json::from_str::<String>(text) {
                Ok(kind) if kind == "streams" => {}
                _ => notes.damaged(format!("result type {text} at byte {at} is no log streams")),
            },
            Node::Labels => match serde_json::from_str::<Option<IndexMap<String, String>>>(text) {
                Ok(labels) => {
                    let labels = labels.unwrap_or_default();
                    let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
                    self.stream = Some(self.store.stream(&labels));
                }
                Err(error) => notes.damaged(format!("labels of a stream at byte {at}: {error}")),
            },
            Node::Entry => {
                self.counts.entries += 1;
                match serde_json::from_str::<Entry>(text) {
                    Ok(mut entry) => {
                        self.counts.rebuilt += usize::from(entry.unpack());
                        shorten(&mut entry.line, at, notes);
                        let (oldest, newest) = self.counts.span.unwrap_or((entry.at, entry.at));
                        self.counts.span = Some((oldest.min(entry.at), newest.max(entry.at)));
                        self.keep(entry);
                    }
                    Err(error) => notes.damaged(format!("log entry at byte {at}: {error}")),
                }
            }
            Node::Document | Node::Data | Node::Result | Node::Stream | Node::Values => {}
        }
    }

    fn leave(&mut self, node: Node, _notes: &mut Notes) {
        if matches!(node, Node::Stream) {
            let held = std::mem::take(&mut self.held);
            self.held_bytes = 0;
            if !held.is_empty() {
                let stream = self.stream.unwrap_or_else(|| self.store.stream(&[]));
                for entry in &held {
                    write(&mut self.store, stream, entry);
                }
            }
            self.stream = None;
        }
    }
}

impl Streams {
    /// Labels may stand behind the values, so lines are held until they are known.
    fn keep(&mut self, entry: Entry) {
        if let Some(stream) = self.stream {
            write(&mut self.store, stream, &entry);
            return;
        }
        let fields = entry.metadata.iter().map(|(name, value)| name.len() + value.len() + 96).sum::<usize>();
        self.held_bytes += size_of::<Entry>() + entry.line.len() + fields;
        self.held.push(entry);
    }
}

fn write(store: &mut LineStore, stream: u32, entry: &Entry) {
    let metadata: Vec<(&str, &str)> = entry.metadata.iter().map(|(name, value)| (&**name, &**value)).collect();
    store.push(stream, entry.at, &entry.line, &metadata, 0);
}

/// The fields of a line that was written anew.
#[derive(Deserialize)]
struct Rebuilt {
    #[serde(rename = "_msg")]
    message: String,
    #[serde(flatten)]
    rest: IndexMap<String, serde_json::Value>,
}

impl Entry {
    /// Takes a line apart that is no longer as it was written: an entry with metadata comes as JSON with the line under
    /// `_msg` (Loki-VL-proxy). Says whether it was one.
    fn unpack(&mut self) -> bool {
        if !self.line.starts_with('{') || !self.line.contains("\"_msg\"") {
            return false;
        }
        let Ok(Rebuilt { message, rest }) = serde_json::from_str(&self.line) else { return false };
        self.line = message;
        for (name, value) in rest {
            let text = match value {
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            // Names come with dots here and with underscores in the metadata.
            if !self.metadata.contains_key(&name) && !self.metadata.contains_key(&name.replace('.', "_")) {
                self.metadata.insert(name, text);
            }
        }
        true
    }
}

fn shorten(line: &mut String, at: u64, notes: &mut Notes) {
    if line.len() > LINE_LIMIT {
        let end = (0..=LINE_LIMIT).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
        notes.damaged(format!("log line at byte {at}: {} of its {} bytes are kept", end, line.len()));
        line.truncate(end);
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Tuple;
        impl<'de> Visitor<'de> for Tuple {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry of nanoseconds, line and perhaps metadata")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entry: A) -> Result<Entry, A::Error> {
                use serde::de::Error;
                let at: Cow<'de, str> =
                    entry.next_element()?.ok_or_else(|| A::Error::custom("an entry without a time"))?;
                let at = at.parse().map_err(|_| A::Error::custom(format!("`{at}` is no time in nanoseconds")))?;
                let line = entry.next_element()?.ok_or_else(|| A::Error::custom("an entry without a line"))?;
                let categories: Categories = entry.next_element()?.unwrap_or_default();
                while entry.next_element::<IgnoredAny>()?.is_some() {}
                let mut metadata = categories.metadata.unwrap_or_default();
                metadata.extend(categories.parsed.unwrap_or_default());
                Ok(Entry { at: Timestamp(at), line, metadata })
            }
        }
        from.deserialize_seq(Tuple)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &str, piece: usize) -> (Vec<String>, Counts, Vec<Note>) {
        let mut decoder = Decoder::default();
        body.as_bytes().chunks(piece).for_each(|bytes| decoder.push(bytes));
        let (store, counts, notes) = decoder.finish();
        let shown = |line: crate::model::lines::LineView<'_>| {
            let labels: Vec<_> = line.labels().chain(line.metadata()).collect();
            format!("{} {} {labels:?}", line.at().0, line.text())
        };
        (store.iter().map(shown).collect(), counts, notes)
    }

    fn check(body: &str, lines: &[&str], notes: usize) {
        for piece in [1, 7, 4096] {
            let (found, counts, said) = decode(body, piece);
            assert_eq!(
                (&found[..], said.len()),
                (&lines.iter().map(ToString::to_string).collect::<Vec<_>>()[..], notes),
                "{said:?}"
            );
            assert!(counts.entries >= found.len());
        }
    }

    #[test]
    fn entries_of_two_and_three_members_mix() {
        let body = r#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{"app":"a"},"values":[["5","x <y>"],["6","z",{"structuredMetadata":{"trace_id":"t1"},"parsed":{"lvl":"e"}}],["7","bare",{}]]}],"stats":{"summary":{"splits":1}}}}"#;
        check(
            body,
            &[
                r#"5 x <y> [("app", "a")]"#,
                r#"6 z [("app", "a"), ("trace_id", "t1"), ("lvl", "e")]"#,
                r#"7 bare [("app", "a")]"#,
            ],
            0,
        );
    }

    #[test]
    fn a_line_that_a_proxy_wrote_anew_is_shown_as_it_was() {
        let body = r#"{"data":{"result":[{"stream":{"app":"a"},"values":[["5","{\"_msg\":\"paid\",\"trace_id\":\"t1\",\"a.b\":7}",{"structuredMetadata":{"trace_id":"t1"}}],["6","{\"_msg\":4}"],["7","{\"_msg\""]]}]}}"#;
        check(
            body,
            &[
                r#"5 paid [("app", "a"), ("trace_id", "t1"), ("a.b", "7")]"#,
                r#"6 {"_msg":4} [("app", "a")]"#,
                r#"7 {"_msg" [("app", "a")]"#,
            ],
            0,
        );
        assert_eq!(decode(body, 9).1.rebuilt, 1);
    }

    #[test]
    fn members_come_in_any_order() {
        let body = r#"{"data":{"result":[{"values":[["5","x"]],"stream":{"app":"a"}}],"resultType":"streams"},"status":"success"}"#;
        check(body, &[r#"5 x [("app", "a")]"#], 0);
    }

    #[test]
    fn a_damaged_entry_is_left_out_with_its_place() {
        let body = r#"{"data":{"result":[{"stream":{},"values":[["5","x"],[7,"y"],["6","z"]]}]}}"#;
        check(body, &["5 x []", "6 z []"], 1);
    }

    #[test]
    fn a_cut_body_keeps_its_whole_entries() {
        check(
            r#"{"data":{"result":[{"stream":{"app":"a"},"values":[["5","x"],["6","hal"#,
            &[r#"5 x [("app", "a")]"#],
            1,
        );
    }

    #[test]
    fn a_mark_before_the_text_says_nothing_and_white_space_is_no_answer() {
        check("\u{feff}{\"data\":{\"result\":[{\"values\":[[\"5\",\"x\"]]}]}}", &["5 x []"], 0);
        check(" \n\t", &[], 1);
        check("\u{feff}", &[], 1);
    }

    #[test]
    fn nothing_found_is_no_damage() {
        check(r#"{"status":"success","data":{"resultType":"streams","result":[],"stats":{}}}"#, &[], 0);
    }
}
