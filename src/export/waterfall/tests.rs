use super::*;
use crate::model::SpanId;
use crate::model::spans::SpanHead;
use proptest::prelude::*;

/// One span: id, parent (0 for none), begin and end in ms, name, kind.
type Made<'a> = (u64, u64, i64, i64, &'a str, SpanKind);

fn store(made: &[Made<'_>]) -> SpanStore {
    let mut spans = SpanStore::default();
    let process = spans.process();
    spans.process_service(process, "shop");
    for (id, parent, from, until, name, kind) in made {
        let name = spans.symbols.add(name);
        spans.finish(SpanHead {
            trace: TraceId(if *id < 100 { 7 } else { 8 }),
            id: SpanId(*id),
            parent: SpanId(*parent),
            start: Timestamp(from * 1_000_000),
            duration: ((until - from) * 1_000_000).unsigned_abs(),
            name,
            process,
            kind: *kind,
            status: SpanStatus::Unset,
        });
    }
    spans
}

/// Draws a waterfall as text: depth, what, `!` for the critical path.
fn drawn(made: &[Made<'_>], folding: Folding) -> Vec<String> {
    handed(made, &[], folding)
}

fn handed(made: &[Made<'_>], over: &[Handed], folding: Folding) -> Vec<String> {
    let spans = store(made);
    let all = Waterfall::draw(&spans, |_| true, over, folding);
    let line = |bar: &Bar| {
        let what = match bar.kind {
            BarKind::Trace => "trace".to_owned(),
            BarKind::Span(row) => spans.span(row).name().to_owned(),
            BarKind::Fold(row, count) => format!("{} x{count}", spans.span(row).name()),
            BarKind::Wait(_) => "wait".to_owned(),
        };
        let (critical, orphan) = (if bar.critical { "!" } else { "" }, if bar.orphan { "?" } else { "" });
        format!(
            "{}{what}{critical}{orphan} {}+{}",
            " ".repeat(bar.depth.into()),
            bar.start.0 / 1_000_000,
            bar.length.0 / 1_000_000
        )
    };
    all.bars.iter().map(line).collect()
}

const I: SpanKind = SpanKind::Internal;

#[test]
fn the_child_that_ended_last_is_what_the_end_waited_for() {
    let made = [
        (1, 0, 0, 100, "root", I),
        (2, 1, 5, 40, "a", I),
        (3, 1, 10, 90, "b", I),
        (4, 1, 1, 8, "c", I),
        (5, 3, 20, 30, "d", I),
    ];
    let expected = ["trace 0+100", " root! 0+100", "  c! 1+7", "  a 5+35", "  b! 10+80", "   d! 20+10"];
    assert_eq!(drawn(&made, Folding::Folded), expected);
}

#[test]
fn a_wait_in_a_queue_has_a_bar_and_is_crossed_by_the_critical_path() {
    let made = [
        (1, 0, 0, 10, "order", SpanKind::Server),
        (2, 1, 5, 8, "publish", SpanKind::Producer),
        (3, 2, 500, 700, "process", SpanKind::Consumer),
    ];
    let expected = ["trace 0+700", " order! 0+10", "  publish! 5+3", "   wait! 8+492", "   process! 500+200"];
    assert_eq!(drawn(&made, Folding::Folded), expected);
}

#[test]
fn equal_siblings_are_one_bar_unless_one_matters() {
    let mut made = vec![(1, 0, 0, 100, "root", I)];
    made.extend((0..10i64).map(|n| (2 + n as u64, 1, n * 10, n * 10 + 10, "query", I)));
    // One after the other, all of them are what the end waited for.
    assert_eq!(drawn(&made, Folding::Folded), ["trace 0+100", " root! 0+100", "  query x10! 0+100"]);
    made.push((99, 1, 0, 100, "long", I));
    assert_eq!(
        drawn(&made, Folding::Folded),
        ["trace 0+100", " root! 0+100", "  query 0+10", "  long! 0+100", "  query x9 10+90"]
    );
    assert_eq!(drawn(&made, Folding::Unfolded).len(), 13);
}

#[test]
fn a_redelivery_is_no_longer_wait_in_the_queue() {
    let producer = (1, 0, 0, 10, "publish", SpanKind::Producer);
    let process = |id, from| (id, 1, from, from + 5, "process", SpanKind::Consumer);
    let made = [producer, process(2, 20), process(3, 90), process(4, 160)];
    let waits = drawn(&made, Folding::Folded).iter().filter(|bar| bar.contains("wait")).count();
    assert_eq!(waits, 1);
}

/// A request writes a record and is answered; the record is handled in a trace of its own, below a span that polls.
const REQUEST: [Made<'static>; 6] = [
    (1, 0, 0, 40, "request", I),
    (2, 1, 2, 6, "check", I),
    (3, 1, 10, 12, "publish", SpanKind::Producer),
    (100, 0, 60, 130, "poll", I),
    (101, 100, 70, 100, "process", SpanKind::Consumer),
    (102, 101, 75, 95, "call", I),
];

fn row(id: u64) -> SpanRow {
    SpanRow(REQUEST.iter().position(|made| made.0 == id).expect("a made span") as u32)
}

#[test]
fn the_path_goes_on_in_the_trace_that_handled_the_record_and_its_wait_is_a_part_of_it() {
    let alone = drawn(&REQUEST, Folding::Folded);
    assert!(!alone.iter().any(|bar| bar.contains("wait")), "{alone:?}");
    let over = Handed { written: Timestamp(11_000_000), producer: Some(row(3)), consumer: row(101) };
    let bars = handed(&REQUEST, &[over], Folding::Folded);
    assert_eq!(
        bars,
        [
            "trace 0+40",
            " request! 0+40",
            "  check! 2+4",
            "  publish! 10+2",
            "trace 60+70",
            " poll! 60+70",
            "  wait! 12+58",
            "  process! 70+30",
            "   call! 75+20"
        ]
    );
    // Without the span that wrote it, the record's own time is when the wait began.
    let bars = handed(&REQUEST, &[Handed { producer: None, ..over }], Folding::Folded);
    assert!(bars.contains(&"  wait! 11+59".to_owned()), "{bars:?}");
}

#[test]
fn what_ends_later_than_the_hand_over_is_what_the_end_waited_for() {
    let mut made = REQUEST.to_vec();
    made.push((4, 1, 13, 39, "answer", I));
    let critical = |bars: &[String], name: &str| bars.iter().any(|bar| bar.contains(&format!("{name}!")));
    let alone = drawn(&made, Folding::Folded);
    assert!(critical(&alone, "answer"), "{alone:?}");
    let over = Handed { written: Timestamp(0), producer: Some(row(3)), consumer: row(101) };
    let bars = handed(&made, &[over], Folding::Folded);
    assert!(!critical(&bars, "answer") && critical(&bars, "publish") && critical(&bars, "process"), "{bars:?}");
}

/// A span receives the record and another one below it works on it: the record waited once.
#[test]
fn a_record_waits_once_where_it_is_received_before_it_is_worked_on() {
    let made = [
        (1, 0, 0, 10, "publish", SpanKind::Producer),
        (2, 1, 20, 21, "receive", SpanKind::Consumer),
        (3, 2, 22, 30, "process", SpanKind::Consumer),
    ];
    let over = Handed { written: Timestamp(0), producer: Some(SpanRow(0)), consumer: SpanRow(2) };
    let waits = handed(&made, &[over], Folding::Folded);
    assert_eq!(waits.iter().filter(|bar| bar.contains("wait")).count(), 1, "{waits:?}");
}

/// Clocks can be wrong by so much that a record seems to be handled before it was written, or by what wrote it.
#[test]
fn a_hand_over_that_cannot_be_changes_no_path() {
    let alone = drawn(&REQUEST, Folding::Folded);
    let back = Handed { written: Timestamp(0), producer: Some(row(102)), consumer: row(3) };
    let own = Handed { written: Timestamp(0), producer: Some(row(3)), consumer: row(3) };
    assert_eq!(handed(&REQUEST, &[back, own], Folding::Folded), alone);
}

#[test]
fn a_lost_parent_and_a_circle_are_roots() {
    let made = [(1, 9, 5, 6, "lost", I), (2, 3, 1, 2, "one", I), (3, 2, 2, 3, "two", I), (4, 4, 7, 8, "self", I)];
    let bars = drawn(&made, Folding::Folded);
    assert_eq!(bars.len(), 5, "{bars:?}");
    assert!(bars.contains(&" lost? 5+1".to_owned()), "{bars:?}");
}

proptest! {
    /// Whatever the parents say, each span is in exactly one bar, and each critical one but a root has a critical parent.
    #[test]
    fn every_span_is_drawn_once(
        parents in prop::collection::vec((0u64..12, 0i64..50, 0i64..50), 1..40), ends in any::<[prop::sample::Index; 2]>(),
    ) {
        let [from, to] = ends.map(|end| end.index(parents.len()) as u32);
        let made: Vec<Made<'_>> = parents.iter().enumerate()
            .map(|(at, (parent, from, long))| (at as u64 % 11 + 1, *parent, *from, from + long, "s", I)).collect();
        let spans = store(&made);
        for folding in [Folding::Folded, Folding::Unfolded] {
            let over = Handed { written: Timestamp(0), producer: Some(SpanRow(from)), consumer: SpanRow(to) };
            let all = Waterfall::draw(&spans, |_| true, &[over], folding);
            let count: u32 = all.bars.iter().map(|bar| match bar.kind {
                BarKind::Span(_) => 1,
                BarKind::Fold(_, count) => count,
                BarKind::Trace | BarKind::Wait(_) => 0,
            }).sum();
            prop_assert_eq!(count as usize, made.len());
            prop_assert_eq!(all.trees[0].spans as usize, made.len());
            prop_assert!(all.bars.iter().any(|bar| bar.critical));
            for pair in all.bars.windows(2) {
                prop_assert!(pair[1].depth <= pair[0].depth + 1);
            }
        }
    }
}
