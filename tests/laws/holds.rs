//! What holds for any case: order, repeats, strangers and missing sources.

use super::build::{USUAL, World, record, span, traceparent};
use super::{T, poisoned};
use hopscope::diagnose;
use hopscope::export::compare::Comparison;
use hopscope::model::why::Node;
use hopscope::model::{Case, SourceKind, SpanKind, TraceId, Verdict};
use proptest::prelude::*;

fn anchors() -> impl Strategy<Value = String> {
    prop_oneof![Just("orders-2@17".to_owned()), Just("ord-1".to_owned()), Just(TraceId(T).to_string())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_replies_changes_nothing(anchor in anchors(), turn in 0usize..7) {
        let (one, other) = (poisoned().hunt(&anchor, &[], 0), poisoned().hunt(&anchor, &[], turn));
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn repeated_spans_change_nothing(anchor in anchors(), which in any::<prop::sample::Index>()) {
        let mut world = poisoned();
        let again = which.get(&world.spans).clone();
        world.spans.push(again);
        prop_assert_eq!(world.case(&anchor).journey, poisoned().case(&anchor).journey);
    }

    #[test]
    fn strangers_change_nothing(anchor in anchors(), count in 1u64..6) {
        let mut world = poisoned();
        for number in 0..count {
            let trace = 0x5000 + u128::from(number);
            let offset = 100 + number as i64;
            world.spans.push(span(trace, 7, 0, "fulfilment", SpanKind::Consumer, 50, 10).topic("orders", 2, offset));
            world.records.push(record(&format!("orders-2@{offset}"), "ord-77", 40, &[traceparent(trace, 9, "03")]));
            world.lines.push(("fulfilment", 60, format!("ord-77 trace_id={}", TraceId(trace))));
        }
        prop_assert_eq!(world.case(&anchor).journey, poisoned().case(&anchor).journey);
    }

    /// Which store the traces are in, or whether they are in both, is no part of the story.
    #[test]
    fn a_story_is_the_same_from_every_store_of_traces(anchor in anchors(), turn in 0usize..7) {
        use SourceKind::{Jaeger, Kafka, Loki, Tempo};
        let from = |stores: &[SourceKind]| {
            let sources = [stores, &[Loki, Kafka]].concat();
            poisoned().hunt_in(&anchor, &sources, &[], turn)
        };
        let (jaeger, tempo, both) = (from(&[Jaeger]), from(&[Tempo]), from(&[Jaeger, Tempo]));
        prop_assert!(!jaeger.spans.is_empty());
        prop_assert_eq!(&jaeger.journey, &tempo.journey);
        prop_assert_eq!(&jaeger.journey, &both.journey);
        prop_assert_eq!(diagnose::run(&jaeger), diagnose::run(&tempo));
    }

    /// What a store that is down might hold is unknown, whatever the other one said.
    #[test]
    fn one_store_of_two_that_is_down_leaves_no_rule_sure(anchor in anchors(), which in 0usize..2) {
        use SourceKind::{Jaeger, Kafka, Loki, Tempo};
        let case = poisoned().hunt_in(&anchor, &[Jaeger, Tempo, Loki, Kafka], &[[Jaeger, Tempo][which]], 0);
        prop_assert!(!case.spans.is_empty() && !case.is_complete());
        let of_traces = |code: &str| ["R02", "R07", "R09"].contains(&code);
        let sure =
            diagnose::run(&case).into_iter().find(|(code, verdict)| of_traces(code) && *verdict == Verdict::Clear);
        prop_assert!(sure.is_none(), "{sure:?}");
    }

    #[test]
    fn a_missing_source_adds_nothing(anchor in anchors(), number in 0usize..3) {
        let (full, less) = (poisoned().case(&anchor), poisoned().hunt(&anchor, &[USUAL[number]], 0));
        let count = |world: &Case| {
            let deliveries: usize = world.journey.messages.iter().map(|message| message.deliveries.len()).sum();
            (world.operations().len(), deliveries)
        };
        prop_assert!(count(&less).0 <= count(&full).0 && count(&less).1 <= count(&full).1);
        for ((code, before), (_, after)) in diagnose::run(&full).into_iter().zip(diagnose::run(&less)) {
            // R25 tells what is missing: it grows by its nature.
            let new = matches!(after, Verdict::Findings(_)) && !matches!(before, Verdict::Findings(_));
            prop_assert!(code == "R25" || !new, "{code}");
        }
    }
}

#[test]
fn nothing_found_is_a_case_too() {
    let case = World::default().case("ord-404");
    assert!(!case.is_found() && case.rows().iter().all(|row| !row.text().is_empty()));
}

/// What a search brings beside a story belongs to others: neither counted nor compared.
#[test]
fn a_neighbour_in_the_store_is_no_part_of_a_comparison() {
    let poll = |id, offset| span(2, id, 1, "billing", SpanKind::Consumer, 200, 20).topic("orders", 0, offset);
    let hours = 3 * 3_600_000;
    let own = vec![
        span(T, 1, 0, "checkout", SpanKind::Server, 0, 100),
        span(T, 2, 1, "checkout", SpanKind::Producer, 5, 1).topic("orders", 0, 1),
        // A consumer that keeps one trace for all that it polls.
        span(2, 1, 0, "billing", SpanKind::Internal, 0, hours),
        poll(2, 1),
    ];
    let mut more = own.clone();
    more.extend((3..9).map(|id| poll(id, id as i64)));
    let records = vec![record("orders-0@1", "k-1", 5, &[traceparent(T, 2, "03")])];
    let case = |spans| World { spans, records: records.clone(), ..World::default() }.case("orders-0@1");
    let (alone, beside) = (case(own), case(more));
    let reached = |case: &Case| case.spans.iter().filter(|span| case.paths.is_reached(Node::Span(span.row()))).count();
    assert!(beside.spans.len() > reached(&beside), "the search brings a neighbour");
    assert_eq!(reached(&alone), reached(&beside));
    let compared = Comparison::of(&alone, &beside);
    let different: Vec<_> = compared.lines.iter().filter(|line| !line.differs.is_empty()).collect();
    assert!(different.is_empty(), "{different:?}");
}
