//! Python contrib instrumentation 0.66b1: flask, requests and confluent-kafka, as observed.

use smol_str::format_smolstr;

use super::span::{Event, Span, attribute};
use super::spans::{host, method_and_target};
use crate::world::calls::method_and_route;
use crate::world::truth::{Attempt, Copy, Delivery, Execution, Operation, Outcome};

const VERSION: &str = "0.66b1";

/// A client span of `requests`: old attribute names, no attempt number, ERROR from 400 on.
pub fn client(span: &mut Span, operation: &Operation, attempt: &Attempt) {
    let (method, route) = method_and_target(operation);
    let server = host(&operation.callee);
    span.name.clone_from(&method);
    span.scope = ("opentelemetry.instrumentation.requests", VERSION);
    span.attributes = vec![
        attribute("http.method", method),
        attribute("http.url", format!("http://{server}:8080{route}")),
        attribute("user_agent.original", "python-requests/2.32.5"),
    ];
    match attempt.outcome {
        Outcome::Answered(status) => {
            span.attributes.push(attribute("http.status_code", i64::from(status)));
            span.error = status >= 400;
        }
        Outcome::Cancelled => {}
        Outcome::TimedOut | Outcome::Running => {
            let text =
                format_smolstr!("HTTPConnectionPool(host='{server}', port=8080): Read timed out. (read timeout=1.0)");
            span.error = true;
            span.status_description = Some(format_smolstr!("ReadTimeout: {text}"));
            let stack =
                format_smolstr!("Traceback (most recent call last):\nrequests.exceptions.ReadTimeout: {text}\n");
            let mut event = Event::exception(span.end_ns, "requests.exceptions.ReadTimeout", &text, stack);
            event.attributes.push(attribute("exception.escaped", "False"));
            span.events.push(event);
        }
    }
}

/// A flask server span: old attribute names.
pub fn server(span: &mut Span, operation: &Operation, execution: &Execution) {
    let (method, target) = method_and_target(operation);
    let address = host(&execution.service);
    span.name.clone_from(&operation.name);
    span.scope = ("opentelemetry.instrumentation.flask", VERSION);
    span.attributes = vec![
        attribute("http.method", method),
        attribute("http.server_name", "0.0.0.0"),
        attribute("http.scheme", "http"),
        attribute("net.host.name", format_smolstr!("{address}:8080")),
        attribute("http.host", format_smolstr!("{address}:8080")),
        attribute("net.host.port", 8_080),
        attribute("http.target", target),
        attribute("net.peer.ip", "10.1.0.7"),
        attribute("net.peer.port", 41_822),
        attribute("http.user_agent", "Apache-HttpClient/5.5 (Java/21)"),
        attribute("http.flavor", "1.1"),
        attribute("http.route", method_and_route(&operation.name).1),
        attribute("http.status_code", i64::from(execution.status)),
    ];
    span.error = execution.status >= 500;
}

/// The send of one record: no partition, no offset, no key, and it ends at once.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} send", copy.at.topic);
    span.scope = ("opentelemetry.instrumentation.confluent_kafka", VERSION);
    span.end_ns = span.start_ns + 100_000;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination", &copy.at.topic),
        attribute("messaging.destination_kind", "queue"),
        attribute("messaging.operation", "publish"),
        attribute("server.address", "kafka-1"),
        attribute("server.port", 9_092),
    ];
}

/// The root span of a delivery.
pub fn receive(span: &mut Span) {
    span.name = "recv".into();
    span.scope = ("opentelemetry.instrumentation.confluent_kafka", VERSION);
}

/// The delivery of one record: coordinate in the message id, no group, no key. The span is closed at the next poll, so that
/// it never learns what the handler raised.
pub fn process(span: &mut Span, delivery: &Delivery) {
    let at = &delivery.at;
    span.name = format_smolstr!("{} process", at.topic);
    span.scope = ("opentelemetry.instrumentation.confluent_kafka", VERSION);
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination", &at.topic),
        attribute("messaging.destination_kind", "queue"),
        attribute("messaging.operation", "process"),
        attribute("messaging.kafka.partition", i64::from(at.partition)),
        attribute("messaging.message.id", format_smolstr!("{}.{}.{}", at.topic, at.partition, at.offset)),
    ];
}

/// Several records from one `consume(n)`: named after the first topic, and neither partition nor message id.
pub fn batch(span: &mut Span, topic: &str) {
    span.name = format_smolstr!("{topic} process");
    span.scope = ("opentelemetry.instrumentation.confluent_kafka", VERSION);
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination", topic),
        attribute("messaging.destination_kind", "queue"),
        attribute("messaging.operation", "process"),
    ];
}
