//! `FastStream`'s telemetry middleware: the message id is made of offset and time, and joins nothing.

use smol_str::format_smolstr;

use super::span::{Event, Span, attribute};
use crate::world::truth::{Copy, Delivery, DeliveryOutcome};

const SCOPE: (&str, &str) = ("faststream", "0.6.5");

/// The publish of one record.
pub fn publish(span: &mut Span, copy: &Copy) {
    span.name = format_smolstr!("{} publish", copy.at.topic);
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.destination.name", &copy.at.topic),
        attribute("messaging.operation", "publish"),
        attribute("messaging.kafka.message.key", &copy.key),
    ];
}

/// The delivery of one record.
pub fn process(span: &mut Span, delivery: &Delivery, copy: Option<&Copy>) {
    let at = &delivery.at;
    let time = copy.map_or(0, |copy| copy.timestamp_ms);
    span.name = format_smolstr!("{} process", at.topic);
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("messaging.system", "kafka"),
        attribute("messaging.message.id", format_smolstr!("{}-{time}", at.offset)),
        attribute("messaging.message.payload_size_bytes", 187),
        attribute("messaging.destination_publish.name", &at.topic),
        attribute("messaging.kafka.destination.partition", i64::from(at.partition)),
        attribute("messaging.kafka.message.offset", at.offset),
        attribute("messaging.operation", "process"),
    ];
    span.attributes.extend(copy.map(|copy| attribute("messaging.kafka.message.key", &copy.key)));
    if let DeliveryOutcome::Failed { exception, message } = &delivery.outcome {
        span.error = true;
        let stack = format_smolstr!("Traceback (most recent call last):\n{exception}: {message}\n");
        span.events.push(Event::exception(delivery.handled_ns, exception, message, stack));
    }
}
