//! Budgets: no request leaves without a lease, and leases come only from here.
//!
//! A question has one purse. What it may cost in all and at each source alone is taken out of it under one lock, so that no
//! order of events takes more than there is. Half of it is kept in equal parts for the sources that take part, so that one that
//! floods takes nothing from the others' part. A spent budget is an answer ("not asked"), not an error.

use super::log::Log;
use crate::config::Limits;
use crate::model::{Exchange, Fault, FaultKind, Measure, Nanos, SafeText, SourceKind, Spent, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What one question may still cost, at all sources together and at each alone.
#[derive(Debug)]
pub struct Purse(Mutex<Accounts>);

#[derive(Debug)]
struct Accounts {
    /// Who takes part.
    sources: Vec<SourceKind>,
    all: Spent,
    each: [Spent; SourceKind::ALL.len()],
}

/// What one question may still cost at one source.
#[derive(Debug)]
pub struct Budget {
    source: SourceKind,
    purse: Arc<Purse>,
    limits: Limits,
    deadline: Instant,
    cancel: CancellationToken,
    turns: Arc<Semaphore>,
    log: Arc<Log>,
}

/// The right to make one request. Holds one of the source's few turns until it is dropped.
#[derive(Debug)]
pub struct Lease {
    source: SourceKind,
    purse: Arc<Purse>,
    deadline: Instant,
    cancel: CancellationToken,
    log: Arc<Log>,
    _turn: OwnedSemaphorePermit,
}

type Part = fn(&mut Spent) -> &mut Measure;

const REQUESTS: Part = |spent| &mut spent.requests;
const BYTES: Part = |spent| &mut spent.bytes;
const ROWS: Part = |spent| &mut spent.rows;

impl Purse {
    /// Returns a full purse for questions to these sources.
    pub fn new(limits: &Limits, sources: Vec<SourceKind>) -> Self {
        let purse = Self(Mutex::new(Accounts { sources, all: Spent::default(), each: Default::default() }));
        purse.allow(limits);
        purse
    }

    /// Sets other limits; what was used stays used.
    pub fn allow(&self, limits: &Limits) {
        let mut accounts = self.accounts();
        allow(&mut accounts.all, limits);
        for (spent, source) in accounts.each.iter_mut().zip(SourceKind::ALL) {
            allow(spent, &limits.of(source));
        }
    }

    /// Returns what all sources together have cost.
    pub fn all(&self) -> Spent {
        self.accounts().all
    }

    /// Returns what one source has cost.
    pub fn of(&self, source: SourceKind) -> Spent {
        self.accounts().each[place(source)]
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0.lock().expect("no holder panics")
    }

    /// Takes as much of `wanted` as there is, and returns how much that was.
    fn take(&self, source: SourceKind, part: Part, wanted: u64) -> u64 {
        let mut accounts = self.accounts();
        let granted = wanted.min(accounts.left(source, part));
        part(&mut accounts.all).used += granted;
        part(&mut accounts.each[place(source)]).used += granted;
        granted
    }

    fn left(&self, source: SourceKind, part: Part) -> u64 {
        self.accounts().left(source, part)
    }

    /// Returns which limit is spent: its name below `limits`, and what it allowed.
    fn spent(&self, source: SourceKind) -> Option<(String, String)> {
        let mut accounts = self.accounts();
        let (name, part) = [("requests", REQUESTS), ("bytes", BYTES), ("rows", ROWS)]
            .into_iter()
            .find(|(_, part)| accounts.left(source, *part) == 0)?;
        let (all, own) = (*part(&mut accounts.all), *part(&mut accounts.each[place(source)]));
        if own.left() == 0 && own.limit < all.limit {
            return Some((format!("{source}.{name}"), format!("budget of {} {name} for {source} spent", own.limit)));
        }
        let rest = if all.left() > 0 { ", but for what is kept for other sources" } else { "" };
        Some((name.to_owned(), format!("budget of {} {name} spent{rest}", all.limit)))
    }
}

impl Accounts {
    fn left(&mut self, source: SourceKind, part: Part) -> u64 {
        let all = *part(&mut self.all);
        let own = part(&mut self.each[place(source)]).left();
        let kept = all.limit / (2 * self.sources.len().max(1) as u64);
        let others = self.sources.iter().filter(|other| **other != source);
        let for_others: u64 = others.map(|other| kept.saturating_sub(part(&mut self.each[place(*other)]).used)).sum();
        all.left().saturating_sub(for_others).min(own)
    }
}

fn allow(spent: &mut Spent, limits: &Limits) {
    (spent.requests.limit, spent.bytes.limit, spent.rows.limit) = (limits.requests.into(), limits.bytes, limits.rows);
}

fn place(source: SourceKind) -> usize {
    SourceKind::ALL.iter().position(|known| *known == source).expect("ALL holds every kind")
}

impl Budget {
    /// Returns a budget of a question to one source alone. Its deadline is `limits.timeout` from now; `cancel` ends
    /// everything under it.
    pub fn new(source: SourceKind, limits: &Limits, cancel: CancellationToken) -> Self {
        let turns = Arc::new(Semaphore::new(limits.of(source).at_once.max(1)));
        Self::within(Arc::new(Purse::new(limits, vec![source])), (source, limits), (turns, Arc::default()), cancel)
    }

    /// Returns one source's part of a purse. The turns and the log are the source's own and outlive the question.
    pub fn within(
        purse: Arc<Purse>,
        (source, limits): (SourceKind, &Limits),
        (turns, log): (Arc<Semaphore>, Arc<Log>),
        cancel: CancellationToken,
    ) -> Self {
        let (whole, limits) = (limits.timeout, limits.of(source));
        Self { source, purse, deadline: Instant::now() + whole.min(limits.timeout), limits, cancel, turns, log }
    }

    /// Waits for a turn and returns the right to make one request. The fault says which part of the budget is spent.
    pub async fn lease(&self) -> Result<Lease, Fault> {
        let turn = tokio::select! {
            biased;
            () = self.cancel.cancelled() => {
                let hint = "ask again";
                return Err(self.not_asked(FaultKind::Cancelled, "cancelled".into(), hint.into()));
            }
            () = tokio::time::sleep_until(self.deadline) => {
                let why = format!("time budget of {:?} spent", self.limits.timeout);
                let hint = "raise limits.timeout (--timeout), or narrow the question with --since or --source";
                return Err(self.not_asked(FaultKind::BudgetSpent, why, hint.into()));
            }
            turn = Arc::clone(&self.turns).acquire_owned() => turn.expect("the semaphore is never closed"),
        };
        let is_empty = [BYTES, ROWS].into_iter().any(|part| self.purse.left(self.source, part) == 0);
        if is_empty || self.purse.take(self.source, REQUESTS, 1) == 0 {
            return Err(self.spent());
        }
        Ok(Lease {
            source: self.source,
            purse: Arc::clone(&self.purse),
            deadline: self.deadline.min(Instant::now() + self.limits.request_timeout),
            cancel: self.cancel.clone(),
            log: Arc::clone(&self.log),
            _turn: turn,
        })
    }

    /// Returns how many of so many decoded rows may be kept.
    #[must_use]
    pub fn rows(&self, rows: u64) -> u64 {
        self.purse.take(self.source, ROWS, rows)
    }

    /// Returns the fault of a budget of which a part is spent.
    pub fn spent(&self) -> Fault {
        let (name, why) = self.purse.spent(self.source).unwrap_or_else(|| ("requests".into(), "budget spent".into()));
        let hint =
            format!("raise limits.{name} (--budget {name}=..., b in the console), or narrow the question with --since");
        self.not_asked(FaultKind::BudgetSpent, why, hint)
    }

    /// Returns the requests made and the bytes received so far.
    pub fn used(&self) -> (u32, u64) {
        let spent = self.purse.of(self.source);
        (u32::try_from(spent.requests.used).unwrap_or(u32::MAX), spent.bytes.used)
    }

    /// Returns what the question has cost at its source so far.
    pub fn cost(&self) -> Spent {
        self.purse.of(self.source)
    }

    /// Returns how long is left for the whole question.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits until the person cancels; for `select!`.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Returns the limits that hold for its source.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the log that its requests are written to.
    pub fn log(&self) -> &Log {
        &self.log
    }

    fn not_asked(&self, kind: FaultKind, came: String, hint: String) -> Fault {
        Fault { source: self.source, kind, asked: SafeText::own("not asked"), came: came.into(), hint: hint.into() }
    }
}

impl Lease {
    /// Returns the instant at which the request must have ended.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns how long is left.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits until the person cancels; for `select!`.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Counts received bytes; returns `false` when the budget of bytes does not allow them all and reading must stop.
    #[must_use]
    pub fn receive(&self, bytes: u64) -> bool {
        self.admit(bytes) == bytes
    }

    /// Returns how many of so many received bytes may be read.
    #[must_use]
    pub fn admit(&self, bytes: u64) -> u64 {
        self.purse.take(self.source, BYTES, bytes)
    }

    /// Returns how many of so many decoded rows may be kept.
    #[must_use]
    pub fn rows(&self, rows: u64) -> u64 {
        self.purse.take(self.source, ROWS, rows)
    }

    /// Returns how many more rows may be decoded.
    pub fn rows_left(&self) -> u64 {
        self.purse.left(self.source, ROWS)
    }

    /// Begins a request that is written down when it ends, however that comes about. `request` is the line by which a person
    /// would make it.
    pub fn begin(&self, request: SafeText) -> Underway {
        let at = Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX));
        let status = SafeText::own("given up");
        let exchange = Exchange { source: self.source, request, at, took: Nanos(0), bytes: 0, rows: 0, status };
        Underway { log: Arc::clone(&self.log), begun: Instant::now(), exchange: Some(exchange) }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub struct Underway {
    log: Arc<Log>,
    begun: Instant,
    exchange: Option<Exchange>,
}

impl Underway {
    /// Ends it, and returns what is written down. Bytes are those of the answer's body.
    pub fn done(mut self, bytes: u64, rows: u64, status: SafeText) -> Exchange {
        let begun = self.exchange.take().expect("it ends once");
        let exchange = Exchange { took: self.took(), bytes, rows, status, ..begun };
        self.log.add(exchange.clone());
        exchange
    }

    fn took(&self) -> Nanos {
        Nanos(i64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.log.add(Exchange { took: self.took(), ..exchange });
        }
    }
}

#[cfg(test)]
mod tests;
