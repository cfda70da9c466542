//! Batches: calls that were made while several records were handled at once, and for which of them nothing tells.

use super::index::Index;
use super::scope::Scope;
use crate::model::journey::{Calls, Operation};
use crate::model::why::{Node, Relation};
use crate::model::{SpanRow, SpanStore};

/// Marks the calls inside of batches, but for those that hold what was asked about themselves.
pub(super) fn mark(calls: &mut Calls, spans: &SpanStore, index: &Index, scope: &Scope) {
    if !index.order.iter().any(|row| index.is_batch(*row)) {
        return;
    }
    let mut inside = vec![false; spans.len()];
    for row in &index.order {
        let above = index.parent(*row).is_some_and(|parent| inside[parent as usize]);
        inside[*row as usize] = above || index.is_batch(*row);
    }
    let holds = |row: SpanRow| {
        scope
            .paths
            .last(Node::Span(row))
            .is_some_and(|(from, edge)| from == Node::Anchor && edge.relation == Relation::Holds)
    };
    let is_of_batch = |operation: Operation<'_>| {
        let mut rows = operation.attempts().flat_map(|attempt| {
            attempt.span.into_iter().chain(attempt.executions().map(|run| run.span)).collect::<Vec<SpanRow>>()
        });
        let is_inside = rows.clone().any(|row| inside[row.0 as usize]);
        is_inside && !rows.any(holds)
    };
    let marks: Vec<bool> = calls.unworded(spans).map(is_of_batch).collect();
    for (wish, is_of_batch) in calls.wishes().iter_mut().zip(marks) {
        wish.is_of_batch = is_of_batch;
    }
}
