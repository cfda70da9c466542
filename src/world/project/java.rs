//! The OpenTelemetry Java agent 2.31.1 with Spring Kafka 4.0.6, as observed.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Event, Span, attribute};
use super::spans::{host, method_and_target, path};
use crate::world::batch::BatchSpan;
use crate::world::calls::method_and_route;
use crate::world::headers::stack_trace;
use crate::world::scenario::{HttpClient, Service};
use crate::world::truth::{Attempt, Copy, Delivery, DeliveryOutcome, Execution, Operation, Outcome};

const VERSION: &str = "2.31.1-alpha";

/// An HTTP client span.
pub fn client(span: &mut Span, service: &Service, operation: &Operation, attempt: &Attempt) {
    let (method, route) = method_and_target(operation);
    let server = host(&operation.callee);
    span.name.clone_from(&method);
    span.scope = match service.client {
        HttpClient::Apache => ("io.opentelemetry.apache-httpclient-5.2", VERSION),
        HttpClient::Jdk => ("io.opentelemetry.java-http-client", VERSION),
    };
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
        // A dropped request ends its span as it stands.
        Outcome::Cancelled => {}
        Outcome::TimedOut | Outcome::Running => {
            let class = "java.net.SocketTimeoutException";
            span.error = true;
            span.attributes.push(attribute("error.type", class));
            let stack = format_smolstr!("{class}: Read timed out\n\tat java.base/sun.nio.ch.NioSocketImpl.timedRead\n");
            span.events.push(Event::exception(span.end_ns, class, "Read timed out", stack));
        }
    }
}

/// An HTTP server span (Tomcat).
pub fn server(span: &mut Span, operation: &Operation, execution: &Execution) {
    let (method, target) = method_and_target(operation);
    let route: SmolStr = method_and_route(&operation.name).1.into();
    span.name.clone_from(&operation.name);
    span.scope = ("io.opentelemetry.tomcat-10.0", VERSION);
    span.attributes = vec![
        attribute("http.request.method", method),
        attribute("http.route", route),
        attribute("url.path", path(&target)),
        attribute("url.scheme", "http"),
        attribute("server.address", host(&execution.service)),
        attribute("server.port", 8_080),
        attribute("network.protocol.version", "1.1"),
        attribute("http.response.status_code", i64::from(execution.status)),
    ];
    if execution.status >= 500 {
        span.error = true;
        span.attributes.push(attribute("error.type", execution.status.to_string()));
    }
}

/// The publish of one record; partition and offset are those that the broker gave.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} publish", copy.at.topic);
    span.scope = ("io.opentelemetry.kafka-clients-0.11", VERSION);
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.destination.partition.id", copy.at.partition.to_string()),
        attribute("messaging.kafka.message.offset", copy.at.offset),
        attribute("messaging.kafka.message.key", &copy.key),
        attribute("messaging.client_id", format_smolstr!("{}-producer-1", copy.service)),
        attribute("messaging.operation", "publish"),
        attribute("thread.id", 61),
        attribute("thread.name", "http-nio-8080-exec-3"),
    ];
}

/// The delivery of one record to a listener, refused early deliveries among them.
pub fn process(span: &mut Span, delivery: &Delivery, key: Option<SmolStr>, on_retry_topic: bool) {
    span.name = format_smolstr!("{} process", delivery.at.topic);
    span.scope = ("io.opentelemetry.spring-kafka-2.7", VERSION);
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", &delivery.at.topic),
        attribute("messaging.destination.partition.id", delivery.at.partition.to_string()),
        attribute("messaging.kafka.message.offset", delivery.at.offset),
        attribute("messaging.kafka.consumer.group", &delivery.group),
        // Containers of different groups share one client id.
        attribute("messaging.client_id", format_smolstr!("{}-0", delivery.service)),
        attribute("messaging.operation", "process"),
        attribute("messaging.message.body.size", 187),
        attribute("thread.id", 44),
        attribute("thread.name", format_smolstr!("{}-0-C-1", delivery.group)),
    ];
    span.attributes.extend(key.map(|key| attribute("messaging.kafka.message.key", key)));
    match &delivery.outcome {
        DeliveryOutcome::Done | DeliveryOutcome::Running | DeliveryOutcome::Killed | DeliveryOutcome::NotReached => {}
        DeliveryOutcome::Failed { exception, message } => {
            span.error = true;
            let stack = stack_trace(exception, message);
            span.events.push(if on_retry_topic {
                // Spring's retry topics wrap the exception; the real one is only in the stack trace.
                let class = "org.springframework.kafka.listener.TimestampedException";
                let text = format_smolstr!("Exception thrown at {}", instant(delivery.handled_ns));
                Event::exception(
                    delivery.handled_ns,
                    class,
                    &text,
                    format_smolstr!("{class}: {text}\nCaused by: {stack}"),
                )
            } else {
                Event::exception(delivery.handled_ns, exception, message, stack)
            });
        }
        DeliveryOutcome::RefusedEarly { due_ns } => {
            span.error = true;
            let class = "org.springframework.kafka.listener.KafkaBackoffException";
            let text = format_smolstr!(
                "Partition {} from topic {} is not ready for consumption, backing off for approx. {} millis.",
                delivery.at.partition,
                delivery.at.topic,
                due_ns.saturating_sub(delivery.start_ns) / 1_000_000
            );
            let stack = format_smolstr!("{class}: {text}\n\tat org.springframework.kafka.listener.Backoff.apply\n");
            span.events.push(Event::exception(delivery.handled_ns, class, &text, stack));
        }
    }
}

/// An instant in ISO form with milliseconds.
fn instant(at_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at_ns)).map_or_else(|_| at_ns.to_string(), |at| format!("{at:.3}"))
}

/// A batch handed to a listener: a new root with links; no partition, no offset, no key.
pub fn batch(span: &mut Span, batch: &BatchSpan, topic: &str) {
    span.name = format_smolstr!("{topic} process");
    span.scope = ("io.opentelemetry.spring-kafka-2.7", VERSION);
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", topic),
        attribute("messaging.batch.message_count", batch.records.len() as i64),
        attribute("messaging.kafka.consumer.group", &batch.group),
        attribute("messaging.client_id", format_smolstr!("{}-0", batch.service)),
        attribute("messaging.operation", "process"),
        attribute("thread.id", 44),
        attribute("thread.name", format_smolstr!("{}-0-C-1", batch.group)),
    ];
    if let Some((exception, message)) = &batch.failure {
        span.error = true;
        span.events.push(Event::exception(batch.end_ns, exception, message, stack_trace(exception, message)));
    }
}
