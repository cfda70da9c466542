//! Queues as programs read them: `hopscope/lag/1`, `hopscope/groups/1`, `hopscope/topics/1`, `hopscope/record/1`, and the same
//! as lines with tabs. What could not be read is absent (`null`, or `-`), never zero. Instants are nanoseconds since 1970,
//! durations nanoseconds.

use super::record as layout;
use super::report::RecordReport;
use crate::model::contents::Contents;
use crate::model::queue::{Commit, Group, OpenTransaction, Partition, Topic};
use crate::model::record::{Record, RecordClock};
use crate::model::{Nanos, Note, QueueState, SafeText, Timestamp};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;

/// A table with what was remarked about it.
#[derive(Serialize)]
pub struct Table<'a, R: Serialize> {
    /// Name and version of its rows.
    pub schema: &'static str,
    /// When it was read.
    pub at: i64,
    /// Whether every part was read.
    pub complete: bool,
    /// The rows.
    pub rows: &'a [R],
    /// Open transactions that hold a group back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions: Option<Vec<TransactionRow>>,
    /// Remarks.
    pub notes: &'a [Note],
    /// Exit code.
    pub exit: u8,
}

impl<R: Line> Line for &R {
    const HEAD: &'static str = R::HEAD;

    fn cells(&self, to: &mut Cells<'_>) {
        R::cells(self, to);
    }
}

/// One line of a table of text.
pub trait Line {
    /// Names of the columns, with tabs between.
    const HEAD: &'static str;

    /// Writes the cells of a row.
    fn cells(&self, to: &mut Cells<'_>);
}

/// Where the cells of a row go: a table of many thousand rows keeps no text per cell.
#[derive(Debug)]
pub struct Cells<'a> {
    text: &'a mut String,
    has_any: bool,
}

impl Cells<'_> {
    fn next(&mut self) {
        if std::mem::replace(&mut self.has_any, true) {
            self.text.push('\t');
        }
    }

    pub(super) fn text(&mut self, cell: &str) {
        self.next();
        self.text.push_str(cell);
    }

    pub(super) fn number(&mut self, cell: impl itoa::Integer + TryInto<u8> + Copy) {
        self.next();
        match cell.try_into() {
            // Most lags.
            Ok(digit) if digit < 10 => self.text.push(char::from(b'0' + digit)),
            Ok(_) | Err(_) => self.text.push_str(itoa::Buffer::new().format(cell)),
        }
    }

    pub(super) fn number_or_dash(&mut self, cell: Option<impl itoa::Integer + TryInto<u8> + Copy>) {
        match cell {
            Some(cell) => self.number(cell),
            None => self.text("-"),
        }
    }

    pub(super) fn text_or_dash(&mut self, cell: Option<&str>) {
        match cell.filter(|text| !text.is_empty()) {
            Some(text) if text.contains(' ') => self.text(&text.replace(' ', "_")),
            text => self.text(text.unwrap_or("-")),
        }
    }

    fn lag(&mut self, lag: Option<i64>, at_most: bool) {
        match lag {
            Some(lag) if at_most => {
                self.text("<=");
                self.text.push_str(itoa::Buffer::new().format(lag));
            }
            lag => self.number_or_dash(lag),
        }
    }
}

/// One line of the lag table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LagRow {
    /// Consumer group.
    pub group: SafeText,
    /// Topic.
    pub topic: SafeText,
    /// Partition.
    pub partition: i32,
    /// Next offset that the group would read; of a share group the offset that its records begin at.
    pub committed: Option<i64>,
    /// First offset that is kept.
    pub start: Option<i64>,
    /// Offset that readers of committed records can reach.
    pub stable: Option<i64>,
    /// Offset after the last record.
    pub end: Option<i64>,
    /// Records between, bounded by what retention has left.
    pub lag: Option<i64>,
    /// Whether `lag` is only the most that it can be (share groups).
    pub at_most: bool,
    /// Of these the ones behind an open transaction.
    pub behind_transaction: Option<i64>,
    /// Offsets that retention deleted unread.
    pub lost: Option<i64>,
    /// State of the group as its coordinator names it.
    pub state: SafeText,
    /// Protocol of the group.
    pub kind: &'static str,
    /// Member that owns the partition.
    pub owner: Option<SafeText>,
    /// The name that was given to that member.
    pub instance: Option<SafeText>,
    /// Client id of that member.
    pub client: Option<SafeText>,
    /// Its host.
    pub host: Option<SafeText>,
    /// Time of the record that is read next, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<i64>,
    /// How long ago that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_ns: Option<i64>,
    /// Why something is missing.
    pub fault: Option<SafeText>,
}

/// One consumer group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupRow {
    /// Group id.
    pub group: SafeText,
    /// Protocol.
    pub kind: &'static str,
    /// State as its coordinator names it.
    pub state: SafeText,
    /// Protocol type: `consumer`, `connect`; empty when nobody ever joined.
    pub protocol_type: SafeText,
    /// Members.
    pub members: usize,
    /// Client ids, each once.
    pub clients: Vec<SafeText>,
    /// Topics and patterns that members subscribed to, each once.
    pub subscriptions: Vec<SafeText>,
    /// Group epoch, where the protocol has one.
    pub epoch: Option<i32>,
    /// Epoch of the assignment.
    pub assignment_epoch: Option<i32>,
    /// Partitions with a commit or an owner.
    pub partitions: usize,
    /// Lag over all partitions where it is known.
    pub lag: i64,
    /// Whether `lag` is only the most that it can be (share groups).
    pub at_most: bool,
    /// Partitions where it is not known.
    pub unknown_partitions: usize,
    /// Offsets behind open transactions.
    pub behind_transaction: i64,
    /// Offsets that retention deleted unread.
    pub lost: i64,
    /// Why something is missing.
    pub fault: Option<SafeText>,
}

/// One topic.
#[derive(Clone, Debug, Serialize)]
pub struct TopicRow {
    /// Name.
    pub topic: SafeText,
    /// Partitions.
    pub partitions: usize,
    /// Offsets kept, over all partitions where they are known.
    pub offsets: i64,
    /// Partitions whose offsets are not known.
    pub unknown_partitions: usize,
    /// `cleanup.policy`.
    pub cleanup: Option<SafeText>,
    /// `retention.ms`; absent when there is no limit, or it was not told (`cleanup` tells which).
    pub retention_ns: Option<i64>,
    /// `retention.bytes`.
    pub retention_bytes: Option<i64>,
    /// `message.timestamp.type`.
    pub clock: Option<SafeText>,
    /// Time of the newest record.
    pub newest: Option<i64>,
    /// How long ago that was; below zero when the producer's clock is ahead.
    pub newest_age_ns: Option<i64>,
    /// Why something is missing.
    pub fault: Option<SafeText>,
}

/// A transaction that is open.
#[derive(Clone, Debug, Serialize)]
pub struct TransactionRow {
    topic: SafeText,
    partition: i32,
    producer_id: i64,
    first_offset: i64,
    last_write: i64,
    transactional_id: Option<SafeText>,
    state: Option<SafeText>,
    started: Option<i64>,
    timeout_ns: Option<i64>,
}

/// One record.
#[derive(Serialize)]
pub struct RecordDocument<'a> {
    /// `hopscope/record/1`.
    pub schema: &'static str,
    /// Whether the question was answered in full.
    pub complete: bool,
    /// The record, when there is one.
    pub record: Option<RecordReport<'a>>,
    /// What its bytes are.
    pub contents: Option<ContentsRow>,
    /// Remarks.
    pub notes: &'a [Note],
    /// Exit code.
    pub exit: u8,
}

/// What the bytes of a record are.
#[derive(Serialize)]
pub struct ContentsRow {
    key: String,
    value: String,
}

impl ContentsRow {
    /// Returns the words for key and value.
    pub fn of(contents: &Contents) -> Self {
        Self { key: contents.key.words(), value: contents.value.words() }
    }
}

/// Writes a table as lines with tabs between their cells, row by row.
///
/// # Errors
///
/// Those of `out`.
pub fn table<R: Line>(rows: impl IntoIterator<Item = R>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut text = format!("{}\n", R::HEAD);
    // By the iterator's own loop: one that is made of several would hand each row through all of them.
    rows.into_iter().try_for_each(|row| {
        out.write_all(text.as_bytes())?;
        text.clear();
        row.cells(&mut Cells { text: &mut text, has_any: false });
        text.push('\n');
        Ok::<_, io::Error>(())
    })?;
    out.write_all(text.as_bytes())
}

/// A duration as one word.
fn human(ns: i64) -> String {
    Nanos(ns).human().replace(' ', "")
}

/// Returns the lag table row by row, in the state's order: by group, topic and partition. There may be hundreds of thousands
/// of rows, so they are made one after the other and kept by whoever needs them together.
pub fn lag_rows(state: &QueueState) -> impl Iterator<Item = LagRow> + '_ {
    state.groups.iter().flat_map(move |group| {
        // What all rows of a group share is made safe once, and so is what neighbours share.
        let (id, told) = (SafeText::new(&group.id), SafeText::new(&group.state));
        let mut last: Option<(&Commit, SafeText, Option<&Topic>)> = None;
        group.commits.iter().map(move |commit| {
            let known = last.take().filter(|(before, ..)| before.topic == commit.topic);
            let (_, name, topic) =
                known.unwrap_or_else(|| (commit, SafeText::new(&commit.topic), state.topic(&commit.topic)));
            let partition = topic.and_then(|topic| topic.partition(commit.partition));
            let row = lag_row(group, commit, partition, [&id, &told, &name]);
            last = Some((commit, name, topic));
            row
        })
    })
}

fn lag_row(group: &Group, commit: &Commit, partition: Option<&Partition>, [id, told, topic]: [&SafeText; 3]) -> LagRow {
    let lag = partition.and_then(|partition| partition.lag(commit));
    let owner = commit.owner.and_then(|owner| group.members.get(owner));
    let fault = partition.and_then(|partition| partition.fault.as_ref()).or(group.fault.as_ref());
    LagRow {
        group: id.clone(),
        topic: topic.clone(),
        partition: commit.partition,
        committed: commit.committed,
        start: partition.and_then(|partition| partition.start),
        stable: partition.and_then(|partition| partition.stable),
        end: partition.and_then(|partition| partition.end),
        lag: lag.map(|lag| lag.records),
        at_most: group.is_lag_at_most(),
        behind_transaction: lag.map(|lag| lag.behind_transaction),
        lost: lag.map(|lag| lag.lost),
        state: told.clone(),
        kind: group.kind.word(),
        owner: owner.map(|member| SafeText::new(&member.id)),
        instance: owner.and_then(|member| member.instance.as_deref()).map(SafeText::new),
        client: owner.map(|member| SafeText::new(&member.client)),
        host: owner.map(|member| SafeText::new(&member.host)),
        next_at: None,
        waits_ns: None,
        fault: fault.map(|fault| SafeText::new(fault)),
    }
}

impl LagRow {
    /// Adds the time of the record that is read next. A producer's clock that is ahead makes nobody wait less than nothing.
    #[must_use]
    pub fn with_next(self, next: Timestamp, now: Timestamp) -> Self {
        Self { next_at: Some(next.0), waits_ns: Some(now.since(next).0.max(0)), ..self }
    }
}

impl Line for LagRow {
    const HEAD: &'static str =
        "GROUP\tTOPIC\tPARTITION\tCOMMITTED\tEND\tLAG\tIN-TRANSACTION\tLOST\tWAITS\tSTATE\tKIND\tOWNER\tCLIENT\tHOST";

    fn cells(&self, to: &mut Cells<'_>) {
        to.text(self.group.as_str());
        to.text(self.topic.as_str());
        to.number(self.partition);
        to.number_or_dash(self.committed);
        to.number_or_dash(self.end);
        to.lag(self.lag, self.at_most);
        to.number_or_dash(self.behind_transaction);
        to.number_or_dash(self.lost);
        to.text_or_dash(self.waits_ns.map(human).as_deref());
        to.text_or_dash(Some(self.state.as_str()));
        to.text(self.kind);
        to.text_or_dash(self.owner.as_ref().map(SafeText::as_str));
        to.text_or_dash(self.client.as_ref().map(SafeText::as_str));
        to.text_or_dash(self.host.as_ref().map(SafeText::as_str));
    }
}

/// Returns the groups, by id.
pub fn group_rows(state: &QueueState) -> Vec<GroupRow> {
    state.groups.iter().map(|group| group_row(state, group)).collect()
}

fn group_row(state: &QueueState, group: &Group) -> GroupRow {
    let (lag, unknown_partitions) = state.group_lag(group);
    let lags = || group.commits.iter().filter_map(|commit| state.lag(commit));
    let once = |texts: BTreeSet<&str>| texts.into_iter().map(SafeText::new).collect::<Vec<_>>();
    let members = || group.members.iter();
    let named = members().flat_map(|member| member.topics.iter().chain(&member.pattern)).map(smol_str::SmolStr::as_str);
    GroupRow {
        group: SafeText::new(&group.id),
        kind: group.kind.word(),
        state: SafeText::new(&group.state),
        protocol_type: SafeText::new(&group.protocol_type),
        members: group.members.len(),
        clients: once(members().map(|member| member.client.as_str()).collect()),
        subscriptions: once(named.collect()),
        epoch: group.epoch,
        assignment_epoch: group.assignment_epoch,
        partitions: group.commits.len(),
        lag,
        at_most: group.is_lag_at_most(),
        unknown_partitions,
        behind_transaction: lags().map(|lag| lag.behind_transaction).sum(),
        lost: lags().map(|lag| lag.lost).sum(),
        fault: group.fault.as_deref().map(SafeText::new),
    }
}

impl Line for GroupRow {
    const HEAD: &'static str = "GROUP\tKIND\tSTATE\tMEMBERS\tEPOCH\tPARTITIONS\tLAG\tUNKNOWN\tIN-TRANSACTION\tLOST";

    fn cells(&self, to: &mut Cells<'_>) {
        to.text(self.group.as_str());
        to.text(self.kind);
        to.text_or_dash(Some(self.state.as_str()));
        to.number(self.members);
        to.number_or_dash(self.epoch);
        to.number(self.partitions);
        to.lag((self.partitions > self.unknown_partitions || self.partitions == 0).then_some(self.lag), self.at_most);
        to.number(self.unknown_partitions);
        to.number(self.behind_transaction);
        to.number(self.lost);
    }
}

/// Returns the topics, by name.
pub fn topic_rows(state: &QueueState) -> Vec<TopicRow> {
    state.topics.iter().map(|topic| topic_row(topic, state.at)).collect()
}

fn topic_row(topic: &Topic, now: Timestamp) -> TopicRow {
    let known = topic.partitions.iter().filter_map(|partition| Some((partition.start?, partition.end?)));
    let kept: Vec<i64> = known.map(|(start, end)| (end - start).max(0)).collect();
    let newest = topic.partitions.iter().filter_map(|partition| partition.newest).max();
    let settings = topic.settings.as_ref();
    TopicRow {
        topic: SafeText::new(&topic.name),
        partitions: topic.partitions.len(),
        offsets: kept.iter().sum(),
        unknown_partitions: topic.partitions.len() - kept.len(),
        cleanup: settings.map(|settings| SafeText::new(&settings.cleanup)),
        retention_ns: settings.and_then(|settings| settings.retention).map(|retention| retention.0),
        retention_bytes: settings.and_then(|settings| settings.retention_bytes),
        clock: settings.map(|settings| SafeText::new(&settings.clock)),
        newest: newest.map(|newest| newest.0),
        newest_age_ns: newest.map(|newest| now.since(newest).0),
        fault: topic.partitions.iter().find_map(|partition| partition.fault.as_deref()).map(SafeText::new),
    }
}

impl Line for TopicRow {
    const HEAD: &'static str = "TOPIC\tPARTITIONS\tOFFSETS\tUNKNOWN\tCLEANUP\tRETENTION\tRETENTION-BYTES\tNEWEST";

    fn cells(&self, to: &mut Cells<'_>) {
        let limit = |told: Option<String>| match (told, &self.cleanup) {
            (Some(told), _) => told,
            (None, Some(_)) => "unlimited".to_owned(),
            (None, None) => "-".to_owned(),
        };
        to.text(self.topic.as_str());
        to.number(self.partitions);
        to.number(self.offsets);
        to.number(self.unknown_partitions);
        to.text_or_dash(self.cleanup.as_ref().map(SafeText::as_str));
        to.text(&limit(self.retention_ns.map(human)));
        to.text(&limit(self.retention_bytes.map(|bytes| bytes.to_string())));
        to.text_or_dash(self.newest_age_ns.map(human).as_deref());
    }
}

impl TransactionRow {
    /// Returns the open transactions.
    pub fn all(state: &QueueState) -> Vec<Self> {
        state.transactions.iter().map(Self::of).collect()
    }

    fn of(found: &OpenTransaction) -> Self {
        Self {
            topic: SafeText::new(&found.topic),
            partition: found.partition,
            producer_id: found.producer_id,
            first_offset: found.first_offset,
            last_write: found.last_write.0,
            transactional_id: found.transactional_id.as_deref().map(SafeText::new),
            state: found.state.as_deref().map(SafeText::new),
            started: found.started.map(|started| started.0),
            timeout_ns: found.timeout.map(|timeout| timeout.0),
        }
    }
}

/// Says in one line what holds a partition's readers back.
pub fn transaction(found: &OpenTransaction, zone: &TimeZone) -> String {
    let who = match &found.transactional_id {
        Some(id) => format!("transaction {}", SafeText::new(id).as_str()),
        None => "a transaction".to_owned(),
    };
    let mut text = format!(
        "{}-{}: {who} of producer {} is open from offset {} on",
        SafeText::new(&found.topic).as_str(),
        found.partition,
        found.producer_id,
        found.first_offset
    );
    if let Some(started) = found.started {
        write!(text, ", begun {}", started.date_clock(zone)).expect("a string takes any text");
    }
    write!(text, ", last written to {}", found.last_write.date_clock(zone)).expect("a string takes any text");
    if let Some(timeout) = found.timeout {
        write!(text, ", aborted after {}", timeout.human()).expect("a string takes any text");
    }
    text
}

/// Writes a record for people.
pub fn record(record: &Record, contents: &Contents, zone: &TimeZone) -> String {
    let mut text = format!("{}\n", SafeText::new(&record.coordinate.to_string()).as_str());
    let mut field = |name: &str, value: &str| {
        writeln!(text, "{name:<12}{value}").expect("a string takes any text");
    };
    let clock = match record.clock {
        RecordClock::CreateTime => "set by the producer",
        RecordClock::LogAppendTime => "set by the broker",
    };
    field("time", &format!("{}, {clock}", record.timestamp.date_clock(zone)));
    if record.producer_id >= 0 {
        let (producer, epoch, sequence) = (record.producer_id, record.producer_epoch, record.sequence);
        field("producer", &format!("{producer}, epoch {epoch}, sequence {sequence}"));
    }
    if let Some(end) = record.transaction {
        field("transaction", end.word());
    }
    for header in &record.headers {
        let name = SafeText::from_bytes(&header.key);
        field("header", &format!("{}: {}", name.as_str(), header.shown().as_str()));
    }
    match &record.key {
        Some(key) if contents.key.schema.is_some() => {
            field("key", &format!("{}: {}", contents.key.words(), SafeText::from_bytes(key).as_str()));
        }
        Some(key) => field("key", SafeText::from_bytes(key).as_str()),
        None => field("key", "(null)"),
    }
    match &record.value {
        None => field("value", "(null): a tombstone"),
        Some(value) => {
            field("value", &format!("{} bytes, {}", value.len(), contents.value.words()));
            for line in layout::lines(Some(value), &contents.value) {
                writeln!(text, "{}", line.as_str()).expect("a string takes any text");
            }
        }
    }
    text
}
