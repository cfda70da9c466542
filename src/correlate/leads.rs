//! Where log lines lead: from a record, or from an id of its message, to the trace in which it was handled.
//!
//! Stores of traces cannot be searched by links, so that from a record often nothing but a log line leads to the batch that
//! it was handed over in. A line that names one record of its topic, beside its own trace, is such a way. A line that names
//! many records is a summary, and a span whose lines name many is a batch: both only say where to look, and what is found
//! there has to name the record itself. The same holds for ids that are wider than what was asked about.

use super::labels;
use super::reads::{self, LinePointer};
use super::scope::{Rows, Scope};
use crate::model::lines::LineRow;
use crate::model::why::{Node, Relation, Strength};
use crate::model::{Coordinate, Identifier, NotFollowed, SafeText, SpanId, SpanRow, TraceId};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Records that a line may name and still speak of each of them: where it came from, where it went.
const FEW_RECORDS: usize = 4;
/// Ids of one shape that a line may hold and still speak of each of them.
const FEW_IDS: usize = 4;

/// A line that says to which trace it belongs, and the records it names.
struct Said {
    line: LineRow,
    pointer: LinePointer,
    coordinates: Vec<Coordinate>,
}

/// Whose lines they are: a span, or a trace where the line does not tell the span.
type Place = (TraceId, Option<SpanId>);

/// The lines that can lead somewhere, in order of time.
pub(super) struct Leads {
    said: Vec<Said>,
    /// The most records of one topic that lines of one place name.
    handled: BTreeMap<Place, usize>,
}

/// What the traces look like that lines may lead to.
pub(super) struct Shapes<'a> {
    /// Roots of a trace that is one story; none for hubs and batches.
    pub roots: &'a dyn Fn(TraceId) -> Vec<u32>,
}

impl Leads {
    /// Reads the lines, once for all steps.
    pub fn new(rows: Rows<'_>) -> Self {
        let mut said: Vec<Said> = Vec::new();
        for line in rows.lines.iter() {
            let coordinates: Vec<Coordinate> = reads::line_coordinates(line).collect();
            if !coordinates.is_empty()
                && !reads::tells_position(line.text())
                && let Some(pointer) = reads::line_pointer(line)
            {
                said.push(Said { line: line.row(), pointer, coordinates });
            }
        }
        let key = |said: &Said| {
            let line = rows.lines.line(said.line);
            (line.at(), line.service().map(SmolStr::from), SmolStr::from(line.text()))
        };
        said.sort_by_cached_key(key);
        let mut named: BTreeMap<(Place, &str), BTreeSet<&Coordinate>> = BTreeMap::new();
        for said in &said {
            for at in &said.coordinates {
                named.entry((said.place(), &at.topic)).or_default().insert(at);
            }
        }
        let mut handled: BTreeMap<Place, usize> = BTreeMap::new();
        for ((place, _), records) in named {
            let most = handled.entry(place).or_default();
            *most = (*most).max(records.len());
        }
        Self { said, handled }
    }

    /// Returns the spans whose lines name several records of one topic: what hangs below them is anybody's. A span that
    /// names its record itself is about that one, whatever its lines say.
    pub fn shared(&self, rows: Rows<'_>) -> BTreeSet<u32> {
        let many = self.handled.iter().filter(|(_, records)| **records > 1);
        many.filter_map(|((trace, span), _)| rows.index.find_in(rows.spans, *trace, (*span)?))
            .filter(|row| rows.index.coordinate(*row).is_none())
            .collect()
    }

    /// Follows lines that name a record of the scope, and returns the spans they lead to.
    pub fn of_records(&self, rows: Rows<'_>, scope: &mut Scope, shapes: &Shapes<'_>) -> Vec<u32> {
        let mut named: BTreeMap<&Coordinate, BTreeMap<TraceId, Vec<&Said>>> = BTreeMap::new();
        for said in &self.said {
            for at in said.coordinates.iter().filter(|at| scope.coordinates.contains_key(*at)) {
                named.entry(at).or_default().entry(said.pointer.trace).or_default().push(said);
            }
        }
        let mut seeds = Vec::new();
        let in_text = scope.paths.edge(Relation::Names, Strength::Text, "text");
        for (at, traces) in named {
            let Some(record) = scope.paths.record(at) else { continue };
            let count = traces.len();
            if count > rows.fan.hub as usize {
                let detail = format!("log lines name it in {count} traces, and none of them is followed");
                scope.tell(&at.to_string(), NotFollowed::Hub, &detail);
                continue;
            }
            for (trace, all) in traces {
                let why = || SafeText::new(&format!("a log line that names {at} belongs to it"));
                let leads =
                    |said: &&Said| said.is_about(at) && self.is_one_story(said, rows) && !is_of_another(rows, said, at);
                let leading: Vec<&Said> = all.into_iter().filter(leads).collect();
                if leading.is_empty() || count > rows.fan.few as usize {
                    if !scope.traces.contains_key(&trace) {
                        scope.probes.entry(trace).or_insert_with(why);
                    }
                    continue;
                }
                for said in leading {
                    if let Some(row) = consumer(rows, said, at) {
                        scope.handled.entry(row).or_default().insert(at.clone());
                    }
                    if is_here(rows, scope, &said.pointer) {
                        continue;
                    }
                    let line = Node::Line(said.line);
                    scope.paths.add(line, record, in_text);
                    scope.traces.entry(trace).or_insert_with(|| (why(), true));
                    seeds.extend(lead(rows, scope, shapes, line, &said.pointer));
                }
            }
        }
        seeds
    }

    fn is_one_story(&self, said: &Said, rows: Rows<'_>) -> bool {
        self.handled.get(&said.place()).is_none_or(|records| *records <= rows.fan.few as usize)
    }
}

impl Said {
    fn place(&self) -> Place {
        (self.pointer.trace, self.pointer.span)
    }

    /// Says whether the line speaks of this record, and not of many.
    fn is_about(&self, at: &Coordinate) -> bool {
        let others = self.coordinates.iter().filter(|other| other.topic == at.topic && *other != at);
        self.coordinates.len() <= FEW_RECORDS && others.count() == 0
    }
}

/// Follows ids that are unique by themselves from the rows that hold them to log lines, and from there to what those name;
/// notes wider ones for looking around.
pub(super) fn of_ids(rows: Rows<'_>, scope: &mut Scope, shapes: &Shapes<'_>) -> Vec<u32> {
    let width = labels::width(rows.anchor);
    let (mut seeds, told) = (Vec::new(), labels::told(rows, scope));
    scope.ids.clear();
    scope.finders = labels::finders(&told, width);
    for told in told.into_iter().filter(|told| labels::is_searched(&told.id)) {
        let edge = scope.paths.edge(Relation::NamedBy, Strength::Pointer, &told.field);
        let node = scope.paths.add_id(&told.id, told.at, edge);
        let lines = holding(rows, &told.id);
        let is_wider = told.id.scope() > width;
        scope.ids.push(told.id);
        let mut found: BTreeMap<TraceId, Vec<(Node, LinePointer)>> = BTreeMap::new();
        for (at, field, pointer) in lines {
            let (strength, field) =
                if field.is_empty() { (Strength::Text, "text") } else { (Strength::Pointer, field) };
            let holds = scope.paths.edge(Relation::Holds, strength, field);
            scope.paths.add(Node::Line(at), node, holds);
            if let Some(pointer) = pointer {
                found.entry(pointer.trace).or_default().push((Node::Line(at), pointer));
            }
        }
        let further = found.keys().filter(|trace| !scope.traces.contains_key(*trace)).count();
        let id = scope.ids.last().map_or_else(String::new, Identifier::to_string);
        if further > rows.fan.few as usize {
            let detail = format!("log lines with it name {further} further traces, and none of them is followed");
            scope.tell(&id, NotFollowed::Hub, &detail);
            continue;
        }
        if is_wider {
            // What caused the message is told; what else it caused is another story.
            if further > 0 {
                let detail = format!(
                    "its lines are told, the {further} further traces they name are not; to widen: hopscope follow {id}"
                );
                scope.tell(&id, NotFollowed::WiderScope, &detail);
            }
            for trace in found.into_keys().filter(|trace| !scope.traces.contains_key(trace)) {
                let why = || SafeText::new(&format!("a log line with {id} belongs to it, and it may name the record"));
                scope.candidates.entry(trace).or_insert_with(why);
            }
            continue;
        }
        for (trace, all) in found {
            let is_known = scope.traces.contains_key(&trace);
            let leading: Vec<&(Node, LinePointer)> =
                all.iter().filter(|(line, _)| is_about(rows, *line, &id)).collect();
            if leading.is_empty() && !is_known {
                let why = || SafeText::new(&format!("a log line with many ids, {id} among them, belongs to it"));
                scope.probes.entry(trace).or_insert_with(why);
                continue;
            }
            for (line, pointer) in leading {
                if !is_known {
                    let why = SafeText::own("a log line with an id of the message names it");
                    scope.traces.entry(trace).or_insert((why, true));
                    seeds.extend(lead(rows, scope, shapes, *line, pointer));
                }
            }
        }
    }
    seeds
}

/// Returns the lines that hold an id, with the field and the trace they name.
fn holding<'a>(rows: Rows<'a>, id: &Identifier) -> Vec<(LineRow, &'a str, Option<LinePointer>)> {
    let spellings = id.spellings();
    let holds = |line| spellings.iter().find_map(|id| reads::line_field(line, id));
    rows.lines.iter().filter_map(|line| Some((line.row(), holds(line)?, reads::line_pointer(line)))).collect()
}

/// Says whether a line speaks of this id, and not of many of its kind.
fn is_about(rows: Rows<'_>, line: Node, id: &str) -> bool {
    let Node::Line(row) = line else { return false };
    reads::alike(rows.lines.line(row).text(), id) <= FEW_IDS
}

/// Notes where wider ids may lead: to traces that have to name a record of the scope themselves.
pub(super) fn look_around(rows: Rows<'_>, scope: &mut Scope) {
    for id in std::mem::take(&mut scope.finders) {
        let traces: BTreeSet<TraceId> = holding(rows, &id)
            .into_iter()
            .filter_map(|(_, _, pointer)| Some(pointer?.trace))
            .filter(|trace| !scope.traces.contains_key(trace))
            .collect();
        if traces.len() <= rows.fan.few as usize {
            let why = SafeText::new(&format!("a log line with {id} belongs to it, and it may name the record"));
            for trace in traces {
                scope.candidates.entry(trace).or_insert_with(|| why.clone());
            }
        }
        scope.finders.push(id);
    }
}

/// Goes from a line to its span, or to the roots of its trace where that is one story.
fn lead(rows: Rows<'_>, scope: &mut Scope, shapes: &Shapes<'_>, line: Node, pointer: &LinePointer) -> Vec<u32> {
    let edge = scope.paths.edge(Relation::NamedBy, super::scope::strength(pointer.spot), &pointer.field);
    scope.paths.add_trace(pointer.trace, line, edge);
    let own = pointer.span.and_then(|span| rows.index.find_in(rows.spans, pointer.trace, span));
    let found = own.map_or_else(|| (shapes.roots)(pointer.trace), |row| vec![row]);
    for row in &found {
        scope.paths.add(Node::Span(SpanRow(*row)), line, edge);
    }
    found
}

/// Says whether a line was written while another record of the topic was handled: then it only mentions this one.
fn is_of_another(rows: Rows<'_>, said: &Said, at: &Coordinate) -> bool {
    let own = said.pointer.span.and_then(|span| rows.index.find_in(rows.spans, said.pointer.trace, span));
    let mut around = own.into_iter().flat_map(|own| std::iter::once(own).chain(rows.index.ancestors(own)));
    around.find_map(|row| rows.index.coordinate(row)).is_some_and(|other| other.topic == at.topic && other != at)
}

/// Returns the span of a consumer of the topic that a line was written in, where the span names no record.
fn consumer(rows: Rows<'_>, said: &Said, at: &Coordinate) -> Option<u32> {
    let own = rows.index.find_in(rows.spans, said.pointer.trace, said.pointer.span?)?;
    let mut around = std::iter::once(own).chain(rows.index.ancestors(own));
    let handles = |row: &u32| reads::handling(rows.spans.span(SpanRow(*row))).is_some();
    let row = around.find(handles)?;
    let topic = reads::topic(rows.spans.span(SpanRow(row)));
    (rows.index.coordinate(row).is_none() && topic.is_some_and(|topic| topic == at.topic)).then_some(row)
}

/// Says whether what a line leads to belongs already.
fn is_here(rows: Rows<'_>, scope: &Scope, pointer: &LinePointer) -> bool {
    let span = pointer.span.and_then(|span| rows.index.find_in(rows.spans, pointer.trace, span));
    span.map_or_else(|| scope.traces.contains_key(&pointer.trace), |row| scope.spans[row as usize])
}
