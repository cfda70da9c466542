//! Runs: what ran at the callee under one attempt, and whether a proxy in between tried again.

use super::index::Index;
use super::reads;
use super::retries::overlap;
use crate::model::journey::{AttemptResult, Spread};
use crate::model::spans::SpanView;
use crate::model::{SpanKind, SpanRow, SpanStore};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// The callees' side of calls whose both sides have one id (Zipkin), by the row of the caller's side.
#[derive(Debug, Default)]
pub(super) struct Twins(HashMap<u32, u32, FixedState>);

impl Twins {
    pub fn of(spans: &SpanStore, index: &Index) -> Self {
        let mut twins = Self::default();
        if !index.shares_ids() {
            return twins;
        }
        for row in &index.order {
            let span = spans.span(SpanRow(*row));
            let Some(first) = index.find_in(spans, span.trace(), span.id()).filter(|first| first != row) else {
                continue;
            };
            match (spans.span(SpanRow(first)).kind(), span.kind()) {
                (SpanKind::Client, SpanKind::Server) => drop(twins.0.entry(first).or_insert(*row)),
                (SpanKind::Server, SpanKind::Client) => drop(twins.0.entry(*row).or_insert(first)),
                _ => {}
            }
        }
        twins
    }

    /// Returns what ran at the callee of a client span, by start; a run that was reported twice is one.
    pub fn runs<'a>(&self, span: SpanView<'_>, spans: &'a SpanStore, index: &Index) -> Vec<SpanView<'a>> {
        let below = index.children(span.row().0).iter().map(|row| spans.span(SpanRow(*row)));
        let mut found: Vec<SpanView<'a>> = below.filter(|child| is_run(*child)).collect();
        let twin = self.0.get(&span.row().0).map(|row| spans.span(SpanRow(*row)));
        found.extend(twin.filter(|_| found.is_empty()));
        if found.len() > 1 {
            found.sort_by_key(|run| (run.id(), run.start()));
            found.dedup_by_key(|run| run.id());
            found.sort_by_key(|run| (run.start(), run.id()));
        }
        found
    }
}

/// gRPC's own spans carry no kind in some languages, but a name.
fn is_run(span: SpanView<'_>) -> bool {
    span.kind() == SpanKind::Server || span.kind() != SpanKind::Client && span.name().starts_with("Recv.")
}

/// Says how the runs of one attempt stand to one another.
pub(super) fn spread(runs: &[SpanView<'_>]) -> Spread {
    let claims_retry = |run: &SpanView<'_>| reads::claims(*run).proxy.is_some_and(|count| count > 1);
    let [first, rest @ ..] = runs else { return Spread::Single };
    if rest.is_empty() {
        return Spread::Single;
    }
    if runs.iter().any(claims_retry) {
        return Spread::HiddenRetry;
    }
    if rest.iter().any(|run| run.name() != first.name()) {
        return Spread::Different;
    }
    let failed = runs.iter().filter(|run| reads::result(**run) != AttemptResult::Succeeded).count();
    let host = reads::host(*first);
    let on_one_clock = rest.iter().all(|run| reads::host(*run) == host);
    let sequential = || runs.windows(2).all(|pair| !overlap(pair[0], pair[1]));
    // Of two clocks none tells which run came first, but a proxy that tries again does so after a failure, and mirrored
    // traffic fails or succeeds with the original.
    let is_retry = if on_one_clock { sequential() } else { failed + 1 == runs.len() };
    if is_retry { Spread::HiddenRetry } else { Spread::Parallel }
}
