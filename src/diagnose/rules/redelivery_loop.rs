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
//! Several groups reading one record, each once, also where each of them fails; a planned replay.
//! # Unknown when
//! The trace store did not answer in full, or headers claim deliveries that no span shows.

use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{Delivery, DeliveryResult, Fact, Message, Remark, Settled};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, SafeText, Signal, Tier, Verdict};
use std::collections::{BTreeMap, BTreeSet};

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
        if before == findings.len() && message.copies.len() > 1 {
            for (reader, failed) in lines_of(message, &real) {
                if failed.len() >= LOOP {
                    let copies = failed.iter().map(|delivery| &delivery.coordinate).collect::<BTreeSet<_>>().len();
                    let what =
                        format!("{} deliveries to {reader} failed over {copies} copies of one message", failed.len());
                    findings.push(finding(&what, &failed));
                }
            }
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

/// Returns the failed deliveries by the group that was handed the original: a copy on a retry topic is handed to a group of
/// its own, whose name begins with that of the main group and whose service is the same.
fn lines_of<'a>(message: &'a Message, real: &[&'a Delivery]) -> BTreeMap<&'a SafeText, Vec<&'a Delivery>> {
    let original = message.copies.first().map(|copy| &copy.coordinate);
    let main: BTreeSet<(&SafeText, &SafeText)> = real
        .iter()
        .filter(|delivery| Some(&delivery.coordinate) == original)
        .map(|delivery| (delivery.reader(), &delivery.service))
        .collect();
    let mut found: BTreeMap<&SafeText, Vec<&Delivery>> = BTreeMap::new();
    for delivery in real.iter().filter(|delivery| delivery.result == DeliveryResult::Failed) {
        let reader = delivery.reader();
        let of_service: Vec<&SafeText> =
            main.iter().filter(|(_, service)| **service == delivery.service).map(|(reader, _)| *reader).collect();
        let begins = |main: &&&SafeText| reader.as_str().starts_with(main.as_str());
        let line = match of_service.as_slice() {
            [main] => Some(*main),
            several => several.iter().filter(begins).max_by_key(|main| main.as_str().len()).copied(),
        };
        found.entry(line.unwrap_or(reader)).or_default().push(*delivery);
    }
    found
}

/// Says what befell the consumers meanwhile, as far as their lines tell.
fn meanwhile(deliveries: &[&Delivery]) -> String {
    let count = |remark| deliveries.iter().filter(|delivery| delivery.remarks.contains(&remark)).count();
    let refused = deliveries.iter().filter(|delivery| delivery.settlement.state == Settled::CommitRefused).count();
    let parts = [
        (count(Remark::Overran), "overran the poll interval"),
        (count(Remark::Rebalanced), "during a rebalance"),
        (refused, "with a refused commit"),
    ];
    let said = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
    said.collect()
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
        sentence: SafeText::new(&format!("{what}; {failed} failed{error}{}", meanwhile(deliveries))),
        evidence: deliveries.iter().filter_map(|delivery| delivery.span.map(Fact::Span)).collect(),
        refuted_by: SafeText::own("different consumer groups behind the deliveries, or an offset reset for a replay"),
        next: SafeText::own("compare the deliveries' errors; look for rebalances between those that ended well"),
    }
}
