//! Kafka Connect: error context of sink connectors, all texts, only where `errors.deadletterqueue.context.headers.enable` is set.

use super::read::{Headers, Newest};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "kafka-connect", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        origin: headers.coordinate("__connect.errors.topic", "__connect.errors.partition", "__connect.errors.offset"),
        exception: headers.text("__connect.errors.exception.class.name"),
        reason: headers.line("__connect.errors.exception.message"),
        ..Trail::default()
    }
}
