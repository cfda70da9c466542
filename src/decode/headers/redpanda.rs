//! Redpanda Connect: metadata of its Kafka input, all texts, where a pipeline maps it to headers; `fallback_error` is why an
//! output fell back to the next one.

use super::read::{Headers, Newest};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "redpanda-connect", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    // Without it the metadata only says what a pipeline made the record of.
    let Some(reason) = headers.line("fallback_error") else { return Trail::default() };
    let origin = headers.coordinate("kafka_topic", "kafka_partition", "kafka_offset");
    Trail { origin, reason: Some(reason), ..Trail::default() }
}
