//! Watermill: the poison queue; names the topic in words, but no offset.

use super::read::{Headers, Newest};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "watermill", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    Trail {
        group: headers.text("subscriber_poisoned"),
        topic: headers.text("topic_poisoned"),
        exception: headers.line("reason_poisoned"),
        due: headers.instant("_watermill_delayed_until"),
        ..Trail::default()
    }
}
