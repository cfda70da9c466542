//! All spans of a journey, as the stacks of its services would export them.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Kind, Link, Span, attribute};
use super::{
    aiokafka, batches, dotnet, envoy, faststream, go, grpc, java, kafkajs, observation, python, quarkus, sarama,
};
use crate::world::calls::method_and_route;
use crate::world::engine::World;
use crate::world::journey::Journey;
use crate::world::queue::{Queue, Role};
use crate::world::rng::Rng;
use crate::world::scenario::{CallStep, Scenario, Service, Stack, Step};
use crate::world::truth::{Attempt, Copy, Delivery, Execution, Operation, SpanId, TraceId};

/// What every projection of a span may look at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Groups and topics, for roles.
    pub queue: &'a Queue,
    /// The journey.
    pub journey: &'a Journey,
}

impl View<'_> {
    /// The spans of the journey that had ended by `now_ns` and reached the store, in order of their beginning.
    pub fn spans(&self, now_ns: u64) -> Vec<Span> {
        let mut spans = Vec::new();
        for operation in &self.journey.operations {
            for attempt in &operation.attempts {
                self.attempt(operation, attempt, &mut spans);
            }
        }
        for copy in &self.journey.records {
            self.publish(copy, &mut spans);
        }
        for delivery in &self.journey.deliveries {
            self.delivery(delivery, &mut spans);
        }
        spans.retain(|span| self.journey.samples(span.trace_id) && !self.journey.lost.contains(&span.span_id));
        kept(self.scenario, &mut spans, now_ns);
        spans
    }

    fn service(&self, name: &str) -> &Service {
        self.scenario.service(name).expect("the scenario was checked")
    }

    fn attempt(&self, operation: &Operation, attempt: &Attempt, spans: &mut Vec<Span>) {
        if self.plan(operation).is_some_and(|plan| plan.rpc) {
            return self.rpc(operation, attempt, spans);
        }
        if let (Some(caller), Some(span_id)) = (&operation.caller, attempt.client_span) {
            let mut span = blank(attempt.trace_id, span_id, operation.under, caller.clone(), Kind::Client);
            (span.start_ns, span.end_ns) = (attempt.start_ns, attempt.end_ns);
            match self.service(caller).stack {
                Stack::Java => java::client(&mut span, self.service(caller), operation, attempt),
                Stack::JavaObservation => observation::client(&mut span, operation, attempt),
                Stack::Quarkus => quarkus::client(&mut span, operation, attempt),
                Stack::Python | Stack::Aiokafka | Stack::KafkaPython | Stack::Faststream => {
                    python::client(&mut span, operation, attempt);
                }
                Stack::Kafkajs => kafkajs::client(&mut span, operation, attempt),
                Stack::Dotnet => dotnet::client(&mut span, operation, attempt),
                Stack::Go | Stack::GoLinks | Stack::Sarama | Stack::Envoy | Stack::None => {
                    go::client(&mut span, operation, attempt);
                }
            }
            span.attributes.extend(key(operation));
            spans.push(span);
        }
        let proxy = attempt.client_span.and_then(|_| self.proxy_of(operation));
        for execution in &attempt.executions {
            if let (Some(span_id), Some(service)) = (execution.proxy_span, &proxy) {
                let mut span = blank(attempt.trace_id, span_id, attempt.client_span, service.clone(), Kind::Client);
                (span.start_ns, span.end_ns) = (execution.start_ns - 300_000, execution.end_ns + 300_000);
                envoy::upstream(&mut span, operation, execution);
                spans.push(span);
            }
            spans.extend(self.server(operation, attempt, execution));
        }
    }

    /// An attempt of gRPC; with the first one the span of the whole call.
    fn rpc(&self, operation: &Operation, attempt: &Attempt, spans: &mut Vec<Span>) {
        let ends = operation.attempts.first().zip(operation.attempts.last());
        if let (Some(caller), Some((first, last))) = (&operation.caller, ends)
            && let (Some(span_id), Some(first_id)) = (attempt.client_span, first.client_span)
        {
            let call = grpc::call_id(first_id);
            if attempt.number == first.number {
                let mut span = blank(first.trace_id, call, operation.under, caller.clone(), Kind::Client);
                (span.start_ns, span.end_ns) = (first.start_ns - 20_000, last.end_ns + 20_000);
                grpc::call(&mut span, operation);
                spans.push(span);
            }
            let mut span = blank(attempt.trace_id, span_id, Some(call), caller.clone(), Kind::Internal);
            (span.start_ns, span.end_ns) = (attempt.start_ns, attempt.end_ns);
            grpc::attempt(&mut span, operation, attempt);
            spans.push(span);
        }
        for execution in &attempt.executions {
            let service = execution.service.clone();
            let mut span = blank(attempt.trace_id, execution.span, execution.parent, service, Kind::Server);
            (span.start_ns, span.end_ns) = (execution.start_ns, execution.end_ns);
            grpc::received(&mut span, operation, execution);
            span.attributes.push(attribute("order.id", &self.journey.order_id));
            spans.push(span);
        }
    }

    /// Service in whose name a proxy between caller and callee makes spans.
    fn proxy_of(&self, operation: &Operation) -> Option<SmolStr> {
        self.plan(operation)?.proxy.as_ref()?.spans_of.clone()
    }

    /// How the scenario says that this operation is called.
    fn plan(&self, operation: &Operation) -> Option<&CallStep> {
        let caller = operation.caller.as_ref()?;
        let of_operations = self.scenario.operations.iter().map(|other| (&other.service, &other.steps));
        let of_groups = self.scenario.groups.iter().map(|group| (&group.service, &group.steps));
        let all = of_operations.chain(of_groups).filter(|(service, _)| *service == caller);
        all.flat_map(|(_, steps)| steps).find_map(|step| match step {
            Step::Call(call) if call.to.split_once(' ') == Some((&operation.callee, &operation.name)) => Some(call),
            Step::Call(_) | Step::Publish(_) => None,
        })
    }

    fn server(&self, operation: &Operation, attempt: &Attempt, execution: &Execution) -> Option<Span> {
        let service = execution.service.clone();
        let stack = self.service(&service).stack;
        let mut span = blank(attempt.trace_id, execution.span, execution.parent, service, Kind::Server);
        (span.start_ns, span.end_ns) = (execution.start_ns, execution.end_ns);
        match stack {
            Stack::None => return None,
            Stack::Java => java::server(&mut span, operation, execution),
            Stack::JavaObservation => observation::server(&mut span, operation, execution),
            Stack::Quarkus => quarkus::server(&mut span, operation, execution),
            Stack::Python | Stack::Aiokafka | Stack::KafkaPython | Stack::Faststream => {
                python::server(&mut span, operation, execution);
            }
            Stack::Kafkajs => kafkajs::server(&mut span, operation, execution),
            Stack::Dotnet => dotnet::server(&mut span, operation, execution),
            Stack::Go | Stack::GoLinks | Stack::Sarama | Stack::Envoy => go::server(&mut span, operation, execution),
        }
        if operation.caller.is_none() {
            let agent = if self.journey.hostile {
                SmolStr::new_static("shop-app/9 \u{1b}[31mred\u{1b}[0m \u{202e}gnp.exe\u{2066}")
            } else {
                SmolStr::new_static("shop-app/9.2")
            };
            span.attributes.push(attribute("user_agent.original", agent));
        }
        let tells = self.plan(operation).and_then(|plan| plan.proxy.as_ref()).is_some_and(|proxy| proxy.tells_attempt);
        if tells && !execution.is_shadow {
            let number = vec![format_smolstr!("{}", execution.proxy_attempt)];
            span.attributes.push(attribute("http.request.header.x-envoy-attempt-count", number));
        }
        span.attributes.extend(key(operation));
        // Services of this shop put the order on their server spans.
        span.attributes.push(attribute("order.id", &self.journey.order_id));
        Some(span)
    }

    fn publish(&self, copy: &Copy, spans: &mut Vec<Span>) {
        let mut span = blank(copy.trace_id, copy.publish_span, copy.under, copy.service.clone(), Kind::Producer);
        (span.start_ns, span.end_ns) = (copy.published_ns, copy.appended_ns + 600_000);
        match self.service(&copy.service).stack {
            Stack::None | Stack::Envoy => return,
            Stack::Java => java::publish(&mut span, copy),
            Stack::JavaObservation => observation::publish(&mut span, copy),
            Stack::Quarkus => quarkus::publish(&mut span, copy),
            Stack::Python => python::publish(&mut span, copy),
            Stack::Aiokafka => aiokafka::publish(&mut span, copy),
            Stack::KafkaPython => aiokafka::publish_blocking(&mut span, copy),
            Stack::Faststream => faststream::publish(&mut span, copy),
            Stack::Go | Stack::GoLinks => go::publish(&mut span, copy),
            Stack::Sarama => sarama::publish(&mut span, copy),
            Stack::Kafkajs => kafkajs::publish(&mut span, copy),
            Stack::Dotnet => dotnet::publish(&mut span, copy),
        }
        spans.push(span);
    }

    fn delivery(&self, delivery: &Delivery, spans: &mut Vec<Span>) {
        let stack = self.service(&delivery.service).stack;
        if delivery.in_batch || !stack.is_instrumented() {
            return;
        }
        let copy = self.journey.copy(&delivery.at);
        let key = copy.map(|copy| copy.key.clone());
        let producer = delivery.publish_span.map(|span_id| Link { trace_id: self.trace_of(span_id), span_id });
        let parent = match (delivery.receive_span, &producer) {
            (Some(receive), _) if delivery.receive_trace == delivery.trace_id => Some(receive),
            (None, Some(producer)) if producer.trace_id == delivery.trace_id => Some(producer.span_id),
            _ => None,
        };
        let mut span = blank(delivery.trace_id, delivery.span, parent, delivery.service.clone(), Kind::Consumer);
        (span.start_ns, span.end_ns) = (delivery.start_ns, delivery.end_ns);
        if let Some(root) = delivery.receive_span {
            let above = producer.clone().filter(|producer| producer.trace_id == delivery.receive_trace);
            let above = above.map(|producer| producer.span_id);
            let mut receive = blank(delivery.receive_trace, root, above, delivery.service.clone(), Kind::Consumer);
            if stack == Stack::Python {
                (receive.start_ns, receive.end_ns) = (delivery.start_ns - 40_000, delivery.end_ns + 20_000);
                python::receive(&mut receive);
            } else {
                // What waits behind a slow record in the client's buffer makes this one long.
                (receive.start_ns, receive.end_ns) = (delivery.start_ns - 60_000, delivery.start_ns - 20_000);
                go::receive(&mut receive, delivery, key.clone());
            }
            if delivery.receive_trace != delivery.trace_id {
                receive.links.extend(producer.clone());
                span.links.push(Link { trace_id: delivery.receive_trace, span_id: root });
            }
            spans.push(receive);
        }
        if stack.begins_traces() && stack != Stack::GoLinks {
            span.links.extend(producer);
        }
        match stack {
            Stack::Java => java::process(&mut span, delivery, key, self.on_retry_topic(&delivery.group)),
            Stack::JavaObservation => observation::process(&mut span, delivery),
            Stack::Quarkus => quarkus::process(&mut span, delivery, key),
            Stack::Python => python::process(&mut span, delivery),
            Stack::Aiokafka => aiokafka::receive(&mut span, delivery),
            Stack::KafkaPython => aiokafka::receive_blocking(&mut span, delivery),
            Stack::Faststream => faststream::process(&mut span, delivery, copy),
            Stack::Go | Stack::GoLinks | Stack::None | Stack::Envoy => go::process(&mut span, delivery, key),
            Stack::Sarama => sarama::process(&mut span, delivery),
            Stack::Kafkajs => kafkajs::process(&mut span, delivery, key),
            Stack::Dotnet => dotnet::poll(&mut span, delivery, key),
        }
        spans.push(span);
    }

    /// Trace of a publish span of this journey.
    fn trace_of(&self, span: SpanId) -> TraceId {
        let copy = self.journey.records.iter().find(|copy| copy.publish_span == span);
        copy.map_or(self.journey.trace_id, |copy| copy.trace_id)
    }

    fn on_retry_topic(&self, group: &str) -> bool {
        self.queue.groups.iter().any(|other| other.id == group && matches!(other.role, Role::Retry(..)))
    }
}

/// All spans of one trace that the store holds, whichever journeys they belong to.
pub fn of_trace(world: &World, trace_id: TraceId) -> Vec<Span> {
    let mut spans = Vec::new();
    for journey in world.journeys_of_trace(trace_id) {
        spans.extend(View { scenario: world.scenario(), queue: world.queue(), journey }.spans(world.now_ns()));
    }
    for batch in world.batches().iter().filter(|batch| batch.trace_id == trace_id) {
        spans.extend(batches::spans(world.scenario(), batch, world.now_ns()));
    }
    spans.retain(|span| span.trace_id == trace_id);
    spans.sort_by_key(|span| (span.start_ns, span.span_id));
    spans
}

/// Leaves what the store holds by `now_ns`, by the clocks of the services and in order of beginning.
pub(super) fn kept(scenario: &Scenario, spans: &mut Vec<Span>, now_ns: u64) {
    let stores = &scenario.stores;
    let from_ns = stores.spans_keep_s.map_or(0, |keep_s| now_ns.saturating_sub(keep_s.saturating_mul(1_000_000_000)));
    let is_lost = |span: &Span| {
        stores.span_loss > 0.0 && Rng::for_purpose(scenario.seed, "span loss", span.span_id.0).happens(stores.span_loss)
    };
    // What is kept of a journey is made for the end of time, when nothing would be left.
    let is_held = |span: &Span| now_ns == u64::MAX || span.end_ns >= from_ns;
    spans.retain(|span| span.end_ns <= now_ns && is_held(span) && !is_lost(span));
    for span in spans.iter_mut() {
        let skew_ns = scenario.service(&span.service).map_or(0, |service| service.skew_ms) * 1_000_000;
        span.start_ns = span.start_ns.saturating_add_signed(skew_ns);
        span.end_ns = span.end_ns.saturating_add_signed(skew_ns);
        for event in &mut span.events {
            event.at_ns = event.at_ns.saturating_add_signed(skew_ns);
        }
    }
    spans.sort_by_key(|span| (span.start_ns, span.span_id));
}

pub(super) fn blank(trace_id: TraceId, span_id: SpanId, parent: Option<SpanId>, service: SmolStr, kind: Kind) -> Span {
    Span {
        trace_id,
        span_id,
        parent,
        links: Vec::new(),
        service,
        name: SmolStr::default(),
        kind,
        start_ns: 0,
        end_ns: 0,
        scope: ("", ""),
        attributes: Vec::new(),
        events: Vec::new(),
        error: false,
        status_description: None,
    }
}

/// The captured header with an operation's key.
fn key(operation: &Operation) -> Option<(SmolStr, super::span::Value)> {
    operation.key.as_ref().map(|key| attribute("http.request.header.idempotency-key", vec![key.clone()]))
}

/// Method of an operation and the address that is asked for.
pub(super) fn method_and_target(operation: &Operation) -> (SmolStr, SmolStr) {
    (method_and_route(&operation.name).0.into(), operation.target.clone())
}

/// An address without its query, which most server spans keep apart.
pub(super) fn path(target: &str) -> SmolStr {
    target.split('?').next().unwrap_or(target).into()
}

/// Host name of a service.
pub(super) fn host(service: &str) -> SmolStr {
    format_smolstr!("{service}.shop.svc")
}
