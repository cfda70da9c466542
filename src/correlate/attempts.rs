//! Calls: which client spans are attempts of one operation, what ran at the callee, and which layers enclose which.

use super::index::{Index, sort_key};
use super::reads;
use super::scope::Scope;
use super::wording::Wording;
use crate::decode::attributes::Text;
use crate::model::journey::{Attempt, AttemptResult, Calls, Grouping, Operation, Word};
use crate::model::spans::SpanView;
use crate::model::{SpanKind, SpanRow, SpanStore};
use smol_str::{SmolStr, format_smolstr};

/// Orphans looked at: with more of them whole parts of a trace are missing, not single client spans.
const UNSEEN: usize = 256;

/// What calls are found in, and where they are written to.
struct Finder<'a> {
    spans: &'a SpanStore,
    index: &'a Index,
    wording: &'a mut Wording,
    calls: Calls,
}

/// An operation whose attempts are still being added.
struct Open<'a> {
    last: SpanView<'a>,
    result: AttemptResult,
    name: Word,
    peer: Word,
    grouping: Grouping,
    claimed: u32,
}

/// What two client spans of one parent must share to be candidates for one operation.
type Call<'a> = (&'a str, Text<'a>, Option<Text<'a>>, SmolStr);

/// Finds the calls of the scope, in order of their first attempt.
pub(super) fn operations(spans: &SpanStore, index: &Index, scope: &Scope, wording: &mut Wording) -> Calls {
    let mut finder = Finder { spans, index, wording, calls: Calls::default() };
    let mut calls: Vec<u32> = Vec::new();
    let is_wanted = |row: &u32| {
        let span = spans.span(SpanRow(*row));
        scope.spans[*row as usize] && span.kind() == SpanKind::Client && is_call(span, spans, index)
    };
    for parent in &index.order {
        calls.clear();
        calls.extend(index.children(*parent).iter().copied().filter(is_wanted));
        finder.siblings(&calls);
    }
    let mut alone: Vec<u32> =
        index.order.iter().copied().filter(|row| index.parent(*row).is_none()).filter(is_wanted).collect();
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

fn call_of(span: SpanView<'_>) -> Call<'_> {
    let (method, url) = reads::request(span);
    let peer = if url.is_some() { SmolStr::default() } else { reads::peer(span) };
    (span.service(), method.unwrap_or_else(|| span.name().into()), url, peer)
}

impl<'a> Finder<'a> {
    /// Takes the calls of one parent, by their start.
    fn siblings(&mut self, rows: &[u32]) {
        let spans = self.spans;
        if rows.len() < 2 {
            return self.group(rows.iter().map(|row| spans.span(SpanRow(*row))));
        }
        let mut calls: Vec<(Call<'a>, u32)> =
            rows.iter().map(|row| (call_of(spans.span(SpanRow(*row))), *row)).collect();
        // The order of start stays within each call.
        calls.sort_by(|a, b| a.0.cmp(&b.0));
        for same in calls.chunk_by(|a, b| a.0 == b.0) {
            self.group(same.iter().map(|(_, row)| spans.span(SpanRow(*row))));
        }
    }

    /// Takes candidates for one operation, by their start.
    fn group(&mut self, candidates: impl Iterator<Item = SpanView<'a>>) {
        let mut open: Option<Open<'a>> = None;
        for span in candidates {
            let (result, status) = self.wording.ending(span);
            let joined = open.as_ref().and_then(|open| joins(open.last, span, open.result));
            if let (Some(grouping), Some(open)) = (joined, &mut open) {
                // The weakest join decides how sure the whole group is.
                let known = open.grouping;
                open.grouping = if known == Grouping::Single { grouping } else { known.max(grouping) };
                (open.last, open.result) = (span, result);
            } else {
                if let Some(done) = open.take() {
                    self.close(&done);
                }
                let (name, peer) = self.names(span);
                open = Some(Open { last: span, result, name, peer, grouping: Grouping::Single, claimed: 0 });
            }
            self.attempt(span, result, status);
            if let (Some(count), Some(open)) = (reads::resend_count(span), &mut open) {
                open.claimed = open.claimed.max(count.saturating_add(1));
            }
        }
        if let Some(done) = open {
            self.close(&done);
        }
    }

    fn close(&mut self, done: &Open<'_>) {
        let caller = self.wording.service(done.last);
        self.calls.operation(caller, done.name, done.peer, done.grouping, done.claimed);
    }

    fn attempt(&mut self, span: SpanView<'a>, result: AttemptResult, status: Word) {
        self.calls.attempt(Some(span.row()), result, status);
        for run in runs(span, self.spans, self.index) {
            let (result, status) = self.wording.ending(run);
            self.calls.run(run.row(), result, status);
        }
    }

    /// What was called, and whom: the callee's service when its span is there, else its address.
    fn names(&mut self, span: SpanView<'a>) -> (Word, Word) {
        let (method, url) = reads::request(span);
        let run = runs(span, self.spans, self.index).next();
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

    /// Server spans whose parent exists nowhere, while another service's span encloses their start: calls whose client
    /// span was never ended (a timed-out JDK client under the Java agent).
    fn add_unseen_callers(&mut self, scope: &Scope) {
        let (spans, index) = (self.spans, self.index);
        let orphans = index.order.iter().filter(|row| scope.spans[**row as usize] && index.is_orphan(**row));
        for row in orphans.take(UNSEEN) {
            let span = spans.span(SpanRow(*row));
            if span.kind() != SpanKind::Server {
                continue;
            }
            let Some(caller) = enclosing(span, spans, index, scope) else { continue };
            let caller = self.wording.service(caller);
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
            let same = self.calls.unworded(spans).position(is_same);
            let (result, status) = self.wording.ending(span);
            let unseen = self.wording.words.add("no client span");
            self.calls.attempt(None, AttemptResult::Unknown, unseen);
            self.calls.run(span.row(), result, status);
            match same {
                Some(operation) => self.calls.join(operation, Grouping::Possible, spans),
                None => self.calls.operation(caller, name, peer, Grouping::Single, 0),
            }
        }
    }
}

/// What ran at the callee of a client span, by start.
fn runs<'a>(span: SpanView<'_>, spans: &'a SpanStore, index: &'a Index) -> impl Iterator<Item = SpanView<'a>> {
    let children = index.children(span.row().0).iter().map(|row| spans.span(SpanRow(*row)));
    children.filter(|child| child.kind() == SpanKind::Server)
}

/// Says whether `next` tries again what `last` failed to do, and how sure that is.
fn joins(last: SpanView<'_>, next: SpanView<'_>, result: AttemptResult) -> Option<Grouping> {
    if !matches!(result, AttemptResult::Failed | AttemptResult::TimedOut) {
        return None;
    }
    let overlap = last.end().since(next.start()).0;
    let shorter = last.duration().0.min(next.duration().0);
    // A twentieth of the shorter one is measuring noise; more means that both were under way: a hedge or a fan-out.
    if overlap > shorter / 20 {
        return None;
    }
    // 401 is answered by sending credentials, 3xx by a new address: neither is a retry of a failure.
    if reads::status_code(last).is_some_and(|code| code == 401 || (300..400).contains(&code)) {
        return None;
    }
    if reads::resend_count(next).is_some_and(|count| count > 0) {
        return Some(Grouping::Explicit);
    }
    match (reads::body_identity(last), reads::body_identity(next)) {
        (Some(a), Some(b)) if a != b => return None,
        _ => {}
    }
    Some(if reads::request(next).1.is_some() { Grouping::Strong } else { Grouping::Possible })
}

/// Returns the innermost span of another service of the same trace that was under way when `span` began.
fn enclosing<'a>(span: SpanView<'_>, spans: &'a SpanStore, index: &Index, scope: &Scope) -> Option<SpanView<'a>> {
    spans
        .iter()
        .filter(|other| {
            other.start() <= span.start()
                && span.start() < other.end()
                && other.trace_number() == span.trace_number()
                && matches!(
                    other.kind(),
                    SpanKind::Server | SpanKind::Consumer | SpanKind::Internal | SpanKind::Unspecified
                )
                && index.is_live(other.row().0)
                && scope.spans[other.row().0 as usize]
                && other.service() != span.service()
        })
        .max_by_key(|other| sort_key(*other))
}

/// Counts for each operation the retrying operations around it, parents before children.
fn layers(calls: &mut Calls, spans: &SpanStore, index: &Index) {
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
