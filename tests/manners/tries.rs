//! Which requests are made again, on real sockets.

use super::get;
use super::server::{Server, answer};
use hopscope::config::Limits;
use std::time::Duration;

/// Answers the first `failures` requests with `first`, then with 200.
fn tries(first: Option<&'static str>, headers: &'static str, failures: usize, limits: &Limits) -> (usize, Option<u16>) {
    let server = Server::start(move |number, _| match first {
        _ if number >= failures => answer("200 OK", "", "ready"),
        Some(status) => answer(status, headers, "no"),
        None => String::new(),
    });
    let (fetched, body, log) = get(&server.url, limits);
    let status = fetched.outcome.as_ref().ok().map(|head| head.status);
    assert_eq!(fetched.exchanges.len(), log.entries.len(), "each try is in the log");
    assert!(status != Some(200) || body == "ready");
    (server.seen().len(), status)
}

#[test]
fn what_may_pass_is_tried_again_and_what_was_judged_is_not() {
    let limits = Limits::default();
    for status in ["429 Too Many Requests", "502 Bad Gateway", "503 Unavailable", "504 Gateway Timeout"] {
        assert_eq!(tries(Some(status), "", 2, &limits), (3, Some(200)), "{status}");
    }
    let number = |status: &str| status[..3].parse::<u16>().unwrap();
    for status in ["400 Bad Request", "404 Not Found", "500 Internal Server Error", "501 Not Implemented"] {
        assert_eq!(tries(Some(status), "", 1, &limits), (1, Some(number(status))), "{status}");
    }
    for status in ["401 Unauthorized", "403 Forbidden"] {
        assert_eq!(tries(Some(status), "", 1, &limits), (1, None), "{status}: a fault of its own");
    }
    assert_eq!(tries(None, "", 2, &limits), (3, Some(200)), "hung up before the first byte");
}

#[test]
fn tries_end_and_are_paid_for() {
    assert_eq!(tries(Some("503 Unavailable"), "", 9, &Limits::default()), (3, Some(503)));
    let two = Limits { requests: 2, ..Limits::default() };
    assert_eq!(tries(Some("503 Unavailable"), "", 9, &two), (2, None), "the budget ends it");
}

#[test]
fn a_server_that_asks_for_more_time_than_there_is_gets_no_further_request() {
    let limits = Limits { timeout: Duration::from_secs(20), ..Limits::default() };
    for header in ["retry-after: 3600\r\n", "retry-after: 99999999999999999999\r\n"] {
        assert_eq!(tries(Some("429 Too Many Requests"), header, 9, &limits), (1, Some(429)), "{header}");
    }
    let date = "date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 08:28:00 GMT\r\n";
    assert_eq!(tries(Some("503 Unavailable"), date, 9, &limits), (1, Some(503)), "an hour by its own clock");
    for header in ["retry-after: -5\r\n", "retry-after: soon\r\n", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n"] {
        assert_eq!(tries(Some("429 Too Many Requests"), header, 2, &limits), (3, Some(200)), "{header}");
    }
}
