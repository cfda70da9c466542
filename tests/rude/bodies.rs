//! Servers that are polite until the data is asked for: bodies, encodings and framings that no reader should be given, for
//! each client of `clients.rs`.

use super::clients::{CLIENTS, Client};
use super::http::{CHUNKED, LOGIN, answer, send};
use super::peer::{Act, Framing, Peer};
use super::{SHORT, ask_within, endpoint, none, question, wrongs_within};
use End::{Fails, Noted, Rows, Strange};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use futures_util::stream;
use hopscope::model::ask::NoteKind;
use hopscope::model::{FaultKind, Reply};
use std::io::Write;
use std::sync::Arc;

/// Bytes that one question may receive here: more than any body that ends.
const BYTES: u64 = 32 << 20;
/// Milliseconds for a question whose answer ends: a debug build on a busy machine reads tens of MB.
const LONG: u64 = 300_000;
/// Levels of nesting. A reader that calls itself for each of them ends the process.
const DEEP: usize = 2_000_000;
/// Requests for the data at most: three tries, and as many for less of it.
const TRIES: usize = 6;
const CLOSING: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

/// What becomes of it.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The rows are there, and nothing is missing.
    Rows,
    /// So many rows, and a remark that holds these words.
    Noted(usize, &'static str),
    /// No row: a remark or a fault, as the source can tell, that says so in these words.
    Strange(&'static str),
    /// A fault, and what it says.
    Fails(FaultKind, &'static str),
}

type Case = (&'static str, fn(&Client) -> Vec<Act>, End);

fn whole(body: &str) -> Vec<Act> {
    answer("200 OK", "", body)
}

/// A body that ends with the connection, in parts and their counts.
fn parts(parts: &[(&str, usize)]) -> Vec<Act> {
    let repeat = |(text, count): &(&str, usize)| Act::Repeat(text.as_bytes().to_vec(), *count);
    std::iter::once(send(CLOSING)).chain(parts.iter().map(repeat)).collect()
}

fn raw(headers: &str, body: Vec<u8>) -> Vec<Act> {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len());
    vec![send(&head), Act::Send(body)]
}

fn gzip(parts: &[(&[u8], usize)]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    for (bytes, count) in parts {
        (0..*count).for_each(|_| packer.write_all(bytes).unwrap());
    }
    packer.finish().unwrap()
}

const GZIP: &str = "content-encoding: gzip\r\n";

const CASES: &[Case] = &[
    // Nesting, size and damage of JSON.
    (
        "nests arrays in a row",
        |client| parts(&[(client.document[0], 1), ("[", DEEP), ("]", DEEP), (client.document[2], 1)]),
        Noted(0, "left out"),
    ),
    (
        "nests objects in a row",
        |client| parts(&[(client.document[0], 1), ("{\"a\":", DEEP), ("1", 1), ("}", DEEP), (client.document[2], 1)]),
        Noted(0, "left out"),
    ),
    (
        "nests arrays where nobody looks",
        |client| parts(&[("{\"x\":", 1), ("[", DEEP), ("]", DEEP), (",", 1), (&client.polite()[1..], 1)]),
        Rows,
    ),
    (
        "nests objects where nobody looks",
        |client| {
            parts(&[("{\"x\":", 1), ("{\"a\":", DEEP), ("1", 1), ("}", DEEP), (",", 1), (&client.polite()[1..], 1)])
        },
        Rows,
    ),
    (
        "never closes what it nests in a row",
        |client| parts(&[(client.document[0], 1), (client.document[1], 1), (",", 1), ("[", DEEP)]),
        Noted(1, "cut"),
    ),
    ("never closes what it nests at the begin", |_| parts(&[("[", DEEP)]), Strange("byte 0")),
    (
        "sends a row of 9 MiB",
        |client| {
            let [begin, row, end] = client.document;
            parts(&[(begin, 1), (row, 1), (",{\"x\":\"", 1), ("y", 9 << 20), ("\"}", 1), (end, 1)])
        },
        Noted(1, "a row of more than 8 MiB"),
    ),
    (
        "sends a row of two million elements",
        |client| {
            let [begin, row, end] = client.document;
            parts(&[(begin, 1), (row, 1), (",{\"tags\":[{}", 1), (",{}", DEEP), ("]}", 1), (end, 1)])
        },
        Noted(1, "1048576 elements"),
    ),
    (
        "sends a name of 1 MiB",
        |client| parts(&[("{\"", 1), ("n", 1 << 20), ("\":1,", 1), (&client.polite()[1..], 1)]),
        Rows,
    ),
    (
        "sends a hundred damaged rows",
        |client| whole(&client.rows(&format!("{},{}", client.document[1], ["{\"x\":1}"; 100].join(",")))),
        Noted(1, "more remarks"),
    ),
    (
        "ends in a row",
        |client| parts(&[(client.document[0], 1), (client.document[1], 1), (",{\"tra", 1)]),
        Noted(1, "cut"),
    ),
    (
        "goes on with noise",
        |client| whole(&format!("{}{},\u{1}\u{2}", client.document[0], client.document[1])),
        Noted(1, "no JSON from byte"),
    ),
    (
        "writes what is no UTF-8",
        |client| {
            raw(
                "",
                client
                    .polite()
                    .replace("shop", "sh\u{1}p")
                    .into_bytes()
                    .into_iter()
                    .map(|byte| if byte == 1 { 0xff } else { byte })
                    .collect(),
            )
        },
        Noted(1, "not UTF-8"),
    ),
    (
        "writes NUL in a row",
        |client| {
            whole(&client.rows(&format!("{},{}", client.document[1], client.document[1].replace("4bf9", "4b\u{0}"))))
        },
        Noted(1, "control character"),
    ),
    ("sends nothing but white space", |_| whole(" \r\n\t\n"), Strange("empty")),
    ("sends nothing but a mark", |_| whole("\u{feff}"), Strange("empty")),
    ("puts a mark before the text", |client| whole(&format!("\u{feff}{}", client.polite())), Rows),
    ("answers for another product", |_| whole("{\"hits\":{\"total\":0}}"), Strange("")),
    ("answers a list", |_| whole("[1,2]"), Strange("byte 0")),
    ("answers null", |_| whole("null"), Strange("byte 0")),
    ("answers 204 and nothing", |_| answer("204 No Content", "", ""), Strange("empty")),
    ("shows a login page", |_| whole(LOGIN), Fails(FaultKind::Damaged, "HTML")),
    ("shows a login page behind a mark", |_| whole(&format!("\u{feff}\r\n{LOGIN}")), Fails(FaultKind::Damaged, "HTML")),
    // Pieces.
    (
        "sends ten thousand chunks of one byte",
        |client| {
            let text = format!("{}{}", " ".repeat(10_000), client.polite());
            let chunk = |byte: u8| format!("1\r\n{}\r\n", char::from(byte));
            vec![send(CHUNKED), send(&text.bytes().map(chunk).collect::<String>()), send("0\r\n\r\n")]
        },
        Rows,
    ),
    ("sends one byte at a time", |client| vec![send(CLOSING), Act::Pieces(client.polite().into_bytes(), 1)], Rows),
    // Encodings.
    ("packs", |client| raw(GZIP, gzip(&[(client.polite().as_bytes(), 1)])), Rows),
    (
        "packs a bomb",
        |_| raw(GZIP, gzip(&[(&[b' '; 65_536], (BYTES >> 16) as usize + 16)])),
        Fails(FaultKind::TooLarge, "budget of bytes"),
    ),
    (
        "cuts what it packs",
        |client| {
            let mut packed = gzip(&[(client.polite().as_bytes(), 1)]);
            packed.truncate(packed.len() / 2);
            raw(GZIP, packed)
        },
        Strange("cut"),
    ),
    ("packs noise", |_| raw(GZIP, vec![0xa5; 400]), Fails(FaultKind::Damaged, "cut after 0 bytes")),
    (
        "packs in a way that nobody asked for",
        |_| raw("content-encoding: br\r\n", vec![0x0b; 40]),
        Fails(FaultKind::Damaged, "not asked for"),
    ),
    (
        "packs in another way",
        |_| raw("content-encoding: zstd\r\n", vec![0x28, 0xb5, 0x2f, 0xfd]),
        Fails(FaultKind::Damaged, "not asked for"),
    ),
    (
        "packs twice",
        |_| raw("content-encoding: gzip, gzip\r\n", gzip(&[(b"{}", 1)])),
        Fails(FaultKind::Damaged, "not asked for"),
    ),
    (
        "says that nothing is packed",
        |client| answer("200 OK", "content-encoding: identity\r\n", &client.polite()),
        Rows,
    ),
    // Framing.
    (
        "sends megabytes of headers",
        |_| {
            vec![
                send("HTTP/1.1 200 OK\r\n"),
                Act::Repeat(b"x-filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".to_vec(), 100_000),
            ]
        },
        Fails(FaultKind::Damaged, "not HTTP"),
    ),
    (
        "sends a header of megabytes",
        |_| vec![send("HTTP/1.1 200 OK\r\nx: "), Act::Repeat(vec![b'y'; 65_536], 64)],
        Fails(FaultKind::Damaged, "not HTTP"),
    ),
    (
        "promises a chunk that cannot be",
        |client| vec![send(CHUNKED), send("ffffffffffffffff0\r\n"), send(&client.polite())],
        Fails(FaultKind::Damaged, "chunk size"),
    ),
    (
        "promises a chunk below nothing",
        |_| vec![send(CHUNKED), send("-5\r\n{}\r\n")],
        Fails(FaultKind::Damaged, "chunk size"),
    ),
    (
        "promises a chunk and sends less",
        |client| vec![send(CHUNKED), send(&format!("fffff\r\n{},", client.polite()))],
        Noted(1, "cut after"),
    ),
    (
        "sends trailers without end",
        |client| {
            let text = client.polite();
            vec![
                send(CHUNKED),
                send(&format!("{:x}\r\n{text}\r\n0\r\n", text.len())),
                Act::Flood(b"a: b\r\n".repeat(500)),
            ]
        },
        Noted(1, "Damaged"),
    ),
    (
        "explains a chunk without end",
        |_| vec![send(CHUNKED), send("5;"), Act::Flood(vec![b'a'; 4096])],
        Fails(FaultKind::Damaged, "chunk extensions"),
    ),
    ("says two lengths", |_| answer("200 OK", "content-length: 7\r\n", "{}"), Fails(FaultKind::Damaged, "not HTTP")),
    (
        "says a length below nothing",
        |_| vec![send("HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}")],
        Fails(FaultKind::Damaged, "not HTTP"),
    ),
    (
        "says a length and sends chunks",
        |client| {
            let text = client.polite();
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n";
            vec![send(head), send(&format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len()))]
        },
        Rows,
    ),
    (
        "answers for now before it answers",
        |client| {
            let mut acts = vec![send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")];
            acts.extend(whole(&client.polite()));
            acts
        },
        Rows,
    ),
    (
        "answers for now without end",
        |_| vec![Act::Flood(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100))],
        Fails(FaultKind::TimedOut, "in time"),
    ),
    (
        "wants another protocol",
        |_| answer("101 Switching Protocols", "upgrade: h2c\r\nconnection: upgrade\r\n", ""),
        Fails(FaultKind::Failed, "HTTP 101"),
    ),
    (
        "speaks HTTP/2 unasked",
        |_| vec![Act::Send(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec())],
        Fails(FaultKind::Damaged, "not HTTP"),
    ),
    ("speaks HTTP/0.9", |client| vec![send(&client.polite())], Fails(FaultKind::Damaged, "not HTTP")),
    ("has a status of its own", |_| answer("999 Denied", "", "no robots"), Fails(FaultKind::Failed, "HTTP 999")),
    // Connections.
    (
        "keeps the connection and says more than asked",
        |client| {
            let text = client.polite();
            let extra = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            vec![send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}{extra}", text.len())), Act::Next]
        },
        Rows,
    ),
    (
        "promises to keep the connection and closes it",
        |client| {
            let text = client.polite();
            vec![send(&format!(
                "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nkeep-alive: timeout=600\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            ))]
        },
        Rows,
    ),
    // Clocks.
    (
        "says that it is the year 9999",
        |client| answer("200 OK", "date: Fri, 31 Dec 9999 23:59:59 GMT\r\n", &client.polite()),
        Rows,
    ),
    ("says a date that is none", |client| answer("200 OK", "date: yesterday\r\n", &client.polite()), Rows),
    // Limits.
    ("limits without a word", |_| answer("429 Too Many Requests", "", "slow"), Fails(FaultKind::Failed, "HTTP 429")),
    (
        "limits until before now",
        |_| answer("429 Too Many Requests", "retry-after: -5\r\n", ""),
        Fails(FaultKind::Failed, "HTTP 429"),
    ),
    (
        "limits for no time",
        |_| answer("429 Too Many Requests", "retry-after: 0\r\n", ""),
        Fails(FaultKind::Failed, "HTTP 429"),
    ),
    (
        "limits for a while",
        |_| answer("429 Too Many Requests", "retry-after: soon\r\n", ""),
        Fails(FaultKind::Failed, "HTTP 429"),
    ),
];

/// Clients whose rows are kept while they arrive. A short list that is read as a whole has no rows before its damage, and
/// other words for it (`tests/rest`); `verbs.rs` asks it too.
fn clients() -> impl Iterator<Item = &'static Client> {
    CLIENTS.iter().filter(|client| !client.is_whole)
}

fn patience(end: End) -> u64 {
    if matches!(end, Fails(FaultKind::TimedOut, _)) { SHORT } else { LONG }
}

/// Says what is wrong with a reply.
fn wrong(end: End, reply: &Reply) -> Option<String> {
    let said = match &reply.outcome {
        Ok(answer) => answer.notes.iter().map(|note| format!("{:?}: {}", note.kind, note.text.as_str())).collect(),
        Err(fault) => vec![format!("{:?}: {fault}", fault.kind)],
    };
    let has = |words: &str| said.iter().any(|text| text.contains(words));
    let damaged = |reply: &Reply| {
        let Ok(answer) = &reply.outcome else { return false };
        answer.notes.iter().any(|note| note.kind == NoteKind::Damaged)
    };
    let right = match (end, &reply.outcome) {
        (Rows, Ok(answer)) => answer.rows.len() == 1 && answer.notes.is_empty(),
        (Noted(rows, words), Ok(answer)) => answer.rows.len() == rows && damaged(reply) && has(words),
        (Strange(words), Ok(answer)) => answer.rows.is_empty() && damaged(reply) && has(words),
        (Strange(words), Err(fault)) => fault.kind == FaultKind::Damaged && has(words),
        (Fails(kind, words), Err(fault)) => fault.kind == kind && has(words),
        (Rows | Noted(..), Err(_)) | (Fails(..), Ok(_)) => false,
    };
    let rows = reply.outcome.as_ref().map_or(0, |answer| answer.rows.len());
    (!right).then(|| format!("{end:?}, but {rows} rows and {said:?}"))
}

#[tokio::test]
async fn a_source_says_what_became_of_every_rude_body() {
    async fn check(client: &'static Client, (name, acts, end): &Case) -> Vec<String> {
        let peer = Peer::start(Framing::Http, Arc::new(client.script(*acts)));
        let source = (client.open)(endpoint(&peer.address));
        let reply = ask_within(&*source, &question(client.source), patience(*end), BYTES).await;
        let mut all = Vec::new();
        if let Some(wrong) = wrong(*end, &reply) {
            all.push(format!("{}: a server that {name}: {wrong}", client.name));
        }
        // Tries are bounded whatever the server asks for.
        let asked = peer.texts().iter().filter(|request| request.contains(client.data)).count();
        if asked > TRIES {
            all.push(format!("{}: a server that {name} was asked {asked} times", client.name));
        }
        all
    }
    // Most of the time somebody waits before the next try. Where nothing ends in time, a neighbour's work would take from it.
    let is_slow = |(_, _, end): &&Case| matches!(end, Fails(FaultKind::TimedOut, _));
    let (slow, quick): (Vec<_>, Vec<_>) = CASES.iter().partition(is_slow);
    let all = |cases: Vec<&'static Case>, at_once| {
        let each = clients().flat_map(move |client| cases.clone().into_iter().map(move |case| check(client, case)));
        stream::iter(each).buffered(at_once).concat()
    };
    let mut wrongs = all(quick, 8).await;
    wrongs.extend(all(slow, 1).await);
    none(&wrongs);
}

/// Exit codes that an end may have: all was seen, partly, no answer, or the own budget.
fn exits(end: End) -> &'static [i32] {
    match end {
        Rows => &[0],
        Noted(1.., _) => &[4],
        Noted(..) | Strange(_) => &[4, 5],
        Fails(FaultKind::TooLarge, _) => &[7],
        Fails(..) => &[5],
    }
}

#[test]
fn the_program_says_what_became_of_every_rude_body_within_its_memory() {
    fn check(client: &'static Client, (name, acts, end): &Case) -> Vec<String> {
        let peer = Peer::start(Framing::Http, Arc::new(client.script(*acts)));
        let about = format!("{}: a server that {name}", client.name);
        wrongs_within(&about, client.verb, (client, peer.address.as_str()), patience(*end), BYTES, exits(*end))
    }
    // Most of the time somebody waits before the next try.
    let all: Vec<String> = std::thread::scope(|scope| {
        let each = clients().map(|client| {
            let halves = CASES.chunks(CASES.len().div_ceil(2));
            let running = halves.map(|cases| {
                scope.spawn(move || cases.iter().flat_map(|case| check(client, case)).collect::<Vec<_>>())
            });
            running.collect::<Vec<_>>()
        });
        let running: Vec<_> = each.collect();
        running.into_iter().flatten().flat_map(|one| one.join().expect("no check panics")).collect()
    });
    none(&all);
}
