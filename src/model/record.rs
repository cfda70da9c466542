//! A Kafka record as it is stored, headers in their order and with their repeats.

use super::ask::{Fault, Note};
use super::id::Coordinate;
use super::text::SafeText;
use super::time::Timestamp;
use bytes::Bytes;
use smol_str::SmolStr;
use std::sync::Arc;

/// One record read from a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub coordinate: Coordinate,
    /// Its time: the producer's (`CreateTime`) or the broker's (`LogAppendTime`), see `clock`.
    pub timestamp: Timestamp,
    /// Who set `timestamp`.
    pub clock: RecordClock,
    /// Key bytes; `None` is a null key.
    pub key: Option<Bytes>,
    /// Value bytes; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in stored order; keys may repeat and need not be UTF-8.
    pub headers: Vec<Header>,
    /// Producer id of the batch, `-1` when the producer is not idempotent.
    pub producer_id: i64,
    /// Producer epoch of the batch.
    pub producer_epoch: i16,
    /// Sequence number of this record, `-1` when none.
    pub sequence: i32,
    /// What became of the transaction that wrote it; `None` when there was none.
    pub transaction: Option<TransactionEnd>,
    /// How the profile says that headers are to be read; `None` where it says nothing.
    pub mapping: Option<Arc<HeaderMap>>,
    /// The exchange that brought it (index into the case's exchanges).
    pub exchange: u32,
}

/// What the headers of an installation's own programs mean: `[profile.NAME.headers]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap {
    /// Header with the topic of the original.
    pub topic: Option<SmolStr>,
    /// Header with the partition of the original.
    pub partition: Option<(SmolStr, Encoding)>,
    /// Header with the offset of the original.
    pub offset: Option<(SmolStr, Encoding)>,
    /// Header with the number of the attempt: 2 on the first retry.
    pub attempt: Option<(SmolStr, Encoding)>,
    /// Header with the consumer group that gave up.
    pub group: Option<SmolStr>,
    /// Header with the message id.
    pub message: Option<SmolStr>,
    /// Header with the correlation id.
    pub correlation: Option<SmolStr>,
    /// Whether new headers are put in front of the copied ones.
    pub is_newest_first: bool,
}

/// How a header's number is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Decimal digits.
    #[default]
    Utf8,
    /// Four bytes, big-endian.
    Int32,
    /// Eight bytes, big-endian.
    Int64,
    /// One to eight bytes, big-endian two's complement, as short as the number allows.
    Minimal,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Utf8, Self::Int32, Self::Int64, Self::Minimal];

    /// Returns its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Int32 => "int32be",
            Self::Int64 => "int64be",
            Self::Minimal => "minimal",
        }
    }

    /// Finds one by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// Which record is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordWanted {
    /// The one at a coordinate.
    At(Coordinate),
    /// The first one of a partition at or after a time.
    Since {
        /// Topic.
        topic: SmolStr,
        /// Partition.
        partition: i32,
        /// Time, by the clock of the topic's records.
        time: Timestamp,
    },
}

/// What came of reading one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRead {
    /// What was wanted.
    pub wanted: RecordWanted,
    /// The record, when it is there.
    pub record: Option<Record>,
    /// The last request that was made for it.
    pub request: Option<SafeText>,
    /// Remarks: not written yet, no longer kept, a marker.
    pub notes: Vec<Note>,
    /// What failed.
    pub faults: Vec<Fault>,
}

impl RecordWanted {
    /// Returns the topic and the partition.
    pub fn partition(&self) -> (&str, i32) {
        match self {
            Self::At(at) => (&at.topic, at.partition),
            Self::Since { topic, partition, .. } => (topic, *partition),
        }
    }
}

impl RecordRead {
    /// Returns a reading that has brought nothing yet.
    pub fn of(wanted: RecordWanted) -> Self {
        Self { wanted, record: None, request: None, notes: Vec::new(), faults: Vec::new() }
    }
}

/// One header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Key bytes as stored.
    pub key: Bytes,
    /// Value bytes; `None` is a null value.
    pub value: Option<Bytes>,
}

/// Who set a record's timestamp (the topic's `message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordClock {
    /// The producer.
    CreateTime,
    /// The broker, when it appended the batch.
    LogAppendTime,
}

/// What became of the transaction that wrote a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Committed: everybody sees it.
    Committed,
    /// Aborted: consumers that read committed records never see it.
    Aborted,
    /// Not decided for those consumers yet: it is open, or stands behind one that is.
    Open,
}

impl TransactionEnd {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Open => "open",
        }
    }
}

impl Record {
    /// Returns the values of all headers named `name`, in stored order.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = Option<&'a Bytes>> {
        self.headers.iter().filter(move |header| header.key == name.as_bytes()).map(|header| header.value.as_ref())
    }
}

fn nibble(value: u8) -> char {
    char::from_digit(u32::from(value), 16).expect("four bits are one digit")
}

impl Header {
    /// Returns the value for people: text as text, up to eight bytes that are no text as a hexadecimal and a big-endian
    /// number, `(null)` for none.
    pub fn shown(&self) -> SafeText {
        let Some(value) = &self.value else { return SafeText::own("(null)") };
        let is_text = std::str::from_utf8(value).is_ok_and(|text| !text.chars().any(char::is_control));
        if is_text || value.is_empty() || value.len() > 8 {
            return SafeText::from_bytes(value);
        }
        let sign = if value[0] & 0x80 == 0 { 0i64 } else { -1 };
        let number = value.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte));
        let hex: String = value.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(nibble).collect();
        SafeText::from(format!("0x{hex} ({number})"))
    }
}
