//! The tree of a span store, built once and walked without recursion; damaged trees (cycles, repeats) become forests.

use crate::model::SpanStore;
use crate::model::spans::SpanView;
use std::collections::{HashMap, HashSet};

/// Parents, children and an order in which every parent comes before its children.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Row of the parent, when it is there.
    pub parent: Vec<Option<u32>>,
    /// Rows of the children, by start.
    pub children: Vec<Vec<u32>>,
    /// Whether the row counts; a repeated span counts once.
    pub live: Vec<bool>,
    /// Whether the row names a parent that exists nowhere.
    pub orphan: Vec<bool>,
    /// Live rows, parents first.
    pub order: Vec<u32>,
    by_id: HashMap<(u128, u64), u32>,
}

impl Index {
    /// Builds the index in one pass over the spans.
    pub fn new(spans: &SpanStore) -> Self {
        let count = spans.len();
        let mut index = Self {
            parent: vec![None; count],
            children: vec![Vec::new(); count],
            live: vec![true; count],
            orphan: vec![false; count],
            ..Self::default()
        };
        let mut seen = HashSet::new();
        for (row, span) in spans.iter().enumerate() {
            index.live[row] = seen.insert((span.trace(), span.id(), span.start(), span.service()));
            if index.live[row] {
                index.by_id.entry((span.trace().0, span.id().0)).or_insert(row as u32);
            }
        }
        for (row, span) in spans.iter().enumerate().filter(|(row, _)| index.live[*row]) {
            let Some(parent) = span.parent() else { continue };
            match index.by_id.get(&(span.trace().0, parent.0)) {
                Some(at) if *at as usize != row => {
                    index.parent[row] = Some(*at);
                    index.children[*at as usize].push(row as u32);
                }
                Some(_) => {}
                None => index.orphan[row] = true,
            }
        }
        for children in &mut index.children {
            children.sort_by_key(|row| sort_key(spans.span(crate::model::SpanRow(*row))));
        }
        index.sort();
        index
    }

    /// Returns the row of a span.
    pub fn find(&self, trace: crate::model::TraceId, span: crate::model::SpanId) -> Option<u32> {
        self.by_id.get(&(trace.0, span.0)).copied()
    }

    /// Returns the rows from the parent up to the root.
    pub fn ancestors(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.parent[row as usize], |at| self.parent[*at as usize])
    }

    fn sort(&mut self) {
        let mut placed = vec![false; self.parent.len()];
        let roots = |index: &Self| -> Vec<u32> {
            (0..index.parent.len() as u32)
                .filter(|row| index.live[*row as usize] && index.parent[*row as usize].is_none())
                .collect()
        };
        let mut queue = roots(self);
        let mut next = 0u32;
        loop {
            let mut at = 0;
            while let Some(row) = queue.get(at).copied() {
                at += 1;
                if !std::mem::replace(&mut placed[row as usize], true) {
                    self.order.push(row);
                    queue.extend(&self.children[row as usize]);
                }
            }
            queue.clear();
            // What is left hangs in a cycle: the first of them becomes a root.
            while (next as usize) < placed.len() && (placed[next as usize] || !self.live[next as usize]) {
                next += 1;
            }
            if next as usize == placed.len() {
                return;
            }
            if let Some(parent) = self.parent[next as usize].take() {
                self.children[parent as usize].retain(|child| *child != next);
            }
            queue.push(next);
        }
    }
}

/// Returns what spans are ordered by wherever an order is seen: never the row number, which depends on arrival.
pub(super) fn sort_key(span: SpanView<'_>) -> (i64, u128, u64) {
    (span.start().0, span.trace().0, span.id().0)
}
