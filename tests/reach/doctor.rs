//! The doctor: where a source ends, and what to change.

use super::server;
use crate::rude::peer::{Act, Framing, Peer};
use hopscope::config::{Checks, HttpEndpoint, Limits, Pem, Profile, Tls, keys};
use hopscope::investigate::SourceSet;
use hopscope::investigate::doctor::{Checkup, Finding, STEPS, examine};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

fn examined(url: &str) -> Checkup {
    examined_at(HttpEndpoint::new(keys::url(url).unwrap()))
}

fn examined_at(endpoint: HttpEndpoint) -> Checkup {
    let loki = Some(endpoint);
    let sources = SourceSet::open(&Profile { loki, limits: Limits::default(), ..Profile::default() });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(examine(&sources, &CancellationToken::new())).remove(0)
}

fn check(checkup: &Checkup, steps: &[(&str, Finding)], words: &str) {
    let found: Vec<(&str, Finding)> = checkup.steps.iter().map(|step| (step.name, step.finding)).collect();
    assert_eq!(found, steps, "{checkup:?}");
    let told = checkup.steps.iter().any(|step| step.seen.as_str().contains(words));
    assert!(told, "{words} in {checkup:?}");
    let is_advised =
        |step: &&hopscope::investigate::doctor::Step| !matches!(step.finding, Failed | Warn) || !step.to_do.is_empty();
    assert!(checkup.steps.iter().all(|step| is_advised(&step)), "{checkup:?}");
}

fn examined_tempo(url: &str) -> Checkup {
    let tempo = Some(HttpEndpoint::new(keys::url(url).unwrap()));
    let sources = SourceSet::open(&Profile { tempo, ..Profile::default() });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(examine(&sources, &CancellationToken::new())).remove(0)
}

/// A Loki that tells this date.
fn loki(date: &'static str) -> Peer {
    let script = move |_: usize, request: &[u8]| {
        let request = String::from_utf8_lossy(request).into_owned();
        let body = match () {
            () if request.contains("buildinfo") => r#"{"version":"3.7.6"}"#,
            () if request.contains("/v1/labels") => r#"{"status":"success","data":["app"]}"#,
            () => r#"{"status":"success","data":{"resultType":"streams","result":[]}}"#,
        };
        let head =
            format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        vec![Act::Send([head.as_bytes(), body.as_bytes()].concat())]
    };
    Peer::start(Framing::Http, Arc::new(script))
}

use Finding::{Failed, NotTried, Ok as Good, Warn};

#[test]
fn a_clock_that_is_off_is_a_weakness() {
    let peer = loki("Mon, 05 Jan 2015 13:00:00 GMT");
    let steps = [
        ("name", Good),
        ("connect", Good),
        ("TLS", NotTried),
        ("login", Good),
        ("version", Good),
        ("capabilities", Good),
        ("clock", Warn),
        ("permissions", Good),
        ("limits", NotTried),
        ("limits", Good),
    ];
    check(&examined(&format!("http://{}", peer.address)), &steps, "behind this host's");
}

#[test]
fn it_ends_where_the_source_does() {
    let rest = |from: usize| STEPS[from..].iter().map(|name| (*name, NotTried));
    let refused = format!("http://{}", Peer::refused());
    let mut steps =
        vec![("name", Good), ("connect", Warn), ("TLS", NotTried), ("login", NotTried), ("version", Failed)];
    steps.extend(rest(5));
    check(&examined(&refused), &steps, "refused");
    let (locked, _) = server::plain(|_| false);
    let mut steps = vec![("name", Good), ("connect", Good), ("TLS", NotTried), ("login", Failed)];
    steps.extend(rest(4));
    check(&examined(&locked), &steps, "401");
}

#[test]
fn a_certificate_is_named_with_its_end_whether_it_is_trusted_or_not() {
    let authority = server::Authority::new();
    let url = authority.serve("localhost", server::Wants::Nothing);
    let step = |tls: Tls| {
        let endpoint = HttpEndpoint { tls, ..HttpEndpoint::new(keys::url(&url).unwrap()) };
        let checkup = examined_at(endpoint);
        checkup.steps.iter().find(|step| step.name == "TLS").cloned().unwrap()
    };
    let trusted = step(Tls { ca: Some(Pem::File(authority.file())), ..Tls::default() });
    assert_eq!(trusted.finding, Good, "{trusted:?}");
    let words = "TLS 1.3, CN=rcgen self signed cert by CN=authority of a test, until 4096-01-01";
    assert!(trusted.seen.as_str().contains(words), "{trusted:?}");
    let strange = step(Tls::default());
    assert_eq!(strange.finding, Warn);
    for words in ["not trusted here", "by CN=authority of a test"] {
        assert!(strange.seen.as_str().contains(words), "{strange:?}");
    }
    assert!(strange.to_do.as_str().contains("ca_file"), "{strange:?}");
    let unchecked = step(Tls { checks: Checks::None, ..Tls::default() });
    assert!(unchecked.seen.as_str().contains("not checked") && unchecked.to_do.as_str().contains("ca_file"));
}

#[test]
fn the_embedded_sources_are_examined_to_the_end() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let all = runtime.block_on(async {
        let running =
            hopscope::demo::start(hopscope::world::Scenario::checkout(), hopscope::demo::Options::default()).await;
        let running = running.unwrap();
        let sources = SourceSet::open(&hopscope::cli::demo::profile(&running));
        examine(&sources, &CancellationToken::new()).await
    });
    let words = [
        ("jaeger", "permissions", "is answered"),
        ("loki", "capabilities", "structured metadata"),
        ("kafka", "connect", "advertised address 127.0.0.1"),
        ("kafka", "permissions", "groups are visible"),
        ("kafka", "capabilities", "Metadata version"),
    ];
    for (source, name, words) in words {
        let checkup = all.iter().find(|checkup| checkup.source.name() == source).unwrap();
        let told = checkup.steps.iter().any(|step| step.name == name && step.seen.as_str().contains(words));
        assert!(told && !checkup.is_ill(), "{words} in {checkup:#?}");
        let order: Vec<usize> =
            checkup.steps.iter().map(|step| STEPS.iter().position(|name| *name == step.name).unwrap()).collect();
        assert!(order.is_sorted() && (0..STEPS.len()).all(|at| order.contains(&at)), "{order:?}");
    }
}

#[test]
fn a_source_that_failed_again_and_again_is_left_alone_until_the_person_says_otherwise() {
    use hopscope::model::{Ask, SourceKind, TraceId};
    let (address, limits) = (Peer::refused(), Limits { requests: 9, ..Limits::default() });
    let jaeger = Some(HttpEndpoint::new(keys::url(&format!("http://{address}")).unwrap()));
    let sources = SourceSet::open(&Profile { jaeger, limits, ..Profile::default() });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let requests = |sources: &SourceSet| {
        let budgets = sources.budgets(&CancellationToken::new());
        let reply = runtime.block_on(sources.ask(&Ask::Trace(TraceId(7)), &budgets));
        (reply.exchanges.len(), reply.outcome.unwrap_err(), budgets.of(SourceKind::Jaeger).used().0)
    };
    let asked: Vec<bool> = (0..6).map(|_| requests(&sources).2 > 0).collect();
    assert_eq!(asked, [true, true, true, true, false, false]);
    let (made, fault, _) = requests(&sources);
    assert_eq!(made, 0);
    assert!(fault.came.as_str().contains("left alone"), "{fault}");
    sources.try_again();
    assert!(requests(&sources).2 > 0);
}

/// What a Tempo answers: services, a search, the two routes of reading by id; status and body each.
type Tempo = [(u16, &'static str); 4];

const SERVICES: (u16, &str) = (200, r#"{"tagValues":[{"type":"string","value":"shop"}]}"#);
const NO_SERVICE: (u16, &str) = (200, r#"{"tagValues":[]}"#);
const FOUND: (u16, &str) =
    (200, r#"{"traces":[{"traceID":"4bf92f3577b34da6a3ce929d0e0e4736","startTimeUnixNano":"1800000000000000000"}]}"#);
const NOTHING: (u16, &str) = (200, r#"{"traces":[]}"#);
const SPAN: (u16, &str) = (
    200,
    r#"{"trace":{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00000000000000a1","name":"pay","startTimeUnixNano":"1800000000000000000","endTimeUnixNano":"1800000000000000005"}]}]}]}}"#,
);
const NO_SPAN: (u16, &str) = (200, r#"{"trace":{}}"#);
const GONE: (u16, &str) = (404, "404 page not found");

fn tempo(answers: Tempo) -> Peer {
    let script = move |_: usize, request: &[u8]| {
        let request = String::from_utf8_lossy(request).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (status, body) = match () {
            () if path.contains("buildinfo") => (200, r#"{"version":"3.0.3"}"#),
            () if path.contains("/tag/") => answers[0],
            () if path.contains("/api/search") => answers[1],
            () if path.contains("/api/v2/traces") => answers[2],
            () => answers[3],
        };
        let head = format!("HTTP/1.1 {status} .\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        vec![Act::Send([head.as_bytes(), body.as_bytes()].concat())]
    };
    Peer::start(Framing::Http, Arc::new(script))
}

#[test]
fn a_tempo_is_examined_by_what_it_answers() {
    let short = (400, "range specified by start and end exceeds 0h30m0s. received start=1 end=2");
    let rows: [(Tempo, [Finding; 3], &str); 8] = [
        (
            [SERVICES, FOUND, SPAN, GONE],
            [Good, Good, NotTried],
            "read by id in version 2 of the API: one was read whole, with 1 spans",
        ),
        ([SERVICES, FOUND, GONE, SPAN], [Good, Good, NotTried], "read by id in the first version of the API"),
        (
            [SERVICES, NOTHING, NO_SPAN, GONE],
            [Good, Good, NotTried],
            "a search is answered with nothing in the last hour",
        ),
        ([NO_SERVICE, NOTHING, NO_SPAN, GONE], [Good, Warn, NotTried], "no service is visible; no tenant is named"),
        ([SERVICES, FOUND, NO_SPAN, GONE], [Warn, Good, NotTried], "not there when it was read"),
        ([SERVICES, FOUND, (500, "no blocks"), GONE], [Failed, Good, NotTried], "no blocks"),
        ([SERVICES, (400, "TraceQL parse error"), NO_SPAN, GONE], [Good, Warn, NotTried], "a search failed: HTTP 400"),
        ([SERVICES, short, NO_SPAN, GONE], [Good, Warn, Good], "one search may span 30m"),
    ];
    for (answers, [capabilities, permissions, limits], words) in rows {
        let peer = tempo(answers);
        let steps = [
            ("name", Good),
            ("connect", Good),
            ("TLS", NotTried),
            ("login", Good),
            ("version", Good),
            ("capabilities", capabilities),
            ("clock", NotTried),
            ("permissions", permissions),
            ("limits", limits),
            ("limits", Good),
        ];
        check(&examined_tempo(&format!("http://{}", peer.address)), &steps, words);
    }
}
