//! Quarkus with `SmallRye` Reactive Messaging: its own instrumentation, in names of the 1.17 to 1.20 conventions.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Event, Span, attribute};
use super::{java, spans::host};
use crate::world::headers::stack_trace;
use crate::world::truth::{Attempt, Copy, Delivery, DeliveryOutcome, Execution, Operation, Outcome};

const HTTP: (&str, &str) = ("io.quarkus.opentelemetry", "");
const KAFKA: (&str, &str) = ("io.smallrye.reactive.messaging", "");

/// An HTTP client span.
pub fn client(span: &mut Span, operation: &Operation, attempt: &Attempt) {
    let (method, target) = super::spans::method_and_target(operation);
    let server = host(&operation.callee);
    span.name.clone_from(&operation.name);
    span.scope = HTTP;
    span.attributes = vec![
        attribute("http.request.method", method),
        attribute("url.full", format!("http://{server}:8080{target}")),
        attribute("server.address", server),
        attribute("server.port", 8_080),
    ];
    match attempt.outcome {
        Outcome::Answered(status) => {
            span.attributes.push(attribute("http.response.status_code", i64::from(status)));
            span.error = status >= 400;
        }
        Outcome::Cancelled => {}
        Outcome::TimedOut | Outcome::Running => span.error = true,
    }
}

/// An HTTP server span.
pub fn server(span: &mut Span, operation: &Operation, execution: &Execution) {
    java::server(span, operation, execution);
    span.scope = HTTP;
}

/// The publish of one record.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} publish", copy.at.topic);
    span.scope = KAFKA;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.operation", "publish"),
        attribute("messaging.kafka.client_id", "kafka-producer-out"),
        attribute("messaging.kafka.destination.partition", i64::from(copy.at.partition)),
    ];
}

/// The delivery of one record.
pub fn process(span: &mut Span, delivery: &Delivery, key: Option<SmolStr>) {
    span.name = format_smolstr!("{} receive", delivery.at.topic);
    span.scope = KAFKA;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", &delivery.at.topic),
        attribute("messaging.operation", "receive"),
        attribute("messaging.kafka.consumer.group", &delivery.group),
        attribute("messaging.kafka.client_id", "kafka-consumer-in"),
        attribute("messaging.kafka.source.partition", i64::from(delivery.at.partition)),
        attribute("messaging.kafka.message.offset", delivery.at.offset),
    ];
    span.attributes.extend(key.map(|key| attribute("messaging.kafka.message.key", key)));
    if let DeliveryOutcome::Failed { exception, message } = &delivery.outcome {
        span.error = true;
        let stack = stack_trace(exception, message);
        span.events.push(Event::exception(delivery.handled_ns, exception, message, stack));
    }
}
