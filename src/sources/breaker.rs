//! A breaker per source: what failed again and again is left alone for a while, so that it costs no more waiting.
//!
//! Closed, it counts failures in a row; open, it refuses at once and says until when; then one question is let through,
//! and its outcome decides. Time comes in as an argument.

use crate::model::{Fault, FaultKind, Reply};
use std::time::Duration;
use tokio::time::Instant;

/// Failed questions in a row that open it.
const FAILURES: u32 = 4;
/// How long it stays open the first time; each further time twice as long.
const FIRST: Duration = Duration::from_secs(5);
/// How long it stays open at most.
const LONGEST: Duration = Duration::from_mins(1);

/// The state of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breaker {
    /// Everything is asked.
    #[default]
    Fine,
    /// So many questions in a row failed; everything is asked still.
    Counting(u32),
    /// Nothing is asked until then.
    Open {
        /// When one question is let through.
        until: Instant,
        /// How long it has been open for.
        wait: Duration,
    },
    /// One question is under way, to find out.
    Probing {
        /// When another one may be let through, should the first never come back.
        until: Instant,
        /// How long it had been open for.
        wait: Duration,
    },
}

/// What a question says about the health of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered.
    Well,
    /// It did not answer, or said that it cannot.
    Ill,
    /// Neither: refused, cancelled, over our own budget.
    Unknown,
}

impl Breaker {
    /// Says whether a question may be asked now, else how long from now one may.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match *self {
            Self::Fine | Self::Counting(_) => Ok(()),
            Self::Open { until, wait } | Self::Probing { until, wait } if now >= until => {
                *self = Self::Probing { until: now + wait, wait };
                Ok(())
            }
            Self::Open { until, .. } | Self::Probing { until, .. } => Err(until - now),
        }
    }

    /// Hears the outcome of a question that was admitted.
    pub fn hear(&mut self, health: Health, now: Instant) {
        *self = match (*self, health) {
            (_, Health::Well) => Self::Fine,
            (same, Health::Unknown) => same,
            (Self::Fine, Health::Ill) => Self::Counting(1),
            (Self::Counting(count), Health::Ill) if count + 1 < FAILURES => Self::Counting(count + 1),
            (Self::Counting(_), Health::Ill) => Self::Open { until: now + FIRST, wait: FIRST },
            (Self::Probing { wait, .. }, Health::Ill) => {
                let wait = (wait * 2).min(LONGEST);
                Self::Open { until: now + wait, wait }
            }
            // Questions that were under way when it opened.
            (open @ Self::Open { .. }, Health::Ill) => open,
        };
    }
}

impl Health {
    /// Reads it from an outcome.
    pub fn of<T>(outcome: &Result<T, Fault>) -> Self {
        let Err(fault) = outcome else { return Self::Well };
        match fault.kind {
            FaultKind::Unreachable | FaultKind::TimedOut => Self::Ill,
            FaultKind::Failed
                if ["HTTP 5", "HTTP 429"].iter().any(|status| fault.came.as_str().starts_with(status)) =>
            {
                Self::Ill
            }
            // A mistake of ours or of the person says nothing about the server but that it is there.
            FaultKind::Failed | FaultKind::Damaged | FaultKind::Unsupported | FaultKind::Refused => Self::Unknown,
            FaultKind::TooLarge | FaultKind::BudgetSpent | FaultKind::Cancelled | FaultKind::NotConfigured => {
                Self::Unknown
            }
        }
    }

    /// Reads it from a reply.
    pub fn of_reply(reply: &Reply) -> Self {
        Self::of(&reply.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Instant {
        Instant::from_std(std::time::Instant::now())
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_question_find_out() {
        let (begin, mut breaker) = (now(), Breaker::default());
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(begin), Ok(()));
            breaker.hear(Health::Ill, begin);
        }
        assert_eq!(breaker.admit(begin), Err(FIRST));
        let later = begin + FIRST;
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.admit(later), Err(FIRST), "one question is enough to find out");
        breaker.hear(Health::Ill, later);
        assert_eq!(breaker.admit(later), Err(FIRST * 2));
        assert_eq!(breaker.admit(later + FIRST * 2), Ok(()));
        breaker.hear(Health::Well, later + FIRST * 2);
        assert_eq!(breaker, Breaker::Fine);
    }

    proptest! {
        /// Whatever happens: it never refuses for longer than the longest wait, one good answer closes it, and fewer failures
        /// in a row than the limit never open it.
        #[test]
        fn it_is_bounded(steps in prop::collection::vec((0u64..90, 0u8..3), 1..60)) {
            let (mut at, mut breaker, mut row) = (now(), Breaker::default(), 0);
            for (seconds, outcome) in steps {
                at += Duration::from_secs(seconds);
                let was_open = matches!(breaker, Breaker::Open { .. } | Breaker::Probing { .. });
                if let Err(wait) = breaker.admit(at) {
                    prop_assert!(wait <= LONGEST && was_open);
                    continue;
                }
                let health = [Health::Well, Health::Ill, Health::Unknown][usize::from(outcome)];
                breaker.hear(health, at);
                match health {
                    Health::Well => row = 0,
                    Health::Ill => row += 1,
                    Health::Unknown => {}
                }
                if row == 0 {
                    prop_assert_eq!(breaker.admit(at), Ok(()));
                    if health == Health::Well {
                        prop_assert_eq!(breaker, Breaker::Fine);
                    }
                }
                if row < FAILURES && !was_open {
                    let opened = matches!(breaker, Breaker::Open { .. });
                    prop_assert!(!opened);
                }
            }
        }
    }
}
