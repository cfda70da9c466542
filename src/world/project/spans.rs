//! All spans of a journey, as the stacks of its services would export them.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Kind, Link, Span, attribute};
use super::{go, java, python};
use crate::world::journey::Journey;
use crate::world::queue::{Queue, Role};
use crate::world::scenario::{Scenario, Service, Stack};
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
    /// The sampled spans of the journey that had ended by `now_ns`, in order of their beginning.
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
        spans.retain(|span| span.end_ns <= now_ns && self.journey.samples(span.trace_id));
        for span in &mut spans {
            self.shift(span);
        }
        spans.sort_by_key(|span| (span.start_ns, span.span_id));
        spans
    }

    fn service(&self, name: &str) -> &Service {
        self.scenario.service(name).expect("the scenario was checked")
    }

    /// Moves a span to the clock of its service.
    fn shift(&self, span: &mut Span) {
        let skew_ns = self.service(&span.service).skew_ms * 1_000_000;
        span.start_ns = span.start_ns.saturating_add_signed(skew_ns);
        span.end_ns = span.end_ns.saturating_add_signed(skew_ns);
        for event in &mut span.events {
            event.at_ns = event.at_ns.saturating_add_signed(skew_ns);
        }
    }

    fn attempt(&self, operation: &Operation, attempt: &Attempt, spans: &mut Vec<Span>) {
        if let (Some(caller), Some(span_id)) = (&operation.caller, attempt.client_span) {
            let mut span = blank(operation.trace_id, span_id, operation.under, caller.clone(), Kind::Client);
            (span.start_ns, span.end_ns) = (attempt.start_ns, attempt.end_ns);
            match self.service(caller).stack {
                Stack::Java => java::client(&mut span, self.service(caller), operation, attempt),
                Stack::Python => python::client(&mut span, operation, attempt),
                Stack::Go => go::client(&mut span, operation, attempt),
            }
            spans.push(span);
        }
        if let Some(execution) = &attempt.execution {
            spans.push(self.server(operation, execution));
        }
    }

    fn server(&self, operation: &Operation, execution: &Execution) -> Span {
        let callee = operation.callee.clone();
        let stack = self.service(&callee).stack;
        let mut span = blank(operation.trace_id, execution.span, execution.parent, callee, Kind::Server);
        (span.start_ns, span.end_ns) = (execution.start_ns, execution.end_ns);
        match stack {
            Stack::Java => java::server(&mut span, operation, execution),
            Stack::Python => python::server(&mut span, operation, execution),
            Stack::Go => go::server(&mut span, operation, execution),
        }
        if operation.caller.is_none() {
            let agent = if self.journey.hostile {
                SmolStr::new_static("shop-app/9 \u{1b}[31mred\u{1b}[0m \u{202e}gnp.exe\u{2066}")
            } else {
                SmolStr::new_static("shop-app/9.2")
            };
            span.attributes.push(attribute("user_agent.original", agent));
        }
        // Services of this shop put the order on their server spans.
        span.attributes.push(attribute("order.id", &self.journey.order_id));
        span
    }

    fn publish(&self, copy: &Copy, spans: &mut Vec<Span>) {
        let mut span = blank(copy.trace_id, copy.publish_span, Some(copy.under), copy.service.clone(), Kind::Producer);
        (span.start_ns, span.end_ns) = (copy.published_ns, copy.appended_ns + 600_000);
        match self.service(&copy.service).stack {
            Stack::Java => java::publish(&mut span, copy),
            Stack::Python => python::publish(&mut span, copy),
            Stack::Go => go::publish(&mut span, copy),
        }
        spans.push(span);
    }

    fn delivery(&self, delivery: &Delivery, spans: &mut Vec<Span>) {
        let parent = delivery.receive_span.unwrap_or(delivery.publish_span);
        let mut span = blank(delivery.trace_id, delivery.span, Some(parent), delivery.service.clone(), Kind::Consumer);
        (span.start_ns, span.end_ns) = (delivery.start_ns, delivery.end_ns);
        if let Some(root) = delivery.receive_span {
            let trace_id = self.journey.copy(&delivery.at).map_or(self.journey.trace_id, |copy| copy.trace_id);
            span.links.push(Link { trace_id, span_id: delivery.publish_span });
            let mut receive = blank(delivery.trace_id, root, None, delivery.service.clone(), Kind::Consumer);
            (receive.start_ns, receive.end_ns) = (delivery.start_ns - 40_000, delivery.end_ns + 20_000);
            python::receive(&mut receive);
            spans.push(receive);
        }
        let key = self.journey.copy(&delivery.at).map(|copy| copy.key.clone());
        match self.service(&delivery.service).stack {
            Stack::Java => java::process(&mut span, delivery, key, self.on_retry_topic(&delivery.group)),
            Stack::Python => python::process(&mut span, delivery),
            Stack::Go => go::process(&mut span, delivery, key),
        }
        spans.push(span);
    }

    fn on_retry_topic(&self, group: &str) -> bool {
        self.queue.groups.iter().any(|other| other.id == group && matches!(other.role, Role::Retry(..)))
    }
}

fn blank(trace_id: TraceId, span_id: SpanId, parent: Option<SpanId>, service: SmolStr, kind: Kind) -> Span {
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

/// Method and route of an operation's name.
pub(super) fn method_and_route(operation: &Operation) -> (SmolStr, SmolStr) {
    let (method, route) = operation.name.split_once(' ').unwrap_or(("POST", &operation.name));
    (method.into(), route.into())
}

/// Host name of a service.
pub(super) fn host(service: &str) -> SmolStr {
    format_smolstr!("{service}.shop.svc")
}
