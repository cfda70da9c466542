//! What must not change when the data are told otherwise, and what may only become less sure when some are missing.

use super::T;
use super::build::{S, World, record, span, traceparent};
use hopscope::model::journey::{Settled, Spread};
use hopscope::model::{Case, SourceKind, SpanKind, TraceId};
use proptest::prelude::*;
use std::fmt::Write;

/// An old name for each new one.
const OLDER: &[(&str, &str)] = &[
    ("http.request.method", "http.method"),
    ("http.response.status_code", "http.status_code"),
    ("url.full", "http.url"),
    ("http.request.resend_count", "http.resend_count"),
    ("messaging.destination.name", "messaging.destination"),
    ("messaging.destination.partition.id", "messaging.kafka.partition"),
    ("messaging.kafka.message.offset", "messaging.kafka.offset"),
    ("messaging.kafka.consumer.group", "messaging.kafka.consumer_group"),
];

/// One call of a service: how its attempts end, the gap before each, what counts them.
#[derive(Clone, Debug)]
struct Plan {
    statuses: Vec<i64>,
    gap: i64,
    counted: bool,
    url: &'static str,
}

fn plan() -> impl Strategy<Value = Plan> {
    let status = prop_oneof![Just(503), Just(500), Just(429), Just(404), Just(401), Just(409)];
    let url = prop_oneof![Just("http://p/a"), Just("http://p/b?page=1"), Just("http://q/a")];
    (prop::collection::vec(status, 0..4), 20i64..200, any::<bool>(), url).prop_map(
        |(mut statuses, gap, counted, url)| {
            statuses.push(200);
            Plan { statuses, gap, counted, url }
        },
    )
}

fn world(plans: &[Plan]) -> World {
    let mut spans = vec![
        span(T, 1, 0, "checkout", SpanKind::Server, 0, 100_000),
        span(T, 2, 1, "checkout", SpanKind::Producer, 5, 1).topic("orders", 0, 1),
    ];
    let mut begin = 10;
    for (number, plan) in plans.iter().enumerate() {
        for (attempt, status) in plan.statuses.iter().enumerate() {
            let id = 1_000 + number as u64 * 100 + attempt as u64 * 2;
            let mut call = span(T, id, 1, "checkout", SpanKind::Client, begin, 10).post(plan.url, *status);
            if plan.counted && attempt > 0 {
                call = call.with("retry.count", attempt);
            }
            let run = span(T, id + 1, id, "payments", SpanKind::Server, begin + 1, 8);
            spans.extend([call, S { failed: *status >= 500, ..run }]);
            begin += 10 + plan.gap;
        }
        begin += 10_000;
    }
    for (id, at, failed) in [(30, 200, true), (31, 300, false)] {
        let process = span(T, id, 2, "billing", SpanKind::Consumer, at, 20).topic("orders", 0, 1).group("billing");
        spans.push(S { failed, ..process });
    }
    let records = vec![record("orders-0@1", "k-1", 5, &[traceparent(T, 2, "03")])];
    World { spans, records, commits: vec![("billing", "orders", 2)], ..World::default() }
}

fn case(world: &World) -> Case {
    world.case(&TraceId(T).to_string())
}

/// What is grouped and settled, without times.
fn shape(case: &Case) -> String {
    let mut told = String::new();
    for operation in case.operations() {
        let attempts: Vec<_> =
            operation.attempts().map(|attempt| (attempt.result, attempt.spread, attempt.executions().len())).collect();
        writeln!(told, "{} {:?} {} {attempts:?}", operation.name(), operation.grouping(), operation.count())
            .expect("a text");
    }
    for delivery in case.journey.messages.iter().flat_map(|message| &message.deliveries) {
        writeln!(told, "{} {:?} {:?}", delivery.ordinal, delivery.result, delivery.settlement.state).expect("a text");
    }
    let effects: Vec<_> = case.journey.effects.iter().map(|effect| (effect.kind, effect.status)).collect();
    told + &format!("{effects:?} {:?}", case.journey.outcome)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shift_of_all_clocks_changes_nothing(plans in prop::collection::vec(plan(), 1..4), by in -5_000i64..5_000) {
        let (one, mut other) = (world(&plans), world(&plans));
        other.spans.iter_mut().for_each(|span| span.at += by);
        prop_assert_eq!(shape(&case(&one)), shape(&case(&other)));
    }

    #[test]
    fn one_clock_that_is_wrong_changes_no_grouping(plans in prop::collection::vec(plan(), 1..4), by in -10_000i64..10_000) {
        let (one, mut other) = (world(&plans), world(&plans));
        other.spans.iter_mut().filter(|span| span.service == "payments").for_each(|span| span.at += by);
        let (one, other) = (case(&one), case(&other));
        prop_assert_eq!(shape(&one), shape(&other));
        prop_assert_eq!(other.journey.clocks.is_empty(), by > -2, "{:?}", other.journey.clocks);
    }

    #[test]
    fn longer_times_change_nothing(plans in prop::collection::vec(plan(), 1..4), times in 2i64..6) {
        let (one, mut other) = (world(&plans), world(&plans));
        for span in &mut other.spans {
            (span.at, span.took) = (span.at * times, span.took * times);
        }
        prop_assert_eq!(shape(&case(&one)), shape(&case(&other)));
    }

    #[test]
    fn older_names_and_numbers_instead_of_texts_change_nothing(
        plans in prop::collection::vec(plan(), 1..4), older in any::<bool>(), ints in any::<bool>(),
    ) {
        let (one, mut other) = (world(&plans), world(&plans));
        other.ints = ints;
        for (name, _) in other.spans.iter_mut().filter(|_| older).flat_map(|span| &mut span.attributes) {
            *name = OLDER.iter().find(|(newer, _)| newer == name).map_or(*name, |(_, old)| *old);
        }
        prop_assert_eq!(shape(&case(&one)), shape(&case(&other)));
    }

    #[test]
    fn order_and_repeats_change_nothing(
        plans in prop::collection::vec(plan(), 1..4), turn in any::<prop::sample::Index>(), again in any::<prop::sample::Index>(),
    ) {
        let (one, mut other) = (world(&plans), world(&plans));
        let count = other.spans.len();
        other.spans.rotate_left(turn.index(count));
        other.spans.push(again.get(&one.spans).clone());
        prop_assert_eq!(shape(&case(&one)), shape(&case(&other)));
    }

    /// The truth lies within every count, whatever was lost.
    #[test]
    fn what_is_lost_stays_within_the_counts(plan in plan(), kept in prop::collection::vec(any::<bool>(), 5)) {
        let mended = |status: &i64| *status >= 500 || *status == 429;
        let plan = Plan { statuses: plan.statuses.iter().copied().filter(|s| mended(s) || *s == 200).collect(), ..plan };
        let (truth, mut world) = (plan.statuses.len() as u32, world(std::slice::from_ref(&plan)));
        let attempt = |span: &S| (span.kind == SpanKind::Client).then(|| (span.id as usize - 1_000) / 2);
        world.spans.retain(|span| attempt(span).is_none_or(|number| kept[number]));
        for operation in case(&world).operations().filter(|operation| operation.first().span.is_some()) {
            let count = operation.count();
            prop_assert!(count.at_least <= truth, "{count} of {truth}");
            prop_assert!(count.at_most.is_none_or(|most| truth <= most), "{count} of {truth}");
        }
    }

    /// Without a source nothing becomes surer.
    #[test]
    fn without_a_source_no_settlement_is_surer(plans in prop::collection::vec(plan(), 1..3), which in 0usize..3) {
        let (world, down) = (world(&plans), [SourceKind::Jaeger, SourceKind::Loki, SourceKind::Kafka][which]);
        let less = world.hunt("orders-0@1", &[down], 0);
        let full = world.case("orders-0@1");
        let known = |case: &Case| {
            let all = case.journey.messages.iter().flat_map(|message| &message.deliveries);
            all.filter(|delivery| delivery.settlement.state != Settled::Unknown).count()
        };
        prop_assert!(known(&less) <= known(&full));
        let hidden = |case: &Case| {
            case.operations().flat_map(hopscope::model::calls::Operation::attempts).filter(|each| each.spread == Spread::HiddenRetry).count()
        };
        prop_assert!(hidden(&less) <= hidden(&full));
    }
}
