//! What to ask next, cheapest and most exact first.

use super::copies;
use super::hunt::{Limits, Settings};
use super::reads::{self, TopicHint};
use super::scope::Scope;
use super::search;
use crate::model::{
    Ask, Coordinate, Identifier, Identity, Keep, Nanos, QueueState, Record, SafeText, ScanFrom, SpanStore, Timestamp,
    TraceId, Window,
};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Time searched around what is known.
const MARGIN: Nanos = Nanos::from_secs(15 * 60);
/// Metadata names under which log stores keep trace ids.
pub const METADATA: [&str; 6] = ["trace_id", "traceid", "traceId", "traceID", "mdc_trace_id", "otelTraceID"];

/// A question that the state calls for.
#[derive(Clone)]
pub(super) struct Want {
    /// Equal for equal questions, whatever their windows.
    pub key: String,
    /// The id that it is about, as the ledger names it when it is not asked.
    pub about: String,
    pub ask: Ask,
    pub why: String,
}

/// What is known when the next round is planned.
pub(super) struct Known<'a> {
    pub anchor: &'a Identity,
    pub settings: &'a Settings,
    pub scope: &'a Scope,
    pub spans: &'a SpanStore,
    pub records: &'a BTreeMap<Coordinate, Record>,
    pub queues: Option<&'a QueueState>,
    pub services: &'a [SmolStr],
    pub window: Window,
    /// Who was handed each record: groups, or services where the instrumentation names no group.
    pub readers: BTreeMap<Coordinate, BTreeSet<SafeText>>,
    /// How often the search for the anchor itself was widened.
    pub widened: u32,
    /// Keys of the questions that were answered.
    pub answered: BTreeSet<&'a str>,
}

impl Known<'_> {
    /// Says whether as many readers of a record are known as groups have passed it, and one at least.
    pub fn is_delivered(&self, at: &Coordinate) -> bool {
        let seen = self.readers.get(at).map_or(0, BTreeSet::len);
        seen > 0 && seen >= self.queues.map_or(0, |queues| queues.passed(at))
    }
}

/// Returns the stages of questions; a stage is asked when nothing of those before is open.
pub(super) fn stages(known: &Known<'_>) -> Vec<Vec<Want>> {
    let mut stages = vec![pointers(known), lines(known), traces(&known.scope.probes)];
    stages.extend(search::stages(known));
    stages.push(scans(known));
    if known.scope.coordinates.keys().any(|at| !known.is_delivered(at)) {
        stages.extend([looks(known), traces(&known.scope.candidates)]);
    }
    stages
}

fn pointers(known: &Known<'_>) -> Vec<Want> {
    let mut wants = Vec::new();
    for (trace, (why, _)) in &known.scope.traces {
        wants.push(of_trace(*trace, why));
    }
    for (at, why) in known.scope.coordinates.iter().filter(|(at, _)| !known.records.contains_key(*at)) {
        let (key, why) = (format!("record {at}"), format!("record: {why}"));
        wants.push(Want { key, about: at.to_string(), ask: Ask::Record(at.clone()), why });
    }
    if !known.scope.coordinates.is_empty() {
        let why = "committed offsets of the groups that read the record's topic".to_owned();
        wants.push(list("queues", Ask::Queues, why));
    } else if matches!(known.anchor, Identity::Business(_)) {
        wants.push(list("topics", Ask::Topics, "topics that may hold the id".to_owned()));
    }
    if matches!(known.anchor, Identity::Business(_)) || !known.scope.coordinates.is_empty() {
        let why = "services whose spans may name it".to_owned();
        wants.push(list("services", Ask::Services, why));
    }
    wants
}

fn of_trace(trace: TraceId, why: &SafeText) -> Want {
    let (key, why) = (format!("trace {trace}"), format!("trace: {why}"));
    Want { key, about: trace.to_string(), ask: Ask::Trace(trace), why }
}

/// What a source lists is about nothing in particular.
fn list(what: &str, ask: Ask, why: String) -> Want {
    Want { key: what.to_owned(), about: format!("the list of {what}"), ask, why }
}

fn find_lines(known: &Known<'_>, needles: Vec<SmolStr>, window: Window) -> Ask {
    Ask::FindLines {
        needles,
        metadata: METADATA.iter().map(|name| SmolStr::new_static(name)).collect(),
        services: Vec::new(),
        window,
        limit: known.settings.limits.rows,
    }
}

fn lines(known: &Known<'_>) -> Vec<Want> {
    let mut wants = Vec::new();
    let mut want = |needles: Vec<SmolStr>, window: Window, why: &str, turn: u32| {
        let (key, about) = (format!("lines {} {turn}", needles[0]), needles[0].to_string());
        wants.push(Want { key, about, ask: find_lines(known, needles, window), why: why.to_owned() });
    };
    if let Identity::Business(id) = known.anchor {
        want(vec![id.clone()], known.window, "lines that hold the id", known.widened);
    }
    for trace in known.scope.traces.keys() {
        want(trace.spellings(), around(known), "lines of the trace", turn(known, *trace));
    }
    for id in &known.scope.ids {
        want(id.spellings(), around(known), "lines that hold an id of the message", 0);
    }
    for at in known.scope.coordinates.keys() {
        want(reads::spellings(at), around(known), "lines that name the record", 0);
    }
    wants
}

/// Traces that lines name, and that have to name the record themselves.
fn traces(named: &BTreeMap<TraceId, SafeText>) -> Vec<Want> {
    named.iter().map(|(trace, why)| of_trace(*trace, why)).collect()
}

/// Lines with wider ids, while it is not known who was handed a record.
fn looks(known: &Known<'_>) -> Vec<Want> {
    let want = |id: &Identifier| {
        let needles = id.spellings();
        let (key, about) = (format!("lines {} 0", needles[0]), needles[0].to_string());
        let why = "lines that tell where to look for what names the record".to_owned();
        Want { key, about, ask: find_lines(known, needles, around(known)), why }
    };
    known.scope.finders.iter().map(want).collect()
}

/// The search for the anchor's own trace is repeated when its window grew.
fn turn(known: &Known<'_>, trace: TraceId) -> u32 {
    let own = matches!(known.anchor, Identity::Trace(id) | Identity::Span(id, _) if *id == trace);
    if own { known.widened } else { 0 }
}

/// Returns the window from what is known, with a margin; the default one while nothing is.
pub(super) fn around(known: &Known<'_>) -> Window {
    if let Some(window) = known.settings.window {
        return window;
    }
    let spans = known.spans.iter().filter(|span| known.scope.spans[span.row().0 as usize]);
    let records = known.records.iter().filter(|(at, _)| known.scope.coordinates.contains_key(*at));
    let times = spans
        .map(|span| Window { from: span.start(), until: span.end() })
        .chain(records.map(|(_, record)| Window { from: record.timestamp, until: record.timestamp }));
    let all = times.reduce(|all, each| all.union(&each));
    all.map_or(known.window, |all| Window { from: all.from.plus(Nanos(-MARGIN.0)), until: all.until.plus(MARGIN) })
}

/// A search that found nothing is repeated over so many times its window, to the same end.
pub(super) const WIDER: i64 = 4;

/// Returns where the window began before it was widened.
fn before_widening(window: &Window) -> Timestamp {
    window.until.plus(Nanos(-(window.length().0 / WIDER)))
}

fn scans(known: &Known<'_>) -> Vec<Want> {
    let Some(queues) = known.queues else { return Vec::new() };
    let Limits { scan_records, .. } = known.settings.limits;
    let known_topics: Vec<&SmolStr> = known.scope.coordinates.keys().map(|at| &at.topic).collect();
    let origins: Vec<Coordinate> =
        known.scope.coordinates.keys().filter(|at| reads::topic_hint(&at.topic) == TopicHint::Plain).cloned().collect();
    let written = known
        .records
        .iter()
        .filter(|(at, _)| known.scope.coordinates.contains_key(*at))
        .map(|(_, record)| record.timestamp)
        .min();
    let (from, is_widened) = match (known.anchor, written) {
        (Identity::Record(_) | Identity::Trace(_) | Identity::Span(..), Some(written)) => (written, false),
        (Identity::Business(_), _) | (_, None) => (known.window.from, known.widened > 0),
    };
    let in_scope = known.records.iter().filter(|(at, _)| known.scope.coordinates.contains_key(*at));
    let keys: BTreeSet<bytes::Bytes> = in_scope.filter_map(|(_, record)| copies::key_of(record)).collect();
    let texts: Vec<SmolStr> = match known.anchor {
        Identity::Business(id) => vec![id.clone()],
        Identity::Record(_) | Identity::Trace(_) | Identity::Span(..) => Vec::new(),
    };
    let own = texts.iter().map(|id| bytes::Bytes::copy_from_slice(id.as_bytes()));
    let mut topics: Vec<_> = queues
        .topics
        .iter()
        .filter(|topic| !topic.name.starts_with("__"))
        .map(|topic| (known_topics.iter().any(|near| reads::are_related(near, &topic.name)), topic))
        .filter(|(related, topic)| *related && !origins.is_empty() || !texts.is_empty() && !topic.partitions.is_empty())
        .collect();
    // Where copies are looked for comes first, then small topics: a large one would leave nothing for the others.
    topics.sort_by_key(|(related, topic)| (!*related, topic.partitions.len(), topic.name.clone()));
    let mut wants = Vec::new();
    for (related, topic) in topics {
        for partition in
            topic.partitions.iter().filter(|partition| partition.start.is_none() || partition.start < partition.end)
        {
            // Once per set of originals: a scan without them may not have kept the copies.
            let (originals, keyed) = if related { (origins.len(), keys.len()) } else { (0, 0) };
            let key = |widened: u32| format!("scan {}-{} {originals}/{keyed} {widened}", topic.name, partition.index);
            let from = match is_widened.then(|| known.widened - 1) {
                Some(before) if known.answered.contains(key(before).as_str()) => {
                    ScanFrom::Earlier { at: from, read: before_widening(&known.window) }
                }
                _ => ScanFrom::Time(from),
            };
            let keep = Keep {
                keys: own.clone().chain(keys.iter().filter(|_| related).cloned()).collect(),
                texts: texts.clone(),
                origins: if related { origins.clone() } else { Vec::new() },
            };
            let ask = Ask::ScanRecords {
                topic: topic.name.clone(),
                partition: partition.index,
                from,
                limit: scan_records,
                keep,
            };
            let why =
                if related { "retry or dead-letter copies name their original" } else { "records that hold the id" };
            let about = match origins.first().filter(|_| related) {
                Some(at) => format!("copies of {at}"),
                None => known.anchor.to_string(),
            };
            wants.push(Want { key: key(known.widened), about, ask, why: why.to_owned() });
        }
    }
    wants
}
