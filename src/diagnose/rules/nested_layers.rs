//! R02 nested layers.
//!
//! # What it says
//! Several layers retried around one another, so one wish became many runs at the innermost callee.
//! # Why it matters
//! Attempts multiply: three layers of four make sixty-four calls against a service that is already in trouble.
//! # How it is judged
//! At least two layers, one inside an attempt of the other, with two or more attempts each. A record delivered more than
//! once counts as a layer around its handler's calls. Runs at the callee are counted, never multiplied out.
//! # What it is mistaken for
//! A loop over items: equal calls without an identity are only a possible group, and then the finding is only possible.
//! # Unknown when
//! The trace store did not answer in full.

use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{Fact, Grouping, Operation};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, SafeText, Signal, Verdict};

/// The rule.
pub const RULE: Rule = Rule {
    code: "R02",
    name: "nested-layers",
    question: "How many times did one request really reach the last callee, and which layers multiplied it?",
    check,
};

fn check(case: &Case) -> Verdict {
    let retried: Vec<Operation<'_>> =
        case.operations().filter(|operation| operation.is_retried() && !operation.is_of_batch()).collect();
    let deliveries = case.journey.messages.iter().flat_map(|message| &message.deliveries);
    let redelivered = deliveries.filter(|delivery| delivery.ordinal > 0).map(|delivery| delivery.ordinal).max();
    let is_nested = retried.iter().any(|operation| operation.layer() > 0);
    let by_queue = redelivered.filter(|count| *count > 1 && !retried.is_empty());
    if case.journey.calls.is_empty() && case.journey.messages.is_empty() {
        return match clear_if_seen(case, &[Signal::Traces]) {
            Verdict::Clear => Verdict::NotApplicable,
            unknown => unknown,
        };
    }
    if !is_nested && by_queue.is_none() {
        return clear_if_seen(case, &[Signal::Traces]);
    }
    let deepest = retried.iter().map(|operation| operation.layer()).max().unwrap_or(0);
    let leaves: Vec<&Operation<'_>> = retried.iter().filter(|operation| operation.layer() == deepest).collect();
    let runs: usize = leaves.iter().map(|operation| operation.executions()).sum();
    let attempts: usize = leaves.iter().map(|operation| operation.tries()).sum();
    let mut layers = Vec::new();
    if let Some(count) = by_queue {
        layers.push(format!("queue delivery {count}"));
    }
    for layer in 0..=deepest {
        let most =
            retried.iter().filter(|operation| operation.layer() == layer).max_by_key(|operation| operation.tries());
        if let Some(operation) = most {
            layers.push(format!("{} {}", operation.caller(), operation.tries()));
        }
    }
    let seen = if runs > 0 {
        format!("{runs} executions")
    } else {
        format!("at least {attempts} client attempts, executions not seen,")
    };
    let peer = leaves.first().map_or_else(SafeText::default, |operation| SafeText::new(operation.peer()));
    let sure = retried.iter().all(|operation| operation.grouping() != Grouping::Possible);
    let evidence =
        retried.iter().flat_map(|operation| operation.attempts()).filter_map(|attempt| attempt.span).map(Fact::Span);
    Verdict::Findings(vec![Finding {
        code: RULE.code,
        name: RULE.name,
        severity: Severity::Warn,
        confidence: if sure { Confidence::Confirmed } else { Confidence::Possible },
        sentence: SafeText::new(&format!(
            "{} layers retried around one another ({}): {seen} at {peer}",
            layers.len(),
            layers.join(" × ")
        )),
        evidence: evidence.collect(),
        refuted_by: SafeText::own("different payloads in the calls of one layer: then it is a loop, not a retry"),
        next: SafeText::own("look up the retry policies of the layers; keep retries in one of them"),
    }])
}
