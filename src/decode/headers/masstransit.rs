//! `MassTransit`: faults and redeliveries; names no coordinate.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "mass-transit", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        attempt: count(
            headers
                .decimal("MT-Redelivery-Count")
                .or_else(|| headers.decimal("MT-Fault-RedeliveryCount"))
                .map(|before| before.saturating_add(1)),
        ),
        exception: headers.text("MT-Fault-ExceptionType"),
        reason: headers.line("MT-Fault-Message").or_else(|| headers.line("MT-Reason")),
        failed: headers.instant("MT-Fault-Timestamp"),
        ..Trail::default()
    }
}
