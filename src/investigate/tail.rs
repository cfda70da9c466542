//! Log lines as they come: the last seconds are read again and again until the person ends it.

use super::sources::SourceSet;
use crate::correlate::{METADATA, tails};
use crate::model::tail::{Tail, TailWanted};
use crate::model::{Ask, Rows, Timestamp, Window};
use crate::sources::loki::query::LogQuery;
use crate::sources::loki::tail::Cursor;
use smol_str::SmolStr;
use tokio_util::sync::CancellationToken;

/// Lines that one read may bring.
const POLL: u32 = 5_000;
/// Lines that are kept.
pub const KEPT: usize = 5_000;

/// Says what is wrong with a query, if something is.
pub fn query(text: &str) -> Result<TailWanted, &'static str> {
    LogQuery::parse(text).map(|query| TailWanted::Query(query.text().into()))
}

fn ask(wanted: &TailWanted, window: Window) -> Ask {
    match wanted {
        TailWanted::Query(query) => Ask::QueryLines { query: query.clone(), window, limit: POLL },
        TailWanted::Id(needles) => Ask::FindLines {
            needles: needles.clone(),
            metadata: METADATA.iter().map(|name| SmolStr::new_static(name)).collect(),
            services: Vec::new(),
            window,
            limit: POLL,
        },
    }
}

/// Reads until `cancel` fires. Each read has a budget of its own; a source that fails is asked again, later.
pub async fn tail(
    sources: &SourceSet,
    (what, wanted): (&str, &TailWanted),
    now: impl Fn() -> Timestamp,
    cancel: &CancellationToken,
    mut publish: impl FnMut(&Tail),
) {
    let begin = now();
    let mut tail = Tail::of(what, begin);
    let mut cursor = Cursor::new(begin);
    publish(&tail);
    while !cancel.is_cancelled() {
        let window = cursor.window(now());
        let reply = sources.ask(&ask(wanted, window), &sources.budgets(cancel)).await;
        let (before, failed) = (tail.came(), tail.fault.is_some());
        let is_first = tail.read_at.is_none();
        match reply.outcome {
            Ok(answer) => {
                if let Rows::Lines(lines) = answer.rows {
                    let fresh = cursor.take(&lines, &window);
                    let read = fresh.iter().zip(before..).map(|(row, number)| tails::line(lines.line(*row), number));
                    tail.add(read.collect::<Vec<_>>(), KEPT);
                }
                let notes = answer.notes.into_iter().filter(|note| !tail.notes.contains(note)).collect::<Vec<_>>();
                tail.notes.extend(notes);
                (tail.read_at, tail.fault) = (Some(window.until), None);
            }
            Err(_) if cancel.is_cancelled() => return,
            Err(fault) => {
                cursor.fail();
                tail.fault = Some(fault);
            }
        }
        // A screen on which nothing changed is not drawn again.
        if is_first || tail.came() > before || tail.fault.is_some() != failed {
            publish(&tail);
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(cursor.wait()) => {}
        }
    }
}
