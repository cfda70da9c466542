//! Spring Kafka 4.0.6 as observed: retry topics, and the recoverer that publishes dead letters after blocking retries.

use super::{Hop, minimal, stack_trace};
use crate::world::queue::Header;

/// A hop over retry topics: originals once, one more triple of retry facts, the exception replaced.
pub fn retry_topic(hop: &Hop<'_>) -> Vec<Header> {
    let first = !hop.record.headers.iter().any(|header| header.key == "kafka_original-topic");
    let replaced = |key: &str| key.starts_with("kafka_exception-");
    let mut headers: Vec<Header> = hop.record.headers.iter().filter(|header| !replaced(&header.key)).cloned().collect();
    if first {
        headers.extend(original(hop, "kafka_"));
        headers.push(Header::new("kafka_dlt-original-consumer-group", hop.main_group));
    }
    headers.extend(exception(hop, "kafka_", format!("Listener failed; {}", hop.message)));
    headers.extend([
        Header::new("retry_topic-attempts", hop.next_attempt.to_be_bytes()),
        Header::new("retry_topic-original-timestamp", minimal(hop.original_ms)),
        Header::new("retry_topic-backoff-timestamp", minimal(hop.backoff_ms)),
    ]);
    headers
}

/// What `DeadLetterPublishingRecoverer` adds: no count of attempts anywhere.
pub fn recovered(hop: &Hop<'_>) -> Vec<Header> {
    let signature = "public void com.shop.Handler.onRecord(org.apache.kafka.clients.consumer.ConsumerRecord)";
    let message = format!("Listener method '{signature}' threw exception; {}", hop.message);
    let mut headers = exception(hop, "kafka_dlt-", message).to_vec();
    headers.extend(original(hop, "kafka_dlt-"));
    headers.push(Header::new("kafka_dlt-original-consumer-group", hop.main_group));
    headers
}

fn original(hop: &Hop<'_>, prefix: &str) -> [Header; 5] {
    let name = |end: &str| format!("{prefix}original-{end}");
    [
        Header::new(name("topic"), hop.at.topic.as_bytes()),
        Header::new(name("partition"), hop.at.partition.to_be_bytes()),
        Header::new(name("offset"), hop.at.offset.to_be_bytes()),
        Header::new(name("timestamp"), hop.record.timestamp_ms.to_be_bytes()),
        Header::new(name("timestamp-type"), "CreateTime"),
    ]
}

fn exception(hop: &Hop<'_>, prefix: &str, message: String) -> [Header; 4] {
    let name = |end: &str| format!("{prefix}exception-{end}");
    [
        Header::new(name("fqcn"), "org.springframework.kafka.listener.ListenerExecutionFailedException"),
        Header::new(name("cause-fqcn"), hop.exception),
        Header::new(name("message"), message),
        Header::new(name("stacktrace"), stack_trace(hop.exception, hop.message).as_bytes()),
    ]
}
