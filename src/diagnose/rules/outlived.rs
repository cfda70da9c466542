//! R18 callee outlived its caller.
//!
//! # What it says
//! The caller stopped waiting, and the callee went on working: what the caller took for a failure may have been done.
//! # Why it matters
//! The work after that is wasted at best; at worst it was done while everybody believes that it was not.
//! # How it is judged
//! Attempts that timed out or were cancelled, and whose run at the callee took longer than the attempt: the lengths of two
//! spans, which need no common clock. The callee went on for at least the difference.
//! # What it is mistaken for
//! A callee that answers at once and works on behind its answer: there the caller saw a good end. The loser of two requests
//! that were sent side by side is given up on purpose.
//! # Unknown when
//! The trace store did not answer in full, nothing shows what ran for an attempt that timed out, or the caller's span is
//! missing, so that nobody knows how long it waited.

use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{Attempt, AttemptResult, EffectKind, Execution, Fact, Operation};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, Nanos, SafeText, Signal, SpanRow, Verdict};

/// A run that is longer by less than that, or by less than a twentieth, may only have been measured otherwise.
const EXCESS: Nanos = Nanos(50_000_000);

/// Statuses that say that somebody stopped waiting.
const GAVE_UP: [&str; 4] = ["408", "499", "504", "no answer"];

/// The rule.
pub const RULE: Rule = Rule {
    code: "R18",
    name: "callee-outlived-caller",
    question: "Did the callee go on after the caller stopped waiting?",
    check,
};

fn check(case: &Case) -> Verdict {
    if case.journey.calls.is_empty() {
        return match clear_if_seen(case, &[Signal::Traces]) {
            Verdict::Clear => Verdict::NotApplicable,
            unknown => unknown,
        };
    }
    let (mut findings, mut unseen, mut orphans) = (Vec::new(), 0, 0);
    for operation in case.operations() {
        for attempt in operation.attempts() {
            if attempt.span.is_none() {
                orphans += 1;
                continue;
            }
            if !gave_up(operation, &attempt) {
                continue;
            }
            let longest = attempt.answers(operation.peer()).max_by_key(|run| run.duration);
            match longest {
                None => unseen += 1,
                Some(run) if is_longer(run.duration, attempt.duration) => {
                    findings.push(finding(case, operation, &attempt, &run));
                }
                Some(_) => {}
            }
        }
    }
    if !findings.is_empty() {
        return Verdict::Findings(findings);
    }
    if unseen > 0 {
        return Verdict::Unknown(SafeText::new(&format!(
            "what ran at the callee for {unseen} attempts that were given up is not visible"
        )));
    }
    if orphans > 0 {
        return Verdict::Unknown(SafeText::own(
            "a run at a callee has no span of its caller: how long that waited is not known",
        ));
    }
    clear_if_seen(case, &[Signal::Traces])
}

fn gave_up(operation: Operation<'_>, attempt: &Attempt<'_>) -> bool {
    let is_hedged = operation.hedges() > 0;
    !is_hedged && (attempt.result == AttemptResult::TimedOut || GAVE_UP.contains(&attempt.status()))
}

fn is_longer(run: Nanos, attempt: Nanos) -> bool {
    run.0 - attempt.0 >= EXCESS.0.max(attempt.0 / 20)
}

fn finding(case: &Case, operation: Operation<'_>, attempt: &Attempt<'_>, run: &Execution<'_>) -> Finding {
    let row = attempt.span.unwrap_or(run.span);
    let is_write = case.journey.effects.iter().any(|effect| effect.span == row && effect.kind == EffectKind::Call);
    let is_done = run.result == AttemptResult::Succeeded;
    // A later attempt that went well is what R09 looks at.
    let is_believed_undone = operation.result() != AttemptResult::Succeeded;
    let more = Nanos(run.duration.0 - attempt.duration.0);
    let end = if is_done { "to a good end" } else { "and failed" };
    let sentence = format!(
        "{} gave up {} after {}; {} went on for at least {} more {end}",
        operation.caller(),
        operation.name(),
        attempt.duration.human(),
        operation.peer(),
        more.human()
    );
    let rows: [SpanRow; 2] = [row, run.span];
    Finding {
        code: RULE.code,
        name: RULE.name,
        severity: if is_write && is_done && is_believed_undone { Severity::Warn } else { Severity::Info },
        confidence: Confidence::Confirmed,
        sentence: SafeText::new(&sentence),
        evidence: rows.into_iter().map(Fact::Span).collect(),
        refuted_by: SafeText::own("a callee that noticed that its caller was gone and undid its work"),
        next: SafeText::own("pass the deadline on to the callee, and look whether what it did was done again"),
    }
}
