//! Messages: which records are copies of one another, and the part each plays.

use super::index::Index;
use super::journey::Material;
use super::reads::{self, TopicHint};
use super::{counts, settlements};
use crate::model::ask::NoteKind;
use crate::model::journey::{CopyRole, Delivery, Message, RecordCopy};
use crate::model::spans::SpanView;
use crate::model::{
    Absence, Coordinate, Nanos, Reach, Record, SafeText, SourceKind, SpanKind, SpanRow, SpanStore, Tier, Timestamp,
};
use smol_str::SmolStr;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// A producer gives up sending a record again after so long (`delivery.timeout.ms`).
const TOGETHER: Nanos = Nanos(120_000_000_000);

/// Groups the records of the scope into messages, in order of their first copy.
pub(super) fn messages(material: &Material<'_>, deliveries: &[Delivery]) -> Vec<Message> {
    if material.scope.coordinates.is_empty() {
        return Vec::new();
    }
    let producers = producers(material);
    let mut origins: BTreeMap<Coordinate, (Coordinate, Tier)> = BTreeMap::new();
    for record in material.records {
        if let Some(origin) = reads::trail(record).origin {
            origins.insert(record.coordinate.clone(), (origin, Tier::Exact));
        }
    }
    for (at, origin) in &material.scope.copies {
        origins.insert(at.clone(), (origin.clone(), Tier::Scoped));
    }
    for (at, producer) in &producers {
        if !origins.contains_key(at)
            && let Some(origin) = forwarded(material.spans, material.index, producer.0, at)
        {
            origins.insert(at.clone(), (origin, Tier::Scoped));
        }
    }
    let mut members: BTreeMap<Coordinate, BTreeSet<Coordinate>> = BTreeMap::new();
    for at in material.scope.coordinates.keys() {
        members.entry(root(at, &origins)).or_default().insert(at.clone());
    }
    let members = named_alike(material, members);
    let repeats = repeats(material, &members);
    let mut messages: Vec<Message> = members
        .into_values()
        .map(|members| {
            let mut copies: Vec<RecordCopy> =
                members.iter().map(|at| copy(material, at, producers.get(at), origins.get(at))).collect();
            mark_duplicates(&mut copies);
            for copy in &mut copies {
                copy.repeats = repeats.get(&copy.coordinate).cloned();
            }
            copies.sort_by(|a, b| (a.role, a.written, &a.coordinate).cmp(&(b.role, b.written, &b.coordinate)));
            let mut own: Vec<Delivery> =
                deliveries.iter().filter(|delivery| members.contains(&delivery.coordinate)).cloned().collect();
            own.sort_by(|a, b| (a.start, &a.coordinate, &a.group).cmp(&(b.start, &b.coordinate, &b.group)));
            let count = counts::of_message(&copies, &own);
            Message { key: key(material, &copies), copies, deliveries: own, count }
        })
        .collect();
    messages.sort_by(|a, b| {
        let first = |message: &Message| message.copies.first().map(|copy| (copy.written, copy.coordinate.clone()));
        first(a).cmp(&first(b))
    });
    settlements::settle(material, &mut messages);
    messages
}

/// Puts messages together whose records in one topic carry the same message id: the producer, or a request behind it,
/// wrote the message twice.
fn named_alike(
    material: &Material<'_>,
    mut members: BTreeMap<Coordinate, BTreeSet<Coordinate>>,
) -> BTreeMap<Coordinate, BTreeSet<Coordinate>> {
    let mut first: BTreeMap<(SmolStr, SmolStr, SmolStr), Coordinate> = BTreeMap::new();
    for record in material.records {
        let at = &record.coordinate;
        let Some((source, id)) = members.contains_key(at).then(|| reads::message_id(record)).flatten() else {
            continue;
        };
        match first.entry((at.topic.clone(), source, id)) {
            Entry::Vacant(free) => drop(free.insert(at.clone())),
            Entry::Occupied(known) => {
                let same = members.remove(at).unwrap_or_default();
                members.entry(known.get().clone()).or_default().extend(same);
            }
        }
    }
    members
}

/// Of several originals of one message the first stands for it.
fn mark_duplicates(copies: &mut [RecordCopy]) {
    let originals = copies.iter().filter(|copy| copy.role == CopyRole::Original && copy.origin.is_none());
    let Some(first) = originals.min_by_key(|copy| (copy.written, copy.coordinate.clone())) else { return };
    let first = first.coordinate.clone();
    for copy in copies.iter_mut().filter(|copy| copy.role == CopyRole::Original && copy.origin.is_none()) {
        if copy.coordinate != first {
            (copy.role, copy.tier) = (CopyRole::Duplicate, Tier::Scoped);
        }
    }
}

/// Finds records with the key and the value of an earlier one of their topic, by the record that repeats.
fn repeats(
    material: &Material<'_>,
    members: &BTreeMap<Coordinate, BTreeSet<Coordinate>>,
) -> BTreeMap<Coordinate, Coordinate> {
    let mut all: Vec<&Record> =
        material.records.iter().filter(|record| members.contains_key(&record.coordinate)).collect();
    all.retain(|record| record.key.is_some() && record.value.as_ref().is_some_and(|value| !value.is_empty()));
    let said = |record: &Record| (record.coordinate.topic.clone(), record.key.clone(), record.value.clone());
    all.sort_by(|a, b| (said(a), a.timestamp, &a.coordinate).cmp(&(said(b), b.timestamp, &b.coordinate)));
    let pairs = all.windows(2).filter(|pair| said(pair[0]) == said(pair[1]));
    let near = pairs.filter(|pair| pair[1].timestamp.since(pair[0].timestamp) <= TOGETHER);
    near.map(|pair| (pair[1].coordinate.clone(), pair[0].coordinate.clone())).collect()
}

fn producers(material: &Material<'_>) -> BTreeMap<Coordinate, SpanRow> {
    let (spans, index) = (material.spans, material.index);
    let mut found = BTreeMap::new();
    for row in index.order.iter().filter(|row| material.scope.spans[**row as usize]) {
        let span = spans.span(SpanRow(*row));
        if span.kind() == SpanKind::Producer
            && let Some(at) = index.coordinate(*row)
        {
            found.entry(at.clone()).or_insert(span.row());
        }
    }
    for record in material.records {
        let named = reads::traceparents(record).into_iter().next_back();
        if let Some(row) = named.and_then(|(trace, span, _)| index.find_in(spans, trace, span)) {
            let topic = reads::topic(spans.span(SpanRow(row)));
            if topic.is_none_or(|topic| topic == record.coordinate.topic) {
                found.entry(record.coordinate.clone()).or_insert(SpanRow(row));
            }
        }
    }
    found
}

/// A record written to a retry or dead-letter topic from inside the handling of a record of the topic it belongs to.
fn forwarded(spans: &SpanStore, index: &Index, producer: u32, at: &Coordinate) -> Option<Coordinate> {
    if reads::topic_hint(&at.topic) == TopicHint::Plain {
        return None;
    }
    let handled = index.ancestors(producer).find_map(|row| {
        let span = spans.span(SpanRow(row));
        if span.kind() == SpanKind::Consumer { index.coordinate(row) } else { None }
    })?;
    (handled != at && reads::are_related(&handled.topic, &at.topic)).then(|| handled.clone())
}

fn root(at: &Coordinate, origins: &BTreeMap<Coordinate, (Coordinate, Tier)>) -> Coordinate {
    let (mut root, mut seen) = (at, BTreeSet::new());
    while let Some((origin, _)) = origins.get(root) {
        // Headers can be forged into a circle: its least member stands for it.
        if !seen.insert(root) {
            return seen.into_iter().next().expect("a circle has members").clone();
        }
        root = origin;
    }
    root.clone()
}

fn copy(
    material: &Material<'_>,
    at: &Coordinate,
    producer: Option<&SpanRow>,
    origin: Option<&(Coordinate, Tier)>,
) -> RecordCopy {
    let number = material.records.iter().position(|record| record.coordinate == *at);
    let record = number.map(|number| &material.records[number]);
    let trail = record.map(reads::trail).unwrap_or_default();
    let role = match (reads::topic_hint(&at.topic), origin) {
        (TopicHint::DeadLetter, _) => CopyRole::DeadLetter,
        (TopicHint::Retry, _) => CopyRole::Retry,
        (TopicHint::Plain, Some(_)) if trail.attempt.is_some() || trail.due.is_some() => CopyRole::Retry,
        (TopicHint::Plain, _) => CopyRole::Original,
    };
    let span = producer.map(|row| material.spans.span(*row));
    let written = record.map(|record| record.timestamp).or_else(|| span.map(SpanView::start));
    RecordCopy {
        coordinate: at.clone(),
        role,
        written: written.unwrap_or_else(|| first_seen(material, at)),
        record: number.map(|number| number as u32),
        producer: producer.copied(),
        origin: origin.map(|(origin, _)| origin.clone()),
        // The last back-off time of a dead letter is when it failed; nothing is due there.
        due: trail.due.filter(|_| role == CopyRole::Retry),
        attempt: trail.attempt,
        exception: trail.exception.map(|class| SafeText::new(&class)),
        tier: origin.map_or(Tier::Exact, |(_, tier)| *tier),
        repeats: None,
        absence: record.is_none().then(|| absence(material, at)),
    }
}

fn first_seen(material: &Material<'_>, at: &Coordinate) -> Timestamp {
    let spans = material.spans.iter().filter(|span| material.scope.spans[span.row().0 as usize]);
    spans
        .filter(|span| material.index.coordinate(span.row().0) == Some(at))
        .map(SpanView::start)
        .min()
        .unwrap_or_default()
}

fn absence(material: &Material<'_>, at: &Coordinate) -> Absence {
    let start =
        material.queues.and_then(|queues| queues.partition(&at.topic, at.partition)).and_then(|place| place.start);
    let asked = material.asked.contains(&format!("record {at}"));
    match material
        .coverage
        .iter()
        .find(|coverage| coverage.source == SourceKind::Kafka)
        .map(|kafka| (kafka.reach, kafka.faults.is_empty()))
    {
        _ if is_withheld(material, at) => Absence::NotReachable,
        _ if start.is_some_and(|start| at.offset < start) => Absence::OutOfRetention,
        Some((Reach::None, _)) => Absence::NotReachable,
        Some((Reach::Full | Reach::Partial, _)) if asked => Absence::NotFound,
        _ => Absence::NotAsked,
    }
}

/// Says whether the cluster did not answer for the topic or partition of a record.
fn is_withheld(material: &Material<'_>, at: &Coordinate) -> bool {
    let notes = material.coverage.iter().filter(|coverage| coverage.source == SourceKind::Kafka);
    let mut withheld = notes
        .flat_map(|coverage| &coverage.notes)
        .filter(|note| matches!(note.kind, NoteKind::NotPermitted | NoteKind::PartMissing));
    let places = [at.to_string(), format!("{}-{}", at.topic, at.partition), at.topic.to_string()];
    withheld.any(|note| {
        let text = note.text.as_str();
        places.iter().any(|place| text.strip_prefix(place.as_str()).is_some_and(|rest| rest.starts_with(':')))
    })
}

fn key(material: &Material<'_>, copies: &[RecordCopy]) -> SafeText {
    let of_record = |copy: &RecordCopy| {
        let key = material.records[copy.record? as usize].key.as_ref()?;
        Some(SafeText::from_bytes(key))
    };
    let of_span = |copy: &RecordCopy| Some(SafeText::new(&reads::key(material.spans.span(copy.producer?))?));
    copies.iter().find_map(of_record).or_else(|| copies.iter().find_map(of_span)).unwrap_or_default()
}
