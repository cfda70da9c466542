//! The ten habits of real instrumentation that mislead most, each with the answer that follows from it.

use super::build::{S, World, at, origin, record, span, traceparent};
use super::{T, by_trace};
use hopscope::model::journey::{CopyRole, Delivery, DeliveryResult, EffectStatus, Remark, Settled};
use hopscope::model::{SpanKind, TraceId};

const SPRING: &str = "io.opentelemetry.spring-kafka-2.7";

fn spring(id: u64, at: i64, took: i64) -> S {
    let span = span(T, id, 2, "billing", SpanKind::Consumer, at, took).topic("orders", 0, 1);
    span.group("billing").with("otel.scope.name", SPRING)
}

fn world(consumers: Vec<S>) -> World {
    let mut spans = vec![span(T, 2, 0, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 1)];
    spans.extend(consumers);
    World { spans, records: vec![record("orders-0@1", "k-1", 5, &[traceparent(T, 2, "03")])], ..World::default() }
}

fn deliveries(world: &World) -> Vec<Delivery> {
    world.case("orders-0@1").journey.messages.remove(0).deliveries
}

/// A consumer of a batch: a root of its own with a link to each producer.
fn batch(trace: u128, at: i64, failed: bool) -> S {
    let mut span =
        span(trace, 1, 0, "billing", SpanKind::Consumer, at, 50).with("messaging.destination.name", "orders");
    span = span.group("billing").with("otel.scope.name", SPRING).with("messaging.batch.message_count", 2);
    "orders process".clone_into(&mut span.name);
    span.links = vec![(T, 2), (0x99, 9)];
    S { failed, ..span }
}

#[test]
fn first_a_refusal_that_is_not_due_is_no_attempt() {
    let refused = spring(3, 50, 4).fails("org.springframework.kafka.listener.KafkaBackoffException");
    let told = deliveries(&world(vec![refused, spring(4, 100, 10)]));
    let told: Vec<_> = told.iter().map(|delivery| (delivery.result, delivery.ordinal)).collect();
    assert_eq!(told, [(DeliveryResult::NotDue, 0), (DeliveryResult::Handled, 1)]);
}

#[test]
fn second_the_wrapper_is_not_the_error() {
    let mut wrapped = spring(3, 50, 10).fails("org.springframework.kafka.listener.TimestampedException");
    wrapped.stack = "org.springframework.kafka.listener.TimestampedException: Exception thrown at 2026\n\tat a.B.c(B.java:1)\n\
                     Caused by: com.shop.CardDeclined: no funds\n\t... 3 more";
    let told = deliveries(&world(vec![wrapped])).remove(0);
    assert_eq!(told.error.expect("an error").as_str(), "com.shop.CardDeclined: no funds");
}

#[test]
fn third_a_call_that_timed_out_may_have_left_no_span_and_still_had_its_effect() {
    let orphan = span(T, 5, 0xdead, "payments", SpanKind::Server, 20, 2_500).with("http.request.method", "POST");
    let spans = vec![span(T, 1, 0, "checkout", SpanKind::Server, 0, 1_000), orphan];
    let case = by_trace(&World { spans, ..World::default() });
    assert_eq!(case.operations().next().expect("a call").first().span, None);
    assert_eq!(case.journey.effects.iter().map(|effect| effect.status).collect::<Vec<_>>(), [EffectStatus::Succeeded]);
    assert!(case.journey.clocks.is_empty(), "that it outlives its caller says nothing about clocks");
}

#[test]
fn fourth_each_redelivery_of_a_batch_is_a_trace_of_its_own() {
    let mut world = world(vec![batch(0x88, 100, true), batch(0x89, 700, false)]);
    // What the handler did for the records of the batch lies there too; none of it is this record's.
    world.spans.push(span(0x88, 7, 1, "billing", SpanKind::Producer, 120, 1).topic("bills", 0, 70));
    // Links lead from a batch to its records and not back: from the record it is not found, and said so.
    let case = world.case("orders-0@1");
    assert!(case.journey.messages[0].deliveries.is_empty());
    assert!(case.journey.gaps.iter().any(|gap| gap.what.as_str() == "deliveries of orders-0@1"));
}

#[test]
fn fifth_a_dead_letter_of_a_batch_is_found_by_its_headers_alone() {
    let mut world = world(vec![batch(0x88, 100, true)]);
    world.spans.push(span(0x8a, 1, 0, "billing", SpanKind::Producer, 150, 1).topic("orders-dlt", 0, 4));
    let mut letter = origin("orders", 0, 1);
    letter.push(traceparent(0x8a, 1, "03"));
    world.records.push(record("orders-dlt-0@4", "k-1", 150, &letter));
    let case = world.case("orders-0@1");
    let copy = &case.journey.messages[0].copies[1];
    assert_eq!((copy.role, &copy.origin), (CopyRole::DeadLetter, &Some(at("orders-0@1"))));
    assert!(case.journey.traces.contains(&TraceId(0x8a)));
}

#[test]
fn sixth_a_killed_delivery_has_at_most_its_receive_span() {
    let receive = |id: u64, at: i64| {
        let mut span = spring(id, at, 1);
        span.attributes.retain(|(name, _)| *name != "messaging.operation" && *name != "otel.scope.name");
        span.with("messaging.operation", "receive").with("otel.scope.name", "github.com/twmb/franz-go/plugin/kotel")
    };
    let process = S { parent: 4, ..spring(5, 5_000, 20) };
    let told = deliveries(&world(vec![receive(3, 50), receive(4, 4_999), process]));
    assert_eq!(
        told.iter().map(|delivery| delivery.result).collect::<Vec<_>>(),
        [DeliveryResult::Unknown, DeliveryResult::Handled]
    );
    assert_eq!(told[0].remarks, [Remark::Buffered, Remark::CutOff]);
}

#[test]
fn seventh_of_deliveries_that_overlap_none_is_known_to_have_committed() {
    let mut world = world(vec![spring(3, 50, 9_000), spring(4, 6_000, 20)]);
    world.commits = vec![("billing", "orders", 2)];
    for delivery in deliveries(&world) {
        assert_eq!(delivery.settlement.state, Settled::Unknown);
        assert_eq!((delivery.result, &delivery.remarks[..]), (DeliveryResult::Handled, &[Remark::Overlaps][..]));
    }
}

#[test]
fn eighth_the_time_of_a_blocking_retry_holds_its_back_off() {
    let told = deliveries(&world(vec![spring(3, 50, 508).fails("com.shop.CardDeclined"), spring(4, 558, 10)]));
    assert_eq!(
        told.iter().map(|delivery| delivery.remarks.clone()).collect::<Vec<_>>(),
        [vec![Remark::HoldsBackOff], vec![]]
    );
}

#[test]
fn ninth_a_consumer_that_does_not_fit_into_its_producer_is_no_sign_of_skew() {
    let fits_not = by_trace(&world(vec![spring(3, 5_000, 10_000)]));
    assert!(fits_not.journey.clocks.is_empty());
    let early = by_trace(&world(vec![spring(3, -40, 10)]));
    let doubt = &early.journey.clocks[0];
    assert_eq!((doubt.cause.as_str(), doubt.service.as_str(), doubt.at_least.0), ("shop", "billing", 45_000_000));
    let told = early.rows().iter().find(|row| row.text().as_str().starts_with("delivery 1")).expect("a delivery");
    assert_eq!(told.at, super::ms(-40), "what was written is shown, uncorrected");
}

#[test]
fn tenth_one_key_has_different_partitions_in_successive_topics() {
    let records = vec![
        record("orders-2@35", "ord-1", 5, &[traceparent(T, 2, "03")]),
        record("bills-1@36", "ord-1", 60, &[traceparent(T, 8, "03")]),
    ];
    let spans = vec![
        span(T, 2, 0, "shop", SpanKind::Producer, 5, 1).topic("orders", 2, 35),
        span(T, 3, 2, "billing", SpanKind::Consumer, 50, 20).topic("orders", 2, 35).group("billing"),
        span(T, 8, 3, "billing", SpanKind::Producer, 60, 1).topic("bills", 1, 36),
    ];
    let case = World { spans, records, ..World::default() }.case("ord-1");
    let roles: Vec<_> = case.journey.messages.iter().map(|message| message.copies.len()).collect();
    assert_eq!(roles, [1, 1], "two messages, and neither is missing");
    assert!(case.journey.messages.iter().all(|message| message.copies[0].repeats.is_none()));
}
