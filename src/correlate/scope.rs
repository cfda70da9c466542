//! Which rows belong to the anchor, and which identifiers they point at.

use super::index::Index;
use super::reads;
use crate::model::lines::LineRow;
use crate::model::{
    Coordinate, Identity, LedgerEntry, LineStore, NotFollowed, Record, SafeText, SpanKind, SpanRow, SpanStore, TraceId,
};
use std::collections::{BTreeMap, BTreeSet};

/// Producer and consumer spans above which a trace is a hub.
const HUB_SPANS: usize = 200;
/// Coordinates above which a trace is a hub.
const HUB_COORDINATES: usize = 20;

/// Why the anchor itself belongs.
const ASKED: SafeText = SafeText::own("asked for");

/// What belongs to the anchor.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Per span row: whether it belongs.
    pub spans: Vec<bool>,
    /// Lines that belong, in order of time.
    pub lines: Vec<LineRow>,
    /// Records that belong and why, read or not.
    pub coordinates: BTreeMap<Coordinate, SafeText>,
    /// Traces that belong and why, fetched or not; `false` when a flag says that it was not sampled.
    pub traces: BTreeMap<TraceId, (SafeText, bool)>,
    /// What was seen and not followed.
    pub ledger: Vec<LedgerEntry>,
}

/// The rows at hand.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub anchor: &'a Identity,
    pub sampled: Option<bool>,
    pub spans: &'a SpanStore,
    pub lines: &'a LineStore,
    pub records: &'a BTreeMap<Coordinate, Record>,
    pub index: &'a Index,
}

#[derive(Clone, Default)]
struct TraceShape<'a> {
    roots: Vec<u32>,
    messaging: usize,
    coordinates: BTreeSet<&'a Coordinate>,
    whole: bool,
    /// Whether the ledger says that it is a hub.
    told: bool,
}

impl TraceShape<'_> {
    fn is_hub(&self) -> bool {
        self.messaging > HUB_SPANS || self.coordinates.len() > HUB_COORDINATES
    }
}

/// How far the walks through the trees are, so that no step is taken twice.
struct Grown {
    done: Vec<bool>,
    climbed: Vec<bool>,
    descended: Vec<bool>,
    in_batch: Vec<bool>,
}

impl Grown {
    fn new(rows: Rows<'_>) -> Self {
        let count = rows.spans.len();
        let mut in_batch = vec![false; count];
        for row in &rows.index.order {
            let above = rows.index.parent(*row).is_some_and(|parent| in_batch[parent as usize]);
            in_batch[*row as usize] = above || rows.index.is_batch(*row);
        }
        Self { done: vec![false; count], climbed: vec![false; count], descended: vec![false; count], in_batch }
    }
}

/// Finds what belongs to the anchor. Grows from the anchor over pointers until nothing new comes.
pub(super) fn scope(rows: Rows<'_>) -> Scope {
    let mut scope = Scope { spans: vec![false; rows.spans.len()], ..Scope::default() };
    let mut shapes: Vec<TraceShape<'_>> = vec![TraceShape::default(); rows.spans.traces().len()];
    for row in &rows.index.order {
        let span = rows.spans.span(SpanRow(*row));
        let shape = &mut shapes[span.trace_number() as usize];
        if rows.index.parent(*row).is_none() {
            shape.roots.push(*row);
        }
        shape.messaging += usize::from(matches!(span.kind(), SpanKind::Producer | SpanKind::Consumer));
        shape.coordinates.extend(rows.index.coordinate(*row));
    }
    let mut seeds: Vec<u32> = anchor_seeds(rows, &mut scope);
    let mut grown = Grown::new(rows);
    loop {
        let before =
            (scope.coordinates.len(), scope.traces.len(), scope.spans.iter().filter(|in_scope| **in_scope).count());
        grow(rows, &mut scope, &mut shapes, &mut grown, seeds);
        follow_records(rows, &mut scope);
        seeds = pointed_at(rows, &scope);
        let after =
            (scope.coordinates.len(), scope.traces.len(), scope.spans.iter().filter(|in_scope| **in_scope).count());
        if before == after && seeds.iter().all(|row| grown.done[*row as usize]) {
            break;
        }
    }
    lines(rows, &mut scope);
    labels(rows, &mut scope);
    scope
}

fn anchor_seeds(rows: Rows<'_>, scope: &mut Scope) -> Vec<u32> {
    let asked = ASKED;
    match rows.anchor {
        Identity::Trace(trace) => {
            scope.traces.insert(*trace, (asked, true));
            rows.spans.iter().filter(|span| span.trace() == *trace).map(|span| span.row().0).collect()
        }
        Identity::Span(trace, span) => {
            scope.traces.insert(*trace, (asked, rows.sampled != Some(false)));
            rows.index.find_in(rows.spans, *trace, *span).map_or_else(
                || rows.spans.iter().filter(|span| span.trace() == *trace).map(|span| span.row().0).collect(),
                |row| vec![row],
            )
        }
        Identity::Record(at) => {
            scope.coordinates.insert(at.clone(), asked);
            Vec::new()
        }
        Identity::Business(id) => {
            for (at, record) in rows.records {
                if reads::record_holds(record, id) {
                    scope.coordinates.insert(at.clone(), SafeText::new(&format!("key, header or value holds {id}")));
                }
            }
            let mut seeds: Vec<u32> =
                rows.spans.iter().filter(|span| reads::span_holds(*span, id)).map(|span| span.row().0).collect();
            for line in rows.lines.iter().filter(|line| holds(*line, id)) {
                if let Some((trace, span)) = reads::line_trace(line) {
                    let why = SafeText::new(&format!("a log line with {id} names it"));
                    scope.traces.entry(trace).or_insert((why, true));
                    seeds.extend(span.and_then(|span| rows.index.find_in(rows.spans, trace, span)));
                }
                for at in reads::line_coordinates(line) {
                    let why = SafeText::new(&format!("a log line with {id} names it"));
                    scope.coordinates.entry(at).or_insert(why);
                }
            }
            seeds
        }
    }
}

/// Marks what hangs together with the seeds inside their traces.
fn grow(rows: Rows<'_>, scope: &mut Scope, shapes: &mut [TraceShape<'_>], grown: &mut Grown, seeds: Vec<u32>) {
    let anchored = matches!(rows.anchor, Identity::Trace(_));
    let (mut found, mut last) = (Vec::new(), None);
    for seed in seeds {
        if std::mem::replace(&mut grown.done[seed as usize], true) {
            continue;
        }
        let view = rows.spans.span(SpanRow(seed));
        let batch = rows.index.is_batch(seed);
        found.clear();
        found.push(seed);
        // Of a whole trace every row is a seed: walking from each would cost the square of its depth.
        if !matches!(rows.anchor, Identity::Trace(trace) if *trace == view.trace()) {
            let climbed = std::mem::take(&mut grown.climbed);
            let above = rows.index.ancestors(seed).take_while(|row| !climbed[*row as usize]);
            found.extend(above);
            grown.climbed = climbed;
            for row in &found {
                grown.climbed[*row as usize] = true;
            }
            found.extend(subtree(rows, seed, &mut grown.descended, |row| !batch || !is_foreign(rows, scope, row)));
        }
        let shape = &mut shapes[view.trace_number() as usize];
        let hub = shape.is_hub();
        let inside_batch = grown.in_batch[seed as usize];
        if hub && !shape.whole {
            if !std::mem::replace(&mut shape.told, true) {
                let detail = format!(
                    "{} producer and consumer spans, {} coordinates: only what hangs on the matching spans is shown",
                    shape.messaging,
                    shape.coordinates.len()
                );
                scope.ledger.push(LedgerEntry {
                    id: SafeText::new(&view.trace().to_string()),
                    reason: NotFollowed::Hub,
                    detail: SafeText::new(&detail),
                });
            }
        } else if !shape.whole && !inside_batch && !anchored {
            shape.whole = true;
            // The rest of the trace is its context, without the messages of others.
            let above: BTreeSet<u32> = rows.index.ancestors(seed).chain([seed]).collect();
            let mut descended = vec![false; rows.spans.len()];
            for root in &shape.roots {
                let keep = |row| !is_foreign(rows, scope, row) || above.contains(&row);
                found.extend(subtree(rows, *root, &mut descended, keep));
            }
        }
        for row in found.iter().copied() {
            if std::mem::replace(&mut scope.spans[row as usize], true) {
                continue;
            }
            let span = rows.spans.span(SpanRow(row));
            let why = || SafeText::new(&format!("span `{}` of trace {} names it", span.name(), span.trace()));
            if !hub || matches!(rows.anchor, Identity::Record(_) | Identity::Business(_)) {
                if let Some(at) = rows.index.coordinate(row)
                    && !scope.coordinates.contains_key(at)
                {
                    scope.coordinates.insert(at.clone(), why());
                }
                if !rows.index.is_batch(row) {
                    for (trace, _) in span.links() {
                        scope
                            .traces
                            .entry(trace)
                            .or_insert_with(|| (SafeText::new(&format!("link of span `{}`", span.name())), true));
                    }
                }
            }
            if last != Some(span.trace_number()) {
                last = Some(span.trace_number());
                scope.traces.entry(span.trace()).or_insert_with(|| (why(), true));
            }
        }
    }
}

/// Follows what records say: their origin, the copies that name them, the traces in their headers.
fn follow_records(rows: Rows<'_>, scope: &mut Scope) {
    loop {
        let before = scope.coordinates.len();
        for (at, record) in rows.records {
            let Some(origin) = reads::trail(record).origin else { continue };
            if scope.coordinates.contains_key(at) {
                let why = SafeText::new(&format!("headers of {at} name it as the original"));
                scope.coordinates.entry(origin).or_insert(why);
            } else if scope.coordinates.contains_key(&origin) {
                let why = SafeText::new(&format!("its headers name {origin} as the original"));
                scope.coordinates.insert(at.clone(), why);
            }
        }
        if before == scope.coordinates.len() {
            break;
        }
    }
    for (at, record) in rows.records.iter().filter(|(at, _)| scope.coordinates.contains_key(*at)) {
        for (trace, _, sampled) in reads::traceparents(record) {
            let why = SafeText::new(&format!("traceparent of record {at}"));
            scope.traces.entry(trace).or_insert((why, sampled)).1 &= sampled;
        }
    }
}

/// Returns the spans that records and other spans of the scope point at, or that point at them.
fn pointed_at(rows: Rows<'_>, scope: &Scope) -> Vec<u32> {
    let named: BTreeSet<_> = rows
        .records
        .iter()
        .filter(|(at, _)| scope.coordinates.contains_key(*at))
        .flat_map(|(_, record)| reads::traceparents(record))
        .map(|(trace, span, _)| (trace, span))
        .collect();
    let mut seeds = Vec::new();
    for span in rows.spans.iter().filter(|span| rows.index.is_live(span.row().0)) {
        let row = span.row().0;
        let links_here = span.links().any(|(trace, linked)| {
            named.contains(&(trace, linked))
                || rows.index.find_in(rows.spans, trace, linked).is_some_and(|row| {
                    scope.spans[row as usize]
                        && rows.index.coordinate(row).is_none_or(|at| scope.coordinates.contains_key(at))
                })
        });
        let linked_trace_asked = matches!(rows.anchor, Identity::Business(_))
            && span.parent().is_none()
            && scope.traces.get(&span.trace()).is_some_and(|(why, _)| why.as_str().starts_with("a log line"));
        if links_here
            || linked_trace_asked
            || (!named.is_empty() && named.contains(&(span.trace(), span.id())))
            || rows.index.coordinate(row).is_some_and(|at| scope.coordinates.contains_key(at))
        {
            seeds.push(row);
        } else if scope.spans[row as usize] && !rows.index.is_batch(row) {
            seeds.extend(span.links().filter_map(|(trace, linked)| rows.index.find_in(rows.spans, trace, linked)));
        }
    }
    seeds
}

fn lines(rows: Rows<'_>, scope: &mut Scope) {
    let mut found: Vec<LineRow> = Vec::new();
    for line in rows.lines.iter() {
        let by_trace = reads::line_trace(line).is_some_and(|(trace, span)| {
            match span.and_then(|span| rows.index.find_in(rows.spans, trace, span)) {
                Some(row) => scope.spans[row as usize],
                None => scope.traces.contains_key(&trace),
            }
        });
        let by_id = matches!(rows.anchor, Identity::Business(id) if holds(line, id));
        let by_coordinate = || reads::line_coordinates(line).any(|at| scope.coordinates.contains_key(&at));
        if by_trace || by_id || by_coordinate() {
            found.push(line.row());
        }
    }
    found.sort_by(|a, b| {
        let (a, b) = (rows.lines.line(*a), rows.lines.line(*b));
        (a.at(), a.service(), a.text()).cmp(&(b.at(), b.service(), b.text()))
    });
    scope.lines = found;
}

/// Lists the record keys that are wider than a record: seen, not followed.
fn labels(rows: Rows<'_>, scope: &mut Scope) {
    if !matches!(rows.anchor, Identity::Record(_)) {
        return;
    }
    let keys: BTreeSet<SafeText> = rows
        .records
        .iter()
        .filter(|(at, _)| scope.coordinates.contains_key(*at))
        .filter_map(|(_, record)| record.key.as_ref().map(|key| SafeText::from_bytes(key)))
        .collect();
    scope.ledger.extend(keys.into_iter().map(|id| LedgerEntry {
        id,
        reason: NotFollowed::WiderScope,
        detail: SafeText::own("record key: other messages may carry it too; follow it to widen"),
    }));
}

/// Says whether a span writes or reads a record that is not in scope.
fn is_foreign(rows: Rows<'_>, scope: &Scope, row: u32) -> bool {
    let span = rows.spans.span(SpanRow(row));
    rows.index.coordinate(row).is_some_and(|at| !scope.coordinates.contains_key(at))
        && !matches!(rows.anchor, Identity::Business(id) if reads::span_holds(span, id))
}

/// Returns a row and its descendants, leaving out those that `keep` refuses together with what hangs on them. Rows that
/// were descended from before are not descended from again.
fn subtree(rows: Rows<'_>, row: u32, descended: &mut [bool], keep: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut found = vec![row];
    let mut at = 0;
    while let Some(row) = found.get(at).copied() {
        at += 1;
        if !std::mem::replace(&mut descended[row as usize], true) {
            found.extend(rows.index.children(row).iter().filter(|child| keep(**child)));
        }
    }
    found
}

fn holds(line: crate::model::lines::LineView<'_>, id: &str) -> bool {
    reads::contains_token(line.text(), id) || line.metadata().any(|(_, value)| value == id)
}
