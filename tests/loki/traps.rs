//! What installations and versions of Loki do to a client, one row each: recorded answers where there are some
//! (`tests/wire/loki-*`), else shapes (`tests/wire/shapes`).

use super::field::{endpoint, length, said};
use super::{Act, Framing, Peer, answer, parameters};
use crate::wire::text as recorded;
use flate2::Compression;
use flate2::write::GzEncoder;
use hopscope::config::Limits;
use hopscope::model::ask::NoteKind;
use hopscope::model::{Ask, Fault, FaultKind, LineStore, Note, Rows, SourceKind, Timestamp, Window};
use hopscope::sources::Source;
use hopscope::sources::lease::Budget;
use hopscope::sources::loki::Loki;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

type Asked = HashMap<String, String>;
type Script = Arc<dyn Fn(&str, &Asked) -> Vec<Act> + Send + Sync>;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;

/// What came of a question.
struct Seen {
    outcome: Result<(LineStore, Vec<Note>), Fault>,
    /// Last part of each request's path, and its parameters.
    requests: Vec<(String, Asked)>,
}

impl Seen {
    fn lines(&self) -> Vec<String> {
        let (store, _) = self.outcome.as_ref().unwrap_or_else(|fault| panic!("{fault}"));
        store.iter().map(|line| line.text().to_owned()).collect()
    }

    fn notes(&self, kind: NoteKind) -> Vec<&str> {
        said(&self.outcome.as_ref().unwrap_or_else(|fault| panic!("{fault}")).1, kind)
    }

    fn fault(&self) -> &Fault {
        self.outcome.as_ref().expect_err("a fault is the answer")
    }

    /// Start and end of the queries for lines.
    fn ranges(&self) -> Vec<(i64, i64)> {
        let of = |asked: &Asked, name: &str| asked[name].parse().unwrap();
        self.to("query_range").map(|asked| (of(asked, "start"), of(asked, "end"))).collect()
    }

    fn to(&self, route: &str) -> impl Iterator<Item = &Asked> {
        self.requests.iter().filter(move |(known, _)| known == route).map(|(_, asked)| asked)
    }
}

/// One trap: a question, what the server does, and what must come of it.
struct Trap {
    name: &'static str,
    ask: Ask,
    script: Script,
    check: fn(&Seen),
}

async fn fall_in(trap: &Trap, limits: &Limits) -> Seen {
    let script = Arc::clone(&trap.script);
    let act = move |_: usize, request: &[u8]| {
        let (path, asked) = parameters(request);
        script(path.rsplit('/').next().unwrap_or_default(), &asked)
    };
    let peer = Peer::start(Framing::Http, Arc::new(act));
    let loki = Loki::new(&endpoint(&format!("http://{}", peer.address), ""));
    let reply = loki.answer(&trap.ask, &Budget::new(SourceKind::Loki, limits, CancellationToken::new())).await;
    let seen = |request: &Vec<u8>| {
        let (path, asked) = parameters(request);
        (path.rsplit('/').next().unwrap_or_default().to_owned(), asked)
    };
    let outcome = reply.outcome.map(|answer| match answer.rows {
        Rows::Lines(lines) => (*lines, answer.notes),
        _ => panic!("lines were asked for"),
    });
    Seen { outcome, requests: peer.requests().iter().map(seen).collect() }
}

fn ok(body: &str) -> Vec<Act> {
    answer("200 OK", body)
}

/// A recorded refusal with its status.
fn refused(status: &str, file: &str) -> Vec<Act> {
    answer(status, &recorded(file))
}

fn absent() -> Vec<Act> {
    answer("404 Not Found", "404 page not found\n")
}

/// A server that knows one answer to queries for lines and no other route, as an old one.
fn lines_are(body: String) -> Script {
    Arc::new(move |route, _| if route == "query_range" { ok(&body) } else { absent() })
}

fn nothing() -> String {
    recorded("loki-2.2.1/nothing.json")
}

/// The minutes around the recorded lines and those of the shapes.
fn then() -> Window {
    let at = 1_795_593_000 * SECOND;
    Window { from: Timestamp(at), until: Timestamp(at + HOUR) }
}

/// An hour that is beyond any lookback, whatever the machine's clock says.
fn long_past() -> Window {
    Window { from: Timestamp(0), until: Timestamp(HOUR) }
}

fn ask(text: &str) -> Ask {
    Ask::QueryLines { query: text.into(), window: then(), limit: 1_000 }
}

fn search(needle: &str, window: Window) -> Ask {
    Ask::FindLines {
        needles: vec![needle.into()],
        metadata: vec!["trace_id".into(), "messaging_message_id".into()],
        services: Vec::new(),
        window,
        limit: 1_000,
    }
}

fn zipped(body: &str) -> Vec<Act> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    vec![Act::Send([head.as_bytes(), &bytes].concat())]
}

/// Shapes of entries and of answers.
fn shapes() -> Vec<Trap> {
    let any = || ask("{app=~\".+\"}");
    vec![
        Trap {
            name: "entries of two parts, whatever header was sent (recorded, 2.2.1)",
            ask: any(),
            script: lines_are(recorded("loki-2.2.1/odd.json")),
            check: |seen| {
                let lines = seen.lines();
                assert_eq!((lines.len(), lines.iter().filter(|line| *line == "same").count()), (9, 3));
                assert!(lines.iter().any(String::is_empty) && lines.iter().any(|line| line == "\u{1f680} caf\u{e9}"));
                assert!(lines.contains(&"a <b> & \u{2028} \u{1b}[31m \0".to_owned()), "{lines:?}");
            },
        },
        Trap {
            name: "entries of three parts: metadata and parsed fields are apart from labels (shape, 3.7)",
            ask: any(),
            script: lines_are(recorded("shapes/loki-3.7/lines.json")),
            check: |seen| {
                let (store, _) = seen.outcome.as_ref().unwrap();
                let line = store.iter().find(|line| line.text().starts_with("charge")).unwrap();
                assert_eq!((line.metadata().count(), line.labels().count()), (3, 2));
                assert_eq!(store.iter().filter(|line| line.metadata().count() == 0).count(), 1);
            },
        },
        Trap {
            name: "metadata melted into the labels loses nothing (shape, 3.7 without the header)",
            ask: any(),
            script: lines_are(recorded("shapes/loki-3.7/melted.json")),
            check: |seen| {
                let (store, _) = seen.outcome.as_ref().unwrap();
                let traced = |line: &hopscope::model::lines::LineView<'_>| line.field("trace_id").is_some();
                assert_eq!((store.len(), store.iter().filter(traced).count()), (2, 1));
            },
        },
        Trap {
            name: "both kinds of entries in one answer, data before status, lines written anew (shape, Loki-VL-proxy)",
            ask: any(),
            script: lines_are(recorded("shapes/loki-vl-proxy/lines.json")),
            check: |seen| {
                assert_eq!(seen.lines(), ["order-7 from a cache", "order-7 bare", "charge failed order-7"]);
                assert!(seen.notes(NoteKind::Remark).iter().any(|note| note.contains("wrote lines anew")));
            },
        },
        Trap {
            name: "lines of one instant stand in the order in which they were written: backward turns them",
            ask: any(),
            script: lines_are(
                r#"{"data":{"result":[{"stream":{"app":"a"},"values":[["1795593564000000005","at b"],["1795593564000000005","at a"],["1795593564000000005","error"],["1795593564000000004","before"]]}]}}"#.to_owned(),
            ),
            check: |seen| assert_eq!(seen.lines(), ["before", "error", "at a", "at b"]),
        },
        Trap {
            name: "nothing found is no damage (recorded, 2.2.1)",
            ask: any(),
            script: lines_are(nothing()),
            check: |seen| assert_eq!((seen.lines().len(), seen.outcome.as_ref().unwrap().1.len()), (0, 0)),
        },
        Trap {
            name: "lists, streams and values may be null",
            ask: any(),
            script: lines_are(
                r#"{"status":"success","data":{"resultType":"streams","result":[null,{"stream":null,"values":null},{"stream":{"app":"a"},"values":[["1795593564000000001","x"]]}]}}"#.to_owned(),
            ),
            check: |seen| assert_eq!((seen.lines(), seen.outcome.as_ref().unwrap().1.len()), (vec!["x".to_owned()], 0)),
        },
        Trap {
            name: "a metric's answer is no list of lines (recorded, 2.2.1)",
            ask: any(),
            script: lines_are(recorded("loki-2.2.1/metric.json")),
            check: |seen| assert!(!seen.notes(NoteKind::Damaged).is_empty() && seen.lines().is_empty()),
        },
        Trap {
            name: "a web page with status 200 is no answer",
            ask: any(),
            script: lines_are("<!DOCTYPE html><html>sign in</html>".to_owned()),
            check: |seen| assert_eq!(seen.fault().kind, FaultKind::Damaged),
        },
        Trap {
            name: "an answer that breaks off keeps its whole lines and is not called whole",
            ask: any(),
            script: Arc::new(|route, _| match route {
                "query_range" => {
                    let body = recorded("loki-2.2.1/odd.json");
                    let end = body.find("key=value").unwrap();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                    vec![Act::Send([head.as_bytes(), &body.as_bytes()[..end]].concat())]
                }
                _ => absent(),
            }),
            check: |seen| {
                assert_eq!(seen.lines().len(), 4);
                assert!(!seen.notes(NoteKind::Damaged).is_empty());
            },
        },
        Trap {
            name: "packed answers are unpacked",
            ask: any(),
            script: Arc::new(|route, _| match route {
                "query_range" => zipped(&recorded("loki-2.2.1/order.json")),
                _ => absent(),
            }),
            check: |seen| assert!(seen.lines().len() > 10),
        },
    ]
}

/// What is asked, and in which words.
fn questions() -> Vec<Trap> {
    let labels = |body: &'static str| -> Script {
        Arc::new(move |route, _| match route {
            "labels" => ok(body),
            "query_range" => ok(&nothing()),
            _ => absent(),
        })
    };
    vec![
        Trap {
            name: "a selector that takes everything or nothing is not sent: old servers answer it with 200 and no lines",
            ask: ask("{app=~\".*\"}"),
            script: lines_are(recorded("loki-2.2.1/may-be-empty.json")),
            check: |seen| {
                assert_eq!(seen.fault().kind, FaultKind::Unsupported);
                assert!(seen.requests.is_empty());
            },
        },
        Trap {
            name: "instants are nanoseconds in 19 digits, also those of long ago: ten digits would be seconds",
            ask: Ask::QueryLines {
                query: "{app=\"a\"}".into(),
                window: Window { from: Timestamp(5 * SECOND), until: Timestamp(HOUR) },
                limit: 10,
            },
            script: lines_are(nothing()),
            check: |seen| {
                let asked = seen.to("query_range").next().unwrap();
                assert_eq!((&*asked["start"], &*asked["end"]), ("0000000005000000000", "0000003600000000000"));
            },
        },
        Trap {
            name: "no labels: `data` is missing, and nothing is there (recorded, 2.2.1)",
            ask: search("order-7", then()),
            script: Arc::new(|route, _| match route {
                "labels" => ok(&recorded("loki-2.2.1/labels-none.json")),
                "query_range" => ok(&nothing()),
                _ => absent(),
            }),
            check: |seen| {
                assert!(seen.lines().is_empty());
                assert!(seen.to("query_range").all(|asked| asked["query"].starts_with("{service_name=~\".+\"}")));
            },
        },
        Trap {
            name: "an empty label name is none, and every name is tried with dots too (shape, Loki-VL-proxy)",
            ask: search("order-7", then()),
            script: Arc::new(|route, asked| match route {
                "labels" => ok(&recorded("shapes/loki-vl-proxy/labels.json")),
                "buildinfo" => ok(&recorded("shapes/loki-vl-proxy/buildinfo.json")),
                "query_range" if asked["query"].contains("messaging.message.id") => {
                    ok(&recorded("shapes/loki-vl-proxy/lines.json"))
                }
                "query_range" => ok(&nothing()),
                _ => absent(),
            }),
            check: |seen| assert!(seen.lines().contains(&"charge failed order-7".to_owned()), "{:?}", seen.requests),
        },
        Trap {
            name: "streams that cannot be listed are said to be unchecked",
            ask: search("order-7", then()),
            script: labels(r#"{"status":"success","data":["app","pod"]}"#),
            check: |seen| {
                let told = seen.notes(NoteKind::Remark);
                assert!(told.iter().any(|note| note.contains("`app`") && note.contains("not be checked")), "{told:?}");
            },
        },
        Trap {
            name: "Loki 3 puts its own label on every stream: nothing is unsure then (shape, 3.7)",
            ask: search("order-7", then()),
            script: Arc::new(|route, _| match route {
                "labels" => ok(&recorded("shapes/loki-3.7/labels.json")),
                "query_range" => ok(&nothing()),
                _ => absent(),
            }),
            check: |seen| assert_eq!(seen.notes(NoteKind::Remark), [""; 0]),
        },
        Trap {
            name: "a query that gives other lines than were written is no evidence, and that is said",
            ask: ask("{app=\"a\"} | line_format \"{{.app}}\""),
            script: lines_are(nothing()),
            check: |seen| assert!(seen.notes(NoteKind::Remark)[0].contains("`line_format`")),
        },
    ]
}

/// Limits and refusals.
fn limits() -> Vec<Trap> {
    let any = || ask("{app=~\".+\"}");
    vec![
        Trap {
            name: "the most lines of a page are read from the refusal (recorded, 2.2.1)",
            ask: any(),
            script: Arc::new(|route, asked| match route {
                "query_range" if asked["limit"].parse::<usize>().unwrap() > 1_000 => {
                    refused("400 Bad Request", "loki-2.2.1-strict/too-many-lines.txt")
                }
                "query_range" => ok(&recorded("loki-2.2.1/odd.json")),
                _ => absent(),
            }),
            check: |seen| {
                let sizes: Vec<_> = seen.to("query_range").map(|asked| asked["limit"].clone()).collect();
                assert_eq!((sizes, seen.lines().len()), (vec!["1001".to_owned(), "1000".to_owned()], 9));
            },
        },
        Trap {
            name: "a range that is too long is split by the limit in the refusal (recorded, 2.2.1)",
            ask: any(),
            script: Arc::new(|route, asked| match route {
                "query_range" if length(asked) > HOUR / 2 => {
                    refused("400 Bad Request", "loki-2.2.1-strict/too-long.txt")
                }
                "query_range" => ok(&nothing()),
                _ => absent(),
            }),
            check: |seen| {
                let (ranges, whole) = (seen.ranges(), then());
                assert!(seen.lines().is_empty() && ranges.len() == 4, "the whole, two halves and a rest: {ranges:?}");
                assert_eq!((ranges[1].1, ranges[3].0), (whole.until.0, whole.from.0));
                assert!(ranges[1..].windows(2).all(|pair| pair[0].0 == pair[1].1), "{ranges:?}");
            },
        },
        Trap {
            name: "a range of just the limit is refused too, with status 500 (recorded, 2.2.1)",
            ask: any(),
            script: Arc::new(|route, asked| match route {
                "query_range" if length(asked) > HOUR / 2 - SECOND / 1_000 => {
                    refused("500 Internal Server Error", "loki-2.2.1-strict/just-too-long.txt")
                }
                "query_range" => ok(&nothing()),
                _ => absent(),
            }),
            check: |seen| assert!(seen.lines().is_empty() && seen.ranges().len() == 4, "{:?}", seen.ranges()),
        },
        Trap {
            name: "labels of a range that is too long are asked for its newest part (recorded, 2.2.1)",
            ask: search("order-7", then()),
            script: Arc::new(|route, asked| match route {
                "labels" if length(asked) > HOUR / 2 => {
                    refused("400 Bad Request", "loki-2.2.1-strict/labels-too-long.txt")
                }
                "labels" => ok(r#"{"status":"success","data":["app"]}"#),
                "series" => ok(r#"{"status":"success","data":[null]}"#),
                "query_range" => ok(&nothing()),
                _ => absent(),
            }),
            check: |seen| {
                assert!(seen.lines().is_empty());
                let ends: Vec<_> = seen.to("labels").map(|asked| asked["end"].parse::<i64>().unwrap()).collect();
                assert_eq!(ends, [then().until.0; 2]);
                assert!(seen.ranges().iter().all(|(from, until)| until - from <= HOUR / 2), "{:?}", seen.ranges());
            },
        },
        Trap {
            name: "a mistake in the query is the person's, also with status 500: it is asked once (recorded, 2.2.1)",
            ask: any(),
            script: Arc::new(|route, _| match route {
                "query_range" => refused("500 Internal Server Error", "loki-2.2.1/bad-expression.txt"),
                _ => absent(),
            }),
            check: |seen| {
                assert!(seen.fault().hint.as_str().contains("correct it"), "{:?}", seen.fault());
                assert!(seen.fault().came.as_str().contains("missing closing )"));
                assert_eq!(seen.ranges().len(), 1);
            },
        },
        Trap {
            name: "no tenant is refused in words that name it (recorded, 2.2.1)",
            ask: any(),
            script: Arc::new(|_, _| refused("401 Unauthorized", "loki-2.2.1-strict/no-tenant.txt")),
            check: |seen| {
                assert_eq!(seen.fault().kind, FaultKind::Refused);
                assert!(seen.fault().hint.as_str().contains("tenant"), "{:?}", seen.fault());
            },
        },
        Trap {
            name: "an answer too large for a part of the server is asked for in smaller pages",
            ask: any(),
            script: Arc::new(|route, asked| match route {
                "query_range" if asked["limit"].parse::<usize>().unwrap() > 300 => answer(
                    "413 Request Entity Too Large",
                    "grpc: received message larger than max (5000000 vs. 4194304)\n",
                ),
                "query_range" => ok(&recorded("loki-2.2.1/odd.json")),
                _ => absent(),
            }),
            check: |seen| assert_eq!((seen.lines().len(), seen.ranges().len()), (9, 3)),
        },
        Trap {
            name: "limits told as YAML are kept: what is beyond the lookback is said (shape, 3.7)",
            ask: search("order-7", long_past()),
            script: Arc::new(|route, _| match route {
                "buildinfo" => ok(&recorded("shapes/loki-3.7/buildinfo.json")),
                "limits" => ok(&recorded("shapes/loki-3.7/limits.yaml")),
                "labels" => ok(&recorded("shapes/loki-3.7/labels.json")),
                "query_range" => ok(&nothing()),
                _ => absent(),
            }),
            check: |seen| {
                let told = seen.notes(NoteKind::OutOfRetention);
                assert!(told.len() == 1 && told[0].contains("2h"), "{told:?}");
            },
        },
        Trap {
            name: "one crowded stretch does not make three hours be read in small pieces",
            ask: ask_long(),
            script: Arc::new(|route, asked| {
                // Only queries that reach into the newest hour are slow.
                let until = asked.get("end").and_then(|end| end.parse::<i64>().ok()).unwrap_or_default();
                let is_crowded = until > then().until.0 - HOUR / 8;
                match route {
                    "query_range" if is_crowded && length(asked) > HOUR / 8 => answer(
                        "504 Gateway Timeout",
                        "request timed out, decrease the duration of the request or add more label matchers",
                    ),
                    "query_range" => ok(&nothing()),
                    _ => absent(),
                }
            }),
            check: |seen| {
                let ranges = seen.ranges();
                let longest = ranges.iter().rev().take(3).map(|(from, until)| until - from).max();
                assert!(longest > Some(HOUR / 4) && ranges.len() < 25, "{ranges:?}");
            },
        },
    ]
}

/// Three hours, which is read as one slice.
fn ask_long() -> Ask {
    let window = Window { from: Timestamp(then().until.0 - 3 * HOUR), until: then().until };
    Ask::QueryLines { query: "{app=\"a\"}".into(), window, limit: 1_000 }
}

#[tokio::test]
async fn no_trap_is_fallen_into() {
    let all = shapes().into_iter().chain(questions()).chain(limits()).collect::<Vec<_>>();
    assert!(all.len() > 20);
    for trap in &all {
        let seen = fall_in(trap, &Limits { requests: 500, ..Limits::default() }).await;
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (trap.check)(&seen)));
        assert!(checked.is_ok(), "{}", trap.name);
    }
}

/// Cost is asked before a wide search; what a person allows is searched.
#[tokio::test]
async fn a_dear_search_is_cut_unless_it_is_allowed() {
    let day = Window { from: Timestamp(then().until.0 - 24 * HOUR), until: then().until };
    let trap = Trap {
        name: "cost",
        ask: Ask::QueryLines { query: "{app=\"a\"}".into(), window: day, limit: 10 },
        script: Arc::new(|route, _| match route {
            "stats" => ok(&recorded("shapes/loki-3.7/stats.json")),
            "query_range" => ok(&nothing()),
            _ => absent(),
        }),
        check: |_| {},
    };
    let cut = fall_in(&trap, &Limits::default()).await;
    assert_eq!((cut.to("stats").count(), cut.ranges().len()), (1, 1));
    let told = cut.notes(NoteKind::Truncated);
    assert!(told[0].contains("92 GiB") && told[0].contains("--budget scan=93GiB"), "{told:?}");
    let whole = fall_in(&trap, &Limits { scan: 93 << 30, ..Limits::default() }).await;
    assert_eq!(whole.ranges().last().unwrap().0, day.from.0);
    assert!(whole.notes(NoteKind::Truncated).is_empty());
}

/// The texts of refusals in their newer words.
#[tokio::test]
async fn every_refusal_says_what_to_do() {
    for row in recorded("shapes/loki-3.7/refusals.tsv").lines() {
        let (status, words) = row.split_once('\t').unwrap();
        let (status, said) = (format!("{status} Refused"), words.to_owned());
        let trap = Trap {
            name: "refusal",
            ask: ask("{app=\"a\"}"),
            script: Arc::new(move |route, _| match route {
                "query_range" if status.starts_with("429") => {
                    let length = said.len();
                    let head = format!(
                        "HTTP/1.1 {status}\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{said}"
                    );
                    vec![Act::Send(head.into_bytes())]
                }
                "query_range" => answer(&status, &said),
                _ => absent(),
            }),
            check: |_| {},
        };
        let seen = fall_in(&trap, &Limits::default()).await;
        let fault = seen.fault();
        assert!(
            !fault.hint.as_str().is_empty() && fault.came.as_str().contains(&words[..20.min(words.len())]),
            "{fault:?}"
        );
        assert!(seen.ranges().len() < 30, "{words}: {} requests", seen.ranges().len());
    }
}
