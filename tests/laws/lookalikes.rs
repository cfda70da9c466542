//! Ids that look alike: the same value that names another thing, contexts that stand where they do not belong, and values
//! that name nothing. Each beside its twin, which does join.

use super::T;
use super::build::{S, World, at, record, span, traceparent};
use hopscope::model::why::Node;
use hopscope::model::{Case, NotFollowed, Record, SpanKind, TraceId};

fn has(case: &Case, trace: u128) -> bool {
    case.journey.traces.contains(&TraceId(trace))
}

fn written(case: &Case) -> Vec<String> {
    let copies = case.journey.messages.iter().flat_map(|message| &message.copies);
    copies.map(|copy| copy.coordinate.to_string()).collect()
}

/// An order of a number, and something else of the same number.
fn numbered(other: &'static str) -> Case {
    let spans = vec![
        span(T, 1, 0, "shop", SpanKind::Server, 0, 20).with("order_id", 48_213),
        span(0x55, 1, 0, "profile", SpanKind::Server, 5, 20).with(other, 48_213),
    ];
    World { spans, lines: vec![saying(other)], ..World::default() }.case("48213")
}

/// A line with the number under this name, of the other trace.
fn saying(name: &str) -> (&'static str, i64, String) {
    ("profile", 6, format!("{name}=48213 trace_id={} span_id={:016x}", TraceId(0x55), 1))
}

#[test]
fn a_user_of_the_same_number_is_another_thing() {
    for other in ["enduser.id", "user_id", "tenant.id", "session.id", "host.id"] {
        let case = numbered(other);
        assert_eq!((has(&case, T), has(&case, 0x55)), (true, false), "{other}");
        let told = case.ledger.iter().find(|entry| entry.id.as_str().ends_with(" 48213")).expect("it is told");
        assert_eq!(told.reason, NotFollowed::WiderScope, "{told:?}");
    }
    // The twin is the same order in another trace.
    assert!(has(&numbered("order.id"), 0x55) && has(&numbered("app.order_id"), 0x55));
    // Somebody who asks for the user is told about the user.
    let spans = vec![span(0x55, 1, 0, "profile", SpanKind::Server, 5, 20).with("user_id", 48_213)];
    assert!(has(&World { spans, lines: vec![saying("user_id")], ..World::default() }.case("48213"), 0x55));
}

#[test]
fn an_order_and_a_payment_of_the_same_number_are_told_and_neither_is_picked() {
    let case = numbered("payment_id");
    assert_eq!((has(&case, T), has(&case, 0x55)), (false, false));
    let listed: Vec<&str> = case.ledger.iter().map(|entry| entry.id.as_str()).collect();
    assert!(listed.contains(&TraceId(T).to_string().as_str()), "{listed:?}");
    assert!(listed.contains(&TraceId(0x55).to_string().as_str()), "{listed:?}");
    assert!(case.ledger[0].detail.as_str().contains("several types"), "{:?}", case.ledger);
    // A record keyed by the number joins one of them by another kind of id.
    let spans = vec![
        span(T, 1, 0, "shop", SpanKind::Server, 0, 20).with("order_id", 48_213),
        span(T, 2, 1, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 1),
        span(0x55, 1, 0, "profile", SpanKind::Server, 5, 20).with("payment_id", 48_213),
    ];
    let records = vec![record("orders-0@1", "48213", 6, &[traceparent(T, 2, "03")])];
    let case = World { spans, records, lines: vec![saying("payment_id")], ..World::default() }.case("48213");
    assert_eq!((has(&case, T), has(&case, 0x55)), (true, false), "{:?}", case.ledger);
}

const TENANT: &str = "6f1c0f4e-8a51-4a2b-9f77-0b1d2c3e4f50";

/// A UUID is unique; that it names one message is another matter.
#[test]
fn a_tenants_uuid_joins_no_two_requests() {
    let of = |name: &'static str| {
        let spans = vec![
            span(T, 1, 0, "shop", SpanKind::Server, 0, 20).with(name, TENANT),
            span(0x55, 1, 0, "mailer", SpanKind::Server, 5, 20).with(name, TENANT),
        ];
        let lines = vec![("mailer", 6, format!("{TENANT} mail trace_id={} span_id={:016x}", TraceId(0x55), 1))];
        let case = World { spans, lines, ..World::default() }.case(&TraceId(T).to_string());
        (has(&case, 0x55), case.lines.iter().any(|line| case.paths.is_reached(Node::Line(line.row()))))
    };
    assert_eq!(of("tenant.id"), (false, false));
    assert_eq!(of("customer_id"), (false, false));
    assert_eq!(of("message_id"), (true, true), "the twin names a message");
}

/// A loop sends records and stamps one context on all of them.
fn stamped(count: i64, linked: bool) -> World {
    let mut world = World { spans: vec![span(T, 2, 0, "shop", SpanKind::Producer, 5, 1)], ..World::default() };
    "orders publish".clone_into(&mut world.spans[0].name);
    for offset in 1..=count {
        let id = 100 + offset.unsigned_abs();
        let handled = |trace, parent| {
            span(trace, id, parent, "billing", SpanKind::Consumer, 50 + offset, 5)
                .topic("orders", 0, offset)
                .group("billing")
        };
        world.spans.push(if linked {
            S { links: vec![(T, 2)], ..handled(0x9000 + u128::from(id), 0) }
        } else {
            handled(T, 2)
        });
        world.records.push(record(&format!("orders-0@{offset}"), "k", 5, &[traceparent(T, 2, "03")]));
    }
    world
}

#[test]
fn a_context_that_is_stamped_on_many_records_joins_none_of_them() {
    for (count, linked) in [(2, false), (9, false), (30, false), (2, true), (9, true), (30, true)] {
        let case = stamped(count, linked).case("orders-0@2");
        assert_eq!(written(&case), ["orders-0@2"], "{count}, {linked}: {:?}", case.ledger);
        let deliveries: usize = case.journey.messages.iter().map(|message| message.deliveries.len()).sum();
        assert_eq!(deliveries, 1, "{count}, {linked}");
    }
    // The twin: one record, read by two groups, and once more from its retry topic.
    let mut world = stamped(1, false);
    world.spans.push(span(T, 200, 2, "audit", SpanKind::Consumer, 60, 5).topic("orders", 0, 1).group("audit"));
    world
        .spans
        .push(span(T, 201, 2, "billing", SpanKind::Consumer, 90, 5).topic("orders-retry", 0, 7).group("billing"));
    assert_eq!(written(&world.case("orders-0@1")), ["orders-0@1", "orders-retry-0@7"]);
}

/// Programs write zeros where there is no span.
#[test]
fn zeros_are_no_trace() {
    let zeros = |id: &str| format!("order o-48213 handled trace_id={id} span_id=0000000000000000");
    let mut world = World { spans: vec![span(T, 1, 0, "shop", SpanKind::Server, 0, 20)], ..World::default() };
    world.spans[0] = world.spans[0].clone().with("order_id", "o-48213");
    for id in ["0", "00000000000000000000000000000000", "null", "None"] {
        world.lines.push(("mailer", 5, zeros(id)));
    }
    let mut headers = vec![("traceparent", b"00-00000000000000000000000000000000-0000000000000000-01".to_vec())];
    headers.push(("b3", b"0".to_vec()));
    world.records.push(record("orders-0@1", "o-48213", 5, &headers));
    let case = world.case("o-48213");
    assert_eq!(case.journey.traces, [TraceId(T)]);
    assert!(case.paths.traces().all(|trace| trace == TraceId(T)), "{:?}", case.aliases);
    assert!(case.journey.gaps.iter().all(|gap| !gap.what.as_str().starts_with("trace ")), "{:?}", case.journey.gaps);
}

#[test]
fn an_id_that_begins_or_ends_like_another_is_another() {
    let of = |id: &str| {
        let lines = vec![("mailer", 5, format!("order {id} mailed trace_id={}", TraceId(0x55)))];
        let spans = vec![
            span(T, 1, 0, "shop", SpanKind::Server, 0, 20).with("order_id", "ord-48213"),
            span(0x55, 1, 0, "mailer", SpanKind::Server, 5, 20),
        ];
        has(&World { spans, lines, ..World::default() }.case("ord-48213"), 0x55)
    };
    assert!(of("ord-48213") && of("\"ord-48213\"") && of("(ord-48213)."));
    assert!(!of("ord-482130") && !of("ord-48213-2") && !of("xord-48213") && !of("ord_ord-48213"));
}

/// Two sources number their events alike: the id of an event is unique within its source only.
#[test]
fn an_id_that_two_sources_use_is_two_messages() {
    let event = |coordinate: &str, source: &str| -> Record {
        let headers = [("ce_id", b"evt-000001".to_vec()), ("ce_source", source.as_bytes().to_vec())];
        record(coordinate, "k", 5, &headers)
    };
    let messages = |other: &str| {
        let spans = vec![
            span(T, 1, 0, "shop", SpanKind::Server, 0, 20),
            span(T, 2, 1, "shop", SpanKind::Producer, 5, 1).topic("events", 0, 1),
            span(T, 3, 1, "shop", SpanKind::Producer, 6, 1).topic("events", 0, 2),
        ];
        let records = vec![event("events-0@1", "/shop"), event("events-0@2", other)];
        let case = World { spans, records, ..World::default() }.case(&TraceId(T).to_string());
        assert!(case.paths.record(&at("events-0@2")).is_some());
        case.journey.messages.len()
    };
    assert_eq!((messages("/bank"), messages("/shop")), (2, 1));
}
