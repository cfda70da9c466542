//! .NET: `HttpClient`, ASP.NET Core, and Confluent.Kafka, which links its polls and makes no process span by itself.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Kind, Span, attribute};
use super::spans::{host, method_and_target, path};
use crate::world::calls::method_and_route;
use crate::world::truth::{Attempt, Copy, Delivery, Execution, Operation, Outcome};

const KAFKA: (&str, &str) = ("OpenTelemetry.Instrumentation.ConfluentKafka", "0.1.0-alpha.5");

/// An HTTP client span.
pub fn client(span: &mut Span, operation: &Operation, attempt: &Attempt) {
    let (method, target) = method_and_target(operation);
    let server = host(&operation.callee);
    span.name.clone_from(&method);
    span.scope = ("System.Net.Http", "");
    span.attributes = vec![
        attribute("http.request.method", method),
        attribute("server.address", &server),
        attribute("server.port", 8_080),
        attribute("url.full", format!("http://{server}:8080{target}")),
    ];
    match attempt.outcome {
        Outcome::Answered(status) => {
            span.attributes.push(attribute("http.response.status_code", i64::from(status)));
            if status >= 400 {
                span.error = true;
                span.attributes.push(attribute("error.type", status.to_string()));
            }
        }
        Outcome::Cancelled | Outcome::TimedOut | Outcome::Running => {
            span.error = true;
            span.attributes.push(attribute("error.type", "System.Threading.Tasks.TaskCanceledException"));
        }
    }
}

/// An HTTP server span.
pub fn server(span: &mut Span, operation: &Operation, execution: &Execution) {
    let (method, target) = method_and_target(operation);
    span.name.clone_from(&operation.name);
    span.scope = ("Microsoft.AspNetCore", "");
    span.attributes = vec![
        attribute("server.address", host(&execution.service)),
        attribute("server.port", 8_080),
        attribute("http.request.method", method),
        attribute("url.scheme", "http"),
        attribute("url.path", path(&target)),
        attribute("http.route", method_and_route(&operation.name).1),
        attribute("http.response.status_code", i64::from(execution.status)),
    ];
    span.error = execution.status >= 500;
}

/// The send of one record.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("send {}", copy.at.topic);
    span.scope = KAFKA;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.client.id", format_smolstr!("{}-producer-1", copy.service)),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.destination.partition.id", copy.at.partition.to_string()),
        attribute("messaging.kafka.offset", copy.at.offset),
        attribute("messaging.kafka.message.key", &copy.key),
        attribute("messaging.operation.name", "send"),
        attribute("messaging.operation.type", "send"),
    ];
}

/// The poll that took one record: of the kind client, a root with a link, over before the handler runs.
pub fn poll(span: &mut Span, delivery: &Delivery, key: Option<SmolStr>) {
    span.name = format_smolstr!("poll {}", delivery.at.topic);
    span.scope = KAFKA;
    span.kind = Kind::Client;
    span.end_ns = span.start_ns + 120_000;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.client.id", format_smolstr!("{}-consumer-1", delivery.service)),
        attribute("messaging.consumer.group.name", &delivery.group),
        attribute("messaging.destination.name", &delivery.at.topic),
        attribute("messaging.destination.partition.id", delivery.at.partition.to_string()),
        attribute("messaging.kafka.offset", delivery.at.offset),
        attribute("messaging.operation.name", "poll"),
        attribute("messaging.operation.type", "receive"),
    ];
    span.attributes.extend(key.map(|key| attribute("messaging.kafka.message.key", key)));
}
