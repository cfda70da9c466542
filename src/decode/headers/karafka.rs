//! Karafka Pro: dead letters, all texts. `source_attempts` is of the past.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "karafka", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        origin: headers.coordinate("source_topic", "source_partition", "source_offset"),
        group: headers.text("source_consumer_group"),
        attempt: count(headers.decimal("source_attempts").map(|before| before.saturating_add(1))),
        topic: headers.text("source_topic"),
        ..Trail::default()
    }
}
