//! R10 quarantine.
//!
//! # What it says
//! The message ended on a dead-letter topic: where, from where, and with which exception.
//! # Why it matters
//! Nobody will try again by itself; whether anyone reads the dead-letter topic is another question.
//! # How it is judged
//! A copy on a dead-letter topic that names its original in its headers, or was written while the original was handled.
//! # What it is mistaken for
//! A dead letter of a failed batch: its exception may name another record, and its own handling may have succeeded.
//! # Unknown when
//! The queue did not answer in full.

use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{CopyRole, Fact};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, SafeText, Signal, Tier, Verdict};

/// The rule.
pub const RULE: Rule = Rule {
    code: "R10",
    name: "quarantine",
    question: "Did the message end on a dead-letter topic, and does anyone read it?",
    check,
};

fn check(case: &Case) -> Verdict {
    let copies = case.journey.messages.iter().flat_map(|message| &message.copies);
    let letters = copies.filter(|copy| copy.role == CopyRole::DeadLetter);
    let findings: Vec<Finding> = letters
        .map(|copy| {
            let from = copy.origin.as_ref().map_or(String::new(), |origin| format!(" from {origin}"));
            let with = copy.exception.as_ref().map_or(String::new(), |class| format!(", {class}"));
            let readers = case.queues.as_ref().filter(|queues| !queues.groups.is_empty()).map(|queues| {
                queues
                    .groups
                    .iter()
                    .filter(|group| group.commits.iter().any(|commit| commit.topic == copy.coordinate.topic))
                    .count()
            });
            let read = match readers {
                Some(0) => "; no group reads that topic".to_owned(),
                Some(count) => format!("; {count} group(s) read that topic"),
                None => String::new(),
            };
            let evidence = copy.record.map(Fact::Record).into_iter().chain(copy.producer.map(Fact::Span)).collect();
            Finding {
                code: RULE.code,
                name: RULE.name,
                severity: Severity::Warn,
                confidence: if copy.tier == Tier::Exact && copy.origin.is_some() {
                    Confidence::Confirmed
                } else {
                    Confidence::Likely
                },
                sentence: SafeText::new(&format!("dead letter {}{from}{with}{read}", copy.coordinate)),
                evidence,
                refuted_by: SafeText::own("a later record at the original topic with the same key: it was replayed"),
                next: SafeText::own("fix the cause, check that repeats are harmless, then replay"),
            }
        })
        .collect();
    if !findings.is_empty() {
        return Verdict::Findings(findings);
    }
    match clear_if_seen(case, &[Signal::Queues]) {
        Verdict::Clear if case.journey.messages.is_empty() => Verdict::NotApplicable,
        verdict => verdict,
    }
}
