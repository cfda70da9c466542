//! Sends whose record is not known: a producer span that names no partition and offset, and nothing that points at it.

use super::journey::Material;
use super::reads;
use crate::model::journey::Message;
use crate::model::{SpanKind, SpanRow};
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use std::collections::BTreeMap;

/// Returns what was sent to Kafka and is no record of the story, by name of the span and service, with how often.
pub(super) fn sends(material: &Material<'_>, messages: &[Message]) -> BTreeMap<(String, String), u32> {
    let (spans, index) = (material.spans, material.index);
    let mut placed: HashSet<u32, FixedState> = HashSet::default();
    for message in messages {
        placed.extend(message.copies.iter().filter_map(|copy| copy.producer).map(|row| row.0));
        for row in message.deliveries.iter().filter_map(|delivery| delivery.span) {
            placed.extend(index.parent(row.0));
            placed.extend(spans.span(row).links().filter_map(|(trace, span)| index.find_in(spans, trace, span)));
        }
    }
    let mut found = BTreeMap::new();
    for row in index.order.iter().filter(|row| material.scope.spans[**row as usize] && !placed.contains(*row)) {
        let span = spans.span(SpanRow(*row));
        // A send that failed has perhaps written nothing.
        if span.kind() == SpanKind::Producer
            && index.coordinate(*row).is_none()
            && reads::is_of_kafka(span)
            && !reads::has_failed(span)
        {
            *found.entry((span.name().to_owned(), span.service().to_owned())).or_default() += 1;
        }
    }
    found
}
