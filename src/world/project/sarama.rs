//! Go with Sarama and otelsarama: the message id is the offset alone.

use smol_str::format_smolstr;

use super::span::{Span, attribute};
use crate::world::truth::{Copy, Delivery};

const SCOPE: (&str, &str) = ("github.com/dnwe/otelsarama", "0.0.0");

/// The publish of one record.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} publish", copy.at.topic);
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.kind", "topic"),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.operation", "publish"),
        attribute("messaging.message.id", copy.at.offset.to_string()),
        attribute("messaging.kafka.destination.partition", i64::from(copy.at.partition)),
    ];
}

/// The receipt of one record; the span ends when the next one is taken, and knows no error.
pub fn process(span: &mut Span, delivery: &Delivery) {
    span.name = format_smolstr!("{} receive", delivery.at.topic);
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.kind", "topic"),
        attribute("messaging.destination.name", &delivery.at.topic),
        attribute("messaging.operation", "receive"),
        attribute("messaging.message.id", delivery.at.offset.to_string()),
        attribute("messaging.kafka.source.partition", i64::from(delivery.at.partition)),
        attribute("messaging.kafka.consumer.group", &delivery.group),
    ];
}
