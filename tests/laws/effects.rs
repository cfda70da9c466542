//! Effects that happened twice: each beside what looks like it and is none, or cannot be told from it.

use super::build::{S, World, record, span, traceparent};
use super::{T, by_trace, verdict};
use hopscope::model::{SpanKind, Verdict};

const ORDER: &str = "order.id";

/// A writing call from `parent` and what ran at the callee, for an order.
fn charge(id: u64, parent: u64, at: i64, status: i64) -> [S; 2] {
    let call = span(T, id, parent, "shop", SpanKind::Client, at, 50).post("http://bank.svc/charge", status);
    let run = span(T, id + 1_000, id, "bank", SpanKind::Server, at + 1, 40).with(ORDER, "ord-1");
    [call, S { failed: status >= 500, ..run }]
}

fn shop(spans: Vec<S>) -> World {
    let mut all = vec![span(T, 1, 0, "shop", SpanKind::Server, 0, 60_000)];
    all.extend(spans);
    World { spans: all, ..World::default() }
}

fn said(world: &World) -> Verdict {
    verdict(&by_trace(world), "R09")
}

fn is_found(world: &World) -> bool {
    matches!(said(world), Verdict::Findings(_))
}

/// The sentence of a verdict that cannot tell.
fn open(world: &World) -> String {
    match said(world) {
        Verdict::Unknown(sentence) => sentence.to_string(),
        other => format!("{other:?}"),
    }
}

/// The order's record, delivered by spans of the billing service.
fn delivered(consumers: Vec<S>) -> World {
    let mut spans = vec![
        span(T, 1, 0, "shop", SpanKind::Server, 0, 10),
        span(T, 2, 1, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 1),
    ];
    spans.extend(consumers);
    World { spans, records: vec![record("orders-0@1", "k-1", 5, &[traceparent(T, 2, "03")])], ..World::default() }
}

fn delivery(id: u64, at: i64, verb: &str) -> S {
    let mut span = span(T, id, 2, "billing", SpanKind::Consumer, at, 100).topic("orders", 0, 1).group("billing");
    span.name = format!("orders {verb}");
    span.attributes.retain(|(name, _)| *name != "messaging.operation");
    span.with("messaging.operation", verb)
}

#[test]
fn a_loop_over_items_cannot_be_told_from_a_repeat() {
    let calls = |sizes: [&str; 2]| {
        let mut spans: Vec<S> = [charge(10, 1, 100, 200), charge(11, 1, 200, 200)].concat();
        for (at, size) in [(0, sizes[0]), (2, sizes[1])] {
            if !size.is_empty() {
                spans[at] = spans[at].clone().with("http.request.body.size", size);
            }
        }
        shop(spans)
    };
    assert!(
        open(&calls(["", ""])).contains("several things wanted or one several times"),
        "{}",
        open(&calls(["", ""]))
    );
    assert!(open(&calls(["17", "17"])).contains("several things"), "equal sizes say nothing");
    assert_eq!(said(&calls(["17", "19"])), Verdict::Clear, "different bodies are different things");
    // Different orders are different wishes.
    let mut other = calls(["", ""]);
    "ord-2".clone_into(&mut other.spans[4].attributes[0].1);
    assert_eq!(said(&other), Verdict::Clear);
}

#[test]
fn a_call_in_two_attempts_of_the_call_around_it_is_one_wish() {
    let inner = |status| {
        let outer = |id, at| span(T, id, 1, "shop", SpanKind::Client, at, 500).post("http://pay.svc/pay/7", 503);
        let run = |id: u64, at| span(T, id + 1, id, "pay", SpanKind::Server, at, 490).with(ORDER, "ord-1");
        let mut spans = vec![outer(20, 100), S { failed: true, ..run(20, 105) }, outer(30, 1_000), run(30, 1_005)];
        spans[2] = S {
            failed: false,
            ..span(T, 30, 1, "shop", SpanKind::Client, 1_000, 500).post("http://pay.svc/pay/7", 200)
        };
        spans.extend(charge(40, 21, 110, 200));
        spans.extend(charge(50, 31, 1_010, status));
        shop(spans)
    };
    let Verdict::Findings(found) = said(&inner(200)) else { panic!("{:?}", said(&inner(200))) };
    let sentence = found[0].sentence.as_str();
    assert!(
        sentence.contains("2 runs of POST bank.svc/charge at bank") && sentence.contains("ran again"),
        "{sentence}"
    );
    assert_eq!(said(&inner(503)), Verdict::Clear, "the second one was refused");
}

#[test]
fn a_record_that_is_delivered_again_charges_again() {
    let of = |again: i64| {
        let first = delivery(3, 50, "process").fails("java.lang.IllegalStateException");
        let mut spans = vec![first, delivery(4, 200, "process")];
        spans.extend(charge(10, 3, 60, 200));
        spans.extend(charge(11, 4, 210, again));
        delivered(spans)
    };
    let Verdict::Findings(found) = said(&of(200)) else { panic!("{:?}", said(&of(200))) };
    assert!(found[0].sentence.as_str().contains("delivered again"), "{}", found[0].sentence);
    assert_eq!(said(&of(409)), Verdict::Clear, "the callee refused the repeat");
    // Two groups each do their own.
    let mut groups = of(200);
    groups.spans[2].failed = false;
    groups.spans[3] = groups.spans[3].clone();
    groups.spans[3].attributes.retain(|(name, _)| *name != "messaging.kafka.consumer.group");
    groups.spans[3] = groups.spans[3].clone().group("audit");
    assert!(open(&groups).contains("different requests or messages"), "{}", open(&groups));
}

#[test]
fn what_a_killed_delivery_did_and_the_next_one_did_again_is_found() {
    let of = |received: bool| {
        let mut spans = vec![delivery(4, 900, "receive")];
        let mut process = delivery(5, 901, "process");
        process.parent = 4;
        spans.push(process);
        spans.extend(received.then(|| delivery(3, 50, "receive")));
        let [_, mut run] = charge(10, 77, 60, 200);
        run.parent = 0xdead;
        spans.push(run.with("http.request.method", "POST"));
        spans.extend(charge(11, 5, 910, 200));
        delivered(spans)
    };
    let Verdict::Findings(found) = said(&of(true)) else { panic!("{:?}", said(&of(true))) };
    assert!(found[0].sentence.as_str().contains("cut off"), "{}", found[0].sentence);
    // Without the receipt nothing tells whose run it was.
    assert!(open(&of(false)).contains("under a span that is missing"), "{}", open(&of(false)));
}

#[test]
fn mirrored_traffic_is_no_repeat() {
    let of = |service: &'static str| {
        let mut spans = charge(10, 1, 100, 200).to_vec();
        let mut shadow = span(T, 2_000, 10, service, SpanKind::Server, 102, 40).with(ORDER, "ord-1");
        shadow.name = "op-bank".to_owned();
        spans.push(shadow);
        shop(spans)
    };
    assert_eq!(said(&of("bank-shadow")), Verdict::Clear, "a copy at another service");
    assert!(open(&of("bank")).contains("side by side"), "{}", open(&of("bank")));
    // One after the other it is a proxy's retry.
    let mut retried = of("bank");
    (retried.spans[3].at, retried.spans[2].took, retried.spans[3].took) = (130, 20, 15);
    assert!(is_found(&retried), "{:?}", said(&retried));
}
