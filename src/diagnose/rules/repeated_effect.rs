//! R09 repeated effect.
//!
//! # What it says
//! The same writing call succeeded more than once for one wish: a customer may be charged twice.
//! # Why it matters
//! The harm is outside the system and has to be put right by hand.
//! # How it is judged
//! Writing HTTP calls with the same method, address and business key that ran at the callee to a good end twice or more,
//! whatever the caller saw. A timed-out attempt whose run at the callee succeeded counts. Without a business key it is
//! only possible.
//! # What it is mistaken for
//! A callee that recognises the repeat and answers without doing the work again; effects of different items.
//! # Unknown when
//! The trace store did not answer in full, or the runs at the callee of a repeated writing call are not visible.

use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{AttemptResult, Fact, Operation};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, SafeText, Signal, SpanRow, Verdict};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Attributes that hold the key of an effect.
const KEYS: [&str; 8] = [
    "http.request.header.idempotency-key",
    "http.request.header.idempotency_key",
    "idempotency.key",
    "idempotency_key",
    "payment.id",
    "order.id",
    "order_id",
    "orderId",
];

/// The rule.
pub const RULE: Rule =
    Rule { code: "R09", name: "repeated-effect", question: "Did the same effect happen twice?", check };

/// Peer, call and business key of an effect; without a key the number of its operation, which it cannot leave.
type Effect<'a> = (&'a str, &'a str, Option<usize>, Option<SafeText>);

fn check(case: &Case) -> Verdict {
    let writes: Vec<Operation<'_>> = case.operations().filter(|operation| is_write(*operation)).collect();
    if writes.is_empty() {
        return match clear_if_seen(case, &[Signal::Traces]) {
            Verdict::Clear => Verdict::NotApplicable,
            unknown => unknown,
        };
    }
    let mut runs: BTreeMap<Effect<'_>, Vec<SpanRow>> = BTreeMap::new();
    let mut unseen = false;
    for (number, operation) in writes.iter().enumerate() {
        for attempt in operation.attempts() {
            let timed_out = attempt.result == AttemptResult::TimedOut;
            let mut executions = attempt.executions();
            let is_alone = executions.len() == 0;
            unseen |= is_alone && timed_out && operation.is_retried();
            let mut done: Vec<SpanRow> =
                executions.by_ref().filter(|run| run.result == AttemptResult::Succeeded).map(|run| run.span).collect();
            if is_alone && attempt.result == AttemptResult::Succeeded {
                done.extend(attempt.span);
            }
            for row in done {
                let key = key_of(case, row).or_else(|| key_of(case, attempt.span?));
                // Without a key only the runs of one operation can be the same effect.
                let alone = key.is_none().then_some(number);
                runs.entry((operation.peer(), operation.name(), alone, key)).or_default().push(row);
            }
        }
    }
    runs.retain(|_, rows| rows.len() > 1);
    let above = if runs.is_empty() { HashSet::new() } else { above(case, runs.values().flatten()) };
    // A run that only passed on to a callee whose runs are repeated too is the same effect, told where it was done.
    runs.retain(|_, rows| !rows.iter().all(|row| above.contains(row)));
    let findings: Vec<Finding> = runs
        .into_iter()
        .map(|((peer, name, alone, key), rows)| {
            let name = alone.map_or_else(|| name.to_owned(), |number| format!("{name} {number}"));
            let with = key.as_ref().map_or(" without a visible business key".to_owned(), |key| format!(" for {key}"));
            Finding {
                code: RULE.code,
                name: RULE.name,
                severity: if key.is_some() { Severity::Critical } else { Severity::Warn },
                confidence: if key.is_some() { Confidence::Likely } else { Confidence::Possible },
                sentence: SafeText::new(&format!("{} runs of {name} at {peer} succeeded{with}", rows.len())),
                evidence: rows.into_iter().map(Fact::Span).collect(),
                refuted_by: SafeText::own("the callee recognised the repeat: equal result ids, or a line that says so"),
                next: SafeText::own(
                    "compare the result ids at the callee and reconcile; check that the key is passed on",
                ),
            }
        })
        .collect();
    if !findings.is_empty() {
        return Verdict::Findings(findings);
    }
    if unseen {
        return Verdict::Unknown(SafeText::own(
            "a writing call timed out and was tried again; what ran at the callee is not visible",
        ));
    }
    clear_if_seen(case, &[Signal::Traces])
}

/// Returns the spans above the given ones.
fn above<'a>(case: &Case, rows: impl Iterator<Item = &'a SpanRow>) -> HashSet<SpanRow> {
    let known: HashMap<_, _> = case.spans.iter().map(|span| ((span.trace(), span.id()), span.row())).collect();
    let mut above = HashSet::new();
    for row in rows {
        let mut span = case.spans.span(*row);
        while let Some(parent) = span.parent().and_then(|parent| known.get(&(span.trace(), parent))) {
            // What is above this one was found from another row, or parents run in a circle.
            if !above.insert(*parent) {
                break;
            }
            span = case.spans.span(*parent);
        }
    }
    above
}

fn is_write(operation: Operation<'_>) -> bool {
    let verb = operation.name().split(' ').next().unwrap_or_default();
    matches!(verb, "POST" | "PUT" | "PATCH" | "DELETE")
}

fn key_of(case: &Case, row: SpanRow) -> Option<SafeText> {
    let span = case.spans.span(row);
    KEYS.iter().find_map(|name| span.attribute(name)).map(|value| SafeText::new(&value.text()))
}
