//! R04 hidden retries.
//!
//! # What it says
//! A proxy sent one request of a caller several times: the caller saw one attempt, the callee ran more.
//! # Why it matters
//! Nobody who reads the caller's code or its metrics knows of these runs, and a call that writes may be done twice.
//! # How it is judged
//! Runs of one operation at one service under one attempt, one after the other; a proxy's own count of attempts
//! (`x-envoy-attempt-count`, `retry.count`) where spans hold it.
//! # What it is mistaken for
//! Mirrored traffic, which runs at the same time; a gateway's fan-out to several operations; one run that both sides
//! report under one id.
//! # Unknown when
//! The trace store did not answer in full, an attempt has no run that is visible and nothing counts its requests, or runs
//! of one service lie side by side.

use crate::decode::attributes::claims;
use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{Attempt, AttemptResult, Fact, Operation, Spread};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, SafeText, Signal, SpanId, SpanRow, TraceId, Verdict};
use foldhash::fast::FixedState;
use std::collections::HashSet;

/// The rule.
pub const RULE: Rule =
    Rule { code: "R04", name: "hidden-retries", question: "Did a proxy try again behind the caller's back?", check };

fn check(case: &Case) -> Verdict {
    if case.journey.calls.is_empty() {
        return match clear_if_seen(case, &[Signal::Traces]) {
            Verdict::Clear => Verdict::NotApplicable,
            unknown => unknown,
        };
    }
    let (mut findings, mut beside, mut unseen) = (Vec::new(), None, 0);
    // A proxy with spans of its own calls in its own name, and is looked at as such.
    let attempts = case.operations().flat_map(Operation::attempts);
    let passed_on: HashSet<(TraceId, SpanId), FixedState> = attempts
        .filter_map(|attempt| attempt.span)
        .filter_map(|row| Some((case.spans.span(row).trace(), case.spans.span(row).parent()?)))
        .collect();
    let is_passed_on = |row: SpanRow| {
        let span = case.spans.span(row);
        passed_on.contains(&(span.trace(), span.id()))
    };
    for operation in case.operations() {
        findings.extend(by_spans_of_its_own(case, operation));
        for attempt in operation.attempts().filter(|attempt| attempt.span.is_some()) {
            let rows: Vec<SpanRow> = attempt.answers(operation.peer()).map(|run| run.span).collect();
            let counted = rows.iter().filter_map(|row| claims(case.spans.span(*row)).proxy).max().unwrap_or(0);
            if attempt.spread == Spread::HiddenRetry || counted > 1 {
                findings.push(hidden(operation, &attempt, &rows, counted));
            } else if attempt.spread == Spread::Parallel && rows.len() > 1 {
                beside.get_or_insert(operation);
            } else if rows.is_empty() && !attempt.span.is_some_and(is_passed_on) {
                unseen += 1;
            }
        }
    }
    if !findings.is_empty() {
        return Verdict::Findings(findings);
    }
    if let Some(operation) = beside {
        return Verdict::Unknown(SafeText::new(&format!(
            "runs of {} at {} lie side by side: mirrored, or sent again before the first was answered",
            operation.name(),
            operation.peer()
        )));
    }
    if unseen > 0 {
        return Verdict::Unknown(SafeText::new(&format!(
            "of {unseen} attempts no run at the callee is visible, and nothing counts what a proxy made of them"
        )));
    }
    clear_if_seen(case, &[Signal::Traces])
}

/// A proxy with spans of its own: an attempt with the number of its retry.
fn by_spans_of_its_own(case: &Case, operation: Operation<'_>) -> Option<Finding> {
    let rows: Vec<SpanRow> = operation.attempts().filter_map(|attempt| attempt.span).collect();
    let retried =
        rows.iter().filter_map(|row| claims(case.spans.span(*row)).retried).max().filter(|count| *count > 0)?;
    let sentence = format!(
        "{} sent {} to {} {} times, by its own count",
        operation.caller(),
        operation.name(),
        operation.peer(),
        retried + 1
    );
    Some(finding(operation, &sentence, Confidence::Confirmed, &rows))
}

fn hidden(operation: Operation<'_>, attempt: &Attempt<'_>, rows: &[SpanRow], counted: u32) -> Finding {
    let runs = rows.len().max(counted as usize);
    let seen = if rows.len() < runs { format!(", {} seen", rows.len()) } else { String::new() };
    let sentence = format!(
        "one attempt of {} at {} became {runs} runs at {}{seen}",
        operation.name(),
        operation.caller(),
        operation.peer()
    );
    // A proxy tries again what failed; runs after a good one may be something else.
    let count = attempt.answers(operation.peer()).count();
    let mut before = attempt.answers(operation.peer()).take(count.saturating_sub(1));
    let confidence = if counted > 1 {
        Confidence::Confirmed
    } else if before.all(|run| run.result != AttemptResult::Succeeded) {
        Confidence::Likely
    } else {
        Confidence::Possible
    };
    let mut evidence: Vec<SpanRow> = attempt.span.into_iter().collect();
    evidence.extend(rows);
    finding(operation, &sentence, confidence, &evidence)
}

fn finding(operation: Operation<'_>, sentence: &str, confidence: Confidence, rows: &[SpanRow]) -> Finding {
    let is_read = matches!(operation.name().split(' ').next(), Some("GET" | "HEAD" | "OPTIONS"));
    Finding {
        code: RULE.code,
        name: RULE.name,
        severity: if is_read || confidence == Confidence::Possible { Severity::Info } else { Severity::Warn },
        confidence,
        sentence: SafeText::new(sentence),
        evidence: rows.iter().map(|row| Fact::Span(*row)).collect(),
        refuted_by: SafeText::own("a gateway that fans out on purpose, or mirrored traffic"),
        next: SafeText::own("look at the proxy's retry policy for methods that may not be repeated"),
    }
}
