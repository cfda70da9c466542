//! R25 incomplete.
//!
//! # What it says
//! What is missing from this case, and why.
//! # Why it matters
//! Every other answer is only as good as what could be seen.
//! # How it is judged
//! The gaps of the journey, the sources that did not answer in full, and questions left out for budget.
//! # What it is mistaken for
//! A fault: a missing parent may be a client span that was never ended, and says nothing of a cause.
//! # Unknown when
//! Never.

use crate::diagnose::Rule;
use crate::model::journey::Gap;
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Absence, Case, Finding, NotFollowed, SafeText, Verdict};

/// The rule.
pub const RULE: Rule = Rule { code: "R25", name: "incomplete", question: "What is not visible here?", check };

fn check(case: &Case) -> Verdict {
    let finding = |sentence: String, next: &SafeText| Finding {
        code: RULE.code,
        name: RULE.name,
        severity: Severity::Info,
        confidence: Confidence::Confirmed,
        sentence: SafeText::new(&sentence),
        evidence: Vec::new(),
        refuted_by: SafeText::own("the missing rows, once they are found"),
        next: next.clone(),
    };
    // A source that did not answer is told once, by its fault, and not again by each thing that it would have known.
    let is_own =
        |gap: &&Gap| !(gap.reason == Absence::NotReachable && case.coverage.iter().any(|of| !of.faults.is_empty()));
    let gaps = case.journey.gaps.iter().filter(is_own);
    let gaps = gaps.map(|gap| finding(format!("{}: {}", gap.what, gap.reason.words()), &gap.detail));
    let faults = case.coverage.iter().flat_map(|coverage| &coverage.faults);
    let faults = faults.map(|fault| finding(format!("{} {}", fault.source, fault.kind.word()), &fault.hint));
    let spent = case.ledger.iter().filter(|entry| matches!(entry.reason, NotFollowed::Budget | NotFollowed::Depth));
    let spent = spent.map(|entry| finding(format!("not everything was asked: {}", entry.detail), &entry.detail));
    let mut findings: Vec<Finding> = Vec::new();
    for finding in gaps.chain(faults).chain(spent) {
        if findings.iter().all(|known| known.sentence != finding.sentence) {
            findings.push(finding);
        }
    }
    if findings.is_empty() { Verdict::Clear } else { Verdict::Findings(findings) }
}
