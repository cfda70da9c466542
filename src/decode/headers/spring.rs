//! Spring Kafka: retry topics and the dead-letter publisher (checked on 4.0.6).
//!
//! Numbers are big-endian bytes of fixed length, instants bytes of the shortest length. The `retry_topic-*` headers
//! repeat, one set per hop; the group stands in `kafka_dlt-original-consumer-group` in both families. The class of the
//! framework's wrapper is in `-fqcn`, the handler's in `-cause-fqcn`.

use super::read::{Headers, Newest, coordinate, count};
use super::read::{int_or_byte, shortest_millis};
use super::{Family, Hop, Trail};

pub(super) const FAMILY: Family = Family { name: "spring-kafka", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    let origin =
        |topic, partition, offset| coordinate(headers.text(topic), headers.int(partition), headers.long(offset));
    Trail {
        origin: origin("kafka_original-topic", "kafka_original-partition", "kafka_original-offset").or_else(|| {
            origin("kafka_dlt-original-topic", "kafka_dlt-original-partition", "kafka_dlt-original-offset")
        }),
        group: headers
            .text("kafka_dlt-original-consumer-group")
            .or_else(|| headers.text("kafka_original-consumer-group")),
        // Four bytes today; one unsigned byte in old versions.
        attempt: count(headers.int_or_byte("retry_topic-attempts")),
        due: headers.shortest_millis("retry_topic-backoff-timestamp"),
        exception: [
            "kafka_exception-cause-fqcn",
            "kafka_dlt-exception-cause-fqcn",
            "kafka_exception-fqcn",
            "kafka_dlt-exception-fqcn",
        ]
        .into_iter()
        .find_map(|name| headers.text(name)),
        reason: headers.line("kafka_exception-message").or_else(|| headers.line("kafka_dlt-exception-message")),
        first_seen: headers
            .shortest_millis("retry_topic-original-timestamp")
            .or_else(|| headers.long_millis("kafka_original-timestamp"))
            .or_else(|| headers.long_millis("kafka_dlt-original-timestamp")),
        hops: hops(headers),
        ..Trail::default()
    }
}

/// One set of headers per hop; where a hop wrote only one of them, sets cannot be told apart and none is made up.
fn hops(headers: &Headers<'_>) -> Vec<Hop> {
    let (attempts, dues) = (headers.all("retry_topic-attempts"), headers.all("retry_topic-backoff-timestamp"));
    if attempts.len() != dues.len() {
        return Vec::new();
    }
    let hop = |(attempt, due): (&[u8], &[u8])| Hop { attempt: count(int_or_byte(attempt)), due: shortest_millis(due) };
    attempts.into_iter().zip(dues).map(hop).collect()
}
