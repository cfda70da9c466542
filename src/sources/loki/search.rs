//! One question: which queries, over which slices of time, at which cost.

use super::Loki;
use super::pages::{Harvest, Stop};
use super::query::{LogQuery, nanos};
use super::slices::{is_wide, named, slices};
use crate::decode::ids::contains_token;
use crate::model::ask::NoteKind;
use crate::model::lines::{LineRow, LineView};
use crate::model::{Answer, Exchange, Fault, FaultKind, LineStore, Note, Rows, SafeText, Timestamp, Window};
use crate::sources::http::looks_like_html;
use crate::sources::lease::Budget;
use serde_json::Value as Json;
use smol_str::SmolStr;

/// What is looked for in lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// Spellings of one id.
    pub(super) needles: &'a [SmolStr],
    /// Structured metadata names that may hold it.
    pub(super) metadata: &'a [SmolStr],
    /// Services, or all.
    pub(super) services: &'a [SmolStr],
}

impl Loki {
    /// Finds the lines that hold an id.
    pub(super) async fn find(
        &self,
        budget: &Budget,
        wanted: Wanted<'_>,
        (window, limit): (&Window, usize),
        made: &mut Vec<Exchange>,
    ) -> Result<Answer, Fault> {
        let known = self.known(budget, made).await?;
        let writer = self.writer(budget, window, made).await?;
        let selector = writer.selector(wanted.services, self.within.as_deref());
        // A line filter does not look into structured metadata, and metadata filters do not look into the line.
        let filters = std::iter::once(known.dialect.in_line(wanted.needles))
            .chain(known.dialect.in_metadata(wanted.needles, wanted.metadata));
        let mut harvest = Harvest::default();
        harvest.notes.extend(writer.left_out());
        let plan = self.plan(budget, &selector, window, known.limits.reach(window, now()), &mut harvest).await;
        let mut outcome = Ok(());
        for (place, filter) in filters.enumerate() {
            let query = LogQuery { selector: selector.clone(), filter };
            match self.search(budget, &query, &plan, limit, &mut harvest).await {
                Ok(()) => {}
                // The line filter is the one that every Loki understands; without it there is no answer.
                Err(fault) if place == 0 => {
                    outcome = Err(fault);
                    break;
                }
                Err(fault) => {
                    harvest.add(NoteKind::PartMissing, format!("structured metadata was not searched: {fault}"));
                }
            }
        }
        made.append(&mut harvest.made);
        outcome?;
        harvest.say_rebuilt();
        let (kept, dropped) = keep(&harvest.lines, wanted.needles);
        if dropped > 0 {
            let text = format!("{dropped} lines hold the id only as a part of a longer word and were left out");
            harvest.add(NoteKind::Remark, text);
        }
        Ok(Answer { rows: Rows::Lines(Box::new(kept)), notes: harvest.notes })
    }

    /// Reads a person's query.
    pub(super) async fn ask(
        &self,
        budget: &Budget,
        text: &str,
        (window, limit): (&Window, usize),
        made: &mut Vec<Exchange>,
    ) -> Result<Answer, Fault> {
        let query = LogQuery::parse(text).map_err(|why| Fault {
            source: crate::model::SourceKind::Loki,
            kind: FaultKind::Unsupported,
            asked: SafeText::new(text),
            came: SafeText::own(why),
            hint: SafeText::own("write it as {app=\"orders\"} |= \"text\""),
        })?;
        let known = self.known(budget, made).await?;
        let mut harvest = Harvest::default();
        let reach = known.limits.reach(window, now());
        let plan = self.plan(budget, &query.selector, window, reach, &mut harvest).await;
        if let Some(stage) = query.rewriting() {
            let text = format!("`{stage}` in the query gives other lines than were written: they are no evidence");
            harvest.add(NoteKind::Remark, text);
        }
        let outcome = self.search(budget, &query, &plan, limit, &mut harvest).await;
        made.append(&mut harvest.made);
        outcome?;
        harvest.say_rebuilt();
        let lines = copy(&harvest.lines, |_| true).0;
        Ok(Answer { rows: Rows::Lines(Box::new(lines)), notes: harvest.notes })
    }

    /// Returns the slices to search, the newest first. A wide search is asked for its cost first: when it is too much,
    /// only the newest slice stays.
    async fn plan(
        &self,
        budget: &Budget,
        selector: &str,
        window: &Window,
        (reach, beyond): (Option<Window>, Option<Note>),
        harvest: &mut Harvest,
    ) -> Vec<Window> {
        harvest.notes.extend(beyond);
        let Some(window) = reach.filter(|left| left.from < window.until) else { return Vec::new() };
        let mut all = slices(&window);
        if is_wide(&window)
            && let Some(bytes) = self.cost(budget, selector, &window, harvest).await
            && bytes > budget.limits().scan
        {
            let rest = all.split_off(1);
            let text = format!(
                "the whole search would make the source read about {}, more than {}; not searched: {}. \
                 Name a service or a shorter time, or allow it: --budget scan={}GiB",
                size(bytes),
                size(budget.limits().scan),
                named(&rest),
                (bytes >> 30) + 1
            );
            harvest.add(NoteKind::Truncated, text);
        }
        all
    }

    /// Returns about how many bytes a selector holds in a window. Not every server tells (no such route in Loki 2.2), and
    /// that is no fault.
    async fn cost(&self, budget: &Budget, selector: &str, window: &Window, harvest: &mut Harvest) -> Option<u64> {
        // A server with a longest range tells of the newest part, and the rest is taken to be alike.
        let part = self.newest(window);
        let query = [("query", selector.to_owned()), ("start", nanos(part.from)), ("end", nanos(part.until))];
        let mut body = Vec::new();
        let fetched = self.http.get(budget, "/loki/api/v1/index/stats", &query, &[], &mut body).await;
        harvest.made.extend(fetched.exchanges);
        if looks_like_html(&body) || !fetched.outcome.is_ok_and(|head| head.is_success()) {
            return None;
        }
        let bytes = serde_json::from_slice::<Json>(&body).ok()?["bytes"].as_u64()?;
        Some((bytes as f64 * (window.length().0 as f64 / part.length().0.max(1) as f64)) as u64)
    }

    /// Reads one query over slices, the newest first, until there are enough lines. What was not searched is named.
    async fn search(
        &self,
        budget: &Budget,
        query: &LogQuery,
        plan: &[Window],
        limit: usize,
        harvest: &mut Harvest,
    ) -> Result<(), Fault> {
        let begin = harvest.lines.len();
        for (place, slice) in plan.iter().enumerate() {
            let room = limit.saturating_sub(harvest.lines.len() - begin);
            let (at, why) = match self.pages(budget, query, slice, room, harvest).await {
                Ok(at) if at <= slice.from => continue,
                Ok(at) => (at, None),
                Err(Stop { fault, .. }) if harvest.lines.len() == begin && place == 0 => return Err(fault),
                Err(Stop { fault, at }) => (at, Some(fault)),
            };
            let mut rest: Vec<Window> = Vec::new();
            if at > slice.from {
                rest.push(Window { from: slice.from, until: at });
            }
            rest.extend(&plan[place + 1..]);
            let (kind, why) = match why {
                Some(fault) => (NoteKind::PartMissing, format!(": {fault}")),
                None => (NoteKind::Truncated, String::new()),
            };
            harvest.add(kind, format!("not searched: {}{why}", named(&rest)));
            return Ok(());
        }
        Ok(())
    }
}

impl Harvest {
    fn add(&mut self, kind: NoteKind, text: String) {
        let note = Note { kind, text: text.into() };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn say_rebuilt(&mut self) {
        if self.rebuilt > 0 {
            let text = "the source wrote lines anew: shown is the line inside, not the bytes that the program wrote";
            self.add(NoteKind::Remark, text.to_owned());
        }
    }
}

/// Writes a number of bytes for people.
fn size(bytes: u64) -> String {
    if bytes < 1 << 30 { format!("{} MiB", bytes >> 20) } else { format!("{} GiB", bytes >> 30) }
}

fn now() -> Timestamp {
    Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}

/// Copies the lines that really hold one of the ids; the rest are counted.
fn keep(all: &LineStore, needles: &[SmolStr]) -> (LineStore, usize) {
    copy(all, |line| {
        needles.iter().any(|id| {
            contains_token(line.text(), id)
                || line.metadata().chain(line.labels()).any(|(_, value)| contains_token(value, id))
        })
    })
}

/// Copies lines, the last that came first, and counts those that are left out. Pages come newest first, and within one instant
/// backward is the exact reverse of forward (Loki 2.2.1): so lines of one instant, as those of a stack trace, stand in the
/// order in which they were written.
fn copy(all: &LineStore, wanted: impl Fn(LineView<'_>) -> bool) -> (LineStore, usize) {
    let (mut kept, mut dropped) = (LineStore::default(), 0);
    for line in (0..all.len() as u32).rev().map(|row| all.line(LineRow(row))) {
        if wanted(line) {
            let stream = kept.stream(&line.labels().collect::<Vec<_>>());
            kept.push(stream, line.at(), line.text(), &line.metadata().collect::<Vec<_>>(), line.exchange());
        } else {
            dropped += 1;
        }
    }
    (kept, dropped)
}
