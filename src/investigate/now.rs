//! Reads the state of the world at a glance: lamps, groups that lag, recent traces with errors.

use super::sources::{Budgets, SourceSet};
use crate::model::ask::NoteKind;
use crate::model::now::{ErrorTrace, GroupLag, Lamp, Light, Now};
use crate::model::queue::Group;
use crate::model::{
    Ask, Exchange, Fault, FaultKind, Nanos, Note, QueueState, Reply, Rows, SafeText, SourceKind, SpanStatus, SpanStore,
    Spent, Timestamp, Window,
};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Services that are asked for errors at most; the rest is a note on the lamp.
const SERVICES: usize = 40;
/// Traces asked for per service, and shown in all.
const TRACES: u32 = 20;

/// What one source contributes.
struct Part {
    lamp: Lamp,
    queues: Option<QueueState>,
    spans: SpanStore,
    exchanges: Vec<Exchange>,
}

/// Reads the present state. `publish` is called after each source, so that a slow one holds nothing up.
pub async fn read_now(
    sources: &SourceSet,
    at: Timestamp,
    window: Window,
    cancel: &CancellationToken,
    mut publish: impl FnMut(&Now),
) -> Now {
    let budgets = sources.budgets(cancel);
    let mut now = Now {
        at,
        window,
        lamps: SourceKind::named(&sources.kinds()).into_iter().map(|kind| lamp(sources, kind)).collect(),
        queues: None,
        groups: Vec::new(),
        errors: Vec::new(),
        exchanges: Vec::new(),
    };
    publish(&now);
    let part = |kind: SourceKind| read_part(sources, kind, window, &budgets);
    let mut open: FuturesUnordered<_> = sources.kinds().into_iter().map(part).collect();
    let mut spans = SpanStore::default();
    while let Some(part) = open.next().await {
        let place = now.lamps.iter().position(|lamp| lamp.source == part.lamp.source).expect("every source has a lamp");
        now.lamps[place] = part.lamp;
        now.exchanges.extend(part.exchanges);
        if let Some(state) = part.queues {
            now.groups = groups(&state);
            now.queues = Some(Arc::new(state));
        }
        if !part.spans.is_empty() {
            spans.merge(part.spans);
            now.errors = errors(&spans);
        }
        publish(&now);
    }
    now
}

fn lamp(sources: &SourceSet, source: SourceKind) -> Lamp {
    let (light, detail) = match sources.get(source) {
        Some(_) => (Light::Waiting, SafeText::own("asking")),
        None => (Light::Off, SafeText::own("not configured")),
    };
    let address = sources.get(source).map_or_else(SafeText::default, |found| found.address());
    Lamp {
        source,
        address,
        light,
        detail,
        slowest: None,
        faults: Vec::new(),
        notes: Vec::new(),
        spent: Spent::default(),
        breaker: sources.breaker_of(source),
    }
}

async fn read_part(sources: &SourceSet, kind: SourceKind, window: Window, budgets: &Budgets) -> Part {
    let mut part = Part { lamp: lamp(sources, kind), queues: None, spans: SpanStore::default(), exchanges: Vec::new() };
    let mut answered = false;
    match sources.identify(kind, budgets).await {
        Ok(detail) => {
            part.lamp.detail = detail;
            answered = true;
        }
        Err(fault) => part.fault(fault),
    }
    // A source that nobody can reach is not asked again: its lamp says why, and the next reading tries anew.
    let has = |kinds: &[FaultKind]| part.lamp.faults.iter().any(|fault| kinds.contains(&fault.kind));
    let is_absent = has(&[FaultKind::NotConfigured]);
    let gone = is_absent || has(&[FaultKind::Unreachable, FaultKind::TimedOut]);
    if !gone {
        match kind {
            SourceKind::Jaeger | SourceKind::Tempo => {
                answered |= read_errors(sources, kind, window, budgets, &mut part).await;
            }
            SourceKind::Loki => {}
            SourceKind::Kafka => {
                if let Some(Rows::Queues(state)) = part.take(sources.ask_of(kind, &Ask::Queues, budgets, None).await) {
                    part.queues = Some(*state);
                    answered = true;
                }
            }
        }
    }
    let is_whole = part.lamp.faults.is_empty() && part.lamp.notes.iter().all(|note| note.kind == NoteKind::Remark);
    part.lamp.light = match (answered, is_whole) {
        _ if is_absent => Light::Off,
        (true, true) => Light::Ok,
        (true, false) => Light::Partial,
        (false, _) => Light::Down,
    };
    (part.lamp.spent, part.lamp.breaker) = (budgets.of(kind).cost(), sources.breaker_of(kind));
    part.lamp.slowest = part.exchanges.iter().map(|exchange| exchange.took).max();
    part
}

async fn read_errors(
    sources: &SourceSet,
    kind: SourceKind,
    window: Window,
    budgets: &Budgets,
    part: &mut Part,
) -> bool {
    let services = if kind.needs_service() {
        part.take(sources.ask_of(kind, &Ask::Services, budgets, None).await)
    } else {
        Some(Rows::Services(vec![SmolStr::default()]))
    };
    let Some(Rows::Services(services)) = services else { return false };
    if services.len() > SERVICES {
        let text = format!("{} services are known; the first {SERVICES} were asked for errors", services.len());
        part.lamp.notes.push(Note { kind: NoteKind::Truncated, text: text.into() });
    }
    let asks: Vec<Ask> =
        services.into_iter().take(SERVICES).map(|service| Ask::FindErrors { service, window, limit: TRACES }).collect();
    let open = asks.iter().map(|ask| sources.ask_of(kind, ask, budgets, None));
    let replies = futures_util::future::join_all(open).await;
    let mut answered = kind.needs_service();
    for mut reply in replies {
        if let Ok(answer) = &mut reply.outcome {
            // The newest of each service were asked for; that there are older ones weakens nothing.
            for note in answer.notes.iter_mut().filter(|note| note.kind == NoteKind::Truncated) {
                note.kind = NoteKind::Remark;
            }
        }
        if let Some(Rows::Spans(spans)) = part.take(reply) {
            part.spans.merge(*spans);
            answered = true;
        }
    }
    answered
}

impl Part {
    fn fault(&mut self, fault: Fault) {
        if self.lamp.faults.is_empty() {
            self.lamp.detail = SafeText::new(&format!("{}: {}", fault.kind.word(), fault.came.as_str()));
        }
        if !self.lamp.faults.contains(&fault) {
            self.lamp.faults.push(fault);
        }
    }

    fn take(&mut self, reply: Reply) -> Option<Rows> {
        self.exchanges.extend(reply.exchanges);
        match reply.outcome {
            Ok(answer) => {
                for note in answer.notes {
                    if !self.lamp.notes.contains(&note) {
                        self.lamp.notes.push(note);
                    }
                }
                Some(answer.rows)
            }
            Err(fault) => {
                self.fault(fault);
                None
            }
        }
    }
}

/// Returns the groups, those that could not be read first, then by lost records and lag.
pub fn groups(state: &QueueState) -> Vec<GroupLag> {
    let mut rows: Vec<GroupLag> = state.groups.iter().map(|group| group_lag(state, group)).collect();
    rows.sort_by(|a, b| {
        let rank = |row: &GroupLag| (row.fault.is_none(), std::cmp::Reverse((row.lost, row.lag)));
        rank(a).cmp(&rank(b)).then_with(|| a.group.as_str().cmp(b.group.as_str()))
    });
    rows
}

fn group_lag(state: &QueueState, group: &Group) -> GroupLag {
    let (lag, unknown) = state.group_lag(group);
    let each = || group.commits.iter().filter_map(|commit| Some((commit, state.lag(commit)?)));
    let worst = each()
        .filter(|(_, lag)| lag.records > 0)
        .max_by_key(|(commit, lag)| (lag.records, std::cmp::Reverse((commit.topic.clone(), commit.partition))));
    // The record that the group reads next: what it is stuck behind, if it is stuck.
    let next = worst.and_then(|(commit, _)| {
        let start = state.partition(&commit.topic, commit.partition)?.start.unwrap_or(0);
        Some(SafeText::new(&format!("{}-{}@{}", commit.topic, commit.partition, commit.committed?.max(start))))
    });
    GroupLag {
        group: SafeText::new(&group.id),
        state: SafeText::new(&group.state),
        kind: group.kind,
        members: group.members.len(),
        lag,
        behind_transaction: each().map(|(_, lag)| lag.behind_transaction).sum(),
        unknown,
        lost: each().map(|(_, lag)| lag.lost).sum(),
        worst: worst.map(|(commit, lag)| (SafeText::new(&commit.topic), commit.partition, lag.records)),
        next,
        fault: group.fault.as_deref().map(SafeText::new),
    }
}

/// Returns the traces that hold an error, newest first.
pub fn errors(spans: &SpanStore) -> Vec<ErrorTrace> {
    let mut traces: BTreeMap<u128, Vec<_>> = BTreeMap::new();
    for span in spans.iter() {
        traces.entry(span.trace().0).or_default().push(span);
    }
    let mut rows: Vec<ErrorTrace> = Vec::new();
    for rows_of_trace in traces.values() {
        let failed: Vec<_> = rows_of_trace.iter().filter(|span| span.status() == SpanStatus::Error).collect();
        let Some(first) = failed.iter().min_by_key(|span| (span.end(), span.start())) else { continue };
        let root = rows_of_trace
            .iter()
            .min_by_key(|span| (span.parent().is_some(), span.start()))
            .expect("a trace has a span once it is in the map");
        let end = rows_of_trace.iter().map(|span| span.end()).max().unwrap_or(root.end());
        let said = ["otel.status_description", "error.message", "exception.message", "error.type"]
            .iter()
            .find_map(|name| first.attribute(name))
            .map(|value| value.text().into_owned())
            .or_else(|| {
                first
                    .events()
                    .find_map(|event| event.attribute("exception.message"))
                    .map(|value| value.text().into_owned())
            });
        let error = said.map_or_else(
            || format!("{} {}", first.service(), first.name()),
            |said| format!("{} {}: {said}", first.service(), first.name()),
        );
        rows.push(ErrorTrace {
            trace: root.trace(),
            start: root.start(),
            duration: Nanos(end.since(root.start()).0.max(0)),
            root: SafeText::new(&format!("{} {}", root.service(), root.name())),
            error: SafeText::new(&error),
            spans: rows_of_trace.len(),
            errors: failed.len(),
        });
    }
    rows.sort_by_key(|row| (std::cmp::Reverse(row.start), row.trace.0));
    rows.truncate(TRACES as usize);
    rows
}
