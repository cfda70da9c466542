//! R11 waiting in a retry topic.
//!
//! # What it says
//! The message is not lost: a copy waits on a retry topic, until when, or since when it is overdue.
//! # Why it matters
//! Waiting needs patience, an overdue copy needs its consumer.
//! # How it is judged
//! The last copy of a message stands on a retry topic without a delivery and without a commit behind it; the due time
//! comes from its headers and is compared with the time of the investigation.
//! # What it is mistaken for
//! Lag of a retry group, which pauses its partition by design.
//! # Unknown when
//! The queue did not answer in full.

use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{CopyRole, Fact, Outcome};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, Nanos, SafeText, Signal, Verdict};

/// An overdue copy is worth a warning after this: a consumer may well take that long between two polls.
const PATIENCE: Nanos = Nanos::from_secs(30);

/// The rule.
pub const RULE: Rule = Rule {
    code: "R11",
    name: "waiting-in-retry-topic",
    question: "Is the message lost or does it wait, and until when?",
    check,
};

fn check(case: &Case) -> Verdict {
    let Outcome::Waiting { due } = &case.journey.outcome else {
        return match clear_if_seen(case, &[Signal::Queues]) {
            Verdict::Clear if case.journey.messages.is_empty() => Verdict::NotApplicable,
            verdict => verdict,
        };
    };
    let mut copies = case.journey.messages.iter().flat_map(|message| &message.copies);
    let Some(copy) = copies.rfind(|copy| copy.role == CopyRole::Retry && copy.due == *due) else {
        return Verdict::Unknown(SafeText::own("the waiting copy could not be read"));
    };
    let late = due.map(|due| case.at.since(due));
    let (severity, state) = match late {
        Some(late) if late > PATIENCE => (Severity::Warn, format!("was due {} ago and is not delivered", late.human())),
        Some(late) if late.0 >= 0 => (Severity::Info, "is due now".to_owned()),
        Some(late) => (Severity::Info, format!("is due in {}", Nanos(late.0.saturating_neg()).human())),
        None => (Severity::Info, "waits; its headers name no due time".to_owned()),
    };
    let evidence = copy.record.map(Fact::Record).into_iter().chain(copy.producer.map(Fact::Span)).collect();
    Verdict::Findings(vec![Finding {
        code: RULE.code,
        name: RULE.name,
        severity,
        confidence: if due.is_some() && copy.record.is_some() { Confidence::Confirmed } else { Confidence::Likely },
        sentence: SafeText::new(&format!("retry copy {} {state}", copy.coordinate)),
        evidence,
        refuted_by: SafeText::own("a delivery of that copy, or an offset committed behind it"),
        next: SafeText::own("wait until it is due; if overdue, look at the group that reads the retry topic"),
    }])
}
