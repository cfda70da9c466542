//! The worst servers, asked by each verb of the program; answers that come too late, and a gigabyte in one row.

use super::clients::{CLIENTS, Client};
use super::http::{CHUNKED, LOGIN, answer, send};
use super::peer::{Act, Framing, Peer};
use super::{LONG, SHORT, ask_within, endpoint, none, question, wrongs_within};
use flate2::Compression;
use flate2::write::GzEncoder;
use hopscope::model::{FaultKind, SourceKind};
use std::io::Write;
use std::sync::Arc;

/// Bytes that one question may receive.
const BYTES: u64 = 1 << 20;
const DEEP: usize = 2_000_000;

fn bomb() -> Vec<Act> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&vec![b' '; 4 << 20]).unwrap();
    let body = packer.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    vec![send(&head), Act::Send(body)]
}

/// Name, what the server does about every request, milliseconds that it gets, exit code.
type Case = (&'static str, fn() -> Vec<Act>, u64, i32);

const WORST: &[Case] = &[
    (
        "sends without end",
        || vec![send(CHUNKED), Act::Flood(format!("1000\r\n{}\r\n", " ".repeat(4096)).into_bytes())],
        LONG,
        7,
    ),
    ("never answers", || vec![Act::Hold], SHORT, 5),
    (
        "nests without a bottom",
        || vec![send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"), Act::Repeat(b"[".to_vec(), DEEP)],
        LONG,
        7,
    ),
    ("packs a bomb", bomb, LONG, 7),
    ("shows a login page", || answer("200 OK", "", LOGIN), LONG, 5),
    ("leads elsewhere", || answer("302 Found", "location: http://127.0.0.1:1/login\r\n", ""), LONG, 3),
    ("limits for ever", || answer("429 Too Many Requests", "retry-after: 99999999\r\n", "slow"), LONG, 5),
    ("limits for no time", || answer("429 Too Many Requests", "retry-after: 0\r\n", "slow"), LONG, 5),
];

fn worst_of(client: &Client, verb: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for (name, acts, patience, exit) in WORST {
        let peer = Peer::start(Framing::Http, Arc::new(move |_, _| acts()));
        let about = format!("{} by {}: a server that {name}", client.name, verb[0]);
        all.extend(wrongs_within(&about, verb, (client, &peer.address), *patience, BYTES, &[*exit]));
    }
    all
}

#[test]
fn the_present_says_what_became_of_the_worst_servers() {
    none(&CLIENTS.iter().flat_map(|client| worst_of(client, &["now"])).collect::<Vec<_>>());
}

#[test]
fn a_query_of_logs_says_what_became_of_the_worst_servers() {
    let loki = CLIENTS.iter().find(|client| client.source == SourceKind::Loki).unwrap();
    none(&worst_of(loki, &["logs", "query", "{app=\"shop\"}"]));
}

/// What comes when nobody waits any more is no answer to the next question.
#[tokio::test]
async fn an_answer_after_its_time_is_not_taken_for_the_next_one() {
    let mut wrong = Vec::new();
    for client in CLIENTS {
        let late = |client: &Client| vec![Act::Hold, send(&format!("HTTP/1.1 200 OK\r\n\r\n{}", client.rows("")))];
        let polite = |client: &Client| answer("200 OK", "", &client.polite());
        let (rude, well) = (client.script(late), client.script(polite));
        let asked = std::sync::atomic::AtomicBool::new(false);
        let script = move |number: usize, request: &[u8]| {
            let is_data = String::from_utf8_lossy(request).contains(client.data);
            if is_data && !asked.swap(true, std::sync::atomic::Ordering::Relaxed) {
                rude(number, request)
            } else {
                well(number, request)
            }
        };
        let peer = Peer::start(Framing::Http, Arc::new(script));
        let source = (client.open)(endpoint(&peer.address));
        let first = ask_within(&*source, &question(client.source), SHORT, BYTES).await;
        if first.outcome.as_ref().map_err(|fault| fault.kind).err() != Some(FaultKind::TimedOut) {
            wrong.push(format!("{}: the first answer: {:?}", client.name, first.outcome));
        }
        match ask_within(&*source, &question(client.source), LONG, BYTES).await.outcome {
            Ok(answer) if answer.rows.len() == 1 => {}
            other => wrong.push(format!("{}: the second answer: {other:?}", client.name)),
        }
    }
    none(&wrong);
}

/// One text of a gigabyte: the own budget ends it, and where the budget is larger still, it is never held.
#[test]
fn a_text_of_a_gigabyte_is_never_held() {
    const PIECES: usize = (1 << 30) / 65_536;
    fn giant(client: &Client) -> Vec<Act> {
        let [begin, row, end] = client.document;
        vec![
            send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"),
            send(&format!("{begin}{row},{{\"name\":\"")),
            Act::Repeat(vec![b'a'; 65_536], PIECES),
            send(&format!("\"}}{end}")),
        ]
    }
    let mut all = Vec::new();
    for client in CLIENTS {
        // The rest of the text is passed over in pieces; a short list is not read that far.
        let whole = if client.is_whole { [7] } else { [4] };
        for (bytes, exits) in [(64 << 20, &[4, 7][..]), (4 << 30, &whole)] {
            let peer = Peer::start(Framing::Http, Arc::new(client.script(giant)));
            let about = format!("{}, a budget of {} MiB", client.name, bytes >> 20);
            all.extend(wrongs_within(&about, client.verb, (client, &peer.address), 600_000, bytes, exits));
        }
    }
    none(&all);
}

/// A server that is an hour ahead shows what has not happened yet: it is shown, with its own times.
#[test]
fn rows_of_the_future_are_rows() {
    let mut all = Vec::new();
    for client in CLIENTS {
        // The rows stand an hour behind the range that is asked for, in a trace that is read by its id.
        let early = ["--since", "2027-01-15T05:00:00Z", "--until", "2027-01-15T07:00:00Z"];
        let verb: Vec<&str> = match client.verb {
            [verb @ ("follow" | "now"), id, ..] => [&[*verb, *id][..], &early].concat(),
            other => other.to_vec(),
        };
        let date = |client: &Client| answer("200 OK", "date: Fri, 15 Jan 2027 09:00:00 GMT\r\n", &client.polite());
        let peer = Peer::start(Framing::Http, Arc::new(client.script(date)));
        // A share group has no lag: everything was seen, and nothing is there.
        let exit = i32::from(client.source == SourceKind::Kafka);
        all.extend(wrongs_within(client.name, &verb, (client, &peer.address), LONG, BYTES, &[exit]));
    }
    none(&all);
}

/// A panic would print its backtrace, and without memory that never ends.
#[test]
fn where_no_thread_can_be_started_the_program_ends_with_words() {
    for kib in [1_500, 3_000, 6_000] {
        let mut command = std::process::Command::new("/bin/sh");
        command.env_clear().env("RUST_BACKTRACE", "1").env("HOPSCOPE_CONFIG", "/dev/null");
        command.args(["-c", &format!("ulimit -d {kib} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_hopscope")]);
        let ran = command.args(["follow", super::TRACE, "--loki", "http://127.0.0.1:9"]).output().unwrap();
        let said = super::text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{kib} KiB: {said}");
        assert!(said.contains("cannot start threads") && said.contains("ulimit"), "{kib} KiB: {said}");
    }
}
