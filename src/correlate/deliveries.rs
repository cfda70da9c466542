//! Deliveries: which consumer span handed which record to which group, and the how-manieth time.

use super::index::{Index, sort_key};
use super::reads::{self, Handling, ProcessEnd, Quirk};
use super::scope::Scope;
use crate::model::journey::{Delivery, DeliveryResult, Remark, Settlement};
use crate::model::spans::SpanView;
use crate::model::{Coordinate, Record, SafeText, SpanId, SpanRow, SpanStore, Tier, TraceId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Finds the deliveries of the scope, by record, group and time.
pub(super) fn deliveries(spans: &SpanStore, records: &[Record], index: &Index, scope: &Scope) -> Vec<Delivery> {
    if scope.coordinates.is_empty() {
        return Vec::new();
    }
    let mut written: HashMap<(TraceId, SpanId), Coordinate> = HashMap::new();
    let mut groups: BTreeMap<Coordinate, SafeText> = BTreeMap::new();
    for record in records.iter().filter(|record| scope.coordinates.contains_key(&record.coordinate)) {
        // Copies made without an instrumented producer still name the span that wrote the original.
        let trail = reads::trail(record);
        let copied = trail.origin.is_some();
        for (trace, span, _) in reads::traceparents(record) {
            if copied {
                written.entry((trace, span)).or_insert_with(|| record.coordinate.clone());
            } else {
                written.insert((trace, span), record.coordinate.clone());
            }
        }
        if let (Some(origin), Some(group)) = (trail.origin, trail.group) {
            groups.insert(origin, SafeText::new(&group));
        }
    }
    // franz-go's kotel starts a trace of its own for the handler and links it to the receive span.
    let continued: HashSet<(TraceId, SpanId)> = spans
        .iter()
        .filter(|span| reads::handling(*span) == Some(Handling::Process))
        .flat_map(SpanView::links)
        .collect();
    let mut found = Vec::new();
    for row in index.order.iter().filter(|row| scope.spans[**row as usize]) {
        let span = spans.span(SpanRow(*row));
        let Some(handling) = reads::handling(span) else { continue };
        let is_processed = |row: &u32| reads::handling(spans.span(SpanRow(*row))) == Some(Handling::Process);
        let is_continued = continued.contains(&(span.trace(), span.id()));
        if handling == Handling::Receive && (is_continued || index.children(*row).iter().any(is_processed)) {
            continue;
        }
        let mut handled = coordinates(span, spans, index, &written);
        if handled.is_empty()
            && let Some(named) = scope.handled.get(row)
        {
            handled.extend(named.iter().map(|at| (at.clone(), Tier::Exact)));
        }
        for (coordinate, tier) in handled {
            if scope.coordinates.contains_key(&coordinate) {
                found.push(weighed(delivery(span, handling, coordinate, tier, is_of_batch(span, index)), span));
            }
        }
    }
    found.sort_by(|a, b| {
        let key = |delivery: &Delivery| delivery.span.map(|row| sort_key(spans.span(row)));
        (&a.coordinate, &a.group, key(a)).cmp(&(&b.coordinate, &b.group, key(b)))
    });
    name_groups(&mut found, &groups);
    let mut counts: BTreeMap<(Coordinate, SafeText), u32> = BTreeMap::new();
    for delivery in found.iter_mut().filter(|delivery| delivery.result != DeliveryResult::NotDue) {
        let count = counts.entry((delivery.coordinate.clone(), delivery.reader().clone())).or_default();
        *count += 1;
        delivery.ordinal = *count;
    }
    found
}

/// Says whether a span is about one of several records that end together.
fn is_of_batch(span: SpanView<'_>, index: &Index) -> bool {
    let is_marked_with_others = || {
        let above = index.parent(span.row().0).is_some_and(|parent| index.is_batch(parent));
        above && reads::habits(span).has(Quirk::BatchDurations)
    };
    index.is_batch(span.row().0) || is_marked_with_others()
}

/// Takes back that a record was handled where the span holds an exception: a program that makes the span itself records
/// the exception and may leave the status as it is, also when the handler failed.
fn weighed(mut delivery: Delivery, span: SpanView<'_>) -> Delivery {
    if delivery.result == DeliveryResult::Handled
        && let Some(exception) = reads::exception_without_failure(span)
    {
        delivery.result = DeliveryResult::Unknown;
        delivery.error = Some(SafeText::new(&exception));
    }
    delivery
}

/// Gives deliveries without a group the one that the headers of a copy name, unless another delivery of the record names
/// that group itself, or more than one service was handed it: then nothing tells which of them it was.
fn name_groups(deliveries: &mut [Delivery], named: &BTreeMap<Coordinate, SafeText>) {
    let mut nameless: BTreeMap<Coordinate, BTreeSet<SafeText>> = BTreeMap::new();
    let mut known: BTreeSet<(Coordinate, SafeText)> = BTreeSet::new();
    for delivery in deliveries.iter() {
        match &delivery.group {
            Some(group) => drop(known.insert((delivery.coordinate.clone(), group.clone()))),
            None => drop(nameless.entry(delivery.coordinate.clone()).or_default().insert(delivery.service.clone())),
        }
    }
    for delivery in deliveries.iter_mut().filter(|delivery| delivery.group.is_none()) {
        let at = &delivery.coordinate;
        let alone = nameless.get(at).is_some_and(|services| services.len() == 1);
        delivery.group =
            named.get(at).filter(|group| alone && !known.contains(&(at.clone(), (*group).clone()))).cloned();
    }
}

/// Returns the records a consumer span handles: by its own attributes, else by the producer span it links to or hangs on.
fn coordinates(
    span: SpanView<'_>,
    spans: &SpanStore,
    index: &Index,
    written: &HashMap<(TraceId, SpanId), Coordinate>,
) -> Vec<(Coordinate, Tier)> {
    if let Some(coordinate) = index.coordinate(span.row().0) {
        return vec![(coordinate.clone(), Tier::Exact)];
    }
    let topic = reads::topic(span);
    let parent = span.parent().map(|parent| (span.trace(), parent));
    let mut found: Vec<(Coordinate, Tier)> = Vec::new();
    for target in span.links().chain(parent) {
        let by_record = written.get(&target).cloned();
        let by_span = || index.coordinate(index.find_in(spans, target.0, target.1)?).cloned();
        let Some(coordinate) = by_record.or_else(by_span) else { continue };
        if topic.as_ref().is_none_or(|topic| *topic == coordinate.topic)
            && !found.iter().any(|(known, _)| *known == coordinate)
        {
            found.push((coordinate, Tier::Exact));
        }
    }
    found
}

fn delivery(span: SpanView<'_>, handling: Handling, coordinate: Coordinate, tier: Tier, is_of_batch: bool) -> Delivery {
    let (habits, failed) = (reads::habits(span), reads::has_failed(span));
    let ends_with_handler = matches!(habits.process_end, ProcessEnd::Handler | ProcessEnd::Program);
    let result = if reads::is_not_due(span) {
        DeliveryResult::NotDue
    } else if failed && !is_of_batch {
        DeliveryResult::Failed
    } else if failed || handling == Handling::Receive || !ends_with_handler {
        // A batch fails as a whole; and a span that ends before or behind its handler does not hold how that ended.
        DeliveryResult::Unknown
    } else {
        DeliveryResult::Handled
    };
    Delivery {
        coordinate,
        group: reads::group(span).map(|group| SafeText::new(&group)),
        service: SafeText::new(span.service()),
        ordinal: 0,
        number: reads::claims(span).delivery,
        span: Some(span.row()),
        start: span.start(),
        duration: span.duration(),
        result,
        error: if failed { reads::error(span).map(|error| SafeText::new(&error)) } else { None },
        settlement: Settlement::default(),
        remarks: remarks(span, handling, result, is_of_batch),
        tier,
    }
}

/// Returns what the span of a delivery says otherwise than it seems to, by the habits of its instrumentation.
fn remarks(span: SpanView<'_>, handling: Handling, result: DeliveryResult, is_of_batch: bool) -> Vec<Remark> {
    let (habits, process) = (reads::habits(span), handling == Handling::Process);
    let of = [
        (Remark::HoldsBackOff, habits.has(Quirk::HoldsBackOff) && result == DeliveryResult::Failed),
        (Remark::Buffered, habits.has(Quirk::ReceiveBuffers) && !process),
        (Remark::EndsAtNextPoll, habits.process_end == ProcessEnd::NextPoll && process),
        (Remark::Batch, is_of_batch),
        (Remark::BatchFailed, is_of_batch && reads::has_failed(span)),
    ];
    of.into_iter().filter(|(_, holds)| *holds).map(|(remark, _)| remark).collect()
}
