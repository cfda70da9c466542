//! The tree of a span store, built once and walked without recursion; damaged trees (cycles, repeats) become forests.

use super::reads;
use crate::model::spans::SpanView;
use crate::model::{Coordinate, SpanId, SpanKind, SpanRow, SpanStore, TraceId};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Stands for "no parent".
const NONE: u32 = u32::MAX;

/// Bits of `marks`.
const LIVE: u8 = 1;
const ORPHAN: u8 = 2;
const BATCH: u8 = 4;
const NAMES_RECORD: u8 = 8;

/// Parents, children and an order in which every parent comes before its children; and what is asked of every span
/// again and again.
#[derive(Debug, Default)]
pub(super) struct Index {
    parent: Vec<u32>,
    /// `children[begin[row]..begin[row + 1]]`, by start.
    begin: Vec<u32>,
    children: Vec<u32>,
    marks: Vec<u8>,
    /// Live rows, parents first.
    pub order: Vec<u32>,
    by_id: HashTable<u32>,
    hasher: FixedState,
    /// Records that spans of queues write or read, by row.
    coordinates: Vec<(u32, Coordinate)>,
}

impl Index {
    /// Builds the index in a few passes over the spans.
    pub fn new(spans: &SpanStore) -> Self {
        let count = spans.len();
        let mut index = Self {
            parent: vec![NONE; count],
            marks: vec![0; count],
            by_id: HashTable::with_capacity(count),
            ..Self::default()
        };
        index.know(spans);
        for span in spans.iter() {
            let row = span.row().0;
            if !index.is_live(row) {
                continue;
            }
            if let Some(parent) = span.parent() {
                match index.find(spans, span.trace_number(), parent) {
                    Some(at) if at != row => index.parent[row as usize] = at,
                    Some(_) => {}
                    None => index.marks[row as usize] |= ORPHAN,
                }
            }
            if matches!(span.kind(), SpanKind::Producer | SpanKind::Consumer) {
                if let Some(at) = reads::coordinate(span) {
                    index.coordinates.push((row, at));
                    index.marks[row as usize] |= NAMES_RECORD;
                }
                if reads::is_batch(span) {
                    index.marks[row as usize] |= BATCH;
                }
            }
        }
        index.coordinates.shrink_to_fit();
        index.cut_cycles(spans);
        index.adopt(spans);
        index.sort();
        index
    }

    /// Says whether the row counts; a repeated span counts once.
    pub fn is_live(&self, row: u32) -> bool {
        self.marks[row as usize] & LIVE != 0
    }

    /// Says whether different spans share an id, as both sides of a call do in Zipkin's model.
    pub fn shares_ids(&self) -> bool {
        self.order.len() > self.by_id.len()
    }

    /// Says whether the row names a parent that exists nowhere.
    pub fn is_orphan(&self, row: u32) -> bool {
        self.marks[row as usize] & ORPHAN != 0
    }

    /// Says whether the span handles several records at once.
    pub fn is_batch(&self, row: u32) -> bool {
        self.marks[row as usize] & BATCH != 0
    }

    /// Returns the record that a span of a queue writes or reads.
    pub fn coordinate(&self, row: u32) -> Option<&Coordinate> {
        if self.marks[row as usize] & NAMES_RECORD == 0 {
            return None;
        }
        let place = self.coordinates.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        Some(&self.coordinates[place].1)
    }

    /// Returns the row of the parent, when it is there.
    pub fn parent(&self, row: u32) -> Option<u32> {
        Some(self.parent[row as usize]).filter(|parent| *parent != NONE)
    }

    /// Returns the rows of the children, by start.
    pub fn children(&self, row: u32) -> &[u32] {
        &self.children[self.begin[row as usize] as usize..self.begin[row as usize + 1] as usize]
    }

    /// Returns the row of a span.
    pub fn find_in(&self, spans: &SpanStore, trace: TraceId, span: SpanId) -> Option<u32> {
        self.find(spans, spans.trace_number(trace)?, span)
    }

    /// Returns the rows from the parent up to the root.
    pub fn ancestors(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.parent(row), |at| self.parent(*at))
    }

    fn find(&self, spans: &SpanStore, trace: u32, span: SpanId) -> Option<u32> {
        let is_it = |row: &u32| {
            let known = spans.span(SpanRow(*row));
            known.id() == span && known.trace_number() == trace
        };
        self.by_id.find(self.hasher.hash_one((trace, span.0)), is_it).copied()
    }

    /// Marks the rows that count, and enters the first of each id.
    fn know(&mut self, spans: &SpanStore) {
        // Of ids that several different spans share: all of those spans. Damaged stores hold as many as they like.
        let mut more: HashTable<u32> = HashTable::new();
        for span in spans.iter() {
            let (row, hasher) = (span.row().0, &self.hasher);
            let id_of = |row: u32| {
                let span = spans.span(SpanRow(row));
                hasher.hash_one((span.trace_number(), span.id().0))
            };
            let Some(first) = self.find(spans, span.trace_number(), span.id()) else {
                self.by_id.insert_unique(id_of(row), row, |row| id_of(*row));
                self.marks[row as usize] = LIVE;
                continue;
            };
            let whole_of = |row: u32| {
                let span = spans.span(SpanRow(row));
                hasher.hash_one((span.trace_number(), span.id().0, span.start().0, span.service()))
            };
            let is_same = |row: u32| {
                let known = spans.span(SpanRow(row));
                (known.trace_number(), known.id(), known.start(), known.service())
                    == (span.trace_number(), span.id(), span.start(), span.service())
            };
            if !is_same(first) && more.find(whole_of(row), |row| is_same(*row)).is_none() {
                more.insert_unique(whole_of(row), row, |row| whole_of(*row));
                self.marks[row as usize] = LIVE;
            }
        }
    }

    /// Makes a root of one span of each circle of parents: the first by time, whatever order they came in.
    fn cut_cycles(&mut self, spans: &SpanStore) {
        // 0: not seen; else the walk that saw it first.
        let mut seen = vec![0u32; self.parent.len()];
        for begin in 0..self.parent.len() {
            let (walk, mut row) = (begin as u32 + 1, begin as u32);
            while row != NONE && seen[row as usize] == 0 {
                seen[row as usize] = walk;
                row = self.parent[row as usize];
            }
            if row != NONE && seen[row as usize] == walk {
                let (mut first, mut at) = (row, self.parent[row as usize]);
                while at != row {
                    if sort_key(spans.span(SpanRow(at))) < sort_key(spans.span(SpanRow(first))) {
                        first = at;
                    }
                    at = self.parent[at as usize];
                }
                self.parent[first as usize] = NONE;
            }
        }
    }

    /// Lists the children of each row.
    fn adopt(&mut self, spans: &SpanStore) {
        let count = self.parent.len();
        self.begin = vec![0; count + 1];
        for parent in self.parent.iter().filter(|parent| **parent != NONE) {
            self.begin[*parent as usize + 1] += 1;
        }
        for row in 0..count {
            self.begin[row + 1] += self.begin[row];
        }
        let mut next = self.begin.clone();
        self.children = vec![0; self.begin[count] as usize];
        for (row, parent) in self.parent.iter().enumerate().filter(|(_, parent)| **parent != NONE) {
            let place = &mut next[*parent as usize];
            self.children[*place as usize] = row as u32;
            *place += 1;
        }
        for row in 0..count {
            let own = &mut self.children[self.begin[row] as usize..self.begin[row + 1] as usize];
            own.sort_by_key(|row| sort_key(spans.span(SpanRow(*row))));
        }
    }

    fn sort(&mut self) {
        let mut order = Vec::with_capacity(self.parent.len());
        order.extend((0..self.parent.len() as u32).filter(|row| self.is_live(*row) && self.parent(*row).is_none()));
        let mut at = 0;
        while let Some(row) = order.get(at).copied() {
            at += 1;
            order.extend(self.children(row));
        }
        self.order = order;
    }
}

/// Returns what spans are ordered by wherever an order is seen: never the row number, which depends on arrival.
pub(super) fn sort_key(span: SpanView<'_>) -> (i64, u128, u64) {
    (span.start().0, span.trace().0, span.id().0)
}
