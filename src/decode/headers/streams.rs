//! Kafka Streams (KIP-1034, 4.2): dead letters of exception handlers, all texts.

use super::read::{Headers, Newest};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "kafka-streams", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        origin: headers.coordinate("__streams.errors.topic", "__streams.errors.partition", "__streams.errors.offset"),
        exception: headers.text("__streams.errors.exception"),
        reason: headers.line("__streams.errors.message"),
        ..Trail::default()
    }
}
