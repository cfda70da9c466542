//! Letters: the copies that were made because a record could not be handled, and what they have in common.

use super::ask::{Exchange, Fault, Note, NoteKind};
use super::id::Coordinate;
use super::record::Record;
use super::text::SafeText;
use super::time::Timestamp;
use serde::Serialize;

/// One reading of retry topics, dead-letter topics and quarantine.
#[derive(Clone, Debug, Default)]
pub struct Dead {
    /// When it was taken.
    pub at: Timestamp,
    /// Whether the topics of the cluster were told; without them nothing else is known.
    pub is_answered: bool,
    /// Topics that hold letters, or would by their name; by name.
    pub topics: Vec<LetterTopic>,
    /// The letters that were read, the newest first.
    pub letters: Vec<Letter>,
    /// Letters with one cause, those with the most letters first.
    pub cohorts: Vec<Cohort>,
    /// What is missing, and what is worth knowing.
    pub notes: Vec<Note>,
    /// What failed, each different fault once.
    pub faults: Vec<Fault>,
    /// Every request made for this reading.
    pub exchanges: Vec<Exchange>,
}

/// A topic with letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterTopic {
    /// Name.
    pub topic: SafeText,
    /// What it holds.
    pub place: Place,
    /// What that is known by.
    pub known_by: KnownBy,
    /// Header families that were met in it, each once.
    pub families: Vec<&'static str>,
    /// Partitions.
    pub partitions: usize,
    /// Offsets kept, over all partitions where they are known.
    pub kept: i64,
    /// Partitions whose offsets are not known.
    pub unknown_partitions: usize,
    /// Records that were read.
    pub read: usize,
    /// Offsets before those that were read: older letters, if they are any.
    pub older: i64,
    /// Offsets between those that were read without a record: compaction, markers of transactions, aborted records.
    pub holes: i64,
    /// Of the records that were read those that are letters.
    pub letters: usize,
    /// Groups that committed an offset in it.
    pub groups: Vec<SafeText>,
}

/// Where a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A retry topic: it is to be handled again.
    Retry,
    /// A dead-letter topic: a consumer gave up.
    DeadLetter,
    /// A topic whose name says that records are put aside for a person.
    Quarantine,
    /// It is a copy made after a failure, and nothing tells whether it is to be handled again.
    Unclear,
}

/// What a topic is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownBy {
    /// Headers of its records tell of a failure.
    Headers,
    /// Its name alone.
    Name,
}

/// One letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The record itself.
    pub record: Record,
    /// Where it is.
    pub place: Place,
    /// Whether its headers tell of a failure, or only the name of its topic.
    pub known_by: KnownBy,
    /// The header family; empty when none told anything.
    pub family: &'static str,
    /// The record that it is a copy of.
    pub origin: Option<Coordinate>,
    /// Whether that record is still kept; `None` when that is not known.
    pub is_origin_kept: Option<bool>,
    /// The topic it came from.
    pub origin_topic: Option<SafeText>,
    /// The group that gave up.
    pub group: Option<SafeText>,
    /// The attempt that this copy is for, or that would come after the last one.
    pub attempt: Option<u32>,
    /// When it may be handled again.
    pub due: Option<Timestamp>,
    /// Class of the exception.
    pub exception: Option<SafeText>,
    /// First line of the exception's message.
    pub reason: Option<SafeText>,
    /// Time of the first record, or of its first handling.
    pub first_seen: Option<Timestamp>,
    /// When handling failed.
    pub failed: Option<Timestamp>,
    /// Groups that committed an offset behind it; `None` when groups are not known.
    pub passed: Option<usize>,
    /// Whether handling it again can help.
    pub retryable: Retryable,
    /// Headers whose bytes do not fit what their family writes: name, first bytes in hexadecimal, length.
    pub undecoded: Vec<(SafeText, SafeText, usize)>,
    /// Place of its cohort.
    pub cohort: usize,
}

/// What has become of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LetterState {
    /// It is not due yet.
    Waiting,
    /// It was due, and no group has read past it.
    Overdue,
    /// A group has read past it.
    Read,
    /// No group has read past it, and nothing says when it is due.
    Unread,
    /// The groups are not known.
    Unknown,
}

/// Whether handling a letter again can help, from the class of its exception.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retryable {
    /// What failed was out of reach or too slow; it may not be any more.
    Yes,
    /// The bytes or the type of the record itself are what fails.
    No,
    /// The class tells neither.
    #[default]
    CannotTell,
}

/// Letters with one cause: the class of the exception, the topic they came from, the group that gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// Class of the exception; else the reason with its numbers left out; else `None`.
    pub cause: Option<SafeText>,
    /// The topic they came from.
    pub origin_topic: Option<SafeText>,
    /// The group that gave up.
    pub group: Option<SafeText>,
    /// Places of its letters, the newest first.
    pub letters: Vec<usize>,
    /// Different originals that they name.
    pub origins: usize,
    /// Letters that name no original.
    pub without_origin: usize,
    /// Letters by place: retry, dead letter, quarantine, unclear.
    pub places: [usize; 4],
    /// Letters that no group has read past.
    pub unread: usize,
    /// When the first of them was written.
    pub first: Timestamp,
    /// When the last of them was written.
    pub last: Timestamp,
    /// Smallest and largest number of an attempt.
    pub attempts: Option<(u32, u32)>,
    /// Whether handling them again can help.
    pub retryable: Retryable,
}

impl Dead {
    /// Says whether everything that was looked for was seen.
    pub fn is_complete(&self) -> bool {
        self.is_answered && self.faults.is_empty() && self.notes.iter().all(|note| note.kind == NoteKind::Remark)
    }

    /// Says whether something is missing because a budget of ours was spent.
    pub fn is_cut_by_budget(&self) -> bool {
        self.faults.iter().any(|fault| fault.kind.is_own_budget())
    }
}

impl Place {
    /// All of them, in the order of [`Cohort::places`].
    pub const ALL: [Self; 4] = [Self::Retry, Self::DeadLetter, Self::Quarantine, Self::Unclear];

    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::DeadLetter => "dead letter",
            Self::Quarantine => "quarantine",
            Self::Unclear => "retry or dead letter",
        }
    }
}

impl KnownBy {
    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Headers => "by its headers",
            Self::Name => "by its name only",
        }
    }
}

impl Retryable {
    /// Returns the answer.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::CannotTell => "cannot tell",
        }
    }

    /// Returns what the answer rests on.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Yes => "the exception is of something that was out of reach or too slow",
            Self::No => "the exception is of the record's own bytes or type: it fails again, however often",
            Self::CannotTell => "the headers name no exception whose class tells",
        }
    }
}

impl LetterState {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Overdue => "overdue",
            Self::Read => "read",
            Self::Unread => "unread",
            Self::Unknown => "not known",
        }
    }
}

impl Letter {
    /// Returns what to follow: the original while it is kept, as far as that is known, else the letter itself.
    pub fn follow(&self) -> SafeText {
        let origin = self.origin.as_ref().filter(|_| self.is_origin_kept != Some(false));
        SafeText::new(&origin.unwrap_or(&self.record.coordinate).to_string())
    }

    /// Returns when it was written, by the clock of its record.
    pub fn written(&self) -> Timestamp {
        self.record.timestamp
    }

    /// Returns what has become of it by `at`.
    pub fn state(&self, at: Timestamp) -> LetterState {
        match (self.passed, self.due) {
            (None, _) => LetterState::Unknown,
            (Some(0), Some(due)) if due > at => LetterState::Waiting,
            (Some(0), Some(_)) => LetterState::Overdue,
            (Some(0), None) => LetterState::Unread,
            (Some(_), _) => LetterState::Read,
        }
    }
}
