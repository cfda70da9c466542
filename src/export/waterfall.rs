//! Spans as trees along the axis of time: order, depth, folded siblings, waits in queues and the critical path.
//!
//! A record that is handed over in a trace of its own, by a link or by its coordinate alone, is followed over: its wait in the
//! queue is a bar, and the path of the trace that wrote it goes on in the one that handled it.
//!
//! Linear in spans but for the sorting of siblings, and without recursion: a hostile trace is as deep as it likes, has
//! cycles, several roots and spans with the same id.

use crate::model::journey::Delivery;
use crate::model::{Case, Nanos, SpanKind, SpanRow, SpanStatus, SpanStore, Timestamp, TraceId, Window};
use hashbrown::{HashMap, HashSet};
use std::cmp::Reverse;

/// Equal siblings without children that still have a bar each; more become one bar.
const UNFOLDED: usize = 3;
const NONE: u32 = u32::MAX;
/// Spans between a producer and the span that handled its record, at most.
const NEAR: usize = 8;

/// The spans of a case, drawn.
#[derive(Clone, Debug, Default)]
pub struct Waterfall {
    /// The traces, by their first span.
    pub trees: Vec<Tree>,
    /// All bars, trace by trace, each parent before its children.
    pub bars: Vec<Bar>,
}

/// One trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Its id.
    pub trace: TraceId,
    /// From its first start to its last end.
    pub window: Window,
    /// Spans.
    pub spans: u32,
    /// Spans that failed.
    pub errors: u32,
    /// Spans whose parent is named and not there.
    pub orphans: u32,
}

/// What a bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarKind {
    /// The whole trace.
    Trace,
    /// One span.
    Span(SpanRow),
    /// That many equal siblings without children, of which the first is named.
    Fold(SpanRow, u32),
    /// The time between the end of the producer and the begin of this consumer.
    Wait(SpanRow),
}

/// One line of a waterfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What it is.
    pub kind: BarKind,
    /// Place in `trees`.
    pub tree: u32,
    /// Levels below the trace.
    pub depth: u16,
    /// Begin.
    pub start: Timestamp,
    /// Length.
    pub length: Nanos,
    /// Whether the trace's end waited for it.
    pub critical: bool,
    /// Whether its parent is named and not there.
    pub orphan: bool,
}

/// A record that was handed to a consumer for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed {
    /// When the record was written.
    pub written: Timestamp,
    /// The span that wrote it, where it is known.
    pub producer: Option<SpanRow>,
    /// The span of the delivery.
    pub consumer: SpanRow,
}

/// Whether equal siblings become one bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folding {
    /// They do.
    Folded,
    /// Each span has its own bar.
    Unfolded,
}

/// Who is whose child, in columns by span row.
struct Family<'a> {
    spans: &'a SpanStore,
    parent: Vec<u32>,
    /// `children[begin[row]..begin[row + 1]]`, by start.
    begin: Vec<u32>,
    children: Vec<u32>,
    orphan: Vec<bool>,
    critical: Vec<bool>,
    /// Whether the same service handled the same producer's record before.
    later: Vec<bool>,
    /// By consumer: since when its record lay in the queue; of several the longest.
    waited: HashMap<u32, Timestamp>,
    /// By producer: the consumers elsewhere that its record was handed to.
    handed: HashMap<u32, Vec<u32>>,
}

impl Waterfall {
    /// Draws the traces that belong to a case.
    pub fn of(case: &Case, folding: Folding) -> Self {
        let mut handed = Vec::new();
        for message in &case.journey.messages {
            for copy in &message.copies {
                let first = |delivery: &&Delivery| delivery.coordinate == copy.coordinate && delivery.ordinal == 1;
                let consumers = message.deliveries.iter().filter(first).filter_map(|delivery| delivery.span);
                let of = |consumer| Handed { written: copy.written, producer: copy.producer, consumer };
                handed.extend(consumers.map(of));
            }
        }
        Self::draw(&case.spans, |trace| case.journey.traces.contains(&trace), &handed, folding)
    }

    /// Draws the traces for which `belongs` is true.
    pub fn draw(spans: &SpanStore, belongs: impl Fn(TraceId) -> bool, handed: &[Handed], folding: Folding) -> Self {
        let wanted: Vec<bool> = spans.traces().map(belongs).collect();
        let mut family = Family::of(spans);
        family.hand_over(handed);
        let is_root = |row: &u32| family.parent[*row as usize] == NONE && wanted[family.trace(*row)];
        let mut roots: Vec<u32> = (0..spans.len() as u32).filter(is_root).collect();
        let mut first: HashMap<usize, Timestamp> = HashMap::new();
        for row in &roots {
            let begin = first.entry(family.trace(*row)).or_insert(Timestamp(i64::MAX));
            *begin = (*begin).min(family.start(*row));
        }
        roots.sort_by_key(|row| (first[&family.trace(*row)], family.trace(*row), family.start(*row), *row));
        family.mark_critical(&roots);
        let mut all = Self::default();
        for of_trace in roots.chunk_by(|a, b| family.trace(*a) == family.trace(*b)) {
            all.add(&family, of_trace, folding);
        }
        all
    }

    fn add(&mut self, family: &Family<'_>, roots: &[u32], folding: Folding) {
        let (tree, head) = (self.trees.len() as u32, self.bars.len());
        let (start, length) = (Timestamp(0), Nanos(0));
        let blank = Bar { kind: BarKind::Trace, tree, depth: 0, start, length, critical: false, orphan: false };
        self.bars.push(blank);
        let mut window = Window { from: Timestamp(i64::MAX), until: Timestamp(i64::MIN) };
        let mut told = Tree { trace: family.span(roots[0]).trace(), window, spans: 0, errors: 0, orphans: 0 };
        // What is still to be drawn, the next one last: the siblings that one bar stands for, and their depth.
        let mut open: Vec<(&[u32], u16)> = roots.chunks(1).rev().map(|root| (root, 1)).collect();
        while let Some((siblings, depth)) = open.pop() {
            let row = siblings[0];
            let (span, place) = (family.span(row), row as usize);
            let until = siblings.iter().map(|row| family.span(*row).end()).max().unwrap_or(span.end());
            window = Window { from: window.from.min(span.start()), until: window.until.max(until) };
            told.spans += siblings.len() as u32;
            told.errors += if span.status() == SpanStatus::Error { siblings.len() as u32 } else { 0 };
            told.orphans += u32::from(family.orphan[place]);
            let (critical, orphan) = (family.critical[place], family.orphan[place]);
            let bar = Bar { depth, start: span.start(), length: until.since(span.start()), critical, orphan, ..blank };
            if let Some(from) = family.written(row) {
                let length = span.start().since(from);
                self.bars.push(Bar { kind: BarKind::Wait(SpanRow(row)), start: from, length, ..bar });
            }
            if siblings.len() > 1 {
                self.bars.push(Bar { kind: BarKind::Fold(SpanRow(row), siblings.len() as u32), ..bar });
                continue;
            }
            self.bars.push(Bar { kind: BarKind::Span(SpanRow(row)), ..bar });
            let (children, begin) = (family.children(row), open.len());
            for run in children.chunk_by(|a, b| family.alike(*a, *b)) {
                let size = if folding == Folding::Folded && run.len() > UNFOLDED { run.len() } else { 1 };
                open.extend(run.chunks(size).map(|part| (part, depth.saturating_add(1))));
            }
            open[begin..].reverse();
        }
        self.bars[head].start = window.from;
        self.bars[head].length = window.until.since(window.from);
        self.trees.push(Tree { window, ..told });
    }
}

impl<'a> Family<'a> {
    fn of(spans: &'a SpanStore) -> Self {
        let count = spans.len();
        let mut known: HashMap<(u32, u64), u32> = HashMap::with_capacity(count);
        for span in spans.iter() {
            known.entry((span.trace_number(), span.id().0)).or_insert(span.row().0);
        }
        let mut family = Self {
            spans,
            parent: vec![NONE; count],
            begin: vec![0; count + 1],
            children: Vec::new(),
            orphan: vec![false; count],
            critical: vec![false; count],
            later: vec![false; count],
            waited: HashMap::new(),
            handed: HashMap::new(),
        };
        for span in spans.iter() {
            let Some(parent) = span.parent() else { continue };
            let row = span.row().0 as usize;
            match known.get(&(span.trace_number(), parent.0)) {
                Some(parent) if *parent as usize != row => family.parent[row] = *parent,
                Some(_) => {}
                None => family.orphan[row] = true,
            }
        }
        family.cut_cycles();
        let mut order: Vec<u32> = (0..count as u32).filter(|row| family.parent[*row as usize] != NONE).collect();
        order.sort_by_key(|row| (family.parent[*row as usize], family.start(*row), *row));
        for row in &order {
            family.begin[family.parent[*row as usize] as usize + 1] += 1;
        }
        for row in 0..count {
            family.begin[row + 1] += family.begin[row];
        }
        family.children = order;
        family.mark_later();
        family
    }

    /// Makes a root of one span of each circle of parents.
    fn cut_cycles(&mut self) {
        // 0: not seen; else the walk that saw it first.
        let mut seen = vec![0u32; self.parent.len()];
        for begin in 0..self.parent.len() {
            let (walk, mut row) = (begin as u32 + 1, begin as u32);
            while row != NONE && seen[row as usize] == 0 {
                seen[row as usize] = walk;
                row = self.parent[row as usize];
            }
            if row != NONE && seen[row as usize] == walk {
                self.parent[row as usize] = NONE;
            }
        }
    }

    fn span(&self, row: u32) -> crate::model::spans::SpanView<'_> {
        self.spans.span(SpanRow(row))
    }

    fn trace(&self, row: u32) -> usize {
        self.span(row).trace_number() as usize
    }

    fn start(&self, row: u32) -> Timestamp {
        self.span(row).start()
    }

    fn children(&self, row: u32) -> &[u32] {
        &self.children[self.begin[row as usize] as usize..self.begin[row as usize + 1] as usize]
    }

    /// Says whether two neighbours look the same: leaves of one name, service and status, and the end waited for both or for
    /// neither.
    fn alike(&self, a: u32, b: u32) -> bool {
        let (one, other) = (self.span(a), self.span(b));
        self.children(a).is_empty()
            && self.children(b).is_empty()
            && one.status() == other.status()
            && one.name() == other.name()
            && one.service() == other.service()
            && self.critical[a as usize] == self.critical[b as usize]
    }

    /// Returns when the producer of a consumer ended, or else when its record was written, if that was before the consumer
    /// began. A service that handles the same record again did not wait in the queue all the time since.
    fn written(&self, row: u32) -> Option<Timestamp> {
        let parent = self.parent[row as usize];
        let end = if parent != NONE && self.is_hop(parent, row) {
            (!self.later[row as usize]).then(|| self.span(parent).end())
        } else {
            self.waited.get(&row).copied()
        };
        end.filter(|end| *end < self.start(row))
    }

    fn is_near_below(&self, row: u32, below: u32) -> bool {
        let parent = |at: &u32| Some(self.parent[*at as usize]).filter(|parent| *parent != NONE);
        std::iter::successors(Some(below), parent).take(NEAR).any(|at| at == row)
    }

    /// Enters what was handed over outside of the trees.
    fn hand_over(&mut self, handed: &[Handed]) {
        for Handed { written, producer, consumer } in handed {
            let (consumer, producer) = (consumer.0, producer.map(|row| row.0));
            // Below the producer the tree tells the wait, be it of the span that received the record.
            if producer.is_some_and(|producer| self.is_near_below(producer, consumer)) {
                continue;
            }
            let since = producer.map_or(*written, |producer| self.span(producer).end());
            let known = self.waited.entry(consumer).or_insert(since);
            *known = (*known).min(since);
            // Clocks that differ could make a circle of it.
            if let Some(producer) = producer.filter(|producer| self.start(*producer) <= self.start(consumer)) {
                self.handed.entry(producer).or_default().push(consumer);
            }
        }
    }

    fn is_hop(&self, parent: u32, child: u32) -> bool {
        self.span(parent).kind() == SpanKind::Producer && self.span(child).kind() == SpanKind::Consumer
    }

    /// Finds the consumers whose service had handled the same producer's record before.
    fn mark_later(&mut self) {
        let mut services = HashSet::new();
        for parent in 0..self.spans.len() as u32 {
            services.clear();
            for place in self.begin[parent as usize]..self.begin[parent as usize + 1] {
                let child = self.children[place as usize];
                if self.is_hop(parent, child) {
                    self.later[child as usize] = !services.insert(self.spans.span(SpanRow(child)).service());
                }
            }
        }
    }

    /// Marks what each trace's end waited for: from a span's end backwards, always the child that ended last before. What
    /// goes on after its parent has ended (a consumer, work in the background) is walked back to that parent; a consumer in
    /// another trace counts as a child of the producer.
    fn mark_critical(&mut self, roots: &[u32]) {
        // When everything below a span has ended; children come after their parents in no order, so a post-order is walked.
        let mut until: Vec<Timestamp> = (0..self.spans.len() as u32).map(|row| self.span(row).end()).collect();
        let mut order: Vec<u32> = roots.to_vec();
        let mut at = 0;
        while at < order.len() {
            order.extend_from_slice(self.children(order[at]));
            at += 1;
        }
        for row in order.iter().rev() {
            let parent = self.parent[*row as usize];
            if parent != NONE {
                until[parent as usize] = until[parent as usize].max(until[*row as usize]);
            }
        }
        self.wait_for_handed(&mut until);
        // Of several roots, the one that ends last is what the trace waited for.
        let mut last: HashMap<usize, u32> = HashMap::new();
        for row in roots {
            let best = last.entry(self.trace(*row)).or_insert(*row);
            if until[*row as usize] > until[*best as usize] {
                *best = *row;
            }
        }
        let mut open: Vec<u32> = last.into_values().collect();
        let mut by_end = Vec::new();
        while let Some(row) = open.pop() {
            // A consumer is reached from its producer and from its own root.
            if std::mem::replace(&mut self.critical[row as usize], true) {
                continue;
            }
            let mut cursor = until[row as usize];
            by_end.clear();
            by_end.extend_from_slice(self.children(row));
            by_end.extend(self.handed.get(&row).into_iter().flatten());
            by_end.sort_by_key(|child| (Reverse(until[*child as usize]), self.start(*child), *child));
            for child in &by_end {
                if until[*child as usize] <= cursor && self.start(*child) < cursor {
                    cursor = self.start(*child);
                    open.push(*child);
                }
            }
        }
    }
}

impl Family<'_> {
    /// Lets producers, and all above them, end no earlier than what was handed over. The last consumers come first, so that
    /// what they wrote is counted where they were handed something themselves.
    fn wait_for_handed(&self, until: &mut [Timestamp]) {
        let mut all: Vec<(u32, u32)> =
            self.handed.iter().flat_map(|(producer, to)| to.iter().map(|consumer| (*consumer, *producer))).collect();
        all.sort_unstable_by_key(|(consumer, producer)| (Reverse(self.start(*consumer)), *consumer, *producer));
        for (consumer, producer) in all {
            let (end, mut row) = (until[consumer as usize], producer);
            // Above one that ends as late, all do.
            while row != NONE && until[row as usize] < end {
                until[row as usize] = end;
                row = self.parent[row as usize];
            }
        }
    }
}

#[cfg(test)]
mod tests;
