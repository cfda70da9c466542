//! Deliveries: what consumer groups do with records, and what becomes of those that fail.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::calls::{Calls, MS, Publish, Received, Scope};
use super::engine::{World, retry_name};
use super::headers::{self, Hop};
use super::journey::{Journey, Level, LogLine};
use super::queue::{Record, Role};
use super::rng::Rng;
use super::scenario::{GroupPlan, OnFailure, Scenario, Stack};
use super::truth::{Coordinate, Delivery, DeliveryOutcome, SpanId, TraceId};

/// Most deliveries and log lines that one journey keeps: a blocked record would otherwise grow for ever.
const MOST_DELIVERIES: usize = 4_000;

/// One record in front of one group.
struct Turn<'a> {
    scenario: &'a Scenario,
    plan: &'a GroupPlan,
    role: Role,
    group: SmolStr,
    at: Coordinate,
    record: Record,
    received: Received,
    now_ns: u64,
    publish_span: SpanId,
    original_ms: i64,
    due_ns: Option<u64>,
    event: SmolStr,
}

/// What a turn leaves to do.
enum Next {
    /// Commit and go on at this instant.
    Advance(u64),
    /// The same record again at this instant.
    Again(u64),
}

impl World {
    /// A group looks at the next record of one partition.
    pub(super) fn poll(&mut self, now_ns: u64, group: usize, partition: usize) {
        let scenario = Arc::clone(&self.scenario);
        let topic = self.queue.groups[group].topic;
        let log = &self.queue.topics[topic].partitions[partition];
        let cursor = &mut self.queue.groups[group].cursors[partition];
        cursor.next = cursor.next.max(log.log_start);
        let offset = cursor.next;
        let tries = cursor.tries;
        let Some(record) = log.record(offset).cloned() else {
            cursor.planned = false;
            return;
        };
        let previous_ns = log.record(offset - 1).map(|record| record.appended_ns);
        let at = Coordinate { topic: self.queue.topics[topic].name.clone(), partition: partition as i32, offset };
        let facts = &self.queue.groups[group];
        let (role, id) = (facts.role, facts.id.clone());
        let next = match self.journeys.get_mut(&record.journey).map(Journey::change) {
            None => Next::Advance(now_ns + MS),
            Some(journey) => {
                let copy = journey.copy(&at).cloned();
                let original = journey
                    .records
                    .iter()
                    .find(|other| other.hop == 0 && copy.as_ref().is_some_and(|copy| copy.event == other.event));
                let turn = Turn {
                    scenario: &scenario,
                    plan: &scenario.groups[role.plan()],
                    role,
                    group: id.clone(),
                    received: Received { partition: at.partition, appended_ns: record.appended_ns, previous_ns },
                    now_ns,
                    publish_span: copy.as_ref().map_or(SpanId(0), |copy| copy.publish_span),
                    original_ms: original.map_or(record.timestamp_ms, |copy| copy.timestamp_ms),
                    due_ns: copy.as_ref().and_then(|copy| copy.due_ns),
                    event: copy.map_or_else(SmolStr::default, |copy| copy.event),
                    at: at.clone(),
                    record,
                };
                let purpose = u64::from(tries) << 40 | offset as u64;
                let seed = scenario.seed ^ (partition as u64) << 56;
                let mut rng = Rng::for_purpose(seed, &format_smolstr!("{id}/{}", at.topic), purpose);
                let mut publishes = Vec::new();
                let next = turn.deliver(journey, &mut rng, self.began_ns, &mut publishes);
                if let Some(delivery) = journey.deliveries.last() {
                    let (trace_id, number) = (delivery.trace_id, journey.number);
                    self.remember_trace(trace_id, number);
                }
                self.plan_appends(publishes);
                next
            }
        };
        let cursor = &mut self.queue.groups[group].cursors[partition];
        let again_ns = match next {
            Next::Again(at_ns) => {
                cursor.tries += 1;
                at_ns
            }
            Next::Advance(at_ns) => {
                let every_ns = scenario.groups[role.plan()].commit_every_ms * MS;
                let commit_ns = if every_ns == 0 { at_ns + 2 * MS } else { at_ns.div_ceil(every_ns) * every_ns };
                cursor.next = offset + 1;
                cursor.tries = 0;
                cursor.commit(commit_ns, offset + 1);
                at_ns + MS
            }
        };
        self.plan_poll(again_ns, group, partition);
    }
}

impl Turn<'_> {
    fn stack(&self) -> Stack {
        self.scenario.service(&self.plan.service).map_or(Stack::Java, |service| service.stack)
    }

    fn deliver(&self, journey: &mut Journey, rng: &mut Rng, began_ns: u64, publishes: &mut Vec<Publish>) -> Next {
        let own = self.stack() == Stack::Python;
        let trace_id = if own { TraceId(rng.trace_id()) } else { journey.trace_id };
        let scope = Scope { service: self.plan.service.clone(), trace_id, span: SpanId(rng.span_id()) };
        let receive_span = own.then(|| SpanId(rng.span_id()));
        if let Some(due_ns) = self.due_ns.filter(|due_ns| *due_ns > self.now_ns) {
            return self.refuse_early(journey, rng, &scope, due_ns);
        }
        let handling = format_smolstr!("handling {} of record {}", self.event, self.at);
        let mut calls = Calls { scenario: self.scenario, began_ns, journey, rng, publishes };
        calls.log(&scope, self.now_ns + MS / 2, Level::Info, handling, &[]);
        let work_ns = calls.rng.between(self.plan.work_ms[0] * 1_000, self.plan.work_ms[1] * 1_000) * 1_000;
        let dead_letter = matches!(self.role, Role::DeadLetter(_));
        let strike = if dead_letter { None } else { calls.strike(&self.plan.id, self.now_ns, Some(&self.received)) };
        let steps = if dead_letter { &[][..] } else { &self.plan.steps[..] };
        let mut handled_ns = self.now_ns + MS + work_ns / 2;
        let mut failure = None;
        if let Some(strike) = strike {
            handled_ns += strike.add_ns;
            failure = strike.status.map(|_| (strike.exception, strike.message));
        } else {
            let (end_ns, result) = calls.steps(steps, &scope, handled_ns);
            handled_ns = end_ns;
            if let Err(message) = result {
                failure = Some((self.http_exception(), message));
            }
        }
        handled_ns += work_ns / 2;
        let mut end_ns = handled_ns + 200_000;
        let mut next = Next::Advance(end_ns);
        let outcome = match failure {
            None => {
                let done = if dead_letter { "dead letter stored" } else { "handled" };
                calls.log(&scope, handled_ns, Level::Info, format_smolstr!("{done} {}", self.event), &[]);
                DeliveryOutcome::Done
            }
            Some((exception, message)) => {
                (end_ns, next) = self.fail(&mut calls, &scope, handled_ns, &exception, &message);
                DeliveryOutcome::Failed { exception, message }
            }
        };
        self.record(journey, &scope, receive_span, handled_ns, end_ns, outcome);
        next
    }

    fn http_exception(&self) -> SmolStr {
        match self.stack() {
            Stack::Java => "org.springframework.web.client.HttpServerErrorException$ServiceUnavailable".into(),
            Stack::Python => "requests.exceptions.HTTPError".into(),
            Stack::Go => "*fmt.wrapError".into(),
        }
    }

    /// The handler threw: what the framework does about it, and when it goes on.
    fn fail(
        &self,
        calls: &mut Calls<'_>,
        scope: &Scope,
        handled_ns: u64,
        exception: &str,
        message: &str,
    ) -> (u64, Next) {
        match &self.plan.on_failure {
            OnFailure::Skip => {
                let text = format_smolstr!("skipping record {}: {message}", self.at);
                calls.log(scope, handled_ns, Level::Error, text, &[]);
                calls.journey.skipped.push((self.at.clone(), self.group.clone(), handled_ns + MS));
                (handled_ns + MS, Next::Advance(handled_ns + MS))
            }
            OnFailure::Block { every_ms } => {
                // The agent's span ends after the back-off that Spring waits inside the listener loop.
                let end_ns = handled_ns + every_ms * MS + calls.rng.between(1, 6) * MS;
                self.framework_lines(calls.journey, scope, end_ns - MS);
                (end_ns, Next::Again(end_ns + calls.rng.between(1, 5) * MS))
            }
            OnFailure::RetryTopics { delays_ms, dead_letter } => {
                let hop = match self.role {
                    Role::Main(_) => 0,
                    Role::Retry(_, hop) => hop + 1,
                    Role::DeadLetter(_) => delays_ms.len(),
                };
                let main = &self.plan.topic;
                let (topic, due_ns) = match delays_ms.get(hop) {
                    Some(delay_ms) => (retry_name(main, hop), Some(handled_ns + delay_ms * MS)),
                    None => (dead_letter.clone(), None),
                };
                let hand_over_ns = handled_ns + if calls.rng.happens(0.7) { 502 * MS } else { 4 * MS };
                if due_ns.is_none() {
                    let Coordinate { topic: from, partition, offset } = &self.at;
                    let text = format_smolstr!(
                        "Record: topic = {from}, partition = {partition}, offset = {offset}, main topic = {main} threw \
                         an error at topic {from} and won't be retried. Sending to DLT with name {topic}."
                    );
                    let stack = Some(headers::stack_trace(exception, message));
                    calls.journey.log(line(scope, hand_over_ns, Level::Error, text, stack));
                }
                let span = SpanId(calls.rng.span_id());
                let sampled = calls.journey.samples(scope.trace_id);
                let headers = headers::after_hop(
                    &Hop {
                        record: &self.record,
                        at: &self.at,
                        main_group: &self.plan.id,
                        exception,
                        message,
                        next_attempt: hop as i32 + 2,
                        original_ms: self.original_ms,
                        backoff_ms: (due_ns.unwrap_or(handled_ns) / MS) as i64,
                    },
                    headers::traceparent(scope.trace_id, span, sampled),
                );
                calls.publishes.push(Publish {
                    at_ns: hand_over_ns,
                    journey: calls.journey.number,
                    topic,
                    partition: Some(self.at.partition),
                    event: self.event.clone(),
                    key: self.record.key.clone().unwrap_or_default(),
                    value: self.record.value.clone().unwrap_or_default(),
                    headers,
                    service: scope.service.clone(),
                    trace_id: scope.trace_id,
                    span,
                    under: scope.span,
                    hop: hop as u32 + 1,
                    from: Some(self.at.clone()),
                    due_ns,
                });
                let end_ns = hand_over_ns + 8 * MS;
                (end_ns, Next::Advance(end_ns))
            }
        }
    }

    /// A record that is not yet due: sometimes a short failed span, never an attempt.
    fn refuse_early(&self, journey: &mut Journey, rng: &mut Rng, scope: &Scope, due_ns: u64) -> Next {
        if rng.happens(0.7) {
            let end_ns = self.now_ns + rng.between(1_000, 8_000) * 1_000;
            self.framework_lines(journey, scope, end_ns - MS / 2);
            self.record(journey, scope, None, end_ns, end_ns, DeliveryOutcome::RefusedEarly { due_ns });
        }
        Next::Again(due_ns + rng.between(1, 20) * MS)
    }

    fn record(
        &self,
        journey: &mut Journey,
        scope: &Scope,
        receive_span: Option<SpanId>,
        handled_ns: u64,
        end_ns: u64,
        outcome: DeliveryOutcome,
    ) {
        if journey.deliveries.len() >= MOST_DELIVERIES {
            journey.deliveries.remove(MOST_DELIVERIES / 4);
        }
        if journey.logs.len() >= MOST_DELIVERIES * 4 {
            journey.logs.remove(MOST_DELIVERIES);
        }
        journey.last_ns = journey.last_ns.max(end_ns);
        journey.deliveries.push(Delivery {
            group: self.group.clone(),
            service: scope.service.clone(),
            at: self.at.clone(),
            trace_id: scope.trace_id,
            span: scope.span,
            receive_span,
            publish_span: self.publish_span,
            start_ns: self.now_ns,
            handled_ns,
            end_ns,
            outcome,
        });
    }

    /// The two lines that Spring Kafka writes before it delivers a record again; neither names the order.
    fn framework_lines(&self, journey: &mut Journey, scope: &Scope, at_ns: u64) {
        let Coordinate { topic, partition, offset } = &self.at;
        let group = &self.group;
        let seeking = format_smolstr!(
            "[Consumer clientId=consumer-{group}-1, groupId={group}] Seeking to offset {offset} for partition \
             {topic}-{partition}"
        );
        journey.log(line(scope, at_ns, Level::Info, seeking, None));
        let retrying = SmolStr::new_static("Record in retry and not yet recovered");
        journey.log(line(scope, at_ns + 100_000, Level::Info, retrying, None));
    }
}

/// One line of the framework, which knows no order.
fn line(scope: &Scope, at_ns: u64, level: Level, message: SmolStr, stack: Option<SmolStr>) -> LogLine {
    LogLine {
        at_ns,
        service: scope.service.clone(),
        level,
        logger: "org.springframework.kafka.listener.KafkaMessageListenerContainer".into(),
        message,
        fields: Vec::new(),
        context: Some((scope.trace_id, scope.span)),
        stack,
    }
}
