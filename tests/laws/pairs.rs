//! What a call and its run tell together: hidden retries, callees that go on, clocks that differ; each beside what looks
//! like it.

use super::build::{S, World, span};
use super::{T, by_trace, verdict};
use hopscope::model::verdict::{Confidence, Severity};
use hopscope::model::{Finding, SpanKind, Verdict};

const URL: &str = "http://bank.svc/charge";

/// A call from 100 ms on and its runs at a service: begin, length and whether they failed.
fn call(took: i64, status: i64, runs: &[(&'static str, i64, i64, bool)]) -> World {
    let mut call = span(T, 2, 1, "shop", SpanKind::Client, 100, took).post(URL, status);
    if status == 0 {
        call.attributes.retain(|(name, _)| *name != "http.response.status_code");
        call = call.fails("java.net.http.HttpTimeoutException");
    }
    let mut spans = vec![span(T, 1, 0, "shop", SpanKind::Server, 0, 60_000), call];
    for (number, (service, at, took, failed)) in runs.iter().enumerate() {
        let mut run = span(T, 10 + number as u64, 2, service, SpanKind::Server, *at, *took);
        "op-bank".clone_into(&mut run.name);
        spans.push(S { failed: *failed, ..run });
    }
    World { spans, ..World::default() }
}

fn found(world: &World, code: &str) -> Finding {
    match verdict(&by_trace(world), code) {
        Verdict::Findings(mut found) => found.remove(0),
        other => panic!("{code}: {other:?}"),
    }
}

#[test]
fn a_proxy_that_tries_again_is_told_from_what_looks_alike() {
    let said = |world: &World| verdict(&by_trace(world), "R04");
    let retried = found(&call(400, 200, &[("bank", 110, 50, true), ("bank", 200, 50, false)]), "R04");
    assert_eq!((retried.severity, retried.confidence), (Severity::Warn, Confidence::Likely));
    assert_eq!(said(&call(400, 200, &[("bank", 110, 50, false)])), Verdict::Clear);
    // Mirrored traffic, at another service and at the same one.
    assert_eq!(said(&call(400, 200, &[("bank", 110, 50, false), ("bank-shadow", 111, 50, false)])), Verdict::Clear);
    let beside = call(400, 200, &[("bank", 110, 50, false), ("bank", 111, 50, false)]);
    assert!(matches!(said(&beside), Verdict::Unknown(_)), "{:?}", said(&beside));
    // A gateway's fan-out.
    let mut fan = call(400, 200, &[("bank", 110, 50, true), ("bank", 200, 50, false)]);
    "op-rates".clone_into(&mut fan.spans[3].name);
    assert_eq!(said(&fan), Verdict::Clear);
    assert!(matches!(said(&call(400, 200, &[])), Verdict::Unknown(_)), "no run is visible");
    // Its own count is believed, also where a run is lost.
    let mut counted = call(400, 200, &[("bank", 200, 50, false)]);
    counted.spans[2] = counted.spans[2].clone().with("http.request.header.x-envoy-attempt-count", "[\"2\"]");
    let counted = found(&counted, "R04");
    assert_eq!(counted.confidence, Confidence::Confirmed);
    assert!(counted.sentence.as_str().ends_with("became 2 runs at bank, 1 seen"), "{}", counted.sentence);
}

#[test]
fn a_callee_that_goes_on_is_told_by_lengths_alone() {
    let said = |world: &World| verdict(&by_trace(world), "R18");
    let long = |skew: i64| call(2_000, 0, &[("bank", 101 + skew, 8_000, false)]);
    for skew in [0, 30_000] {
        let outlived = found(&long(skew), "R18");
        assert_eq!((outlived.severity, outlived.confidence), (Severity::Warn, Confidence::Confirmed));
        assert!(
            outlived.sentence.as_str().contains("went on for at least 6s more to a good end"),
            "{}",
            outlived.sentence
        );
    }
    assert_eq!(said(&call(2_000, 202, &[("bank", 101, 8_000, false)])), Verdict::Clear, "works behind its answer");
    assert_eq!(said(&call(2_000, 0, &[("bank", 5_000, 2_000, false)])), Verdict::Clear, "equal lengths, other clocks");
    assert_eq!(said(&call(2_000, 0, &[("bank", 101, 2_040, false)])), Verdict::Clear, "measured otherwise");
    assert!(matches!(said(&call(2_000, 0, &[])), Verdict::Unknown(_)), "what ran is not visible");
    // Tried again with a good end: what became of the first is R09's.
    let mut again = long(0);
    again.spans.push(span(T, 5, 1, "shop", SpanKind::Client, 2_200, 50).post(URL, 200));
    assert_eq!(found(&again, "R18").severity, Severity::Info);
}

#[test]
fn clocks_are_bounded_by_calls_from_both_sides() {
    let said = |world: &World| verdict(&by_trace(world), "R24");
    let skewed = |ms: i64| call(100, 200, &[("bank", 110 + ms, 80, false)]);
    assert_eq!(said(&skewed(0)), Verdict::Clear);
    let sentence = |ms: i64| found(&skewed(ms), "R24").sentence.to_string();
    assert_eq!(sentence(800), "the clock of bank is ahead of that of shop by 790ms to 810ms, by 1 call");
    assert_eq!(sentence(-800), "the clock of bank is behind that of shop by 790ms to 810ms, by 1 call");
    // A callee that works on behind its answer does not lie inside the call.
    assert_eq!(said(&call(100, 202, &[("bank", 110, 5_000, false)])), Verdict::Clear);
    // Nor does one whose caller stopped waiting.
    assert_eq!(said(&call(100, 0, &[("bank", 180, 90, false)])), Verdict::Clear);
    // A consumer that runs after its producer has ended is the normal thing; one that runs before is none.
    let consumer = |at: i64| {
        let mut world = skewed(0);
        world.spans.push(span(T, 7, 1, "shop", SpanKind::Producer, 50, 1).topic("orders", 0, 1));
        world.spans.push(span(T, 8, 7, "billing", SpanKind::Consumer, at, 10).topic("orders", 0, 1));
        world
    };
    assert_eq!(said(&consumer(9_000)), Verdict::Clear);
    assert!(found(&consumer(20), "R24").sentence.as_str().contains("differ by at least 30ms"));
    // Calls that contradict one another bound nothing.
    let mut torn = skewed(800);
    torn.spans.push(span(T, 20, 1, "shop", SpanKind::Client, 1_000, 100).post("http://bank.svc/rates", 200));
    torn.spans.push(span(T, 21, 20, "bank", SpanKind::Server, 1_010, 80));
    assert!(matches!(said(&torn), Verdict::Unknown(_)), "{:?}", said(&torn));
}
