//! Layers: which retrying operations enclose which.

use super::index::Index;
use crate::model::SpanStore;
use crate::model::journey::{Calls, Operation};

/// Counts for each operation the retrying operations around it, parents before children.
pub(super) fn layers(calls: &mut Calls, spans: &SpanStore, index: &Index) {
    let mut retried = vec![false; spans.len()];
    let mut any = false;
    for operation in calls.unworded(spans).filter(|operation| operation.is_retried()) {
        any = true;
        for attempt in operation.attempts() {
            match attempt.span {
                Some(row) => retried[row.0 as usize] = true,
                None => attempt.executions().for_each(|run| retried[run.span.0 as usize] = true),
            }
        }
    }
    if !any {
        return;
    }
    let mut around = vec![0u16; spans.len()];
    for row in &index.order {
        if let Some(parent) = index.parent(*row) {
            around[*row as usize] = around[parent as usize].saturating_add(u16::from(retried[parent as usize]));
        }
    }
    let layer = |operation: Operation<'_>| {
        let rows = operation.attempts().filter_map(|attempt| attempt.span);
        rows.map(|row| around[row.0 as usize]).max().unwrap_or(0)
    };
    let layers: Vec<u16> = calls.unworded(spans).map(layer).collect();
    for (wish, layer) in calls.wishes().iter_mut().zip(layers) {
        wish.layer = layer;
    }
}
