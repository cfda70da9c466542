//! A cluster of any size: topics, groups, offsets and records are functions of their numbers, so that ten thousand
//! partitions and a thousand groups take no memory beyond one answer.
//!
//! It shows what one scenario cannot: many brokers, groups of every kind and state, open transactions, partitions that
//! nobody committed, leaders that moved, and brokers that are slow, silent or gone. [`Many::rows`] is the truth that an
//! answer is compared with. It keeps no log of its own and plays no incident.

mod answers;
mod serve;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::logic::Habit;

pub use serve::{Running, start};

/// Size and habits of a cluster.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Brokers; at least one.
    pub brokers: usize,
    /// Topics.
    pub topics: usize,
    /// Partitions of each topic.
    pub partitions: i32,
    /// Groups.
    pub groups: usize,
    /// Partitions that each group committed, in each of two topics.
    pub commits: i32,
    /// Habits by broker; those that are not named answer at once.
    pub habits: BTreeMap<usize, Habit>,
    /// A broker that metadata names and that refuses connections.
    pub dead: Option<usize>,
    /// So many answers of metadata still name the old leader of every seventh partition.
    pub stale: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            brokers: 3,
            topics: 10,
            partitions: 100,
            groups: 100,
            commits: 10,
            habits: BTreeMap::new(),
            dead: None,
            stale: 0,
        }
    }
}

/// What kind of group a number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `JoinGroup` protocol.
    Classic,
    /// KIP-848.
    Consumer,
    /// KIP-932; keeps no committed offsets.
    Share,
}

/// One group's place on one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Group id.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Committed offset; `None` for a partition that has an owner and no commit.
    pub committed: Option<i64>,
    /// First offset kept.
    pub start: i64,
    /// Last stable offset.
    pub stable: i64,
    /// High watermark.
    pub end: i64,
}

/// The cluster.
#[derive(Debug)]
pub struct Many {
    plan: Plan,
    ports: Vec<u16>,
    requests: Mutex<BTreeMap<(usize, String), u64>>,
    told: AtomicUsize,
}

/// Members of a group that has some.
const MEMBERS: usize = 3;

impl Many {
    /// A cluster whose brokers listen on these ports of loopback.
    pub fn new(plan: Plan, ports: Vec<u16>) -> Self {
        Self { plan, ports, requests: Mutex::default(), told: AtomicUsize::new(0) }
    }

    /// Requests so far by broker and API name.
    pub fn requests(&self) -> BTreeMap<(usize, String), u64> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Every row that a table of lag should have, by group, topic and partition. Share groups have none.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = (0..self.plan.groups).flat_map(|group| self.rows_of(group)).collect();
        rows.sort();
        rows
    }

    /// The broker that leads a partition, from 0.
    pub fn leader(&self, topic: usize, partition: i32) -> usize {
        (topic + partition as usize) % self.plan.brokers
    }

    /// The broker that coordinates a group, from 0.
    pub fn coordinator(&self, group: usize) -> usize {
        group % self.plan.brokers
    }

    /// Id of a group.
    pub fn group_id(group: usize) -> String {
        format!("group-{group:05}")
    }

    /// Name of a topic.
    pub fn topic_name(topic: usize) -> String {
        format!("topic-{topic:04}")
    }

    /// Kind of a group: one in twenty is a share group, one in five follows KIP-848.
    pub fn family(group: usize) -> Family {
        match group % 20 {
            19 => Family::Share,
            rest if rest % 5 == 1 => Family::Consumer,
            _ => Family::Classic,
        }
    }

    /// Says whether a group has members: two of three have none.
    pub fn has_members(group: usize) -> bool {
        group.is_multiple_of(3)
    }

    fn count(&self, broker: usize, api: String) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry((broker, api)).or_default() += 1;
    }

    /// Who leads according to metadata that is `told` answers old.
    fn told_leader(&self, topic: usize, partition: i32, told: usize) -> usize {
        let leader = self.leader(topic, partition);
        if told < self.plan.stale && partition % 7 == 3 { (leader + 1) % self.plan.brokers } else { leader }
    }

    /// Counts an answer of metadata and returns how many there were before.
    fn tell(&self) -> usize {
        self.told.fetch_add(1, Ordering::Relaxed)
    }

    /// Topic numbers that a group reads.
    fn topics_of(&self, group: usize) -> Vec<usize> {
        let first = group % self.plan.topics.max(1);
        let second = (group * 3 + 1) % self.plan.topics.max(1);
        if self.plan.topics == 0 {
            Vec::new()
        } else if first == second {
            vec![first]
        } else {
            vec![first.min(second), first.max(second)]
        }
    }

    /// Partitions that a group reads in each of its topics.
    fn parts_of(&self, group: usize) -> impl Iterator<Item = i32> + use<> {
        let (all, some) = (self.plan.partitions, self.plan.commits.min(self.plan.partitions));
        let from = (group as i32).wrapping_mul(7).rem_euclid(all.max(1));
        (0..some).map(move |at| (from + at) % all)
    }

    /// Member of a group, from 0, that owns a partition.
    fn owner(partition: i32) -> usize {
        partition as usize % MEMBERS
    }

    fn start(topic: usize, partition: i32) -> i64 {
        (mix(topic as u64, partition as u64, 1) % 50) as i64
    }

    fn end(topic: usize, partition: i32) -> i64 {
        Self::start(topic, partition) + 1_000 + (mix(topic as u64, partition as u64, 2) % 9_000) as i64
    }

    /// Below the end where a transaction is open: on one partition of 16.
    fn stable(topic: usize, partition: i32) -> i64 {
        let open = mix(topic as u64, partition as u64, 3);
        Self::end(topic, partition) - if open.is_multiple_of(16) { (open / 16 % 100) as i64 } else { 0 }
    }

    /// What a group committed. Some commits lie before the start of the log, and an owner has not committed everywhere.
    fn commit(group: usize, topic: usize, partition: i32) -> Option<i64> {
        let noise = mix(group as u64, (topic as u64) << 32 | partition as u64, 4);
        if noise.is_multiple_of(31) {
            return None;
        }
        let end = Self::end(topic, partition);
        Some(if noise.is_multiple_of(3) { end } else { end - (noise / 3 % end as u64) as i64 })
    }

    fn rows_of(&self, group: usize) -> Vec<Row> {
        if Self::family(group) == Family::Share {
            return Vec::new();
        }
        let row = |topic: usize, partition: i32| Row {
            group: Self::group_id(group),
            topic: Self::topic_name(topic),
            partition,
            committed: Self::commit(group, topic, partition),
            start: Self::start(topic, partition),
            stable: Self::stable(topic, partition),
            end: Self::end(topic, partition),
        };
        let all = self.topics_of(group).into_iter();
        let rows = all.flat_map(|topic| self.parts_of(group).map(move |partition| (topic, partition)));
        // Without an owner a partition without a commit is none of the group's.
        rows.map(|(topic, partition)| row(topic, partition))
            .filter(|row| row.committed.is_some() || Self::has_members(group))
            .collect()
    }

    fn topic_number(&self, name: &str) -> Option<usize> {
        name.strip_prefix("topic-")?.parse().ok().filter(|number| *number < self.plan.topics)
    }

    fn group_number(&self, id: &str) -> Option<usize> {
        id.strip_prefix("group-")?.parse().ok().filter(|number| *number < self.plan.groups)
    }
}

/// A number that looks random and is a function of three (the finaliser of `MurmurHash3`).
fn mix(a: u64, b: u64, c: u64) -> u64 {
    let mut value = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(c << 40).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    value = (value ^ (value >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}
