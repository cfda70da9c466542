//! `hopscope/now/1` and the lag table: the present as programs read it.

use crate::model::now::{ErrorTrace, GroupLag, Lamp, Light};
use crate::model::{Exchange, Fault, Note, Now, QueueState, SafeText, SourceKind, Window};
use serde::Serialize;

/// The present.
#[derive(Serialize)]
pub struct NowReport<'a> {
    schema: &'static str,
    at: i64,
    window: Window,
    sources: Vec<LampReport<'a>>,
    complete: bool,
    groups: Option<Vec<GroupReport<'a>>>,
    errors: Vec<ErrorTraceReport<'a>>,
    requests: &'a [Exchange],
    exit: u8,
}

#[derive(Serialize)]
struct LampReport<'a> {
    source: SourceKind,
    address: &'a SafeText,
    state: &'static str,
    detail: &'a SafeText,
    slowest_ns: Option<i64>,
    faults: &'a [Fault],
    notes: &'a [Note],
}

#[derive(Serialize)]
struct GroupReport<'a> {
    group: &'a SafeText,
    state: &'a SafeText,
    members: usize,
    lag: i64,
    unknown_partitions: usize,
    lost: i64,
    worst: Option<WorstReport<'a>>,
    next: Option<&'a SafeText>,
    fault: Option<&'a SafeText>,
}

#[derive(Serialize)]
struct WorstReport<'a> {
    topic: &'a SafeText,
    partition: i32,
    lag: i64,
}

#[derive(Serialize)]
struct ErrorTraceReport<'a> {
    trace: String,
    start: i64,
    duration_ns: i64,
    root: &'a SafeText,
    error: &'a SafeText,
    spans: usize,
    errors: usize,
}

/// One line of the lag table. What could not be read is absent, never zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LagRow {
    /// Consumer group.
    pub group: SafeText,
    /// Topic.
    pub topic: SafeText,
    /// Partition.
    pub partition: i32,
    /// Next offset that the group would read.
    pub committed: Option<i64>,
    /// Offset after the last record.
    pub end: Option<i64>,
    /// Records between, bounded by what retention has left.
    pub lag: Option<i64>,
}

/// Returns the lag table, by group, topic and partition.
pub fn lag_rows(state: &QueueState) -> Vec<LagRow> {
    let mut rows: Vec<LagRow> = state
        .groups
        .iter()
        .flat_map(|group| group.commits.iter().map(move |commit| (group, commit)))
        .map(|(group, commit)| LagRow {
            group: SafeText::new(&group.id),
            topic: SafeText::new(&commit.topic),
            partition: commit.partition,
            committed: commit.committed,
            end: state.partition(&commit.topic, commit.partition).and_then(|partition| partition.end),
            lag: state.lag(commit).map(|lag| lag.records),
        })
        .collect();
    rows.sort_by(|a, b| {
        (a.group.as_str(), a.topic.as_str(), a.partition).cmp(&(b.group.as_str(), b.topic.as_str(), b.partition))
    });
    rows
}

/// Returns the word of a lamp.
pub const fn light_word(light: Light) -> &'static str {
    match light {
        Light::Ok => "ok",
        Light::Partial => "partial",
        Light::Down => "down",
        Light::Waiting => "waiting",
        Light::Off => "not configured",
    }
}

impl<'a> NowReport<'a> {
    /// Returns the projection.
    pub fn of(now: &'a Now, exit: u8) -> Self {
        Self {
            schema: "hopscope/now/1",
            at: now.at.0,
            window: now.window,
            sources: now.lamps.iter().map(lamp).collect(),
            complete: now.lamps.iter().all(|lamp| matches!(lamp.light, Light::Ok | Light::Off)),
            groups: now.queues.is_some().then(|| now.groups.iter().map(group).collect()),
            errors: now.errors.iter().map(error).collect(),
            requests: &now.exchanges,
            exit,
        }
    }
}

fn lamp(lamp: &Lamp) -> LampReport<'_> {
    LampReport {
        source: lamp.source,
        address: &lamp.address,
        state: light_word(lamp.light),
        detail: &lamp.detail,
        slowest_ns: lamp.slowest.map(|took| took.0),
        faults: &lamp.faults,
        notes: &lamp.notes,
    }
}

fn group(row: &GroupLag) -> GroupReport<'_> {
    GroupReport {
        group: &row.group,
        state: &row.state,
        members: row.members,
        lag: row.lag,
        unknown_partitions: row.unknown,
        lost: row.lost,
        worst: row.worst.as_ref().map(|(topic, partition, lag)| WorstReport {
            topic,
            partition: *partition,
            lag: *lag,
        }),
        next: row.next.as_ref(),
        fault: row.fault.as_ref(),
    }
}

fn error(row: &ErrorTrace) -> ErrorTraceReport<'_> {
    ErrorTraceReport {
        trace: row.trace.to_string(),
        start: row.start.0,
        duration_ns: row.duration.0,
        root: &row.root,
        error: &row.error,
        spans: row.spans,
        errors: row.errors,
    }
}
