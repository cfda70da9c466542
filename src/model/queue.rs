//! Queue state at an instant: brokers, topics, partitions, consumer groups, committed offsets, lag.

use super::id::Coordinate;
use super::time::{Nanos, Timestamp};
use smol_str::SmolStr;

/// What the brokers said, together. Parts that a broker refused or did not answer carry a `fault` text each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// When the reading was taken (start of it).
    pub at: Timestamp,
    /// Cluster id, when told.
    pub cluster: Option<SmolStr>,
    /// Brokers by node id.
    pub brokers: Vec<Broker>,
    /// Topics, sorted by name.
    pub topics: Vec<Topic>,
    /// Groups, sorted by id.
    pub groups: Vec<Group>,
    /// Open transactions, as far as they were asked for: where a group reads and the stable end lies before the end.
    pub transactions: Vec<OpenTransaction>,
}

/// One broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Node id.
    pub node: i32,
    /// `host:port` as the cluster advertises it.
    pub address: SmolStr,
    /// Why it could not be asked, when so.
    pub fault: Option<SmolStr>,
}

/// One topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// Name.
    pub name: SmolStr,
    /// Partitions, sorted by index.
    pub partitions: Vec<Partition>,
    /// What is kept, when that was asked for and told.
    pub settings: Option<TopicSettings>,
}

/// The settings of a topic that decide what of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSettings {
    /// `cleanup.policy`: `delete`, `compact`, or both with a comma.
    pub cleanup: SmolStr,
    /// `retention.ms`; `None` when there is no limit.
    pub retention: Option<Nanos>,
    /// `retention.bytes` of each partition; `None` when there is no limit.
    pub retention_bytes: Option<i64>,
    /// `message.timestamp.type`: who sets the time of records.
    pub clock: SmolStr,
}

/// One partition with the offsets that its leader reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Index in its topic.
    pub index: i32,
    /// Leader's node id; `None` when there is no leader.
    pub leader: Option<i32>,
    /// First offset still kept (log start).
    pub start: Option<i64>,
    /// High watermark: the offset after the last visible record.
    pub end: Option<i64>,
    /// Last stable offset; below `end` while a transaction is open.
    pub stable: Option<i64>,
    /// Time of the record with the largest timestamp, when that was asked for and there is one.
    pub newest: Option<Timestamp>,
    /// Why offsets are missing, when so.
    pub fault: Option<SmolStr>,
}

/// Protocol family of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// `JoinGroup` protocol; also what brokers before 3.8 report nothing for.
    #[default]
    Classic,
    /// KIP-848 protocol.
    Consumer,
    /// KIP-932 share group; classic lag does not apply.
    Share,
    /// A type this program does not know.
    Other,
}

/// One consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Group id.
    pub id: SmolStr,
    /// Protocol family.
    pub kind: GroupKind,
    /// State as the coordinator names it (`Stable`, `Empty`, `PreparingRebalance`, ...).
    pub state: SmolStr,
    /// Protocol type as the coordinator names it: `consumer`, `connect`; empty when offsets were committed by somebody who
    /// never joined.
    pub protocol_type: SmolStr,
    /// Number that grows whenever members or their subscriptions change (KIP-848 and share groups). A group that flaps is
    /// found empty each time it is looked at, but its epoch moves.
    pub epoch: Option<i32>,
    /// The epoch that the present assignment was made for; behind `epoch` while a new one is being made.
    pub assignment_epoch: Option<i32>,
    /// Members, by member id.
    pub members: Vec<Member>,
    /// Committed offsets and assigned partitions without one, by topic and partition.
    pub commits: Vec<Commit>,
    /// Why members or offsets are missing, when so.
    pub fault: Option<SmolStr>,
}

/// One member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Member id given by the coordinator.
    pub id: SmolStr,
    /// Client id; not unique (the Java agent shares it between groups).
    pub client: SmolStr,
    /// Host as the coordinator saw it.
    pub host: SmolStr,
    /// Name that the person gave this member (`group.instance.id`), when so.
    pub instance: Option<SmolStr>,
    /// Topics that it subscribed to by name.
    pub topics: Vec<SmolStr>,
    /// Regular expression that it subscribed by (KIP-848).
    pub pattern: Option<SmolStr>,
    /// Assigned partitions.
    pub assigned: Vec<(SmolStr, i32)>,
}

/// A group's position in one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Topic name.
    pub topic: SmolStr,
    /// Partition index.
    pub partition: i32,
    /// Committed offset (next to be read); `None` when assigned but nothing was ever committed. For a share group the offset
    /// that its records begin at, `None` while it has consumed nothing.
    pub committed: Option<i64>,
    /// Index into the group's members of the one that owns the partition.
    pub owner: Option<usize>,
}

/// A transaction that is open in one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Topic name.
    pub topic: SmolStr,
    /// Partition index.
    pub partition: i32,
    /// Producer id.
    pub producer_id: i64,
    /// Its first offset there. The smallest of a partition is its stable end.
    pub first_offset: i64,
    /// When the producer last wrote there.
    pub last_write: Timestamp,
    /// Transactional id, when visible.
    pub transactional_id: Option<SmolStr>,
    /// State as its coordinator names it (`Ongoing`, `PrepareCommit`, ...), when visible.
    pub state: Option<SmolStr>,
    /// When it began, when visible.
    pub started: Option<Timestamp>,
    /// After how long the coordinator aborts it, when visible.
    pub timeout: Option<Nanos>,
}

/// How far a group is behind in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Offsets between the readable position and the high watermark; markers and compaction holes count too. For a share
    /// group this is the most that it can be: records behind its start may be acknowledged already.
    pub records: i64,
    /// Offsets that retention deleted before the group read them.
    pub lost: i64,
    /// Offsets behind an open transaction, which a `read_committed` consumer cannot reach yet.
    pub behind_transaction: i64,
}

impl Topic {
    /// Returns a partition by index.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        // Indices count from 0 without holes, unless a part is hidden.
        let direct = usize::try_from(index).ok().and_then(|at| self.partitions.get(at));
        direct.filter(|partition| partition.index == index).or_else(|| {
            let at = self.partitions.binary_search_by_key(&index, |partition| partition.index).ok()?;
            Some(&self.partitions[at])
        })
    }
}

impl Partition {
    /// Returns the lag of a commit in this partition, as [`QueueState::lag`] does.
    pub fn lag(&self, commit: &Commit) -> Option<Lag> {
        let (committed, end) = (commit.committed?, self.end?);
        let start = self.start.unwrap_or(0);
        let position = committed.max(start);
        Some(Lag {
            records: (end - position).max(0),
            lost: (start - committed).max(0),
            behind_transaction: self.stable.map_or(0, |stable| (end - stable.max(position)).max(0)),
        })
    }
}

impl QueueState {
    /// Counts the groups that committed an offset behind a record.
    pub fn passed(&self, at: &Coordinate) -> usize {
        let behind = |commit: &Commit| {
            commit.topic == at.topic
                && commit.partition == at.partition
                && commit.committed.is_some_and(|offset| offset > at.offset)
        };
        self.groups.iter().filter(|group| group.commits.iter().any(behind)).count()
    }

    /// Says whether a group with a name like that has committed an offset behind this record.
    pub fn has_passed(&self, is_named: impl Fn(&str) -> bool, at: &Coordinate) -> bool {
        let mut groups = self.groups.iter().filter(|group| is_named(&group.id));
        groups.any(|group| {
            let mut own =
                group.commits.iter().filter(|commit| commit.topic == at.topic && commit.partition == at.partition);
            own.any(|commit| commit.committed.is_some_and(|offset| offset > at.offset))
        })
    }

    /// Returns a topic by name.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        let at = self.topics.binary_search_by(|topic| topic.name.as_str().cmp(name)).ok()?;
        Some(&self.topics[at])
    }

    /// Returns a group by id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        let at = self.groups.binary_search_by(|group| group.id.as_str().cmp(id)).ok()?;
        Some(&self.groups[at])
    }

    /// Returns the lag of one commit; `None` when the committed offset or the partition's offsets are not known.
    ///
    /// `end - max(committed, start)`: what retention already deleted is not readable, so it is counted apart as `lost`
    /// (Kafka's own tool reports it as lag). Clamped at 0, since the offsets come from separate replies.
    pub fn lag(&self, commit: &Commit) -> Option<Lag> {
        self.partition(&commit.topic, commit.partition)?.lag(commit)
    }

    /// Returns one partition.
    pub fn partition(&self, topic: &str, index: i32) -> Option<&Partition> {
        self.topic(topic)?.partition(index)
    }

    /// Returns a group's lag over all its partitions in records, and over how many partitions it is not known.
    pub fn group_lag(&self, group: &Group) -> (i64, usize) {
        group.commits.iter().fold((0, 0), |(sum, unknown), commit| match self.lag(commit) {
            Some(lag) => (sum + lag.records, unknown),
            None => (sum, unknown + 1),
        })
    }
}

impl GroupKind {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
            Self::Other => "other",
        }
    }
}

impl Group {
    /// Says whether its lag is only the most that it can be.
    pub fn is_lag_at_most(&self) -> bool {
        self.kind == GroupKind::Share
    }
}
