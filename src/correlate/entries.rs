//! Where a business id stands: the rows that hold it, how much it names, and which of them a second id joins.
//!
//! An id that an application made up says little by itself: a customer's number stands in thousands of rows. So what it
//! names is counted before anything is followed. Few hits are followed; many only where another source leads to the same
//! thing by another kind of id; too many not at all.

use super::index::Index;
use super::reads::{self, LinePointer};
use super::scope::{Fan, Rows};
use crate::model::identifier::Named;
use crate::model::lines::LineRow;
use crate::model::why::{Node, Paths, Relation, Strength};
use crate::model::{
    Coordinate, Identifier, LedgerEntry, NamedKind, NotFollowed, Record, SafeText, Signal, SpanRow, TraceId,
};
use indexmap::IndexMap;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Hits that are listed one by one in the ledger.
const LISTED: usize = 50;

/// What hangs together over exact edges: a trace, a record, a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Member {
    Trace(TraceId),
    Record(Coordinate),
    Line(u32),
}

/// A row that holds the id.
pub(super) struct Entry {
    pub member: Member,
    /// The span, where it is one.
    pub span: Option<u32>,
    pub field: SmolStr,
    pub strength: Strength,
    signal: Signal,
    kind: NamedKind,
    /// What a line names.
    pub pointer: Option<LinePointer>,
    pub coordinates: Vec<Coordinate>,
    /// The field names a customer, a user, a tenant or a host, and others name something else by the same value.
    wide: Option<SmolStr>,
    /// What kind of thing the name beside the value says it is, with its entity type.
    entity: Option<(NamedKind, SmolStr)>,
}

/// All rows that hold the id.
pub(super) struct Entries {
    pub all: Vec<Entry>,
    pub mode: Mode,
    /// Fields of several types hold the value: an order's and a payment's number.
    ambiguous: bool,
    places: IndexMap<Member, u32>,
    /// Per component: two entries that lead to it independently.
    pairs: BTreeMap<u32, (usize, usize)>,
}

/// What becomes of the hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// All are followed.
    Few,
    /// Those that a second id joins are followed.
    Many,
    /// None is followed.
    TooMany,
}

/// Things that hang together.
#[derive(Default)]
struct Union(Vec<u32>);

impl Union {
    fn root(&mut self, mut at: u32) -> u32 {
        while self.0[at as usize] != at {
            self.0[at as usize] = self.0[self.0[at as usize] as usize];
            at = self.0[at as usize];
        }
        at
    }

    /// The smaller number wins, so that the order of joining changes nothing.
    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

/// Finds the rows that hold the id, and judges them.
pub(super) fn find(rows: Rows<'_>, id: &str, is_hub: &dyn Fn(u32) -> bool, in_batch: &[bool]) -> Entries {
    let unique = Named::new(NamedKind::Business, "", id).is_some_and(|named| named.is_unique());
    let rests_on = |exact: Strength| if unique { exact } else { Strength::Scoped };
    let mut all = Vec::new();
    for (at, record) in rows.records {
        let Some(field) = reads::record_field(record, id) else { continue };
        let is_text = field == reads::VALUE;
        let kind = if field == reads::KEY { NamedKind::RecordKey } else { NamedKind::Business };
        all.push(Entry {
            member: Member::Record(at.clone()),
            span: None,
            strength: rests_on(if is_text { Strength::Text } else { Strength::Pointer }),
            field,
            signal: Signal::Queues,
            kind,
            pointer: None,
            coordinates: Vec::new(),
            wide: None,
            entity: None,
        });
    }
    for span in rows.spans.iter() {
        let Some(field) = reads::span_field(span, id) else { continue };
        let kind = if reads::is_record_key(field) { NamedKind::RecordKey } else { NamedKind::Business };
        all.push(Entry {
            member: Member::Trace(span.trace()),
            span: Some(span.row().0),
            field: field.into(),
            strength: rests_on(Strength::Pointer),
            signal: Signal::Traces,
            kind,
            pointer: None,
            coordinates: Vec::new(),
            wide: None,
            entity: None,
        });
    }
    for line in rows.lines.iter() {
        let Some(field) = reads::line_field(line, id) else { continue };
        all.push(Entry {
            member: Member::Line(line.row().0),
            span: None,
            strength: rests_on(if field.is_empty() { Strength::Text } else { Strength::Pointer }),
            field: if field.is_empty() { SmolStr::new_static("text") } else { field.into() },
            signal: Signal::Logs,
            kind: NamedKind::Business,
            pointer: reads::line_pointer(line),
            coordinates: reads::line_coordinates(line).collect(),
            wide: None,
            entity: None,
        });
    }
    let ambiguous = !unique && tell_kinds(rows, id, &mut all);
    let mode = match fan(rows, &all).into_iter().max().unwrap_or_default() {
        hits if hits > rows.fan.hub as usize => Mode::TooMany,
        hits if hits > rows.fan.few as usize || ambiguous => Mode::Many,
        _ => Mode::Few,
    };
    let mut entries = Entries { all, mode, ambiguous, places: IndexMap::new(), pairs: BTreeMap::new() };
    // Where everything is followed and nothing could be lifted, what hangs together says nothing new.
    if entries.mode != Mode::Few || !unique {
        entries.pair(rows, is_hub, in_batch);
    }
    entries
}

/// Tells apart what a value that is not unique names by the names of its fields: an order, and beside it a user with the same
/// number. Returns whether it names things of several types, so that equal values join nothing by themselves.
fn tell_kinds(rows: Rows<'_>, id: &str, all: &mut [Entry]) -> bool {
    for entry in all.iter_mut() {
        let of_field = || reads::entity(&entry.field).map(|(kind, within)| (kind, SmolStr::new_static(within)));
        entry.entity = match entry.member {
            // The name stands in the text.
            Member::Line(row) if entry.field == "text" => in_text(rows, LineRow(row), id),
            _ => of_field(),
        };
    }
    // An aggregate may be anything.
    let is_narrow = |(kind, within): &&(NamedKind, SmolStr)| *kind != NamedKind::Context && within != "aggregate";
    let narrow: BTreeSet<(NamedKind, SmolStr)> =
        all.iter().filter_map(|entry| entry.entity.as_ref()).filter(is_narrow).cloned().collect();
    if narrow.is_empty() {
        return false;
    }
    for entry in all.iter_mut() {
        let context = entry.entity.as_ref().filter(|(kind, _)| *kind == NamedKind::Context);
        entry.wide = context.map(|(_, within)| within.clone());
    }
    narrow.len() > 1
}

fn in_text(rows: Rows<'_>, row: LineRow, id: &str) -> Option<(NamedKind, SmolStr)> {
    reads::of_line(rows.lines.line(row)).into_iter().find_map(|found| match found.id {
        Identifier::Named(named) if named.value() == id => Some((named.kind(), named.within().into())),
        _ => None,
    })
}

/// Counts what the id names, per signal.
fn fan(rows: Rows<'_>, all: &[Entry]) -> [usize; 3] {
    let (mut traces, mut named, mut records) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for entry in all.iter().filter(|entry| entry.wide.is_none()) {
        match &entry.member {
            Member::Trace(trace) => drop(traces.insert(*trace)),
            // Copies of one message are one hit.
            Member::Record(at) => drop(records.insert(original(rows.records, at))),
            Member::Line(_) => {
                named.extend(entry.pointer.as_ref().map(|pointer| Member::Trace(pointer.trace)));
                named
                    .extend(entry.coordinates.iter().map(|at| Member::Record(original(rows.records, at).into_owned())));
            }
        }
    }
    let (of_traces, of_records) = named.iter().partition::<Vec<_>, _>(|member| matches!(member, Member::Trace(_)));
    [traces.len(), of_traces.len().max(of_records.len()), records.len()]
}

fn original<'a>(records: &'a BTreeMap<Coordinate, Record>, at: &'a Coordinate) -> std::borrow::Cow<'a, Coordinate> {
    let (mut at, mut seen) = (std::borrow::Cow::Borrowed(at), BTreeSet::new());
    while let Some(origin) = records.get(&*at).and_then(|record| reads::trail(record).origin) {
        if !seen.insert(origin.clone()) {
            return std::borrow::Cow::Owned(seen.into_iter().next().expect("a circle has members"));
        }
        at = std::borrow::Cow::Owned(origin);
    }
    at
}

impl Entries {
    /// Joins what hangs together, and finds what two independent entries lead to.
    fn pair(&mut self, rows: Rows<'_>, is_hub: &dyn Fn(u32) -> bool, in_batch: &[bool]) {
        let mut union = Union::default();
        let mut place = |union: &mut Union, member: Member| {
            let next = union.0.len() as u32;
            *self.places.entry(member).or_insert_with(|| {
                union.0.push(next);
                next
            })
        };
        let index: &Index = rows.index;
        for span in rows.spans.iter().filter(|span| index.is_live(span.row().0)) {
            let row = span.row().0;
            // What handles the records of many joins none of them.
            if is_hub(span.trace_number()) || in_batch[row as usize] {
                continue;
            }
            let others = index.coordinate(row).cloned().map(Member::Record);
            let others = others.into_iter().chain(span.links().map(|(trace, _)| Member::Trace(trace)));
            for other in others {
                let (a, b) = (place(&mut union, Member::Trace(span.trace())), place(&mut union, other));
                union.join(a, b);
            }
        }
        let hub_of = |trace: TraceId| rows.spans.trace_number(trace).is_some_and(is_hub);
        for (at, record) in rows.records {
            let traces = reads::pointers(record).into_iter().map(|pointer| pointer.trace);
            let traces = traces.filter(|trace| !hub_of(*trace)).map(Member::Trace);
            for other in traces.chain(reads::trail(record).origin.map(Member::Record)) {
                let (a, b) = (place(&mut union, Member::Record(at.clone())), place(&mut union, other));
                union.join(a, b);
            }
        }
        for entry in &self.all {
            let own = place(&mut union, entry.member.clone());
            let trace = entry.pointer.as_ref().map(|pointer| pointer.trace).filter(|trace| !hub_of(*trace));
            for other in
                trace.map(Member::Trace).into_iter().chain(entry.coordinates.iter().cloned().map(Member::Record))
            {
                let other = place(&mut union, other);
                union.join(own, other);
            }
        }
        // The first entry of each source and kind of id, per component.
        let mut first: BTreeMap<u32, BTreeMap<(u8, NamedKind), usize>> = BTreeMap::new();
        for (at, entry) in self.all.iter().enumerate() {
            let root = union.root(self.places[&entry.member]);
            first.entry(root).or_default().entry((entry.signal as u8, entry.kind)).or_insert(at);
        }
        for (root, found) in first {
            let pair = found.iter().find_map(|((signal, kind), a)| {
                let other = found.iter().find(|((other, its), _)| other != signal && its != kind);
                other.map(|(_, b)| (*a, *b))
            });
            if let Some(pair) = pair {
                self.pairs.insert(root, pair);
            }
        }
        for at in self.places.values_mut() {
            *at = union.root(*at);
        }
    }

    fn pair_of(&self, member: &Member) -> Option<(usize, usize)> {
        self.pairs.get(self.places.get(member)?).copied()
    }

    /// Says whether what an entry names is followed.
    pub fn is_followed(&self, entry: &Entry) -> bool {
        match self.mode {
            _ if entry.wide.is_some() => false,
            Mode::Few => true,
            Mode::Many => self.pair_of(&entry.member).is_some(),
            Mode::TooMany => false,
        }
    }

    /// Lifts the edges of entries that two independent ids lead to.
    pub fn lift(&self, paths: &mut Paths) {
        let node = |entry: &Entry, paths: &Paths| match (&entry.member, entry.span) {
            (_, Some(row)) => Some(Node::Span(SpanRow(row))),
            (Member::Record(at), None) => paths.record(at),
            (Member::Line(row), None) => Some(Node::Line(LineRow(*row))),
            (Member::Trace(_), None) => None,
        };
        let pairs: Vec<(Node, Node)> = self
            .all
            .iter()
            .filter(|entry| entry.strength > Strength::Text)
            .filter_map(|entry| {
                let (a, b) = self.pair_of(&entry.member)?;
                let is_other = |at: &usize| {
                    let other = &self.all[*at];
                    other.signal != entry.signal && other.kind != entry.kind
                };
                let other = [a, b].into_iter().find(is_other)?;
                Some((node(entry, paths)?, node(&self.all[other], paths)?))
            })
            .filter(|(_, also)| paths.is_reached(*also))
            .collect();
        paths.lift(pairs.into_iter());
    }

    /// Lists what was found and is not followed.
    pub fn ledger(&self, rows: Rows<'_>, id: &str) -> Vec<LedgerEntry> {
        let mut wide: BTreeMap<&str, usize> = BTreeMap::new();
        for within in self.all.iter().filter_map(|entry| entry.wide.as_deref()) {
            *wide.entry(within).or_default() += 1;
        }
        let wide = wide.into_iter().map(|(within, count)| LedgerEntry {
            id: SafeText::new(&format!("{within} {id}")),
            reason: NotFollowed::WiderScope,
            detail: SafeText::new(&format!(
                "{} with it as a {within}: the same value, and another thing",
                super::journey::plural(count, "row")
            )),
        });
        if self.mode == Mode::Few {
            return wide.collect();
        }
        let Fan { hub, few } = rows.fan;
        let [traces, named, records] = fan(rows, &self.all);
        let counts = format!("{traces} traces hold it, log lines with it name {named}, {records} records hold it");
        let rule = match self.mode {
            Mode::TooMany => format!(
                "more than {hub} of one kind are no single story, so none is followed; follow one of them, or narrow the time"
            ),
            Mode::Few | Mode::Many if self.ambiguous => "things of several types carry this value, so only those are \
                                                          followed that another source joins by another kind of id"
                .to_owned(),
            Mode::Few | Mode::Many => {
                format!("beyond {few} only those are followed that another source joins by another kind of id")
            }
        };
        let whole = LedgerEntry {
            id: SafeText::new(id),
            reason: NotFollowed::Hub,
            detail: SafeText::new(&format!("{counts}: {rule}")),
        };
        let mut left: BTreeSet<SafeText> = BTreeSet::new();
        for entry in self.all.iter().filter(|entry| entry.wide.is_none() && !self.is_followed(entry)) {
            match &entry.member {
                Member::Trace(trace) => drop(left.insert(SafeText::new(&trace.to_string()))),
                Member::Record(at) => drop(left.insert(SafeText::new(&at.to_string()))),
                Member::Line(_) => {
                    left.extend(entry.pointer.iter().map(|pointer| SafeText::new(&pointer.trace.to_string())));
                    left.extend(entry.coordinates.iter().map(|at| SafeText::new(&at.to_string())));
                }
            }
        }
        let more = left.len().saturating_sub(LISTED);
        let detail = SafeText::new(&format!("it holds {id}, and nothing else joins it; follow it by itself"));
        let listed = left.into_iter().take(LISTED);
        let listed = listed.map(|id| LedgerEntry { id, reason: NotFollowed::Hub, detail: detail.clone() });
        let rest = (more > 0).then(|| LedgerEntry {
            id: SafeText::new(&format!("{more} more")),
            reason: NotFollowed::Hub,
            detail: detail.clone(),
        });
        std::iter::once(whole).chain(listed).chain(rest).chain(wide).collect()
    }
}

/// Returns the edge over which an entry is reached.
pub(super) fn edge(paths: &mut Paths, entry: &Entry) -> u16 {
    paths.edge(Relation::Holds, entry.strength, &entry.field)
}
