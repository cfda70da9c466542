//! Spring's own observation through Micrometer Tracing: tags of Micrometer's conventions, texts all of them.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Event, Span, attribute};
use super::spans::{host, method_and_target};
use crate::world::calls::method_and_route;
use crate::world::headers::stack_trace;
use crate::world::truth::{Attempt, Copy, Delivery, DeliveryOutcome, Execution, Operation, Outcome};

const SCOPE: (&str, &str) = ("org.springframework.boot", "4.0.7");

fn outcome_of(status: u16) -> &'static str {
    match status {
        200..300 => "SUCCESS",
        300..400 => "REDIRECTION",
        400..500 => "CLIENT_ERROR",
        _ => "SERVER_ERROR",
    }
}

/// An HTTP client observation.
pub fn client(span: &mut Span, operation: &Operation, attempt: &Attempt) {
    let (method, target) = method_and_target(operation);
    let server = host(&operation.callee);
    span.name = format_smolstr!("http {}", method.to_lowercase());
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("client.name", &server),
        attribute("http.url", format!("http://{server}:8080{target}")),
        attribute("method", method),
        attribute("uri", method_and_route(&operation.name).1),
    ];
    let (status, outcome, exception) = match attempt.outcome {
        Outcome::Answered(status) => (format_smolstr!("{status}"), outcome_of(status), "none"),
        Outcome::Cancelled => (SmolStr::new_static("CLIENT_ERROR"), "UNKNOWN", "none"),
        Outcome::TimedOut | Outcome::Running => {
            span.error = true;
            (SmolStr::new_static("IO_ERROR"), "UNKNOWN", "ResourceAccessException")
        }
    };
    span.attributes.extend([
        attribute("status", status),
        attribute("outcome", outcome),
        attribute("exception", exception),
    ]);
}

/// An HTTP server observation.
pub fn server(span: &mut Span, operation: &Operation, execution: &Execution) {
    let (method, target) = method_and_target(operation);
    let route = method_and_route(&operation.name).1;
    span.name = format_smolstr!("http {} {route}", method.to_lowercase());
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("exception", "none"),
        attribute("http.url", target),
        attribute("method", method),
        attribute("outcome", outcome_of(execution.status)),
        attribute("status", execution.status.to_string()),
        attribute("uri", route),
    ];
    span.error = execution.status >= 500;
}

/// The send of one record: neither partition nor offset.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} send", copy.at.topic);
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("messaging.destination.kind", "topic"),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.operation", "publish"),
        attribute("messaging.system", "kafka"),
        attribute("spring.kafka.template.name", "kafkaTemplate"),
    ];
}

/// The delivery of one record: partition and offset are texts, group and client in one.
pub fn process(span: &mut Span, delivery: &Delivery) {
    let at = &delivery.at;
    span.name = format_smolstr!("{} process", at.topic);
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("messaging.consumer.id", format_smolstr!("{} - {}-0", delivery.group, delivery.service)),
        attribute("messaging.consumer.group", &delivery.group),
        attribute("messaging.kafka.client_id", format_smolstr!("{}-0", delivery.service)),
        attribute("messaging.kafka.consumer.group", &delivery.group),
        attribute("messaging.kafka.message.offset", at.offset.to_string()),
        attribute("messaging.kafka.source.partition", at.partition.to_string()),
        attribute("messaging.operation", "process"),
        attribute("messaging.source.kind", "topic"),
        attribute("messaging.source.name", &at.topic),
        attribute("messaging.system", "kafka"),
        attribute("spring.kafka.listener.id", format_smolstr!("{}-0", delivery.group)),
    ];
    if let DeliveryOutcome::Failed { exception, message } = &delivery.outcome {
        span.error = true;
        let stack = stack_trace(exception, message);
        span.events.push(Event::exception(delivery.handled_ns, exception, message, stack));
    }
}
