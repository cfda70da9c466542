//! Handlers that are given several records at once: one span for all of them, links to their producers, and one failure
//! for all.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::calls::{Calls, MS, Publish, Received, Scope};
use super::consume::producer;
use super::engine::World;
use super::headers::{self, Hop};
use super::journey::Level;
use super::queue::Record;
use super::rng::Rng;
use super::scenario::Stack;
use super::truth::{Coordinate, Delivery, DeliveryOutcome, SpanId, TraceId};

/// Trace and span of a publish.
pub type Producer = (TraceId, SpanId);

/// The spans of one batch that was handed over.
#[derive(Debug, Clone)]
pub struct BatchSpan {
    /// Consumer group.
    pub group: SmolStr,
    /// Service that consumes.
    pub service: SmolStr,
    /// Trace that began with it.
    pub trace_id: TraceId,
    /// The process span.
    pub span: SpanId,
    /// Root span above it, where the instrumentation makes one.
    pub receive_span: Option<SpanId>,
    /// Records, each with its producer and with a span of its own for instrumentations that make one.
    pub records: Vec<(Coordinate, Option<Producer>, SpanId)>,
    /// Beginning, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End, nanoseconds since the Unix epoch.
    pub end_ns: u64,
    /// Exception class and message, when the handler failed.
    pub failure: Option<(SmolStr, SmolStr)>,
}

impl World {
    /// A group takes what has gathered in one partition; there is at least one record.
    pub(super) fn poll_batch(&mut self, now_ns: u64, group: usize, partition: usize, plan: usize) {
        let scenario = Arc::clone(&self.scenario);
        let plan = &scenario.groups[plan];
        let batch = plan.batch.as_ref().expect("the group takes batches");
        let cursor = &self.queue.groups[group].cursors[partition];
        let (offset, tries) = (cursor.next, cursor.tries);
        let most = cursor.batch.unwrap_or(batch.most).max(1);
        let topic = &self.queue.topics[self.queue.groups[group].topic];
        let log = &topic.partitions[partition];
        let records: Vec<Record> = (offset..offset + most as i64).map_while(|at| log.record(at).cloned()).collect();
        let place = |offset| Coordinate { topic: topic.name.clone(), partition: partition as i32, offset };
        let places: Vec<Coordinate> = records.iter().map(|record| place(record.offset)).collect();

        let seed = scenario.seed ^ (partition as u64) << 56;
        let purpose = format_smolstr!("{}/{}/batch", plan.id, plan.topic);
        let mut rng = Rng::for_purpose(seed, &purpose, u64::from(tries) << 40 | offset as u64);
        let stack = scenario.service(&plan.service).map_or(Stack::Java, |service| service.stack);
        let (trace_id, span) = (TraceId(rng.trace_id()), SpanId(rng.span_id()));
        let receive_span = matches!(stack, Stack::Python | Stack::Kafkajs).then(|| SpanId(rng.span_id()));
        let current = stack.holds_handlers().then_some(span);
        let scope = Scope { service: plan.service.clone(), trace_id, span, current };

        let (mut at_ns, mut failure, mut publishes) = (now_ns + MS, None, Vec::new());
        let mut outcomes = Vec::new();
        for (record, at) in records.iter().zip(&places) {
            let Some(journey) = self.journeys.get_mut(&record.journey) else {
                outcomes.push((DeliveryOutcome::NotReached, at_ns));
                continue;
            };
            journey.change().traces.push(trace_id);
            if failure.is_some() {
                outcomes.push((DeliveryOutcome::NotReached, at_ns));
                continue;
            }
            let mut calls = Calls {
                scenario: &scenario,
                began_ns: self.began_ns,
                journey,
                rng: &mut rng,
                publishes: &mut publishes,
            };
            calls.log(&scope, at_ns, Level::Info, format_smolstr!("handling record {at} of a batch"), &[]);
            let work_ns = calls.rng.between(plan.work_ms[0] * 1_000, plan.work_ms[1] * 1_000) * 1_000;
            let received = Received { partition: at.partition, appended_ns: record.appended_ns, previous_ns: None };
            let strike = calls.strike(&plan.id, now_ns, Some(&received));
            at_ns += work_ns;
            let result = if let Some(strike) = strike {
                at_ns += strike.add_ns;
                strike.status.map_or(Ok(()), |_| Err((strike.exception, strike.message)))
            } else {
                let (end_ns, result) = calls.steps(&plan.steps, &scope, at_ns);
                at_ns = end_ns;
                result.map_err(|message| ("java.lang.IllegalStateException".into(), message))
            };
            match result {
                Ok(()) => {
                    calls.log(&scope, at_ns, Level::Info, format_smolstr!("handled record {at}"), &[]);
                    outcomes.push((DeliveryOutcome::Done, at_ns));
                }
                Err((exception, message)) => {
                    outcomes.push((
                        DeliveryOutcome::Failed { exception: exception.clone(), message: message.clone() },
                        at_ns,
                    ));
                    failure = Some((exception, message));
                }
            }
        }
        let end_ns = at_ns + MS;
        let producers: Vec<_> =
            records.iter().map(|record| producer(&scenario, &plan.service, &record.headers)).collect();
        for (((record, at), (outcome, handled_ns)), producer) in
            records.iter().zip(&places).zip(outcomes).zip(&producers)
        {
            let Some(journey) = self.journeys.get_mut(&record.journey) else { continue };
            journey.last_ns = journey.last_ns.max(end_ns);
            journey.deliveries.push(Delivery {
                group: plan.id.clone(),
                service: plan.service.clone(),
                at: at.clone(),
                trace_id,
                span,
                receive_span,
                receive_trace: trace_id,
                publish_span: producer.map(|(_, span)| span),
                in_batch: true,
                start_ns: now_ns,
                handled_ns,
                end_ns,
                outcome,
            });
        }
        let own = |at: &Coordinate| SpanId(Rng::for_purpose(span.0, "record of a batch", at.offset as u64).span_id());
        self.batches.push(BatchSpan {
            group: plan.id.clone(),
            service: plan.service.clone(),
            trace_id,
            span,
            receive_span,
            records: places.iter().zip(&producers).map(|(at, producer)| (at.clone(), *producer, own(at))).collect(),
            start_ns: now_ns,
            end_ns,
            failure: failure.clone(),
        });

        let is_over = tries + 1 >= batch.deliveries.max(1);
        if let (Some((exception, message)), true) = (&failure, is_over) {
            for (record, at) in records.iter().zip(&places) {
                let Some(journey) = self.journeys.get_mut(&record.journey) else { continue };
                let Some(topic) = &batch.dead_letter else {
                    journey.skipped.push((at.clone(), plan.id.clone(), end_ns));
                    continue;
                };
                let hop = Hop {
                    record,
                    at,
                    main_group: &plan.id,
                    exception,
                    message,
                    next_attempt: tries as i32 + 2,
                    original_ms: record.timestamp_ms,
                    backoff_ms: (end_ns / MS) as i64,
                    failed_ms: (end_ns / MS) as i64,
                    family: plan.family,
                    by_retry_topics: false,
                    is_final: true,
                };
                // Each of them begins a trace that nothing leads to, and takes the old one's place on the record.
                let (letter_trace, letter_span) = (TraceId(rng.trace_id()), SpanId(rng.span_id()));
                journey.traces.push(letter_trace);
                let mut headers = headers::after_hop(&hop);
                headers::carry(&mut headers, stack, letter_trace, letter_span, true);
                let event = journey.copy(at).map_or_else(SmolStr::default, |copy| copy.event.clone());
                publishes.push(Publish {
                    at_ns: end_ns + MS,
                    journey: record.journey,
                    topic: topic.clone(),
                    partition: Some(at.partition),
                    event,
                    key: headers::key_after_hop(&hop),
                    value: record.value.clone().unwrap_or_default(),
                    headers,
                    service: plan.service.clone(),
                    trace_id: letter_trace,
                    span: letter_span,
                    under: None,
                    is_traced: stack.is_instrumented(),
                    hop: 1,
                    from: Some(at.clone()),
                    due_ns: None,
                });
            }
        }
        for number in records.iter().map(|record| record.journey) {
            self.note_traces(number);
        }
        self.plan_appends(publishes);

        let cursor = &mut self.queue.groups[group].cursors[partition];
        let again_ns = if failure.is_some() && !is_over {
            (cursor.tries, cursor.batch) = (tries + 1, Some(records.len()));
            end_ns + batch.backoff_ms * MS
        } else {
            (cursor.tries, cursor.batch) = (0, None);
            cursor.next = offset + records.len() as i64;
            cursor.commit(end_ns + 2 * MS, cursor.next);
            let every_ns = batch.every_ms.max(1) * MS;
            (end_ns + 4 * MS).div_ceil(every_ns) * every_ns
        };
        self.plan_poll(again_ns, group, partition);
    }
}
