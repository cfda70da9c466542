//! Look-alikes, each beside its twin, and the laws of the hunt.

mod build;
mod effects;
mod grouping;
mod holds;
mod leads;
mod lookalikes;
mod metamorphic;
mod observed;
mod pairs;
mod partly;
mod paths;
mod search;
mod settlements;
mod unplaced;

use build::{S, World, at, ms, origin, record, span, traceparent};
use hopscope::diagnose;
use hopscope::model::journey::{CopyRole, DeliveryResult, Grouping, Outcome, Spread};
use hopscope::model::{Absence, Case, SourceKind, SpanKind, TraceId, Verdict};

const T: u128 = 0xabc_def0_1234_5678_9abc_def0_1234_5678;

fn calls(urls: [&str; 3], statuses: [i64; 3]) -> World {
    let mut spans = vec![span(T, 1, 0, "checkout", SpanKind::Server, 0, 1_000)];
    for number in 0..3u64 {
        let begin = 10 + number as i64 * 200;
        let status = statuses[number as usize];
        spans
            .push(span(T, 10 + number, 1, "checkout", SpanKind::Client, begin, 50).post(urls[number as usize], status));
        spans.push(S {
            failed: status >= 500,
            ..span(T, 20 + number, 10 + number, "payments", SpanKind::Server, begin + 5, 40)
                .with("http.response.status_code", status)
        });
    }
    World { spans, ..World::default() }
}

fn by_trace(world: &World) -> Case {
    world.case(&TraceId(T).to_string())
}

fn verdict(case: &Case, code: &str) -> Verdict {
    diagnose::run(case).into_iter().find(|(known, _)| known == code).expect("a rule with that code").1
}

#[test]
fn failed_calls_of_one_address_are_attempts() {
    let case = by_trace(&calls(["http://p/charge"; 3], [503, 503, 200]));
    let operation = case.operations().next().unwrap();
    assert_eq!((case.operations().len(), operation.tries()), (1, 3));
    assert_eq!((operation.grouping(), operation.executions()), (Grouping::Possible, 3));
    assert_eq!(case.journey.outcome, Outcome::SucceededAfterRetries);
}

#[test]
fn a_loop_over_items_is_no_retry() {
    let case = by_trace(&calls(["http://p/items/1", "http://p/items/2", "http://p/items/3"], [503, 503, 503]));
    assert_eq!(case.operations().len(), 3);
    let case = by_trace(&calls(["http://p/charge"; 3], [200, 200, 200]));
    assert_eq!(case.operations().len(), 3, "a call after a success is another call");
}

#[test]
fn a_hedge_is_not_a_retry() {
    let mut world = calls(["http://p/charge"; 3], [503, 200, 200]);
    world.spans[3].at = 20;
    assert_eq!(by_trace(&world).operations().next().unwrap().tries(), 1);
}

#[test]
fn an_unknown_identity_is_only_possible() {
    let mut world = calls(["http://p/charge"; 3], [503, 503, 200]);
    for span in &mut world.spans {
        span.attributes.retain(|(name, _)| *name != "url.full");
    }
    assert_eq!(by_trace(&world).operations().next().unwrap().grouping(), Grouping::Possible);
}

#[test]
fn one_client_span_with_two_servers_is_a_hidden_retry() {
    let mut world = calls(["http://p/charge"; 3], [200, 200, 200]);
    world.spans[2].took = 10;
    world.spans.push(span(T, 99, 10, "payments", SpanKind::Server, 30, 5));
    let case = by_trace(&world);
    let operation = case.operations().next().unwrap();
    assert_eq!((operation.tries(), operation.first().executions().len()), (1, 2));
    assert_eq!(operation.first().spread, Spread::HiddenRetry);
    let said = case.journey.summary.as_str();
    assert!(said.contains("1 attempt with 2 executions: hidden retry or fan-out by a proxy"), "{said}");
}

#[test]
fn a_run_without_its_caller_is_an_attempt_without_span() {
    let agent = ("otel.scope.name", "io.opentelemetry.tomcat-10.0");
    let of = |around: Vec<S>| {
        let mut spans = vec![span(T, 1, 0, "checkout", SpanKind::Server, 0, 1_000).with(agent.0, agent.1)];
        spans.push(span(T, 5, 0xdead, "payments", SpanKind::Server, 20, 2_500));
        spans.extend(around);
        let case = by_trace(&World { spans, ..World::default() });
        let attempt = case.operations().last().unwrap().first();
        assert_eq!((attempt.span, attempt.executions().len()), (None, 1));
        case.operations().last().unwrap().caller().to_owned()
    };
    assert_eq!(of(Vec::new()), "checkout", "the Java agent leaves out calls that were not answered");
    // Who encloses it in time need not have called it.
    let worker = span(T, 7, 1, "worker", SpanKind::Consumer, 10, 100).with(agent.0, agent.1);
    assert_eq!(of(vec![worker]), "worker");
    let beside = |service| span(T, 7, 0xbeef, service, SpanKind::Consumer, 10, 100).with(agent.0, agent.1);
    assert_eq!(of(vec![beside("worker")]), "missing span", "two of them were at work");
    assert_eq!(of(vec![span(T, 7, 1, "worker", SpanKind::Consumer, 10, 100)]), "missing span", "not of the Java agent");
    let calling = span(T, 6, 1, "checkout", SpanKind::Client, 5, 900).post("http://worker/jobs", 200);
    assert_eq!(of(vec![calling]), "missing span", "the only one at work was in another call");
}

#[test]
fn what_comes_first_in_its_trace_has_a_caller_without_instrumentation() {
    let spans = vec![span(T, 1, 0xdead, "checkout", SpanKind::Server, 0, 1_000)];
    assert_eq!(by_trace(&World { spans, ..World::default() }).operations().len(), 0);
}

#[test]
fn layers_are_counted_and_found() {
    let mut spans = vec![span(T, 1, 0, "gateway", SpanKind::Server, 0, 9_000)];
    for outer in 0..2u64 {
        let begin = outer as i64 * 3_000;
        spans.push(span(T, 10 + outer, 1, "gateway", SpanKind::Client, begin + 10, 2_000).post("http://c/pay", 503));
        spans.push(span(T, 20 + outer, 10 + outer, "checkout", SpanKind::Server, begin + 20, 1_900));
        for inner in 0..3u64 {
            let id = 100 + outer * 10 + inner;
            let begin = begin + 30 + inner as i64 * 300;
            spans.push(span(T, id, 20 + outer, "checkout", SpanKind::Client, begin, 100).post("http://b/charge", 503));
            spans.push(span(T, id + 100, id, "bank-adapter", SpanKind::Server, begin + 1, 90));
        }
    }
    let case = by_trace(&World { spans, ..World::default() });
    assert!(
        case.journey.summary.as_str().contains("3 attempts in 2 layers, 6 executions at bank-adapter"),
        "{}",
        case.journey.summary
    );
    assert!(matches!(verdict(&case, "R02"), Verdict::Findings(_)));
    assert!(matches!(verdict(&by_trace(&calls(["http://p/charge"; 3], [503, 503, 200])), "R02"), Verdict::Clear));
}

/// A record that fails, waits and ends as a dead letter.
fn poisoned() -> World {
    let publish = span(T, 2, 1, "shop", SpanKind::Producer, 5, 1).topic("orders", 2, 17);
    let mut spans = vec![span(T, 1, 0, "shop", SpanKind::Server, 0, 20), publish];
    for number in 0..3 {
        let begin = 100 + number * 100;
        let process = span(T, 30 + number as u64, 2, "fulfilment", SpanKind::Consumer, begin, 50);
        spans.push(process.topic("orders", 2, 17).group("fulfilment").fails("java.lang.IllegalStateException"));
    }
    spans.push(span(T, 40, 32, "fulfilment", SpanKind::Producer, 345, 1).topic("orders-dlt", 2, 4));
    let mut letter = origin("orders", 2, 17);
    letter.push(("kafka_dlt-original-consumer-group", b"fulfilment".to_vec()));
    letter.push(traceparent(T, 40, "03"));
    let records = vec![
        record("orders-2@17", "ord-1", 6, &[traceparent(T, 2, "03")]),
        record("orders-dlt-2@4", "ord-1", 346, &letter),
        record("orders-2@18", "ord-2", 7, &[traceparent(0x77, 2, "03")]),
    ];
    World {
        spans,
        records,
        lines: vec![("fulfilment", 120, format!("level=error order ord-1 trace_id={}", TraceId(T)))],
        ..World::default()
    }
}

#[test]
fn every_anchor_leads_to_the_same_message() {
    for anchor in ["orders-2@17", "orders-dlt-2@4", "ord-1", &TraceId(T).to_string()] {
        let case = poisoned().case(anchor);
        assert_eq!(case.journey.outcome, Outcome::DeadLettered, "{anchor}");
        assert_eq!(case.journey.messages.len(), 1, "{anchor}: {:?}", case.aliases);
        let message = &case.journey.messages[0];
        let roles: Vec<CopyRole> = message.copies.iter().map(|copy| copy.role).collect();
        assert_eq!(roles, [CopyRole::Original, CopyRole::DeadLetter], "{anchor}");
        assert_eq!(
            message.deliveries.iter().map(|delivery| delivery.ordinal).collect::<Vec<_>>(),
            [1, 2, 3],
            "{anchor}"
        );
        let said = case.journey.summary.as_str();
        assert!(
            said.contains("record orders-2@17 delivered 3 times to fulfilment; dead-lettered at orders-dlt-2@4"),
            "{said}"
        );
        assert!(
            matches!(verdict(&case, "R07"), Verdict::Findings(_))
                && matches!(verdict(&case, "R10"), Verdict::Findings(_))
        );
    }
}

#[test]
fn two_groups_are_no_redelivery_and_a_refusal_is_no_delivery() {
    let mut world = poisoned();
    for (number, span) in world.spans.iter_mut().filter(|span| span.kind == SpanKind::Consumer).enumerate() {
        span.attributes.retain(|(name, _)| *name != "messaging.kafka.consumer.group");
        span.attributes.push(("messaging.kafka.consumer.group", format!("group-{number}")));
    }
    let case = world.case("orders-2@17");
    assert!(case.journey.messages[0].deliveries.iter().all(|delivery| delivery.ordinal == 1));
    let mut world = poisoned();
    world.spans[2].exception = Some("org.springframework.kafka.listener.KafkaBackoffException");
    let case = world.case("orders-2@17");
    let first = &case.journey.messages[0].deliveries[0];
    assert_eq!((first.result, first.ordinal), (DeliveryResult::NotDue, 0));
    assert!(!matches!(verdict(&case, "R07"), Verdict::Findings(_)));
}

#[test]
fn a_waiting_copy_is_told_with_its_due_time() {
    let mut headers = origin("orders", 0, 3);
    headers.push(("retry_topic-attempts", 2i32.to_be_bytes().to_vec()));
    headers.push(("retry_topic-backoff-timestamp", ms(900_000).millis().to_be_bytes()[2..].to_vec()));
    let records = vec![record("orders-0@3", "ord-9", 5, &[]), record("orders-retry-0-0@1", "ord-9", 50, &headers)];
    let case = World { records, ..World::default() }.case("orders-0@3");
    assert_eq!(case.journey.outcome, Outcome::Waiting { due: Some(ms(900_000)) });
    assert_eq!(case.journey.messages[0].copies[1].origin, Some(at("orders-0@3")));
    assert!(matches!(verdict(&case, "R11"), Verdict::Findings(_)));
}

#[test]
fn an_unsampled_trace_is_not_called_missing() {
    let records = vec![record("orders-0@3", "k", 5, &[traceparent(0x99, 2, "02")])];
    let case = World { records, ..World::default() }.case("orders-0@3");
    let trace = TraceId(0x99).to_string();
    let gap = case.journey.gaps.iter().find(|gap| gap.what.as_str().contains(&trace)).expect("a gap");
    assert_eq!(gap.reason, Absence::NotInstrumented);
}

#[test]
fn cycles_and_repeated_ids_survive() {
    let spans = vec![
        span(T, 1, 2, "a", SpanKind::Server, 0, 5),
        span(T, 2, 1, "b", SpanKind::Server, 1, 5),
        span(T, 3, 3, "c", SpanKind::Client, 2, 5),
        span(T, 1, 2, "d", SpanKind::Server, 3, 5),
    ];
    assert_eq!(by_trace(&World { spans, ..World::default() }).journey.traces, [TraceId(T)]);
}

#[test]
fn a_batch_keeps_the_orders_of_others_out() {
    let mut batch =
        span(0x88, 1, 0, "billing", SpanKind::Consumer, 100, 50).with("messaging.destination.name", "orders");
    batch.name = "orders process".to_owned();
    batch.links = vec![(T, 2), (0x99, 9)];
    let spans = vec![
        span(T, 2, 0, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 1),
        span(0x99, 9, 0, "shop", SpanKind::Producer, 6, 1).topic("orders", 0, 2),
        batch,
        span(0x88, 3, 1, "billing", SpanKind::Producer, 120, 1).topic("bills", 0, 70),
    ];
    let records = vec![
        record("orders-0@1", "ord-1", 5, &[traceparent(T, 2, "03")]),
        record("orders-0@2", "ord-2", 6, &[traceparent(0x99, 9, "03")]),
    ];
    let lines = vec![("billing", 110, format!("batch of ord-1 trace_id={}", TraceId(0x88)))];
    let case = World { spans, lines, records, ..World::default() }.case("ord-1");
    assert_eq!(case.journey.messages.len(), 1, "{:?}", case.aliases);
    assert_eq!(case.journey.messages[0].deliveries.len(), 1);
    assert_eq!(case.journey.traces, [TraceId(T), TraceId(0x88)]);
}

#[test]
fn a_deep_and_wide_trace_is_told() {
    let mut spans: Vec<S> =
        (1..20_000).map(|id| span(T, id, id - 1, "deep", SpanKind::Internal, id as i64, 5)).collect();
    spans.extend((1..20_000).map(|id| span(T, 100_000 + id, 1, "wide", SpanKind::Internal, 3, 5)));
    assert_eq!(by_trace(&World { spans, ..World::default() }).journey.rows.len(), 39_998);
}

#[test]
fn a_charge_that_ran_twice_is_found_and_a_refused_one_is_not() {
    let mut world = calls(["http://p/charge"; 3], [200, 200, 200]);
    world.spans.truncate(5);
    let timeout = &mut world.spans[1];
    timeout.attributes.retain(|(name, _)| *name != "http.response.status_code");
    *timeout = timeout.clone().fails("java.net.http.HttpTimeoutException").with("order.id", "ord-1");
    world.spans[3] = world.spans[3].clone().with("order.id", "ord-1");
    assert!(matches!(verdict(&by_trace(&world), "R09"), Verdict::Findings(_)));
    world.spans[2].attributes.clear();
    world.spans[2].failed = true;
    assert_eq!(verdict(&by_trace(&world), "R09"), Verdict::Clear);
    world.spans.remove(2);
    assert!(matches!(verdict(&by_trace(&world), "R09"), Verdict::Unknown(_)));
}

#[test]
fn a_receive_span_that_a_process_span_links_to_is_no_delivery_of_its_own() {
    let mut receive = span(0x31, 1, 0, "billing", SpanKind::Consumer, 50, 1).topic("orders", 0, 1);
    receive.attributes.retain(|(name, _)| *name != "messaging.operation");
    let receive = receive.with("messaging.operation", "receive");
    let mut process = span(0x32, 1, 0, "billing", SpanKind::Consumer, 51, 9).topic("orders", 0, 1);
    process.links = vec![(0x31, 1)];
    let records = vec![record("orders-0@1", "k", 5, &[])];
    let mut world = World { spans: vec![receive, process], records, ..World::default() };
    let results = |world: &World| -> Vec<DeliveryResult> {
        world.case("orders-0@1").journey.messages[0].deliveries.iter().map(|delivery| delivery.result).collect()
    };
    assert_eq!(results(&world), [DeliveryResult::Handled]);
    world.spans.pop();
    assert_eq!(results(&world), [DeliveryResult::Unknown], "a killed delivery leaves its receive span alone");
}

#[test]
fn a_source_that_does_not_answer_makes_rules_unknown() {
    let anchor = TraceId(T).to_string();
    let case = poisoned().hunt(&anchor, &[SourceKind::Jaeger], 0);
    assert!(
        matches!(verdict(&case, "R02"), Verdict::Unknown(_)) && matches!(verdict(&case, "R25"), Verdict::Findings(_))
    );
    assert!(case.journey.gaps.iter().any(|gap| gap.reason == Absence::NotReachable));
}
