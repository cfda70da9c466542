//! The doctor: where a source ends, and what to change.

use super::server;
use crate::rude::peer::{Act, Framing, Peer};
use hopscope::config::{HttpEndpoint, Limits, Profile, keys};
use hopscope::investigate::SourceSet;
use hopscope::investigate::doctor::{Checkup, Finding, examine};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

fn examined(url: &str) -> Checkup {
    let loki = Some(HttpEndpoint::new(keys::url(url).unwrap()));
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
        |step: &&hopscope::investigate::doctor::Step| step.finding != Finding::Bad || !step.to_do.is_empty();
    assert!(checkup.steps.iter().all(|step| is_advised(&step)), "{checkup:?}");
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

#[test]
fn a_clock_that_is_off_is_a_weakness() {
    let peer = loki("Mon, 05 Jan 2015 13:00:00 GMT");
    let good = Finding::Good;
    let steps = [
        ("name", good),
        ("connect", good),
        ("login and version", good),
        ("permissions", good),
        ("clock", Finding::Weak),
        ("limits", good),
    ];
    check(&examined(&format!("http://{}", peer.address)), &steps, "behind this host's");
}

#[test]
fn it_ends_where_the_source_does() {
    let refused = format!("http://{}", Peer::refused());
    check(&examined(&refused), &[("connect", Finding::Weak), ("login and version", Finding::Bad)], "refused");
    let (locked, _) = server::plain(|_| false);
    let steps = [("name", Finding::Good), ("connect", Finding::Good), ("login and version", Finding::Bad)];
    check(&examined(&locked), &steps, "401");
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
