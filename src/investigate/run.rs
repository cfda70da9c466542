//! Rounds of questions until nothing is left to ask, the time is over or the person cancels.

use super::sources::SourceSet;
use crate::model::case::Progress;
use crate::model::{Case, Fault, FaultKind, Query, Reply, Rows, SafeText};
use crate::sources::Sight;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The shortest time between two looks at what is known within one round.
const PACE: Duration = Duration::from_millis(100);

/// What is driven: gives rounds of questions, takes answers in any order, and shows what it knows.
pub trait Rounds {
    /// Returns the next questions; none when there is nothing left to ask.
    fn round(&mut self) -> Vec<Query>;

    /// Takes the rows so far of an answer that is still arriving.
    fn glimpse(&mut self, number: u32, rows: Rows);

    /// Takes the answer to a numbered question.
    fn take(&mut self, number: u32, reply: Reply);

    /// Returns what is known, findings included.
    fn known(&mut self) -> Case;
}

/// Drives `hunt` to its end. Every round's questions are asked at once (each source's turns bound how many are under
/// way), and `publish` gets a snapshot after each round, and on the way. What is still open when the time is over or `cancel` fires
/// becomes a fault, so that the case says what it could not see.
pub async fn drive<R: Rounds>(
    sources: &SourceSet,
    hunt: &mut R,
    publish: &watch::Sender<Arc<Case>>,
    cancel: &CancellationToken,
) -> Case {
    let budgets = sources.budgets(cancel);
    let known = |hunt: &mut R| {
        let mut case = hunt.known();
        for coverage in &mut case.coverage {
            let kind = coverage.source;
            (coverage.spent, coverage.breaker) = (budgets.of(kind).cost(), sources.breaker_of(kind));
        }
        case
    };
    let deadline = Instant::now() + sources.limits().timeout;
    // Where nobody looks on the way (a verb that prints at the end), nothing is worked out for them.
    let is_seen = !publish.is_closed();
    let mut stopped = None;
    let mut shown = Instant::now();
    while stopped.is_none() {
        let queries = hunt.round();
        if queries.is_empty() {
            break;
        }
        let mut waiting: BTreeMap<u32, Query> = queries.iter().map(|query| (query.number, query.clone())).collect();
        let (sender, mut arriving) = mpsc::unbounded_channel();
        let ask = |query: Query| {
            let (budgets, sender) = (&budgets, sender.clone());
            async move {
                // The receiver outlives the round's questions.
                let show = |rows| sender.send((query.number, rows)).unwrap_or_default();
                let sight: Option<Sight<'_>> = if is_seen { Some(&show) } else { None };
                (query.number, sources.ask_of(query.source, &query.ask, budgets, sight).await)
            }
        };
        let mut open: FuturesUnordered<_> = queries.into_iter().map(ask).collect();
        while !waiting.is_empty() {
            let (number, reply) = tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    stopped = Some((FaultKind::Cancelled, SafeText::own("cancelled")));
                    break;
                }
                () = sleep_until(deadline) => {
                    let why = format!("time budget of {:?} spent", sources.limits().timeout);
                    stopped = Some((FaultKind::TimedOut, why.into()));
                    break;
                }
                Some((number, rows)) = arriving.recv() => {
                    hunt.glimpse(number, rows);
                    publish.send_replace(Arc::new(known(hunt)));
                    shown = Instant::now();
                    continue;
                }
                Some(answered) = open.next() => answered,
            };
            waiting.remove(&number);
            hunt.take(number, reply);
            // What is known is worked out anew for each look at it: in full at the end of a round, and in between only as
            // often as a person can see.
            if is_seen && (waiting.is_empty() || shown.elapsed() >= PACE) {
                publish.send_replace(Arc::new(known(hunt)));
                shown = Instant::now();
            }
        }
        if let Some((kind, why)) = &stopped {
            for (number, query) in waiting {
                hunt.take(number, Reply::fault(cut(sources, &query, *kind, why)));
            }
        }
    }
    let mut case = known(hunt);
    match (stopped, &case.progress) {
        (Some((_, reason)), _) => case.progress = Progress::Stopped { reason },
        (None, Progress::Running { .. }) => case.progress = Progress::Complete,
        // The hunt has its own bounds and says when it met them.
        (None, Progress::Complete | Progress::Stopped { .. }) => {}
    }
    if is_seen {
        publish.send_replace(Arc::new(case.clone()));
    }
    case
}

fn cut(sources: &SourceSet, query: &Query, kind: FaultKind, why: &SafeText) -> Fault {
    let source = query.source;
    let address = sources.get(source).map_or_else(SafeText::default, |found| found.address());
    Fault {
        source,
        kind,
        asked: format!("{}: {}", address.as_str(), query.why.as_str()).into(),
        came: why.clone(),
        hint: SafeText::own("raise --timeout or narrow the question with --since"),
    }
}
