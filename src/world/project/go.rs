//! Go: otelhttp 0.72.0 for HTTP, franz-go with kotel 1.7.1 in child mode for Kafka, as observed.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Event, Span, attribute};
use super::spans::{host, method_and_target, path};
use crate::world::truth::{Attempt, Copy, Delivery, DeliveryOutcome, Execution, Operation, Outcome};

const HTTP: (&str, &str) = ("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.72.0");
const KAFKA: (&str, &str) = ("github.com/twmb/franz-go/plugin/kotel", "semver:v1.7.1");

/// A client span of the otelhttp transport.
pub fn client(span: &mut Span, operation: &Operation, attempt: &Attempt) {
    let (method, route) = method_and_target(operation);
    let server = host(&operation.callee);
    span.name = format_smolstr!("HTTP {method}");
    span.scope = HTTP;
    span.attributes = vec![
        attribute("http.request.method", method),
        attribute("url.full", format!("http://{server}:8080{route}")),
        attribute("server.address", server),
        attribute("server.port", 8_080),
        attribute("network.protocol.version", "1.1"),
    ];
    match attempt.outcome {
        Outcome::Answered(status) => {
            span.attributes.push(attribute("http.response.status_code", i64::from(status)));
            if status >= 400 {
                span.error = true;
                span.attributes.push(attribute("error.type", status.to_string()));
            }
        }
        Outcome::Cancelled => {
            span.error = true;
            span.status_description = Some("context canceled".into());
            span.attributes.push(attribute("error.type", "*errors.errorString"));
        }
        Outcome::TimedOut | Outcome::Running => {
            span.error = true;
            span.status_description = Some("context deadline exceeded".into());
            span.attributes.push(attribute("error.type", "context.deadlineExceededError"));
        }
    }
}

/// A server span of otelhttp, named by the route pattern.
pub fn server(span: &mut Span, operation: &Operation, execution: &Execution) {
    let (method, route) = method_and_target(operation);
    span.name.clone_from(&operation.name);
    span.scope = HTTP;
    span.attributes = vec![
        attribute("http.request.method", method),
        attribute("url.path", path(&route)),
        attribute("url.scheme", "http"),
        attribute("server.address", host(&execution.service)),
        attribute("server.port", 8_080),
        attribute("client.address", "10.1.0.4"),
        attribute("network.peer.address", "10.1.0.4"),
        attribute("network.peer.port", 50_114),
        attribute("network.protocol.version", "1.1"),
        attribute("http.request.body.size", 143),
        attribute("http.response.body.size", 61),
        attribute("http.response.status_code", i64::from(execution.status)),
    ];
    span.error = execution.status >= 500;
}

/// The publish of one record.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} publish", copy.at.topic);
    span.scope = KAFKA;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.kind", "topic"),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.operation", "publish"),
        attribute("messaging.kafka.message.key", &copy.key),
        attribute("messaging.kafka.destination.partition", i64::from(copy.at.partition)),
        attribute("messaging.kafka.message.offset", copy.at.offset),
    ];
}

/// The hand-over of one record by the client; it ends before the handler begins.
pub fn receive(span: &mut Span, delivery: &Delivery, key: Option<SmolStr>) {
    consumed(span, delivery, key, "receive");
}

/// The delivery of one record to a handler that asked for a process span.
pub fn process(span: &mut Span, delivery: &Delivery, key: Option<SmolStr>) {
    consumed(span, delivery, key, "process");
    if let DeliveryOutcome::Failed { exception, message } = &delivery.outcome {
        span.error = true;
        span.status_description = Some(message.clone());
        span.events.push(Event::exception(delivery.handled_ns, exception, message, SmolStr::default()));
    }
}

fn consumed(span: &mut Span, delivery: &Delivery, key: Option<SmolStr>, operation: &'static str) {
    span.name = format_smolstr!("{} {operation}", delivery.at.topic);
    span.scope = KAFKA;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.source.kind", "topic"),
        attribute("messaging.source.name", &delivery.at.topic),
        attribute("messaging.operation", operation),
        attribute("messaging.kafka.source.partition", i64::from(delivery.at.partition)),
        attribute("messaging.kafka.message.offset", delivery.at.offset),
        attribute("messaging.kafka.consumer.group", &delivery.group),
    ];
    span.attributes.extend(key.map(|key| attribute("messaging.kafka.message.key", key)));
}
