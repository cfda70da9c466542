//! `MassTransit`: faults and redeliveries; names no coordinate.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "mass-transit", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        attempt: count(headers.decimal("MT-Redelivery-Count").map(|before| before.saturating_add(1))),
        exception: headers.text("MT-Fault-ExceptionType"),
        ..Trail::default()
    }
}
