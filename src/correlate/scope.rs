//! Which rows belong to the anchor, which identifiers they point at, and over which edge each was reached.

use super::copies;
use super::entries::{self, Entries, Member};
use super::index::Index;
use super::labels;
use super::leads::{self, Leads, Shapes};
use super::partly::{self, Part};
use super::reads;
use crate::model::lines::LineRow;
use crate::model::why::{Node, Paths, Relation, Strength};
use crate::model::{
    Coordinate, Identifier, Identity, LedgerEntry, LineStore, NotFollowed, Record, SafeText, SpanKind, SpanRow,
    SpanStore, Timestamp, TraceId,
};
use std::collections::{BTreeMap, BTreeSet};

/// Producer and consumer spans above which a trace is a hub.
const HUB_SPANS: usize = 200;
/// Coordinates above which a trace is a hub.
const HUB_COORDINATES: usize = 20;
/// Length above which a trace is a hub, in nanoseconds.
const HUB_LENGTH: i64 = 3_600_000_000_000;

/// Why the anchor itself belongs.
const ASKED: SafeText = SafeText::own("asked for");

/// How much an id may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fan {
    /// Hits that are followed as they are.
    pub few: u32,
    /// Hits above which none is followed.
    pub hub: u32,
}

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
    /// Records that lines name inside of a consumer's span which names none itself.
    pub handled: BTreeMap<u32, BTreeSet<Coordinate>>,
    /// Records that are copies by what they hold alone, with their originals.
    pub copies: BTreeMap<Coordinate, Coordinate>,
    /// Ids that log lines are searched for.
    pub ids: Vec<Identifier>,
    /// Wider ids: lines with them may belong to traces that name a record of the scope.
    pub finders: Vec<Identifier>,
    /// Traces that lines name beside a record, and that have to name it themselves.
    pub probes: BTreeMap<TraceId, SafeText>,
    /// The same by wider ids.
    pub candidates: BTreeMap<TraceId, SafeText>,
    /// The edge over which each of them was reached.
    pub paths: Paths,
    /// What was seen and not followed.
    pub ledger: Vec<LedgerEntry>,
    /// Traces that belong in part.
    pub parts: Vec<Part>,
}

impl Scope {
    /// Notes what was seen and is not followed, once.
    pub fn tell(&mut self, id: &str, reason: NotFollowed, detail: &str) {
        let id = SafeText::new(id);
        if !self.ledger.iter().any(|known| known.id == id && known.reason == reason) {
            self.ledger.push(LedgerEntry { id, reason, detail: SafeText::new(detail) });
        }
    }
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
    pub fan: Fan,
}

#[derive(Clone, Default)]
struct TraceShape<'a> {
    roots: Vec<u32>,
    messaging: usize,
    coordinates: BTreeSet<&'a Coordinate>,
    begin: Option<Timestamp>,
    end: Timestamp,
    whole: bool,
    batch: bool,
    /// Whether the ledger says that it is a hub.
    told: bool,
}

impl TraceShape<'_> {
    fn is_hub(&self) -> bool {
        // Only what queues write and read brings strangers into a trace: a long request alone is no hub.
        let is_long = self.messaging > 2 && self.begin.is_some_and(|begin| self.end.since(begin).0 > HUB_LENGTH);
        self.messaging > HUB_SPANS || self.coordinates.len() > HUB_COORDINATES || is_long
    }
}

/// How far the walks through the trees are, so that no step is taken twice.
struct Grown {
    done: Vec<bool>,
    climbed: Vec<bool>,
    descended: Vec<bool>,
    in_batch: Vec<bool>,
    /// Spans whose lines name several records.
    shared: BTreeSet<u32>,
    edges: Edges,
}

/// The edges that are taken again and again.
struct Edges {
    span_of: u16,
    trace_of: u16,
    above: u16,
    below: u16,
    same_trace: u16,
    linked_by: u16,
    links_to: u16,
}

impl Grown {
    fn new(rows: Rows<'_>, leads: &Leads, paths: &mut Paths) -> Self {
        let count = rows.spans.len();
        let (mut in_batch, mut shared) = (vec![false; count], leads.shared(rows));
        shared.extend(stamped(rows));
        for row in &rows.index.order {
            let above = rows.index.parent(*row).is_some_and(|parent| in_batch[parent as usize]);
            in_batch[*row as usize] = above || rows.index.is_batch(*row) || shared.contains(row);
        }
        let mut pointer = |relation, field| paths.edge(relation, Strength::Pointer, field);
        let edges = Edges {
            span_of: pointer(Relation::SpanOf, "trace id"),
            trace_of: pointer(Relation::TraceOf, "trace id"),
            above: pointer(Relation::Above, "parent span id"),
            below: pointer(Relation::Below, "parent span id"),
            same_trace: pointer(Relation::SameTrace, "trace id"),
            linked_by: pointer(Relation::LinkedBy, "link"),
            links_to: pointer(Relation::LinksTo, "link"),
        };
        let [done, climbed, descended] = [(); 3].map(|()| vec![false; count]);
        Self { done, climbed, descended, in_batch, shared, edges }
    }
}

/// Finds what belongs to the anchor. Grows from the anchor over pointers until nothing new comes.
pub(super) fn scope(rows: Rows<'_>) -> Scope {
    let mut scope = Scope { spans: vec![false; rows.spans.len()], ..Scope::default() };
    scope.paths.reserve(rows.spans.len(), rows.lines.len());
    let mut shapes: Vec<TraceShape<'_>> = vec![TraceShape::default(); rows.spans.traces().len()];
    for row in &rows.index.order {
        let span = rows.spans.span(SpanRow(*row));
        let shape = &mut shapes[span.trace_number() as usize];
        if rows.index.parent(*row).is_none() {
            shape.roots.push(*row);
        }
        shape.batch |= rows.index.is_batch(*row);
        shape.messaging += usize::from(matches!(span.kind(), SpanKind::Producer | SpanKind::Consumer));
        shape.coordinates.extend(rows.index.coordinate(*row));
        shape.begin = Some(shape.begin.map_or(span.start(), |begin| begin.min(span.start())));
        shape.end = shape.end.max(span.end());
    }
    let leads = Leads::new(rows);
    let mut grown = Grown::new(rows, &leads, &mut scope.paths);
    let entries = match rows.anchor {
        Identity::Business(id) => {
            Some(entries::find(rows, id, &|trace| shapes[trace as usize].is_hub(), &grown.in_batch))
        }
        Identity::Trace(_) | Identity::Span(..) | Identity::Record(_) => None,
    };
    let mut seeds: Vec<u32> = anchor_seeds(rows, &mut scope, entries.as_ref());
    loop {
        let count = |scope: &Scope| {
            let spans = scope.spans.iter().filter(|in_scope| **in_scope).count();
            (scope.coordinates.len(), scope.traces.len(), spans)
        };
        let before = count(&scope);
        grow(rows, &mut scope, &mut shapes, &mut grown, seeds);
        follow_records(rows, &mut scope);
        seeds = pointed_at(rows, &mut scope, &grown.edges);
        let is_stable =
            |scope: &Scope, seeds: &[u32]| before == count(scope) && seeds.iter().all(|row| grown.done[*row as usize]);
        if is_stable(&scope, &seeds) {
            // Texts only where no pointer leads on, so that what both lead to rests on the pointer.
            copies::follow(rows, &mut scope);
            seeds = told(rows, &mut scope, &shapes, &leads);
            if is_stable(&scope, &seeds) {
                break;
            }
        }
    }
    leads::look_around(rows, &mut scope);
    lines(rows, &mut scope, entries.as_ref());
    if let (Some(entries), Identity::Business(id)) = (&entries, rows.anchor) {
        entries.lift(&mut scope.paths);
        scope.ledger.extend(entries.ledger(rows, id));
    }
    scope.parts = partly::parts(rows.spans, rows.index, &scope.spans);
    let untold = scope.parts.iter().filter(|part| !shapes[part.number as usize].told);
    scope.ledger.extend(untold.map(Part::entry));
    let labels = labels::ledger(rows, &scope);
    scope.ledger.extend(labels);
    scope
}

/// Follows what log lines tell, and returns the spans they lead to.
fn told(rows: Rows<'_>, scope: &mut Scope, shapes: &[TraceShape<'_>], leads: &Leads) -> Vec<u32> {
    let roots = |trace: TraceId| {
        let shape = rows.spans.trace_number(trace).map(|number| &shapes[number as usize]);
        shape.filter(|shape| !shape.batch && !shape.is_hub()).map_or_else(Vec::new, |shape| shape.roots.clone())
    };
    let shapes = Shapes { roots: &roots };
    let mut seeds = leads.of_records(rows, scope, &shapes);
    seeds.extend(leads::of_ids(rows, scope, &shapes));
    seeds
}

fn anchor_seeds(rows: Rows<'_>, scope: &mut Scope, entries: Option<&Entries>) -> Vec<u32> {
    let asked = scope.paths.edge(Relation::Asked, Strength::Pointer, "");
    let whole = |scope: &mut Scope, trace: TraceId| -> Vec<u32> {
        let node = scope.paths.add_trace(trace, Node::Anchor, asked);
        let span_of = scope.paths.edge(Relation::SpanOf, Strength::Pointer, "trace id");
        let found: Vec<u32> = rows.spans.iter().filter(|span| span.trace() == trace).map(|span| span.row().0).collect();
        for row in &found {
            scope.paths.add(Node::Span(SpanRow(*row)), node, span_of);
        }
        found
    };
    match rows.anchor {
        Identity::Trace(trace) => {
            scope.traces.insert(*trace, (ASKED, true));
            whole(scope, *trace)
        }
        Identity::Span(trace, span) => {
            scope.traces.insert(*trace, (ASKED, rows.sampled != Some(false)));
            let Some(row) = rows.index.find_in(rows.spans, *trace, *span) else { return whole(scope, *trace) };
            scope.paths.add(Node::Span(SpanRow(row)), Node::Anchor, asked);
            scope.paths.add_trace(*trace, Node::Anchor, asked);
            vec![row]
        }
        Identity::Record(at) => {
            scope.coordinates.insert(at.clone(), ASKED);
            scope.paths.add_record(at, Node::Anchor, asked);
            Vec::new()
        }
        Identity::Business(id) => entries.map_or_else(Vec::new, |entries| entry_seeds(rows, scope, entries, id)),
    }
}

/// Enters what a business id names, as far as it is followed.
fn entry_seeds(rows: Rows<'_>, scope: &mut Scope, entries: &Entries, id: &str) -> Vec<u32> {
    let mut seeds = Vec::new();
    for entry in &entries.all {
        let holds = entries::edge(&mut scope.paths, entry);
        if let Member::Line(row) = &entry.member {
            scope.paths.add(Node::Line(LineRow(*row)), Node::Anchor, holds);
        }
        if !entries.is_followed(entry) {
            continue;
        }
        match (&entry.member, entry.span) {
            (_, Some(row)) => {
                scope.paths.add(Node::Span(SpanRow(row)), Node::Anchor, holds);
                seeds.push(row);
            }
            (Member::Record(at), None) => {
                scope.coordinates.insert(at.clone(), SafeText::new(&format!("key, header or value holds {id}")));
                scope.paths.add_record(at, Node::Anchor, holds);
            }
            (Member::Line(row), None) => {
                let line = Node::Line(LineRow(*row));
                let why = || SafeText::new(&format!("a log line with {id} names it"));
                if let Some(pointer) = &entry.pointer {
                    let edge = scope.paths.edge(Relation::NamedBy, strength(pointer.spot), &pointer.field);
                    scope.traces.entry(pointer.trace).or_insert_with(|| (why(), true));
                    scope.paths.add_trace(pointer.trace, line, edge);
                    if let Some(row) = pointer.span.and_then(|span| rows.index.find_in(rows.spans, pointer.trace, span))
                    {
                        scope.paths.add(Node::Span(SpanRow(row)), line, edge);
                        seeds.push(row);
                    }
                }
                let edge = scope.paths.edge(Relation::NamedBy, Strength::Text, "text");
                for at in &entry.coordinates {
                    scope.coordinates.entry(at.clone()).or_insert_with(why);
                    scope.paths.add_record(at, line, edge);
                }
            }
            (Member::Trace(_), None) => {}
        }
    }
    seeds
}

/// A named field is a pointer, words are a text.
pub(super) const fn strength(spot: reads::Spot) -> Strength {
    match spot {
        reads::Spot::Text => Strength::Text,
        _ => Strength::Pointer,
    }
}

/// Marks what hangs together with the seeds inside their traces.
fn grow(rows: Rows<'_>, scope: &mut Scope, shapes: &mut [TraceShape<'_>], grown: &mut Grown, seeds: Vec<u32>) {
    let anchored = matches!(rows.anchor, Identity::Trace(_));
    let (mut found, mut last): (Vec<(u32, u16)>, _) = (Vec::new(), None);
    for seed in seeds {
        if std::mem::replace(&mut grown.done[seed as usize], true) {
            continue;
        }
        let view = rows.spans.span(SpanRow(seed));
        let batch = rows.index.is_batch(seed) || grown.shared.contains(&seed);
        found.clear();
        found.push((seed, grown.edges.span_of));
        // Of a whole trace every row is a seed: walking from each would cost the square of its depth.
        if !matches!(rows.anchor, Identity::Trace(trace) if *trace == view.trace()) {
            let climbed = std::mem::take(&mut grown.climbed);
            let above = rows.index.ancestors(seed).take_while(|row| !climbed[*row as usize]);
            found.extend(above.map(|row| (row, grown.edges.above)));
            grown.climbed = climbed;
            for (row, _) in &found {
                grown.climbed[*row as usize] = true;
            }
            let below = grown.edges.below;
            let subtree = subtree(rows, seed, &mut grown.descended, |row| !batch || !is_foreign(rows, scope, row));
            found.extend(subtree.into_iter().map(|row| (row, below)));
        }
        let shape = &mut shapes[view.trace_number() as usize];
        let hub = shape.is_hub();
        let inside_batch = grown.in_batch[seed as usize];
        if hub && !shape.whole {
            if !std::mem::replace(&mut shape.told, true) {
                let detail = format!(
                    "{} producer and consumer spans, {} coordinates, {} long: only what hangs on the matching spans is shown",
                    shape.messaging,
                    shape.coordinates.len(),
                    shape.end.since(shape.begin.unwrap_or(shape.end)).human()
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
            // What handles the record of another stays out, also where nothing is above it.
            for root in shape.roots.iter().filter(|root| above.contains(root) || !is_foreign(rows, scope, **root)) {
                let keep = |row| !is_foreign(rows, scope, row) || above.contains(&row);
                let context = subtree(rows, *root, &mut descended, keep);
                found.extend(context.into_iter().map(|row| (row, grown.edges.same_trace)));
            }
        }
        for (row, edge) in found.iter().copied() {
            if std::mem::replace(&mut scope.spans[row as usize], true) {
                continue;
            }
            let (span, node) = (rows.spans.span(SpanRow(row)), Node::Span(SpanRow(row)));
            if row != seed {
                scope.paths.add(node, Node::Span(SpanRow(seed)), edge);
            }
            let why = || SafeText::new(&format!("span `{}` of trace {} names it", span.name(), span.trace()));
            if !hub || matches!(rows.anchor, Identity::Record(_) | Identity::Business(_)) {
                if let Some(at) = rows.index.coordinate(row)
                    && !scope.coordinates.contains_key(at)
                {
                    scope.coordinates.insert(at.clone(), why());
                    let field = reads::offset_name(span).unwrap_or_default();
                    let edge = scope.paths.edge(Relation::NamedBy, Strength::Pointer, field);
                    scope.paths.add_record(at, node, edge);
                }
                if !rows.index.is_batch(row) {
                    for (trace, _) in span.links() {
                        scope
                            .traces
                            .entry(trace)
                            .or_insert_with(|| (SafeText::new(&format!("link of span `{}`", span.name())), true));
                        scope.paths.add_trace(trace, node, grown.edges.linked_by);
                    }
                }
            }
            if last != Some(span.trace_number()) {
                last = Some(span.trace_number());
                scope.traces.entry(span.trace()).or_insert_with(|| (why(), true));
                scope.paths.add_trace(span.trace(), node, grown.edges.trace_of);
            }
        }
    }
}

/// Follows what records say: their origin, the copies that name them, the traces in their headers.
fn follow_records(rows: Rows<'_>, scope: &mut Scope) {
    loop {
        let before = scope.coordinates.len();
        for (at, record) in rows.records {
            let trail = reads::trail(record);
            let Some(origin) = trail.origin else { continue };
            if scope.coordinates.contains_key(at) {
                let why = || SafeText::new(&format!("headers of {at} name it as the original"));
                scope.coordinates.entry(origin.clone()).or_insert_with(why);
                let edge = scope.paths.edge(Relation::OriginalOf, Strength::Pointer, trail.family);
                if let Some(from) = scope.paths.record(at) {
                    scope.paths.add_record(&origin, from, edge);
                }
            } else if scope.coordinates.contains_key(&origin) {
                let why = SafeText::new(&format!("its headers name {origin} as the original"));
                scope.coordinates.insert(at.clone(), why);
                let edge = scope.paths.edge(Relation::CopyOf, Strength::Pointer, trail.family);
                if let Some(from) = scope.paths.record(&origin) {
                    scope.paths.add_record(at, from, edge);
                }
            }
        }
        if before == scope.coordinates.len() {
            break;
        }
    }
    for (at, record) in rows.records.iter().filter(|(at, _)| scope.coordinates.contains_key(*at)) {
        for pointer in reads::pointers(record) {
            let why = || SafeText::new(&format!("traceparent of record {at}"));
            scope.traces.entry(pointer.trace).or_insert_with(|| (why(), pointer.sampled)).1 &= pointer.sampled;
            if let Some(from) = scope.paths.record(at) {
                let edge = scope.paths.edge(Relation::NamedBy, Strength::Pointer, pointer.header);
                scope.paths.add_trace(pointer.trace, from, edge);
            }
        }
    }
}

/// Returns the spans that records and other spans of the scope point at, or that point at them.
fn pointed_at(rows: Rows<'_>, scope: &mut Scope, edges: &Edges) -> Vec<u32> {
    let mut named: BTreeMap<_, (Node, &'static str, &Coordinate)> = BTreeMap::new();
    for (at, record) in rows.records.iter().filter(|(at, _)| scope.coordinates.contains_key(*at)) {
        let Some(node) = scope.paths.record(at) else { continue };
        for pointer in reads::pointers(record) {
            named.entry((pointer.trace, pointer.span)).or_insert((node, pointer.header, at));
        }
    }
    let mut seeds = Vec::new();
    for span in rows.spans.iter().filter(|span| rows.index.is_live(span.row().0)) {
        let (row, node) = (span.row().0, Node::Span(span.row()));
        let linked = span.links().find_map(|(trace, linked)| {
            if let Some((record, _, at)) = named.get(&(trace, linked)) {
                // A span that is stamped on many records says of none who read it.
                let other = rows.index.coordinate(row).filter(|own| own.topic == at.topic && own != at);
                return other.is_none_or(|own| scope.coordinates.contains_key(own)).then_some(*record);
            }
            let row = rows.index.find_in(rows.spans, trace, linked)?;
            let is_here = scope.spans[row as usize]
                && rows.index.coordinate(row).is_none_or(|at| scope.coordinates.contains_key(at));
            is_here.then_some(Node::Span(SpanRow(row)))
        });
        let asked_trace = || {
            let is_told = matches!(rows.anchor, Identity::Business(_))
                && span.parent().is_none()
                && scope.traces.get(&span.trace()).is_some_and(|(why, _)| why.as_str().starts_with("a log line"));
            if is_told { scope.paths.trace(span.trace()) } else { None }
        };
        let own = rows.index.coordinate(row).filter(|at| scope.coordinates.contains_key(*at));
        if let Some(from) = linked {
            scope.paths.add(node, from, edges.links_to);
        } else if let Some(from) = asked_trace() {
            scope.paths.add(node, from, edges.span_of);
        } else if let Some((from, header, _)) = named.get(&(span.trace(), span.id())) {
            let edge = scope.paths.edge(Relation::NamedBy, Strength::Pointer, header);
            scope.paths.add(node, *from, edge);
        } else if let Some(from) = own.and_then(|at| scope.paths.record(at)) {
            if !scope.paths.is_reached(node) {
                let field = reads::offset_name(span).unwrap_or_default();
                let edge = scope.paths.edge(Relation::Names, Strength::Pointer, field);
                scope.paths.add(node, from, edge);
            }
        } else {
            if scope.spans[row as usize] && !rows.index.is_batch(row) {
                for (trace, linked) in span.links() {
                    if let Some(found) = rows.index.find_in(rows.spans, trace, linked) {
                        scope.paths.add(Node::Span(SpanRow(found)), node, edges.linked_by);
                        seeds.push(found);
                    }
                }
            }
            continue;
        }
        seeds.push(row);
    }
    seeds
}

fn lines(rows: Rows<'_>, scope: &mut Scope, entries: Option<&Entries>) {
    let mut found: Vec<LineRow> = Vec::new();
    let holders: BTreeSet<u32> = entries
        .into_iter()
        .flat_map(|entries| &entries.all)
        .filter_map(|entry| if let Member::Line(row) = entry.member { Some(row) } else { None })
        .collect();
    let in_text = scope.paths.edge(Relation::Names, Strength::Text, "text");
    for line in rows.lines.iter() {
        let node = Node::Line(line.row());
        let pointer = reads::line_pointer(line);
        let by_trace = pointer.as_ref().and_then(|pointer| {
            match pointer.span.and_then(|span| rows.index.find_in(rows.spans, pointer.trace, span)) {
                Some(row) => scope.spans[row as usize].then_some(Node::Span(SpanRow(row))),
                None => scope.paths.trace(pointer.trace),
            }
        });
        let by_coordinate = || reads::line_coordinates(line).find_map(|at| scope.paths.record(&at));
        if let (Some(from), Some(pointer)) = (by_trace, &pointer) {
            let edge = scope.paths.edge(Relation::Names, strength(pointer.spot), &pointer.field);
            scope.paths.add(node, from, edge);
        } else if !scope.paths.is_reached(node)
            && let Some(from) = by_coordinate()
        {
            scope.paths.add(node, from, in_text);
        }
        // An id that was followed has reached its lines already.
        if by_trace.is_some() || holders.contains(&line.row().0) || scope.paths.is_reached(node) {
            found.push(line.row());
        }
    }
    found.sort_by(|a, b| {
        let (a, b) = (rows.lines.line(*a), rows.lines.line(*b));
        (a.at(), a.service(), a.text()).cmp(&(b.at(), b.service(), b.text()))
    });
    scope.lines = found;
}

/// Returns the producers whose records were several of one topic, as those below them tell: a loop that stamps one context on
/// all it sends.
fn stamped(rows: Rows<'_>) -> Vec<u32> {
    let is_shared = |row: &u32| {
        let read = || rows.index.children(*row).iter().filter_map(|child| rows.index.coordinate(*child));
        rows.spans.span(SpanRow(*row)).kind() == SpanKind::Producer
            && read().any(|at| read().next().is_some_and(|first| first.topic == at.topic && first != at))
    };
    rows.index.order.iter().copied().filter(is_shared).collect()
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
