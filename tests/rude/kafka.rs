//! Rude servers in the place of a Kafka broker.

use super::peer::{Act, Framing, Peer};
use super::{LONG, ask, none, patience, question, wrongs};
use hopscope::model::ask::NoteKind;
use hopscope::model::{Ask, Coordinate, FaultKind, SourceKind};
use std::sync::Arc;

const VERSIONS: u8 = 18;
const METADATA: u8 = 3;
const GROUPS: u8 = 16;
const FETCH: u8 = 1;

type Case = (&'static str, fn(&[u8]) -> Vec<Act>, FaultKind, i32);

/// An answer with its length, to the request whose correlation id it takes.
fn frame(request: &[u8], body: &[u8]) -> Act {
    let mut out = (body.len() as u32 + 4).to_be_bytes().to_vec();
    out.extend(&request[4..8]);
    out.extend(body);
    Act::Send(out)
}

/// The body of an answer about versions in version 3: error, then key, oldest, newest of each request.
fn offer(error: i16, rows: &[[i16; 3]]) -> Vec<u8> {
    let mut body = error.to_be_bytes().to_vec();
    body.push(rows.len() as u8 + 1);
    for row in rows {
        for number in row {
            body.extend(number.to_be_bytes());
        }
        body.push(0);
    }
    body.extend([0, 0, 0, 0, 0]);
    body
}

const ALL: [[i16; 3]; 8] =
    [[1, 4, 17], [2, 1, 9], [3, 0, 12], [9, 1, 8], [15, 0, 5], [16, 0, 5], [18, 0, 3], [69, 0, 1]];

/// Tells the versions politely, and does something else about all other requests.
fn after_versions(request: &[u8], then: Vec<Act>) -> Vec<Act> {
    if request[1] == VERSIONS { vec![frame(request, &offer(0, &ALL)), Act::Next] } else { then }
}

/// Takes any mechanism, and repeats what it is shown in the words of its refusal.
pub(super) fn repeats_logins(request: &[u8]) -> Vec<Act> {
    const HANDSHAKE: u8 = 17;
    const AUTHENTICATE: u8 = 36;
    match request[1] {
        VERSIONS => {
            let rows = [ALL.as_slice(), &[[17, 0, 1], [36, 0, 2]]].concat();
            vec![frame(request, &offer(0, &rows)), Act::Next]
        }
        HANDSHAKE => vec![frame(request, &[0, 0, 0, 0, 0, 0]), Act::Next],
        AUTHENTICATE => {
            // Version 2: an empty header, error 58, the words, no bytes, no life, no tags.
            let words = String::from_utf8_lossy(&request[8..]).replace(['\0', '\u{1}'], " ");
            let mut body = vec![0, 0, 58];
            let mut length = words.len() as u32 + 1;
            while length >= 0x80 {
                body.push(length as u8 | 0x80);
                length >>= 7;
            }
            body.push(length as u8);
            body.extend(words.bytes());
            body.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            vec![frame(request, &body)]
        }
        _ => Vec::new(),
    }
}

const CASES: &[Case] = &[
    ("never answers", |_| vec![Act::Hold], FaultKind::TimedOut, 5),
    ("stalls in a frame", |_| vec![Act::Send(vec![0, 0, 0, 99, 0]), Act::Hold], FaultKind::TimedOut, 5),
    ("drips a frame", |_| vec![Act::Send(vec![0, 0, 99, 0]), Act::Drip], FaultKind::TimedOut, 5),
    ("closes at once", |_| Vec::new(), FaultKind::Unreachable, 5),
    ("closes in the length", |_| vec![Act::Send(vec![0, 0])], FaultKind::Unreachable, 5),
    ("closes in a frame", |_| vec![Act::Send(vec![0, 0, 0, 99, 0, 0])], FaultKind::Unreachable, 5),
    (
        "sends a frame of 2 GiB",
        |_| vec![Act::Send(vec![0x7f, 0xff, 0xff, 0xff]), Act::Flood(vec![0; 4096])],
        FaultKind::Damaged,
        5,
    ),
    ("sends a frame of negative length", |_| vec![Act::Send(vec![0xff, 0xff, 0xff, 0xff, 0])], FaultKind::Damaged, 5),
    ("sends a frame of no length", |_| vec![Act::Send(vec![0; 8])], FaultKind::Damaged, 5),
    ("speaks HTTP", |_| vec![Act::Send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())], FaultKind::Damaged, 5),
    ("speaks TLS", |_| vec![Act::Send(vec![0x15, 3, 3, 0, 2, 2, 0x46])], FaultKind::Damaged, 5),
    ("sends noise", |_| vec![Act::Send((0..=255).rev().collect())], FaultKind::Damaged, 5),
    (
        "answers another request",
        |_| vec![Act::Send([&[0, 0, 0, 12, 0x7f, 1, 2, 3][..], &[0; 8]].concat())],
        FaultKind::Damaged,
        5,
    ),
    (
        "counts versions without end",
        |request| vec![frame(request, &[0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0])],
        FaultKind::Damaged,
        5,
    ),
    ("tells half of its versions", |request| vec![frame(request, &offer(0, &ALL)[..20])], FaultKind::Damaged, 5),
    ("offers nothing", |request| vec![frame(request, &offer(0, &[]))], FaultKind::Damaged, 5),
    ("refuses to tell its versions", |request| vec![frame(request, &offer(58, &[]))], FaultKind::Damaged, 5),
    (
        "is too new",
        |request| vec![frame(request, &offer(0, &[[3, 60, 70], [18, 0, 3]])), Act::Next],
        FaultKind::Unsupported,
        6,
    ),
    ("is too old", |request| vec![frame(request, &offer(0, &[[18, 0, 3]])), Act::Next], FaultKind::Unsupported, 6),
    ("closes after the versions", |request| after_versions(request, Vec::new()), FaultKind::Unreachable, 5),
    ("is silent after the versions", |request| after_versions(request, vec![Act::Hold]), FaultKind::TimedOut, 5),
    (
        "answers metadata of no bytes",
        |request| after_versions(request, vec![frame(request, &[])]),
        FaultKind::Damaged,
        5,
    ),
    (
        // Throttle time, then 2^32 - 2 brokers in no bytes: whoever took memory for them first would end the process.
        "counts brokers without end",
        |request| after_versions(request, vec![frame(request, &[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f])]),
        FaultKind::Damaged,
        5,
    ),
    (
        "answers noise for metadata",
        |request| after_versions(request, vec![frame(request, &[1; 40])]),
        FaultKind::Damaged,
        5,
    ),
    (
        "answers more metadata than is allowed",
        |request| after_versions(request, vec![Act::Send(vec![0x40, 0, 0, 0]), Act::Flood(vec![0; 4096])]),
        FaultKind::Damaged,
        5,
    ),
    (
        "answers metadata under a wrong number",
        |request| after_versions(request, vec![Act::Send(vec![0, 0, 0, 4, 9, 9, 9, 9])]),
        FaultKind::Damaged,
        5,
    ),
];

#[tokio::test]
async fn the_source_makes_the_right_fault_of_every_rude_broker() {
    let (source, mut wrong) = (SourceKind::Kafka, Vec::new());
    let fault = ask(source, &Peer::refused(), &question(source), LONG).await.outcome.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    for (name, acts, kind, _) in CASES {
        let peer = Peer::start(Framing::Kafka, Arc::new(move |_, request| acts(request)));
        match ask(source, &peer.address, &question(source), patience(Some(*kind))).await.outcome {
            Err(fault) => {
                let told = fault.asked.as_str().contains(&peer.address) && !fault.hint.is_empty();
                if (fault.source, fault.kind, told) != (source, *kind, true) {
                    wrong.push(format!("a broker that {name}: {fault}"));
                }
            }
            Ok(answer) => wrong.push(format!("a broker that {name}: {:?}", answer.notes)),
        }
    }
    none(&wrong);
}

#[test]
fn the_program_survives_every_rude_broker() {
    let mut wrong = Vec::new();
    for verb in [&["queue", "lag"][..], &["follow", "orders-7@88213"]] {
        let refused = Peer::refused();
        wrong.extend(wrongs("refused", verb, (SourceKind::Kafka, &refused), Some(FaultKind::Unreachable), 5));
        for (name, acts, kind, exit) in CASES {
            let peer = Peer::start(Framing::Kafka, Arc::new(move |_, request| acts(request)));
            wrong.extend(wrongs(name, verb, (SourceKind::Kafka, &peer.address), Some(*kind), *exit));
        }
    }
    none(&wrong);
}

#[tokio::test]
async fn a_tls_listener_and_a_web_server_are_named() {
    for (bytes, words) in [(&[0x15, 3, 3, 0, 2, 2, 0x46][..], "TLS"), (b"HTTP/1.1 400 Bad", "HTTP")] {
        let peer = Peer::start(Framing::Kafka, Arc::new(move |_, _| vec![Act::Send(bytes.to_vec())]));
        let fault = ask(SourceKind::Kafka, &peer.address, &Ask::Queues, LONG).await.outcome.unwrap_err();
        assert!(fault.came.as_str().contains(words), "{fault}");
    }
}

/// A real broker's recorded answers, changed in one place.
fn changed(frames: &str, change: impl Fn(u8, &mut Vec<u8>) + Send + Sync + 'static) -> Peer {
    let recorded = crate::wire::recorded(frames);
    let port = Arc::new(std::sync::OnceLock::<u16>::new());
    let known = Arc::clone(&port);
    let script = move |_: usize, request: &[u8]| {
        let Some(mut answer) = recorded.answer(request, *known.get().expect("set before the first request")) else {
            return Vec::new();
        };
        change(request[1], &mut answer);
        let mut out = (answer.len() as u32).to_be_bytes().to_vec();
        out.extend(answer);
        vec![Act::Send(out), Act::Next]
    };
    let peer = Peer::start(Framing::Kafka, Arc::new(script));
    port.set(peer.address.rsplit_once(':').unwrap().1.parse().unwrap()).unwrap();
    peer
}

#[test]
fn a_broker_that_refuses_its_groups_gives_a_partial_answer() {
    // Correlation id, tags, throttle, then the error.
    let peer = changed("kafka-4.3/lag.frames", |key, answer| {
        if key == GROUPS {
            answer[9..11].copy_from_slice(&999i16.to_be_bytes());
        }
    });
    none(&wrongs("refuses its groups", &["queue", "lag"], (SourceKind::Kafka, &peer.address), None, 4));
}

#[test]
fn a_broker_that_breaks_after_the_metadata_gives_a_partial_answer() {
    let cuts: [fn(&mut Vec<u8>); 4] =
        [Vec::clear, |all| all.truncate(4), |all| all.truncate(9), |all| all.truncate(40)];
    for cut in cuts {
        let peer = changed("kafka-4.3/lag.frames", move |key, answer| {
            if key != VERSIONS && key != METADATA {
                cut(answer);
            }
        });
        none(&wrongs("breaks", &["queue", "lag"], (SourceKind::Kafka, &peer.address), None, 4));
    }
}

async fn check_record(change: fn(u8, &mut Vec<u8>), rows: usize, kind: NoteKind) {
    let written = crate::wire::truth().into_iter().find(|line| line["kind"] == "publish").unwrap();
    let at = Coordinate::parse(&crate::wire::coordinate(&written)).unwrap();
    let peer = changed("kafka-4.3/records.frames", change);
    let answer = ask(SourceKind::Kafka, &peer.address, &Ask::Record(at), LONG).await.outcome.unwrap();
    let kinds: Vec<_> = answer.notes.iter().map(|note| note.kind).collect();
    assert!(answer.rows.len() == rows && kinds.contains(&kind), "{} rows, {:?}", answer.rows.len(), answer.notes);
}

/// Where the changed batch's records begin: behind the name of a header that each record has.
fn header(answer: &[u8]) -> usize {
    answer.windows(8).rposition(|found| found == b"order_id").expect("records carry their order")
}

#[tokio::test]
async fn a_damaged_or_cut_batch_is_said() {
    let flip = |key, answer: &mut Vec<u8>| {
        if key == FETCH {
            let at = header(answer);
            answer[at + 10] ^= 1;
        }
    };
    check_record(flip, 1, NoteKind::Damaged).await;
    // The partition's own error stands in front of its offsets; -1 is UNKNOWN_SERVER_ERROR.
    let whole = |key, answer: &mut Vec<u8>| {
        if key == FETCH {
            answer[9..11].copy_from_slice(&(-1i16).to_be_bytes());
        }
    };
    check_record(whole, 0, NoteKind::PartMissing).await;
    let outside = |key, answer: &mut Vec<u8>| {
        if key == FETCH {
            answer[9..11].copy_from_slice(&29i16.to_be_bytes());
        }
    };
    check_record(outside, 0, NoteKind::NotPermitted).await;
}
