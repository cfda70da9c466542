//! Topics, partitions and consumer groups: the logs as a broker holds them.

use std::collections::VecDeque;

use smol_str::SmolStr;

use super::scenario::{Codec, Protocol};
use super::truth::Position;

/// One topic with its partition logs.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Name.
    pub name: SmolStr,
    /// Topic id as brokers give since Kafka 2.8; never zero.
    pub id: u128,
    /// Codec of its batches.
    pub codec: Codec,
    /// Batching time of producers, nanoseconds.
    pub linger_ns: u64,
    /// Time that records are kept, milliseconds.
    pub retention_ms: u64,
    /// Logs by partition number.
    pub partitions: Vec<Partition>,
}

/// The log of one partition.
#[derive(Debug, Clone, Default)]
pub struct Partition {
    /// First offset that still exists.
    pub log_start: i64,
    /// Records in offset order, without holes.
    pub records: VecDeque<Record>,
}

/// One stored record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Offset.
    pub offset: i64,
    /// Create time, milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When the broker appended its batch, nanoseconds since the Unix epoch; equal for all records of a batch.
    pub appended_ns: u64,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Option<Vec<u8>>,
    /// Headers in stored order; keys may repeat.
    pub headers: Vec<Header>,
    /// Number of the journey that it belongs to.
    pub journey: u64,
}

/// One record header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Key.
    pub key: SmolStr,
    /// Value bytes; `None` is the wire's null.
    pub value: Option<Vec<u8>>,
}

impl Header {
    /// A header with these bytes as its value.
    pub fn new(key: impl Into<SmolStr>, value: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), value: Some(value.into()) }
    }
}

impl Partition {
    /// Offset after the last record (the high watermark; there are no open transactions).
    pub fn end(&self) -> i64 {
        self.log_start + self.records.len() as i64
    }

    /// The record at this offset, if it still exists.
    pub fn record(&self, offset: i64) -> Option<&Record> {
        self.records.get(usize::try_from(offset - self.log_start).ok()?)
    }

    /// Records of the batches from the one that holds `offset` on, batch by batch.
    pub fn batches_from(&self, offset: i64) -> impl Iterator<Item = Vec<&Record>> {
        let wanted = usize::try_from((offset - self.log_start).max(0)).unwrap_or(usize::MAX).min(self.records.len());
        let mut at = wanted;
        while at > 0 && at < self.records.len() && self.records[at - 1].appended_ns == self.records[at].appended_ns {
            at -= 1;
        }
        std::iter::from_fn(move || {
            let first = self.records.get(at)?;
            let batch: Vec<&Record> =
                self.records.range(at..).take_while(|record| record.appended_ns == first.appended_ns).collect();
            at += batch.len();
            Some(batch)
        })
    }

    /// Deletes whole batches that were appended before this instant, as retention does.
    pub(super) fn expire(&mut self, before_ns: u64) {
        while self.records.front().is_some_and(|record| record.appended_ns < before_ns) {
            self.records.pop_front();
            self.log_start += 1;
        }
    }
}

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A group of the scenario, by its number there.
    Main(usize),
    /// The consumer of a retry topic: number of the main group, and of the hop (0 is the first retry topic).
    Retry(usize, usize),
    /// The consumer of the dead-letter topic of this main group.
    DeadLetter(usize),
}

impl Role {
    /// Number of the scenario's group that this one belongs to.
    pub fn plan(self) -> usize {
        match self {
            Self::Main(plan) | Self::Retry(plan, _) | Self::DeadLetter(plan) => plan,
        }
    }
}

/// One consumer group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Group id.
    pub id: SmolStr,
    /// Service whose process consumes.
    pub service: SmolStr,
    /// Number of its topic.
    pub topic: usize,
    /// Protocol.
    pub protocol: Protocol,
    /// Number of members.
    pub members: u32,
    /// What it is for.
    pub role: Role,
    /// Positions by partition number.
    pub cursors: Vec<Cursor>,
}

impl Group {
    /// Member (from 0) that owns this partition: contiguous ranges, as the range assignor gives.
    pub fn owner(&self, partition: usize) -> u32 {
        let members = self.members.max(1) as usize;
        let (each, extra) = (self.cursors.len() / members, self.cursors.len() % members);
        let long = extra * (each + 1);
        let owner = if partition < long { partition / (each + 1) } else { extra + (partition - long) / each.max(1) };
        owner as u32
    }
}

/// One group's place on one partition.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    /// Next offset to handle.
    pub next: i64,
    /// Whether a poll of it is already planned.
    pub planned: bool,
    /// Deliveries of the record at `next` so far.
    pub tries: u32,
    /// Records of the batch that is handed over again.
    pub batch: Option<usize>,
    /// Commits in time order: nanoseconds since the Unix epoch, and the offset.
    pub commits: VecDeque<(u64, i64)>,
}

impl Cursor {
    /// Committed offset at this instant.
    pub fn committed(&self, now_ns: u64) -> Option<i64> {
        self.commits.iter().rev().find(|(at, _)| *at <= now_ns).map(|(_, offset)| *offset)
    }

    pub(super) fn commit(&mut self, at_ns: u64, offset: i64) {
        const KEPT: usize = 4_096;
        if self.commits.len() >= KEPT {
            self.commits.pop_front();
        }
        self.commits.push_back((at_ns, offset));
    }
}

/// All topics and groups.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Topics.
    pub topics: Vec<Topic>,
    /// Consumer groups.
    pub groups: Vec<Group>,
}

impl Queue {
    /// Number of the topic of this name.
    pub fn topic_number(&self, name: &str) -> Option<usize> {
        self.topics.iter().position(|topic| topic.name == name)
    }

    /// The partition of a topic, if both exist.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        let number = self.topic_number(topic)?;
        self.topics[number].partitions.get(usize::try_from(partition).ok()?)
    }

    /// Every group's position on every partition of its topic at this instant.
    pub fn positions(&self, now_ns: u64) -> Vec<Position> {
        let mut positions = Vec::new();
        for group in &self.groups {
            let topic = &self.topics[group.topic];
            for (number, (cursor, partition)) in group.cursors.iter().zip(&topic.partitions).enumerate() {
                positions.push(Position {
                    group: group.id.clone(),
                    topic: topic.name.clone(),
                    partition: number as i32,
                    committed: cursor.committed(now_ns),
                    log_start: partition.log_start,
                    end: partition.end(),
                });
            }
        }
        positions
    }
}

/// Partition of a key as the Java client's default partitioner chooses it (murmur2, Kafka 0.8.2 and later).
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    let hash = murmur2(key) & 0x7fff_ffff;
    (hash % partitions.max(1) as u32) as i32
}

fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().expect("chunks of four")).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}
