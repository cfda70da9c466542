//! R09 repeated effect.
//!
//! # What it says
//! The same writing call succeeded more than once for one wish: a customer may be charged twice.
//! # Why it matters
//! The harm is outside the system and has to be put right by hand.
//! # How it is judged
//! Writing HTTP calls of one wish that ran at the callee to a good end twice or more, whatever the caller saw: attempts of
//! one call, runs behind one attempt, and calls to one address with one business key in several attempts or deliveries of
//! what is around them. A timed-out attempt whose run at the callee succeeded counts. Without a business key, and where
//! only the shape of calls joins them, it is only possible. Statements are left out: a transaction may have undone them.
//! # What it is mistaken for
//! A callee that recognises the repeat and answers without doing the work again; a loop over items, whose ids stand in
//! bodies that no span shows; mirrored traffic.
//! # Unknown when
//! The trace store did not answer in full, the runs at the callee of a repeated writing call are not visible, or equal
//! calls succeeded and nothing tells whether they were wanted once.

use crate::decode::ids;
use crate::diagnose::causes::{Around, Cause, Causes, Place, parents};
use crate::diagnose::{Rule, clear_if_seen};
use crate::model::journey::{
    Attempt, AttemptResult, EffectKind, EffectStatus, Execution, Fact, Grouping, Operation, Remark, Spread,
};
use crate::model::verdict::{Confidence, Severity};
use crate::model::{Case, Finding, SafeText, Signal, SpanRow, Verdict};
use foldhash::fast::FixedState;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher;

/// The rule.
pub const RULE: Rule =
    Rule { code: "R09", name: "repeated-effect", question: "Did the same effect happen twice?", check };

/// An effect that happened.
#[derive(Clone, Copy, Debug)]
struct Done {
    /// Hash of service, operation and business key.
    what: u64,
    operation: u32,
    /// The run at the callee; the client span where there is none.
    row: SpanRow,
    has_key: bool,
    /// Beside another run that may be a copy of it.
    is_beside: bool,
}

/// What the spans say about writing calls.
#[derive(Default)]
struct Seen {
    any: bool,
    done: Vec<Done>,
    /// A call that was tried again after an attempt of which nobody knows whether it was carried out.
    is_blind: bool,
}

fn check(case: &Case) -> Verdict {
    let mut seen = look(case);
    if !seen.any {
        return match clear_if_seen(case, &[Signal::Traces]) {
            Verdict::Clear => Verdict::NotApplicable,
            unknown => unknown,
        };
    }
    // Most writes are done once and say nothing.
    seen.done.sort_by_key(|done| (done.what, done.operation, done.row));
    let alone = |done: &[Done]| done.len() == 1;
    let again: Vec<&[Done]> = repeats(&seen.done).filter(|done| !alone(done)).collect();
    let (mut found, mut open) = (Vec::new(), None);
    if !again.is_empty() {
        let causes = Causes::of(case);
        let operations: Vec<Operation<'_>> = case.operations().collect();
        let judge = Judge { case, causes, operations };
        for done in again {
            judge.judge(done, &mut found, &mut open);
        }
    }
    if !found.is_empty() {
        return Verdict::Findings(innermost(case, found));
    }
    match open {
        Some(sentence) => Verdict::Unknown(sentence),
        None if seen.is_blind => Verdict::Unknown(SafeText::own(
            "a writing call timed out and was tried again; what ran at the callee is not visible",
        )),
        None => clear_if_seen(case, &[Signal::Traces]),
    }
}

/// Cuts what was done into what has one address and key.
fn repeats(done: &[Done]) -> impl Iterator<Item = &[Done]> {
    done.chunk_by(|a, b| a.what == b.what)
}

/// Reads the writing calls.
fn look(case: &Case) -> Seen {
    let effects = case.journey.effects.iter().filter(|effect| effect.kind == EffectKind::Call);
    let status: HashMap<SpanRow, EffectStatus, FixedState> =
        effects.map(|effect| (effect.span, effect.status)).collect();
    let hasher = FixedState::default();
    let mut seen = Seen::default();
    for (number, operation) in case.operations().enumerate() {
        let own = |attempt: &Attempt<'_>| {
            let row = attempt.span.or_else(|| attempt.executions().next().map(|run| run.span))?;
            status.get(&row).copied()
        };
        if operation.attempts().all(|attempt| own(&attempt).is_none()) {
            continue;
        }
        seen.any = true;
        let (mut is_unseen, mut first) = (false, None);
        for attempt in operation.attempts() {
            let state = own(&attempt).unwrap_or(EffectStatus::Unknown);
            let runs: Vec<Execution<'_>> = attempt.answers(operation.peer()).collect();
            is_unseen |= runs.is_empty() && state == EffectStatus::Unknown;
            let ended_well = runs.iter().filter(|run| run.result == AttemptResult::Succeeded);
            let rows: Vec<SpanRow> = if state == EffectStatus::Failed {
                Vec::new()
            } else if runs.is_empty() && state == EffectStatus::Succeeded {
                attempt.span.into_iter().collect()
            } else {
                ended_well.map(|run| run.span).collect()
            };
            for row in &rows {
                let span = case.spans.span(*row);
                let key = key_of(case, *row).or_else(|| key_of(case, attempt.span?));
                let place =
                    if runs.is_empty() { (operation.peer(), operation.name()) } else { (span.service(), span.name()) };
                let what = hasher.hash_one((place, &key));
                // Attempts are one wish, also where not all of them left the same spans.
                let is_apart = attempt.spread == Spread::Different;
                seen.done.push(Done {
                    what: if is_apart { what } else { *first.get_or_insert(what) },
                    operation: number as u32,
                    row: *row,
                    has_key: key.is_some(),
                    is_beside: rows.len() > 1 && attempt.spread == Spread::Parallel,
                });
            }
        }
        seen.is_blind |= is_unseen && operation.is_retried();
    }
    seen
}

/// Judges what was done several times.
struct Judge<'a> {
    case: &'a Case,
    causes: Causes,
    operations: Vec<Operation<'a>>,
}

impl Judge<'_> {
    fn judge(&self, done: &[Done], found: &mut Vec<Finding>, open: &mut Option<SafeText>) {
        let mut wishes: BTreeMap<u32, Vec<Done>> = BTreeMap::new();
        for each in done {
            wishes.entry(self.cause(each).wish).or_default().push(*each);
        }
        for done in wishes.values().filter(|done| done.len() > 1) {
            let operations: BTreeSet<u32> = done.iter().map(|each| each.operation).collect();
            let places: BTreeSet<Place> = done.iter().map(|each| self.cause(each).place).collect();
            if places.len() == 1 && self.differ_in_size(done) {
                continue;
            }
            let is_by_batch = places.iter().any(|place| self.is_batch(*place)) && !done[0].has_key;
            if done.iter().all(|each| each.is_beside) && operations.len() == 1 {
                self.cannot_tell(open, done, "side by side: mirrored or sent again, nothing tells");
            } else if operations.len() == 1 {
                found.push(self.finding(done, self.by_itself(done), false));
            } else if places.len() == 1 || is_by_batch {
                self.cannot_tell(
                    open,
                    done,
                    "one after the other: several things wanted or one several times, no span tells",
                );
            } else {
                let is_weak = done.iter().any(|each| self.cause(each).is_weak);
                found.push(self.finding(done, self.by_others(&places), is_weak));
            }
        }
        if wishes.len() > 1 {
            self.across(&wishes, found, open);
        }
    }

    /// Judges equal effects of calls with different causes.
    fn across(&self, wishes: &BTreeMap<u32, Vec<Done>>, found: &mut Vec<Finding>, open: &mut Option<SafeText>) {
        let all: Vec<Done> = wishes.values().flatten().copied().collect();
        let lost = |done: &&Done| matches!(self.cause(done).place, Place::Missing(_));
        let Some(known) = all.iter().find(|done| !lost(done)) else {
            return self.cannot_tell(open, &all, "under spans that are missing: one wish or several, nothing tells");
        };
        // What hangs on nothing, while a delivery before ended in nothing, was done in that one.
        if let Some(orphan) = all.iter().find(lost).filter(|orphan| self.was_cut_off(orphan, known)) {
            let by = "a delivery was cut off and the record delivered again";
            found.push(self.finding(&[*orphan, *known], by, false));
        } else if all.iter().any(|done| lost(&done)) {
            self.cannot_tell(open, &all, "one of them under a span that is missing: one wish or two, nothing tells");
        } else if known.has_key {
            let caller = |done: &Done| self.operations[done.operation as usize].caller();
            let mut callers: BTreeMap<&str, Vec<Done>> = BTreeMap::new();
            for done in &all {
                callers.entry(caller(done)).or_default().push(*done);
            }
            let causes = |done: &[Done]| done.iter().map(|each| self.cause(each).wish).collect::<BTreeSet<u32>>().len();
            if let Some(done) = callers.values().find(|done| causes(done) > 1) {
                self.cannot_tell(open, done, "for different requests or messages: one wish or several, nothing tells");
            }
        }
    }

    /// Says whether a run without a caller fits into a delivery that was cut off, of a message whose later delivery did
    /// the same.
    fn was_cut_off(&self, orphan: &Done, known: &Done) -> bool {
        let Some(Around::Delivery(message, _)) = self.outermost(known) else { return false };
        let Some(message) = self.case.journey.messages.get(message as usize) else { return false };
        let span = |row: SpanRow| self.case.spans.span(row);
        let (begun, again) = (span(orphan.row).start(), span(known.row).start());
        message.deliveries.iter().any(|delivery| {
            delivery.remarks.contains(&Remark::CutOff)
                && delivery.start <= begun
                && begun <= again
                && delivery.span.is_some_and(|row| span(row).trace() == span(orphan.row).trace())
        })
    }

    /// Says whether all of several calls have bodies of known sizes, no two of them equal.
    fn differ_in_size(&self, done: &[Done]) -> bool {
        let size = |done: &Done| {
            let operation = self.operations[done.operation as usize];
            let sent = operation.attempts().find_map(|attempt| attempt.span).and_then(|row| self.size(row));
            sent.or_else(|| self.size(done.row)).map(|size| (size, done.operation))
        };
        let sizes: BTreeSet<Option<(i64, u32)>> = done.iter().map(size).collect();
        let apart: BTreeSet<i64> = sizes.iter().flatten().map(|(size, _)| *size).collect();
        !sizes.contains(&None) && sizes.len() > 1 && apart.len() == sizes.len()
    }

    fn size(&self, row: SpanRow) -> Option<i64> {
        let span = self.case.spans.span(row);
        ["http.request.body.size", "http.request_content_length"]
            .iter()
            .find_map(|name| span.attribute(name)?.integer())
    }

    fn cause(&self, done: &Done) -> Cause {
        self.causes.cause(done.operation)
    }

    /// Returns the delivery around a call, or the outermost call around it.
    fn outermost(&self, done: &Done) -> Option<Around> {
        let (mut around, mut left) = (self.causes.around(self.cause(done).place)?, self.operations.len());
        while let Around::Operation(number) = around {
            left = left.checked_sub(1)?;
            match self.causes.around(self.causes.cause(number).place) {
                Some(above) => around = above,
                None => break,
            }
        }
        Some(around)
    }

    fn is_batch(&self, place: Place) -> bool {
        let Some(Around::Delivery(message, _)) = self.causes.around(place) else { return false };
        let message = self.case.journey.messages.get(message as usize);
        message.is_some_and(|message| {
            let mut own = message.deliveries.iter().filter(|each| each.span.map(Place::Inside) == Some(place));
            own.any(|delivery| delivery.remarks.contains(&Remark::Batch))
        })
    }

    /// Says why one call was done several times.
    fn by_itself(&self, done: &[Done]) -> &'static str {
        let operation = self.operations[done[0].operation as usize];
        if operation.hedges() > 0 {
            "it was sent twice to be faster"
        } else if operation.tries() > 1 {
            "the caller tried again"
        } else {
            "a proxy in between sent it again"
        }
    }

    /// Says what happened again around calls that were done several times.
    fn by_others(&self, places: &BTreeSet<Place>) -> &'static str {
        let of_deliveries = |place: &Place| matches!(self.causes.around(*place), Some(Around::Delivery(..)));
        if places.iter().all(of_deliveries) { "the message was delivered again" } else { "a call around it ran again" }
    }

    fn finding(&self, done: &[Done], by: &str, is_weak: bool) -> Finding {
        let operation = self.operations[done[0].operation as usize];
        let is_shape = operation.grouping() == Grouping::Possible && operation.tries() > 1;
        let is_likely = done[0].has_key && !is_shape && !is_weak;
        Finding {
            code: RULE.code,
            name: RULE.name,
            severity: if is_likely { Severity::Critical } else { Severity::Warn },
            confidence: if is_likely { Confidence::Likely } else { Confidence::Possible },
            sentence: SafeText::new(&format!("{} ({by})", self.words(done))),
            evidence: done.iter().map(|each| Fact::Span(each.row)).collect(),
            refuted_by: SafeText::own("the callee recognised the repeat: equal result ids, or a line that says so"),
            next: SafeText::own("compare the result ids at the callee and reconcile; check that the key is passed on"),
        }
    }

    fn words(&self, done: &[Done]) -> String {
        let operation = self.operations[done[0].operation as usize];
        let key = key_of(self.case, done[0].row)
            .or_else(|| key_of(self.case, operation.attempts().find_map(|attempt| attempt.span)?));
        let with = key.map_or(" without a visible business key".to_owned(), |key| format!(" for {key}"));
        format!("{} runs of {} at {} succeeded{with}", done.len(), operation.name(), operation.peer())
    }

    /// Notes the first thing that cannot be told.
    fn cannot_tell(&self, open: &mut Option<SafeText>, done: &[Done], why: &str) {
        open.get_or_insert_with(|| SafeText::new(&format!("{} ({why})", self.words(done))));
    }
}

/// Leaves out what only passed on to a callee whose runs are repeated too: that is one effect, told where it was done.
fn innermost(case: &Case, found: Vec<Finding>) -> Vec<Finding> {
    if found.len() == 1 {
        return found;
    }
    let parents = parents(case);
    let mut above: HashSet<u32> = HashSet::new();
    let rows = |finding: &Finding| {
        let rows =
            finding.evidence.iter().filter_map(|fact| if let Fact::Span(row) = fact { Some(row.0) } else { None });
        rows.collect::<Vec<u32>>()
    };
    for row in found.iter().flat_map(rows) {
        let mut at = row;
        while let Some(parent) = parents.get(at as usize).filter(|parent| (**parent as usize) < parents.len()) {
            // What is above this one was found from another row, or parents run in a circle.
            if !above.insert(*parent) {
                break;
            }
            at = *parent;
        }
    }
    found.into_iter().filter(|finding| !rows(finding).iter().all(|row| above.contains(row))).collect()
}

/// Returns the key of an effect: the idempotency key, else all things of the business that the span names.
fn key_of(case: &Case, row: SpanRow) -> Option<SmolStr> {
    let wanted = ids::wanted(case.spans.span(row));
    let things = || {
        let things: Vec<&str> = wanted.business.iter().map(|(_, value)| value.as_str()).collect();
        (!things.is_empty()).then(|| SmolStr::from(things.join(", ")))
    };
    wanted.idempotency.clone().or_else(things)
}
