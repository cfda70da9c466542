//! Clocks: where the times of two services cannot both be right. Nothing is corrected.

use super::journey::Material;
use crate::model::journey::ClockDoubt;
use crate::model::spans::SpanView;
use crate::model::{Nanos, SafeText, SpanRow};
use std::collections::BTreeMap;

/// Less is measuring noise.
const NOISE: i64 = 1_000_000;

/// Finds the pairs of services of which one's spans begin before what caused them. That a span outlives its cause says
/// nothing about clocks: consumers do, and callees whose callers stopped waiting.
pub(super) fn doubts(material: &Material<'_>) -> Vec<ClockDoubt> {
    let (spans, index) = (material.spans, material.index);
    let mut found: BTreeMap<(&str, &str), ClockDoubt> = BTreeMap::new();
    let mut look = |cause: SpanView<'_>, span: SpanView<'_>| {
        let early = cause.start().since(span.start());
        if early.0 < NOISE || cause.service() == span.service() {
            return;
        }
        // The store outlives the views.
        let pair = (spans.span(cause.row()).service(), spans.span(span.row()).service());
        let doubt = found.entry(pair).or_insert_with(|| ClockDoubt {
            cause: SafeText::new(pair.0),
            service: SafeText::new(pair.1),
            at_least: Nanos(0),
            spans: 0,
            span: span.row(),
        });
        doubt.spans += 1;
        if early > doubt.at_least {
            (doubt.at_least, doubt.span) = (early, span.row());
        }
    };
    for row in index.order.iter().filter(|row| material.scope.spans[**row as usize]) {
        let span = spans.span(SpanRow(*row));
        if let Some(parent) = index.parent(*row) {
            look(spans.span(SpanRow(parent)), span);
        }
        for (trace, linked) in span.links() {
            if let Some(cause) = index.find_in(spans, trace, linked) {
                look(spans.span(SpanRow(cause)), span);
            }
        }
    }
    found.into_values().collect()
}
