//! The client against the embedded Loki with the habits that installations have: limits, tenants, old versions.

use super::{Act, Framing, Peer, answer, parameters};
use hopscope::config::{HttpEndpoint, Limits, keys};
use hopscope::demo::{self, Clock, LokiHabits, LokiRelease, Options, Running};
use hopscope::model::ask::NoteKind;
use hopscope::model::lines::LineView;
use hopscope::model::{Ask, Fault, LineStore, Nanos, Note, Reply, Rows, SourceKind, Timestamp, Window};
use hopscope::sources::Source;
use hopscope::sources::lease::Budget;
use hopscope::sources::loki::Loki;
use hopscope::world::Scenario;
use secrecy::SecretString;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const HOUR: i64 = 3_600_000_000_000;

fn now() -> i64 {
    jiff::Timestamp::now().as_nanosecond() as i64
}

/// The built-in incident, forty minutes old, on an hour that is over.
async fn served(release: LokiRelease, habits: LokiHabits) -> Running {
    let clock = Clock::stopped_at(now() as u64);
    let options = Options { clock, loki: release, loki_habits: habits, ..Options::default() };
    demo::start(Scenario { history_s: 2_400, ..Scenario::checkout() }, options).await.unwrap()
}

pub(super) fn endpoint(url: &str, tenant: &str) -> HttpEndpoint {
    let headers = if tenant.is_empty() {
        Vec::new()
    } else {
        vec![("X-Scope-OrgID".to_owned(), SecretString::from(tenant.to_owned()))]
    };
    HttpEndpoint { headers, ..HttpEndpoint::new(keys::url(url).unwrap()) }
}

async fn put(loki: &Loki, ask: &Ask) -> Reply {
    // A machine with other work must not turn waits into answers.
    let (request_timeout, timeout) = (Duration::from_mins(2), Duration::from_mins(10));
    let limits = Limits { requests: 5_000, request_timeout, timeout, ..Limits::default() };
    loki.answer(ask, &Budget::new(SourceKind::Loki, &limits, CancellationToken::new())).await
}

fn find(needle: &str, hours: i64) -> Ask {
    let metadata = ["trace_id", "traceid", "traceId", "traceID", "mdc_trace_id", "otelTraceID"];
    Ask::FindLines {
        needles: vec![needle.into()],
        metadata: metadata.iter().map(|name| (*name).into()).collect(),
        services: Vec::new(),
        window: window(hours),
        limit: 1_000,
    }
}

fn window(hours: i64) -> Window {
    Window { from: Timestamp(now() - hours * HOUR), until: Timestamp(now() + 1) }
}

fn query(text: &str, hours: i64, limit: u32) -> Ask {
    Ask::QueryLines { query: text.into(), window: window(hours), limit }
}

fn lines(reply: Reply) -> (LineStore, Vec<Note>) {
    let answer = reply.outcome.unwrap_or_else(|fault| panic!("{fault}"));
    let Rows::Lines(lines) = answer.rows else { panic!("lines were asked for") };
    (*lines, answer.notes)
}

pub(super) fn said(notes: &[Note], kind: NoteKind) -> Vec<&str> {
    notes.iter().filter(|note| note.kind == kind).map(|note| note.text.as_str()).collect()
}

fn example(running: &Running, label: &str) -> String {
    running.examples.iter().find(|example| example.label == label).unwrap().id.to_string()
}

/// What a trace costs: metadata is one query for all its names, and an old server is not asked for it at all.
#[tokio::test]
async fn a_needle_is_two_requests_and_one_where_there_is_no_metadata() {
    for (release, first, then) in [(LokiRelease::V3, 5, 2), (LokiRelease::V2, 5, 1)] {
        let running = served(release, LokiHabits::default()).await;
        let loki = Loki::new(&endpoint(&running.loki, ""));
        let trace = example(&running, "its trace");
        let cold = put(&loki, &find(&trace, 1)).await;
        assert_eq!(cold.exchanges.len(), first, "{release:?}: {:#?}", cold.exchanges);
        let warm = put(&loki, &find(&trace, 1)).await;
        assert_eq!(warm.exchanges.len(), then, "{release:?}: {:#?}", warm.exchanges);
        let (found, notes) = lines(warm);
        assert!(!found.is_empty() && notes.is_empty(), "{release:?}: {notes:?}");
        let in_metadata = found.iter().filter(|line| !line.text().contains(&trace)).count();
        assert_eq!(in_metadata > 0, release == LokiRelease::V3);
    }
}

/// Every limit at once, told or learned: the answer is the one of a server without limits.
#[tokio::test]
async fn limits_change_the_requests_and_not_the_answer() {
    let running = served(LokiRelease::V3, LokiHabits::default()).await;
    let text = "{app=~\".+\"} |= \"a\"";
    let (free, _) = lines(put(&Loki::new(&endpoint(&running.loki, "")), &query(text, 1, 100_000)).await);
    assert!(free.len() > 100);
    for tells_limits in [true, false] {
        let habits = LokiHabits { most_entries: 1_000, longest_h: Some(1), tells_limits, ..LokiHabits::default() };
        let running = served(LokiRelease::V3, habits).await;
        let reply = put(&Loki::new(&endpoint(&running.loki, "")), &query(text, 30, 100_000)).await;
        let refused = reply.exchanges.iter().filter(|exchange| exchange.status.as_str() == "400").count();
        assert_eq!(refused == 0, tells_limits, "{refused}");
        let (found, notes) = lines(reply);
        assert!(notes.is_empty(), "{notes:?}");
        // Two worlds of one scenario differ in their begin only.
        assert!(found.len().abs_diff(free.len()) <= free.len() / 20, "{} of {}", found.len(), free.len());
        let mut times: Vec<_> = found.iter().map(LineView::at).collect();
        times.sort_unstable();
        assert!(times[0].0 > now() - 2 * HOUR);
    }
}

#[tokio::test]
async fn beyond_the_lookback_nothing_is_said_to_be_absent() {
    let habits = LokiHabits { lookback_h: Some(2), ..LokiHabits::default() };
    let running = served(LokiRelease::V3, habits).await;
    let loki = Loki::new(&endpoint(&running.loki, ""));
    let (_, notes) = lines(put(&loki, &query("{app=~\".+\"}", 1, 10)).await);
    assert!(said(&notes, NoteKind::OutOfRetention).is_empty(), "{notes:?}");
    let (found, notes) = lines(put(&loki, &query("{app=~\".+\"} |= \"nowhere\"", 48, 10)).await);
    let told = said(&notes, NoteKind::OutOfRetention);
    assert!(found.is_empty() && told.len() == 1 && told[0].contains("2h"), "{notes:?}");
}

#[tokio::test]
async fn several_tenants_are_one_answer_with_their_names() {
    let habits = LokiHabits { tenants: vec!["blue".to_owned(), "green".to_owned()], ..LokiHabits::default() };
    let running = served(LokiRelease::V3, habits).await;
    let count = async |tenant: &str| {
        let (found, _) =
            lines(put(&Loki::new(&endpoint(&running.loki, tenant)), &query("{app=~\".+\"}", 1, 100_000)).await);
        let mut names: Vec<String> =
            found.iter().filter_map(|line| line.field("__tenant_id__")).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        (found.len(), names)
    };
    let (blue, green, both) = (count("blue").await, count("green").await, count("blue|green").await);
    assert_eq!((both.0, both.1), (blue.0 + green.0, vec!["blue".to_owned(), "green".to_owned()]));
    let none = put(&Loki::new(&endpoint(&running.loki, "")), &find("x", 1)).await.outcome.unwrap_err();
    assert_eq!(none.kind, hopscope::model::FaultKind::Refused);
    assert!(none.came.as_str().contains("no org id"));
    // Labels that select are never those of the server itself.
    let found =
        lines(put(&Loki::new(&endpoint(&running.loki, "blue|green")), &find(&example(&running, "its trace"), 1)).await);
    assert!(!found.0.is_empty());
}

#[tokio::test]
async fn a_selector_that_the_server_requires_can_be_configured() {
    let habits = LokiHabits { required: Some("env".to_owned()), ..LokiHabits::default() };
    let running = served(LokiRelease::V3, habits).await;
    let trace = example(&running, "its trace");
    let fault = put(&Loki::new(&endpoint(&running.loki, "")), &find(&trace, 1)).await.outcome.unwrap_err();
    assert!(fault.hint.as_str().contains("loki.selector"), "{fault:?}");
    let loki = Loki::new(&endpoint(&running.loki, "")).within(Some("{env=\"demo\"}"));
    assert!(!lines(put(&loki, &find(&trace, 1)).await).0.is_empty());
}

#[tokio::test]
async fn enough_lines_end_a_wide_search_and_the_rest_is_named() {
    let running = served(LokiRelease::V3, LokiHabits::default()).await;
    let loki = Loki::new(&endpoint(&running.loki, ""));
    let reply = put(&loki, &query("{app=~\".+\"}", 24 * 9, 10)).await;
    let asked = reply.exchanges.iter().filter(|exchange| exchange.request.as_str().contains("query_range")).count();
    let (found, notes) = lines(reply);
    assert_eq!(asked, 1);
    assert!(found.len() > 10 - 1);
    let told = said(&notes, NoteKind::Truncated);
    assert!(
        told.iter().any(|text| text.starts_with("not searched: ") && text.matches(" to ").count() == 5),
        "{told:?}"
    );
    let broad = put(&loki, &query("{app=~\".+\"} |= \"nowhere\"", 24 * 9, 10)).await;
    let asked = broad.exchanges.iter().filter(|exchange| exchange.request.as_str().contains("query_range")).count();
    assert_eq!((asked, lines(broad).1), (5, Vec::new()), "every slice is searched when there are too few");
}

/// A long request line is refused by servers and proxies, so a long query comes as a form.
#[tokio::test]
async fn a_long_query_is_posted_and_brings_the_same_lines() {
    let running = served(LokiRelease::V3, LokiHabits::default()).await;
    let loki = Loki::new(&endpoint(&running.loki, ""));
    let long = format!("{{app=~\".+\"}} |~ \"a|{}\"", "b".repeat(2_000));
    let (short, long) =
        (put(&loki, &query("{app=~\".+\"} |~ \"a\"", 1, 50)).await, put(&loki, &query(&long, 1, 50)).await);
    let posted =
        |reply: &Reply| reply.exchanges.iter().filter(|one| one.request.as_str().contains("--data-url")).count();
    assert_eq!((posted(&short), posted(&long)), (0, 1), "{:?}", long.exchanges);
    assert_eq!(lines(short).0.len(), lines(long).0.len());
}

/// A server that answers by script; returns what came of a question and which requests were made.
async fn scripted(
    ask: &Ask,
    script: impl Fn(&str, &std::collections::HashMap<String, String>) -> Vec<Act> + Send + Sync + 'static,
) -> (Result<(LineStore, Vec<Note>), Fault>, Vec<(i64, i64)>) {
    let ranges: Arc<Mutex<Vec<(i64, i64)>>> = Arc::default();
    let seen = Arc::clone(&ranges);
    let peer = Peer::start(
        Framing::Http,
        Arc::new(move |_, request: &[u8]| {
            let (path, asked) = parameters(request);
            let route = path.rsplit('/').next().unwrap().to_owned();
            if route == "query_range" {
                seen.lock().unwrap().push((asked["start"].parse().unwrap(), asked["end"].parse().unwrap()));
            }
            script(&route, &asked)
        }),
    );
    let reply = put(&Loki::new(&endpoint(&format!("http://{}", peer.address), "")), ask).await;
    let outcome = match reply.outcome {
        Err(fault) => Err(fault),
        Ok(answer) => match answer.rows {
            Rows::Lines(lines) => Ok((*lines, answer.notes)),
            _ => panic!("lines were asked for"),
        },
    };
    let made = ranges.lock().unwrap().clone();
    (outcome, made)
}

const NOTHING: &str = r#"{"status":"success","data":{"resultType":"streams","result":[]}}"#;

pub(super) fn length(asked: &std::collections::HashMap<String, String>) -> i64 {
    asked["end"].parse::<i64>().unwrap() - asked["start"].parse::<i64>().unwrap()
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_halved_until_it_does_not() {
    let ask = query("{app=\"a\"}", 2, 10);
    let (outcome, made) = scripted(&ask, |route, asked| match route {
        "query_range" if length(asked) > HOUR + HOUR / 60 => answer(
            "504 Gateway Timeout",
            "request timed out, decrease the duration of the request or add more label matchers",
        ),
        "query_range" => answer("200 OK", NOTHING),
        _ => answer("404 Not Found", "404 page not found\n"),
    })
    .await;
    assert_eq!(outcome.unwrap().1, []);
    assert_eq!(made.len(), 3, "the whole, and its halves: {made:?}");
    assert_eq!((made[1].1, made[2].1, made[2].0), (made[0].1, made[1].0, made[0].0));
}

#[tokio::test]
async fn a_limit_on_bytes_is_not_gone_round() {
    let ask = query("{app=\"a\"}", 2, 10);
    let (outcome, made) = scripted(&ask, |route, asked| match route {
        "query_range" if length(asked) > HOUR + HOUR / 60 => answer(
            "400 Bad Request",
            "the query would read too many bytes (query: 9GB, limit: 1GB); consider adding more specific stream selectors",
        ),
        "query_range" => answer("200 OK", NOTHING),
        _ => answer("404 Not Found", "404 page not found\n"),
    })
    .await;
    let (_, notes) = outcome.unwrap();
    assert_eq!(made.len(), 2, "only the newest part is read: {made:?}");
    let unread = Timestamp(made[1].0).rfc3339();
    assert!(said(&notes, NoteKind::Truncated).iter().any(|text| text.contains(&unread)), "{notes:?}");
}

#[tokio::test]
async fn refusals_say_what_to_do_and_are_not_repeated() {
    let cases = [
        (
            "500 Internal Server Error",
            "rpc error: code = Unknown desc = parse error : stage '| regexp': bad",
            "correct it",
        ),
        ("400 Bad Request", "parse error at line 1, col 9: syntax error", "correct it"),
        ("400 Bad Request", "stream selector is missing required matchers [cluster]", "loki.selector"),
        (
            "400 Bad Request",
            "stream selector has less label matchers than required: (present: [a], number_present: 1)",
            "loki.selector",
        ),
        ("400 Bad Request", "query blocked by policy", "blocks this query"),
        ("429 Too Many Requests", "querying is disabled, please contact your Loki operator", "switched queries off"),
    ];
    for (status, words, hint) in cases {
        let ask = query("{app=\"a\"}", 2, 10);
        let (outcome, made) = scripted(&ask, move |route, _| match route {
            // A wait that is too long is not kept.
            "query_range" if status.starts_with("429") => {
                let length = words.len();
                vec![Act::Send(
                    format!("HTTP/1.1 {status}\r\nRetry-After: 9999\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{words}").into_bytes(),
                )]
            }
            "query_range" => answer(status, words),
            _ => answer("404 Not Found", "404 page not found\n"),
        })
        .await;
        let fault = outcome.unwrap_err();
        assert!(fault.hint.as_str().contains(hint), "{fault:?}");
        assert_eq!(made.len(), 1, "{words}");
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_for_less_and_only_once() {
    let ask = query("{app=\"a\"}", 2, 10);
    let (outcome, made) = scripted(&ask, |route, asked| match route {
        "query_range" if length(asked) > HOUR + HOUR / 60 => vec![Act::Send(
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 26\r\n\r\ntoo many outstanding reque".to_vec(),
        )],
        "query_range" => answer("200 OK", NOTHING),
        _ => answer("404 Not Found", "404 page not found\n"),
    })
    .await;
    assert_eq!(outcome.unwrap().1, []);
    assert_eq!(made.len(), 3 + 4, "retries, then quarters: {made:?}");
}

#[tokio::test]
async fn a_search_that_would_read_too_much_is_narrowed_to_the_newest_slice() {
    let ask = query("{app=\"a\"}", 48, 10);
    let (outcome, made) = scripted(&ask, |route, _| match route {
        "stats" => answer("200 OK", r#"{"streams":9,"chunks":9,"bytes":99000000000,"entries":9}"#),
        "query_range" => answer("200 OK", NOTHING),
        _ => answer("404 Not Found", "404 page not found\n"),
    })
    .await;
    let (_, notes) = outcome.unwrap();
    assert!(made.len() == 1 && made[0].1 - made[0].0 <= 2 * HOUR, "{made:?}");
    let told = said(&notes, NoteKind::Truncated);
    assert!(told[0].contains("92 GiB") && told[0].contains(&Timestamp(made[0].0).rfc3339()), "{told:?}");
}

/// Shapes of Loki-VL-proxy: nested version, an empty label name, lines written anew, names with dots.
#[tokio::test]
async fn a_proxy_that_writes_lines_anew_is_read_and_said() {
    let ask = Ask::FindLines {
        needles: vec!["t1".into()],
        metadata: vec!["trace_id".into()],
        services: Vec::new(),
        window: Window {
            until: Timestamp(now() + 1),
            ..Window::around(Timestamp(now()), Nanos::from_secs(60), Nanos(0))
        },
        limit: 10,
    };
    let filters: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&filters);
    let (outcome, _) = scripted(&ask, move |route, asked| match route {
        "buildinfo" => answer("200 OK", r#"{"data":{"version":"2.9.0"},"status":"success"}"#),
        "labels" => answer("200 OK", r#"{"data":["","app"],"status":"success"}"#),
        "query_range" => {
            seen.lock().unwrap().push(asked["query"].clone());
            let line = r#"["1795476061054390179","{\"_msg\":\"charge failed\",\"trace_id\":\"t1\"}",{"structuredMetadata":{"trace_id":"t1"}}]"#;
            answer("200 OK", &format!(r#"{{"data":{{"result":[{{"stream":{{"app":"a"}},"values":[{line}]}}],"resultType":"streams"}},"status":"success"}}"#))
        }
        _ => answer("404 Not Found", "404 page not found\n"),
    })
    .await;
    let (found, notes) = outcome.unwrap();
    assert_eq!(found.iter().map(|line| line.text().to_owned()).collect::<Vec<_>>(), ["charge failed"]);
    assert!(said(&notes, NoteKind::Remark).iter().any(|text| text.contains("wrote lines anew")), "{notes:?}");
    assert_eq!(filters.lock().unwrap()[1], "{app=~\".+\"} | trace_id=\"t1\" or trace.id=\"t1\"");
}

/// A label that some streams lack is not taken while another one stands on all.
#[tokio::test]
async fn streams_are_selected_by_a_label_that_all_have() {
    let selectors: Arc<Mutex<Vec<String>>> = Arc::default();
    for (everywhere, wanted) in [("job", "{job=~\".+\"}"), ("none", "{app=~\".+\"}")] {
        let seen = Arc::clone(&selectors);
        let (outcome, _) = scripted(&find("x", 1), move |route, asked| match route {
            "labels" => answer("200 OK", r#"{"status":"success","data":["app","job","pod"]}"#),
            "series" if asked["match[]"].starts_with(&format!("{{{everywhere}=\"\"")) => {
                answer("200 OK", r#"{"status":"success","data":[]}"#)
            }
            "series" => answer("200 OK", r#"{"status":"success","data":[null,{"job":"cron"}]}"#),
            "query_range" => {
                seen.lock().unwrap().push(asked["query"].clone());
                answer("200 OK", NOTHING)
            }
            _ => answer("404 Not Found", "404 page not found\n"),
        })
        .await;
        let (_, notes) = outcome.unwrap();
        assert_eq!(selectors.lock().unwrap().pop().unwrap(), format!("{wanted} |= \"x\""));
        assert_eq!(said(&notes, NoteKind::PartMissing).len(), usize::from(everywhere == "none"), "{notes:?}");
    }
}
