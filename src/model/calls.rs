//! Calls: operations, their attempts and what ran at the callee, in columns that point at the spans.

use super::count::Count;
use super::journey::{AttemptResult, Grouping};
use super::spans::{SpanRow, SpanStore};
use super::time::{Nanos, Timestamp};
use super::words::{Word, Words};
use serde::Serialize;

/// Stands for "no client span".
const NONE: u32 = u32::MAX;

/// The calls of a journey, in order of their first attempt. What a span says itself is left to the span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls {
    operations: Vec<Wish>,
    attempts: Vec<Try>,
    runs: Vec<Run>,
    /// Attempts that belong to an operation already.
    taken: u32,
}

/// What is kept of an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// The caller's service.
    pub caller: Word,
    /// What was called: `POST payments:8080/charge`.
    pub name: Word,
    /// The callee's service, when a server span or `peer.service` names it, else host and port.
    pub peer: Word,
    /// What joins the attempts.
    pub grouping: Grouping,
    /// How many retrying operations enclose this one: 0 for the outermost layer.
    pub layer: u16,
    /// What its attempts claim about their number.
    pub claimed: Claimed,
    /// Whether it was made in a batch, for which of its records nothing tells.
    pub is_of_batch: bool,
    /// Attempts that ran beside another one, to be faster.
    hedges: u16,
    first: u32,
    count: u32,
}

/// What attempts claim about how many of them there were; 0 where nothing is claimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// Attempts there were at least.
    pub at_least: u16,
    /// Attempts there were at most: the last one ended well and says its number.
    pub at_most: u16,
    /// How often it was sent for whatever reason, redirects and logins among them; 0 where all of these are seen.
    pub sent: u16,
}

/// How the runs under one attempt stand to one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// There is one, or none is known.
    #[default]
    Single,
    /// One after the other, or counted by a proxy: a hidden retry or a fan-out by a proxy.
    HiddenRetry,
    /// At the same time: mirrored traffic, a fan-out, or a retry after a proxy's own timeout; nothing tells which.
    Parallel,
    /// Different operations: a gateway's fan-out.
    Different,
}

/// An attempt to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// The client span; `None` when the callee's span names a parent that exists nowhere.
    pub span: Option<SpanRow>,
    /// How it ended for the caller.
    pub result: AttemptResult,
    /// The status in the caller's words.
    pub status: Word,
    /// Its number as it claims it, from 1; `None` when it claims none.
    pub number: Option<u32>,
    /// Whether it ran beside the one before, to be faster.
    pub hedge: bool,
}

/// An operation to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The caller's service.
    pub caller: Word,
    /// What was called.
    pub name: Word,
    /// Whom.
    pub peer: Word,
    /// What joins the attempts.
    pub grouping: Grouping,
    /// What the attempts claim about their number.
    pub claimed: Claimed,
}

/// What is kept of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Try {
    span: u32,
    status: Word,
    first: u32,
    count: u32,
    /// The claimed number; 0 for none, or one too large to be kept.
    number: u8,
    result: AttemptResult,
    spread: Spread,
    hedge: bool,
}

/// What is kept of a run at the callee.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    span: SpanRow,
    status: Word,
    result: AttemptResult,
}

/// What a caller wanted once.
#[derive(Clone, Copy)]
pub struct Operation<'a> {
    wish: &'a Wish,
    from: Source<'a>,
}

/// One try, as the caller saw it.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    kept: &'a Try,
    from: Source<'a>,
    /// 1 for the first.
    pub ordinal: u32,
    /// The client span; `None` when the callee's span names a parent that exists nowhere.
    pub span: Option<SpanRow>,
    /// Start by the caller's clock (the callee's when there is no client span).
    pub start: Timestamp,
    /// Duration as the caller saw it.
    pub duration: Nanos,
    /// Wait since the attempt before ended; `None` for the first.
    pub wait: Option<Nanos>,
    /// How it ended for the caller.
    pub result: AttemptResult,
    /// Its number as something claims it, from 1; `None` when nothing does.
    pub number: Option<u32>,
    /// Whether it ran beside the one before, to be faster.
    pub hedge: bool,
    /// How its runs stand to one another.
    pub spread: Spread,
}

/// One run at the callee.
#[derive(Clone, Copy)]
pub struct Execution<'a> {
    kept: &'a Run,
    from: Source<'a>,
    /// The server span.
    pub span: SpanRow,
    /// Start by the callee's clock.
    pub start: Timestamp,
    /// Duration; may exceed the attempt's.
    pub duration: Nanos,
    /// How it ended for the callee.
    pub result: AttemptResult,
}

#[derive(Clone, Copy)]
struct Source<'a> {
    calls: &'a Calls,
    words: &'a Words,
    spans: &'a SpanStore,
}

impl Calls {
    /// Returns how many operations there are.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Returns the operations.
    pub fn iter<'a>(
        &'a self,
        words: &'a Words,
        spans: &'a SpanStore,
    ) -> impl ExactSizeIterator<Item = Operation<'a>> + Clone {
        let from = Source { calls: self, words, spans };
        self.operations.iter().map(move |wish| Operation { wish, from })
    }

    /// Adds an attempt for the operation that is added next. Runs follow by [`Calls::run`].
    pub fn attempt(&mut self, tried: Tried) {
        let first = self.runs.len() as u32;
        let Tried { span, result, status, number, hedge } = tried;
        let number = number.map_or(0, |number| u8::try_from(number).unwrap_or(0));
        let span = span.map_or(NONE, |row| row.0);
        self.attempts.push(Try { span, status, first, count: 0, number, result, spread: Spread::Single, hedge });
    }

    /// Adds a run to the attempt added last.
    pub fn run(&mut self, span: SpanRow, result: AttemptResult, status: Word) {
        self.runs.push(Run { span, status, result });
        if let Some(last) = self.attempts.last_mut() {
            last.count += 1;
        }
    }

    /// Says how the runs of the attempt added last stand to one another.
    pub fn spread(&mut self, spread: Spread) {
        if let Some(last) = self.attempts.last_mut() {
            last.spread = spread;
        }
    }

    /// Says how the attempt added last ended, when that became clear later.
    pub fn ended(&mut self, result: AttemptResult, status: Word) {
        if let Some(last) = self.attempts.last_mut() {
            (last.result, last.status) = (result, status);
        }
    }

    /// Adds an operation with the attempts since the operation added last.
    pub fn operation(&mut self, asked: Asked) {
        let (first, count) = (self.taken, self.attempts.len() as u32 - self.taken);
        self.taken += count;
        let own = &self.attempts[first as usize..];
        let hedges = u16::try_from(own.iter().filter(|attempt| attempt.hedge).count()).unwrap_or(u16::MAX);
        let Asked { caller, name, peer, grouping, claimed } = asked;
        self.operations.push(Wish {
            caller,
            name,
            peer,
            grouping,
            layer: 0,
            claimed,
            is_of_batch: false,
            hedges,
            first,
            count,
        });
    }

    /// Moves the attempt added last, which belongs to no operation yet, to an operation, by its start.
    pub fn join(&mut self, operation: usize, grouping: Grouping, spans: &SpanStore) {
        let Some(new) = self.attempts.pop() else { return };
        let Some(wish) = self.operations.get_mut(operation) else { return };
        let mut all: Vec<Try> = self.attempts[wish.first as usize..(wish.first + wish.count) as usize].to_vec();
        all.push(new);
        wish.grouping = grouping;
        (wish.first, wish.count) = (self.attempts.len() as u32, all.len() as u32);
        all.sort_by_key(|each| self.start_of(each, spans).0);
        self.attempts.extend(all);
        self.taken = self.attempts.len() as u32;
    }

    /// Returns what is kept of each operation.
    pub fn wishes(&mut self) -> &mut [Wish] {
        &mut self.operations
    }

    /// Returns the operations where only their numbers and spans are wanted, while words are still being written.
    pub fn unworded<'a>(&'a self, spans: &'a SpanStore) -> impl ExactSizeIterator<Item = Operation<'a>> + Clone {
        self.iter(Words::none(), spans)
    }

    /// Orders the operations by the start of their first attempt, then by names, then by their first spans.
    pub fn sort(&mut self, words: &Words, spans: &SpanStore) {
        self.operations.shrink_to_fit();
        self.attempts.shrink_to_fit();
        self.runs.shrink_to_fit();
        let mut order = std::mem::take(&mut self.operations);
        let first = |wish: &Wish| &self.attempts[wish.first as usize];
        order.sort_by(|a, b| {
            let (one, other) = (self.start_of(first(a), spans).0, self.start_of(first(b), spans).0);
            let names = |wish: &Wish| (words.text(wish.caller), words.text(wish.name));
            let place = |wish: &Wish| {
                let span = spans.span(self.row_of(first(wish)));
                (span.trace(), span.parent(), span.id())
            };
            one.cmp(&other).then_with(|| names(a).cmp(&names(b))).then_with(|| place(a).cmp(&place(b)))
        });
        self.operations = order;
    }

    fn row_of(&self, attempt: &Try) -> SpanRow {
        // An attempt without a span is there because of its run.
        if attempt.span == NONE { self.runs[attempt.first as usize].span } else { SpanRow(attempt.span) }
    }

    fn start_of(&self, attempt: &Try, spans: &SpanStore) -> (Timestamp, Nanos) {
        let span = spans.span(self.row_of(attempt));
        (span.start(), span.duration())
    }
}

impl<'a> Operation<'a> {
    /// Returns the caller's service.
    pub fn caller(self) -> &'a str {
        self.from.words.text(self.wish.caller)
    }

    /// Returns what was called: `POST payments:8080/charge`.
    pub fn name(self) -> &'a str {
        self.from.words.text(self.wish.name)
    }

    /// Returns the callee's service, when a server span or `peer.service` names it, else host and port.
    pub fn peer(self) -> &'a str {
        self.from.words.text(self.wish.peer)
    }

    /// Returns what is kept of it.
    pub fn wish(self) -> &'a Wish {
        self.wish
    }

    /// Returns what joins the attempts.
    pub fn grouping(self) -> Grouping {
        self.wish.grouping
    }

    /// Returns how many retrying operations enclose this one: 0 for the outermost layer.
    pub fn layer(self) -> u16 {
        self.wish.layer
    }

    /// Says whether it was made in a batch of records, for which of them nothing tells.
    pub fn is_of_batch(self) -> bool {
        self.wish.is_of_batch
    }

    /// Returns how many attempts there were, as far as spans and their claims tell. Attempts that a client makes inside
    /// one span are in neither.
    pub fn count(self) -> Count {
        let (seen, claimed) = (self.wish.count, self.wish.claimed);
        let at_least = u32::from(claimed.at_least).max(seen);
        let is_bound = claimed.at_most < u16::MAX && u32::from(claimed.at_most) >= at_least;
        Count { seen, at_least, at_most: is_bound.then_some(claimed.at_most.into()) }
    }

    /// Returns how often it was sent for whatever reason, redirects and logins among them, when something claims that it
    /// was more often than is seen.
    pub fn sent(self) -> Option<u32> {
        Some(self.wish.claimed.sent.into()).filter(|sent| *sent > 0)
    }

    /// Returns how many attempts ran beside another one, to be faster.
    pub fn hedges(self) -> usize {
        self.wish.hedges as usize
    }

    /// Returns how many attempts there are; at least one.
    pub fn tries(self) -> usize {
        self.wish.count as usize
    }

    /// Says whether it was tried again; a hedge is no retry.
    pub fn is_retried(self) -> bool {
        self.wish.count.saturating_sub(self.wish.hedges.into()) > 1
    }

    /// Returns how it ended for the caller: with hedges by the one that was answered, else by the last attempt.
    pub fn result(self) -> AttemptResult {
        let won = self.wish.hedges > 0 && self.kept().iter().any(|each| each.result == AttemptResult::Succeeded);
        let last = self.kept().last().map_or(AttemptResult::Unknown, |last| last.result);
        if won { AttemptResult::Succeeded } else { last }
    }

    /// Returns the attempts in order of start; at least one.
    pub fn attempts(self) -> impl ExactSizeIterator<Item = Attempt<'a>> + Clone {
        let from = self.from;
        let all = self.kept();
        all.iter().enumerate().map(move |(at, kept)| {
            let (start, duration) = from.calls.start_of(kept, from.spans);
            let before = at.checked_sub(1).map(|before| from.calls.start_of(&all[before], from.spans));
            Attempt {
                kept,
                from,
                ordinal: at as u32 + 1,
                span: Some(SpanRow(kept.span)).filter(|row| row.0 != NONE),
                start,
                duration,
                wait: before.map(|(begun, took)| Nanos(start.since(begun.plus(took)).0.max(0))),
                result: kept.result,
                number: Some(u32::from(kept.number)).filter(|number| *number > 0),
                hedge: kept.hedge,
                spread: kept.spread,
            }
        })
    }

    /// Returns the first attempt.
    pub fn first(self) -> Attempt<'a> {
        self.attempts().next().expect("an operation has an attempt")
    }

    /// Returns the number of runs at the callee over all attempts.
    pub fn executions(self) -> usize {
        self.kept().iter().map(|attempt| attempt.count as usize).sum()
    }

    fn kept(self) -> &'a [Try] {
        &self.from.calls.attempts[self.wish.first as usize..(self.wish.first + self.wish.count) as usize]
    }
}

impl<'a> Attempt<'a> {
    /// Returns the status code or error in the caller's words: `503`, `ReadTimeout`.
    pub fn status(self) -> &'a str {
        self.from.words.text(self.kept.status)
    }

    /// Returns the number of its status.
    pub fn status_word(self) -> Word {
        self.kept.status
    }

    /// Returns what ran at the callee: none when not instrumented or never arrived, more than one for a hidden proxy
    /// retry.
    pub fn executions(self) -> impl ExactSizeIterator<Item = Execution<'a>> + Clone {
        let from = self.from;
        let runs = &from.calls.runs[self.kept.first as usize..(self.kept.first + self.kept.count) as usize];
        runs.iter().map(move |kept| {
            let span = from.spans.span(kept.span);
            Execution {
                kept,
                from,
                span: kept.span,
                start: span.start(),
                duration: span.duration(),
                result: kept.result,
            }
        })
    }
}

impl<'a> Attempt<'a> {
    /// Returns the runs that answer the call itself, where `peer` is whom it asked: of several at the same time those of
    /// another service have a copy of it.
    pub fn answers(self, peer: &str) -> impl Iterator<Item = Execution<'a>> + Clone {
        let is_single = matches!(self.spread, Spread::Single | Spread::HiddenRetry);
        self.executions().filter(move |run| is_single || run.service() == peer)
    }
}

impl<'a> Execution<'a> {
    /// Returns the status code or error.
    pub fn status(self) -> &'a str {
        self.from.words.text(self.kept.status)
    }

    /// Returns the number of its status.
    pub fn status_word(self) -> Word {
        self.kept.status
    }

    /// Returns its service, raw.
    pub fn service(self) -> &'a str {
        self.from.spans.span(self.span).service()
    }
}
