//! The story: everything of a journey down the time axis.

use super::effects::is_write;
use super::journey::Material;
use super::reads;
use super::wording::{Part, Wording};
use crate::model::journey::{
    Attempt, AttemptResult, CopyRole, Delivery, DeliveryResult, Entry, Fact, Ground, Journey, Mark, Remark, RowKind,
    Rows, Settled, Spread, Word,
};
use crate::model::spans::SpanView;
use crate::model::{Coordinate, Nanos, SafeText, SpanKind, SpanRow, Tier, Timestamp};

/// Waits below this are not worth a row.
const SHORTEST_WAIT: i64 = 1_000_000;

/// Why a call of a batch stands in the story of one record.
const OF_BATCH: &str = "made in a batch that held the record; for which of its records nothing tells";

/// What rows are made from, and those made so far.
struct Teller<'a> {
    material: &'a Material<'a>,
    wording: &'a mut Wording,
    depths: Vec<u16>,
    /// Spans that a row tells of.
    told: Vec<bool>,
    rows: Rows,
}

/// Writes the rows, by time, causes before effects of the same instant.
pub(super) fn rows(material: &Material<'_>, journey: &Journey, wording: &mut Wording) -> Rows {
    let (depths, told) = (depths(material), vec![false; material.spans.len()]);
    let mut teller = Teller { material, wording, depths, told, rows: Rows::default() };
    teller.rows.reserve(material.index.order.len() + material.scope.lines.len());
    teller.calls(journey);
    teller.queues(journey);
    for row in material.index.order.iter().filter(|row| material.scope.spans[**row as usize]) {
        if !teller.told[*row as usize] {
            teller.work(material.spans.span(SpanRow(*row)));
        }
    }
    teller.lines();
    let end = teller.rows.end().unwrap_or(material.now);
    let why = teller.wording.words.add("what should be there and is not");
    for gap in &journey.gaps {
        let text = format!("{}: {}: {}", gap.what, gap.reason.words(), gap.detail);
        let ground = Ground::Told { duration: None, why, follow: Word::default() };
        teller.tell(Entry { mark: Mark::Unknown, ground, ..entry(end, RowKind::Gap) }, &text);
    }
    let mut rows = teller.rows;
    rows.settle();
    rows.sort(&wording.words);
    rows
}

fn depths(material: &Material<'_>) -> Vec<u16> {
    let mut depths = vec![0u16; material.spans.len()];
    for row in &material.index.order {
        if let Some(parent) = material.index.parent(*row).filter(|parent| material.scope.spans[*parent as usize]) {
            depths[*row as usize] = depths[parent as usize].saturating_add(1);
        }
    }
    depths
}

fn entry(at: Timestamp, kind: RowKind) -> Entry {
    Entry {
        at,
        depth: 0,
        lane: Word::default(),
        kind,
        head: Word::default(),
        tail: Word::default(),
        mark: Mark::Plain,
        tier: Tier::Exact,
        fact: None,
        ground: Ground::Span,
    }
}

fn mark(result: AttemptResult) -> Mark {
    match result {
        AttemptResult::Succeeded => Mark::Ok,
        AttemptResult::Failed => Mark::Error,
        AttemptResult::TimedOut => Mark::Warn,
        AttemptResult::Unknown => Mark::Unknown,
    }
}

/// Says why nothing tells how a delivery ended.
fn open_end(delivery: &Delivery) -> String {
    let has = |remark| delivery.remarks.contains(&remark);
    match &delivery.error {
        Some(error) if has(Remark::BatchFailed) => format!("its batch failed, perhaps for another record: {error}"),
        None if has(Remark::BatchFailed) => "its batch failed, perhaps for another record".to_owned(),
        Some(error) => format!("its span records an exception and no failure: {error}"),
        None if has(Remark::EndsAtNextPoll) => "handed over, its span ends at the next poll".to_owned(),
        None => "received, no end seen".to_owned(),
    }
}

impl Teller<'_> {
    /// Adds a row with a text of its own.
    fn tell(&mut self, entry: Entry, text: &str) {
        let head = self.wording.words.add(text);
        self.rows.push(Entry { head, ..entry });
    }

    fn told(&mut self, duration: Option<Nanos>, why: &str, follow: Option<&Coordinate>) -> Ground {
        let why = self.wording.words.add(why);
        let follow = follow.map_or_else(Word::default, |at| self.wording.words.add(&at.to_string()));
        Ground::Told { duration, why, follow }
    }

    fn depth(&self, span: SpanRow) -> u16 {
        self.depths[span.0 as usize]
    }

    fn calls(&mut self, journey: &Journey) {
        let spans = self.material.spans;
        for operation in journey.calls.unworded(spans) {
            let (wish, count) = (operation.wish(), operation.count());
            for attempt in operation.attempts() {
                let first = attempt.executions().next().map(|run| run.span);
                let depth = attempt.span.or(first).map_or(0, |row| self.depth(row));
                if let Some(wait) = attempt.wait.filter(|wait| wait.0 >= SHORTEST_WAIT) {
                    let text = format!("{} until attempt {}", wait.human(), attempt.ordinal);
                    let at = attempt.start.plus(Nanos(-wait.0));
                    let ground = self.told(Some(wait), "time between two attempts", None);
                    let row = entry(at, RowKind::Wait);
                    self.tell(Entry { depth, lane: wish.caller, mark: Mark::Wait, ground, ..row }, &text);
                }
                let tail = self.wording.end_of(Part::of(&attempt, count), attempt.status_word());
                let row = entry(attempt.start, RowKind::Attempt);
                let row = Entry { depth, lane: wish.caller, head: wish.name, tail, mark: mark(attempt.result), ..row };
                let Some(own) = attempt.span else {
                    let parent = first.and_then(|row| spans.span(row).parent()).map(|id| id.to_string());
                    let why =
                        format!("the callee's span names a parent that exists nowhere: {}", parent.unwrap_or_default());
                    let why = self.wording.words.add(&why);
                    let trace = first.map_or_else(String::new, |row| spans.span(row).trace().to_string());
                    let follow = self.wording.words.add(&trace);
                    let ground = Ground::Told { duration: Some(attempt.duration), why, follow };
                    self.rows.push(Entry { ground, ..row });
                    self.runs(&attempt, depth, operation.is_of_batch());
                    continue;
                };
                let fact = Some(Fact::Span(own));
                self.told[own.0 as usize] = true;
                if operation.is_of_batch() {
                    let (ground, tail) = (self.told(Some(attempt.duration), OF_BATCH, None), self.of_batch(tail));
                    self.rows.push(Entry { fact, ground, tier: Tier::Inferred, tail, ..row });
                    self.runs(&attempt, depth, true);
                    continue;
                }
                self.rows.push(Entry { fact, ground: Ground::Client, ..row });
                if attempt.result == AttemptResult::Succeeded && is_write(spans.span(own)) {
                    let (tail, depth) = (self.wording.done_at(wish.peer), depth.saturating_add(1));
                    let row = entry(attempt.start.plus(attempt.duration), RowKind::Effect);
                    let row = Entry { depth, lane: wish.peer, head: wish.name, tail, mark: Mark::Ok, ..row };
                    self.rows.push(Entry { fact, ground: Ground::Write, ..row });
                }
                self.runs(&attempt, depth, false);
            }
        }
    }

    /// Adds to the end of a row that it is about a batch.
    fn of_batch(&mut self, tail: Word) -> Word {
        let tail = format!("{}, of its batch", self.wording.words.text(tail));
        self.wording.words.add(&tail)
    }

    fn runs(&mut self, attempt: &Attempt<'_>, depth: u16, is_of_batch: bool) {
        let count = attempt.executions().len() as u32;
        for (at, run) in attempt.executions().enumerate() {
            let span = self.material.spans.span(run.span);
            self.told[run.span.0 as usize] = true;
            let (head, lane) = (self.wording.name(span), self.wording.service(span));
            let part = match attempt.spread {
                Spread::HiddenRetry => Part::HiddenRun(at as u32 + 1, count),
                Spread::Parallel => Part::ParallelRun(at as u32 + 1, count),
                Spread::Single | Spread::Different => Part::Whole,
            };
            let tail = self.wording.end_of(part, run.status_word());
            let (tier, ground, tail) = if is_of_batch {
                (Tier::Inferred, self.told(Some(run.duration), OF_BATCH, None), self.of_batch(tail))
            } else {
                (Tier::Exact, Ground::Server, tail)
            };
            self.rows.push(Entry {
                depth: self.depth(run.span).max(depth.saturating_add(1)),
                lane,
                head,
                tail,
                mark: mark(run.result),
                fact: Some(Fact::Span(run.span)),
                tier,
                ground,
                ..entry(run.start, RowKind::Execution)
            });
        }
    }

    fn queues(&mut self, journey: &Journey) {
        let spans = self.material.spans;
        for message in &journey.messages {
            for copy in &message.copies {
                let depth = copy.producer.map_or(0, |row| self.depth(row));
                let lane = self.wording.words.add(&copy.coordinate.topic);
                let role = match copy.role {
                    CopyRole::Original => "written",
                    CopyRole::Retry => "retry copy written",
                    CopyRole::DeadLetter => "dead letter written",
                    CopyRole::Duplicate => "written again",
                };
                // A coordinate alone proves no record: somebody has read it, or a span tells that it was written.
                let role = if copy.record.is_none() && copy.producer.is_none() { "not read" } else { role };
                let mut text = format!("{} {role}", copy.coordinate);
                if let Some(origin) = &copy.origin {
                    text = format!("{text}, copy of {origin}");
                }
                if let Some(attempt) = copy.attempt {
                    text = format!("{text}, headers say attempt {attempt}");
                }
                if let Some(exception) = &copy.exception {
                    text = format!("{text}, {exception}");
                }
                if let Some(first) = &copy.repeats {
                    text = format!("{text}, perhaps {first} again: equal key and value");
                }
                let why = self.material.scope.coordinates.get(&copy.coordinate).map_or("", SafeText::as_str);
                let fact = copy.record.map(Fact::Record).or(copy.producer.map(Fact::Span));
                for row in copy.producer.iter().filter(|row| spans.span(**row).kind() == SpanKind::Producer) {
                    self.told[row.0 as usize] = true;
                }
                let mark = match copy.role {
                    CopyRole::DeadLetter => Mark::Error,
                    CopyRole::Retry => Mark::Warn,
                    CopyRole::Original | CopyRole::Duplicate => Mark::Plain,
                };
                let ground = self.told(None, why, Some(&copy.coordinate));
                let row = Entry { depth, lane, mark, tier: copy.tier, ..entry(copy.written, RowKind::Copy) };
                self.tell(Entry { fact, ground, ..row }, &text);
                let first = message
                    .deliveries
                    .iter()
                    .filter(|delivery| delivery.coordinate == copy.coordinate && delivery.ordinal == 1)
                    .map(|delivery| delivery.start)
                    .min();
                let (wait, what) = match (first, copy.due) {
                    (Some(first), _) => (first.since(copy.written), "in the queue until delivered"),
                    (None, Some(due)) => (due.since(copy.written), "until due"),
                    (None, None) => (Nanos(0), ""),
                };
                if wait.0 >= SHORTEST_WAIT {
                    let ground = self.told(Some(wait), "from the record's time", None);
                    let row = entry(copy.written, RowKind::Wait);
                    let row = Entry { depth, lane, mark: Mark::Wait, tier: copy.tier, ground, ..row };
                    self.tell(row, &format!("{} {what}", wait.human()));
                }
            }
            for delivery in &message.deliveries {
                let (words, mark) = match delivery.result {
                    DeliveryResult::Handled => ("handled".to_owned(), Mark::Ok),
                    DeliveryResult::Failed => (
                        delivery.error.as_ref().map_or("failed".to_owned(), |error| format!("failed: {error}")),
                        Mark::Error,
                    ),
                    DeliveryResult::NotDue => ("refused before the handler ran: not due".to_owned(), Mark::Wait),
                    DeliveryResult::Unknown => (open_end(delivery), Mark::Unknown),
                };
                // The error is worth more than what a commit or a habit adds: those stand in the description.
                let settled = &delivery.settlement;
                let stands_out = matches!(settled.state, Settled::CommitRefused | Settled::Rejected);
                let said = stands_out.then(|| settled.state.words()).into_iter();
                let apart = [Remark::Overlaps, Remark::CutOff].into_iter().filter(|one| delivery.remarks.contains(one));
                let said = said.chain(apart.map(|remark| remark.words().to_owned()));
                let words = said.fold(words, |words, said| format!("{words}, {said}"));
                let group = delivery.group.as_ref().map_or("an unknown group", SafeText::as_str);
                let ordinal = if delivery.ordinal > 0 {
                    format!("delivery {} of", delivery.ordinal)
                } else {
                    "handing-over of".to_owned()
                };
                if let Some(row) = delivery.span {
                    self.told[row.0 as usize] = true;
                }
                let mut why = "consumer span of the record".to_owned();
                for part in
                    [settled.state.words(), settled.by.as_str().to_owned()].iter().filter(|part| !part.is_empty())
                {
                    why = format!("{why}; {part}");
                }
                for remark in &delivery.remarks {
                    why = format!("{why}; {}", remark.words());
                }
                let ground = self.told(Some(delivery.duration), &why, Some(&delivery.coordinate));
                let row = Entry {
                    depth: delivery.span.map_or(0, |row| self.depth(row)),
                    lane: self.wording.words.add_safe(&delivery.service),
                    mark,
                    tier: delivery.tier,
                    fact: delivery.span.map(Fact::Span),
                    ground,
                    ..entry(delivery.start, RowKind::Delivery)
                };
                self.tell(row, &format!("{ordinal} {} to {group}: {words}", delivery.coordinate));
            }
        }
    }

    fn work(&mut self, span: SpanView<'_>) {
        let (result, status) = self.wording.ending(span);
        let is_good = result == AttemptResult::Succeeded;
        let effect = is_good && span.kind() == SpanKind::Client && is_write(span);
        let ground = match self.material.index.coordinate(span.row().0) {
            Some(at) => Ground::Record { follow: self.wording.words.add(&at.to_string()) },
            None => Ground::Span,
        };
        let row = Entry {
            depth: self.depth(span.row()),
            lane: self.wording.service(span),
            head: self.wording.name(span),
            tail: if is_good { Word::default() } else { self.wording.end_of(Part::Whole, status) },
            mark: if is_good { Mark::Plain } else { mark(result) },
            fact: Some(Fact::Span(span.row())),
            ground,
            ..entry(span.start(), if effect { RowKind::Effect } else { RowKind::Work })
        };
        self.rows.push(row);
    }

    fn lines(&mut self) {
        let material = self.material;
        for number in &material.scope.lines {
            let line = material.lines.line(*number);
            let named = reads::line_trace(line);
            let span = named.and_then(|(trace, span)| material.index.find_in(material.spans, trace, span?));
            let (tier, why) = match (named, span) {
                (_, Some(row)) => {
                    (Tier::Exact, format!("the line names span {}", material.spans.span(SpanRow(row)).id()))
                }
                (Some((trace, _)), None) => (Tier::Exact, format!("the line names trace {trace}")),
                (None, None) => (Tier::Scoped, "the line holds the id".to_owned()),
            };
            let (mark, text) = reads::told(line);
            let why = self.wording.words.add(&why);
            let follow = named.map_or_else(Word::default, |(trace, _)| self.wording.words.add(&trace.to_string()));
            let row = Entry {
                depth: span.map_or(0, |row| self.depths[row as usize].saturating_add(1)),
                lane: self.wording.words.add(line.service().unwrap_or_default()),
                mark,
                tier,
                fact: Some(Fact::Line(*number)),
                ground: Ground::Told { duration: None, why, follow },
                ..entry(line.at(), RowKind::Line)
            };
            self.tell(row, &text);
        }
    }
}
