//! Why something is in a story: the edges from it back to what was asked about.
//!
//! Every span, line, record, trace and id that belongs keeps the one edge over which it was reached first, in six bytes;
//! edges that differ only in their ends share one entry. Texts are made when they are shown.

use super::ask::{Exchange, Signal, SourceKind};
use super::case::Case;
use super::id::{Coordinate, TraceId};
use super::identifier::Identifier;
use super::journey::{Fact, Row};
use super::lines::LineRow;
use super::spans::SpanRow;
use super::text::SafeText;
use super::verdict::Tier;
use indexmap::{IndexMap, IndexSet};
use smol_str::SmolStr;

/// Longest path that is walked: more edges than this are a mistake in the columns, never a story.
const LONGEST: usize = 4_096;
/// Stands for "not reached".
const NONE: u32 = u32::MAX;

/// What an edge leads from or to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// What was asked about.
    Anchor,
    /// A span.
    Span(SpanRow),
    /// A log line.
    Line(LineRow),
    /// A record, read or not, by its place in [`Paths::records`].
    Record(u32),
    /// A trace, fetched or not, by its place in [`Paths::traces`].
    Trace(u32),
    /// An id, by its place in [`Paths::ids`].
    Id(u32),
}

/// What one end of an edge is to the other: `to` … `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// It is what was asked about.
    Asked,
    /// It holds the value that was asked about.
    Holds,
    /// A span of the trace.
    SpanOf,
    /// The trace of the span.
    TraceOf,
    /// Above the span in its tree of calls.
    Above,
    /// Below the span in its tree of calls.
    Below,
    /// In the trace of the span.
    SameTrace,
    /// The other end names it.
    NamedBy,
    /// It names the other end.
    Names,
    /// The other end links to it.
    LinkedBy,
    /// It links to the other end.
    LinksTo,
    /// The other end says that this is the original it was copied from.
    OriginalOf,
    /// It says that the other end is the original.
    CopyOf,
}

/// What an edge rests on, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// A pointer, or an equal id in a field.
    Pointer,
    /// A unique id in a text, on token boundaries.
    Text,
    /// A value that is unique only in a scope.
    Scoped,
    /// Timing, order or shape.
    Inferred,
}

/// What edges of one kind have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// What the ends are to each other.
    pub relation: Relation,
    /// What it rests on, alone.
    pub strength: Strength,
    /// Field, header or text that shows it, as it was sent; empty where there is none.
    pub field: SmolStr,
    /// What was reached over another source by another kind of id, and hangs together with this: it lifts the strength.
    pub also: Option<Node>,
}

/// One edge of a path, from the row towards what was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was reached.
    pub to: Node,
    /// What it was reached from.
    pub from: Node,
    /// How.
    pub edge: Edge,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Column {
    from: Vec<u32>,
    edge: Vec<u16>,
}

/// The edge over which each thing was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    spans: Column,
    lines: Column,
    records: IndexMap<Coordinate, (u32, u16)>,
    traces: IndexMap<TraceId, (u32, u16)>,
    ids: IndexMap<Identifier, (u32, u16)>,
    edges: IndexSet<Edge>,
}

impl Node {
    const fn packed(self) -> u32 {
        match self {
            Self::Anchor => 0,
            Self::Span(row) => 1 << 29 | row.0,
            Self::Line(row) => 2 << 29 | row.0,
            Self::Record(at) => 3 << 29 | at,
            Self::Trace(at) => 4 << 29 | at,
            Self::Id(at) => 5 << 29 | at,
        }
    }

    const fn unpacked(packed: u32) -> Self {
        let at = packed & ((1 << 29) - 1);
        match packed >> 29 {
            1 => Self::Span(SpanRow(at)),
            2 => Self::Line(LineRow(at)),
            3 => Self::Record(at),
            4 => Self::Trace(at),
            5 => Self::Id(at),
            _ => Self::Anchor,
        }
    }
}

impl Relation {
    /// Returns the words between the two ends: `to` words `from`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Asked => "was asked for",
            Self::Holds => "holds",
            Self::SpanOf => "is a span of",
            Self::TraceOf => "is the trace of",
            Self::Above => "is above",
            Self::Below => "is below",
            Self::SameTrace => "is in the trace of",
            Self::NamedBy => "is named by",
            Self::Names => "names",
            Self::LinkedBy => "is linked from",
            Self::LinksTo => "links to",
            Self::OriginalOf => "is the original of",
            Self::CopyOf => "is a copy of",
        }
    }

    /// Returns the word for it in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Holds => "holds",
            Self::SpanOf => "span-of",
            Self::TraceOf => "trace-of",
            Self::Above => "above",
            Self::Below => "below",
            Self::SameTrace => "same-trace",
            Self::NamedBy => "named-by",
            Self::Names => "names",
            Self::LinkedBy => "linked-by",
            Self::LinksTo => "links-to",
            Self::OriginalOf => "original-of",
            Self::CopyOf => "copy-of",
        }
    }

    /// Says whether the field that shows it stands at the end it was reached from.
    const fn is_shown_at_from(self) -> bool {
        matches!(self, Self::NamedBy | Self::LinkedBy | Self::OriginalOf | Self::TraceOf)
    }
}

impl Strength {
    /// Returns the code of the field's literature: `E1` to `E4`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pointer => "E1",
            Self::Text => "E2",
            Self::Scoped => "E3",
            Self::Inferred => "E4",
        }
    }

    /// Returns how rows are marked that rest on it.
    pub const fn tier(self) -> Tier {
        match self {
            Self::Pointer | Self::Text => Tier::Exact,
            Self::Scoped => Tier::Scoped,
            Self::Inferred => Tier::Inferred,
        }
    }
}

impl Edge {
    /// Returns what it rests on, lifted by one where a second, independent path leads to the same.
    pub const fn lifted(&self) -> Strength {
        match (self.strength, self.also) {
            (Strength::Scoped, Some(_)) => Strength::Text,
            (Strength::Inferred, Some(_)) => Strength::Scoped,
            (strength, _) => strength,
        }
    }
}

impl Column {
    fn get(&self, row: u32) -> Option<(u32, u16)> {
        let from = *self.from.get(row as usize)?;
        (from != NONE).then(|| (from, self.edge[row as usize]))
    }

    fn set(&mut self, row: u32, hop: (u32, u16)) -> bool {
        let row = row as usize;
        if self.from.len() <= row {
            self.from.resize(row + 1, NONE);
            self.edge.resize(row + 1, 0);
        }
        if self.from[row] != NONE {
            return false;
        }
        (self.from[row], self.edge[row]) = hop;
        true
    }
}

impl Paths {
    /// Makes room for the rows of the stores.
    pub fn reserve(&mut self, spans: usize, lines: usize) {
        for (column, count) in [(&mut self.spans, spans), (&mut self.lines, lines)] {
            column.from = vec![NONE; count];
            column.edge = vec![0; count];
        }
    }

    /// Returns the number of a kind of edge. Beyond 65,536 kinds the field is no longer told apart.
    pub fn edge(&mut self, relation: Relation, strength: Strength, field: &str) -> u16 {
        let edge = Edge { relation, strength, field: field.into(), also: None };
        if let Some(known) = self.edges.get_index_of(&edge) {
            return known as u16;
        }
        let edge = if self.edges.len() < usize::from(u16::MAX) - 64 { edge } else { Edge { field: "".into(), ..edge } };
        self.edges.insert_full(edge).0 as u16
    }

    /// Keeps the edge to something that was not reached yet; says whether it was kept. `from` must have been reached.
    pub fn add(&mut self, to: Node, from: Node, edge: u16) -> bool {
        let hop = (from.packed(), edge);
        match to {
            Node::Span(row) => self.spans.set(row.0, hop),
            Node::Line(row) => self.lines.set(row.0, hop),
            // The anchor was not reached; the others are kept by their names.
            Node::Anchor | Node::Record(_) | Node::Trace(_) | Node::Id(_) => false,
        }
    }

    /// Keeps the edge to a record, and returns its node.
    pub fn add_record(&mut self, at: &Coordinate, from: Node, edge: u16) -> Node {
        if let Some(place) = self.records.get_index_of(at) {
            return Node::Record(place as u32);
        }
        Node::Record(self.records.insert_full(at.clone(), (from.packed(), edge)).0 as u32)
    }

    /// Keeps the edge to a trace, and returns its node.
    pub fn add_trace(&mut self, trace: TraceId, from: Node, edge: u16) -> Node {
        let entry = self.traces.entry(trace);
        let place = entry.index() as u32;
        entry.or_insert((from.packed(), edge));
        Node::Trace(place)
    }

    /// Keeps the edge to an id, and returns its node.
    pub fn add_id(&mut self, id: &Identifier, from: Node, edge: u16) -> Node {
        let entry = self.ids.entry(id.clone());
        let place = entry.index() as u32;
        entry.or_insert((from.packed(), edge));
        Node::Id(place)
    }

    /// Returns the node of a record that was reached.
    pub fn record(&self, at: &Coordinate) -> Option<Node> {
        self.records.get_index_of(at).map(|place| Node::Record(place as u32))
    }

    /// Returns the node of a trace that was reached.
    pub fn trace(&self, trace: TraceId) -> Option<Node> {
        self.traces.get_index_of(&trace).map(|place| Node::Trace(place as u32))
    }

    /// Returns the records that were reached, in the order of their places.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &Coordinate> {
        self.records.keys()
    }

    /// Returns the traces that were reached, in the order of their places.
    pub fn traces(&self) -> impl ExactSizeIterator<Item = TraceId> + '_ {
        self.traces.keys().copied()
    }

    /// Returns the ids that were followed, in the order of their places.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &Identifier> {
        self.ids.keys()
    }

    /// Says whether a node was reached.
    pub fn is_reached(&self, node: Node) -> bool {
        node == Node::Anchor || self.hop(node).is_some()
    }

    /// Returns the last edge to a node: what it was reached from, and how.
    pub fn last(&self, node: Node) -> Option<(Node, &Edge)> {
        let (from, edge) = self.hop(node)?;
        Some((Node::unpacked(from), self.edges.get_index(usize::from(edge))?))
    }

    /// Says that the edges over which these were reached from the anchor are lifted by a second, independent path.
    pub fn lift(&mut self, pairs: impl Iterator<Item = (Node, Node)>) {
        for (node, also) in pairs {
            let Some((Node::Anchor, edge)) = self.last(node) else { continue };
            if edge.also.is_some() || self.edges.len() >= usize::from(u16::MAX) {
                continue;
            }
            let lifted = Edge { also: Some(also), ..edge.clone() };
            let edge = self.edges.insert_full(lifted).0 as u16;
            match node {
                Node::Anchor => {}
                Node::Span(row) => self.spans.edge[row.0 as usize] = edge,
                Node::Line(row) => self.lines.edge[row.0 as usize] = edge,
                Node::Record(at) => self.records[at as usize].1 = edge,
                Node::Trace(at) => self.traces[at as usize].1 = edge,
                Node::Id(at) => self.ids[at as usize].1 = edge,
            }
        }
    }

    /// Says whether no edge is weaker than a unique id in a text: then every path is exact.
    pub fn are_exact(&self) -> bool {
        self.edges.iter().all(|edge| edge.lifted() <= Strength::Text)
    }

    /// Returns the edges from a node back to what was asked about; empty when it was not reached.
    pub fn path(&self, node: Node) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut to = node;
        while let Some((from, edge)) = self.last(to).filter(|_| steps.len() < LONGEST) {
            steps.push(Step { to, from, edge: edge.clone() });
            to = from;
        }
        steps
    }

    /// Returns what a path rests on: its weakest edge. `None` when the node was not reached.
    pub fn strength(&self, node: Node) -> Option<Strength> {
        let (mut weakest, mut to, mut count) = (None, node, 0);
        while let Some((from, edge)) = self.last(to).filter(|_| count < LONGEST) {
            weakest = weakest.max(Some(edge.lifted()));
            (to, count) = (from, count + 1);
        }
        weakest
    }

    /// Returns how many bytes the columns take.
    pub fn bytes(&self) -> usize {
        [&self.spans, &self.lines].map(|column| column.from.len() * 4 + column.edge.len() * 2).iter().sum()
    }

    fn hop(&self, node: Node) -> Option<(u32, u16)> {
        match node {
            Node::Anchor => None,
            Node::Span(row) => self.spans.get(row.0),
            Node::Line(row) => self.lines.get(row.0),
            Node::Record(at) => self.records.get_index(at as usize).map(|(_, hop)| *hop),
            Node::Trace(at) => self.traces.get_index(at as usize).map(|(_, hop)| *hop),
            Node::Id(at) => self.ids.get_index(at as usize).map(|(_, hop)| *hop),
        }
    }
}

impl Case {
    /// Returns the node of what a row of the story shows; `None` where a row shows nothing but a time between two others.
    pub fn node_of(&self, row: &Row<'_>) -> Option<Node> {
        match row.fact {
            Some(Fact::Span(at)) => Some(Node::Span(at)),
            Some(Fact::Line(at)) => Some(Node::Line(at)),
            Some(Fact::Record(at)) => self.paths.record(&self.records.get(at as usize)?.coordinate),
            Some(Fact::Queue) | None => {
                let follow = row.follow()?;
                let record = Coordinate::parse(follow.as_str()).and_then(|at| self.paths.record(&at));
                record.or_else(|| self.paths.trace(TraceId::parse(follow.as_str())?))
            }
        }
    }

    /// Returns a name for a node that a person can search for.
    pub fn name_of(&self, node: Node) -> SafeText {
        let text = match node {
            Node::Anchor => self.anchor.identity.to_string(),
            Node::Span(row) => {
                let span = self.spans.span(row);
                format!("span {} `{}` of {}", span.id(), span.name(), span.service())
            }
            Node::Line(row) => {
                let line = self.lines.line(row);
                let head: String = line.text().chars().take(48).collect();
                format!("line of {} `{head}`", line.service().unwrap_or("an unnamed stream"))
            }
            Node::Record(at) => {
                self.paths.records().nth(at as usize).map_or_else(String::new, |at| format!("record {at}"))
            }
            Node::Trace(at) => {
                self.paths.traces().nth(at as usize).map_or_else(String::new, |id| format!("trace {id}"))
            }
            Node::Id(at) => {
                self.paths.ids().nth(at as usize).map_or_else(String::new, |id| format!("{} {id}", id.word()))
            }
        };
        SafeText::new(&text)
    }

    /// Returns the signal and the request that showed an edge; no request where the row came without one or was told by
    /// another row only.
    pub fn shown_by(&self, step: &Step) -> (Option<SourceKind>, Option<&Exchange>) {
        let node = if step.edge.relation.is_shown_at_from() { step.from } else { step.to };
        let exchange = match node {
            Node::Span(row) => Some(self.spans.span(row).exchange()),
            Node::Line(row) => Some(self.lines.line(row).exchange()),
            Node::Record(at) => {
                let at = self.paths.records.get_index(at as usize).map(|(at, _)| at);
                let place = at.and_then(|at| self.records.binary_search_by(|known| known.coordinate.cmp(at)).ok());
                place.map(|place| self.records[place].exchange)
            }
            Node::Anchor | Node::Trace(_) | Node::Id(_) => None,
        };
        let signal = match node {
            Node::Span(_) => Some(Signal::Traces),
            Node::Line(_) => Some(Signal::Logs),
            Node::Record(_) => Some(Signal::Queues),
            Node::Anchor | Node::Trace(_) | Node::Id(_) => None,
        };
        let exchange = exchange
            .and_then(|number| self.exchanges.get(number as usize))
            .filter(|exchange| Some(exchange.source.signal()) == signal);
        let usual = || signal.and_then(|signal| self.coverage_for(signal)).map(|coverage| coverage.source);
        (exchange.map(|exchange| exchange.source).or_else(usual), exchange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_walked_back_to_the_anchor_and_is_as_strong_as_its_weakest_edge() {
        let mut paths = Paths::default();
        paths.reserve(3, 1);
        let holds = paths.edge(Relation::Holds, Strength::Scoped, "order_id");
        let below = paths.edge(Relation::Below, Strength::Pointer, "parent");
        assert!(paths.add(Node::Span(SpanRow(1)), Node::Anchor, holds));
        assert!(paths.add(Node::Span(SpanRow(2)), Node::Span(SpanRow(1)), below));
        assert!(!paths.add(Node::Span(SpanRow(2)), Node::Anchor, holds), "the first way is kept");
        let at = Coordinate::parse("orders-1@5").expect("a coordinate");
        let record = paths.add_record(&at, Node::Span(SpanRow(2)), below);
        let ends: Vec<Node> = paths.path(record).iter().map(|step| step.from).collect();
        assert_eq!(ends, [Node::Span(SpanRow(2)), Node::Span(SpanRow(1)), Node::Anchor]);
        assert_eq!(paths.strength(record), Some(Strength::Scoped));
        assert_eq!((paths.strength(Node::Span(SpanRow(0))), paths.is_reached(Node::Span(SpanRow(0)))), (None, false));
        paths.lift([(Node::Span(SpanRow(1)), record), (Node::Span(SpanRow(2)), record)].into_iter());
        assert_eq!(paths.strength(record), Some(Strength::Text));
        assert_eq!(paths.bytes(), 3 * 6 + 6);
    }

    #[test]
    fn nodes_come_back_from_four_bytes() {
        let all = [
            Node::Anchor,
            Node::Span(SpanRow(7)),
            Node::Line(LineRow(0)),
            Node::Record(9),
            Node::Trace(1),
            Node::Id(3),
        ];
        for node in all {
            assert_eq!(Node::unpacked(node.packed()), node);
        }
    }
}
