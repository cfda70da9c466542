//! Calls: which client spans are attempts of one operation, what ran at the callee, and which layers enclose which.

use super::batches;
use super::index::{Index, sort_key};
use super::layers::layers;
use super::reads::{self, Claims};
use super::retries::{self, Call, Reading, call_of};
use super::runs::{Twins, spread};
use super::scope::Scope;
use super::wording::Wording;
use crate::model::journey::{Asked, Attempt, AttemptResult, Calls, Claimed, Grouping, Operation, Tried, Word};
use crate::model::spans::SpanView;
use crate::model::{Nanos, SpanKind, SpanRow, SpanStore, Timestamp};
use smol_str::{SmolStr, format_smolstr};

/// Orphans looked at: with more of them whole parts of a trace are missing, not single client spans.
const UNSEEN: usize = 256;
/// Stands for the caller of a call whose spans are missing.
const MISSING: &str = "missing span";
/// Names of gRPC's spans for a whole call and for each of its attempts.
const RPC_CALL: &str = "Sent.";
const RPC_ATTEMPT: &str = "Attempt.";

/// What calls are found in, and where they are written to.
struct Finder<'a> {
    spans: &'a SpanStore,
    index: &'a Index,
    wording: &'a mut Wording,
    twins: Twins,
    calls: Calls,
    /// Siblings whose answer asked for another step, which a count of sends holds too.
    steps: u32,
}

/// An operation whose attempts are still being added.
struct Open<'a> {
    last: Reading<'a>,
    /// The wait before `last`.
    gap: Option<Nanos>,
    name: Word,
    peer: Word,
    grouping: Grouping,
    claimed: Claimed,
    tries: u32,
    /// The largest number that an attempt claims, and whether that one ended well.
    highest: Option<(u32, bool)>,
}

/// Finds the calls of the scope, in order of their first attempt.
pub(super) fn operations(spans: &SpanStore, index: &Index, scope: &Scope, wording: &mut Wording) -> Calls {
    let twins = Twins::of(spans, index);
    let mut finder = Finder { spans, index, wording, twins, calls: Calls::default(), steps: 0 };
    let mut calls: Vec<u32> = Vec::new();
    let is_wanted = |row: &u32| {
        let span = spans.span(SpanRow(*row));
        scope.spans[*row as usize]
            && span.kind() == SpanKind::Client
            && !is_part_of_rpc(span, spans, index)
            && is_call(span, spans, index)
    };
    for parent in &index.order {
        if scope.spans[*parent as usize] && spans.span(SpanRow(*parent)).name().starts_with(RPC_CALL) {
            finder.rpc(spans.span(SpanRow(*parent)), scope);
        }
        calls.clear();
        calls.extend(index.children(*parent).iter().copied().filter(is_wanted));
        finder.siblings(&calls);
    }
    let mut alone: Vec<u32> =
        index.order.iter().copied().filter(|row| index.parent(*row).is_none()).filter(is_wanted).collect();
    finder.without_parent(&mut alone);
    let caller = |row: &u32| {
        let span = spans.span(SpanRow(*row));
        (span.trace(), span.parent())
    };
    alone.sort_by_key(|row| (caller(row), spans.span(SpanRow(*row)).start(), spans.span(SpanRow(*row)).id()));
    for calls in alone.chunk_by(|a, b| caller(a) == caller(b)) {
        finder.siblings(calls);
    }
    finder.add_unseen_callers(scope);
    let mut calls = finder.calls;
    layers(&mut calls, spans, index);
    batches::mark(&mut calls, spans, index, scope);
    calls.sort(&wording.words, spans);
    calls
}

/// Database and other client spans are work, not calls, unless a server answers or they speak HTTP or RPC.
fn is_call(span: SpanView<'_>, spans: &SpanStore, index: &Index) -> bool {
    let (method, url) = reads::request(span);
    method.is_some()
        || url.is_some()
        || reads::is_rpc(span)
        || index.children(span.row().0).iter().any(|row| spans.span(SpanRow(*row)).kind() == SpanKind::Server)
}

impl<'a> Open<'a> {
    fn new(first: Reading<'a>, name: Word, peer: Word) -> Self {
        let (claims, ended_well) = (first.claims, first.ended_well());
        let (grouping, claimed) = (Grouping::Single, Claimed::default());
        let mut open = Self { last: first, gap: None, name, peer, grouping, claimed, tries: 0, highest: None };
        open.count(claims, ended_well);
        open
    }

    /// The weakest join decides how sure the whole group is; that hedges were made says nothing about retries.
    fn join(&mut self, grouping: Grouping) {
        self.grouping = match (self.grouping, grouping) {
            (Grouping::Single | Grouping::Hedge, grouping) => grouping,
            (known, Grouping::Hedge) => known,
            (known, grouping) => known.max(grouping),
        };
    }

    fn take(&mut self, next: Reading<'a>, hedge: bool) {
        self.count(next.claims, next.ended_well());
        // Of two at the same time the one that was answered says whether there is anything to try again.
        if !hedge || next.ended_well() {
            self.gap = (!hedge).then(|| next.span.start().since(self.last.span.end()));
            self.last = next;
        }
    }

    fn count(&mut self, claims: Claims, ended_well: bool) {
        self.tries += 1;
        let small = |number: Option<u32>| number.map_or(0, |number| u16::try_from(number).unwrap_or(u16::MAX));
        self.claimed.at_least = self.claimed.at_least.max(small(claims.at_least()));
        self.claimed.sent = self.claimed.sent.max(small(claims.sent()));
        if let Some(number) = claims.number().filter(|number| self.highest.is_none_or(|(known, _)| *number > known)) {
            self.highest = Some((number, ended_well));
        }
    }
}

/// Says whether a span is one of gRPC's own for a call whose attempts have spans, or for such an attempt.
fn is_part_of_rpc(span: SpanView<'_>, spans: &SpanStore, index: &Index) -> bool {
    let is_named = |row: u32, name: &str| spans.span(SpanRow(row)).name().starts_with(name);
    let row = span.row().0;
    let is_attempt =
        || span.name().starts_with(RPC_ATTEMPT) && index.parent(row).is_some_and(|parent| is_named(parent, RPC_CALL));
    let is_call =
        || span.name().starts_with(RPC_CALL) && index.children(row).iter().any(|row| is_named(*row, RPC_ATTEMPT));
    is_attempt() || is_call()
}

impl<'a> Finder<'a> {
    /// Takes the calls of one parent, by their start.
    fn siblings(&mut self, rows: &[u32]) {
        let spans = self.spans;
        self.steps = 0;
        if rows.len() < 2 {
            return self.group(rows.iter().map(|row| spans.span(SpanRow(*row))));
        }
        let mut calls: Vec<(Call<'a>, u32)> =
            rows.iter().map(|row| (call_of(spans.span(SpanRow(*row))), *row)).collect();
        let is_step = |row: &&u32| retries::asks_for_another_step(reads::status_code(spans.span(SpanRow(**row))));
        self.steps = rows.iter().filter(is_step).count() as u32;
        // The order of start stays within each call.
        calls.sort_by(|a, b| a.0.cmp(&b.0));
        for same in calls.chunk_by(|a, b| a.0 == b.0) {
            self.group(same.iter().map(|(_, row)| spans.span(SpanRow(*row))));
        }
    }

    /// Takes the calls that hang on nothing and say by an id what they were for: without a span around them each attempt
    /// begins a trace of its own. The others are left in `rows`.
    fn without_parent(&mut self, rows: &mut Vec<u32>) {
        let spans = self.spans;
        let mut named: Vec<((Call<'a>, SmolStr), u32)> = Vec::new();
        rows.retain(|row| {
            let span = spans.span(SpanRow(*row));
            let wanted = if span.parent().is_none() { reads::wanted(span) } else { reads::Wanted::default() };
            let id = wanted.idempotency.or(wanted.request);
            let is_kept = id.is_none();
            named.extend(id.map(|id| ((call_of(span), id), *row)));
            is_kept
        });
        named.sort_by(|a, b| {
            let begin = |row: u32| (spans.span(SpanRow(row)).start(), spans.span(SpanRow(row)).id());
            a.0.cmp(&b.0).then_with(|| begin(a.1).cmp(&begin(b.1)))
        });
        for same in named.chunk_by(|a, b| a.0 == b.0) {
            self.group(same.iter().map(|(_, row)| spans.span(SpanRow(*row))));
        }
    }

    /// Takes candidates for one operation, by their start.
    fn group(&mut self, candidates: impl ExactSizeIterator<Item = SpanView<'a>>) {
        let is_alone = candidates.len() == 1;
        let mut open: Option<Open<'a>> = None;
        for span in candidates {
            let (result, status) = self.wording.ending(span);
            let next = if is_alone { Reading::alone(span, result) } else { Reading::of(span, result) };
            let joined = open.as_ref().and_then(|open| retries::relation(&open.last, &next, open.gap));
            if let (Some(grouping), Some(open)) = (joined, &mut open) {
                if open.last.is_unanswered() {
                    // What follows shows that its answer never came.
                    let unseen = self.wording.words.add("no answer");
                    self.calls.ended(AttemptResult::Unknown, unseen);
                }
                open.join(grouping);
                self.attempt(&next, result, status, grouping == Grouping::Hedge);
                if grouping == Grouping::Hedge && next.is_unanswered() {
                    let unseen = self.wording.words.add("no answer");
                    self.calls.ended(AttemptResult::Unknown, unseen);
                }
                open.take(next, grouping == Grouping::Hedge);
            } else {
                if let Some(done) = open.take() {
                    self.close(&done);
                }
                let (name, peer) = self.names(span);
                self.attempt(&next, result, status, false);
                open = Some(Open::new(next, name, peer));
            }
        }
        if let Some(done) = open {
            self.close(&done);
        }
    }

    /// Takes a call of gRPC with a span for each attempt.
    fn rpc(&mut self, call: SpanView<'a>, scope: &Scope) {
        let (spans, index) = (self.spans, self.index);
        let below = index.children(call.row().0).iter().map(|row| spans.span(SpanRow(*row)));
        let attempts: Vec<SpanView<'a>> =
            below.filter(|span| scope.spans[span.row().0 as usize] && span.name().starts_with(RPC_ATTEMPT)).collect();
        let Some(first) = attempts.first() else { return };
        let name = self.wording.words.add(call.name().trim_start_matches(RPC_CALL));
        let run = attempts.iter().find_map(|span| self.twins.runs(*span, spans, index).into_iter().next());
        let peer = match run {
            Some(run) => self.wording.service(run),
            None => self.wording.words.add(&reads::peer(call)),
        };
        let mut open: Option<Open<'a>> = None;
        for span in attempts.iter().copied() {
            let (result, status) = self.wording.ending(span);
            let next = Reading::of(span, result);
            // Hedged calls have attempts side by side.
            let hedge = open.as_ref().is_some_and(|open| retries::overlap(open.last.span, span));
            self.attempt(&next, result, status, hedge);
            match &mut open {
                Some(open) => {
                    open.join(if hedge { Grouping::Hedge } else { Grouping::Explicit });
                    open.take(next, hedge);
                }
                None => open = Some(Open::new(next, name, peer)),
            }
        }
        let Some(mut open) = open else { return };
        // Transparent retries are not among the numbers, so these bound nothing from above.
        open.highest = None;
        let caller = self.wording.service(*first);
        self.finish(caller, &open);
    }

    fn close(&mut self, done: &Open<'_>) {
        let caller = self.wording.service(done.last.span);
        self.finish(caller, done);
    }

    fn finish(&mut self, caller: Word, done: &Open<'_>) {
        let mut claimed = done.claimed;
        // By an idempotency key attempts of several clients are one operation, each of which counts for itself.
        if let Some((number, true)) = done.highest.filter(|_| done.last.wanted.idempotency.is_none()) {
            claimed.at_most = u16::try_from(number).unwrap_or(u16::MAX);
        }
        if u32::from(claimed.sent) <= done.tries + self.steps {
            claimed.sent = 0;
        }
        let Open { name, peer, grouping, .. } = *done;
        self.calls.operation(Asked { caller, name, peer, grouping, claimed });
    }

    fn attempt(&mut self, reading: &Reading<'a>, result: AttemptResult, status: Word, hedge: bool) {
        let (span, number) = (Some(reading.span.row()), reading.claims.number());
        self.calls.attempt(Tried { span, result, status, number, hedge });
        let runs = self.twins.runs(reading.span, self.spans, self.index);
        for run in &runs {
            let (result, status) = self.wording.ending(*run);
            self.calls.run(run.row(), result, status);
        }
        if runs.len() > 1 {
            self.calls.spread(spread(&runs));
        }
    }

    /// What was called, and whom: the callee's service when its span is there, else its address.
    fn names(&mut self, span: SpanView<'a>) -> (Word, Word) {
        let (method, url) = reads::request(span);
        let runs = self.twins.runs(span, self.spans, self.index);
        // Of several runs the one whose service was addressed: another one's may have a copy of the request.
        let is_addressed = |run: &&SpanView<'a>| {
            let peer = reads::peer(span);
            peer.split(['.', ':']).next() == Some(run.service())
        };
        let run = if runs.len() > 1 { runs.iter().find(is_addressed).or(runs.first()) } else { runs.first() }.copied();
        let host =
            if run.is_none() || (method.is_some() && url.is_none()) { reads::peer(span) } else { SmolStr::default() };
        let path = url.as_deref().map(|url| url.split_once("//").map_or(url, |(_, rest)| rest));
        let name = match (&method, path) {
            (Some(method), Some(path)) => self.wording.words.add(format_smolstr!("{method} {path}").trim()),
            (Some(method), None) => self.wording.words.add(format_smolstr!("{method} {host}").trim()),
            (None, _) => self.wording.words.add(span.name().trim()),
        };
        let peer = match run {
            Some(run) => self.wording.service(run),
            None => self.wording.words.add(&host),
        };
        (name, peer)
    }

    /// Server spans whose parent exists nowhere: calls whose client span was never ended (a timed-out JDK client under the
    /// Java agent), or died with its caller. The first is given to the span that it was made in where only one can be
    /// that; the others hang on what is missing.
    fn add_unseen_callers(&mut self, scope: &Scope) {
        let (spans, index) = (self.spans, self.index);
        let mut begun: Vec<Timestamp> = vec![Timestamp(i64::MAX); spans.traces().len()];
        for row in index.order.iter().filter(|row| scope.spans[**row as usize]) {
            let span = spans.span(SpanRow(*row));
            let first = &mut begun[span.trace_number() as usize];
            *first = span.start().min(*first);
        }
        let orphans = index.order.iter().filter(|row| scope.spans[**row as usize] && index.is_orphan(**row));
        for row in orphans.take(UNSEEN) {
            let span = spans.span(SpanRow(*row));
            // What comes first in its trace was called by somebody without instrumentation.
            if span.kind() != SpanKind::Server || span.start() <= begun[span.trace_number() as usize] {
                continue;
            }
            let known = enclosing(span, spans, index, scope);
            let caller = match known {
                Some(caller) => self.wording.service(caller),
                None => self.wording.words.add(MISSING),
            };
            let (name, peer) = (self.wording.name(span), self.wording.service(span));
            let is_same = |operation: Operation<'_>| {
                let mut runs = operation.attempts().flat_map(Attempt::executions);
                operation.wish().caller == caller
                    && runs.clone().any(|run| {
                        let other = spans.span(run.span);
                        other.trace() == span.trace() && other.service() == span.service() && other.name() == span.name()
                    })
                    && runs.all(|run| run.start.plus(run.duration) <= span.start() || span.start() < run.start)
                    // What follows a success is another call.
                    && operation.attempts().all(|known| known.result != AttemptResult::Succeeded || span.start() < known.start)
            };
            let same = known.and_then(|_| self.calls.unworded(spans).position(is_same));
            let (result, status) = self.wording.ending(span);
            let unseen = self.wording.words.add("no client span");
            let tried =
                Tried { span: None, result: AttemptResult::Unknown, status: unseen, number: None, hedge: false };
            self.calls.attempt(tried);
            self.calls.run(span.row(), result, status);
            let (grouping, claimed) = (Grouping::Single, Claimed::default());
            match same {
                Some(operation) => self.calls.join(operation, Grouping::Possible, spans),
                None => self.calls.operation(Asked { caller, name, peer, grouping, claimed }),
            }
        }
    }
}

/// Returns the span in which a call without a client span was made: the innermost one of another service of the same trace
/// that was under way when `span` began, if its instrumentation leaves out calls that were not answered, it was in no
/// other call, and nobody else was at work.
fn enclosing<'a>(span: SpanView<'_>, spans: &'a SpanStore, index: &Index, scope: &Scope) -> Option<SpanView<'a>> {
    let covers = |other: SpanView<'_>| other.start() <= span.start() && span.start() < other.end();
    let is_open = |other: &SpanView<'_>| {
        let works =
            matches!(other.kind(), SpanKind::Server | SpanKind::Consumer | SpanKind::Internal | SpanKind::Unspecified);
        covers(*other)
            && works
            && other.trace_number() == span.trace_number()
            && index.is_live(other.row().0)
            && scope.spans[other.row().0 as usize]
            && other.service() != span.service()
    };
    let open: Vec<SpanView<'a>> = spans.iter().filter(is_open).collect();
    let caller = *open.iter().max_by_key(|other| sort_key(**other))?;
    let above: Vec<u32> = index.ancestors(caller.row().0).collect();
    let is_alone = open.iter().all(|other| other.service() == caller.service() || above.contains(&other.row().0));
    let is_calling = || {
        let mut below = index.children(caller.row().0).iter().map(|row| spans.span(SpanRow(*row)));
        below.any(|child| child.kind() == SpanKind::Client && covers(child))
    };
    (reads::leaves_out_unanswered(caller) && is_alone && !is_calling()).then_some(caller)
}
