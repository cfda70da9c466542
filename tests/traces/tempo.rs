//! Tempo: the embedded one (shape only, from documents), and servers of one habit each.

use super::{Asked, HOUR, NO_ROUTE, PAGE, TRACE, endpoint, known, own, put, said, serve, spans, window};
use hopscope::cli::demo::profile;
use hopscope::config::{HttpEndpoint, Limits, Profile, keys};
use hopscope::demo::{self, Clock, Options, Running, TempoHabits, TempoRelease};
use hopscope::investigate::SourceSet;
use hopscope::investigate::follow::{Asked as Question, blank, follow};
use hopscope::model::ask::NoteKind;
use hopscope::model::id::recognise;
use hopscope::model::{Ask, Case, FaultKind, Nanos, Reach, Rows, SourceKind, Timestamp, TraceId};
use hopscope::sources::tempo::Tempo;
use hopscope::world::Scenario;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const BEGAN_NS: u64 = 1_795_000_000_000_000_000;
const HISTORY_S: u64 = 600;

async fn served(release: TempoRelease, habits: TempoHabits) -> Running {
    let clock = Clock::stopped_at(BEGAN_NS + HISTORY_S * 1_000_000_000);
    let options = Options { clock, tempo: release, tempo_habits: habits, ..Options::default() };
    demo::start(Scenario { history_s: HISTORY_S, ..Scenario::checkout() }, options).await.unwrap()
}

fn with_tempo(running: &Running) -> Profile {
    let tempo = Some(HttpEndpoint::new(keys::url(&running.tempo).unwrap()));
    Profile { jaeger: None, tempo, ..profile(running) }
}

async fn story(profile: &Profile, id: &str) -> Case {
    // A machine under load is no subject here.
    let patient = Duration::from_mins(10);
    let limits = Limits { timeout: patient, request_timeout: patient, ..Limits::default() };
    let (sources, cancel) = (SourceSet::open(&Profile { limits, ..profile.clone() }), CancellationToken::new());
    let at = Timestamp((BEGAN_NS + HISTORY_S * 1_000_000_000) as i64);
    let asked = Question { at, window: None, since: Nanos::from_secs(3_600) };
    let anchor = recognise(id).unwrap();
    let (publish, _) = watch::channel(Arc::new(blank(&sources, anchor.clone(), asked)));
    follow(&sources, anchor, asked, &publish, &cancel).await
}

/// What a story tells, without how its rows were numbered by the order of arrival.
fn told(case: &Case) -> Vec<String> {
    let journey = &case.journey;
    let mut told = vec![format!("{:?}", journey.outcome)];
    for operation in case.operations() {
        told.push(format!("{} attempts", operation.tries()));
    }
    for message in &journey.messages {
        told.extend(message.copies.iter().map(|copy| format!("{} {:?}", copy.coordinate, copy.role)));
        told.extend(message.deliveries.iter().map(|one| format!("{} {:?}", one.coordinate, one.result)));
    }
    let one = |row: hopscope::model::rows::Row<'_>| format!("{} {} {:?}", row.at.0, row.lane(), row.parts());
    let mut rows: Vec<String> = case.rows().iter().map(one).collect();
    rows.sort();
    told.extend(rows);
    told
}

/// Ids of one order that was sampled: its own and its trace's.
fn order(running: &Running) -> [String; 2] {
    running.look(|world| {
        let journey = world.journeys().find(|journey| journey.sampled && journey.started_ns > BEGAN_NS).unwrap();
        let truth = journey.truth(world.now_ns());
        [truth.order_id.to_string(), truth.trace_id.to_string()]
    })
}

/// The same incident told from either store or from both, whatever is followed; what is asked of whom is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_story_from_tempo_is_the_story_from_jaeger() {
    let running = served(TempoRelease::V3_0, TempoHabits::default()).await;
    let [order, trace] = order(&running);
    let (jaeger, tempo) = (profile(&running), with_tempo(&running));
    for id in [&order, &trace] {
        let (jaeger, tempo) = (story(&jaeger, id).await, story(&tempo, id).await);
        assert!(!jaeger.spans.is_empty() && jaeger.is_complete(), "{id} {:?}", jaeger.coverage);
        assert_eq!(told(&jaeger), told(&tempo), "{id}");
        let sources: Vec<SourceKind> = tempo.coverage.iter().map(|coverage| coverage.source).collect();
        assert_eq!(sources, [SourceKind::Tempo, SourceKind::Loki, SourceKind::Kafka]);
        assert!(tempo.exchanges.iter().all(|exchange| exchange.source != SourceKind::Jaeger));
    }
    let both = Profile { jaeger: jaeger.jaeger.clone(), ..tempo };
    let case = story(&both, &trace).await;
    for source in [SourceKind::Jaeger, SourceKind::Tempo] {
        let coverage = case.coverage_of(source).unwrap();
        assert!(coverage.reach == Reach::Full && coverage.answered > 0, "{coverage:?}");
    }
    assert_eq!(told(&case), told(&story(&jaeger, &trace).await));
    let nobody = Some(HttpEndpoint::new(keys::url("http://127.0.0.1:1").unwrap()));
    let case = story(&Profile { tempo: nobody, ..both }, &trace).await;
    assert_eq!(case.coverage_of(SourceKind::Tempo).unwrap().reach, Reach::None);
    assert!(!case.is_complete() && !case.spans.is_empty());
    let gap = |gap: &hopscope::model::journey::Gap| gap.what.as_str() == "everything in tempo";
    assert!(case.journey.gaps.iter().any(gap), "{:?}", case.journey.gaps);
}

/// What nobody knows is searched for in every window and place, and each source is asked as seldom as it allows: a leader
/// once an instant for all of its partitions, the log of a partition once where the wider window holds no more of it, and
/// Tempo once a window for all names. Jaeger takes one name and one service at a time.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_costs_few_requests() {
    let running = served(TempoRelease::V3_0, TempoHabits::default()).await;
    for (profile, traces, most) in
        [(with_tempo(&running), SourceKind::Tempo, 4), (profile(&running), SourceKind::Jaeger, 122)]
    {
        let case = story(&profile, "ord-nowhere").await;
        assert!(case.is_complete() && case.spans.is_empty(), "{:?}", case.coverage);
        let made = |part: &str, source: SourceKind| {
            let of = |one: &&hopscope::model::Exchange| one.source == source && one.request.as_str().contains(part);
            case.exchanges.iter().filter(of).count()
        };
        let scanned = case.queries.iter().filter(|query| query.what.as_str().starts_with("scan ")).count();
        // Two leaders, three windows; on a slow machine each of the first two is asked about once more.
        assert!((4..=10).contains(&made("--time 1", SourceKind::Kafka)), "{}", made("--time 1", SourceKind::Kafka));
        assert!(scanned > 40 && made("kcat -C", SourceKind::Kafka) <= scanned / 3, "{scanned} scans");
        let all = [(SourceKind::Kafka, 60), (SourceKind::Loki, 17), (traces, most)];
        for (source, most) in all {
            assert!(made("", source) <= most, "{source} was asked {} times", made("", source));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_over_the_limit_is_a_part_or_a_refusal_and_never_absent() {
    for release in [TempoRelease::V2_8, TempoRelease::V2_4] {
        let running = served(release, TempoHabits { most_spans: 2, ..TempoHabits::default() }).await;
        let [_, trace] = order(&running);
        let tempo = Tempo::new(&HttpEndpoint::new(keys::url(&running.tempo).unwrap()));
        let reply = put(&tempo, &Ask::Trace(TraceId::parse(&trace).unwrap())).await;
        match reply.outcome {
            Ok(answer) => {
                assert_eq!((release, answer.rows.len()), (TempoRelease::V2_8, 2));
                assert!(said(&answer.notes, NoteKind::Truncated)[0].contains("maximum size"), "{:?}", answer.notes);
            }
            Err(fault) => {
                assert_eq!((release, fault.kind), (TempoRelease::V2_4, FaultKind::TooLarge));
                assert!(fault.hint.as_str().contains("max_bytes_per_trace"), "{fault:?}");
            }
        }
    }
}

/// A name, which path is meant, what it and the others are answered, and what comes of it.
type Row = (&'static str, fn(&str) -> bool, (u16, String), (u16, String), Result<(usize, &'static str), FaultKind>);

/// One server per row: what it answers by path, what is asked, and words that must be told.
#[tokio::test]
async fn every_habit_of_tempo_has_its_answer() {
    let trace = || Ask::Trace(TraceId::parse(TRACE).unwrap());
    let batch = r#"{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"instrumentationLibrarySpans":[{"spans":[{"traceId":"AAAAAAAAAAAq+S81d7NNpg==","spanId":"AAAAAAAAAAE=","name":"x","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1795474426000000000","endTimeUnixNano":"1795474426000000009","status":{"code":"STATUS_CODE_ERROR"}}]}]}"#;
    let whole = format!(r#"{{"trace":{{"resourceSpans":[{batch}]}},"metrics":{{}}}}"#);
    let old = format!(r#"{{"batches":[{batch}]}}"#);
    let rows: [Row; 9] = [
        ("the second version", |path| path.contains("/v2/"), (200, whole.clone()), own(NO_ROUTE), Ok((1, ""))),
        ("only the first version", |path| path.contains("/v2/"), own(NO_ROUTE), (200, old), Ok((1, ""))),
        ("an unknown id", |_| true, (200, r#"{"trace":{},"metrics":{}}"#.into()), own(NO_ROUTE), Ok((0, "not there"))),
        ("an unknown id, no trace", |_| true, (200, "{}".into()), own(NO_ROUTE), Ok((0, "not there"))),
        ("an unknown id, first version", |_| true, (404, String::new()), own(NO_ROUTE), Ok((0, "not there"))),
        ("too large", |_| true, (422, "trace exceeds max size".into()), own(NO_ROUTE), Err(FaultKind::TooLarge)),
        ("a web page", |_| true, own(PAGE), own(NO_ROUTE), Err(FaultKind::Damaged)),
        ("no tenant", |_| true, (401, "no org id\n".into()), own(NO_ROUTE), Err(FaultKind::Refused)),
        ("broken", |_| true, (500, "context canceled".into()), own(NO_ROUTE), Err(FaultKind::Failed)),
    ];
    for (name, is_first, first, other, wanted) in rows {
        let peer = serve(move |asked: &Asked| if is_first(&asked.path) { first.clone() } else { other.clone() });
        let reply = put(&Tempo::new(&endpoint(&peer, "/tempo")), &trace()).await;
        match (reply.outcome, wanted) {
            (Ok(answer), Ok((rows, words))) => {
                assert_eq!(answer.rows.len(), rows, "{name}");
                let has = |note: &hopscope::model::Note| note.text.as_str().contains(words);
                assert!(words.is_empty() || answer.notes.iter().any(has), "{name}: {:?}", answer.notes);
                if let Rows::Spans(store) = answer.rows
                    && let Some(span) = store.iter().next()
                {
                    assert_eq!((span.service(), span.trace().to_string().as_str()), ("shop", TRACE), "{name}");
                }
            }
            (Err(fault), Err(kind)) => assert_eq!(fault.kind, kind, "{name}: {fault}"),
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
        let based = |request: &String| request.starts_with("GET /tempo/api/");
        assert!(peer.texts().iter().all(based), "{name}: a base path stays");
    }
}

fn anywhere(value: &str, hours: i64, limit: u32) -> Ask {
    let any = ["order.id", "order_id"].map(|name| vec![(name.into(), value.into())]).to_vec();
    Ask::FindAnywhere { any, window: window(hours), limit }
}

#[tokio::test]
async fn a_wide_search_goes_by_the_ranges_that_the_server_allows() {
    let ranges: Arc<Mutex<Vec<(i64, i64)>>> = Arc::default();
    let seen = Arc::clone(&ranges);
    let peer = serve(move |asked| {
        if asked.path != "/api/search" {
            return own(NO_ROUTE);
        }
        let (start, end): (i64, i64) = (asked.get("start").parse().unwrap(), asked.get("end").parse().unwrap());
        if end - start > 24 * 3_600 {
            let words = "range specified by start and end exceeds 24h0m0s. received start=1 end=2\n";
            return (400, words.to_owned());
        }
        seen.lock().unwrap().push((start, end));
        (200, r#"{"metrics":{}}"#.to_owned())
    });
    let tempo = Tempo::new(&endpoint(&peer, ""));
    let (found, notes) = spans(&tempo, &anywhere("7", 240, 5)).await;
    assert!(found.is_empty() && said(&notes, NoteKind::Truncated).is_empty(), "{notes:?}");
    let ranges = ranges.lock().unwrap().clone();
    assert_eq!(ranges.len(), 10, "{ranges:?}");
    assert!(ranges.windows(2).all(|pair| pair[1].1 == pair[0].0), "newest first, without gaps: {ranges:?}");
    // A range that was learned is kept: two refusals, the usual 168 h and what is left of it, are not repeated.
    let before = peer.requests().len();
    spans(&tempo, &anywhere("7", 24, 5)).await;
    assert_eq!(peer.requests().len(), before + 1);
}

/// A full answer, ids without leading zeros, a trace that was wrongly found and one that is gone.
#[tokio::test]
async fn what_a_search_says_is_checked_on_whole_traces() {
    let peer = serve(|asked| {
        if asked.path == "/api/search" {
            assert!(asked.get("q").starts_with("{ .order.id = \"a\\\"7\""), "{}", asked.get("q"));
            let found = ["2af92f3577b34da6", "b", "c"]
                .map(|id| format!(r#"{{"traceID":"{id}","rootServiceName":"<root span not yet received>"}}"#));
            return (200, format!(r#"{{"traces":[{}]}}"#, found.join(",")));
        }
        let span = |id: &str, value: &str| {
            format!(
                r#"{{"trace":{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{id}","spanId":"0000000000000001","startTimeUnixNano":"1","attributes":[{{"key":"order_id","value":{{"stringValue":"{value}"}}}}]}}]}}]}}]}}}}"#
            )
        };
        match asked.path.rsplit('/').next().unwrap() {
            TRACE => (200, span(TRACE, "a\\\"7")),
            "0000000000000000000000000000000b" => (200, span("b", "another")),
            _ => (200, r#"{"trace":{}}"#.to_owned()),
        }
    });
    let (found, notes) = spans(&Tempo::new(&endpoint(&peer, "")), &anywhere("a\"7", 1, 3)).await;
    assert_eq!(found.traces().map(|id| id.to_string()).collect::<Vec<_>>(), [TRACE]);
    assert!(said(&notes, NoteKind::Truncated)[0].contains("not the newest"), "{notes:?}");
    assert!(said(&notes, NoteKind::PartMissing)[0].starts_with("1 traces"), "{notes:?}");
    assert!(said(&notes, NoteKind::Remark)[0].contains("left out"), "{notes:?}");
}

#[tokio::test]
async fn tempo_says_what_it_is() {
    let told = |path: &str, answers: &[(&str, &str)]| {
        answers.iter().find(|(end, _)| path.ends_with(end)).map_or(own(NO_ROUTE), |(_, body)| (200, (*body).to_owned()))
    };
    let rows: [(&[(&str, &str)], &str); 5] = [
        (&[("buildinfo", r#"{"version":"v3.0.3"}"#)], "Tempo 3.0.3"),
        (&[("buildinfo", r#"{"status":"success","data":{"version":"2.6.1"}}"#)], "Tempo 2.6.1"),
        (&[("resource.service.name/values", r#"{"tagValues":[{"type":"string","value":"a"}]}"#)], "version not told"),
        (&[("tag/service.name/values", r#"{"tagValues":["a"]}"#)], "version not told"),
        (&[], "http_api_prefix"),
    ];
    for (answers, words) in rows {
        let peer = serve(move |asked| told(&asked.path, answers));
        let tempo = Tempo::new(&endpoint(&peer, ""));
        let known = known(&tempo).await;
        let hint = put(&tempo, &Ask::Services)
            .await
            .outcome
            .map_or_else(|fault| fault.hint.as_str().to_owned(), |_| String::new());
        assert!(known.contains(words) || hint.contains(words), "{words}: {known} {hint}");
    }
}

/// Tempo 3 leaves out what is younger than 30 s; a search of the past is not touched by it.
#[tokio::test]
async fn the_newest_half_minute_is_said_to_be_missing_only_where_it_is() {
    let now = jiff::Timestamp::now().as_nanosecond() as i64;
    for (version, ago, is_told) in [("3.0.3", 0, true), ("3.0.3", HOUR, false), ("2.8.2", 0, false)] {
        let peer = serve(move |asked| match asked.path.as_str() {
            "/api/status/buildinfo" => (200, format!(r#"{{"version":"{version}"}}"#)),
            _ => (200, "{}".to_owned()),
        });
        let tempo = Tempo::new(&endpoint(&peer, ""));
        known(&tempo).await;
        let until = Timestamp(now - ago);
        let window = hopscope::model::Window { from: Timestamp(until.0 - HOUR), until };
        let (_, notes) = spans(&tempo, &Ask::FindErrors { service: "".into(), window, limit: 5 }).await;
        assert_eq!(said(&notes, NoteKind::Remark).len(), usize::from(is_told), "{version} {ago}: {notes:?}");
    }
}
