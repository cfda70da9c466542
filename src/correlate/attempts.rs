//! Calls: which client spans are attempts of one operation, what ran at the callee, and which layers enclose which.

use super::index::{Index, sort_key};
use super::reads;
use super::scope::Scope;
use crate::model::journey::{Attempt, AttemptResult, Execution, Grouping, Operation};
use crate::model::spans::SpanView;
use crate::model::{Nanos, SafeText, SpanKind, SpanRow, SpanStore};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Orphans looked at: with more of them whole parts of a trace are missing, not single client spans.
const UNSEEN: usize = 256;

/// Finds the calls of the scope, in order of their first attempt.
pub(super) fn operations(spans: &SpanStore, index: &Index, scope: &Scope) -> Vec<Operation> {
    let mut candidates: BTreeMap<Call, Vec<SpanView<'_>>> = BTreeMap::new();
    for row in index.order.iter().filter(|row| scope.spans[**row as usize]) {
        let span = spans.span(SpanRow(*row));
        if span.kind() == SpanKind::Client && is_call(span, spans, index) {
            candidates.entry(Call::of(span, index)).or_default().push(span);
        }
    }
    let mut operations: Vec<Operation> = candidates
        .into_values()
        .flat_map(|mut calls| {
            calls.sort_by_key(|span| sort_key(*span));
            group(&calls, spans, index)
        })
        .collect();
    add_unseen_callers(&mut operations, spans, index, scope);
    for operation in &mut operations {
        number(operation);
    }
    layers(&mut operations, spans, index);
    operations
        .sort_by(|a, b| (a.attempts[0].start, &a.caller, &a.name).cmp(&(b.attempts[0].start, &b.caller, &b.name)));
    operations
}

/// What two client spans must share to be candidates for one operation.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    trace: u128,
    parent: Option<u64>,
    service: SmolStr,
    method: SmolStr,
    url: Option<SmolStr>,
    peer: SmolStr,
}

impl Call {
    fn of(span: SpanView<'_>, _: &Index) -> Self {
        let (method, url) = reads::request(span);
        Self {
            trace: span.trace().0,
            parent: span.parent().map(|parent| parent.0),
            service: span.service().into(),
            method: method.unwrap_or_else(|| span.name().into()),
            peer: if url.is_some() { SmolStr::default() } else { reads::peer(span) },
            url,
        }
    }
}

/// Database and other client spans are work, not calls, unless a server answers or they speak HTTP or RPC.
fn is_call(span: SpanView<'_>, spans: &SpanStore, index: &Index) -> bool {
    let (method, url) = reads::request(span);
    method.is_some()
        || url.is_some()
        || reads::is_rpc(span)
        || index.children[span.row().0 as usize].iter().any(|row| spans.span(SpanRow(*row)).kind() == SpanKind::Server)
}

fn group(calls: &[SpanView<'_>], spans: &SpanStore, index: &Index) -> Vec<Operation> {
    let mut operations: Vec<(Operation, SpanView<'_>)> = Vec::new();
    for span in calls.iter().copied() {
        let attempt = attempt(span, spans, index);
        let joined = match operations.last() {
            Some((operation, last)) => joins(*last, span, operation.attempts.last().map(|attempt| attempt.result)),
            None => None,
        };
        match (joined, operations.last_mut()) {
            (Some(grouping), Some((operation, last))) => {
                // The weakest join decides how sure the whole group is.
                let known = operation.grouping;
                operation.grouping = if known == Grouping::Single { grouping } else { known.max(grouping) };
                operation.attempts.push(attempt);
                *last = span;
            }
            _ => operations.push((operation(span, attempt), span)),
        }
        if let (Some(count), Some((operation, _))) = (reads::resend_count(span), operations.last_mut()) {
            operation.claimed = operation.claimed.max(Some(count + 1));
        }
    }
    operations.into_iter().map(|(operation, _)| operation).collect()
}

/// Says whether `next` tries again what `last` failed to do, and how sure that is.
fn joins(last: SpanView<'_>, next: SpanView<'_>, result: Option<AttemptResult>) -> Option<Grouping> {
    if !matches!(result, Some(AttemptResult::Failed | AttemptResult::TimedOut)) {
        return None;
    }
    let overlap = last.end().since(next.start()).0;
    let shorter = last.duration().0.min(next.duration().0);
    // A twentieth of the shorter one is measuring noise; more means that both were under way: a hedge or a fan-out.
    if overlap > shorter / 20 {
        return None;
    }
    // 401 is answered by sending credentials, 3xx by a new address: neither is a retry of a failure.
    if reads::status_code(last).is_some_and(|code| code == 401 || (300..400).contains(&code)) {
        return None;
    }
    if reads::resend_count(next).is_some_and(|count| count > 0) {
        return Some(Grouping::Explicit);
    }
    match (reads::body_identity(last), reads::body_identity(next)) {
        (Some(a), Some(b)) if a != b => return None,
        _ => {}
    }
    Some(if reads::request(next).1.is_some() { Grouping::Strong } else { Grouping::Possible })
}

fn operation(span: SpanView<'_>, attempt: Attempt) -> Operation {
    let (method, url) = reads::request(span);
    let host = reads::peer(span);
    let path = url.as_deref().map(|url| url.split_once("//").map_or(url, |(_, rest)| rest));
    let name = match (&method, path) {
        (Some(method), Some(path)) => format!("{method} {path}"),
        (Some(method), None) => format!("{method} {host}"),
        (None, _) => span.name().to_owned(),
    };
    let peer = attempt.executions.first().map_or_else(|| SafeText::new(&host), |execution| execution.service.clone());
    Operation {
        caller: SafeText::new(span.service()),
        name: SafeText::new(name.trim()),
        peer,
        grouping: Grouping::Single,
        result: attempt.result,
        attempts: vec![attempt],
        claimed: None,
        layer: 0,
    }
}

fn attempt(span: SpanView<'_>, spans: &SpanStore, index: &Index) -> Attempt {
    let mut executions: Vec<SpanView<'_>> = index.children[span.row().0 as usize]
        .iter()
        .map(|row| spans.span(SpanRow(*row)))
        .filter(|child| child.kind() == SpanKind::Server)
        .collect();
    executions.sort_by_key(|span| sort_key(*span));
    let (result, status) = ending(span);
    Attempt {
        ordinal: 1,
        span: Some(span.row()),
        start: span.start(),
        duration: span.duration(),
        wait: None,
        result,
        status,
        executions: executions.into_iter().map(execution).collect(),
    }
}

fn execution(span: SpanView<'_>) -> Execution {
    let (result, status) = ending(span);
    Execution {
        span: span.row(),
        service: SafeText::new(span.service()),
        start: span.start(),
        duration: span.duration(),
        result,
        status,
    }
}

/// Returns how a span ended and in which words.
pub(super) fn ending(span: SpanView<'_>) -> (AttemptResult, SafeText) {
    let code = reads::status_code(span);
    let words = match (code, reads::error(span)) {
        (Some(code), _) => code.to_string(),
        (None, Some(error)) => {
            error.split(':').next().unwrap_or_default().rsplit('.').next().unwrap_or_default().to_owned()
        }
        (None, None) if reads::has_failed(span) => "error".to_owned(),
        (None, None) => "ok".to_owned(),
    };
    let result = if reads::has_timed_out(span) {
        AttemptResult::TimedOut
    } else if reads::has_failed(span) {
        AttemptResult::Failed
    } else {
        AttemptResult::Succeeded
    };
    (result, SafeText::new(&words))
}

/// Server spans whose parent exists nowhere, while another service's span encloses their start: calls whose client span
/// was never ended (a timed-out JDK client under the Java agent).
fn add_unseen_callers(operations: &mut Vec<Operation>, spans: &SpanStore, index: &Index, scope: &Scope) {
    let orphans = index.order.iter().filter(|row| scope.spans[**row as usize] && index.orphan[**row as usize]);
    for row in orphans.take(UNSEEN) {
        let span = spans.span(SpanRow(*row));
        if span.kind() != SpanKind::Server {
            continue;
        }
        let Some(caller) = enclosing(span, spans, index, scope) else { continue };
        let attempt = Attempt {
            ordinal: 1,
            span: None,
            start: span.start(),
            duration: span.duration(),
            wait: None,
            result: AttemptResult::Unknown,
            status: SafeText::own("no client span"),
            executions: vec![execution(span)],
        };
        let same = operations.iter_mut().find(|operation| {
            let runs = operation.attempts.iter().flat_map(|attempt| &attempt.executions);
            operation.caller.as_str() == caller.service()
                && runs.clone().any(|run| {
                    let other = spans.span(run.span);
                    other.trace() == span.trace() && other.service() == span.service() && other.name() == span.name()
                })
                && runs.clone().all(|run| run.start.plus(run.duration) <= span.start() || span.start() < run.start)
                // What follows a success is another call.
                && operation.attempts.iter().all(|known| known.result != AttemptResult::Succeeded || span.start() < known.start)
        });
        match same {
            Some(operation) => {
                operation.grouping = Grouping::Possible;
                operation.attempts.push(attempt);
                operation.attempts.sort_by_key(|attempt| attempt.start);
            }
            None => operations.push(Operation {
                caller: SafeText::new(caller.service()),
                name: SafeText::new(span.name()),
                peer: SafeText::new(span.service()),
                grouping: Grouping::Single,
                attempts: vec![attempt],
                claimed: None,
                layer: 0,
                result: AttemptResult::Unknown,
            }),
        }
    }
}

/// Returns the innermost span of another service of the same trace that was under way when `span` began.
fn enclosing<'a>(span: SpanView<'_>, spans: &'a SpanStore, index: &Index, scope: &Scope) -> Option<SpanView<'a>> {
    spans
        .iter()
        .filter(|other| {
            other.trace_number() == span.trace_number()
                && index.live[other.row().0 as usize]
                && scope.spans[other.row().0 as usize]
                && other.service() != span.service()
                && matches!(
                    other.kind(),
                    SpanKind::Server | SpanKind::Consumer | SpanKind::Internal | SpanKind::Unspecified
                )
                && other.start() <= span.start()
                && span.start() < other.end()
        })
        .max_by_key(|other| sort_key(*other))
}

fn number(operation: &mut Operation) {
    let mut before: Option<(crate::model::Timestamp, Nanos)> = None;
    for (at, attempt) in operation.attempts.iter_mut().enumerate() {
        attempt.ordinal = at as u32 + 1;
        attempt.wait = before.map(|(start, duration)| Nanos(attempt.start.since(start.plus(duration)).0.max(0)));
        before = Some((attempt.start, attempt.duration));
    }
    operation.result = operation.attempts.last().map_or(AttemptResult::Unknown, |attempt| attempt.result);
}

/// Counts for each operation the retrying operations around it, parents before children.
fn layers(operations: &mut [Operation], spans: &SpanStore, index: &Index) {
    let mut retried = vec![false; spans.len()];
    for operation in operations.iter().filter(|operation| operation.attempts.len() > 1) {
        for attempt in &operation.attempts {
            match attempt.span {
                Some(row) => retried[row.0 as usize] = true,
                None => attempt.executions.iter().for_each(|run| retried[run.span.0 as usize] = true),
            }
        }
    }
    let mut around = vec![0u16; spans.len()];
    for row in &index.order {
        if let Some(parent) = index.parent[*row as usize] {
            around[*row as usize] = around[parent as usize].saturating_add(u16::from(retried[parent as usize]));
        }
    }
    for operation in operations {
        let rows = operation.attempts.iter().filter_map(|attempt| attempt.span);
        operation.layer = rows.map(|row| around[row.0 as usize]).max().unwrap_or(0);
    }
}
