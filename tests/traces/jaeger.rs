//! Jaeger per version and backend, and `VictoriaTraces` in its dialect. Where a row's shape was seen on a running server it is
//! from 2.13 or from the main line of August 2026; the others are shape only, from documents and source.

use super::{Asked, NO_ROUTE, PAGE, TRACE, endpoint, known, own, put, said, serve, spans, window};
use hopscope::model::ask::NoteKind;
use hopscope::model::{Ask, FaultKind, Note, Rows, SpanStore, TraceId};
use hopscope::sources::jaeger::Jaeger;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The shortest and the longest spelling of one 64-bit id.
const SHORT: &str = "2af92f3577b34da6";

/// Who answers: what is there, and how it compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 1.x and 2.0 to 2.15: unknown routes are the start page.
    Old,
    /// 2.16 to 2.18: unknown routes are a 404.
    Middle,
    /// 2.19 and 2.20: both dialects.
    New,
    /// 2.21: the internal search is gone.
    Newest,
    /// `VictoriaTraces` below `/select/jaeger`.
    Victoria,
}

/// How a backend finds spans by a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    /// Texts are compared.
    Equal,
    /// Values are regular expressions, a wrong one is a 500.
    Regexp,
    /// Tags are ignored.
    Blind,
}

/// One span as an internal and as a v3 server writes it.
fn span(kind: Kind, value: &str) -> Value {
    let id = if kind == Kind::Victoria { SHORT } else { TRACE };
    if matches!(kind, Kind::New | Kind::Newest) {
        let attributes = json!([{"key": "order.id", "value": {"stringValue": value}}]);
        return json!({"result": {"resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [{"scope": {}, "spans": [{
                "traceId": TRACE, "spanId": "0000000000000001", "name": "x", "kind": 2, "attributes": attributes,
                "startTimeUnixNano": "1795474426000000000", "endTimeUnixNano": "1795474426000005000", "status": {}}]}]}]}});
    }
    let tags = if kind == Kind::Victoria {
        json!([{"key": "order.id", "type": "string", "value": value}, {"key": "error", "type": "string", "value": "unset"}])
    } else {
        json!([{"key": "order.id", "type": "string", "value": value}])
    };
    json!({"data": [{"traceID": id, "spans": [{
        "traceID": id, "spanID": "0000000000000001", "operationName": "x", "references": [], "startTime": 1_795_474_426_000_000_u64,
        "duration": 5, "tags": tags, "logs": [], "processID": "p1", "warnings": null}],
        "processes": {"p1": {"serviceName": "shop", "tags": []}}, "warnings": null}], "total": 1, "errors": null})
}

fn nothing(kind: Kind) -> (u16, String) {
    match kind {
        Kind::New | Kind::Newest => {
            (404, r#"{"error":{"httpCode":404,"message":"No traces found"}}"#.to_owned() + "\n")
        }
        Kind::Victoria => (200, r#"{"data":[],"errors":null,"limit":0,"offset":0,"total":1}"#.to_owned()),
        Kind::Old | Kind::Middle => (200, r#"{"data":[],"total":0,"limit":0,"offset":0,"errors":null}"#.to_owned()),
    }
}

/// Whether Lucene's regular expression is this text and nothing else; only its escapes are known here.
fn regexp_is(pattern: &str, text: &str) -> Result<bool, ()> {
    let (mut plain, mut signs) = (String::new(), pattern.chars());
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => plain.push(signs.next().ok_or(())?),
            '[' | '(' | '{' => return Err(()),
            '+' | '*' | '?' | '|' | '#' | '&' | '"' => return Ok(false),
            other => plain.push(other),
        }
    }
    Ok(plain == text)
}

/// A server that holds one span with `order.id` = `value`.
pub(super) fn server(kind: Kind, backend: Backend, value: &'static str) -> impl Fn(&Asked) -> (u16, String) {
    move |asked| {
        let is_internal = kind != Kind::Newest;
        let is_v3 = matches!(kind, Kind::New | Kind::Newest);
        let unknown = || match kind {
            Kind::Old => own(PAGE),
            Kind::Victoria => (400, "unsupported path requested\n".to_owned()),
            Kind::Middle | Kind::New | Kind::Newest => own(NO_ROUTE),
        };
        let Some(path) = (if kind == Kind::Victoria {
            asked.path.strip_prefix("/select/jaeger")
        } else {
            Some(asked.path.as_str())
        }) else {
            return unknown();
        };
        let by_tag = |tags: &str| {
            let tags: Value = serde_json::from_str(tags).unwrap_or_default();
            match (backend, tags["order.id"].as_str()) {
                (_, None) => (200, span(kind, value).to_string()),
                (Backend::Blind, _) => (200, span(kind, "another").to_string()),
                (Backend::Equal, Some(wanted)) if wanted == value => (200, span(kind, value).to_string()),
                (Backend::Equal, Some(_)) => nothing(kind),
                (Backend::Regexp, Some(pattern)) => match regexp_is(pattern, value) {
                    Ok(true) => (200, span(kind, value).to_string()),
                    Ok(false) => nothing(kind),
                    Err(()) => (500, r#"{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":500,"msg":"search services failed: invalid regexp"}]}"#.to_owned() + "\n"),
                },
            }
        };
        match path {
            "/" => own(PAGE),
            "/api/v3/trace-summaries" if is_v3 => (200, r#"{"summaries":[]}"#.to_owned()),
            "/api/v3/services" if is_v3 => (200, r#"{"services":["shop"]}"#.to_owned()),
            "/api/v3/traces" if is_v3 => {
                assert!(asked.get("query.raw_traces") == "true" && asked.get("query.rawTraces") == "true");
                assert!(!asked.get("query.service_name").is_empty() && !asked.get("query.searchDepth").is_empty());
                by_tag(asked.get("query.attributes"))
            }
            "/api/services" if is_internal => {
                (200, r#"{"data":["shop"],"total":1,"limit":0,"offset":0,"errors":null}"#.to_owned())
            }
            "/api/traces" if is_internal => by_tag(asked.get("tags")),
            _ => match path.rsplit_once('/').unwrap() {
                ("/api/v3/traces", id) if is_v3 && id == TRACE => {
                    assert!(asked.get("raw_traces") == "true" && asked.get("rawTraces") == "true");
                    (200, span(kind, value).to_string())
                }
                ("/api/v3/traces", _) if is_v3 => nothing(kind),
                ("/api/traces", id) if kind == Kind::Victoria => {
                    if id == SHORT {
                        (200, span(kind, value).to_string())
                    } else {
                        nothing(kind)
                    }
                }
                ("/api/traces", id) => {
                    assert_eq!(asked.get("raw"), "true");
                    if id == TRACE {
                        (200, span(Kind::Old, value).to_string())
                    } else {
                        (404, r#"{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":404,"msg":"trace not found"}]}"#.to_owned() + "\n")
                    }
                }
                _ => unknown(),
            },
        }
    }
}

fn base(kind: Kind) -> &'static str {
    if kind == Kind::Victoria { "/select/jaeger" } else { "" }
}

pub(super) fn find(value: &str, limit: u32) -> Ask {
    Ask::FindSpans { service: "shop".into(), tag: Some(("order.id".into(), value.into())), window: window(1), limit }
}

fn trace(id: &str) -> Ask {
    Ask::Trace(TraceId::parse(id).unwrap())
}

/// What is told of a store: service, id and value of each span.
fn told(store: &SpanStore) -> Vec<String> {
    let one = |span: hopscope::model::spans::SpanView<'_>| {
        format!(
            "{} {} {:?}",
            span.service(),
            span.trace(),
            span.attribute("order.id").map(|value| value.text().into_owned())
        )
    };
    store.iter().map(one).collect()
}

const KINDS: [Kind; 5] = [Kind::Old, Kind::Middle, Kind::New, Kind::Newest, Kind::Victoria];

/// The same questions to every server give the same spans.
#[tokio::test]
async fn every_version_tells_the_same() {
    let wanted = vec![format!("shop {TRACE} Some(\"ord-7\")")];
    for kind in KINDS {
        let peer = serve(server(kind, Backend::Equal, "ord-7"));
        let jaeger = Jaeger::new(&endpoint(&peer, base(kind)));
        for ask in [trace(TRACE), trace(SHORT), find("ord-7", 5)] {
            let (store, notes) = spans(&jaeger, &ask).await;
            assert_eq!((told(&store), notes), (wanted.clone(), Vec::new()), "{kind:?} {ask:?}");
        }
        let (store, notes) = spans(&jaeger, &trace("b")).await;
        assert_eq!((store.len(), said(&notes, NoteKind::NotFound).len()), (0, 1), "{kind:?}: {notes:?}");
        assert!(spans(&jaeger, &find("ord-8", 5)).await.0.is_empty(), "{kind:?}");
        let Ok(answer) = put(&jaeger, &Ask::Services).await.outcome else { panic!("{kind:?}") };
        assert!(matches!(answer.rows, Rows::Services(names) if names == ["shop"]), "{kind:?}");
        let name = known(&jaeger).await;
        assert_eq!(name.starts_with("VictoriaTraces"), kind == Kind::Victoria, "{name}");
    }
}

/// Values with signs that mean something in regular expressions, on backends that compare and on those that match.
#[tokio::test]
async fn a_value_is_found_whether_the_backend_compares_or_matches() {
    const VALUES: [&str; 6] = ["a+b", "[7]", "who?", "x|y", "c:\\d", "plain-7.1"];
    for backend in [Backend::Equal, Backend::Regexp] {
        for kind in [Kind::Middle, Kind::New] {
            for value in VALUES {
                let peer = serve(server(kind, backend, value));
                let jaeger = Jaeger::new(&endpoint(&peer, ""));
                let (store, notes) = spans(&jaeger, &find(value, 5)).await;
                assert_eq!((store.len(), notes.len()), (1, 0), "{backend:?} {kind:?} {value}: {notes:?}");
                // What was learned saves a request.
                let before = peer.requests().len();
                assert_eq!(spans(&jaeger, &find(value, 5)).await.0.len(), 1);
                assert_eq!(peer.requests().len(), before + 1, "{backend:?} {kind:?} {value}");
            }
        }
    }
}

/// Before 2.19 version 3 ignores attributes; whatever server ignores them, its answer is not taken for a find.
#[tokio::test]
async fn an_answer_that_ignored_the_tag_is_no_find() {
    for kind in KINDS {
        let peer = serve(server(kind, Backend::Blind, "ord-7"));
        let (store, notes) = spans(&Jaeger::new(&endpoint(&peer, base(kind))), &find("ord-7", 5)).await;
        assert_eq!((store.len(), said(&notes, NoteKind::Remark).len()), (0, 1), "{kind:?}: {notes:?}");
        let v3 = peer.texts().iter().filter(|text| text.contains("/api/v3/traces?")).count();
        assert_eq!(v3 > 0, matches!(kind, Kind::New | Kind::Newest), "{kind:?}: the dialect decides the route");
    }
}

/// One trap per row: what the server answers to the route that is asked, and what is told.
#[tokio::test]
async fn every_refusal_is_told_in_the_servers_words_with_what_to_do() {
    type Row = (&'static str, u16, &'static str, FaultKind, &'static str, &'static str);
    let rows: [Row; 8] = [
        ("no tenant", 401, "missing tenant header\n", FaultKind::Refused, "missing tenant header", "tenant"),
        ("unknown tenant", 401, "unknown tenant\n", FaultKind::Refused, "unknown tenant", "tenant"),
        (
            "an error of the internal API, as plain text",
            500,
            "{\"data\":null,\"total\":0,\"limit\":0,\"offset\":0,\"errors\":[{\"code\":500,\"msg\":\"cannot query for duration and tags simultaneously\"}]}\n",
            FaultKind::Failed,
            "HTTP 500: cannot query for duration",
            "log",
        ),
        (
            "an error of API v3, as plain text",
            400,
            "{\"error\":{\"httpCode\":400,\"message\":\"malformed parameter query.attributes\"}}\n",
            FaultKind::Failed,
            "HTTP 400: malformed parameter",
            "version",
        ),
        ("a route that is gone", 404, "404 page not found\n", FaultKind::Failed, "404", "base path"),
        ("a page", 200, "<!doctype html>", FaultKind::Damaged, "web page", "base path"),
        ("no JSON", 200, "", FaultKind::Damaged, "", ""),
        ("no storage", 501, "not implemented", FaultKind::Failed, "501", ""),
    ];
    for (name, status, body, kind, came, hint) in rows {
        let peer = serve(move |asked| match asked.path.as_str() {
            "/api/v3/trace-summaries" => own(NO_ROUTE),
            "/api/services" => (200, r#"{"data":["shop"]}"#.to_owned()),
            _ => (status, body.to_owned()),
        });
        match put(&Jaeger::new(&endpoint(&peer, "")), &find("ord-7", 5)).await.outcome {
            Ok(answer) => {
                let is_told = answer.notes.iter().any(|note| note.kind == NoteKind::Damaged);
                assert!(is_told && body.is_empty(), "{name}: {:?}", answer.notes);
            }
            Err(fault) => {
                assert_eq!(fault.kind, kind, "{name}: {fault}");
                assert!(fault.came.as_str().contains(came), "{name}: {fault}");
                assert!(fault.hint.as_str().contains(hint), "{name}: {}", fault.hint.as_str());
            }
        }
    }
}

/// A wrong base path on either side of 2.16, and a right one that a proxy in front keeps.
#[tokio::test]
async fn a_wrong_base_path_is_named_and_a_right_one_stays() {
    for unknown in [PAGE, NO_ROUTE] {
        let peer = serve(move |asked| match asked.path.strip_prefix("/ops/jaeger") {
            Some(_) => server(Kind::Old, Backend::Equal, "ord-7")(&Asked {
                path: asked.path.replace("/ops/jaeger", ""),
                parameters: asked.parameters.clone(),
            }),
            None => own(unknown),
        });
        let fault = put(&Jaeger::new(&endpoint(&peer, "")), &trace(TRACE)).await.outcome.unwrap_err();
        assert!(fault.hint.as_str().contains("base path"), "{fault:?}");
        for base in ["/ops/jaeger", "/ops/jaeger/"] {
            assert_eq!(spans(&Jaeger::new(&endpoint(&peer, base)), &trace(TRACE)).await.0.len(), 1, "{base}");
        }
    }
}

/// The limit is learned from the refusal, remembered, and a full answer at that limit is said to be cut.
#[tokio::test]
async fn a_limit_that_is_refused_is_halved_and_remembered() {
    let refusals = [
        "{\"errors\":[{\"code\":500,\"msg\":\"search depth must be greater than 0 and less than max traces\"}]}\n",
        "limit should be less than or equal to 1000\n",
    ];
    for (refusal, status) in refusals.into_iter().zip([500, 400]) {
        let limits: Arc<Mutex<Vec<u32>>> = Arc::default();
        let seen = Arc::clone(&limits);
        let peer = serve(move |asked| match asked.path.as_str() {
            "/api/traces" => {
                let limit: u32 = asked.get("limit").parse().unwrap();
                seen.lock().unwrap().push(limit);
                if limit > 1 { (status, refusal.to_owned()) } else { (200, span(Kind::Old, "ord-7").to_string()) }
            }
            "/api/services" => (200, r#"{"data":["shop"]}"#.to_owned()),
            _ => own(NO_ROUTE),
        });
        let jaeger = Jaeger::new(&endpoint(&peer, ""));
        let (store, notes) = spans(&jaeger, &find("ord-7", 8)).await;
        assert_eq!((store.len(), said(&notes, NoteKind::Truncated).len()), (1, 1), "{notes:?}");
        assert!(said(&notes, NoteKind::Truncated)[0].contains("as the server allows"), "{notes:?}");
        spans(&jaeger, &find("ord-7", 8)).await;
        assert_eq!(*limits.lock().unwrap(), [8, 4, 2, 1, 1]);
    }
}

/// Cassandra answers nothing, Badger everything: without a service it is not asked, unless the server says that it can.
#[tokio::test]
async fn a_search_without_a_service_needs_a_server_that_says_it_can() {
    let able =
        |able: bool| format!("<html>JAEGER_BACKEND_CAPABILITIES = {{\"searchWithoutServiceName\":{able}}};</html>");
    let rows = [
        (Kind::Middle, able(true), false),
        (Kind::New, String::new(), false),
        (Kind::Newest, able(false), false),
        (Kind::Newest, able(true), true),
    ];
    for (kind, page, is_asked) in rows {
        let peer = serve(move |asked| match asked.path.as_str() {
            "/" => (200, page.clone()),
            "/api/v3/traces" => {
                assert!(asked.get("query.serviceName").is_empty());
                (200, span(kind, "ord-7").to_string())
            }
            _ => server(kind, Backend::Equal, "ord-7")(asked),
        });
        let ask = Ask::FindSpans {
            service: "".into(),
            tag: Some(("order.id".into(), "ord-7".into())),
            window: window(1),
            limit: 5,
        };
        let outcome = put(&Jaeger::new(&endpoint(&peer, "")), &ask).await.outcome;
        assert_eq!(outcome.is_ok(), is_asked, "{kind:?} {outcome:?}");
        if let Err(fault) = outcome {
            assert_eq!(fault.kind, FaultKind::Unsupported);
        }
    }
}

#[tokio::test]
async fn a_value_too_long_for_the_index_is_no_proof_of_absence() {
    for (length, is_told) in [(255, false), (256, true)] {
        let peer = serve(server(Kind::New, Backend::Equal, "ord-7"));
        let (_, notes) = spans(&Jaeger::new(&endpoint(&peer, "")), &find(&"v".repeat(length), 5)).await;
        assert_eq!(said(&notes, NoteKind::PartMissing).len(), usize::from(is_told), "{length}: {notes:?}");
    }
}

/// Elasticsearch reads by id only what is younger than its `max_span_age`, and searches without that bound.
#[tokio::test]
async fn a_trace_that_only_a_search_finds_is_read_by_searching() {
    let peer = serve(|asked| {
        if asked.path.starts_with("/api/traces/") {
            return (404, r#"{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}"#.to_owned());
        }
        server(Kind::Middle, Backend::Regexp, "ord+7")(asked)
    });
    let jaeger = Jaeger::new(&endpoint(&peer, ""));
    assert!(spans(&jaeger, &trace(TRACE)).await.0.is_empty(), "nobody has searched yet");
    assert_eq!(spans(&jaeger, &find("ord+7", 5)).await.0.len(), 1);
    let (store, notes) = spans(&jaeger, &trace(TRACE)).await;
    assert_eq!(store.len(), 1);
    assert!(said(&notes, NoteKind::PartMissing)[0].contains("max_span_age"), "{notes:?}");
}

/// Says whether what came is right.
type Check = Box<dyn Fn(&SpanStore, &[Note]) -> bool>;

/// Shapes that are legal and rare, in one answer each; all seen on 2.13 or main.
#[tokio::test]
async fn odd_shapes_are_read() {
    let span = |rest: &str| {
        format!(
            r#"{{"traceID":"{TRACE}","spanID":"0000000000000002","operationName":"x","startTime":1795474426000000,"duration":1{rest}}}"#
        )
    };
    let one = |spans: &str, about: &str| {
        format!(
            r#"{{"data":[{{"traceID":"{TRACE}","spans":[{spans}],"processes":{{"p1":{{"serviceName":"{about}","tags":null}}}}}}],"errors":null}}"#
        )
    };
    let link = format!(
        r#","references":[{{"refType":"FOLLOWS_FROM","traceID":"{TRACE}","spanID":"1"}},{{"refType":"FOLLOWS_FROM","traceID":"b","spanID":"3"}}],"processID":"p1""#
    );
    let warned = |words: &str| one(&span(&format!(r#","warnings":["{words}","{words}"],"processID":"p1""#)), "shop");
    let is_note = |kind: NoteKind, words: &'static str| {
        move |_: &SpanStore, notes: &[Note]| said(notes, kind).iter().any(|text| text.contains(words))
    };
    let rows: Vec<(&str, String, Check)> = vec![
        ("no list", r#"{"data":null,"total":0,"errors":null}"#.into(), Box::new(|store, _| store.is_empty())),
        ("an empty object", "{}".into(), Box::new(|store, _| store.is_empty())),
        (
            "a parent that is also linked to",
            one(&span(&link), "shop"),
            Box::new(|store, _| store.iter().all(|span| span.parent().is_some_and(|id| id.0 == 1) && span.links().count() == 1)),
        ),
        (
            "values of null and ids of short form",
            one(&span(r#","tags":[{"key":"e","type":"binary","value":null},{"key":"","type":"string","value":""}],"logs":null,"processID":"p1""#), "shop").replace(TRACE, SHORT),
            Box::new(|store, notes| store.len() == 1 && notes.is_empty() && store.traces().all(|id| id.to_string() == TRACE)),
        ),
        ("a service that has no name", one(&span(r#","processID":"p1""#), "missing-service-name"), Box::new(|store, _| store.iter().all(|span| span.service().is_empty()))),
        ("a cut trace", warned("trace has more than 10 spans, showing first 10 spans only"), Box::new(is_note(NoteKind::Truncated, "more than 10 spans"))),
        ("skew that was left", warned("clock skew adjustment disabled; not applying calculated delta of -1m5.5s"), Box::new(is_note(NoteKind::Remark, "1m 5s"))),
        ("skew that was moved", warned("This span's timestamps were adjusted by 5ms"), Box::new(is_note(NoteKind::Remark, "moved 1 spans"))),
        ("an end before the start", warned("Negative duration detected, sanitizing end timestamp. Original end timestamp: 1"), Box::new(is_note(NoteKind::Remark, "1 spans were recorded to end"))),
    ];
    for (name, body, check) in rows {
        let peer = serve(move |asked| match asked.path.as_str() {
            "/api/services" => (200, r#"{"data":[]}"#.to_owned()),
            path if path.starts_with("/api/traces/") => (200, body.clone()),
            _ => own(NO_ROUTE),
        });
        let (store, notes) = spans(&Jaeger::new(&endpoint(&peer, "")), &trace(TRACE)).await;
        assert!(check(&store, &notes), "{name}: {:?} {notes:?}", told(&store));
    }
}

/// The proto of API v3 allows several documents in one answer.
#[tokio::test]
async fn an_answer_of_several_documents_is_read_to_its_end() {
    let peer = serve(|asked| {
        if asked.path == "/api/v3/trace-summaries" {
            return (200, r#"{"summaries":[]}"#.to_owned());
        }
        let first = span(Kind::New, "ord-7").to_string();
        (200, format!("{first}\n{}", first.replace("0000000000000001", "0000000000000002")))
    });
    let (store, notes) = spans(&Jaeger::new(&endpoint(&peer, "")), &trace(TRACE)).await;
    assert_eq!((store.len(), notes.len()), (2, 0), "{notes:?}");
}

/// A server that is replaced while the console runs: the old dialect's route is gone, and the next question asks anew.
#[tokio::test]
async fn an_upgrade_under_way_is_noticed() {
    let is_new = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&is_new);
    let peer = serve(move |asked| {
        let kind = if state.load(Ordering::Relaxed) { Kind::Newest } else { Kind::Middle };
        server(kind, Backend::Equal, "ord-7")(asked)
    });
    let jaeger = Jaeger::new(&endpoint(&peer, ""));
    assert_eq!(spans(&jaeger, &find("ord-7", 5)).await.0.len(), 1);
    is_new.store(true, Ordering::Relaxed);
    assert_eq!(put(&jaeger, &find("ord-7", 5)).await.outcome.unwrap_err().kind, FaultKind::Failed);
    assert_eq!(spans(&jaeger, &find("ord-7", 5)).await.0.len(), 1);
}
