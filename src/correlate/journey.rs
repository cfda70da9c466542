//! The journey: puts operations, messages, rows and gaps together, says how it ended and sums it up.

use super::index::Index;
use super::scope::Scope;
use super::wording::Wording;
use super::{attempts, clocks, counts, deliveries, effects, messages, reads, rows, tries, unplaced};
use crate::model::coverage::weakest;
use crate::model::journey::{
    AttemptResult, CopyRole, Delivery, DeliveryResult, Gap, Grouping, Journey, Message, Operation, Outcome, Remark,
    Settled,
};
use crate::model::{
    Absence, Coordinate, LineStore, QueueState, Reach, Record, SafeText, Signal, SourceCoverage, SpanKind, SpanRow,
    SpanStore, Timestamp, TraceId,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a journey is built from.
pub(super) struct Material<'a> {
    pub now: Timestamp,
    pub spans: &'a SpanStore,
    pub lines: &'a LineStore,
    /// By coordinate.
    pub records: &'a [Record],
    pub queues: Option<&'a QueueState>,
    pub coverage: &'a [SourceCoverage],
    /// Keys of the questions that were asked.
    pub asked: &'a BTreeSet<String>,
    pub index: &'a Index,
    pub scope: &'a Scope,
}

/// Builds the journey.
pub(super) fn build(material: &Material<'_>) -> Journey {
    let mut wording = Wording::default();
    let mut calls = attempts::operations(material.spans, material.index, material.scope, &mut wording);
    tries::listen(material, &mut calls);
    let deliveries = deliveries::deliveries(material.spans, material.records, material.index, material.scope);
    let messages = messages::messages(material, &deliveries);
    let mut journey = Journey { calls, messages, words: std::mem::take(&mut wording.words), ..Journey::default() };
    journey.traces = traces(material);
    journey.effects = effects::effects(material.spans, material.index, material.scope, &journey);
    journey.clocks = clocks::doubts(material);
    let unplaced = unplaced::sends(material, &journey.messages);
    journey.gaps = gaps(material, &journey, &unplaced);
    journey.outcome = match outcome(material, &journey) {
        // What became of a record that nobody can point at is not known.
        Outcome::Succeeded | Outcome::SucceededAfterRetries if !unplaced.is_empty() => Outcome::Unknown,
        outcome => outcome,
    };
    journey.summary = summary(material.spans, &journey);
    wording.words = std::mem::take(&mut journey.words);
    journey.rows = rows::rows(material, &journey, &mut wording);
    journey.words = wording.words;
    journey.words.settle();
    journey
}

fn traces(material: &Material<'_>) -> Vec<TraceId> {
    let mut first: Vec<Option<Timestamp>> = vec![None; material.spans.traces().len()];
    for span in material.spans.iter().filter(|span| material.scope.spans[span.row().0 as usize]) {
        let at = &mut first[span.trace_number() as usize];
        *at = Some(at.map_or(span.start(), |at| at.min(span.start())));
    }
    let mut traces: Vec<_> = first.into_iter().zip(material.spans.traces()).filter(|(at, _)| at.is_some()).collect();
    traces.sort_unstable();
    traces.into_iter().map(|(_, trace)| trace).collect()
}

fn gaps(material: &Material<'_>, journey: &Journey, unplaced: &BTreeMap<(String, String), u32>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    // Of several sources of traces, the one that answered least says what is not known.
    let traces = weakest(material.coverage, Signal::Traces).map(|coverage| (coverage.source, coverage.reach));
    let mut gap = |what: String, reason: Absence, detail: String| {
        gaps.push(Gap { what: SafeText::new(&what), reason, detail: SafeText::new(&detail) });
    };
    for SourceCoverage { source, reach, .. } in material.coverage {
        match reach {
            Reach::None => gap(
                format!("everything in {source}"),
                Absence::NotReachable,
                format!("{source} did not answer; what only it knows is missing here"),
            ),
            // Another store of the same signal is configured.
            Reach::NotConfigured
                if weakest(material.coverage, source.signal()).map(|one| one.source) != Some(*source) => {}
            Reach::NotConfigured => {
                gap(format!("everything in {source}"), Absence::NotAsked, format!("{source} is not configured"));
            }
            Reach::Full | Reach::Partial | Reach::NotAsked => {}
        }
    }
    for (trace, (why, sampled)) in &material.scope.traces {
        if journey.traces.contains(trace) {
            continue;
        }
        let asked = material.asked.contains(&format!("trace {trace}"));
        // Only a line leads to a trace of which nothing hangs together with what was asked about.
        if let Some(number) = material.spans.trace_number(*trace) {
            let count = material.spans.iter().filter(|span| span.trace_number() == number).count();
            gap(
                format!("the part of trace {trace}"),
                Absence::NotFound,
                format!("which of its {} are about this none of them says ({why})", plural(count, "span")),
            );
            continue;
        }
        match traces {
            _ if !sampled => gap(
                format!("trace {trace}"),
                Absence::NotInstrumented,
                format!("not sampled: its traceparent says that it was not kept ({why})"),
            ),
            Some((source, Reach::None)) => {
                gap(format!("trace {trace}"), Absence::NotReachable, format!("{source} did not answer ({why})"));
            }
            _ if asked => gap(
                format!("trace {trace}"),
                Absence::NotFound,
                format!("not sampled, expired and never written look alike ({why})"),
            ),
            _ => gap(format!("trace {trace}"), Absence::NotAsked, format!("named but not asked for ({why})")),
        }
    }
    for copy in journey.messages.iter().flat_map(|message| &message.copies) {
        if let Some(reason) = copy.absence {
            let why = material.scope.coordinates.get(&copy.coordinate).map_or("", SafeText::as_str);
            gap(format!("record {}", copy.coordinate), reason, format!("the record itself could not be read ({why})"));
        }
    }
    for message in &journey.messages {
        for copy in message.copies.iter().filter(|copy| copy.role != CopyRole::DeadLetter) {
            let own = || message.deliveries.iter().filter(|delivery| delivery.coordinate == copy.coordinate);
            if traces.map(|(_, reach)| reach) != Some(Reach::Full) || is_waiting(material, message, &copy.coordinate) {
                continue;
            }
            // Deliveries without a group may be those of several groups.
            let named: BTreeSet<&SafeText> = own().filter_map(|delivery| delivery.group.as_ref()).collect();
            let seen = named.len() + own().filter(|delivery| delivery.group.is_none()).count();
            let passed = material.queues.map_or(0, |queues| queues.passed(&copy.coordinate));
            let detail = match (seen, passed) {
                (0, 0) => "no consumer span names this record or links to its producer span".to_owned(),
                (0, _) => {
                    "a group committed an offset behind it, but no span tells of it: not sampled, not instrumented, or in a \
                     batch whose span names no record"
                        .to_owned()
                }
                (seen, passed) if seen < passed => format!(
                    "{passed} groups committed an offset behind it, and spans tell of {seen}: not sampled, not instrumented, \
                     or in a batch whose span names no record"
                ),
                _ => continue,
            };
            gap(format!("deliveries of {}", copy.coordinate), Absence::NotFound, detail);
        }
    }
    for message in &journey.messages {
        let first = message.copies.first().map_or_else(String::new, |copy| copy.coordinate.to_string());
        if let Some(detail) = counts::undelivered(message) {
            gap(format!("deliveries of {first} and its copies"), Absence::NotFound, detail);
        }
    }
    for row in material
        .index
        .order
        .iter()
        .filter(|row| material.scope.spans[**row as usize] && material.index.is_orphan(**row))
    {
        let span = material.spans.span(SpanRow(*row));
        let id = span.parent().map_or_else(String::new, |id| id.to_string());
        let detail =
            format!("the trace holds no span {id}: never ended, not exported, lost with its process or not sampled");
        gap(format!("parent of `{}` in {}", span.name(), span.service()), Absence::NotFound, detail);
    }
    for part in &material.scope.parts {
        if part.orphans > 0 {
            let what = format!("parents of {} in trace {}", plural(part.orphans, "span"), part.trace);
            let detail = "the trace holds no spans with these ids, and nothing else joins what they called to this: whether it \
                          belongs here is not known";
            gap(what, Absence::NotFound, detail.to_owned());
        }
    }
    for operation in journey.operations(material.spans) {
        if let Some(detail) = counts::missing(operation) {
            gap(format!("attempts of {}", operation.name()), Absence::NotFound, detail);
        }
    }
    for ((name, service), count) in unplaced {
        let what = if *count == 1 { "record".to_owned() } else { plural(*count as usize, "record") };
        let detail = "the span names no partition and offset, and nothing read here names the span; a search by the \
                      record's key or another id in it may find it";
        gap(format!("{what} written by `{name}` in {service}"), Absence::NotFound, detail.to_owned());
    }
    gaps
}

fn is_committed(material: &Material<'_>, at: &Coordinate) -> bool {
    material.queues.is_some_and(|queues| queues.passed(at) > 0)
}

/// Says whether the reader of a delivery has committed behind its record: its group, or, where the span names none, as many
/// groups as there are readers without a name.
fn went_on(material: &Material<'_>, message: &Message, delivery: &Delivery) -> bool {
    let Some(queues) = material.queues else { return false };
    let at = &delivery.coordinate;
    if let Some(group) = &delivery.group {
        return queues.has_passed(|known| SafeText::new(known) == *group, at);
    }
    let own = || message.deliveries.iter().filter(|other| other.coordinate == *at);
    let named: BTreeSet<&SafeText> = own().filter_map(|other| other.group.as_ref()).collect();
    let nameless: BTreeSet<&SafeText> =
        own().filter(|other| other.group.is_none()).map(|other| &other.service).collect();
    let passed = named.iter().filter(|group| queues.has_passed(|known| SafeText::new(known) == ***group, at)).count();
    queues.passed(at) >= passed + nameless.len()
}

fn is_waiting(material: &Material<'_>, message: &Message, at: &Coordinate) -> bool {
    let delivered = message
        .deliveries
        .iter()
        .any(|delivery| delivery.coordinate == *at && delivery.result != DeliveryResult::NotDue);
    let is_retry = message.copies.iter().any(|copy| copy.coordinate == *at && copy.role == CopyRole::Retry);
    is_retry && !delivered && !is_committed(material, at)
}

fn outcome(material: &Material<'_>, journey: &Journey) -> Outcome {
    let messages = &journey.messages;
    if messages.iter().any(|message| message.copies.iter().any(|copy| copy.role == CopyRole::DeadLetter)) {
        return Outcome::DeadLettered;
    }
    for message in messages {
        if let Some(copy) = message.copies.iter().rev().find(|copy| is_waiting(material, message, &copy.coordinate)) {
            return Outcome::Waiting { due: copy.due };
        }
    }
    let ended = root_ending(material);
    let failed = matches!(ended, Some(AttemptResult::Failed | AttemptResult::TimedOut));
    let mut again = journey
        .operations(material.spans)
        .any(|operation| operation.is_retried() && !operation.is_of_batch() && is_again(operation));
    let mut open: BTreeSet<Open> = BTreeSet::new();
    for message in messages {
        again |= message.deliveries.iter().any(|delivery| delivery.ordinal > 1) || message.copies.len() > 1;
        let run = || message.deliveries.iter().filter(|delivery| delivery.result != DeliveryResult::NotDue);
        // Deliveries stand by their start: the last one of each record to each reader.
        let last: BTreeMap<(&Coordinate, &SafeText), &Delivery> =
            run().map(|delivery| ((&delivery.coordinate, delivery.reader()), delivery)).collect();
        // A request that was answered with an error has failed, whatever is still told about its messages.
        if !failed {
            open.extend(last.values().filter_map(|last| open_end(material, message, last)));
        }
        if last.is_empty() && !failed {
            let traces = weakest(material.coverage, Signal::Traces);
            let known = traces.is_some_and(|traces| matches!(traces.reach, Reach::Full)) && material.queues.is_some();
            let read = message.copies.iter().any(|copy| is_committed(material, &copy.coordinate));
            open.insert(if known && !read { Open::InProgress } else { Open::Unknown });
        }
    }
    match open.first() {
        Some(Open::Failed) => return Outcome::Failed,
        Some(Open::Blocked) => return Outcome::Blocked,
        Some(Open::InProgress) => return Outcome::InProgress,
        Some(Open::Unknown) => return Outcome::Unknown,
        None => {}
    }
    let unread = |reason: Absence| matches!(reason, Absence::NotReachable);
    let unseen = messages.iter().all(|message| message.deliveries.is_empty())
        && (messages.is_empty() || journey.gaps.iter().any(|gap| unread(gap.reason)));
    // Without the trace in which it began, the good end of one consumer says little.
    let lost = material.scope.traces.keys().any(|trace| !journey.traces.contains(trace));
    match ended {
        Some(AttemptResult::Failed | AttemptResult::TimedOut) => Outcome::Failed,
        Some(AttemptResult::Unknown) | None if unseen || lost => Outcome::Unknown,
        Some(_) | None if again => Outcome::SucceededAfterRetries,
        Some(_) | None => Outcome::Succeeded,
    }
}

/// Says whether several attempts are a repetition: of a group by shape alone those that led to a good end.
fn is_again(operation: Operation<'_>) -> bool {
    operation.grouping() != Grouping::Possible || operation.result() == AttemptResult::Succeeded
}

/// What stands in the way of a good end, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    Failed,
    Blocked,
    InProgress,
    Unknown,
}

/// Says what the last delivery of a record to a reader leaves open.
fn open_end(material: &Material<'_>, message: &Message, last: &Delivery) -> Option<Open> {
    let is_sent_on = || {
        let mut later = message.copies.iter().filter(|copy| copy.role == CopyRole::Retry);
        matches!(last.settlement.state, Settled::Retry(_))
            || later.any(|copy| copy.coordinate != last.coordinate && copy.written >= last.start)
    };
    let went_on = || went_on(material, message, last);
    match last.result {
        DeliveryResult::Handled | DeliveryResult::NotDue => None,
        _ if is_sent_on() => None,
        DeliveryResult::Failed if went_on() => Some(Open::Failed),
        DeliveryResult::Failed => {
            let same = message.deliveries.iter().filter(|delivery| {
                delivery.coordinate == last.coordinate
                    && delivery.reader() == last.reader()
                    && delivery.result == DeliveryResult::Failed
            });
            Some(if same.count() >= 3 { Open::Blocked } else { Open::InProgress })
        }
        // It may have been given up: something went wrong in its span.
        DeliveryResult::Unknown if last.error.is_some() || last.remarks.contains(&Remark::BatchFailed) => {
            Some(Open::Unknown)
        }
        // A program without process spans leaves no end, but its commit shows that it went on.
        DeliveryResult::Unknown if went_on() => None,
        DeliveryResult::Unknown if material.queues.is_none() => Some(Open::Unknown),
        DeliveryResult::Unknown => Some(Open::InProgress),
    }
}

/// How the request from outside ended: the first root span of the scope that speaks for work and not for a queue.
fn root_ending(material: &Material<'_>) -> Option<AttemptResult> {
    let index = material.index;
    let mut roots = index
        .order
        .iter()
        .filter(|row| material.scope.spans[**row as usize] && index.parent(**row).is_none())
        .map(|row| material.spans.span(SpanRow(*row)))
        .filter(|span| {
            matches!(span.kind(), SpanKind::Server | SpanKind::Internal | SpanKind::Client | SpanKind::Unspecified)
        });
    roots.find(|span| !index.is_orphan(span.row().0)).map(reads::result)
}

fn summary(spans: &SpanStore, journey: &Journey) -> SafeText {
    let mut parts = Vec::new();
    let retried = journey.operations(spans).filter(|operation| operation.is_retried() && !operation.is_of_batch());
    let mut peers: BTreeMap<&str, usize> = BTreeMap::new();
    for operation in retried.clone() {
        let runs = operation.attempts().flat_map(|attempt| attempt.answers(operation.peer()));
        *peers.entry(operation.peer()).or_default() += runs.count();
    }
    let most = retried.clone().map(Operation::tries).max();
    let layers: BTreeSet<u16> = retried.clone().map(Operation::layer).collect();
    if let Some(most) = most {
        let sure = retried.clone().all(|operation| operation.grouping() == Grouping::Possible);
        let possible = if sure { "possibly " } else { "" };
        let deepest = retried.max_by_key(|operation| (operation.layer(), operation.executions()));
        let leaf = deepest.map(|operation| (operation.peer(), peers[operation.peer()]));
        let runs = leaf
            .filter(|(_, count)| *count > 0)
            .map(|(peer, count)| format!(", {} at {peer}", plural(count, "execution")));
        parts.push(format!(
            "{possible}{most} attempts in {}{}",
            plural(layers.len(), "layer"),
            runs.unwrap_or_default()
        ));
    }
    parts.extend(counts::side_by_side(journey, spans));
    for message in journey.messages.iter().take(3) {
        let mut counts: BTreeMap<(&Coordinate, &SafeText), u32> = BTreeMap::new();
        for delivery in message.deliveries.iter().filter(|delivery| delivery.ordinal > 0) {
            *counts.entry((&delivery.coordinate, delivery.reader())).or_default() += 1;
        }
        for ((at, reader), count) in counts.iter().take(4) {
            parts.push(format!(
                "record {at} delivered {} to {reader}",
                if *count == 1 { "once".to_owned() } else { format!("{count} times") }
            ));
        }
        if let Some(copy) = message.copies.iter().find(|copy| copy.role == CopyRole::DeadLetter) {
            parts.push(format!("dead-lettered at {}", copy.coordinate));
        }
    }
    if parts.is_empty() {
        parts.push(format!("{}, {}", plural(journey.calls.len(), "call"), plural(journey.messages.len(), "message")));
    }
    SafeText::new(&format!("{}: {}", journey.outcome.words(), parts.join("; ")))
}

/// Writes a count with its noun.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
