//! Settlements: what became of a delivery, as far as anything tells.

use super::text::SafeText;
use super::verdict::Tier;
use serde::Serialize;

/// What became of a delivery, and what says so. A span that ended well proves no commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settlement {
    /// What became of it.
    #[serde(flatten)]
    pub state: Settled,
    /// What says so, or why nothing does.
    pub by: SafeText,
    /// How sure the join is; of no meaning when nothing is known.
    pub tier: Tier,
}

/// What can become of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "to")]
pub enum Settled {
    /// The group's committed offset lay behind the record when it was read.
    Committed,
    /// The group had not committed behind the record when that was read.
    NotCommitted,
    /// A line says that the group's commit was refused when it was made.
    CommitRefused,
    /// A copy was written to a retry topic: the copy, else the topic.
    Retry(SafeText),
    /// A copy was written to a dead-letter topic: the copy, else the topic.
    DeadLetter(SafeText),
    /// It was given up without a copy, or rejected.
    Rejected,
    /// The listener refused it before the handler ran, because it was not due. No attempt.
    Refused,
    /// Nothing tells.
    #[default]
    Unknown,
}

/// What has to be known to read a delivery's span rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remark {
    /// Another delivery of the record to the same group was under way at the same time. Nothing tells whose commit counted.
    Overlaps,
    /// It was received, no handler of it has a span, and the record was received again: killed, or the span was not kept.
    CutOff,
    /// Its time holds the wait before the next delivery.
    HoldsBackOff,
    /// Its time is that in the client's buffer, and nobody worked on it.
    Buffered,
    /// Its span ends when the program asks for the next record: a good end says little about the handler.
    EndsAtNextPoll,
    /// It was one of several records of a batch.
    Batch,
    /// While it ran, its group's consumer did not poll in time and left the group: its commit was refused, or not made.
    Overran,
    /// While it ran, its group was rebalanced: the record may have been handed to another consumer.
    Rebalanced,
    /// The batch failed. For the sake of which record, and how far its handler came, the span does not tell.
    BatchFailed,
}

impl Settlement {
    /// Returns one that nothing tells.
    pub const fn unknown(why: SafeText) -> Self {
        Self { state: Settled::Unknown, by: why, tier: Tier::Inferred }
    }
}

impl Default for Settlement {
    fn default() -> Self {
        Self::unknown(SafeText::own(""))
    }
}

impl Settled {
    /// Returns the words for it; empty when nothing is known.
    pub fn words(&self) -> String {
        match self {
            Self::Committed => "committed".to_owned(),
            Self::NotCommitted => "not committed".to_owned(),
            Self::CommitRefused => "commit refused".to_owned(),
            Self::Retry(to) => format!("sent on to {to}"),
            Self::DeadLetter(to) => format!("dead-lettered to {to}"),
            Self::Rejected => "given up".to_owned(),
            Self::Refused | Self::Unknown => String::new(),
        }
    }
}

impl Remark {
    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Overlaps => "beside another delivery of the record",
            Self::CutOff => "no handler seen, then received again: killed, or its span was not kept",
            Self::HoldsBackOff => "its time holds the back-off",
            Self::Buffered => "its time is that in the client's buffer",
            Self::EndsAtNextPoll => "its end is the next poll",
            Self::Batch => "one of a batch",
            Self::Overran => "its consumer did not poll in time and left the group",
            Self::Rebalanced => "its group was rebalanced while it ran",
            Self::BatchFailed => "its batch failed: for the sake of which record the span does not tell",
        }
    }
}
