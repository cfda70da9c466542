//! A real Loki with more lines at one instant than a page holds: every line that was pushed is read, or a note says which
//! instant is not whole.

use super::Stack;
use hopscope::config::{HttpEndpoint, Limits, keys};
use hopscope::model::ask::NoteKind;
use hopscope::model::{Ask, Note, Rows, SourceKind, Timestamp, Window};
use hopscope::sources::Source;
use hopscope::sources::lease::Budget;
use hopscope::sources::loki::Loki;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use tokio_util::sync::CancellationToken;

const TENANT: &str = "paging";
const PODS: usize = 4;

/// Lines with their instant in nanoseconds and their stream.
type Lines = Vec<(i64, usize, String)>;

/// Writes lines in their order. Loki 2.2.1 takes a stream's lines only by time, and leaves out one that equals the one
/// before it.
fn push(url: &str, app: &str, lines: &Lines) {
    let address = url.strip_prefix("http://").unwrap();
    for pod in 0..PODS {
        let of_pod: Vec<_> = lines.iter().filter(|line| line.1 == pod).collect();
        for part in of_pod.chunks(2_000) {
            let values: Vec<_> = part.iter().map(|(at, _, text)| serde_json::json!([at.to_string(), text])).collect();
            let stream = serde_json::json!({"app": app, "pod": pod.to_string()});
            let body = serde_json::json!({"streams": [{"stream": stream, "values": values}]}).to_string();
            let mut peer = TcpStream::connect(address).unwrap();
            let head = format!(
                "POST /loki/api/v1/push HTTP/1.1\r\nHost: {address}\r\nX-Scope-OrgID: {TENANT}\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            peer.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
            let mut answer = String::new();
            peer.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        }
    }
}

/// Reads all lines of an app in pages of at most `page`.
fn read(url: &str, app: &str, page: usize, window: Window) -> (Lines, Vec<Note>) {
    let headers = vec![("X-Scope-OrgID".to_owned(), SecretString::from(TENANT))];
    let endpoint = HttpEndpoint { headers, ..HttpEndpoint::new(keys::url(url).unwrap()) };
    let limits = Limits { requests: 2_000, ..Limits::default() };
    let ask = Ask::QueryLines { query: format!("{{app=\"{app}\"}}").into(), window, limit: 1_000_000 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(async {
        let loki = Loki::new(&endpoint).with_page(page);
        loki.answer(&ask, &Budget::new(SourceKind::Loki, &limits, CancellationToken::new())).await
    });
    let answer = reply.outcome.unwrap_or_else(|fault| panic!("{fault}"));
    let Rows::Lines(store) = answer.rows else { panic!("lines were asked for") };
    let one = |line: hopscope::model::lines::LineView<'_>| {
        (line.at().0, line.field("pod").unwrap().parse().unwrap(), line.text().to_owned())
    };
    let mut lines: Lines = store.iter().map(one).collect();
    lines.sort();
    (lines, answer.notes)
}

/// An app of this run alone, and a window of some minutes that are over.
fn begin(name: &str) -> (String, i64, Window) {
    let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap();
    let at = now - 600_000_000_000;
    (format!("{name}-{now}"), at, Window { from: Timestamp(at - 1), until: Timestamp(at + 300_000_000_000) })
}

/// 22,000 lines: eight instants of 2,500 each over four streams, with repeats, and single ones.
#[test]
fn what_was_pushed_is_read_at_every_page_size() {
    let stack = Stack::open();
    for (name, pages) in [("LOKI", &[5_000, 1_000, 700][..]), ("LOKI_STRICT", &[5_000, 999])] {
        let (app, at, window) = begin("paging");
        let crowded = (0..8 * 2_500_usize).map(|number| {
            let (instant, place) = (number / 2_500, number % 2_500);
            // Of the first ones many are alike, but none is like the one before it in its stream.
            let text = if place < 1_200 { format!("step {}", place / PODS % 3) } else { format!("step {place}") };
            (at + instant as i64 * 1_000, place % PODS, text)
        });
        let single = (0..2_000)
            .map(|number| (at + 1_000_000_000 + number as i64 * 1_000_000, number % PODS, format!("single {number}")));
        let mut lines: Lines = crowded.chain(single).collect();
        push(stack.get(name), &app, &lines);
        lines.sort();
        for page in pages {
            let (found, notes) = read(stack.get(name), &app, *page, window);
            assert_eq!((found.len(), notes), (lines.len(), Vec::new()), "{name}, pages of {page}");
            assert!(found == lines, "{name}, pages of {page}: as many lines, but others");
        }
    }
}

/// One stream with more lines at one instant than the server gives at all: nobody can read them, and that is said.
#[test]
fn an_instant_that_no_page_can_hold_is_named() {
    let stack = Stack::open();
    let (app, at, window) = begin("overfull");
    let mut lines: Lines = (0..1_400).map(|number| (at + 7, 0, format!("crowd {number}"))).collect();
    lines.extend((0..50).map(|number| (at + 7, 1, format!("beside {number}"))));
    lines.extend((0..50).map(|number| (at + 9 + number as i64, 2, format!("later {number}"))));
    lines.extend((0..50).map(|number| (at - 1, 3, format!("before {number}"))));
    push(stack.get("LOKI_STRICT"), &app, &lines);
    let (found, notes) = read(stack.get("LOKI_STRICT"), &app, 5_000, window);
    let mut by_pod: BTreeMap<usize, usize> = BTreeMap::new();
    for (_, pod, _) in &found {
        *by_pod.entry(*pod).or_default() += 1;
    }
    assert_eq!((by_pod[&1], by_pod[&2], by_pod[&3]), (50, 50, 50), "what is beside, after and before it is whole");
    assert!(by_pod[&0] >= 1_000 && by_pod[&0] < 1_400);
    let named =
        |note: &Note| note.kind == NoteKind::Truncated && note.text.as_str().contains(&Timestamp(at + 7).rfc3339());
    assert!(notes.iter().any(named), "{notes:?}");
}
