//! Node.js contrib instrumentations: HTTP in old names, kafkajs with offsets as texts. The spans of a batch begin and
//! end together.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Event, Span, attribute};
use super::spans::{host, method_and_target};
use crate::world::batch::BatchSpan;
use crate::world::truth::{Attempt, Coordinate, Copy, Delivery, DeliveryOutcome, Execution, Operation, Outcome};

const HTTP: (&str, &str) = ("@opentelemetry/instrumentation-http", "0.208.0");
const KAFKA: (&str, &str) = ("@opentelemetry/instrumentation-kafkajs", "0.18.0");

/// An HTTP client span.
pub fn client(span: &mut Span, operation: &Operation, attempt: &Attempt) {
    let (method, target) = method_and_target(operation);
    let server = host(&operation.callee);
    span.name.clone_from(&method);
    span.scope = HTTP;
    span.attributes = vec![
        attribute("http.url", format!("http://{server}:8080{target}")),
        attribute("http.method", method),
        attribute("http.target", target),
        attribute("net.peer.name", &server),
        attribute("http.host", format_smolstr!("{server}:8080")),
    ];
    match attempt.outcome {
        Outcome::Answered(status) => {
            span.attributes.push(attribute("http.status_code", i64::from(status)));
            span.error = status >= 400;
        }
        Outcome::Cancelled | Outcome::TimedOut | Outcome::Running => {
            span.error = true;
            span.status_description = Some("socket hang up".into());
            let event = Event::exception(span.end_ns, "ECONNRESET", "socket hang up", SmolStr::default());
            span.events.push(event);
        }
    }
}

/// An HTTP server span.
pub fn server(span: &mut Span, operation: &Operation, execution: &Execution) {
    let (method, target) = method_and_target(operation);
    let address = host(&execution.service);
    span.name.clone_from(&operation.name);
    span.scope = HTTP;
    span.attributes = vec![
        attribute("http.url", format!("http://{address}:8080{target}")),
        attribute("http.host", format_smolstr!("{address}:8080")),
        attribute("net.host.name", address),
        attribute("http.method", method),
        attribute("http.target", target),
        attribute("http.flavor", "1.1"),
        attribute("http.status_code", i64::from(execution.status)),
    ];
    span.error = execution.status >= 500;
}

/// The send of one record: the partition only where the program chose it.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("send {}", copy.at.topic);
    span.scope = KAFKA;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.kafka.message.key", &copy.key),
        attribute("messaging.operation.name", "send"),
        attribute("messaging.operation.type", "send"),
    ];
}

/// The delivery of one record to `eachMessage`.
pub fn process(span: &mut Span, delivery: &Delivery, key: Option<SmolStr>) {
    one(span, &delivery.at);
    span.attributes.extend(key.map(|key| attribute("messaging.kafka.message.key", key)));
    if let DeliveryOutcome::Failed { exception, message } = &delivery.outcome {
        span.error = true;
        span.status_description = Some(message.clone());
        span.attributes.push(attribute("error.type", exception));
    }
}

/// The receipt of a batch.
pub fn batch(span: &mut Span, batch: &BatchSpan, topic: &str) {
    span.name = format_smolstr!("poll {topic}");
    span.scope = KAFKA;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", topic),
        attribute("messaging.operation.name", "poll"),
        attribute("messaging.operation.type", "receive"),
        attribute("messaging.batch.message_count", batch.records.len() as i64),
    ];
    failed(span, batch);
}

/// One record of a batch: as long as the batch, and failed when the batch failed.
pub fn batched(span: &mut Span, batch: &BatchSpan, at: &Coordinate) {
    one(span, at);
    failed(span, batch);
}

fn failed(span: &mut Span, batch: &BatchSpan) {
    if let Some((exception, message)) = &batch.failure {
        span.error = true;
        span.status_description = Some(message.clone());
        span.attributes.push(attribute("error.type", exception));
    }
}

fn one(span: &mut Span, at: &Coordinate) {
    span.name = format_smolstr!("process {}", at.topic);
    span.scope = KAFKA;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", &at.topic),
        attribute("messaging.destination.partition.id", at.partition.to_string()),
        attribute("messaging.kafka.offset", at.offset.to_string()),
        attribute("messaging.operation.name", "process"),
        attribute("messaging.operation.type", "process"),
    ];
}
