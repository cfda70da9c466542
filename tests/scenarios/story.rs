//! One form for what happened and for what was told, so that both can be compared.

use hopscope::model::Case;
use hopscope::model::journey::{Attempt, Gap};
use hopscope::world::Scenario;
use hopscope::world::scenario::{Stack, Step};
use hopscope::world::truth::{self, DeliveryOutcome, Execution, Outcome, SpanId, State, Truth};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Who did what how often, and how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    pub outcome: String,
    /// Ends of the attempts by `caller > callee`, one text per operation.
    pub attempts: BTreeMap<String, Vec<String>>,
    /// Why attempts are one operation, by `caller > callee`, for each that has several.
    pub groupings: BTreeMap<String, Vec<String>>,
    /// Runs by service.
    pub executions: BTreeMap<String, usize>,
    /// Deliveries by `topic > service` and how they ended.
    pub deliveries: BTreeMap<String, BTreeMap<String, usize>>,
    /// `topic > service: group` of the deliveries whose group some source tells.
    pub groups: BTreeSet<String>,
    /// `role topic-partition@offset`.
    pub copies: BTreeSet<String>,
}

/// Instrumentations whose spans do not hold the end of a handler.
const ENDS_ELSEWHERE: [Stack; 6] =
    [Stack::Python, Stack::Aiokafka, Stack::KafkaPython, Stack::Sarama, Stack::Quarkus, Stack::Dotnet];

/// The word that the JSON document uses.
fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    value.as_str().or_else(|| value["state"].as_str()).unwrap().to_owned()
}

/// What is missing and why, without ids.
pub fn absence(gap: &Gap) -> String {
    let what = gap.what.as_str();
    let kinds = ["trace ", "record ", "deliveries of ", "parent of ", "attempts of "];
    let kind = kinds.iter().find(|kind| what.starts_with(**kind)).map_or(what, |kind| kind.split(' ').next().unwrap());
    format!("{kind}: {}", gap.reason.words())
}

impl Story {
    pub fn of_case(case: &Case) -> Self {
        let mut story = Self { outcome: word(&case.journey.outcome), ..Self::default() };
        for operation in case.operations().filter(|operation| !operation.is_of_batch()) {
            let peer = operation.peer().split(['.', ':']).next().unwrap();
            let ends: Vec<String> = operation.attempts().map(|attempt: Attempt<'_>| word(attempt.result)).collect();
            if ends.len() > 1 {
                story
                    .groupings
                    .entry(format!("{} > {peer}", operation.caller()))
                    .or_default()
                    .push(word(operation.grouping()));
            }
            story.attempts.entry(format!("{} > {peer}", operation.caller())).or_default().push(ends.join(" "));
            for run in operation.attempts().flat_map(Attempt::executions) {
                *story.executions.entry(run.service().to_owned()).or_default() += 1;
            }
        }
        for message in &case.journey.messages {
            story.copies.extend(message.copies.iter().map(|copy| format!("{} {}", word(copy.role), copy.coordinate)));
            for delivery in &message.deliveries {
                let (topic, service) = (&delivery.coordinate.topic, delivery.service.as_str());
                story.deliver(topic, service, word(delivery.result));
                story.groups.extend(delivery.group.as_ref().map(|group| format!("{topic} > {service}: {group}")));
            }
        }
        story
    }

    /// What a trace store, a log store and a queue can show of the truth: spans that ended, of traces that were kept.
    pub fn of_truth(truth: &Truth, scenario: &Scenario) -> Self {
        let mut story = Self { outcome: outcome(truth).to_owned(), ..Self::default() };
        let calls = truth.operations.iter().filter(|_| truth.sampled);
        for (caller, operation) in calls.filter_map(|operation| Some((operation.caller.as_ref()?, operation))) {
            let ends: Vec<&str> = operation.attempts.iter().map(end).collect();
            story.attempts.entry(format!("{caller} > {}", operation.callee)).or_default().push(ends.join(" "));
            for attempt in &operation.attempts {
                for run in &attempt.executions {
                    *story.executions.entry(run.service.to_string()).or_default() += 1;
                }
                let real: Vec<&Execution> = attempt.executions.iter().filter(|run| !run.is_shadow).collect();
                // A proxy with spans of its own is a caller like any other.
                if real.iter().any(|run| run.proxy_span.is_some()) {
                    let end = |run: &&Execution| if run.status < 400 { "succeeded" } else { "failed" };
                    let ends: Vec<&str> = real.iter().map(end).collect();
                    let proxy = proxy_of(scenario, operation).expect("its spans have a service");
                    story.attempts.entry(format!("{proxy} > {}", operation.callee)).or_default().push(ends.join(" "));
                }
            }
        }
        for delivery in truth.deliveries.iter().filter(|delivery| truth.sampled || delivery.trace_id != truth.trace_id)
        {
            // Of some instrumentations the span ends before or behind the handler, and a batch fails as a whole.
            let stack = scenario.service(&delivery.service).unwrap().stack;
            let is_told = !ENDS_ELSEWHERE.contains(&stack);
            let result = match delivery.outcome {
                // No span tells of it: it has none yet, or the process died before it was exported.
                DeliveryOutcome::Running | DeliveryOutcome::Killed => continue,
                DeliveryOutcome::Done if is_told => "handled",
                DeliveryOutcome::Failed { .. } if is_told && !delivery.in_batch => "failed",
                DeliveryOutcome::Done | DeliveryOutcome::Failed { .. } | DeliveryOutcome::NotReached => "unknown",
                DeliveryOutcome::RefusedEarly { .. } => "not-due",
            };
            let (topic, service) = (&delivery.at.topic, &delivery.service);
            story.deliver(topic, service, result.to_owned());
            // Some instrumentations put no group on their spans.
            if !matches!(
                scenario.service(service).unwrap().stack,
                Stack::Python | Stack::KafkaPython | Stack::Faststream
            ) {
                story.groups.insert(format!("{topic} > {service}: {}", delivery.group));
            }
        }
        for (number, copy) in truth.records.iter().enumerate() {
            let is_again = truth.records[..number].iter().any(|other| other.hop == 0 && other.event == copy.event);
            let role = match (copy.hop, copy.due_ns) {
                (0, _) if is_again => "duplicate",
                (0, _) => "original",
                (_, Some(_)) => "retry",
                (_, None) => "dead-letter",
            };
            story.copies.insert(format!("{role} {}", copy.at));
        }
        story
    }

    /// What happened to one record alone: the calls on the way to it, its deliveries, and the calls of its handlers.
    pub fn of_record(truth: &Truth, scenario: &Scenario, at: &str) -> Self {
        let mut alone = truth.clone();
        alone.records.retain(|copy| copy.at.to_string() == at);
        alone.deliveries.retain(|delivery| delivery.at.to_string() == at);
        let runs = |operation: &truth::Operation| -> Vec<SpanId> {
            operation.attempts.iter().flat_map(|attempt| &attempt.executions).map(|run| run.span).collect()
        };
        let mut above: BTreeSet<SpanId> = alone.records.iter().filter_map(|copy| copy.under).collect();
        let mut below: BTreeSet<SpanId> = alone.deliveries.iter().map(|delivery| delivery.span).collect();
        let mut kept = BTreeSet::new();
        // Operations stand in the order in which they began, so callers come before those they call.
        for (number, operation) in truth.operations.iter().enumerate().rev() {
            if runs(operation).iter().any(|run| above.contains(run)) {
                above.extend(operation.under);
                kept.insert(number);
            }
        }
        for (number, operation) in truth.operations.iter().enumerate() {
            if operation.under.is_some_and(|under| below.contains(&under)) {
                below.extend(runs(operation));
                kept.insert(number);
            }
        }
        alone.operations = kept.into_iter().map(|number| truth.operations[number].clone()).collect();
        Self::of_truth(&alone, scenario)
    }

    /// Two stories that end alike, as one.
    pub fn and(mut self, other: Self) -> Self {
        assert_eq!(self.outcome, other.outcome, "stories that end differently have no common end");
        for (lane, ends) in other.attempts {
            self.attempts.entry(lane).or_default().extend(ends);
        }
        for (service, runs) in other.executions {
            *self.executions.entry(service).or_default() += runs;
        }
        for (lane, ends) in other.deliveries {
            let known = self.deliveries.entry(lane).or_default();
            for (end, count) in ends {
                *known.entry(end).or_default() += count;
            }
        }
        self.groups.extend(other.groups);
        self.copies.extend(other.copies);
        self
    }

    fn deliver(&mut self, topic: &str, service: &str, result: String) {
        let ends = self.deliveries.entry(format!("{topic} > {service}")).or_default();
        *ends.entry(result).or_default() += 1;
    }
}

/// Service in whose name the proxy before this operation makes spans.
fn proxy_of(scenario: &Scenario, operation: &truth::Operation) -> Option<String> {
    let of_operations = scenario.operations.iter().flat_map(|each| &each.steps);
    let steps = of_operations.chain(scenario.groups.iter().flat_map(|each| &each.steps));
    let mut calls = steps.filter_map(|step| if let Step::Call(call) = step { Some(call) } else { None });
    let call = calls.find(|call| call.to == format!("{} {}", operation.callee, operation.name))?;
    Some(call.proxy.as_ref()?.spans_of.as_ref()?.to_string())
}

fn end(attempt: &truth::Attempt) -> &'static str {
    match attempt.outcome {
        // Without a span of the caller nobody wrote down how it ended for the caller.
        _ if attempt.client_span.is_none() => "unknown",
        Outcome::Answered(status) if status < 400 => "succeeded",
        Outcome::Answered(_) => "failed",
        Outcome::TimedOut => "timed-out",
        Outcome::Running => "running",
        // The span of a dropped request ends as it stands.
        Outcome::Cancelled => "unknown",
    }
}

fn outcome(truth: &Truth) -> &'static str {
    let is_hedge =
        |operation: &truth::Operation| operation.attempts.iter().any(|attempt| attempt.outcome == Outcome::Cancelled);
    let is_hidden = |attempt: &truth::Attempt| attempt.executions.iter().filter(|run| !run.is_shadow).count() > 1;
    let mut handed = BTreeSet::new();
    let again = truth.operations.iter().any(|operation| operation.attempts.len() > 1 && !is_hedge(operation))
        || truth.operations.iter().flat_map(|operation| &operation.attempts).any(is_hidden)
        || truth.deliveries.iter().any(|delivery| !handed.insert((&delivery.group, &delivery.at)))
        || truth.records.iter().any(|copy| copy.hop > 0)
        || truth.deliveries.iter().any(|delivery| matches!(delivery.outcome, DeliveryOutcome::Failed { .. }));
    match truth.state {
        State::InProgress => "in-progress",
        // How it began and how some of its handlers ended stood in the trace that was not kept.
        State::Done if !truth.sampled => "unknown",
        State::Done if again => "succeeded-after-retries",
        State::Done => "succeeded",
        State::Failed { .. } | State::Skipped { .. } => "failed",
        State::Waiting { .. } => "waiting",
        State::DeadLettered { .. } => "dead-lettered",
        State::Blocked { .. } => "blocked",
    }
}
