//! Counts: what attempts claim about their number, held against what was seen.

use super::journey::plural;
use crate::model::journey::{Attempt, Count, Delivery, Journey, Message, Operation, RecordCopy, Spread};
use crate::model::{Coordinate, SafeText, SpanStore};
use std::collections::BTreeMap;

/// Missing numbers that are listed.
const LISTED: usize = 6;

/// Says which attempts something claims and no span shows.
pub(super) fn missing(operation: Operation<'_>) -> Option<String> {
    let count = operation.count();
    if !count.is_short() {
        let sent = operation.sent()?;
        let seen = plural(count.seen as usize, "attempt");
        return Some(format!(
            "sent {sent} times by its own count, {seen} seen; what is missing may be redirects or logins as well as attempts"
        ));
    }
    // The first one of a numbered sequence carries no number.
    let mut seen: Vec<u32> = operation.attempts().map(|attempt| attempt.number.unwrap_or(attempt.ordinal)).collect();
    seen.sort_unstable();
    let mut lost = (1..=count.at_least).filter(|number| seen.binary_search(number).is_err());
    let listed: Vec<String> = lost.by_ref().take(LISTED).map(|number| number.to_string()).collect();
    let more = if lost.next().is_some() { " and more" } else { "" };
    Some(format!(
        "{count} by their own count, {} seen; not found: {}{more} (not sampled, expired or never written)",
        count.seen,
        listed.join(", ")
    ))
}

/// Says what was sent twice to be faster, and which attempts ran more than once behind a proxy.
pub(super) fn side_by_side(journey: &Journey, spans: &SpanStore) -> Vec<String> {
    let hedged = journey.operations(spans).filter(|operation| operation.hedges() > 0).count();
    let attempts = journey.operations(spans).flat_map(Operation::attempts);
    let hidden = attempts.filter(|attempt: &Attempt<'_>| attempt.spread == Spread::HiddenRetry);
    let (hidden, runs) = hidden.fold((0, 0), |(count, runs), attempt| (count + 1, runs + attempt.executions().len()));
    let mut parts = Vec::new();
    if hedged > 0 {
        parts.push(format!("{} hedged", plural(hedged, "call")));
    }
    if hidden > 0 {
        let (attempts, runs) = (plural(hidden, "attempt"), plural(runs, "execution"));
        parts.push(format!("{attempts} with {runs}: hidden retry or fan-out by a proxy"));
    }
    parts
}

/// Counts the deliveries of a message. The headers of a copy number the attempt that it is for, so one less came before it;
/// a delivery that says its number is that of its record to its reader.
pub(super) fn of_message(copies: &[RecordCopy], deliveries: &[Delivery]) -> Count {
    let mut readers: BTreeMap<(&Coordinate, &SafeText), (u32, u32)> = BTreeMap::new();
    for delivery in deliveries.iter().filter(|delivery| delivery.ordinal > 0) {
        let (seen, claimed) = readers.entry((&delivery.coordinate, delivery.reader())).or_default();
        (*seen, *claimed) = (*seen + 1, (*claimed).max(delivery.number.unwrap_or(0)));
    }
    let seen = readers.values().map(|(seen, _)| seen).sum();
    let told = readers.values().map(|(seen, claimed)| seen.max(claimed)).sum();
    let claimed = copies.iter().filter_map(|copy| copy.attempt).max().map_or(0, |attempt| attempt.saturating_sub(1));
    // Nothing bounds them from above: who reads a record leaves no mark on it.
    Count { seen, at_least: claimed.max(told), at_most: None }
}

/// Says which deliveries the headers of copies claim and no span shows. Where no delivery is seen at all, each record says
/// so itself.
pub(super) fn undelivered(message: &Message) -> Option<String> {
    let Count { seen, at_least, .. } = message.count;
    (seen > 0 && at_least > seen).then(|| format!("headers claim {at_least} deliveries, {seen} seen"))
}
