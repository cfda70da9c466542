//! Rebus: deferred messages; names no coordinate.

use super::read::{Headers, Newest, count};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "rebus", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        attempt: count(headers.decimal("rbs2-defer-count").map(|before| before.saturating_add(1))),
        ..Trail::default()
    }
}
