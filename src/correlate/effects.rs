//! Side effects: which calls, statements and records change something, and whether that happened.

use super::index::{Index, sort_key};
use super::reads::{self, Lacks};
use super::scope::Scope;
use crate::model::journey::{Attempt, AttemptResult, EffectKind, EffectStatus, Journey, SideEffect};
use crate::model::spans::SpanView;
use crate::model::{SpanKind, SpanRow, SpanStore};
use foldhash::fast::FixedState;
use hashbrown::HashSet;

/// Statuses with which a proxy or a server says that it stopped waiting: what was behind it may have gone on.
const GAVE_UP: [i64; 4] = [408, 499, 502, 504];

/// Finds the side effects of a journey's calls and messages, by time.
pub(super) fn effects(spans: &SpanStore, index: &Index, scope: &Scope, journey: &Journey) -> Vec<SideEffect> {
    let mut found = Vec::new();
    let mut calls: HashSet<u32, FixedState> = HashSet::default();
    for operation in journey.operations(spans) {
        for attempt in operation.attempts() {
            let Some(row) = attempt.span.or_else(|| Some(attempt.executions().next()?.span)) else { continue };
            if is_write(spans.span(row)) {
                calls.insert(row.0);
                let status = of_call(&attempt, operation.peer(), spans);
                found.push(SideEffect { span: row, kind: EffectKind::Call, status });
            }
        }
    }
    // A record that was read, or whose place the producer was told, has arrived.
    let copies = journey.messages.iter().flat_map(|message| &message.copies);
    let read: HashSet<u32, FixedState> =
        copies.filter(|copy| copy.record.is_some()).filter_map(|copy| Some(copy.producer?.0)).collect();
    for row in index.order.iter().filter(|row| scope.spans[**row as usize] && !calls.contains(*row)) {
        let span = spans.span(SpanRow(*row));
        let effect = match span.kind() {
            SpanKind::Client if reads::db_verb(span).is_some_and(|verb| is_write_verb(&verb)) => {
                Some((EffectKind::Statement, of_answer(span)))
            }
            SpanKind::Producer => {
                let arrived = read.contains(row) || index.coordinate(*row).is_some();
                Some((EffectKind::Send, of_send(span, arrived)))
            }
            _ => None,
        };
        found.extend(effect.map(|(kind, status)| SideEffect { span: SpanRow(*row), kind, status }));
    }
    found.sort_by_key(|effect| sort_key(spans.span(effect.span)));
    found.shrink_to_fit();
    found
}

/// What ran at the callee knows better than the caller who may have stopped waiting.
fn of_call(attempt: &Attempt<'_>, peer: &str, spans: &SpanStore) -> EffectStatus {
    // A refusal is no failure of the server that answers with it.
    let refused = |row: SpanRow| reads::status_code(spans.span(row)).is_some_and(is_refusal);
    if attempt.span.is_some_and(refused) {
        return EffectStatus::Failed;
    }
    let answered = |result, row| if refused(row) { AttemptResult::Failed } else { result };
    let runs = attempt.answers(peer).map(|run| answered(run.result, run.span));
    match attempt.span {
        _ if runs.clone().any(|result| result == AttemptResult::Succeeded) => EffectStatus::Succeeded,
        _ if runs.clone().next().is_some() && runs.clone().all(|result| result == AttemptResult::Failed) => {
            EffectStatus::Failed
        }
        Some(row) if attempt.result != AttemptResult::Unknown => of_answer(spans.span(row)),
        _ => EffectStatus::Unknown,
    }
}

fn is_refusal(code: i64) -> bool {
    (400..500).contains(&code) && !GAVE_UP.contains(&code)
}

fn of_answer(span: SpanView<'_>) -> EffectStatus {
    match (reads::result(span), reads::status_code(span)) {
        (AttemptResult::Succeeded, _) => EffectStatus::Succeeded,
        (AttemptResult::Failed, Some(code)) if !GAVE_UP.contains(&code) => EffectStatus::Failed,
        // A statement's error is its answer; a call without a status may have been cut off at any point.
        (AttemptResult::Failed, None) if reads::request(span).0.is_none() || never_left(span) => EffectStatus::Failed,
        _ => EffectStatus::Unknown,
    }
}

fn of_send(span: SpanView<'_>, arrived: bool) -> EffectStatus {
    match reads::result(span) {
        _ if arrived => EffectStatus::Succeeded,
        AttemptResult::Failed => EffectStatus::Failed,
        AttemptResult::Succeeded if !reads::habits(span).lacks(Lacks::DeliveryFailure) => EffectStatus::Succeeded,
        _ => EffectStatus::Unknown,
    }
}

/// Says whether the request cannot have arrived: no connection came about.
fn never_left(span: SpanView<'_>) -> bool {
    let said = reads::error(span).unwrap_or_default().to_ascii_lowercase();
    ["refused", "connectexception", "unknownhost", "name or service not known", "nameresolution", "no such host"]
        .iter()
        .any(|word| said.contains(word))
}

/// Says whether a span changes something at its target.
pub(super) fn is_write(span: SpanView<'_>) -> bool {
    let of_request = reads::request(span).0.is_some_and(|method| is_write_verb(&method));
    of_request || reads::db_verb(span).is_some_and(|verb| is_write_verb(&verb))
}

fn is_write_verb(verb: &str) -> bool {
    const VERBS: [&str; 9] = ["POST", "PUT", "PATCH", "DELETE", "INSERT", "UPDATE", "MERGE", "UPSERT", "REPLACE"];
    VERBS.iter().any(|known| known.eq_ignore_ascii_case(verb))
}
