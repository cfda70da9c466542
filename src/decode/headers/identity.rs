//! Ids of messages and of the exchanges they belong to: one line per framework.
//!
//! `CloudEvents` 1.0 (binary mode), `NServiceBus`, Rebus, `MassTransit`, Watermill and `FastStream` (`correlation_id`), and the
//! outbox of Debezium, whose header `id` is the id of the event.

use super::MessageName;
use super::read::Headers;
use smol_str::SmolStr;

/// Header of the id, header of its source.
const MESSAGES: &[(&str, &str)] = &[
    ("ce_id", "ce_source"),
    ("NServiceBus.MessageId", ""),
    ("rbs2-msg-id", ""),
    ("MT-OriginalMessageId", ""),
    ("MessageId", ""),
    ("message_id", ""),
    ("message-id", ""),
];
const CORRELATIONS: &[&str] = &[
    "NServiceBus.CorrelationId",
    "NServiceBus.ConversationId",
    "rbs2-corr-id",
    "CorrelationId",
    "ConversationId",
    "correlation_id",
    "correlation-id",
    "kafka_correlationId",
    "x-correlation-id",
];

pub(super) fn read(headers: &Headers<'_>) -> (Option<MessageName>, Option<SmolStr>) {
    let named = |(id, source): &(&'static str, &'static str)| {
        let source = if source.is_empty() { None } else { headers.text(source) };
        headers.text(id).map(|id| MessageName { source: source.unwrap_or_default(), id })
    };
    // The name is everybody's, so only a UUID is taken for Debezium's.
    let outbox = || headers.text("id").filter(|id| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok());
    let outbox = || outbox().map(|id| MessageName { source: SmolStr::default(), id });
    let message = MESSAGES.iter().find_map(named).or_else(outbox);
    (message, CORRELATIONS.iter().find_map(|name| headers.text(name)))
}
