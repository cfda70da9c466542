//! Share groups (KIP-1191): dead letters written by the broker, all texts. The delivery count is of the past.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "share-group", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        origin: headers.coordinate("__dlq.errors.topic", "__dlq.errors.partition", "__dlq.errors.offset"),
        group: headers.text("__dlq.errors.group"),
        attempt: count(headers.decimal("__dlq.errors.delivery.count").map(|before| before.saturating_add(1))),
        exception: headers.line("__dlq.errors.message"),
        ..Trail::default()
    }
}
