//! `SmallRye` (Quarkus): dead letters and delayed retries. New headers stand before the copied ones; instants are decimal
//! milliseconds.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "smallrye", newest: Newest::First, read };

fn read(headers: &Headers<'_>) -> Trail {
    let origin = |topic, partition, offset| headers.coordinate(topic, partition, offset);
    Trail {
        origin: origin("dead-letter-topic", "dead-letter-partition", "dead-letter-offset")
            .or_else(|| origin("delayed-retry-topic", "delayed-retry-partition", "delayed-retry-offset")),
        // The count is of retries; the first retry is attempt 2.
        attempt: count(headers.decimal("delayed-retry-count").map(|retries| retries.saturating_add(1))),
        exception: headers
            .text("dead-letter-cause-class-name")
            .or_else(|| headers.text("dead-letter-exception-class-name"))
            .or_else(|| headers.text("delayed-retry-exception-class-name")),
        reason: headers.line("dead-letter-reason").or_else(|| headers.line("delayed-retry-reason")),
        first_seen: headers
            .decimal_millis("delayed-retry-first-processing-timestamp")
            .or_else(|| headers.decimal_millis("delayed-retry-original-timestamp")),
        ..Trail::default()
    }
}
