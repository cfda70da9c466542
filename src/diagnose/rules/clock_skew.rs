//! R24 clock skew.
//!
//! # What it says
//! The clocks of two services differ, by how much at least and, where calls tell it, at most.
//! # Why it matters
//! Between these two the order of times says nothing: what looks like the cause may have come later.
//! # How it is judged
//! A run lies inside the call that was answered by it. So each call and its run bound the difference of two clocks from
//! both sides, and all calls between two hosts together bound it closer. A run that is longer than its call does not lie
//! inside it, and bounds one side only. Spans that begin before what caused them bound it from one side as well.
//! # What it is mistaken for
//! A consumer or a callee that outlives what caused it; a store's own warnings, which such spans cause without any skew.
//! # Unknown when
//! The trace store did not answer in full, or the calls between two hosts contradict one another.

use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{AttemptResult, ClockDoubt, Fact, Spread};
use crate::model::spans::SpanView;
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, Nanos, SafeText, Signal, SpanRow, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Smaller differences are what good clocks have.
const TOLERANCE: i64 = 5_000_000;

/// The rule.
pub const RULE: Rule =
    Rule { code: "R24", name: "clock-skew", question: "Can the order of times across services be trusted?", check };

/// Service and host of both sides.
type Pair = [(String, String); 2];

/// Bounds of how far the callee's clock is ahead of the caller's, in nanoseconds, and what set them.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    least: i64,
    most: i64,
    evidence: [SpanRow; 2],
    calls: u32,
}

fn check(case: &Case) -> Verdict {
    let services: BTreeSet<&str> = case.spans.iter().map(SpanView::service).collect();
    if services.len() < 2 {
        return match clear_if_seen(case, &[Signal::Traces]) {
            Verdict::Clear => Verdict::NotApplicable,
            unknown => unknown,
        };
    }
    let bounds = bounds(case);
    let mut findings: Vec<Finding> = Vec::new();
    let mut told: BTreeSet<[&str; 2]> = BTreeSet::new();
    let mut is_contradictory = false;
    for (pair, bounds) in &bounds {
        if bounds.least > bounds.most {
            is_contradictory = true;
        } else if bounds.least > TOLERANCE || bounds.most < -TOLERANCE {
            told.insert([&pair[0].0, &pair[1].0]);
            findings.push(of_calls(pair, *bounds));
        }
    }
    let doubts = case.journey.clocks.iter().filter(|doubt| doubt.at_least.0 > TOLERANCE);
    let doubts = doubts.filter(|doubt| !told.contains(&[doubt.cause.as_str(), doubt.service.as_str()]));
    findings.extend(doubts.map(of_doubt));
    if !findings.is_empty() {
        return Verdict::Findings(findings);
    }
    if is_contradictory {
        return Verdict::Unknown(SafeText::own(
            "calls between two hosts contradict one another: a clock was set in between, or runs went on behind their answers",
        ));
    }
    clear_if_seen(case, &[Signal::Traces])
}

/// Reads what calls that were answered tell of the clocks of both sides.
fn bounds(case: &Case) -> BTreeMap<Pair, Bounds> {
    let mut found: BTreeMap<Pair, Bounds> = BTreeMap::new();
    let attempts = case.operations().flat_map(|operation| operation.attempts().collect::<Vec<_>>());
    for attempt in attempts.filter(|attempt| attempt.spread == Spread::Single) {
        let (Some(row), Some(run)) = (attempt.span, attempt.executions().next()) else { continue };
        let is_answered = attempt.result == AttemptResult::Succeeded
            || attempt.result == AttemptResult::Failed && attempt.status().bytes().all(|byte| byte.is_ascii_digit());
        let (client, server) = (case.spans.span(row), case.spans.span(run.span));
        if !is_answered || client.service() == server.service() {
            continue;
        }
        let most = server.start().since(client.start()).0;
        let is_inside = server.duration() <= client.duration();
        let least = if is_inside { server.end().since(client.end()).0 } else { i64::MIN };
        let evidence = [row, run.span];
        let pair = [side(client), side(server)];
        let known = found.entry(pair).or_insert(Bounds { least, most, evidence, calls: 0 });
        if least > known.least || most < known.most {
            known.evidence = evidence;
        }
        (known.least, known.most, known.calls) = (known.least.max(least), known.most.min(most), known.calls + 1);
    }
    found
}

fn side(span: SpanView<'_>) -> (String, String) {
    const NAMES: [&str; 4] = ["host.name", "k8s.pod.name", "container.id", "service.instance.id"];
    let of = |name: &&str| span.resource().find(|(key, _)| key == name).map(|(_, value)| value.text().to_string());
    (span.service().to_owned(), NAMES.iter().find_map(of).unwrap_or_default())
}

fn of_calls(pair: &Pair, bounds: Bounds) -> Finding {
    let [(caller, _), (service, _)] = pair;
    let word = if bounds.least > 0 { "ahead of" } else { "behind" };
    let human = |number: i64| Nanos(number.saturating_abs()).human();
    let between = match (bounds.least, bounds.most) {
        (i64::MIN, most) => format!("by at least {}", human(most)),
        (least, most) if least > 0 => format!("by {} to {}", human(least), human(most)),
        (least, most) => format!("by {} to {}", human(most), human(least)),
    };
    let calls = if bounds.calls == 1 { "1 call".to_owned() } else { format!("{} calls", bounds.calls) };
    finding(&format!("the clock of {service} is {word} that of {caller} {between}, by {calls}"), &bounds.evidence)
}

fn of_doubt(doubt: &ClockDoubt) -> Finding {
    finding(&doubt.words(), &[doubt.span])
}

fn finding(sentence: &str, rows: &[SpanRow]) -> Finding {
    Finding {
        code: RULE.code,
        name: RULE.name,
        severity: Severity::Warn,
        confidence: Confidence::Confirmed,
        sentence: SafeText::new(sentence),
        evidence: rows.iter().map(|row| Fact::Span(*row)).collect(),
        refuted_by: SafeText::own(
            "a program that writes the times of its spans itself, or a span given to the wrong parent",
        ),
        next: SafeText::own("go by cause and effect between these services, and check how their clocks are set"),
    }
}
