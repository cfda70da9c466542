//! Budgets: no request leaves without a lease, and leases come only from here.

use crate::config::Limits;
use crate::model::{Fault, FaultKind, SafeText, SourceKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What one investigation may still cost at one source.
#[derive(Debug)]
pub struct Budget {
    source: SourceKind,
    limits: Limits,
    deadline: Instant,
    cancel: CancellationToken,
    requests: AtomicU32,
    bytes: Arc<AtomicU64>,
    turns: Arc<Semaphore>,
}

/// The right to make one request. Holds one of the source's few turns until it is dropped.
#[derive(Debug)]
pub struct Lease {
    bytes: Arc<AtomicU64>,
    byte_limit: u64,
    deadline: Instant,
    cancel: CancellationToken,
    _turn: OwnedSemaphorePermit,
}

impl Budget {
    /// Returns a fresh budget whose deadline is `limits.timeout` from now. `cancel` ends everything under it.
    pub fn new(source: SourceKind, limits: &Limits, cancel: CancellationToken) -> Self {
        Self {
            source,
            deadline: Instant::now() + limits.timeout,
            cancel,
            requests: AtomicU32::new(0),
            bytes: Arc::new(AtomicU64::new(0)),
            turns: Arc::new(Semaphore::new(limits.at_once.max(1))),
            limits: limits.clone(),
        }
    }

    /// Waits for a turn and returns the right to make one request.
    ///
    /// The fault says which part of the budget is spent; it is an answer ("not asked"), not an error.
    pub async fn lease(&self) -> Result<Lease, Fault> {
        let turn = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(self.spent(FaultKind::Cancelled, "cancelled".into())),
            () = tokio::time::sleep_until(self.deadline) => {
                return Err(self.spent(FaultKind::BudgetSpent, format!("time budget of {:?} spent", self.limits.timeout)));
            }
            turn = Arc::clone(&self.turns).acquire_owned() => turn.expect("the semaphore is never closed"),
        };
        if self.requests.fetch_add(1, Ordering::Relaxed) >= self.limits.requests {
            self.requests.fetch_sub(1, Ordering::Relaxed);
            let why = format!("budget of {} requests spent", self.limits.requests);
            return Err(self.spent(FaultKind::BudgetSpent, why));
        }
        if self.bytes.load(Ordering::Relaxed) >= self.limits.bytes {
            return Err(self.spent(FaultKind::BudgetSpent, format!("budget of {} bytes spent", self.limits.bytes)));
        }
        Ok(Lease {
            bytes: Arc::clone(&self.bytes),
            byte_limit: self.limits.bytes,
            deadline: self.deadline.min(Instant::now() + self.limits.request_timeout),
            cancel: self.cancel.clone(),
            _turn: turn,
        })
    }

    /// Returns the requests made and the bytes received so far.
    pub fn used(&self) -> (u32, u64) {
        (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Returns the limits it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn spent(&self, kind: FaultKind, came: String) -> Fault {
        Fault {
            source: self.source,
            kind,
            asked: SafeText::own("not asked"),
            came: came.into(),
            hint: SafeText::own(
                "raise limits.requests or limits.bytes in the configuration, or narrow the question with --since or --source",
            ),
        }
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

    /// Counts received bytes; returns `false` when the budget of bytes is spent and reading must stop.
    #[must_use]
    pub fn receive(&self, bytes: u64) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.byte_limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(requests: u32) -> Budget {
        let limits = Limits { requests, bytes: 100, at_once: 1, ..Limits::default() };
        Budget::new(SourceKind::Loki, &limits, CancellationToken::new())
    }

    #[tokio::test(start_paused = true)]
    async fn a_spent_budget_is_a_fault_that_says_which_part() {
        let spent = budget(1);
        let first = spent.lease().await.expect("one request is allowed");
        assert!(first.receive(100) && !first.receive(1));
        drop(first);
        assert_eq!(spent.lease().await.map(drop).unwrap_err().came.as_str(), "budget of 1 requests spent");
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_waited_for_until_the_deadline_and_not_longer() {
        let busy = budget(9);
        let _held = busy.lease().await.expect("one request is allowed");
        assert_eq!(busy.lease().await.map(drop).unwrap_err().kind, FaultKind::BudgetSpent);
    }
}
