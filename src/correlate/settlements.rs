//! Settlements: what became of each delivery. Copies, committed offsets, settle spans and log lines tell; spans of
//! handlers do not.

use super::journey::Material;
use super::reads::{self, Sign, SignKind};
use crate::model::journey::{CopyRole, Delivery, DeliveryResult, Message, RecordCopy, Remark, Settled, Settlement};
use crate::model::queue::{Group, GroupKind};
use crate::model::{Coordinate, Nanos, SafeText, SpanRow, Tier, Timestamp};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// For so long after the end of a delivery a line about its group's commit can be about this one: commits are made at the
/// next poll, or every few seconds.
const NEAR: Nanos = Nanos(30_000_000_000);

/// Lines that tell of commits and of records that were given up.
struct Lines {
    /// About a record.
    of_record: HashMap<Coordinate, Vec<Sign>, FixedState>,
    /// Refused commits and lost partitions by group, by time.
    of_group: BTreeMap<SafeText, Vec<Timestamp>>,
    /// What happened to consumers by group, by time.
    befallen: BTreeMap<SafeText, Vec<(Timestamp, Remark)>>,
}

/// Says what became of each delivery.
pub(super) fn settle(material: &Material<'_>, messages: &mut [Message]) {
    if messages.iter().all(|message| message.deliveries.is_empty()) {
        return;
    }
    let lines = lines(material, messages);
    for message in messages {
        let sent_on = sent_on(material, message);
        mark_overlaps(&mut message.deliveries);
        mark_cut_off(material, &mut message.deliveries);
        mark_moved(&mut message.deliveries, &lines);
        let alone = alone(&message.deliveries);
        for (at, is_alone) in alone.into_iter().enumerate() {
            let delivery = &message.deliveries[at];
            let copy = sent_on.get(&at).map(|(copy, tier)| (&message.copies[*copy], *tier));
            let settlement = settlement(material, delivery, copy, is_alone, &lines);
            let (failed, exception) =
                (has_failed(delivery, copy, &settlement), copy.and_then(|(copy, _)| copy.exception.clone()));
            let delivery = &mut message.deliveries[at];
            if failed {
                delivery.result = DeliveryResult::Failed;
                delivery.error = delivery.error.take().or(exception);
            }
            delivery.settlement = settlement;
        }
    }
}

/// Exception with which a listener of batches names the record that failed (Spring).
const NAMES_RECORD: &str = "BatchListenerFailedException";

/// Says whether a delivery whose span does not tell its end failed: a copy was written for it. Of a batch that was given up
/// every record is copied, those that were handled among them, unless the handler named the one that failed.
fn has_failed(delivery: &Delivery, copy: Option<(&RecordCopy, Tier)>, settlement: &Settlement) -> bool {
    if delivery.result != DeliveryResult::Unknown || delivery.remarks.contains(&Remark::CutOff) {
        return false;
    }
    let is_batch = delivery.remarks.contains(&Remark::Batch);
    match copy {
        Some((copy, tier)) => {
            let is_named = copy.exception.as_ref().is_some_and(|exception| exception.as_str().ends_with(NAMES_RECORD));
            tier < Tier::Inferred && (!is_batch || is_named)
        }
        None => !is_batch && matches!(settlement.state, Settled::DeadLetter(_)),
    }
}

fn settlement(
    material: &Material<'_>,
    delivery: &Delivery,
    copy: Option<(&RecordCopy, Tier)>,
    alone: bool,
    lines: &Lines,
) -> Settlement {
    let told = |state, by: String, tier| Settlement { state, by: SafeText::new(&by), tier };
    if delivery.result == DeliveryResult::NotDue {
        return told(Settled::Refused, "its listener span names the refusal".to_owned(), Tier::Exact);
    }
    if let Some((copy, tier)) = copy {
        let to = SafeText::new(&copy.coordinate.to_string());
        let state = if copy.role == CopyRole::DeadLetter { Settled::DeadLetter(to) } else { Settled::Retry(to) };
        let by = match tier {
            Tier::Exact => "the copy was written inside the delivery",
            Tier::Scoped | Tier::Inferred => "the copy names the record, and was written after this delivery began",
        };
        return told(state, by.to_owned(), tier);
    }
    if let Some(settled) = delivery.span.and_then(|row| by_settle_span(material, row)) {
        return settled;
    }
    for sign in lines.of_record.get(&delivery.coordinate).into_iter().flatten() {
        match sign.kind {
            SignKind::DeadLettered => {
                let to = SafeText::new(sign.name.as_deref().unwrap_or("a dead-letter topic"));
                return told(
                    Settled::DeadLetter(to),
                    "a log line says so; the copy was not seen".to_owned(),
                    Tier::Scoped,
                );
            }
            SignKind::RetriesExhausted | SignKind::Undeserialisable if delivery.result == DeliveryResult::Failed => {
                return told(Settled::Rejected, "a log line says that it was given up".to_owned(), Tier::Scoped);
            }
            _ => {}
        }
    }
    let end = delivery.start.plus(delivery.duration);
    let refused = delivery.group.as_ref().and_then(|group| lines.of_group.get(group)).is_some_and(|times| {
        let first = times.partition_point(|at| *at < delivery.start);
        times.get(first).is_some_and(|at| *at <= end.plus(NEAR))
    });
    if refused {
        // The line names the group and no record.
        let by = "a log line near its end says that a commit of the group was refused or its partitions were lost";
        return told(Settled::CommitRefused, by.to_owned(), Tier::Inferred);
    }
    by_commit(material, delivery, alone)
}

/// What the group's committed offset tells. It is known only as it was when it was read.
fn by_commit(material: &Material<'_>, delivery: &Delivery, alone: bool) -> Settlement {
    let unknown = |why: &str| Settlement::unknown(SafeText::new(why));
    let Some(queues) = material.queues else {
        return unknown("committed offsets were not read");
    };
    let Some(name) = &delivery.group else {
        let passed = queues.passed(&delivery.coordinate);
        return unknown(&format!("its span names no group; {passed} groups have committed behind the record"));
    };
    let known = queues.groups.iter().find(|group| SafeText::new(&group.id) == *name);
    let Some((group, committed)) = known.and_then(|group| Some((group, committed(group, &delivery.coordinate)?)))
    else {
        return unknown("no committed offset of its group is visible");
    };
    if group.kind == GroupKind::Share {
        return unknown("a share group acknowledges records one by one; its start offset does not tell which");
    }
    if committed <= delivery.coordinate.offset {
        let by = format!("the group's committed offset was {committed} when the queues were read");
        return Settlement { state: Settled::NotCommitted, by: SafeText::new(&by), tier: Tier::Exact };
    }
    if !alone {
        return unknown(&format!(
            "the group has committed {committed}, behind the record; which of its deliveries did so nothing tells"
        ));
    }
    let by = format!("the group's committed offset was {committed} when the queues were read");
    Settlement { state: Settled::Committed, by: SafeText::new(&by), tier: Tier::Scoped }
}

fn committed(group: &Group, at: &Coordinate) -> Option<i64> {
    let of = group.commits.iter().find(|commit| commit.topic == at.topic && commit.partition == at.partition);
    of.and_then(|commit| commit.committed)
}

/// A commit or a rejection with a span of its own under the delivery.
fn by_settle_span(material: &Material<'_>, row: SpanRow) -> Option<Settlement> {
    let mut below = material.index.children(row.0).iter().map(|row| material.spans.span(SpanRow(*row)));
    let span = below.rfind(|span| reads::is_settle(*span))?;
    let name = span.name().to_ascii_lowercase();
    let state = if ["nack", "reject"].iter().any(|word| name.contains(word)) {
        Settled::Rejected
    } else if reads::has_failed(span) {
        Settled::CommitRefused
    } else {
        Settled::Committed
    };
    let by = format!("span `{}` under the delivery", span.name());
    Some(Settlement { state, by: SafeText::new(&by), tier: Tier::Exact })
}

/// Says of each delivery whether it is the only one that can have committed: every other one of the same record to the same
/// group failed and did not run beside it.
fn alone(deliveries: &[Delivery]) -> Vec<bool> {
    let mut open: BTreeMap<(&Coordinate, &SafeText), (u32, usize)> = BTreeMap::new();
    for (at, delivery) in deliveries.iter().enumerate().filter(|(_, delivery)| may_commit(delivery)) {
        let entry = open.entry((&delivery.coordinate, delivery.reader())).or_insert((0, at));
        *entry = (entry.0 + u32::from(delivery.result != DeliveryResult::Failed), at);
    }
    let mut alone = vec![false; deliveries.len()];
    for (ends, last) in open.into_values() {
        // The last one committed if none before it can have: those failed and were delivered again.
        let own = u32::from(deliveries[last].result != DeliveryResult::Failed);
        alone[last] = ends == own && !deliveries[last].remarks.contains(&Remark::Overlaps);
    }
    alone
}

fn may_commit(delivery: &Delivery) -> bool {
    delivery.result != DeliveryResult::NotDue
}

/// Finds for each copy the delivery that wrote it, by the number of the delivery.
fn sent_on(material: &Material<'_>, message: &Message) -> BTreeMap<usize, (usize, Tier)> {
    let mut by_row: HashMap<u32, usize, FixedState> = HashMap::default();
    for (at, delivery) in message.deliveries.iter().enumerate() {
        by_row.extend(delivery.span.map(|row| (row.0, at)));
    }
    let mut found = BTreeMap::new();
    for (number, copy) in message.copies.iter().enumerate() {
        if !matches!(copy.role, CopyRole::Retry | CopyRole::DeadLetter) {
            continue;
        }
        let mut above = copy.producer.into_iter().flat_map(|row| material.index.ancestors(row.0));
        let writer = above.find_map(|row| by_row.get(&row).copied()).map(|at| (at, Tier::Exact));
        let writer = writer.or_else(|| latest_before(message, copy));
        if let Some((at, tier)) = writer {
            let better = |known: &(usize, Tier)| known.1 <= tier;
            if !found.get(&at).is_some_and(better) {
                found.insert(at, (number, tier));
            }
        }
    }
    found
}

/// Returns the last delivery that began before the copy was written. Headers name the first record, not the one before, so
/// with several candidates it is by time alone.
fn latest_before(message: &Message, copy: &RecordCopy) -> Option<(usize, Tier)> {
    copy.origin.as_ref()?;
    let earlier = |delivery: &Delivery| {
        may_commit(delivery)
            && delivery.result != DeliveryResult::Handled
            && delivery.coordinate != copy.coordinate
            && delivery.start <= copy.written
    };
    let mut all = message.deliveries.iter().enumerate().filter(|(_, delivery)| earlier(delivery));
    // Deliveries stand by their start.
    let last = all.next_back()?.0;
    let tier = if all.next().is_none() { Tier::Scoped } else { Tier::Inferred };
    Some((last, tier))
}

/// Marks deliveries of one record to one group that were under way at the same time.
fn mark_overlaps(deliveries: &mut [Delivery]) {
    let mut open: BTreeMap<(Coordinate, SafeText), (usize, Timestamp)> = BTreeMap::new();
    for at in 0..deliveries.len() {
        let delivery = &deliveries[at];
        if !may_commit(delivery) {
            continue;
        }
        let (start, end) = (delivery.start, delivery.start.plus(delivery.duration));
        let key = (delivery.coordinate.clone(), delivery.reader().clone());
        match open.get_mut(&key) {
            Some((before, until)) => {
                if start < *until {
                    let before = *before;
                    remark(&mut deliveries[before], Remark::Overlaps);
                    remark(&mut deliveries[at], Remark::Overlaps);
                }
                let entry = open.get_mut(&key).expect("it was there");
                if end > entry.1 {
                    *entry = (at, end);
                }
            }
            None => drop(open.insert(key, (at, end))),
        }
    }
}

/// Marks deliveries that were received and never worked on, while the record was received again: where the program makes
/// spans for its handlers, a handler that was killed has none.
fn mark_cut_off(material: &Material<'_>, deliveries: &mut [Delivery]) {
    let is_process = |delivery: &Delivery| {
        delivery.span.is_some_and(|row| reads::handling(material.spans.span(row)) == Some(reads::Handling::Process))
    };
    let mut later: BTreeMap<(Coordinate, SafeText), bool> = BTreeMap::new();
    for at in (0..deliveries.len()).rev() {
        let delivery = &deliveries[at];
        let handled = later.entry((delivery.coordinate.clone(), delivery.reader().clone())).or_default();
        let is_cut_off = *handled && delivery.result == DeliveryResult::Unknown && !is_process(delivery);
        *handled |= is_process(delivery);
        if is_cut_off {
            remark(&mut deliveries[at], Remark::CutOff);
        }
    }
}

/// Marks deliveries during which the consumer left its group, or the group was rebalanced.
fn mark_moved(deliveries: &mut [Delivery], lines: &Lines) {
    for delivery in deliveries.iter_mut().filter(|delivery| may_commit(delivery)) {
        let Some(said) = delivery.group.as_ref().and_then(|group| lines.befallen.get(group)) else { continue };
        let (first, end) =
            (said.partition_point(|(at, _)| *at < delivery.start), delivery.start.plus(delivery.duration));
        for (_, what) in said[first..].iter().take_while(|(at, _)| *at <= end) {
            remark(delivery, *what);
        }
    }
}

fn remark(delivery: &mut Delivery, remark: Remark) {
    if !delivery.remarks.contains(&remark) {
        delivery.remarks.push(remark);
    }
}

/// Reads the lines at hand, those about other things among them: a refused commit names neither a trace nor a record.
fn lines(material: &Material<'_>, messages: &[Message]) -> Lines {
    let all = || messages.iter().flat_map(|message| &message.deliveries);
    let first = all().map(|delivery| delivery.start).min().unwrap_or_default();
    let last = all().map(|delivery| delivery.start.plus(delivery.duration)).max().unwrap_or_default();
    let mut found = Lines { of_record: HashMap::default(), of_group: BTreeMap::new(), befallen: BTreeMap::new() };
    let near = material.lines.iter().filter(|line| first <= line.at() && line.at() <= last.plus(NEAR));
    for line in near {
        let Some(sign) = reads::sign(line) else { continue };
        match (sign.kind, &sign.group, &sign.at) {
            (SignKind::CommitRefused | SignKind::PartitionsLost, Some(group), _) => {
                found.of_group.entry(SafeText::new(group)).or_default().push(line.at());
            }
            (SignKind::PollTimeout, Some(group), _) => {
                found.befallen.entry(SafeText::new(group)).or_default().push((line.at(), Remark::Overran));
            }
            (SignKind::Rebalance | SignKind::Rejoin, Some(group), _) => {
                found.befallen.entry(SafeText::new(group)).or_default().push((line.at(), Remark::Rebalanced));
            }
            (_, _, Some(at)) => found.of_record.entry(at.clone()).or_default().push(sign),
            _ => {}
        }
    }
    found.of_group.values_mut().for_each(|times| times.sort_unstable());
    found.befallen.values_mut().for_each(|said| said.sort_unstable());
    found
}
