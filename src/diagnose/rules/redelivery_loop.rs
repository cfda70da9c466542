//! R07 redelivery loop.
//!
//! # What it says
//! One record, or one message over its retry copies, was delivered three times or more to a group.
//! # Why it matters
//! Every delivery repeats the handler's effects and holds up what stands behind it.
//! # How it is judged
//! Deliveries of one coordinate to one group (to one service, where no source tells the group) are counted, and failed deliveries over all copies. Refusals of records
//! that are not due are no deliveries.
//! # What it is mistaken for
//! Several groups reading one record, each once; a planned replay.
//! # Unknown when
//! The trace store did not answer in full, or headers claim deliveries that no span shows.

use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{Delivery, DeliveryResult, Fact};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, SafeText, Signal, Tier, Verdict};
use std::collections::BTreeMap;

/// Deliveries from which on it is a loop.
const LOOP: usize = 3;

/// The rule.
pub const RULE: Rule =
    Rule { code: "R07", name: "redelivery-loop", question: "Is one message delivered again and again?", check };

fn check(case: &Case) -> Verdict {
    if case.journey.messages.is_empty() {
        return match clear_if_seen(case, &[Signal::Traces]) {
            Verdict::Clear => Verdict::NotApplicable,
            unknown => unknown,
        };
    }
    let mut findings = Vec::new();
    let mut claimed = 0;
    for message in &case.journey.messages {
        let real: Vec<&Delivery> = message.deliveries.iter().filter(|delivery| delivery.ordinal > 0).collect();
        claimed =
            claimed.max(message.copies.iter().filter_map(|copy| copy.attempt).max().unwrap_or(0).saturating_sub(1));
        let mut by_reader: BTreeMap<_, Vec<&Delivery>> = BTreeMap::new();
        for delivery in &real {
            by_reader.entry((&delivery.coordinate, delivery.reader())).or_default().push(delivery);
        }
        let before = findings.len();
        for ((at, reader), deliveries) in by_reader.iter().filter(|(_, deliveries)| deliveries.len() >= LOOP) {
            let what = format!("record {at} was delivered {} times to {reader}", deliveries.len());
            findings.push(finding(&what, deliveries));
        }
        let failed: Vec<&Delivery> =
            real.into_iter().filter(|delivery| delivery.result == DeliveryResult::Failed).collect();
        if before == findings.len() && failed.len() >= LOOP && message.copies.len() > 1 {
            let what =
                format!("{} deliveries failed over {} copies of one message", failed.len(), message.copies.len());
            findings.push(finding(&what, &failed));
        }
    }
    if !findings.is_empty() {
        return Verdict::Findings(findings);
    }
    if claimed as usize >= LOOP {
        return Verdict::Unknown(SafeText::new(&format!(
            "headers claim {claimed} deliveries; no spans show that many"
        )));
    }
    clear_if_seen(case, &[Signal::Traces])
}

fn finding(what: &str, deliveries: &[&Delivery]) -> Finding {
    let failed = deliveries.iter().filter(|delivery| delivery.result == DeliveryResult::Failed).count();
    let error = deliveries.iter().rev().find_map(|delivery| delivery.error.as_ref());
    let error = error.map_or(String::new(), |error| format!(", last: {error}"));
    let exact = deliveries.iter().all(|delivery| delivery.tier == Tier::Exact && delivery.group.is_some());
    Finding {
        code: RULE.code,
        name: RULE.name,
        severity: Severity::Warn,
        confidence: if exact { Confidence::Confirmed } else { Confidence::Likely },
        sentence: SafeText::new(&format!("{what}; {failed} failed{error}")),
        evidence: deliveries.iter().filter_map(|delivery| delivery.span.map(Fact::Span)).collect(),
        refuted_by: SafeText::own("different consumer groups behind the deliveries, or an offset reset for a replay"),
        next: SafeText::own("compare the deliveries' errors; look for rebalances between those that ended well"),
    }
}
