//! Which failed requests are worth another try, and how long to wait before it.
//!
//! Everything asked here reads, so a second try does no harm; it must be worth its cost all the same. What the server
//! judged (400, 401, 403, 404, 500, 501) it would judge again.

use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Tries after the first one.
const EXTRA: u32 = 2;
/// The longest wait before the first of them when the server names none; it doubles.
const FIRST: Duration = Duration::from_millis(250);

/// The tries of one request.
#[derive(Debug, Default)]
pub(super) struct Retries {
    made: u32,
}

impl Retries {
    /// Returns how long to wait before the next try, or nothing when there should be none.
    ///
    /// `asked` is the wait that the server asks for, `left` the time that the question has. A server that asks for more than
    /// there is gets no further request.
    pub(super) fn next(&mut self, asked: Option<Duration>, left: Duration) -> Option<Duration> {
        if self.made == EXTRA {
            return None;
        }
        let wait = asked.unwrap_or_default().max(jitter(FIRST * 2u32.pow(self.made), random()));
        if wait >= left {
            return None;
        }
        self.made += 1;
        Some(wait)
    }
}

/// Says whether an answer with this status may be another one in a moment. A query that took too long takes as long again.
pub(super) fn is_worth(status: u16, text: &str) -> bool {
    let is_slow = || ["request timed out", "deadline exceeded"].iter().any(|words| text.contains(words));
    matches!(status, 429 | 502 | 503 | 504) && !is_slow()
}

/// Reads `Retry-After`: seconds, or a date by the server's own clock where it tells that. What is negative or in the past is
/// no wait; what is no time at all is not asked for.
pub(super) fn asked_wait(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(digits) = text.strip_prefix('-').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return (!digits.is_empty()).then_some(Duration::ZERO);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let until = instant(headers.get(RETRY_AFTER)?)?;
    let now = headers.get(DATE).and_then(instant).unwrap_or(now);
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or(0)))
}

/// Reads a date of HTTP, in seconds.
pub(super) fn instant(value: &HeaderValue) -> Option<i64> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.to_str().ok()?).ok()?;
    Some(at.as_second())
}

/// Full jitter: any wait up to `most`, so that clients that failed together do not come back together.
fn jitter(most: Duration, random: u64) -> Duration {
    most.mul_f64(random as f64 / u64::MAX as f64)
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::model::SourceKind;
    use crate::sources::lease::Budget;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    const NOW: i64 = 1_795_000_000;

    fn asked(retry_after: &'static str, date: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
        if !date.is_empty() {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        asked_wait(&headers, NOW)
    }

    #[test]
    fn waits_that_servers_ask_for_are_read() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let cases = [
            ("7", "", seconds(7)),
            (" 0 ", "", seconds(0)),
            ("-5", "", seconds(0)),
            ("99999999999999999999999", "", Some(Duration::MAX)),
            ("soon", "", None),
            ("", "", None),
            ("-", "", None),
            ("1.5", "", None),
            // The server's own clock counts, whatever ours says.
            ("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", seconds(30)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", seconds(0)),
            ("Wed, 21 Oct 2015 07:28:30 GMT", "", seconds(0)),
        ];
        for (retry_after, date, wanted) in cases {
            assert_eq!(asked(retry_after, date), wanted, "{retry_after} at {date}");
        }
    }

    #[test]
    fn only_what_may_change_is_tried_again() {
        for status in [429, 502, 503, 504] {
            assert!(is_worth(status, ""), "{status}");
        }
        for status in [200, 204, 301, 400, 401, 403, 404, 413, 500, 501] {
            assert!(!is_worth(status, ""), "{status}");
        }
        assert!(!is_worth(504, "request timed out, decrease the duration"));
        assert!(!is_worth(503, "context deadline exceeded"));
    }

    /// Makes requests that all fail, and returns how many were made and how long that took.
    async fn tries(asked: Option<Duration>, limits: &Limits) -> (u32, Duration) {
        let budget = Budget::new(SourceKind::Loki, limits, CancellationToken::new());
        let (begun, mut retries) = (Instant::now(), Retries::default());
        while budget.lease().await.is_ok() {
            let Some(wait) = retries.next(asked, budget.time_left()) else { break };
            tokio::time::sleep(wait).await;
        }
        (budget.used().0, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_few_their_waits_are_bounded_and_the_server_is_listened_to() {
        let seconds = Duration::from_secs;
        let few = |requests| Limits { requests, timeout: seconds(30), ..Limits::default() };
        // What the server asks for, requests allowed; requests made, shortest and longest time.
        let cases = [
            (None, few(9), 3, seconds(0), FIRST * 3),
            (Some(seconds(0)), few(9), 3, seconds(0), FIRST * 3),
            (Some(seconds(5)), few(9), 3, seconds(10), seconds(10)),
            // The second wait would end after the question.
            (Some(seconds(20)), few(9), 2, seconds(20), seconds(20)),
            (Some(seconds(31)), few(9), 1, seconds(0), seconds(0)),
            (Some(Duration::MAX), few(9), 1, seconds(0), seconds(0)),
            // Tries are paid for like any request.
            (None, few(2), 2, seconds(0), FIRST * 3),
        ];
        for (asked, limits, made, least, most) in cases {
            let (tries, took) = tries(asked, &limits).await;
            assert_eq!(tries, made, "{asked:?}");
            // The paused clock rounds each wait up to a millisecond.
            assert!(least <= took && took <= most + Duration::from_millis(4), "{asked:?}: {took:?}");
        }
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        assert_eq!((jitter(FIRST, 0), jitter(FIRST, u64::MAX)), (Duration::ZERO, FIRST));
        let waits: std::collections::BTreeSet<Duration> = (0..32).map(|_| jitter(FIRST, random())).collect();
        assert!(waits.len() > 16, "{waits:?}");
    }
}
