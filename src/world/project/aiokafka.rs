//! Python contrib instrumentations of aiokafka and kafka-python: the span of a delivery is closed before the handler
//! runs, so that a handler's work and its failures are in none.

use smol_str::format_smolstr;

use super::span::{Span, attribute};
use crate::world::truth::{Copy, Delivery};

const AIO: (&str, &str) = ("opentelemetry.instrumentation.aiokafka", "0.66b1");
const BLOCKING: (&str, &str) = ("opentelemetry.instrumentation.kafka", "0.66b1");
/// The address is the list of all brokers as one text.
const BROKERS: &str = "[\"kafka-1:9092\"]";

/// The send of one record with aiokafka.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} send", copy.at.topic);
    span.scope = AIO;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("server.address", BROKERS),
        attribute("messaging.client.id", "aiokafka-producer-1"),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.operation.name", "send"),
        attribute("messaging.operation.type", "publish"),
    ];
}

/// The receipt of one record with aiokafka; it ends at once.
pub fn receive(span: &mut Span, delivery: &Delivery) {
    let at = &delivery.at;
    span.name = format_smolstr!("{} receive", at.topic);
    span.scope = AIO;
    span.end_ns = span.start_ns + 90_000;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("server.address", BROKERS),
        attribute("messaging.client.id", "aiokafka-0.13.0"),
        attribute("messaging.destination.name", &at.topic),
        attribute("messaging.consumer.group.name", &delivery.group),
        attribute("messaging.destination.partition.id", at.partition.to_string()),
        attribute("messaging.kafka.message.offset", at.offset),
        attribute("messaging.message.id", format_smolstr!("{}.{}.{}", at.topic, at.partition, at.offset)),
        attribute("messaging.operation.name", "receive"),
        attribute("messaging.operation.type", "receive"),
    ];
}

/// The send of one record with kafka-python.
pub fn publish_blocking(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} send", copy.at.topic);
    span.scope = BLOCKING;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination", &copy.at.topic),
        attribute("messaging.url", BROKERS),
        attribute("messaging.kafka.partition", i64::from(copy.at.partition)),
    ];
}

/// The receipt of one record with kafka-python; it ends at once.
pub fn receive_blocking(span: &mut Span, delivery: &Delivery) {
    span.name = format_smolstr!("{} receive", delivery.at.topic);
    span.scope = BLOCKING;
    span.end_ns = span.start_ns + 90_000;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination", &delivery.at.topic),
        attribute("messaging.url", BROKERS),
        attribute("messaging.kafka.partition", i64::from(delivery.at.partition)),
    ];
}
