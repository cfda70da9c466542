//! The words for what brokers refuse, and for what cannot be had from them.

use super::wire::Broken;
use crate::model::ask::NoteKind;
use crate::model::{Fault, FaultKind, Note, SafeText, SourceKind};

pub(super) fn note(kind: NoteKind, text: String) -> Note {
    Note { kind, text: text.into() }
}

/// Says whether an error means that somebody else leads a partition now, or that what is known of it is out of date.
pub(super) const fn has_moved(code: i16) -> bool {
    matches!(code, 3 | 5 | 6 | 9 | 74 | 75 | 100 | 103)
}

/// Says whether an error means that somebody else coordinates a group now, or will in a moment.
pub(super) const fn has_new_coordinator(code: i16) -> bool {
    matches!(code, 14..=16)
}

/// Says what a Kafka error means for one topic, partition or group.
pub(super) fn refusal(code: i16, of: &str) -> Note {
    let (kind, words) = match code {
        29 => (NoteKind::NotPermitted, "not permitted, or no such topic (29)"),
        30 => (NoteKind::NotPermitted, "not permitted, or no such group (30)"),
        3 => (NoteKind::NotFound, "no such topic or partition (3)"),
        5 | 6 | 9 | 74 | 75 | 100 | 103 => (NoteKind::PartMissing, "no leader answers for it now"),
        14 => (NoteKind::PartMissing, "its coordinator is still loading it (14)"),
        15 | 16 => (NoteKind::PartMissing, "no coordinator answers for it now"),
        31 => (NoteKind::NotPermitted, "not permitted on the cluster (31)"),
        35 => (NoteKind::PartMissing, "offered by this broker, but not enabled there (35)"),
        53 => (NoteKind::NotPermitted, "not permitted, or no such transactional id (53)"),
        69 => (NoteKind::NotFound, "no such group of this kind (69)"),
        105 => (NoteKind::NotFound, "no such transactional id (105)"),
        56 => (NoteKind::PartMissing, "its disk has failed on the leader (56)"),
        78 => (NoteKind::PartMissing, "its offsets are not known to the new leader yet (78)"),
        1 => (NoteKind::OutOfRetention, "offset out of range (1)"),
        _ => return note(NoteKind::PartMissing, format!("{of}: Kafka error {code}")),
    };
    note(kind, format!("{of}: {words}"))
}

pub(super) fn fault(broken: Broken, asked: SafeText) -> Fault {
    let hint = match broken.kind {
        FaultKind::Unreachable => {
            "check host and port, and that this host can reach the addresses that the brokers advertise"
        }
        FaultKind::TimedOut => "check that the address is a Kafka listener; raise --timeout for a slow one",
        FaultKind::BudgetSpent => "raise the budget of bytes (limits.bytes) or narrow the question",
        FaultKind::Damaged => "check that the port is a Kafka listener, and its security_protocol",
        _ => "check the broker's version and this user's rights",
    };
    let hint = SafeText::own(broken.hint.unwrap_or(hint));
    Fault { source: SourceKind::Kafka, kind: broken.kind, asked, came: broken.came.into(), hint }
}
