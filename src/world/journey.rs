//! One request from outside with everything that it caused, and its truth as of an instant.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::project::Shown;
use super::truth::{
    Coordinate, Copy, Delivery, DeliveryOutcome, Effect, Operation, Outcome, SpanId, State, TraceId, Truth,
};

/// Everything one request caused. Parts may lie in the future of the instant that is asked for.
#[derive(Debug, Clone)]
pub struct Journey {
    /// Number in order of entry.
    pub number: u64,
    /// Business id.
    pub order_id: SmolStr,
    /// Customer, shared by many orders.
    pub customer: SmolStr,
    /// Amount in cents.
    pub amount_cents: u64,
    /// Trace of the request.
    pub trace_id: TraceId,
    /// Whether that trace is sampled.
    pub sampled: bool,
    /// Whether its texts hold hostile bytes.
    pub hostile: bool,
    /// Entry, nanoseconds since the Unix epoch.
    pub started_ns: u64,
    /// Entry of the request before it, nanoseconds since the Unix epoch.
    pub previous_ns: u64,
    /// HTTP operations.
    pub operations: Vec<Operation>,
    /// Records.
    pub records: Vec<Copy>,
    /// Deliveries.
    pub deliveries: Vec<Delivery>,
    /// Effects.
    pub effects: Vec<Effect>,
    /// Log lines, in no order.
    pub logs: Vec<LogLine>,
    /// Last instant at which anything happens, nanoseconds since the Unix epoch.
    pub last_ns: u64,
    /// How often each fault (by number) has struck.
    pub(super) strikes: BTreeMap<usize, u32>,
    /// Records that a group gave up, and when, nanoseconds since the Unix epoch.
    pub(super) skipped: Vec<(Coordinate, SmolStr, u64)>,
    /// Deliveries that must happen (groups times original records), to tell when all is done.
    pub(super) expected: usize,
    /// Spans that were never exported.
    pub(super) lost: BTreeSet<SpanId>,
    /// Traces that it runs through, its own first.
    pub(super) traces: Vec<TraceId>,
    /// How many of them the world has noted.
    pub(super) noted: usize,
    /// What the stores hold of it, as long as nothing is added.
    pub(super) shown: Shown,
}

/// Level of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Ordinary.
    Info,
    /// Unusual.
    Warn,
    /// Failed.
    Error,
}

impl Level {
    /// The level in capitals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// One log line before it takes its service's shape.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// When, nanoseconds since the Unix epoch.
    pub at_ns: u64,
    /// Service that wrote it.
    pub service: SmolStr,
    /// Level.
    pub level: Level,
    /// Logger or module name.
    pub logger: SmolStr,
    /// Sentence.
    pub message: SmolStr,
    /// Fields after the sentence, the order id among them if the service knew it.
    pub fields: Vec<(SmolStr, SmolStr)>,
    /// Trace and span that were current.
    pub context: Option<(TraceId, SpanId)>,
    /// Stack trace.
    pub stack: Option<SmolStr>,
}

impl Journey {
    /// Says that something is about to be added, so that what was kept of it is made anew.
    pub(super) fn change(&mut self) -> &mut Self {
        self.shown = Shown::default();
        self
    }

    /// Adds a log line.
    pub(super) fn log(&mut self, line: LogLine) {
        self.last_ns = self.last_ns.max(line.at_ns);
        self.logs.push(line);
    }

    /// Whether spans of this trace are kept: a trace of its own that a consumer began always is.
    pub fn samples(&self, trace_id: TraceId) -> bool {
        self.sampled || trace_id != self.trace_id
    }

    /// The record at this place.
    pub fn copy(&self, at: &Coordinate) -> Option<&Copy> {
        self.records.iter().find(|copy| copy.at == *at)
    }

    /// Whether any of its spans, lines or records can lie in `from_ns..to_ns`.
    pub fn touches(&self, from_ns: u64, to_ns: u64) -> bool {
        self.started_ns < to_ns && self.last_ns >= from_ns
    }

    /// What had happened by this instant.
    pub fn truth(&self, now_ns: u64) -> Truth {
        let mut operations = self.operations.clone();
        operations.sort_by_key(|operation| operation.attempts.first().map_or(0, |attempt| attempt.start_ns));
        for operation in &mut operations {
            operation.attempts.retain(|attempt| attempt.start_ns <= now_ns);
            for attempt in &mut operation.attempts {
                if attempt.end_ns > now_ns {
                    attempt.outcome = Outcome::Running;
                }
            }
        }
        operations.retain(|operation| !operation.attempts.is_empty());
        let mut deliveries: Vec<Delivery> =
            self.deliveries.iter().filter(|delivery| delivery.start_ns <= now_ns).cloned().collect();
        deliveries.sort_by_key(|delivery| delivery.start_ns);
        for delivery in &mut deliveries {
            if delivery.end_ns > now_ns {
                delivery.outcome = DeliveryOutcome::Running;
            }
        }
        Truth {
            order_id: self.order_id.clone(),
            trace_id: self.trace_id,
            sampled: self.sampled,
            started_ns: self.started_ns,
            operations,
            records: self.records.iter().filter(|copy| copy.appended_ns <= now_ns).cloned().collect(),
            deliveries,
            effects: self.effects.iter().filter(|effect| effect.at_ns <= now_ns).cloned().collect(),
            state: self.state(now_ns),
        }
    }

    /// Where the order stands at this instant.
    pub fn state(&self, now_ns: u64) -> State {
        if let Some(blocked) = self.blocked(now_ns) {
            return State::Blocked { at: blocked.at.clone(), group: blocked.group.clone() };
        }
        let newest =
            self.records.iter().filter(|copy| copy.hop > 0 && copy.appended_ns <= now_ns).max_by_key(|copy| copy.hop);
        if let Some(copy) = newest {
            match copy.due_ns {
                Some(until_ns) if until_ns > now_ns => return State::Waiting { until_ns, at: copy.at.clone() },
                None => return State::DeadLettered { at: copy.at.clone() },
                Some(_) => {}
            }
        }
        let entry = self.operations.first().and_then(|operation| operation.attempts.first());
        match entry {
            Some(attempt) if attempt.end_ns <= now_ns => {
                if let Outcome::Answered(status) = attempt.outcome
                    && status >= 500
                {
                    return State::Failed { status };
                }
            }
            Some(_) | None => return State::InProgress,
        }
        if let Some((at, group, _)) = self.skipped.iter().find(|(_, _, at_ns)| *at_ns <= now_ns) {
            return State::Skipped { at: at.clone(), group: group.clone() };
        }
        let done = self
            .deliveries
            .iter()
            .filter(|delivery| delivery.end_ns <= now_ns && matches!(delivery.outcome, DeliveryOutcome::Done));
        let done: BTreeSet<(&SmolStr, &Coordinate)> = done.map(|delivery| (&delivery.group, &delivery.at)).collect();
        if done.len() >= self.expected { State::Done } else { State::InProgress }
    }

    /// The delivery that keeps failing in place, if there is one: failed at least twice at the same record.
    fn blocked(&self, now_ns: u64) -> Option<&Delivery> {
        let last = self.deliveries.iter().rfind(|delivery| {
            delivery.start_ns <= now_ns && matches!(delivery.outcome, DeliveryOutcome::Failed { .. })
        })?;
        if self.records.iter().any(|copy| copy.from.as_ref() == Some(&last.at) && copy.appended_ns <= now_ns) {
            return None;
        }
        let mut failures = 0;
        for delivery in &self.deliveries {
            if delivery.start_ns <= now_ns && delivery.group == last.group && delivery.at == last.at {
                match delivery.outcome {
                    DeliveryOutcome::Failed { .. } => failures += 1,
                    DeliveryOutcome::Done => return None,
                    DeliveryOutcome::Running
                    | DeliveryOutcome::RefusedEarly { .. }
                    | DeliveryOutcome::Killed
                    | DeliveryOutcome::NotReached => {}
                }
            }
        }
        (failures >= 2).then_some(last)
    }
}
