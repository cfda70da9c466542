//! Frameworks whose headers are texts: what each adds to the copy of a record that it gave up or will try again.

use super::{Hop, stack_trace};
use crate::world::queue::Header;

/// A text of a hop, made when it is wanted.
type Text = fn(&Hop<'_>) -> String;

/// A coordinate's parts, which most frameworks note.
fn topic(hop: &Hop<'_>) -> String {
    hop.at.topic.to_string()
}

fn partition(hop: &Hop<'_>) -> String {
    hop.at.partition.to_string()
}

fn offset(hop: &Hop<'_>) -> String {
    hop.at.offset.to_string()
}

fn class(hop: &Hop<'_>) -> String {
    hop.exception.to_owned()
}

fn message(hop: &Hop<'_>) -> String {
    hop.message.to_owned()
}

fn stack(hop: &Hop<'_>) -> String {
    stack_trace(hop.exception, hop.message).to_string()
}

fn group(hop: &Hop<'_>) -> String {
    hop.main_group.to_owned()
}

fn deliveries(hop: &Hop<'_>) -> String {
    (hop.next_attempt - 1).to_string()
}

/// An instant as these frameworks write it, without zone sign (.NET).
fn failed_at(hop: &Hop<'_>) -> String {
    let at = jiff::Timestamp::from_millisecond(hop.failed_ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S:%6f Z").to_string()
}

/// Kafka Connect, with context headers enabled.
pub const CONNECT: &[(&str, Text)] = &[
    ("__connect.errors.topic", topic),
    ("__connect.errors.partition", partition),
    ("__connect.errors.offset", offset),
    ("__connect.errors.connector.name", group),
    ("__connect.errors.task.id", |_| "0".to_owned()),
    ("__connect.errors.stage", |_| "VALUE_CONVERTER".to_owned()),
    ("__connect.errors.class.name", |_| "org.apache.kafka.connect.json.JsonConverter".to_owned()),
    ("__connect.errors.exception.class.name", class),
    ("__connect.errors.exception.message", message),
    ("__connect.errors.exception.stacktrace", stack),
];

/// Kafka Streams since KIP-1034.
pub const STREAMS: &[(&str, Text)] = &[
    ("__streams.errors.exception", class),
    ("__streams.errors.stacktrace", stack),
    ("__streams.errors.message", message),
    ("__streams.errors.topic", topic),
    ("__streams.errors.partition", partition),
    ("__streams.errors.offset", offset),
];

/// Dead letters of a share group (KIP-1191).
pub const SHARE: &[(&str, Text)] = &[
    ("__dlq.errors.topic", topic),
    ("__dlq.errors.partition", partition),
    ("__dlq.errors.offset", offset),
    ("__dlq.errors.group", group),
    ("__dlq.errors.delivery.count", deliveries),
    ("__dlq.errors.message", message),
];

/// Dead letters of `SmallRye`.
pub const SMALLRYE_DEAD: &[(&str, Text)] = &[
    ("dead-letter-reason", message),
    ("dead-letter-exception-class-name", class),
    ("dead-letter-topic", topic),
    ("dead-letter-partition", partition),
    ("dead-letter-offset", offset),
];

/// Delayed retries of `SmallRye`.
pub const SMALLRYE_RETRY: &[(&str, Text)] = &[
    ("delayed-retry-count", deliveries),
    ("delayed-retry-original-timestamp", |hop| hop.original_ms.to_string()),
    ("delayed-retry-first-processing-timestamp", |hop| hop.failed_ms.to_string()),
    ("delayed-retry-topic", topic),
    ("delayed-retry-partition", partition),
    ("delayed-retry-offset", offset),
    ("delayed-retry-reason", message),
    ("delayed-retry-exception-class-name", class),
];

/// Karafka Pro.
pub const KARAFKA: &[(&str, Text)] = &[
    ("source_topic", topic),
    ("source_partition", partition),
    ("source_offset", offset),
    ("source_consumer_group", group),
    ("source_attempts", deliveries),
];

/// `MassTransit`.
pub const MASSTRANSIT: &[(&str, Text)] = &[
    ("MT-Reason", |_| "fault".to_owned()),
    ("MT-Fault-ExceptionType", class),
    ("MT-Fault-Message", message),
    ("MT-Fault-StackTrace", stack),
    ("MT-Fault-Timestamp", failed_at),
    ("MT-Fault-ConsumerType", group),
    ("MT-Fault-RetryCount", |hop| (hop.next_attempt - 2).max(0).to_string()),
];

/// `NServiceBus`.
pub const NSERVICEBUS: &[(&str, Text)] = &[
    ("NServiceBus.FLRetries", |hop| (hop.next_attempt - 2).max(0).to_string()),
    ("NServiceBus.ExceptionInfo.ExceptionType", class),
    ("NServiceBus.ExceptionInfo.Message", message),
    ("NServiceBus.ExceptionInfo.StackTrace", stack),
    ("NServiceBus.FailedQ", topic),
    ("NServiceBus.TimeOfFailure", failed_at),
];

/// Rebus.
pub const REBUS: &[(&str, Text)] = &[
    ("rbs2-error-details", |hop| format!("1 unhandled exceptions: {}: {}", hop.exception, hop.message)),
    ("rbs2-source-queue", topic),
];

/// Watermill's poison middleware.
pub const WATERMILL: &[(&str, Text)] = &[
    ("reason_poisoned", message),
    ("topic_poisoned", topic),
    ("handler_poisoned", group),
    ("subscriber_poisoned", |_| "kafka.Subscriber".to_owned()),
];

/// What programs that have no framework for it write.
pub const HOMEGROWN: &[(&str, Text)] = &[
    ("dlq-reason", message),
    ("dlq-error-class", class),
    ("dlq-original-topic", topic),
    ("dlq-attempts", deliveries),
    ("dlq-failed-at", |hop| hop.failed_ms.to_string()),
];

/// The headers of a table, made for a hop.
pub fn made(table: &[(&str, Text)], hop: &Hop<'_>) -> Vec<Header> {
    table.iter().map(|(name, text)| Header::new(*name, text(hop))).collect()
}
