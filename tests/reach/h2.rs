//! Servers that agree on HTTP/2 and then keep to none of it. What they say is frames as RFC 9113 writes them.

use super::server::Authority;
use super::{trusting, with_tls};
use hopscope::config::Limits;
use hopscope::model::{FaultKind, SourceKind};
use hopscope::sources::http::{Fetched, Http};
use hopscope::sources::lease::Budget;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `:status: 200` from the static table, without and with an end.
fn status(flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, 1, &[0x88])
}

/// What is said once, what is said for ever after, and what comes of it: the body, or a fault of one of these kinds.
type Case = (&'static str, fn() -> Vec<Vec<u8>>, fn() -> Vec<u8>, Result<&'static str, &'static [FaultKind]>);

const BROKEN: &[FaultKind] = &[FaultKind::Unreachable, FaultKind::Damaged];
const ENDLESS: &[FaultKind] = &[FaultKind::Unreachable, FaultKind::Damaged, FaultKind::TimedOut, FaultKind::TooLarge];

const CASES: &[Case] = &[
    ("answers", || vec![status(4), frame(DATA, 1, 1, b"ready")], Vec::new, Ok("ready")),
    (
        "answers in empty frames, too",
        || vec![status(4), frame(DATA, 0, 1, b"").repeat(50), frame(DATA, 1, 1, b"ready")],
        Vec::new,
        Ok("ready"),
    ),
    ("goes away at once", || vec![frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11])], Vec::new, Err(BROKEN)),
    (
        "goes away in the body",
        || vec![status(4), frame(DATA, 0, 1, b"rea"), frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2])],
        Vec::new,
        Err(BROKEN),
    ),
    ("resets the stream", || vec![frame(RESET, 0, 1, &[0, 0, 0, 2])], Vec::new, Err(BROKEN)),
    ("refuses the stream", || vec![frame(RESET, 0, 1, &[0, 0, 0, 7])], Vec::new, Err(BROKEN)),
    (
        "resets in the body",
        || vec![status(4), frame(DATA, 0, 1, b"rea"), frame(RESET, 0, 1, &[0, 0, 0, 2])],
        Vec::new,
        Err(BROKEN),
    ),
    ("hangs up in the body", || vec![status(4), frame(DATA, 0, 1, b"rea")], Vec::new, Err(BROKEN)),
    ("resets streams that nobody opened, for ever", Vec::new, || frame(RESET, 0, 77, &[0, 0, 0, 8]), Err(ENDLESS)),
    ("changes its settings for ever", Vec::new, || frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]), Err(ENDLESS)),
    ("pings for ever", Vec::new, || frame(PING, 0, 0, &[7; 8]), Err(ENDLESS)),
    ("continues its head for ever", || vec![status(0)], || frame(CONTINUATION, 0, 1, &[0x0f; 512]), Err(ENDLESS)),
    ("sends a body for ever", || vec![status(4)], || frame(DATA, 0, 1, &[b' '; 8_192]), Err(ENDLESS)),
    ("sends a body before a head", || vec![frame(DATA, 1, 1, b"ready")], Vec::new, Err(BROKEN)),
    (
        "says a length beyond what is allowed",
        || vec![vec![0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]],
        Vec::new,
        Err(BROKEN),
    ),
    (
        "packs its head in a way that cannot be",
        || vec![frame(HEADERS, 5, 1, &[0xff, 0xff, 0xff, 0xff, 0x7f])],
        Vec::new,
        Err(BROKEN),
    ),
    ("pushes what nobody asked for", || vec![frame(PUSH, 4, 1, &[0, 0, 0, 2, 0x88])], Vec::new, Err(BROKEN)),
    (
        "speaks HTTP/1.1 all the same",
        || vec![b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nready".to_vec()],
        Vec::new,
        Err(BROKEN),
    ),
];

fn get(authority: &Authority, url: &str) -> (Fetched, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let wait = Duration::from_secs(2);
    let limits = Limits { request_timeout: wait, timeout: wait * 2, bytes: 1 << 20, ..Limits::default() };
    let budget = Budget::new(SourceKind::Loki, &limits, CancellationToken::new());
    let http = Http::new(&with_tls(url, trusting(authority)), SourceKind::Loki);
    let mut body = Vec::new();
    let fetched = runtime.block_on(http.get(&budget, "/ready", &[], &[], &mut body));
    (fetched, body)
}

#[test]
fn a_server_that_misuses_http_2_is_a_fault_with_words() {
    let authority = Authority::new();
    let mut wrong = Vec::new();
    for (name, said, repeated, wanted) in CASES {
        let first = [frame(SETTINGS, 0, 0, &[]), said().concat()].concat();
        let (fetched, body) = get(&authority, &authority.serve_frames(first, repeated()));
        match (&fetched.outcome, wanted) {
            (Ok(head), Ok(text)) if head.status == 200 && body == text.as_bytes() => {}
            (Err(fault), Err(kinds)) if kinds.contains(&fault.kind) && !fault.hint.is_empty() => {}
            (outcome, _) => wrong.push(format!("a server that {name}: {outcome:?}")),
        }
        // What may pass is tried again, and not for ever.
        if !(1..=3).contains(&fetched.exchanges.len()) {
            wrong.push(format!("a server that {name} was asked {} times", fetched.exchanges.len()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
