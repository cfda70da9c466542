//! `NServiceBus`: delayed retries; names no coordinate.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "nservicebus", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        attempt: count(headers.decimal("NServiceBus.Retries").map(|before| before.saturating_add(1))),
        exception: headers.text("NServiceBus.ExceptionInfo.ExceptionType"),
        reason: headers.line("NServiceBus.ExceptionInfo.Message"),
        topic: headers.text("NServiceBus.FailedQ"),
        failed: headers
            .instant("NServiceBus.TimeOfFailure")
            .or_else(|| headers.instant("NServiceBus.Retries.Timestamp")),
        ..Trail::default()
    }
}
