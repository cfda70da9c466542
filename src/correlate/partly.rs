//! Traces of which only a part belongs: what is left out of them is counted, so that nothing is left out silently.

use super::index::Index;
use super::journey::plural;
use crate::model::{LedgerEntry, NotFollowed, SafeText, SpanRow, SpanStore, TraceId};

/// A trace with spans that belong and spans that do not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    pub trace: TraceId,
    /// Number of the trace in the store.
    pub number: u32,
    shown: usize,
    /// Spans that hang on nothing that belongs.
    hidden: usize,
    /// Of those, the ones whose parent is in no answer: what they hang on is not known.
    pub orphans: usize,
}

/// Returns the traces that belong in part.
pub(super) fn parts(spans: &SpanStore, index: &Index, in_scope: &[bool]) -> Vec<Part> {
    let mut parts = vec![Part::default(); spans.traces().len()];
    for row in &index.order {
        let span = spans.span(SpanRow(*row));
        let part = &mut parts[span.trace_number() as usize];
        (part.trace, part.number) = (span.trace(), span.trace_number());
        if in_scope[*row as usize] {
            part.shown += 1;
        } else {
            part.hidden += 1;
            part.orphans += usize::from(index.is_orphan(*row));
        }
    }
    parts.retain(|part| part.shown > 0 && part.hidden > 0);
    parts.sort_unstable_by_key(|part| part.trace);
    parts
}

impl Part {
    /// Tells what is not shown.
    pub fn entry(&self) -> LedgerEntry {
        let detail = format!(
            "{} of its {} hang on nothing that belongs here: other records of a batch, or other work; to see them: hopscope \
             follow {}",
            self.hidden,
            plural(self.shown + self.hidden, "span"),
            self.trace
        );
        LedgerEntry {
            id: SafeText::new(&self.trace.to_string()),
            reason: NotFollowed::WiderScope,
            detail: SafeText::new(&detail),
        }
    }
}
