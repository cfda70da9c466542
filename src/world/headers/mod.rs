//! Record headers: the trace context, and what frameworks write on retry and dead-letter topics.
//!
//! `spring` knows the binary ones, `texts` the frameworks whose headers are all texts, a table each.

mod spring;
mod texts;

use std::fmt::Write;

use serde::Deserialize;
use smol_str::SmolStr;

use super::queue::{Header, Record};
use super::scenario::Stack;
use super::truth::{Coordinate, SpanId, TraceId};

/// The W3C header as current SDKs write it: flag bit 0 is the sampling decision, bit 1 says that the id is random.
pub fn traceparent(trace_id: TraceId, span: SpanId, sampled: bool) -> Header {
    let flags = if sampled { "03" } else { "02" };
    Header::new("traceparent", format!("00-{trace_id}-{span}-{flags}"))
}

/// Frameworks that mark the copies that they make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Spring Kafka 4.0.6: retry topics, or the recoverer that publishes dead letters.
    #[default]
    Spring,
    /// Kafka Connect.
    Connect,
    /// Kafka Streams.
    Streams,
    /// Dead letters of a share group, which point at the record and hold no value.
    ShareGroup,
    /// `SmallRye` Reactive Messaging, which puts its headers in front.
    Smallrye,
    /// Karafka.
    Karafka,
    /// `MassTransit`.
    Masstransit,
    /// `NServiceBus`.
    Nservicebus,
    /// Rebus.
    Rebus,
    /// Watermill.
    Watermill,
    /// Uber's `uForwarder`, which writes a protobuf message into the key and no header.
    Uforwarder,
    /// Names that a program made up.
    Homegrown,
    /// Nothing is added: Sarama, kafkajs, librdkafka, `FastStream`.
    None,
}

/// What a hop to the next retry topic, or to the dead-letter topic, writes.
pub struct Hop<'a> {
    /// The record that failed.
    pub record: &'a Record,
    /// Where it lies.
    pub at: &'a Coordinate,
    /// The main group.
    pub main_group: &'a str,
    /// Exception class of the handler.
    pub exception: &'a str,
    /// Its message.
    pub message: &'a str,
    /// Number of the next attempt.
    pub next_attempt: i32,
    /// Create time of the original, milliseconds since the Unix epoch.
    pub original_ms: i64,
    /// Due time, or on the dead-letter topic about the time of the failure; milliseconds since the Unix epoch.
    pub backoff_ms: i64,
    /// When the handler failed, milliseconds since the Unix epoch.
    pub failed_ms: i64,
    /// Framework of the consumer.
    pub family: Family,
    /// Whether the copy is put on a retry topic by a framework that has them, or comes from one.
    pub by_retry_topics: bool,
    /// Whether the copy is a dead letter.
    pub is_final: bool,
}

/// Headers of the copy that a hop makes, without the trace context.
pub fn after_hop(hop: &Hop<'_>) -> Vec<Header> {
    let kept = hop.record.headers.iter().cloned();
    let (mut added, is_in_front) = match hop.family {
        Family::Spring if hop.by_retry_topics => return spring::retry_topic(hop),
        Family::Spring => (spring::recovered(hop), false),
        Family::Connect => (texts::made(texts::CONNECT, hop), false),
        Family::Streams => (texts::made(texts::STREAMS, hop), false),
        Family::ShareGroup => (texts::made(texts::SHARE, hop), false),
        Family::Smallrye if hop.is_final => (texts::made(texts::SMALLRYE_DEAD, hop), true),
        Family::Smallrye => (texts::made(texts::SMALLRYE_RETRY, hop), true),
        Family::Karafka => (texts::made(texts::KARAFKA, hop), false),
        Family::Masstransit => (texts::made(texts::MASSTRANSIT, hop), false),
        Family::Nservicebus => (texts::made(texts::NSERVICEBUS, hop), false),
        Family::Rebus => (texts::made(texts::REBUS, hop), false),
        Family::Watermill => (texts::made(texts::WATERMILL, hop), false),
        Family::Homegrown => (texts::made(texts::HOMEGROWN, hop), false),
        Family::Uforwarder | Family::None => (Vec::new(), false),
    };
    if is_in_front {
        added.extend(kept);
        return added;
    }
    kept.chain(added).collect()
}

/// Key of the copy that a hop makes: that of the record, but for a framework that keeps its own notes there.
pub fn key_after_hop(hop: &Hop<'_>) -> Vec<u8> {
    if hop.family != Family::Uforwarder {
        return hop.record.key.clone().unwrap_or_default();
    }
    // `DlqMetadata`: retries, topic, partition, offset, timestamp in ns; numbers that are 0 are not written.
    let mut bytes = Vec::new();
    let number = |bytes: &mut Vec<u8>, field: u8, mut value: u64| {
        if value > 0 {
            bytes.push(field << 3);
            while value > 0x7f {
                bytes.push((value as u8 & 0x7f) | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
        }
    };
    number(&mut bytes, 1, u64::from((hop.next_attempt - 1).unsigned_abs()));
    bytes.extend([(2 << 3) | 2, hop.at.topic.len() as u8]);
    bytes.extend(hop.at.topic.as_bytes());
    number(&mut bytes, 3, u64::from(hop.at.partition.unsigned_abs()));
    number(&mut bytes, 4, hop.at.offset.unsigned_abs());
    number(&mut bytes, 5, hop.original_ms.unsigned_abs() * 1_000_000);
    bytes
}

/// Hands the trace context on, as the instrumentation of the producer does it.
pub fn carry(headers: &mut Vec<Header>, stack: Stack, trace_id: TraceId, span: SpanId, sampled: bool) {
    let own = traceparent(trace_id, span, sampled);
    match stack {
        // The old one stays, and names an earlier producer.
        Stack::None => {}
        // Appended without a look at what is there.
        Stack::JavaObservation | Stack::Python | Stack::Aiokafka | Stack::KafkaPython => headers.push(own),
        // Overwritten where it stands.
        Stack::Go | Stack::GoLinks | Stack::Sarama | Stack::Kafkajs | Stack::Faststream => {
            match headers.iter_mut().find(|header| header.key == own.key) {
                Some(old) => *old = own,
                None => headers.push(own),
            }
        }
        // Removed and added again at the end.
        Stack::Java | Stack::Quarkus | Stack::Dotnet | Stack::Envoy => {
            headers.retain(|header| header.key != own.key);
            headers.push(own);
        }
    }
}

/// The producer's trace and span as the record names them: the last `traceparent`, or the first.
pub fn context(headers: &[Header], takes_first: bool) -> Option<(TraceId, SpanId)> {
    let mut all = headers.iter().filter(|header| header.key == "traceparent");
    let chosen = if takes_first { all.next() } else { all.next_back() };
    let text = std::str::from_utf8(chosen?.value.as_deref()?).ok()?;
    let mut parts = text.split('-').skip(1);
    let trace_id = u128::from_str_radix(parts.next()?, 16).ok()?;
    Some((TraceId(trace_id), SpanId(u64::from_str_radix(parts.next()?, 16).ok()?)))
}

/// Big-endian two's complement in as few bytes as hold the sign, as Java's `BigInteger.toByteArray` gives.
pub fn minimal(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let filler = if number < 0 { 0xff } else { 0 };
    let mut from = 0;
    while from < 7 && bytes[from] == filler && (bytes[from + 1] ^ filler) < 0x80 {
        from += 1;
    }
    bytes[from..].to_vec()
}

/// A Java stack trace of a failed Spring Kafka listener with the handler's exception as cause.
pub fn stack_trace(exception: &str, message: &str) -> SmolStr {
    const FRAMES: &[&str] = &[
        "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer.decorateException",
        "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer.doInvokeOnMessage",
        "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer.invokeOnMessage",
        "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer.doInvokeRecordListener",
        "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer.invokeRecordListener",
        "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer.invokeListener",
        "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer.pollAndInvoke",
        "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer.run",
        "java.base/java.util.concurrent.CompletableFuture$AsyncRun.run",
        "java.base/java.lang.Thread.run",
    ];
    const HANDLER: &[&str] = &[
        "com.shop.Handler.onRecord",
        "java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke",
        "java.base/java.lang.reflect.Method.invoke",
        "org.springframework.messaging.handler.invocation.InvocableHandlerMethod.doInvoke",
        "org.springframework.kafka.listener.adapter.KotlinAwareInvocableHandlerMethod.doInvoke",
        "org.springframework.messaging.handler.invocation.InvocableHandlerMethod.invoke",
        "org.springframework.kafka.listener.adapter.HandlerAdapter.invoke",
        "org.springframework.kafka.listener.adapter.MessagingMessageListenerAdapter.invokeHandler",
        "org.springframework.kafka.listener.adapter.RecordMessagingMessageListenerAdapter.onMessage",
    ];
    let mut text =
        String::from("org.springframework.kafka.listener.ListenerExecutionFailedException: Listener failed\n");
    let frames = |text: &mut String, frames: &[&str]| {
        for (line, frame) in frames.iter().enumerate() {
            let file = frame.rsplit('.').nth(1).unwrap_or("Unknown").split('$').next().unwrap_or("Unknown");
            writeln!(text, "\tat {frame}({file}.java:{})", 120 + line * 37).expect("writing to a string cannot fail");
        }
    };
    frames(&mut text, FRAMES);
    writeln!(text, "Caused by: {exception}: {message}").expect("writing to a string cannot fail");
    frames(&mut text, HANDLER);
    text.push_str("\t... 14 more\n");
    text.into()
}

#[cfg(test)]
mod tests;
