//! Rebus: deferred messages; names no coordinate.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "rebus", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        attempt: count(headers.decimal("rbs2-defer-count").map(|before| before.saturating_add(1))),
        due: headers.instant("rbs2-deferred-until"),
        reason: headers.line("rbs2-error-details"),
        topic: headers.text("rbs2-source-queue"),
        ..Trail::default()
    }
}
