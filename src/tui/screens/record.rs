//! A record in full: what it tells of a failure, its headers, its key and value as what they are.

use super::describe::{MOST, fault, field, note, pair, title};
use crate::export::dead::fields;
use crate::export::record::lines as laid_out;
use crate::investigate::{contents, letter_of};
use crate::model::contents::{Content, Form};
use crate::model::{Record, SafeText, Timestamp};
use crate::tui::facts::Facts;
use crate::tui::look::{Role, Stripe};

/// Describes a record.
pub fn record(record: &Record, facts: &Facts, lines: &mut Vec<Stripe>) {
    let contents = contents(record);
    lines.push(title(format!("record {}", record.coordinate)));
    lines.push(field("written", format!("{} ({:?})", record.timestamp.date_clock(&facts.zone), record.clock)));
    if let Some(end) = record.transaction {
        lines.push(field("transaction", end.word()));
    }
    part("key", record.key.as_deref(), &contents.key, facts, lines);
    for header in record.headers.iter().take(MOST) {
        pair(facts, SafeText::from_bytes(&header.key).as_str(), header.shown().as_str(), lines);
    }
    part("value", record.value.as_deref(), &contents.value, facts, lines);
}

/// A key or a value: what it is, and below it the whole of it; a short text beside its name.
fn part(name: &'static str, bytes: Option<&[u8]>, content: &Content, facts: &Facts, lines: &mut Vec<Stripe>) {
    let Some(bytes) = bytes else {
        lines.push(field(name, if name == "value" { "null: a tombstone" } else { "null" }));
        return;
    };
    let told = laid_out(Some(bytes), content);
    if let (Form::Text, None, [line]) = (content.form, &content.schema, &told[..])
        && name == "key"
    {
        lines.push(field(name, facts.value(line.clone())));
        return;
    }
    lines.push(Stripe::of(name, Role::Title).and(format!("  {} bytes, {}", bytes.len(), content.words()), Role::Dim));
    let more = told.len().saturating_sub(MOST);
    lines.extend(told.into_iter().take(MOST).map(|line| Stripe::of(facts.value(line), Role::Text)));
    if more > 0 {
        lines.push(Stripe::of(format!("and {more} more lines; hopscope queue record shows all"), Role::Dim));
    }
}

/// Describes the record that was read of a partition: it, why there is none, or that it is on its way.
pub fn of_partition(facts: &Facts, (topic, partition): (&str, i32), lines: &mut Vec<Stripe>) {
    let is_of =
        |read: &&std::sync::Arc<crate::model::record::RecordRead>| read.wanted.partition() == (topic, partition);
    let Some(read) = facts.record.as_ref().filter(is_of) else {
        let text = if facts.is_reading_record {
            "reading the record"
        } else {
            "{open} shows the record that is read next, {time} another one"
        };
        lines.push(Stripe::of(facts.told(text), Role::Dim));
        return;
    };
    let keys = "{time} goes to another one: an offset, +1, -1, 15m ago, 03:07; {follow} follows this one";
    lines.push(Stripe::of(facts.told(keys), Role::Dim));
    lines.extend(read.faults.iter().flat_map(fault));
    lines.extend(read.notes.iter().map(note));
    let Some(found) = &read.record else { return };
    record(found, facts, lines);
    let queues = facts.now.as_ref().and_then(|now| now.queues.as_deref());
    if let Some(letter) = letter_of(found, queues) {
        lines.push(Stripe::default());
        let at = queues.map_or(Timestamp(0), |queues| queues.at);
        for (name, value) in fields(&letter, at, &facts.zone) {
            lines.push(field(name, if name == "reason" { facts.value(value) } else { value }));
        }
    }
    if let Some(request) = &read.request {
        lines.push(field("brought by", request.clone()));
    }
}
