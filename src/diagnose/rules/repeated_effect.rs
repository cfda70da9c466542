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
use crate::model::journey::{Attempt, AttemptResult, Fact, Operation};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, SafeText, Signal, SpanRow, Verdict};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;

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
    if writes(case).next().is_none() {
        return match clear_if_seen(case, &[Signal::Traces]) {
            Verdict::Clear => Verdict::NotApplicable,
            unknown => unknown,
        };
    }
    let mut runs = repeated(case);
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
    if writes(case).any(is_unseen) {
        return Verdict::Unknown(SafeText::own(
            "a writing call timed out and was tried again; what ran at the callee is not visible",
        ));
    }
    clear_if_seen(case, &[Signal::Traces])
}

/// Returns the effects that were done more than once, and where.
fn repeated(case: &Case) -> BTreeMap<Effect<'_>, Vec<SpanRow>> {
    // Most writes are done once and say nothing: at first a number of each is all that is kept.
    let hasher = FixedState::default();
    let mut once: Vec<u64> = Vec::new();
    each_effect(case, |effect, _| once.push(hasher.hash_one(effect)));
    once.sort_unstable();
    let again: HashSet<u64> = once.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    drop(once);
    let mut runs: BTreeMap<Effect<'_>, Vec<SpanRow>> = BTreeMap::new();
    if !again.is_empty() {
        each_effect(case, |effect, row| {
            if again.contains(&hasher.hash_one(&effect)) {
                runs.entry(effect).or_default().push(row);
            }
        });
    }
    runs.retain(|_, rows| rows.len() > 1);
    runs
}

/// Hands over each effect that was done, and the run that did it.
fn each_effect<'a>(case: &'a Case, mut take: impl FnMut(Effect<'a>, SpanRow)) {
    for (number, operation) in writes(case).enumerate() {
        for attempt in operation.attempts() {
            let mut done = |row| {
                let key = key_of(case, row).or_else(|| key_of(case, attempt.span?));
                // Without a key only the runs of one operation can be the same effect.
                let alone = key.is_none().then_some(number);
                take((operation.peer(), operation.name(), alone, key), row);
            };
            let executions = attempt.executions();
            if executions.len() > 0 {
                executions.filter(|run| run.result == AttemptResult::Succeeded).for_each(|run| done(run.span));
            } else if attempt.result == AttemptResult::Succeeded {
                attempt.span.into_iter().for_each(done);
            }
        }
    }
}

/// Says whether a try timed out and was repeated, while nothing tells what ran at the callee.
fn is_unseen(operation: Operation<'_>) -> bool {
    let is_blind = |attempt: Attempt<'_>| attempt.executions().len() == 0 && attempt.result == AttemptResult::TimedOut;
    operation.is_retried() && operation.attempts().any(is_blind)
}

/// Returns the spans above the given ones.
fn above<'a>(case: &Case, rows: impl Iterator<Item = &'a SpanRow>) -> HashSet<SpanRow> {
    // Row numbers alone: a map with the ids would take as much memory again as the story.
    let hasher = FixedState::default();
    let key = |row: u32| {
        let span = case.spans.span(SpanRow(row));
        (span.trace_number(), span.id())
    };
    let mut known: HashTable<u32> = HashTable::with_capacity(case.spans.len());
    for row in 0..case.spans.len() as u32 {
        // Of several spans with one id, the last.
        match known.find_mut(hasher.hash_one(key(row)), |other| key(*other) == key(row)) {
            Some(other) => *other = row,
            None => drop(known.insert_unique(hasher.hash_one(key(row)), row, |row| hasher.hash_one(key(*row)))),
        }
    }
    let mut above = HashSet::new();
    for row in rows {
        let mut span = case.spans.span(*row);
        while let Some(parent) = span.parent() {
            let wanted = (span.trace_number(), parent);
            let Some(parent) = known.find(hasher.hash_one(wanted), |row| key(*row) == wanted) else { break };
            // What is above this one was found from another row, or parents run in a circle.
            if !above.insert(SpanRow(*parent)) {
                break;
            }
            span = case.spans.span(SpanRow(*parent));
        }
    }
    above
}

/// Returns the calls that change something.
fn writes(case: &Case) -> impl Iterator<Item = Operation<'_>> {
    case.operations().filter(|operation| {
        let verb = operation.name().split(' ').next().unwrap_or_default();
        matches!(verb, "POST" | "PUT" | "PATCH" | "DELETE")
    })
}

fn key_of(case: &Case, row: SpanRow) -> Option<SafeText> {
    let span = case.spans.span(row);
    KEYS.iter().find_map(|name| span.attribute(name)).map(|value| SafeText::new(&value.text()))
}
