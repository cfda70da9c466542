//! What became of deliveries: each claim beside a look-alike that carries none.

use super::T;
use super::build::{S, World, origin, record, span, traceparent};
use hopscope::model::journey::{Delivery, DeliveryResult, Outcome, Remark, Settled};
use hopscope::model::verdict::Tier;
use hopscope::model::{SourceKind, SpanKind, Verdict};

fn process(id: u64, at: i64, took: i64) -> S {
    span(T, id, 2, "billing", SpanKind::Consumer, at, took).topic("orders", 0, 1).group("billing")
}

/// One record, its producer and these consumers.
fn world(consumers: Vec<S>) -> World {
    let mut spans = vec![span(T, 2, 0, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 1)];
    spans.extend(consumers);
    World { spans, records: vec![record("orders-0@1", "k-1", 5, &[traceparent(T, 2, "03")])], ..World::default() }
}

fn deliveries(world: &World, down: &[SourceKind]) -> Vec<Delivery> {
    world.hunt("orders-0@1", down, 0).journey.messages.remove(0).deliveries
}

fn states(world: &World) -> Vec<Settled> {
    deliveries(world, &[]).into_iter().map(|delivery| delivery.settlement.state).collect()
}

#[test]
fn a_good_end_proves_no_commit() {
    let handled = |committed: Option<i64>| {
        let commits = committed.into_iter().map(|offset| ("billing", "orders", offset)).collect();
        states(&World { commits, ..world(vec![process(3, 50, 10)]) })
    };
    assert_eq!(handled(Some(2)), [Settled::Committed]);
    assert_eq!(handled(Some(1)), [Settled::NotCommitted]);
    assert_eq!(handled(None), [Settled::Unknown]);
    let strangers = World { commits: vec![("audit", "orders", 9)], ..world(vec![process(3, 50, 10)]) };
    assert_eq!(states(&strangers), [Settled::Unknown], "another group's commit");
    let blind = World { commits: vec![("billing", "orders", 2)], ..world(vec![process(3, 50, 10)]) };
    let told = &deliveries(&blind, &[SourceKind::Kafka])[0];
    assert_eq!((told.result, &told.settlement.state), (DeliveryResult::Handled, &Settled::Unknown));
    assert_eq!(told.settlement.by.as_str(), "committed offsets were not read");
}

#[test]
fn a_span_without_a_group_is_no_witness_for_a_commit() {
    let mut nameless = process(3, 50, 10);
    nameless.attributes.retain(|(name, _)| *name != "messaging.kafka.consumer.group");
    let commits = vec![("billing", "orders", 2)];
    assert_eq!(states(&World { commits, ..world(vec![nameless]) }), [Settled::Unknown]);
}

#[test]
fn of_two_deliveries_only_one_that_stands_alone_can_have_committed() {
    let commits = || vec![("billing", "orders", 9)];
    let of = |consumers: Vec<S>| states(&World { commits: commits(), ..world(consumers) });
    let failed = || process(3, 50, 10).fails("java.lang.IllegalStateException");
    assert_eq!(of(vec![failed(), process(4, 100, 10)]), [Settled::Unknown, Settled::Committed]);
    assert_eq!(of(vec![process(3, 50, 10), process(4, 100, 10)]), [Settled::Unknown, Settled::Unknown]);
    // An overrun: the second begins while the first still works, and ends first.
    let world = World { commits: commits(), ..world(vec![process(3, 50, 500), process(4, 100, 10)]) };
    for delivery in deliveries(&world, &[]) {
        assert_eq!((&delivery.settlement.state, &delivery.remarks[..]), (&Settled::Unknown, &[Remark::Overlaps][..]));
    }
}

/// A batch that held the record and another one, and whether it failed.
fn batch(id: u64, at: i64, failed: bool) -> S {
    let mut batch = span(T, id, 0, "billing", SpanKind::Consumer, at, 20).with("messaging.destination.name", "orders");
    "orders process".clone_into(&mut batch.name);
    batch.links = vec![(T, 2), (0x99, 9)];
    if failed { batch.group("billing").fails("java.lang.IllegalStateException") } else { batch.group("billing") }
}

fn results(world: &World) -> Vec<DeliveryResult> {
    deliveries(world, &[]).into_iter().map(|delivery| delivery.result).collect()
}

#[test]
fn a_failed_batch_does_not_tell_which_of_its_records_failed() {
    let told = deliveries(&world(vec![batch(3, 50, true), batch(4, 100, false)]), &[]);
    assert_eq!([told[0].result, told[1].result], [DeliveryResult::Unknown, DeliveryResult::Handled]);
    assert!(told[0].error.is_some() && told[0].remarks.contains(&Remark::BatchFailed), "{told:?}");
    assert!(!told[1].remarks.contains(&Remark::BatchFailed), "{told:?}");
    // A dead letter is no proof: all records of the batch are copied, unless the handler named the one that failed.
    let given_up = |exception: &[u8]| {
        let mut headers = origin("orders", 0, 1);
        headers.push(("kafka_dlt-exception-cause-fqcn", exception.to_vec()));
        let mut world = world(vec![batch(3, 50, true)]);
        world.records.push(record("orders-dlt-0@7", "k-1", 105, &headers));
        results(&world)
    };
    assert_eq!(given_up(b"com.shop.BadSale"), [DeliveryResult::Unknown]);
    assert_eq!(given_up(b"o.s.kafka.listener.BatchListenerFailedException"), [DeliveryResult::Failed]);
}

#[test]
fn a_span_that_ends_at_the_next_poll_tells_no_end() {
    let polled = || process(3, 50, 10).with("otel.scope.name", "opentelemetry.instrumentation.confluent_kafka");
    let told = &deliveries(&world(vec![polled()]), &[])[0];
    assert_eq!((told.result, &told.remarks[..]), (DeliveryResult::Unknown, &[Remark::EndsAtNextPoll][..]));
    let mut copied = world(vec![polled()]);
    copied.records.push(record("orders-dlt-0@7", "k-1", 105, &origin("orders", 0, 1)));
    assert_eq!(results(&copied), [DeliveryResult::Failed], "a copy was written for it");
}

#[test]
fn a_poll_may_be_the_span_of_a_client() {
    let mut poll = span(T, 3, 0, "billing", SpanKind::Client, 50, 1).with("messaging.system", "kafka");
    "poll orders".clone_into(&mut poll.name);
    poll.links = vec![(T, 2)];
    let poll = poll.with("messaging.operation.type", "receive").with("messaging.destination.name", "orders");
    let of = |poll: S| world(vec![poll]).case("orders-0@1").journey.messages;
    assert_eq!(of(poll.clone())[0].deliveries[0].result, DeliveryResult::Unknown);
    let mut other = poll;
    other.attributes.retain(|(name, _)| *name != "messaging.operation.type");
    assert!(of(other)[0].deliveries.is_empty(), "a client's other calls are none");
}

#[test]
fn what_befell_the_consumer_while_it_worked_is_remarked() {
    let of = |at: i64, text: &str| {
        let lines = vec![("billing", at, format!("[Consumer clientId=c-1, groupId=billing] {text}"))];
        deliveries(&World { lines, ..world(vec![process(3, 50, 100)]) }, &[]).remove(0).remarks
    };
    let overrun = "consumer poll timeout has expired. This means";
    let joining = "Request joining group due to: group is already rebalancing";
    // A line about a group names no record: only a search by the record's words finds it beside this record.
    let near = |at: i64, text: &str| of(at, &format!("{text} near orders-0@1"));
    assert_eq!(near(100, overrun), [Remark::Overran]);
    assert_eq!(near(100, joining), [Remark::Rebalanced]);
    assert_eq!(near(200, overrun), [], "after it had ended");
    assert_eq!(near(100, "Seeking to offset 1"), []);
}

#[test]
fn a_delivery_may_say_its_number() {
    let of = |number: u32| {
        let delivery = process(3, 50, 10).with("messaging.header.kafka_deliveryAttempt", format!("[\"{number}\"]"));
        let message = world(vec![delivery]).hunt("orders-0@1", &[], 0).journey.messages.remove(0);
        (message.deliveries[0].number, message.count.to_string())
    };
    assert_eq!(of(1), (Some(1), "at least 1".to_owned()));
    assert_eq!(of(3), (Some(3), "at least 3".to_owned()), "two of them left no span");
}

#[test]
fn failures_in_different_groups_are_no_loop() {
    let of = |groups: [&'static str; 3]| {
        let copy = |id: u64, topic: &str, group: &str| {
            let failed = span(T, id, 2, "billing", SpanKind::Consumer, 50 + id as i64 * 100, 10).topic(topic, 0, 1);
            failed.group(group).fails("java.lang.IllegalStateException")
        };
        let consumers = vec![
            copy(3, "orders", groups[0]),
            copy(4, "orders-retry-0", groups[1]),
            copy(5, "orders-retry-1", groups[2]),
        ];
        let mut world = world(consumers);
        for (topic, at) in [("orders-retry-0", 370), ("orders-retry-1", 470)] {
            world.records.push(record(&format!("{topic}-0@1"), "k-1", at, &origin("orders", 0, 1)));
        }
        super::verdict(&world.case("orders-0@1"), "R07")
    };
    let looped = of(["billing", "billing-retry-0", "billing-retry-1"]);
    assert!(
        matches!(&looped, Verdict::Findings(found) if found[0].sentence.as_str().contains("to billing failed over 3 copies")),
        "{looped:?}"
    );
    // Nobody but one group was handed the original, so what the others were handed came from it.
    let mut strangers = of(["billing", "audit", "archive"]);
    assert!(matches!(strangers, Verdict::Findings(_)), "one service, one group at the original: {strangers:?}");
    strangers = {
        let each = |id: u64, group: &str| process_of(id, group).fails("java.lang.IllegalStateException");
        let mut world = world(vec![each(3, "billing"), each(4, "audit"), each(5, "archive")]);
        world.records.push(record("orders-dlt-0@1", "k-1", 900, &origin("orders", 0, 1)));
        super::verdict(&world.case("orders-0@1"), "R07")
    };
    assert_eq!(strangers, Verdict::Clear, "each of them failed once");
}

fn process_of(id: u64, group: &str) -> S {
    span(T, id, 2, "billing", SpanKind::Consumer, 50 + id as i64 * 100, 10).topic("orders", 0, 1).group(group)
}

#[test]
fn one_group_that_gave_a_record_up_is_a_failure_whatever_the_others_did() {
    let outcome = |gave_up: bool| {
        let mut first = process(3, 50, 10);
        if gave_up {
            first = first.fails("java.lang.IllegalStateException");
        }
        let mut other = process(4, 100, 10);
        other.attributes.retain(|(name, _)| *name != "messaging.kafka.consumer.group");
        let commits = vec![("billing", "orders", 2), ("audit", "orders", 2)];
        World { commits, ..world(vec![first, other.group("audit")]) }.case("orders-0@1").journey.outcome
    };
    assert_eq!(outcome(true), Outcome::Failed);
    assert_eq!(outcome(false), Outcome::Succeeded);
}

#[test]
fn a_copy_is_the_settlement_of_the_delivery_that_wrote_it() {
    let failed = |id, at| process(id, at, 10).fails("java.lang.IllegalStateException");
    let mut letter = origin("orders", 0, 1);
    letter.push(traceparent(T, 8, "03"));
    let mut world = world(vec![failed(3, 50), failed(4, 100)]);
    world.spans.push(span(T, 8, 4, "billing", SpanKind::Producer, 105, 1).topic("orders-dlt", 0, 7));
    world.records.push(record("orders-dlt-0@7", "k-1", 105, &letter));
    let sent = Settled::DeadLetter("orders-dlt-0@7".into());
    assert_eq!(states(&world), [Settled::Unknown, sent.clone()]);
    assert_eq!(deliveries(&world, &[])[1].settlement.tier, Tier::Exact);
    // A batch writes its dead letters in a trace of its own: only headers and time are left.
    world.spans.retain(|span| span.id != 8);
    assert_eq!(states(&world), [Settled::Unknown, sent]);
    assert_eq!(deliveries(&world, &[])[1].settlement.tier, Tier::Inferred);
}

#[test]
fn a_record_that_was_not_due_was_refused() {
    let refused = process(3, 50, 4).fails("org.springframework.kafka.listener.KafkaBackoffException");
    let told = states(&World { commits: vec![("billing", "orders", 9)], ..world(vec![refused, process(4, 100, 10)]) });
    assert_eq!(told, [Settled::Refused, Settled::Committed], "no attempt, so it does not stand in the way");
}

#[test]
fn a_refused_commit_stands_in_a_line_alone() {
    let line = |group: &str, at: i64| {
        let text = format!(
            "[Consumer clientId=c-1, groupId={group}] Failing OffsetCommit request since the consumer is not part of an \
             active group; orders-0@1"
        );
        ("billing", at, text)
    };
    let of = |line: (&'static str, i64, String)| {
        let commits = vec![("billing", "orders", 9)];
        let world = World { commits, lines: vec![line], ..world(vec![process(3, 50, 10)]) };
        deliveries(&world, &[]).remove(0).settlement
    };
    let told = of(line("billing", 70));
    assert_eq!((told.state, told.tier), (Settled::CommitRefused, Tier::Inferred), "the line names no record");
    assert_eq!(of(line("audit", 70)).state, Settled::Committed, "another group");
    assert_eq!(of(line("billing", 70_000)).state, Settled::Committed, "long after");
}

#[test]
fn a_commit_with_a_span_of_its_own_is_believed() {
    let settle = |name: &str| {
        let span = span(T, 9, 3, "billing", SpanKind::Client, 58, 1).with("messaging.system", "kafka");
        S { name: name.to_owned(), ..span.with("messaging.operation.type", "settle") }
    };
    let of = |settle: S| states(&world(vec![process(3, 50, 10), settle]));
    assert_eq!(of(settle("commit orders")), [Settled::Committed]);
    assert_eq!(of(settle("commit orders").fails("CommitFailedException")), [Settled::CommitRefused]);
    assert_eq!(of(settle("nack orders")), [Settled::Rejected]);
}

#[test]
fn a_receive_span_alone_is_a_killed_delivery_only_where_handlers_have_spans() {
    let receive = |id: u64, at: i64| {
        let mut span = process(id, at, 1);
        span.attributes.retain(|(name, _)| *name != "messaging.operation");
        span.with("messaging.operation", "receive")
    };
    let below = |id: u64, parent: u64, at: i64| S { parent, ..process(id, at, 30) };
    let remarks = |consumers: Vec<S>| -> Vec<Vec<Remark>> {
        deliveries(&world(consumers), &[]).into_iter().map(|delivery| delivery.remarks).collect()
    };
    assert_eq!(
        remarks(vec![receive(3, 50), receive(4, 100), below(5, 4, 101)]),
        [vec![Remark::CutOff], vec![]],
        "received, then received again and handled"
    );
    assert_eq!(remarks(vec![receive(3, 50), receive(4, 100)]), [vec![], vec![]], "no handler has a span here");
}
