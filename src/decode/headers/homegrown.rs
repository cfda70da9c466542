//! Names that many teams chose by themselves for their own dead letters.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "home-grown", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        origin: headers.coordinate("dlq-original-topic", "dlq-original-partition", "dlq-original-offset"),
        attempt: count(headers.decimal("dlq-attempts").map(|before| before.saturating_add(1))),
        exception: headers.text("dlq-error-class").or_else(|| headers.text("dlq-reason")),
        reason: headers.line("dlq-reason"),
        topic: headers.text("dlq-original-topic"),
        failed: headers.instant_or_millis("dlq-failed-at"),
        ..Trail::default()
    }
}
