//! Rude servers in the place of Jaeger and Loki.

use super::peer::{Act, Framing, Peer};
use super::{LONG, SINCE, TRACE, ask, none, patience, question, wrongs};
use hopscope::model::{FaultKind, SourceKind};
use std::sync::Arc;

const BOTH: [SourceKind; 2] = [SourceKind::Jaeger, SourceKind::Loki];

/// Name, what the server does about each request, the fault, the exit code.
type Case = (&'static str, fn() -> Vec<Act>, FaultKind, i32);

pub(super) fn send(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

/// A whole answer with its right length.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![send(&format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"))]
}

pub(super) const LOGIN: &str = "<!DOCTYPE html><html><body>Sign in</body></html>";
pub(super) const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

const CASES: &[Case] = &[
    ("never answers", || vec![Act::Hold], FaultKind::TimedOut, 5),
    (
        "sends the head and no body",
        || vec![send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"), Act::Hold],
        FaultKind::TimedOut,
        5,
    ),
    (
        "stalls in the body",
        || vec![send("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"data\":"), Act::Hold],
        FaultKind::TimedOut,
        5,
    ),
    ("drips the head", || vec![send("HTTP/1.1 200 OK\r\nx: "), Act::Drip], FaultKind::TimedOut, 5),
    (
        "drips the body",
        || vec![send("HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n{"), Act::Drip],
        FaultKind::TimedOut,
        5,
    ),
    ("closes at once", Vec::new, FaultKind::Unreachable, 5),
    ("closes in the head", || vec![send("HTTP/1.1 200 OK\r\ncontent-")], FaultKind::Unreachable, 5),
    (
        "closes in the body",
        || vec![send("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"data\":[")],
        FaultKind::Damaged,
        5,
    ),
    ("closes between chunks", || vec![send(CHUNKED), send("8\r\n{\"data\":\r\n")], FaultKind::Damaged, 5),
    ("sends a chunk without a length", || vec![send(CHUNKED), send("zz\r\n{}\r\n")], FaultKind::Damaged, 5),
    ("speaks another protocol", || vec![send("SSH-2.0-OpenSSH_9.6\r\n\r\n")], FaultKind::Damaged, 5),
    ("sends noise", || vec![Act::Send((0..=255).collect())], FaultKind::Damaged, 5),
    ("answers noise with 200", || answer("200 OK", "", "\u{0}\u{1b}[31m\u{fffd}no json"), FaultKind::Damaged, 5),
    ("answers nothing with 200", || answer("200 OK", "", ""), FaultKind::Damaged, 5),
    ("answers half a document with 200", || answer("200 OK", "", "{\"data\":[\"a"), FaultKind::Damaged, 5),
    ("answers another product's JSON", || answer("200 OK", "", "{\"hits\":3}"), FaultKind::Damaged, 5),
    (
        "answers a login page with 200",
        || answer("200 OK", "content-type: application/json\r\n", LOGIN),
        FaultKind::Damaged,
        5,
    ),
    (
        "wants a login",
        || answer("401 Unauthorized", "www-authenticate: Basic\r\n", "missing tenant header"),
        FaultKind::Refused,
        3,
    ),
    ("forbids with a page", || answer("403 Forbidden", "", LOGIN), FaultKind::Refused, 3),
    ("forbids and stalls", || vec![send("HTTP/1.1 403 No\r\ncontent-length: 9\r\n\r\nno")], FaultKind::Refused, 3),
    (
        "limits for an hour",
        || answer("429 Too Many Requests", "retry-after: 3600\r\n", "slow down"),
        FaultKind::Failed,
        5,
    ),
    (
        "limits for ever",
        || answer("429 Too Many Requests", "retry-after: 18446744073709551615\r\n", ""),
        FaultKind::Failed,
        5,
    ),
    (
        "limits until a date",
        || answer("429 Too Many Requests", "retry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\n", ""),
        FaultKind::Failed,
        5,
    ),
    ("is broken", || answer("500 Internal Server Error", "", "stack trace"), FaultKind::Failed, 5),
    ("is behind a broken gateway", || answer("502 Bad Gateway", "", LOGIN), FaultKind::Failed, 5),
    ("has no such route", || answer("404 Not Found", "", "404 page not found"), FaultKind::Failed, 5),
    ("leads to itself for ever", || answer("302 Found", "location: /again\r\n", ""), FaultKind::Refused, 3),
    ("leads nowhere", || answer("302 Found", "", ""), FaultKind::Refused, 3),
    (
        "sends without end",
        || vec![send(CHUNKED), Act::Flood(format!("1000\r\n{}\r\n", " ".repeat(4096)).into_bytes())],
        FaultKind::TooLarge,
        7,
    ),
    (
        "opens brackets without end",
        || vec![send(CHUNKED), Act::Flood(format!("1000\r\n{}\r\n", "[".repeat(4096)).into_bytes())],
        FaultKind::TooLarge,
        7,
    ),
    (
        "says less than it sends",
        || vec![send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{\"data\":[]}")],
        FaultKind::Damaged,
        5,
    ),
    ("claims gzip", || answer("200 OK", "content-encoding: gzip\r\n", "{\"data\":[]}"), FaultKind::Damaged, 5),
    (
        "cuts its gzip",
        || {
            vec![
                send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n"),
                Act::Send(b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec()),
            ]
        },
        FaultKind::Damaged,
        5,
    ),
];

#[tokio::test]
async fn a_source_makes_the_right_fault_of_every_rude_server() {
    let mut wrong = Vec::new();
    for source in BOTH {
        let fault = ask(source, &Peer::refused(), &question(source), LONG).await.outcome.unwrap_err();
        assert_eq!((fault.kind, fault.came.as_str()), (FaultKind::Unreachable, "connection refused"), "{source}");
        for (name, acts, kind, _) in CASES {
            let peer = Peer::start(Framing::Http, Arc::new(move |_, _| acts()));
            match ask(source, &peer.address, &question(source), patience(Some(*kind))).await.outcome {
                Err(fault) => {
                    let lines = fault.came.as_str().lines().count();
                    let told = fault.asked.as_str().contains(&peer.address) && !fault.hint.is_empty() && lines == 1;
                    if (fault.source, fault.kind, told) != (source, *kind, true) {
                        wrong.push(format!("a server that {name}: {fault}"));
                    }
                }
                Ok(answer) => wrong.push(format!("a server that {name}, as {source}: {:?}", answer.notes)),
            }
        }
    }
    none(&wrong);
}

fn check_all(source: SourceKind) {
    let verb = ["follow", TRACE];
    let mut wrong = wrongs("refused", &verb, (source, &Peer::refused()), Some(FaultKind::Unreachable), 5);
    for (name, acts, kind, exit) in CASES {
        let peer = Peer::start(Framing::Http, Arc::new(move |_, _| acts()));
        wrong.extend(wrongs(name, &verb, (source, &peer.address), Some(*kind), *exit));
    }
    none(&wrong);
}

#[test]
fn the_program_survives_every_rude_jaeger() {
    check_all(SourceKind::Jaeger);
}

#[test]
fn the_program_survives_every_rude_loki() {
    check_all(SourceKind::Loki);
}

/// What a well-behaved server of the kind answers.
fn polite(source: SourceKind, request: &[u8]) -> Vec<Act> {
    let request = String::from_utf8_lossy(request);
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = match source {
        SourceKind::Jaeger if path.contains("trace-summaries") => {
            return answer("404 Not Found", "", "404 page not found");
        }
        SourceKind::Jaeger if path.contains("/api/services") => r#"{"data":["shop"]}"#.to_owned(),
        SourceKind::Jaeger => crate::wire::text("jaeger-2.13/poisoned.internal.json"),
        SourceKind::Loki if path.contains("/labels") => r#"{"status":"success","data":["app"]}"#.to_owned(),
        SourceKind::Loki => {
            let line = format!(r#"["1800000000000000001","charged {TRACE}"]"#);
            format!(
                r#"{{"status":"success","data":{{"resultType":"streams","result":[{{"stream":{{"app":"shop"}},"values":[{line}]}}]}}}}"#
            )
        }
        SourceKind::Tempo | SourceKind::Kafka => unreachable!("not in these tables"),
    };
    answer("200 OK", "", &body)
}

/// A server that is rude to the first requests and polite to the rest: the answer comes, and each try is in the ledger.
async fn check_recovery(name: &str, first: fn() -> Vec<Act>, tries: usize) {
    for source in BOTH {
        let script = move |number: usize, request: &[u8]| if number < 1 { first() } else { polite(source, request) };
        let peer = Peer::start(Framing::Http, Arc::new(script));
        let reply = ask(source, &peer.address, &question(source), LONG).await;
        let answer = reply.outcome.unwrap_or_else(|fault| panic!("{name}, {source}: {fault}"));
        assert!(!answer.rows.is_empty(), "{name}, {source}");
        assert_eq!(reply.exchanges.len(), peer.requests().len(), "{name}, {source}: {:?}", reply.exchanges);
        assert!(reply.exchanges.len() >= tries, "{name}, {source}");
    }
}

#[tokio::test]
async fn a_server_that_recovers_is_asked_again() {
    check_recovery("limited for no time", || answer("429 Too Many Requests", "retry-after: 0\r\n", ""), 3).await;
    check_recovery("unavailable once", || answer("503 Service Unavailable", "", "starting"), 3).await;
    check_recovery("bad gateway once", || answer("502 Bad Gateway", "", LOGIN), 3).await;
}

/// Jaeger 1 and 2 and Loki 2.2 answer mistakes of the caller with 500, so it is not asked again; and what a server in
/// trouble says decides nothing for later questions.
#[tokio::test]
async fn a_broken_server_is_asked_once_and_the_next_question_finds_it_well() {
    for source in BOTH {
        let broken = || answer("500 Internal Server Error", "", "parse error : no");
        let script = move |number: usize, request: &[u8]| if number < 1 { broken() } else { polite(source, request) };
        let peer = Peer::start(Framing::Http, Arc::new(script));
        let first = ask(source, &peer.address, &question(source), LONG).await;
        assert_eq!(first.outcome.unwrap_err().kind, FaultKind::Failed, "{source}");
        assert_eq!(peer.requests().len(), 1, "{source}");
        assert!(ask(source, &peer.address, &question(source), LONG).await.outcome.is_ok(), "{source}");
    }
}

/// What came whole before the cut is an answer, and the rest is said to be missing.
#[test]
fn an_answer_that_is_cut_after_whole_rows_is_partial() {
    for source in BOTH {
        let script = move |_: usize, request: &[u8]| {
            let mut acts = polite(source, request);
            if let [Act::Send(bytes)] = &mut acts[..]
                && bytes.windows(TRACE.len()).any(|found| found == TRACE.as_bytes()) | (bytes.len() > 4096)
            {
                bytes.truncate(bytes.len() - 4);
            }
            acts
        };
        let peer = Peer::start(Framing::Http, Arc::new(script));
        let verb = [&["follow", TRACE][..], &SINCE].concat();
        none(&wrongs("cut", &verb, (source, &peer.address), None, 4));
    }
}

/// A redirect to another origin is not followed: nobody there sees a request, let alone a header.
#[tokio::test]
async fn a_redirect_elsewhere_is_refused_and_nothing_is_sent_there() {
    for source in BOTH {
        for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
            let elsewhere = Peer::start(Framing::Http, Arc::new(|_, _| answer("200 OK", "", "{}")));
            let location = format!("location: http://{}/login\r\n", elsewhere.address);
            let peer = Peer::start(Framing::Http, Arc::new(move |_, _| answer(status, &location, "")));
            let fault = ask(source, &peer.address, &question(source), LONG).await.outcome.unwrap_err();
            assert_eq!((fault.kind, elsewhere.requests().len()), (FaultKind::Refused, 0), "{source} {status}: {fault}");
        }
    }
}

/// One source that misbehaves does not take the other's answer away.
#[test]
fn a_rude_source_beside_a_polite_one_is_a_partial_answer() {
    let mut wrong = Vec::new();
    for (rude, well) in [(SourceKind::Jaeger, SourceKind::Loki), (SourceKind::Loki, SourceKind::Jaeger)] {
        for (name, acts, kind, _) in CASES {
            // What times out leaves no time for the other source's later questions.
            if *kind == FaultKind::TimedOut {
                continue;
            }
            let bad = Peer::start(Framing::Http, Arc::new(move |_, _| acts()));
            let good = Peer::start(Framing::Http, Arc::new(move |_, request| polite(well, request)));
            let (bad, good) = (format!("http://{}", bad.address), format!("http://{}", good.address));
            let (rude_flag, well_flag) = (format!("--{rude}"), format!("--{well}"));
            let sources = [rude_flag.as_str(), &bad, &well_flag, &good];
            let ran = super::run(&[&["follow", TRACE, "-o", "json"], &sources[..], &SINCE].concat(), "", &[]);
            let document: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
            if ran.status.code() != Some(4) || document["exit"] != 4 || document["data"].is_null() {
                wrong.push(format!("{rude} {name}: {:?} {document}", ran.status.code()));
            }
        }
    }
    none(&wrong);
}
