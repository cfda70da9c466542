//! Deliveries: what consumer groups do with records, and what becomes of those that fail.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::calls::{Calls, MS, Publish, Received, Scope};
use super::engine::{World, retry_name};
use super::headers::{self, Hop};
use super::journey::{Journey, Level, LogLine};
use super::queue::{Header, Record, Role};
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
    producer: Option<(TraceId, SpanId)>,
    tries: u32,
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
        let role = self.queue.groups[group].role;
        if let (Role::Main(plan), true) = (role, scenario.groups[role.plan()].batch.is_some()) {
            return self.poll_batch(now_ns, group, partition, plan);
        }
        let previous_ns = log.record(offset - 1).map(|record| record.appended_ns);
        let at = Coordinate { topic: self.queue.topics[topic].name.clone(), partition: partition as i32, offset };
        let facts = &self.queue.groups[group];
        let id = facts.id.clone();
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
                    producer: producer(&scenario, &scenario.groups[role.plan()].service, &record.headers),
                    tries,
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
                let number = journey.number;
                self.note_traces(number);
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
        let stack = self.stack();
        let shape = Shape::draw(stack, self.producer, journey, rng);
        let current = stack.holds_handlers().then_some(shape.span);
        let scope = Scope { service: self.plan.service.clone(), trace_id: shape.trace_id, span: shape.span, current };
        if let Some(due_ns) = self.due_ns.filter(|due_ns| *due_ns > self.now_ns) {
            return self.refuse_early(journey, rng, &scope, &shape, due_ns);
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
        let is_process_fault =
            strike.as_ref().is_some_and(|strike| strike.killed_ns.is_some() || strike.poll_limit_ns.is_some());
        let from = calls.journey.operations.len();
        if let Some(strike) = strike.as_ref().filter(|_| !is_process_fault) {
            handled_ns += strike.add_ns;
            failure = strike.status.map(|_| (strike.exception.clone(), strike.message.clone()));
        } else {
            let (end_ns, result) = calls.steps(steps, &scope, handled_ns);
            handled_ns = end_ns + strike.as_ref().map_or(0, |strike| strike.add_ns);
            if let Err(message) = result {
                failure = Some((self.http_exception(), message));
            }
        }
        handled_ns += work_ns / 2;
        if let Some(away_ns) = strike.as_ref().and_then(|strike| strike.killed_ns) {
            // Whatever the process had not exported yet is gone with it.
            let spans = calls.journey.operations[from..].iter().flat_map(|operation| &operation.attempts);
            let gone: Vec<SpanId> = spans.filter_map(|attempt| attempt.client_span).collect();
            calls.journey.lost.extend(gone.into_iter().chain([shape.span]));
            self.record(journey, &scope, &shape, handled_ns, handled_ns, DeliveryOutcome::Killed);
            return Next::Again(handled_ns + away_ns);
        }
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
        if let Some(limit_ns) = strike.and_then(|strike| strike.poll_limit_ns)
            && end_ns > self.now_ns + limit_ns
        {
            self.lose_partition(journey, &scope, self.now_ns + limit_ns, end_ns);
            next = Next::Again(self.now_ns + limit_ns + 3_000 * MS);
        }
        self.record(journey, &scope, &shape, handled_ns, end_ns, outcome);
        next
    }

    /// What the clients log when a member took too long: none of it is inside a span.
    fn lose_partition(&self, journey: &mut Journey, scope: &Scope, lost_ns: u64, refused_ns: u64) {
        let group = &self.group;
        let client = format_smolstr!("[Consumer clientId=consumer-{group}-1, groupId={group}]");
        let lines = [
            (
                lost_ns,
                Level::Warn,
                "consumer poll timeout has expired. This means the time between subsequent calls to \
             poll() was longer than the configured max.poll.interval.ms, which typically implies that the poll loop is \
             spending too much time processing messages.",
            ),
            (refused_ns, Level::Info, "Failing OffsetCommit request since the consumer is not part of an active group"),
        ];
        for (at_ns, level, text) in lines {
            let mut line = line(scope, at_ns, level, format_smolstr!("{client} {text}"), None);
            line.context = None;
            journey.log(line);
        }
    }

    fn http_exception(&self) -> SmolStr {
        match self.stack() {
            Stack::Java | Stack::JavaObservation | Stack::Quarkus => {
                "org.springframework.web.client.HttpServerErrorException$ServiceUnavailable".into()
            }
            Stack::Python | Stack::Aiokafka | Stack::KafkaPython | Stack::Faststream => {
                "requests.exceptions.HTTPError".into()
            }
            Stack::Go | Stack::GoLinks | Stack::Sarama | Stack::Envoy | Stack::None => "*fmt.wrapError".into(),
            Stack::Kafkajs => "Error".into(),
            Stack::Dotnet => "System.Net.Http.HttpRequestException".into(),
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
            OnFailure::Block { every_ms, deliveries, dead_letter } => {
                if deliveries.is_some_and(|most| self.tries + 1 >= most) {
                    return self.give_up(calls, scope, handled_ns, dead_letter.as_ref(), exception, message);
                }
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
                let hop = Hop {
                    record: &self.record,
                    at: &self.at,
                    main_group: &self.plan.id,
                    exception,
                    message,
                    next_attempt: hop as i32 + 2,
                    original_ms: self.original_ms,
                    backoff_ms: (due_ns.unwrap_or(handled_ns) / MS) as i64,
                    failed_ms: (handled_ns / MS) as i64,
                    family: self.plan.family,
                    by_retry_topics: true,
                    is_final: due_ns.is_none(),
                };
                self.hand_over(calls, scope, hand_over_ns, topic, due_ns, &hop);
                let end_ns = hand_over_ns + 8 * MS;
                (end_ns, Next::Advance(end_ns))
            }
        }
    }

    /// The last delivery failed: the record becomes a dead letter or is passed over.
    fn give_up(
        &self,
        calls: &mut Calls<'_>,
        scope: &Scope,
        handled_ns: u64,
        dead_letter: Option<&SmolStr>,
        exception: &str,
        message: &str,
    ) -> (u64, Next) {
        if let Some(topic) = dead_letter {
            let hop = Hop {
                record: &self.record,
                at: &self.at,
                main_group: &self.plan.id,
                exception,
                message,
                next_attempt: self.tries as i32 + 2,
                original_ms: self.original_ms,
                backoff_ms: (handled_ns / MS) as i64,
                failed_ms: (handled_ns / MS) as i64,
                family: self.plan.family,
                by_retry_topics: false,
                is_final: true,
            };
            self.hand_over(calls, scope, handled_ns + 4 * MS, topic.clone(), None, &hop);
        } else {
            calls.journey.skipped.push((self.at.clone(), self.group.clone(), handled_ns + MS));
        }
        let end_ns = handled_ns + 12 * MS;
        (end_ns, Next::Advance(end_ns))
    }

    /// Publishes the copy that a hop makes, within the failed delivery.
    fn hand_over(
        &self,
        calls: &mut Calls<'_>,
        scope: &Scope,
        at_ns: u64,
        topic: SmolStr,
        due_ns: Option<u64>,
        hop: &Hop<'_>,
    ) {
        let span = SpanId(calls.rng.span_id());
        let trace_id = if scope.current.is_some() { scope.trace_id } else { calls.new_trace() };
        let mut headers = headers::after_hop(hop);
        headers::carry(&mut headers, self.stack(), trace_id, span, calls.journey.samples(trace_id));
        let is_pointer = self.plan.family == headers::Family::ShareGroup;
        calls.publishes.push(Publish {
            at_ns,
            journey: calls.journey.number,
            topic,
            partition: Some(self.at.partition),
            event: self.event.clone(),
            key: headers::key_after_hop(hop),
            value: if is_pointer { Vec::new() } else { self.record.value.clone().unwrap_or_default() },
            headers,
            service: scope.service.clone(),
            trace_id,
            span,
            under: scope.current,
            is_traced: self.stack().is_instrumented(),
            hop: if hop.by_retry_topics { hop.next_attempt as u32 - 1 } else { 1 },
            from: Some(self.at.clone()),
            due_ns,
        });
    }

    /// A record that is not yet due: sometimes a short failed span, never an attempt.
    fn refuse_early(&self, journey: &mut Journey, rng: &mut Rng, scope: &Scope, shape: &Shape, due_ns: u64) -> Next {
        // Only Spring refuses within the span of a delivery; others wait before they poll.
        if rng.happens(0.7) && self.stack() == Stack::Java {
            let end_ns = self.now_ns + rng.between(1_000, 8_000) * 1_000;
            self.framework_lines(journey, scope, end_ns - MS / 2);
            self.record(journey, scope, shape, end_ns, end_ns, DeliveryOutcome::RefusedEarly { due_ns });
        }
        Next::Again(due_ns + rng.between(1, 20) * MS)
    }

    fn record(
        &self,
        journey: &mut Journey,
        scope: &Scope,
        shape: &Shape,
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
            receive_span: shape.receive_span,
            receive_trace: shape.receive_trace,
            publish_span: self.producer.map(|(_, span)| span),
            in_batch: false,
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

/// The spans of one delivery: how they hang together depends on the instrumentation.
pub(super) struct Shape {
    /// Trace of the process span.
    pub trace_id: TraceId,
    /// The process span.
    pub span: SpanId,
    /// A receive span, where there is one.
    pub receive_span: Option<SpanId>,
    /// Trace of the receive span.
    pub receive_trace: TraceId,
}

impl Shape {
    /// The spans of a delivery of a record that names this producer.
    pub(super) fn draw(
        stack: Stack,
        producer: Option<(TraceId, SpanId)>,
        journey: &mut Journey,
        rng: &mut Rng,
    ) -> Self {
        let mut own = |rng: &mut Rng| {
            let trace_id = TraceId(rng.trace_id());
            journey.traces.push(trace_id);
            trace_id
        };
        let trace_id = match producer {
            Some((trace_id, _)) if !stack.begins_traces() => trace_id,
            _ => own(rng),
        };
        let span = SpanId(rng.span_id());
        let receives = matches!(stack, Stack::Python | Stack::Go | Stack::GoLinks);
        let receive_span = receives.then(|| SpanId(rng.span_id()));
        let receive_trace = if stack == Stack::GoLinks { own(rng) } else { trace_id };
        Self { trace_id, span, receive_span, receive_trace }
    }
}

/// The producer that a record names, as the consumer's instrumentation reads it.
pub(super) fn producer(scenario: &Scenario, service: &str, headers: &[Header]) -> Option<(TraceId, SpanId)> {
    let stack = scenario.service(service).map_or(Stack::Java, |service| service.stack);
    if stack.is_instrumented() { headers::context(headers, stack == Stack::Aiokafka) } else { None }
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
        context: scope.current.map(|span| (scope.trace_id, span)),
        stack,
    }
}
