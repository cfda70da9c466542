//! Sends that name no record, and handlers whose span holds an exception and no failure: neither is told as a good end.

use super::build::{S, World, record, span, traceparent};
use super::{T, by_trace};
use hopscope::model::journey::{DeliveryResult, Outcome};
use hopscope::model::{Absence, SpanKind};

/// A send as the Python instrumentation tells it.
fn sends() -> World {
    let send = S { name: "orders send".to_owned(), ..span(T, 2, 1, "billing", SpanKind::Producer, 10, 1) };
    let send = send.with("messaging.system", "kafka").with("messaging.destination", "orders");
    World { spans: vec![span(T, 1, 0, "billing", SpanKind::Server, 0, 100), send], ..World::default() }
}

fn gaps(world: &World) -> Vec<(String, Absence)> {
    let gaps = by_trace(world).journey.gaps;
    gaps.into_iter().map(|gap| (gap.what.as_str().to_owned(), gap.reason)).collect()
}

#[test]
fn what_became_of_a_record_that_nothing_points_at_is_not_known() {
    let world = sends();
    assert_eq!(by_trace(&world).journey.outcome, Outcome::Unknown);
    assert_eq!(gaps(&world), [("record written by `orders send` in billing".to_owned(), Absence::NotFound)]);
    let mut twice = sends();
    twice.spans.push(S { id: 3, ..twice.spans[1].clone() });
    assert_eq!(gaps(&twice)[0].0, "2 records written by `orders send` in billing");
}

#[test]
fn a_record_that_is_pointed_at_is_placed() {
    // The consumer hangs on the send and names the record.
    let mut world = sends();
    world.spans.push(span(T, 3, 2, "shipping", SpanKind::Consumer, 20, 5).topic("orders", 0, 7).group("g"));
    assert_eq!(by_trace(&world).journey.outcome, Outcome::Succeeded);
    assert!(gaps(&world).iter().all(|gap| !gap.0.contains("written by")), "{:?}", gaps(&world));
    // The record's header names the send.
    world.spans.pop();
    world.records.push(record("orders-0@7", "ord-1", 11, &[traceparent(T, 2, "01")]));
    let story = world.case("orders-0@7");
    assert!(story.journey.gaps.iter().all(|gap| !gap.what.as_str().contains("written by")), "{:?}", story.journey.gaps);
}

#[test]
fn a_send_that_failed_or_is_of_another_queue_leaves_no_record_to_look_for() {
    let mut failed = sends();
    failed.spans[1].failed = true;
    assert!(gaps(&failed).is_empty());
    let mut other = sends();
    other.spans[1].attributes[0].1 = "rabbitmq".to_owned();
    assert!(gaps(&other).is_empty());
    assert_eq!(by_trace(&other).journey.outcome, Outcome::Succeeded);
}

#[test]
fn an_exception_on_a_span_without_a_failure_is_no_good_end() {
    let of = |change: fn(S) -> S| {
        let publish = span(T, 2, 1, "orders", SpanKind::Producer, 10, 1).topic("orders", 0, 7);
        let process = change(span(T, 3, 2, "shipping", SpanKind::Consumer, 20, 5).topic("orders", 0, 7).group("g"));
        let spans = vec![span(T, 1, 0, "orders", SpanKind::Server, 0, 100), publish, process];
        let case = by_trace(&World { spans, ..World::default() });
        let delivery = case.journey.messages[0].deliveries[0].clone();
        (delivery.result, delivery.error.map(|error| error.as_str().to_owned()))
    };
    assert_eq!(of(|span| span), (DeliveryResult::Handled, None));
    assert_eq!(of(|span| span.fails("no carrier")), (DeliveryResult::Failed, Some("no carrier".to_owned())));
    let recorded = of(|span| S { failed: false, ..span.fails("no carrier") });
    assert_eq!(recorded, (DeliveryResult::Unknown, Some("no carrier".to_owned())));
}
