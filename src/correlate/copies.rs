//! Copies without a word about their original: a record of a retry or dead-letter topic with the key and the value of a
//! record of the topic it belongs to.
//!
//! Clients without a framework above them write such copies: no header names the original. Key and value are equal only by
//! chance where values are poor, so that such a copy is scoped, and where two originals fit none is picked.

use super::reads::{self, TopicHint};
use super::scope::{Rows, Scope};
use crate::model::why::{Relation, Strength};
use crate::model::{Coordinate, NotFollowed, Record, SafeText};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Values shorter than this say too little to be equal by descent, in bytes.
const POOR: usize = 16;

/// What two records have in common when one is the other's copy: key and value, JSON as what it says, since programs write
/// what they have read in their own way.
type Content<'a> = (&'a Bytes, Cow<'a, [u8]>);

fn content(record: &Record) -> Option<Content<'_>> {
    let (key, value) = (record.key.as_ref()?, record.value.as_ref()?);
    (value.len() >= POOR).then(|| (key, reads::meaning(value)))
}

/// Says whether scans keep what is keyed like this record: a copy of it can be told by its content.
pub(super) fn key_of(record: &Record) -> Option<Bytes> {
    content(record).map(|(key, _)| key.clone())
}

/// Enters the copies of records of the scope that say nothing of their original.
pub(super) fn follow(rows: Rows<'_>, scope: &mut Scope) {
    let mut originals: BTreeMap<Content<'_>, Vec<&Record>> = BTreeMap::new();
    for record in rows.records.values() {
        let is_original = scope.coordinates.contains_key(&record.coordinate)
            && reads::topic_hint(&record.coordinate.topic) == TopicHint::Plain;
        if let Some(content) = content(record).filter(|_| is_original) {
            originals.entry(content).or_default().push(record);
        }
    }
    if originals.is_empty() {
        return;
    }
    let mut found: Vec<(&Coordinate, &Record)> = Vec::new();
    for record in rows.records.values() {
        let at = &record.coordinate;
        let is_copy = reads::topic_hint(&at.topic) != TopicHint::Plain && !scope.coordinates.contains_key(at);
        let Some(fitting) = content(record).filter(|_| is_copy).and_then(|content| originals.get(&content)) else {
            continue;
        };
        if reads::trail(record).origin.is_some() {
            continue;
        }
        let fits = |original: &&&Record| {
            reads::are_related(&original.coordinate.topic, &at.topic) && original.timestamp <= record.timestamp
        };
        let mut fitting = fitting.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(original), None) => found.push((at, original)),
            (Some(_), Some(_)) => {
                let detail = "several records with its key and value may be its original, and nothing tells which";
                scope.tell(&at.to_string(), NotFollowed::Hub, detail);
            }
            (None, _) => {}
        }
    }
    let edge = scope.paths.edge(Relation::CopyOf, Strength::Scoped, "key and value");
    for (at, original) in found {
        let origin = &original.coordinate;
        let Some(from) = scope.paths.record(origin) else { continue };
        let why = SafeText::new(&format!("its key and value are those of {origin}, and no header names an original"));
        scope.coordinates.insert(at.clone(), why);
        scope.paths.add_record(at, from, edge);
        scope.copies.insert(at.clone(), origin.clone());
    }
}
