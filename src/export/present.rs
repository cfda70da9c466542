//! `hopscope/now/1`: the present as programs read it.

use crate::model::now::{ErrorTrace, GroupLag, Lamp, Light};
use crate::model::{BreakerState, Exchange, Fault, Note, Now, SafeText, SourceKind, Spent, Window};
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
    spent: Spent,
    breaker: BreakerState,
}

#[derive(Serialize)]
struct GroupReport<'a> {
    group: &'a SafeText,
    state: &'a SafeText,
    kind: &'static str,
    members: usize,
    lag: i64,
    behind_transaction: i64,
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
        spent: lamp.spent,
        breaker: lamp.breaker,
    }
}

fn group(row: &GroupLag) -> GroupReport<'_> {
    GroupReport {
        group: &row.group,
        state: &row.state,
        kind: row.kind.word(),
        members: row.members,
        lag: row.lag,
        behind_transaction: row.behind_transaction,
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
