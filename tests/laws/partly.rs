//! Traces of which only a part belongs: what is left out is counted, and what stands without its parent is neither taken
//! for a part nor lost silently.

use super::T;
use super::build::{S, World, record, span, traceparent};
use hopscope::model::why::Node;
use hopscope::model::{Case, NotFollowed, SpanKind, TraceId};

const READER: u128 = 0x88;

/// A record that is read in a trace of its own, which links to the producer; that trace holds more than the delivery.
fn linked(more: Vec<S>) -> World {
    let mut process = span(READER, 1, 7, "billing", SpanKind::Consumer, 50, 20).topic("orders", 0, 1).group("billing");
    process.links = vec![(T, 2)];
    let mut spans = vec![
        span(T, 1, 0, "shop", SpanKind::Server, 0, 20),
        span(T, 2, 1, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 1),
        span(READER, 7, 0, "billing", SpanKind::Internal, 40, 50),
        process,
        span(READER, 2, 1, "billing", SpanKind::Client, 55, 5).post("http://bank/charge", 200),
    ];
    spans.extend(more);
    let records = vec![record("orders-0@1", "k", 5, &[traceparent(T, 2, "03")])];
    World { spans, records, commits: vec![("billing", "orders", 2)], ..World::default() }
}

fn by_trace(world: &World) -> Case {
    world.case(&TraceId(T).to_string())
}

fn left_out(case: &Case) -> Option<&str> {
    let of = |trace: u128| TraceId(trace).to_string();
    let all = case.ledger.iter().filter(|entry| entry.reason == NotFollowed::WiderScope);
    all.filter(|entry| entry.id.as_str() == of(READER)).map(|entry| entry.detail.as_str()).next()
}

fn without_parents(case: &Case) -> Vec<&str> {
    case.journey.gaps.iter().map(|gap| gap.what.as_str()).filter(|what| what.starts_with("parents of ")).collect()
}

fn shows(case: &Case, trace: u128, id: u64) -> bool {
    let mut spans = case.spans.iter();
    let found = spans.find(|span| span.trace() == TraceId(trace) && span.id().0 == id);
    case.paths.is_reached(Node::Span(found.expect("it was read").row()))
}

#[test]
fn a_trace_that_belongs_as_a_whole_leaves_nothing_out() {
    let case = by_trace(&linked(Vec::new()));
    assert!(shows(&case, READER, 2) && shows(&case, READER, 7));
    assert_eq!((left_out(&case), without_parents(&case).len()), (None, 0));
}

#[test]
fn work_beside_the_delivery_is_counted_and_not_shown() {
    let case = by_trace(&linked(vec![span(READER, 8, 7, "billing", SpanKind::Client, 80, 5)]));
    assert!(shows(&case, READER, 1) && !shows(&case, READER, 8));
    assert!(left_out(&case).is_some_and(|told| told.starts_with("1 of its 4 spans")), "{:?}", case.ledger);
    assert!(without_parents(&case).is_empty());
}

#[test]
fn spans_whose_parents_are_lost_are_told_where_nothing_joins_them() {
    let lost = |id| span(READER, id, 0xdead, "bank", SpanKind::Server, 56, 3);
    let case = by_trace(&linked(vec![lost(20), lost(21)]));
    assert!(!shows(&case, READER, 20));
    assert_eq!(without_parents(&case), [format!("parents of 2 spans in trace {}", TraceId(READER))]);
    assert!(left_out(&case).is_some_and(|told| told.starts_with("2 of its 5 spans")), "{:?}", case.ledger);
    // From the record the whole trace is its context, and each of them is told by itself.
    let case = linked(vec![lost(20)]).case("orders-0@1");
    assert!(shows(&case, READER, 20) && without_parents(&case).is_empty());
    assert!(case.journey.gaps.iter().any(|gap| gap.what.as_str().starts_with("parent of `op-bank`")));
}

/// The span that wrote the other record is lost, so that its handling stands at the top of the trace.
#[test]
fn the_handling_of_another_record_is_no_context_where_its_parent_is_lost() {
    let mut world = linked(Vec::new());
    world.spans.push(span(T, 9, 0xdead, "mailer", SpanKind::Consumer, 30, 5).topic("mails", 0, 40).group("mailer"));
    let case = world.case("orders-0@1");
    assert!(!shows(&case, T, 9));
    assert_eq!(case.journey.messages.len(), 1, "{:?}", case.aliases);
    assert_eq!(without_parents(&case), [format!("parents of 1 span in trace {}", TraceId(T))]);
    // Its twin handles no record: it is a part of the request whose caller is lost.
    let mut world = linked(Vec::new());
    world.spans.push(span(T, 9, 0xdead, "mailer", SpanKind::Server, 30, 5));
    assert!(shows(&world.case("orders-0@1"), T, 9));
}
