//! Retries: whether one call of a caller tries again what the one before failed to do, and how sure that is.
//!
//! The look-alikes decide: a loop over items, pages, redirects, a login, a poll, a hedge and an optimistic lock all make
//! equal calls one after the other.

use super::reads::{self, Claims, Text, Wanted};
use crate::model::journey::{AttemptResult, Grouping};
use crate::model::spans::SpanView;
use crate::model::{Nanos, SpanStatus};
use smol_str::SmolStr;

/// Shorter gaps are not waited on purpose: the next item of a loop comes at once, a retry after a back-off.
const BACK_OFF: Nanos = Nanos(15_000_000);

/// What two client spans of one parent must share to be candidates for one operation: service, method or name, path with
/// query, host or peer, and the idempotency key.
pub(super) type Call<'a> = (&'a str, Text<'a>, Option<SmolStr>, SmolStr, Option<SmolStr>);

/// A call, as far as grouping looks at it.
#[derive(Clone)]
pub(super) struct Reading<'a> {
    pub span: SpanView<'a>,
    pub result: AttemptResult,
    pub claims: Claims,
    pub wanted: Wanted,
    code: Option<i64>,
}

impl<'a> Reading<'a> {
    pub fn of(span: SpanView<'a>, result: AttemptResult) -> Self {
        Self { wanted: reads::wanted(span), ..Self::alone(span, result) }
    }

    /// Reads a call that there is nothing to compare with, as most are: what it was for is left out, unless it counts.
    pub fn alone(span: SpanView<'a>, result: AttemptResult) -> Self {
        let claims = reads::claims(span);
        let wanted = if claims.number().is_some() { reads::wanted(span) } else { Wanted::default() };
        Self { span, result, claims, wanted, code: reads::status_code(span) }
    }

    /// Says whether the answer never came: a request that was cut off leaves a span without status and without error.
    pub fn is_unanswered(&self) -> bool {
        self.code.is_none() && self.span.status() != SpanStatus::Error && reads::request(self.span).0.is_some()
    }

    /// Says whether it was answered well, so that nothing is left to try again.
    pub fn ended_well(&self) -> bool {
        self.result == AttemptResult::Succeeded && !self.is_unanswered()
    }

    /// Says whether the caller gave it up.
    fn is_cancelled(&self) -> bool {
        let says_so = || {
            let text = reads::error(self.span).unwrap_or_default().to_ascii_lowercase();
            text.contains("cancel") || text.contains("abort")
        };
        let by_status = || matches!(reads::rpc_status(self.span).as_deref(), Some("1" | "CANCELLED"));
        self.is_unanswered() || self.code == Some(499) || self.code.is_none() && (says_so() || by_status())
    }

    /// Says whether it failed in a way that a second try may mend. A client's own mistake, a lock that another one was
    /// quicker to take and a thing that is not there (yet) are asked for again for other reasons.
    fn is_worth_another_try(&self) -> bool {
        match (self.result, self.code) {
            (AttemptResult::TimedOut, _) => true,
            (AttemptResult::Failed, Some(code)) => code >= 500 || matches!(code, 408 | 425 | 429),
            (AttemptResult::Failed, None) => {
                reads::rpc_status(self.span).is_none_or(|status| !REFUSALS.contains(&&*status))
            }
            (AttemptResult::Succeeded | AttemptResult::Unknown, _) => false,
        }
    }
}

/// Says whether an answer asks for another step: credentials, or another address.
pub(super) fn asks_for_another_step(code: Option<i64>) -> bool {
    code.is_some_and(|code| matches!(code, 401 | 407) || (300..400).contains(&code))
}

/// Statuses of gRPC that a repetition does not mend, by number and by word: invalid argument, not found, already exists,
/// permission denied, failed precondition, aborted (by another one's transaction), out of range, unimplemented,
/// unauthenticated.
const REFUSALS: &[&str] = &[
    "3",
    "5",
    "6",
    "7",
    "9",
    "10",
    "11",
    "12",
    "16",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "UNAUTHENTICATED",
];

/// Returns what a call is compared by.
pub(super) fn call_of(span: SpanView<'_>) -> Call<'_> {
    let (method, url) = reads::request(span);
    let (place, path) = url.as_deref().map_or(("", None), |url| {
        let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
        let at = rest.find('/').unwrap_or(rest.len());
        (&rest[..at], Some(SmolStr::from(&rest[at..])))
    });
    // One of several addresses of a peer is no peer of its own.
    let is_address = place.trim_start_matches('[').starts_with(|c: char| c.is_ascii_digit() || c == ':');
    let peer = match &path {
        Some(_) if !is_address => place.into(),
        Some(_) => SmolStr::default(),
        None => reads::peer(span),
    };
    let wanted = reads::wanted(span);
    (span.service(), method.unwrap_or_else(|| span.name().into()), path, peer, wanted.idempotency)
}

/// Says whether `next` belongs to the operation of `last`, and by what; `gap` is the wait before `last`.
pub(super) fn relation(last: &Reading<'_>, next: &Reading<'_>, gap: Option<Nanos>) -> Option<Grouping> {
    if last.wanted.differs(&next.wanted) {
        return None;
    }
    let is_keyed = last.wanted.idempotency.is_some() && last.wanted.idempotency == next.wanted.idempotency;
    let known = identity(last, next);
    if overlap(last.span, next.span) {
        if is_hedge(last, next) && (is_keyed || known != Known::Nothing) {
            return Some(Grouping::Hedge);
        }
        return is_keyed.then_some(Grouping::Explicit);
    }
    if is_keyed {
        return Some(Grouping::Explicit);
    }
    if asks_for_another_step(last.code) {
        return None;
    }
    let was_cut_off = last.is_unanswered() && !next.is_unanswered();
    let failed = last.is_worth_another_try() || was_cut_off;
    match (last.claims.number(), next.claims.number()) {
        // A sequence that begins again is another wish.
        (Some(before), Some(number)) if number <= before => return None,
        (Some(before), None) if before > 1 => return None,
        (_, Some(number)) if number > 1 => {
            let is_told = failed || last.result == AttemptResult::Failed;
            return is_told.then_some(Grouping::Explicit);
        }
        _ => {}
    }
    if !failed || matches!((reads::body_size(last.span), reads::body_size(next.span)), (Some(a), Some(b)) if a != b) {
        return None;
    }
    let wait = next.span.start().since(last.span.end());
    // Equal or growing, with room for jitter.
    let backs_off = wait >= BACK_OFF && gap.is_none_or(|gap| wait.0.saturating_mul(2) >= gap.0);
    match known {
        Known::Whole => Some(Grouping::Strong),
        // A loop over items that stand in bodies looks the same, waits included.
        Known::Address => Some(Grouping::Possible),
        Known::Nothing => backs_off.then_some(Grouping::Possible),
    }
}

/// What is known to be equal of two calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// All that tells calls apart.
    Whole,
    /// The address, while the thing may stand in the body.
    Address,
    /// Nothing but names.
    Nothing,
}

fn identity(last: &Reading<'_>, next: &Reading<'_>) -> Known {
    if last.wanted.is_same(&next.wanted) {
        return Known::Whole;
    }
    let (method, url) = reads::request(next.span);
    match (method.as_deref(), url) {
        (_, None) => Known::Nothing,
        // Values that instrumentations hide tell nothing apart.
        (_, Some(url)) if url.contains("REDACTED") || url.contains("Redacted") || url.contains("=*") => Known::Nothing,
        (Some("POST"), Some(_)) => Known::Address,
        _ => Known::Whole,
    }
}

/// A twentieth of the shorter one is measuring noise; more means that both were under way.
pub(super) fn overlap(first: SpanView<'_>, second: SpanView<'_>) -> bool {
    let shared = first.end().min(second.end()).since(second.start()).0;
    shared > first.duration().0.min(second.duration().0) / 20
}

/// Says whether one of two calls at the same time was given up when the other one was answered well. When calls of a
/// fan-out are given up because one failed, none was answered well.
pub(super) fn is_hedge(one: &Reading<'_>, other: &Reading<'_>) -> bool {
    let (won, lost) = match (one.is_cancelled(), other.is_cancelled()) {
        (true, false) => (other, one),
        (false, true) => (one, other),
        _ => return false,
    };
    let noise = lost.span.duration().0 / 20;
    won.result == AttemptResult::Succeeded && lost.span.end().0 + noise >= won.span.end().0
}
