//! A Kafka record as it is stored, headers in their order and with their repeats.

use super::id::Coordinate;
use super::time::Timestamp;
use bytes::Bytes;

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
    /// The exchange that brought it (index into the case's exchanges).
    pub exchange: u32,
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

impl Record {
    /// Returns the values of all headers named `name`, in stored order.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = Option<&'a Bytes>> {
        self.headers.iter().filter(move |header| header.key == name.as_bytes()).map(|header| header.value.as_ref())
    }
}
