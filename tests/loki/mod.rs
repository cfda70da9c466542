//! The pager against a Loki made of a list: whatever the page size, ties and label sets, slices equal the whole.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod field;
mod traps;

use crate::rude::peer::{Act, Framing, Peer};
use hopscope::config::{HttpEndpoint, Limits, keys};
use hopscope::model::ask::NoteKind;
use hopscope::model::{Ask, Note, Rows, SourceKind, Timestamp, Window};
use hopscope::sources::Source;
use hopscope::sources::lease::Budget;
use hopscope::sources::loki::Loki;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use url::Url;

const BEGIN: i64 = 1_795_474_427_000_000_000;
const STREAMS: [&[(&str, &str)]; 4] =
    [&[("app", "a")], &[("app", "a"), ("pod", "1")], &[("app", "a"), ("pod", "2")], &[("app", "b"), ("zone", "x\"y")]];

/// One line: nanoseconds from the begin, stream, words, structured metadata.
type Line = (i64, usize, u8, u8);

/// What the server allows, and its habits.
#[derive(Clone, Copy, Debug)]
struct Habits {
    page: usize,
    /// Longest range of one query in ns.
    range: i64,
    /// Whether entries have three parts.
    categorised: bool,
    /// Every so many answers are of two parts, metadata melted into the labels, as from a cache that does not know better;
    /// 0 is never.
    melt: usize,
    /// How many streams the list of them has.
    listed: usize,
    /// Turns the order of one instant's entries by this much with each request.
    turn: usize,
}

fn parameters(request: &[u8]) -> (String, HashMap<String, String>) {
    let text = String::from_utf8_lossy(request).into_owned();
    let target = text.split_whitespace().nth(1).unwrap_or("/").to_owned();
    let url = Url::parse(&format!("http://loki{target}")).unwrap();
    (url.path().to_owned(), url.query_pairs().into_owned().collect())
}

/// Says whether a selector of equalities and of `=~".+"` takes a stream.
fn selects(query: &str, labels: &[(&str, &str)]) -> bool {
    let value = |name: &str| labels.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
    let inside = query.split_once('{').unwrap().1.rsplit_once('}').unwrap().0;
    inside.split(", ").all(|matcher| {
        if let Some((name, _)) = matcher.split_once("=~") {
            return !value(name).is_empty();
        }
        let (name, wanted) = matcher.split_once('=').unwrap();
        serde_json::from_str::<String>(wanted).unwrap() == value(name)
    })
}

fn answer(status: &str, body: &str) -> Vec<Act> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    vec![Act::Send([head.as_bytes(), body.as_bytes()].concat())]
}

fn serve(lines: &[Line], habits: Habits, number: usize, request: &[u8]) -> Vec<Act> {
    let (path, asked) = parameters(request);
    let whole = |name: &str| asked[name].parse::<i64>().unwrap();
    let ok = |body: serde_json::Value| answer("200 OK", &body.to_string());
    match path.rsplit('/').next().unwrap() {
        "labels" => ok(json!({"status": "success", "data": ["app", "pod", "zone"]})),
        "series" => {
            let (from, until) = (whole("start"), whole("end"));
            let is_there =
                |stream: usize| lines.iter().any(|line| line.1 == stream && (from..until).contains(&(BEGIN + line.0)));
            let found =
                STREAMS.iter().enumerate().filter(|(at, labels)| is_there(*at) && selects(&asked["match[]"], labels));
            let sets = found
                .skip(STREAMS.len().saturating_sub(habits.listed))
                .map(|(_, labels)| json!(labels.iter().copied().collect::<BTreeMap<_, _>>()));
            ok(json!({"status": "success", "data": std::iter::once(json!(null)).chain(sets).collect::<Vec<_>>()}))
        }
        "query_range" => {
            let (from, until, limit) = (whole("start"), whole("end"), whole("limit") as usize);
            if limit > habits.page {
                let words = format!(
                    "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {})\n",
                    habits.page
                );
                return answer("400 Bad Request", &words);
            }
            if until - from > habits.range {
                let words = format!(
                    "the query time range exceeds the limit (query length: {}ns, limit: {}ns)\n",
                    until - from,
                    habits.range
                );
                return answer("400 Bad Request", &words);
            }
            let mut found: Vec<&Line> = lines
                .iter()
                .filter(|line| (from..until).contains(&(BEGIN + line.0)) && selects(&asked["query"], STREAMS[line.1]))
                .collect();
            let turned = found.len().max(1);
            found.rotate_left(habits.turn * number % turned);
            found.sort_by_key(|line| std::cmp::Reverse(line.0));
            found.truncate(limit);
            let melts = habits.categorised && habits.melt > 0 && number.is_multiple_of(habits.melt);
            let mut streams: BTreeMap<(usize, u8), Vec<serde_json::Value>> = BTreeMap::new();
            for line in found {
                let (at, words) = ((BEGIN + line.0).to_string(), text(line));
                // A cache in front may answer either form.
                let entry = if habits.categorised && !melts {
                    json!([at, words, {"structuredMetadata": {"n": line.3.to_string()}}])
                } else {
                    json!([at, words])
                };
                streams.entry((line.1, if melts { line.3 } else { 0 })).or_default().push(entry);
            }
            let result = streams.into_iter().map(|((stream, number), values)| {
                let mut labels: BTreeMap<&str, String> =
                    STREAMS[stream].iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
                if melts {
                    labels.insert("n", number.to_string());
                }
                json!({"stream": labels, "values": values})
            });
            ok(json!({"status": "success", "data": {"resultType": "streams", "result": result.collect::<Vec<_>>()}}))
        }
        _ => answer("404 Not Found", "404 page not found\n"),
    }
}

fn text(line: &Line) -> String {
    format!("order-7 step {}", line.2)
}

/// Reads all lines through the client.
fn read(lines: &[Line], habits: Habits) -> (Vec<String>, Vec<Note>) {
    let held = lines.to_vec();
    let peer =
        Peer::start(Framing::Http, Arc::new(move |number, request: &[u8]| serve(&held, habits, number, request)));
    let endpoint = HttpEndpoint::new(keys::url(&format!("http://{}", peer.address)).unwrap());
    let limits = Limits { requests: 5_000, ..Limits::default() };
    let ask = Ask::FindLines {
        needles: vec!["order-7".into()],
        metadata: Vec::new(),
        services: Vec::new(),
        window: Window { from: Timestamp(BEGIN), until: Timestamp(BEGIN + 40) },
        limit: 100_000,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(async {
        Loki::new(&endpoint).answer(&ask, &Budget::new(SourceKind::Loki, &limits, CancellationToken::new())).await
    });
    let answer = reply.outcome.unwrap();
    let Rows::Lines(store) = answer.rows else { panic!("lines were asked for") };
    let one = |line: hopscope::model::lines::LineView<'_>| {
        // Which of the two forms a line came in is no difference.
        let labels: BTreeMap<&str, &str> = line.labels().chain(line.metadata()).collect();
        format!("{} {labels:?} {}", line.at().0 - BEGIN, line.text())
    };
    let mut all: Vec<String> = store.iter().map(one).collect();
    all.sort();
    (all, answer.notes)
}

fn expected(lines: &[Line], habits: Habits, leave_out: impl Fn(&Line) -> bool) -> Vec<String> {
    let one = |line: &Line| {
        let mut labels: BTreeMap<&str, &str> = STREAMS[line.1].iter().copied().collect();
        let number = line.3.to_string();
        if habits.categorised {
            labels.insert("n", &number);
        }
        format!("{} {labels:?} {}", line.0, text(line))
    };
    let mut all: Vec<String> = lines.iter().filter(|line| !leave_out(line)).map(one).collect();
    all.sort();
    all
}

/// A stream that alone holds as many lines at one instant as a page: nobody can read it to the end.
fn overfull(lines: &[Line], habits: Habits) -> impl Fn(&Line) -> bool {
    let mut counts: HashMap<(i64, usize), usize> = HashMap::new();
    for line in lines {
        *counts.entry((line.0, line.1)).or_default() += 1;
    }
    move |line| counts[&(line.0, line.1)] >= habits.page
}

fn check(lines: &[Line], habits: Habits) -> Result<(), TestCaseError> {
    let (found, notes) = read(lines, habits);
    let is_overfull = overfull(lines, habits);
    let whole = expected(lines, habits, |_| false);
    let sure = expected(lines, habits, &is_overfull);
    let (mut left, mut invented) = (whole.clone(), Vec::new());
    for line in &found {
        match left.iter().position(|known| known == line) {
            Some(at) => drop(left.remove(at)),
            None => invented.push(line.clone()),
        }
    }
    prop_assert!(invented.is_empty(), "not there: {invented:?}");
    let mut rest = found.clone();
    for line in &sure {
        let at = rest.iter().position(|known| known == line);
        prop_assert!(at.is_some(), "lost: {line}\nnotes: {notes:?}");
        rest.remove(at.unwrap());
    }
    // What is missing is said, with its instant; where nothing is, nothing is said.
    let told: Vec<&Note> = notes.iter().filter(|note| note.kind == NoteKind::Truncated).collect();
    for line in &left {
        let instant = Timestamp(BEGIN + line.split(' ').next().unwrap().parse::<i64>().unwrap()).rfc3339();
        prop_assert!(told.iter().any(|note| note.text.as_str().contains(&instant)), "not said: {line} in {told:?}");
    }
    if whole == sure {
        prop_assert!(told.is_empty(), "{told:?}");
    }
    Ok(())
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    prop::collection::vec((0..6i64, 0..STREAMS.len(), 0..2u8, 0..2u8), 0..60)
}

fn habits() -> impl Strategy<Value = Habits> {
    (2..9usize, 1..60i64, any::<bool>(), 0..4usize, 0..5usize)
        .prop_map(|(page, range, categorised, melt, turn)| Habits { page, range, categorised, melt, listed: 9, turn })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 320, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slices_equal_the_whole(lines in lines(), habits in habits()) {
        check(&lines, habits)?;
    }
}

#[test]
fn an_instant_fuller_than_a_page_is_split_by_stream() {
    let lines: Vec<Line> = (0..24).map(|at| (3, at % 4, at as u8, 0)).collect();
    let habits = Habits { page: 7, range: 60, categorised: true, melt: 0, listed: 9, turn: 1 };
    check(&lines, habits).unwrap();
    assert_eq!(read(&lines, habits).0.len(), 24);
}

/// A crowded instant is first read with all that the server allows, which it tells only when it refuses.
#[test]
fn an_instant_fuller_than_a_usual_page_is_read_with_the_servers_maximum() {
    let lines: Vec<Line> = (0..5_600).map(|at| (3, 0, at as u8, (at >> 8) as u8)).collect();
    let habits = Habits { page: 6_000, range: 60, categorised: true, melt: 0, listed: 9, turn: 1 };
    let (found, notes) = read(&lines, habits);
    assert_eq!((found.len(), notes), (5_600, Vec::new()));
}

#[test]
fn a_list_without_all_streams_is_noticed() {
    let lines: Vec<Line> = (0..24).map(|at| (3, at % 4, at as u8, 0)).collect();
    let habits = Habits { page: 7, range: 60, categorised: true, melt: 0, listed: 1, turn: 1 };
    let (found, notes) = read(&lines, habits);
    let instant = Timestamp(BEGIN + 3).rfc3339();
    assert!(found.len() < lines.len());
    assert!(notes.iter().any(|note| note.kind == NoteKind::Truncated && note.text.as_str().contains("hold only")));
    assert!(notes.iter().any(|note| note.text.as_str().contains(&instant)), "{notes:?}");
}
