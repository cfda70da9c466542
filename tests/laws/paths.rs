//! Why rows are there: every path ends at what was asked about, and what is found does not depend on how it came.

use super::build::{S, USUAL, World, origin, record, span, traceparent};
use super::{T, poisoned};
use hopscope::correlate::{Hunt, Settings, Step};
use hopscope::model::id::recognise;
use hopscope::model::why::{Node, Relation, Strength};
use hopscope::model::{Case, NotFollowed, SourceKind, SpanKind, Tier, TraceId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that belongs, by names that do not depend on the order of arrival, with what its path rests on.
fn entities(case: &Case) -> BTreeMap<String, Tier> {
    let mut found = BTreeMap::new();
    let mut keep = |name: String, node: Node| {
        let strength = case.paths.strength(node).unwrap_or_else(|| panic!("{name} has no path"));
        found.insert(name, strength.tier());
    };
    for span in case.spans.iter().filter(|span| case.paths.is_reached(Node::Span(span.row()))) {
        keep(format!("span {} {}", span.trace(), span.id()), Node::Span(span.row()));
    }
    for line in case.lines.iter().filter(|line| case.paths.is_reached(Node::Line(line.row()))) {
        keep(format!("line {}", line.text()), Node::Line(line.row()));
    }
    for (place, at) in case.paths.records().enumerate() {
        keep(format!("record {at}"), Node::Record(place as u32));
    }
    for (place, trace) in case.paths.traces().enumerate() {
        keep(format!("trace {trace}"), Node::Trace(place as u32));
    }
    found
}

fn names(case: &Case) -> BTreeSet<String> {
    entities(case).into_keys().collect()
}

fn exists(case: &Case, node: Node) -> bool {
    match node {
        Node::Anchor => true,
        Node::Span(row) => (row.0 as usize) < case.spans.len(),
        Node::Line(row) => (row.0 as usize) < case.lines.len(),
        Node::Record(place) => (place as usize) < case.paths.records().len(),
        Node::Trace(place) => (place as usize) < case.paths.traces().len(),
        Node::Id(place) => (place as usize) < case.paths.ids().len(),
    }
}

/// Every row has a path, each of its edges has two ends that are there, and the last end is the anchor.
fn check_paths(case: &Case) {
    for row in case.rows().iter().filter(|row| row.fact.is_some()) {
        let node = case.node_of(&row).unwrap_or_else(|| panic!("{} shows nothing", row.text()));
        let path = case.paths.path(node);
        assert_eq!(path.last().map(|step| step.from), Some(Node::Anchor), "{}", row.text());
        assert!(path.iter().all(|step| exists(case, step.to) && exists(case, step.from)), "{path:?}");
        let weakest = path.iter().map(|step| step.edge.lifted().tier()).max();
        assert!(Some(row.tier) >= weakest, "{} is marked surer than its path", row.text());
    }
}

fn anchors() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("orders-2@17".to_owned()),
        Just("orders-dlt-2@4".to_owned()),
        Just("ord-1".to_owned()),
        Just(TraceId(T).to_string()),
        Just(format!("00-{}-{:016x}-01", TraceId(T), 2)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_has_a_path_that_ends_at_the_anchor(anchor in anchors(), down in prop::option::of(0usize..3)) {
        let down: Vec<SourceKind> = down.map(|number| USUAL[number]).into_iter().collect();
        check_paths(&poisoned().hunt(&anchor, &down, 0));
    }

    #[test]
    fn the_order_of_rows_changes_no_set(anchor in anchors(), turn in 0usize..9, seed in any::<u64>()) {
        let mut world = poisoned();
        let shuffle = |count: usize| -> Vec<usize> {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by_key(|at| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(*at as u32 * 7) ^ *at as u64);
            order
        };
        world.spans = shuffle(world.spans.len()).into_iter().map(|at| world.spans[at].clone()).collect();
        world.records = shuffle(world.records.len()).into_iter().map(|at| world.records[at].clone()).collect();
        prop_assert_eq!(entities(&world.hunt(&anchor, &[], turn)), entities(&poisoned().case(&anchor)));
    }

    #[test]
    fn repeated_rows_change_no_set(anchor in anchors(), which in any::<prop::sample::Index>()) {
        let mut world = poisoned();
        world.spans.push(which.get(&world.spans).clone());
        world.records.push(which.get(&world.records).clone());
        world.lines.push(which.get(&world.lines).clone());
        prop_assert_eq!(entities(&world.case(&anchor)), entities(&poisoned().case(&anchor)));
    }

    #[test]
    fn traffic_that_shares_tenant_user_pod_and_key_changes_no_set(anchor in anchors(), count in 1u64..12) {
        let wide = |span: S| span.with("tenant.id", "acme").with("enduser.id", "u-1").with("k8s.pod.name", "pod-7");
        let mut world = poisoned();
        world.spans = world.spans.into_iter().map(wide).collect();
        let before = entities(&world.case(&anchor));
        for number in 0..count {
            let (trace, offset) = (0x5000 + u128::from(number), 100 + number as i64);
            let strange = span(trace, 7, 0, "fulfilment", SpanKind::Consumer, 50, 10).topic("orders", 2, offset);
            world.spans.push(wide(strange).group("fulfilment"));
            // The same key stands on other messages of the same thing: they are followed only from the key itself.
            let key = if anchor == "ord-1" { "ord-11" } else { "ord-1" };
            world.records.push(record(&format!("orders-2@{offset}"), key, 40, &[traceparent(trace, 9, "03")]));
            world.lines.push(("fulfilment", 60, format!("tenant acme user u-1 pod-7 trace_id={}", TraceId(trace))));
        }
        prop_assert_eq!(entities(&world.case(&anchor)), before);
    }

    #[test]
    fn a_missing_source_raises_no_tier_and_adds_nothing(anchor in anchors(), number in 0usize..3) {
        let full = entities(&poisoned().case(&anchor));
        for (name, tier) in entities(&poisoned().hunt(&anchor, &[USUAL[number]], 0)) {
            let before = full.get(&name).copied();
            prop_assert!(before.is_some_and(|before| before <= tier), "{name}: {before:?}, now {tier:?}");
        }
    }
}

/// One order: a record with its key, and spans of its trace that carry the order's number.
fn order(tagged: bool) -> World {
    let request = span(T, 1, 0, "shop", SpanKind::Server, 0, 20);
    let publish = span(T, 2, 1, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 1);
    let request = if tagged { request.with("order_id", "o-7") } else { request };
    let records = vec![record("orders-0@1", "o-7", 6, &[traceparent(T, 2, "03")])];
    World { spans: vec![request, publish], records, ..World::default() }
}

#[test]
fn an_id_that_is_not_unique_is_scoped_until_a_second_path_confirms_it() {
    let tiers = |world: &World| -> BTreeSet<Tier> { entities(&world.case("o-7")).into_values().collect() };
    assert_eq!(tiers(&order(false)), BTreeSet::from([Tier::Scoped]));
    let lifted = order(true);
    assert_eq!(tiers(&lifted), BTreeSet::from([Tier::Exact]));
    let case = lifted.case("o-7");
    let span = case.spans.iter().find(|span| span.parent().is_none()).expect("the request");
    let path = case.paths.path(Node::Span(span.row()));
    let last = path.last().expect("a path");
    assert_eq!((last.edge.relation, last.edge.strength), (Relation::Holds, Strength::Scoped));
    assert!(matches!(last.edge.also, Some(Node::Record(_))), "{last:?}");
    // The same name in two sources is one kind of id, and lifts nothing.
    let mut world = order(true);
    world.spans[0].attributes.retain(|(name, _)| *name != "order_id");
    world.spans[0] = world.spans[0].clone().with("messaging.kafka.message.key", "o-7");
    assert_eq!(tiers(&world), BTreeSet::from([Tier::Scoped]));
    // A record's story needs no such help.
    let exact = entities(&order(false).case("orders-0@1")).into_values().all(|tier| tier == Tier::Exact);
    assert!(exact);
}

/// So many traces carry the number; the first one also has the record with the number as its key.
fn crowd(count: u64) -> World {
    let mut world = order(true);
    for number in 1..count {
        let trace = T + 0x1000 + u128::from(number);
        let at = 1_000 * number as i64;
        world.spans.push(span(trace, 1, 0, "shop", SpanKind::Server, at, 20).with("order_id", "o-7"));
    }
    world
}

#[test]
fn what_names_much_is_followed_only_where_a_second_id_joins_it_and_what_names_too_much_not_at_all() {
    let traces = |case: &Case| case.journey.traces.len();
    let hubs = |case: &Case| case.ledger.iter().filter(|entry| entry.reason == NotFollowed::Hub).count();
    let few = crowd(8).case("o-7");
    assert_eq!((traces(&few), hubs(&few)), (8, 0));
    let many = crowd(9).case("o-7");
    assert_eq!((traces(&many), hubs(&many)), (1, 1 + 8), "{:?}", many.ledger);
    assert!(names(&many).contains("record orders-0@1"));
    let most = crowd(50).case("o-7");
    assert_eq!(traces(&most), 1, "{:?}", most.ledger);
    let too_many = crowd(51).case("o-7");
    assert_eq!(traces(&too_many), 0);
    let told = too_many.ledger.iter().find(|entry| entry.id.as_str() == "o-7").expect("the id itself");
    assert!(told.detail.as_str().contains("51 traces hold it"), "{told:?}");
    for case in [few, many, most, too_many] {
        check_paths(&case);
    }
}

#[test]
fn from_a_message_nobody_goes_up_to_the_order_and_down_again() {
    let mut world = order(true);
    let other = T + 0x2000;
    world.spans.push(span(other, 1, 0, "shop", SpanKind::Server, 900, 20).with("order_id", "o-7"));
    world.records.push(record("orders-0@9", "o-7", 905, &[traceparent(other, 5, "03")]));
    world.lines.push(("shop", 910, format!("o-7 again trace_id={}", TraceId(other))));
    for anchor in ["orders-0@1".to_owned(), TraceId(T).to_string()] {
        let case = world.case(&anchor);
        assert!(!names(&case).contains(&format!("trace {}", TraceId(other))), "{anchor}");
        let label = case.ledger.iter().find(|entry| entry.id.as_str() == "o-7").expect("the order is a label");
        assert_eq!(label.reason, NotFollowed::WiderScope);
        assert!(label.detail.as_str().contains("hopscope follow o-7"), "{label:?}");
    }
    assert!(names(&world.case("o-7")).contains(&format!("trace {}", TraceId(other))));
}

#[test]
fn an_id_of_the_message_leads_to_lines_without_a_trace() {
    const ID: &str = "6f1c0f4e-8a51-4a2b-9f77-0b1d2c3e4f50";
    let headers = [("ce_id", ID.as_bytes().to_vec()), ("ce_source", b"shop".to_vec())];
    let records = vec![record("orders-0@1", "k", 5, &headers)];
    let lines = vec![
        ("mailer", 40, format!("sent mail for {ID}")),
        ("mailer", 41, format!("sent mail for {ID}1")),
        ("mailer", 42, "sent mail".to_owned()),
    ];
    let case = World { lines, records, ..World::default() }.case("orders-0@1");
    let found: Vec<String> = names(&case).into_iter().filter(|name| name.starts_with("line")).collect();
    assert_eq!(found, [format!("line sent mail for {ID}")]);
    check_paths(&case);
    let line = case.lines.iter().find(|line| line.text().ends_with(ID)).expect("the line").row();
    let relations: Vec<Relation> = case.paths.path(Node::Line(line)).iter().map(|step| step.edge.relation).collect();
    assert_eq!(relations, [Relation::Holds, Relation::NamedBy, Relation::Asked]);
}

#[test]
fn a_trace_over_hours_is_a_hub_and_its_matching_copies_are_kept() {
    let hours = 3 * 3_600_000;
    let mut spans = vec![span(T, 1, 0, "shop", SpanKind::Server, 0, 20)];
    spans.push(span(T, 2, 1, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 1));
    spans.push(span(T, 3, 1, "shop", SpanKind::Producer, 6, 1).topic("orders", 0, 2));
    spans.push(span(T, 4, 2, "billing", SpanKind::Consumer, hours, 5).topic("orders-retry", 0, 7));
    let headers = origin("orders", 0, 1);
    let records = vec![record("orders-0@1", "a", 5, &[]), record("orders-retry-0@7", "a", 50, &headers)];
    let case = World { spans, records, ..World::default() }.case("orders-0@1");
    let found = names(&case);
    assert!(found.contains("record orders-retry-0@7") && !found.contains("record orders-0@2"), "{found:?}");
    assert!(case.ledger.iter().any(|entry| entry.reason == NotFollowed::Hub), "{:?}", case.ledger);
    assert_eq!(found.iter().filter(|name| name.starts_with("span")).count(), 3);
}

#[test]
fn a_path_costs_six_bytes_a_span() {
    let spans: Vec<S> = (1..=5_000).map(|id| span(T, id, id / 2, "deep", SpanKind::Internal, id as i64, 5)).collect();
    let world = World { spans, ..World::default() };
    let case = world.case(&TraceId(T).to_string());
    assert_eq!(case.journey.rows.len(), 5_000);
    assert!(case.paths.bytes() <= 5_000 * 6, "{}", case.paths.bytes());
}

#[test]
fn rows_that_are_still_arriving_name_no_request() {
    let anchor = recognise(&TraceId(T).to_string()).expect("an anchor");
    let mut hunt = Hunt::new(anchor, Settings::new(super::build::ms(600_000), USUAL.to_vec()));
    let Step::Ask(queries) = hunt.next() else { panic!("something is asked") };
    let spans = super::build::store(poisoned().spans.iter(), false);
    hunt.glimpse(queries[0].number, hopscope::model::Rows::Spans(Box::new(spans)));
    let case = hunt.case();
    let row = case.rows().iter().next().expect("a row");
    let path = case.paths.path(case.node_of(&row).expect("a node"));
    assert!(path.iter().all(|step| case.shown_by(step).1.is_none()));
}
