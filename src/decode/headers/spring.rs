//! Spring Kafka: retry topics and the dead-letter publisher (checked on 4.0.6).
//!
//! Numbers are big-endian bytes of fixed length, instants bytes of the shortest length. The `retry_topic-*` headers
//! repeat, one set per hop; the group stands in `kafka_dlt-original-consumer-group` in both families. The class of the
//! framework's wrapper is in `-fqcn`, the handler's in `-cause-fqcn`.

use super::read::{Headers, Newest, coordinate, count};
use super::{Family, Trail};

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
        attempt: count(headers.int("retry_topic-attempts").or_else(|| headers.byte("retry_topic-attempts"))),
        due: headers.shortest_millis("retry_topic-backoff-timestamp"),
        exception: [
            "kafka_exception-cause-fqcn",
            "kafka_dlt-exception-cause-fqcn",
            "kafka_exception-fqcn",
            "kafka_dlt-exception-fqcn",
        ]
        .into_iter()
        .find_map(|name| headers.text(name)),
        ..Trail::default()
    }
}
