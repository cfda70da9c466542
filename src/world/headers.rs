//! Record headers as Spring Kafka 4.0.6 under the Java agent writes them on retry and dead-letter topics.

use std::fmt::Write;

use smol_str::SmolStr;

use super::queue::{Header, Record};
use super::truth::{Coordinate, SpanId, TraceId};

/// The W3C header as current SDKs write it: flag bit 0 is the sampling decision, bit 1 says that the id is random.
pub fn traceparent(trace_id: TraceId, span: SpanId, sampled: bool) -> Header {
    let flags = if sampled { "03" } else { "02" };
    Header::new("traceparent", format!("00-{trace_id}-{span}-{flags}"))
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
}

/// Headers of the copy that a hop makes: originals once, one more triple of retry facts, the exception replaced,
/// `traceparent` removed and added again at the end.
pub fn after_hop(hop: &Hop<'_>, traceparent: Header) -> Vec<Header> {
    let first = !hop.record.headers.iter().any(|header| header.key == "kafka_original-topic");
    let replaced = |key: &str| key.starts_with("kafka_exception-") || key == "traceparent";
    let mut headers: Vec<Header> = hop.record.headers.iter().filter(|header| !replaced(&header.key)).cloned().collect();
    if first {
        headers.extend([
            Header::new("kafka_original-topic", hop.at.topic.as_bytes()),
            Header::new("kafka_original-partition", hop.at.partition.to_be_bytes()),
            Header::new("kafka_original-offset", hop.at.offset.to_be_bytes()),
            Header::new("kafka_original-timestamp", hop.record.timestamp_ms.to_be_bytes()),
            Header::new("kafka_original-timestamp-type", "CreateTime"),
            Header::new("kafka_dlt-original-consumer-group", hop.main_group),
        ]);
    }
    headers.extend([
        Header::new("kafka_exception-fqcn", "org.springframework.kafka.listener.ListenerExecutionFailedException"),
        Header::new("kafka_exception-cause-fqcn", hop.exception),
        Header::new("kafka_exception-message", format!("Listener failed; {}", hop.message)),
        Header::new("kafka_exception-stacktrace", stack_trace(hop.exception, hop.message).as_bytes()),
        Header::new("retry_topic-attempts", hop.next_attempt.to_be_bytes()),
        Header::new("retry_topic-original-timestamp", minimal(hop.original_ms)),
        Header::new("retry_topic-backoff-timestamp", minimal(hop.backoff_ms)),
        traceparent,
    ]);
    headers
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
