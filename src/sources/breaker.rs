//! A breaker per source: what failed again and again is left alone for a while, so that it costs no more waiting.
//!
//! Closed, it counts failures in a row; open, it refuses at once and says until when; then one question is let through,
//! and its outcome decides. Time comes in as an argument.

use crate::model::{BreakerState, Fault, FaultKind, Nanos, Reply, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// Failed questions in a row that open it.
const FAILURES: u32 = 4;
/// How long it stays open the first time; each further time twice as long.
const FIRST: Duration = Duration::from_secs(5);
/// How long it stays open at most.
const LONGEST: Duration = Duration::from_mins(1);
/// So long after a good answer, a source that calls a question an error of its own is believed to be well.
const RECENT: Duration = Duration::from_secs(30);

/// What stands for servers in trouble in the text of a 500: words of Go's network library, of gRPC and of storage drivers.
const TROUBLE: &[&str] = &[
    "connection refused",
    "connection reset",
    "broken pipe",
    "no such host",
    "i/o timeout",
    "timed out",
    "deadline exceeded",
    "code = Unavailable",
    "no hosts available",
    "no available connection",
    "no living connections",
    "too many open files",
    "out of memory",
];

/// The breaker of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// When it last answered.
    well: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    /// So many questions in a row failed.
    Counting(u32),
    /// Nothing is asked until then; it has been open for `wait`.
    Open { until: Instant, wait: Duration },
    /// One question is under way; another one may be let through at `until`, should the first never come back.
    Probing { until: Instant, wait: Duration },
}

/// What a question says about the health of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered.
    Well,
    /// It did not answer, or said that it cannot.
    Ill,
    /// It calls this question an error of its own. Jaeger answers 500 for what its storage refuses, also for what is the
    /// asker's mistake (Jaeger 2.13, `http_handler.go`), so this counts only when nothing else was answered lately.
    Suspect,
    /// Neither: refused, cancelled, over our own budget.
    Unknown,
}

impl Breaker {
    /// Says whether a question may be asked now, else how long from now one may.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.state {
            State::Closed | State::Counting(_) => Ok(()),
            State::Open { until, wait } | State::Probing { until, wait } if now >= until => {
                self.state = State::Probing { until: now + wait, wait };
                Ok(())
            }
            State::Open { until, .. } | State::Probing { until, .. } => Err(until - now),
        }
    }

    /// Hears the outcome of a question that was admitted.
    pub fn hear(&mut self, health: Health, now: Instant) {
        let is_recent = self.well.is_some_and(|well| now.saturating_duration_since(well) < RECENT);
        let health = match health {
            Health::Suspect if is_recent => Health::Unknown,
            Health::Suspect => Health::Ill,
            other => other,
        };
        if health == Health::Well {
            self.well = Some(now);
        }
        self.state = match (self.state, health) {
            (_, Health::Well) => State::Closed,
            // The one that was to find out has not: the next one may.
            (State::Probing { wait, .. }, Health::Unknown) => State::Open { until: now, wait },
            (same, Health::Unknown) => same,
            (State::Closed, _) => State::Counting(1),
            (State::Counting(count), _) if count + 1 < FAILURES => State::Counting(count + 1),
            (State::Counting(_), _) => State::Open { until: now + FIRST, wait: FIRST },
            (State::Probing { wait, .. }, _) => {
                let wait = (wait * 2).min(LONGEST);
                State::Open { until: now + wait, wait }
            }
            // Questions that were under way when it opened.
            (open @ State::Open { .. }, _) => open,
        };
    }

    /// Returns its state for people; `at` is the wall clock at `now`.
    pub fn state(&self, now: Instant, at: Timestamp) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Counting(failures) => BreakerState::Counting { failures },
            State::Open { until, wait } => {
                let nanos = |time: Duration| Nanos(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
                let left = nanos(until.saturating_duration_since(now));
                BreakerState::Open { until: at.plus(left), wait: nanos(wait) }
            }
            State::Probing { .. } => BreakerState::Probing,
        }
    }
}

impl Health {
    /// Reads it from an outcome.
    pub fn of<T>(outcome: &Result<T, Fault>) -> Self {
        let Err(fault) = outcome else { return Self::Well };
        let came = fault.came.as_str();
        match fault.kind {
            FaultKind::Unreachable | FaultKind::TimedOut => Self::Ill,
            FaultKind::Failed if came.starts_with("HTTP 500") => {
                if TROUBLE.iter().any(|words| came.contains(words)) {
                    Self::Ill
                } else {
                    Self::Suspect
                }
            }
            // 501 is a server that does not offer something.
            FaultKind::Failed if came.starts_with("HTTP 501") => Self::Unknown,
            FaultKind::Failed if ["HTTP 5", "HTTP 429"].iter().any(|status| came.starts_with(status)) => Self::Ill,
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
    use crate::model::{SafeText, SourceKind};
    use proptest::prelude::*;

    fn now() -> Instant {
        Instant::from_std(std::time::Instant::now())
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_question_find_out() {
        let (begin, at, mut breaker) = (now(), Timestamp(1_000), Breaker::default());
        for count in 0..FAILURES {
            let state = if count == 0 { BreakerState::Closed } else { BreakerState::Counting { failures: count } };
            assert_eq!(breaker.state(begin, at), state);
            assert_eq!(breaker.admit(begin), Ok(()));
            breaker.hear(Health::Ill, begin);
        }
        assert_eq!(
            breaker.state(begin, at),
            BreakerState::Open { until: Timestamp(5_000_001_000), wait: Nanos::from_secs(5) }
        );
        assert_eq!(breaker.admit(begin), Err(FIRST));
        let later = begin + FIRST;
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.state(later, at), BreakerState::Probing);
        assert_eq!(breaker.admit(later), Err(FIRST), "one question is enough to find out");
        breaker.hear(Health::Unknown, later);
        assert_eq!(breaker.admit(later), Ok(()), "the first one was cancelled, so another one finds out");
        breaker.hear(Health::Ill, later);
        assert_eq!(breaker.admit(later), Err(FIRST * 2));
        assert_eq!(breaker.admit(later + FIRST * 2), Ok(()));
        breaker.hear(Health::Well, later + FIRST * 2);
        assert_eq!(breaker.state(later, at), BreakerState::Closed);
    }

    #[test]
    fn what_a_storage_refuses_opens_nothing_while_other_questions_are_answered() {
        let fault = |came: &'static str| {
            let own = SafeText::own;
            Fault {
                source: SourceKind::Jaeger,
                kind: FaultKind::Failed,
                asked: own("GET"),
                came: own(came),
                hint: own(""),
            }
        };
        let cases = [
            ("HTTP 500: search depth must be greater than 0 and less than max traces", Health::Suspect),
            ("HTTP 500: cannot query for duration and tags simultaneously", Health::Suspect),
            ("HTTP 500: dial tcp 10.0.0.7:9042: connect: connection refused", Health::Ill),
            ("HTTP 500: context deadline exceeded", Health::Ill),
            ("HTTP 501: not implemented", Health::Unknown),
            ("HTTP 503", Health::Ill),
            ("HTTP 429: too many outstanding requests", Health::Ill),
            ("HTTP 400: malformed parameter", Health::Unknown),
        ];
        for (came, health) in cases {
            assert_eq!(Health::of::<()>(&Err(fault(came))), health, "{came}");
        }
        let opens = |first: Health| {
            let (at, mut breaker) = (now(), Breaker::default());
            breaker.hear(first, at);
            (0..20).any(|_| {
                breaker.hear(Health::Suspect, at);
                breaker.admit(at).is_err()
            })
        };
        assert_eq!((opens(Health::Well), opens(Health::Unknown)), (false, true));
    }

    proptest! {
        /// Whatever happens: it never refuses for longer than the longest wait, one good answer closes it, and fewer failures
        /// in a row than the limit never open it.
        #[test]
        fn it_is_bounded(steps in prop::collection::vec((0u64..90, 0u8..4), 1..60)) {
            let (mut at, mut breaker, mut row) = (now(), Breaker::default(), 0);
            for (seconds, outcome) in steps {
                at += Duration::from_secs(seconds);
                let was_open = matches!(breaker.state, State::Open { .. } | State::Probing { .. });
                if let Err(wait) = breaker.admit(at) {
                    prop_assert!(wait <= LONGEST && was_open);
                    continue;
                }
                let health = [Health::Well, Health::Ill, Health::Suspect, Health::Unknown][usize::from(outcome)];
                breaker.hear(health, at);
                match health {
                    Health::Well => row = 0,
                    Health::Ill | Health::Suspect => row += 1,
                    Health::Unknown => {}
                }
                if row == 0 {
                    prop_assert_eq!(breaker.admit(at), Ok(()));
                    if health == Health::Well {
                        prop_assert_eq!(breaker.state, State::Closed);
                    }
                }
                if row < FAILURES && !was_open {
                    let opened = matches!(breaker.state, State::Open { .. });
                    prop_assert!(!opened);
                }
            }
        }
    }
}
