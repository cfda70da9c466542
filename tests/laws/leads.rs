//! Log lines that lead back: from a record, or an id of its message, to the trace that handled it; and lines that look
//! alike and lead nowhere.

use super::T;
use super::build::{World, at, record, span, traceparent};
use hopscope::model::why::{Node, Relation, Strength};
use hopscope::model::{Absence, Case, NotFollowed, SpanKind, TraceId};

/// The trace of the batch, and that of another record in it.
const BATCH: u128 = 0x88;
const OTHER: u128 = 0x99;

/// Two records, each written in its own trace, handed over in one batch whose span names neither.
fn batch(is_linked: bool) -> World {
    let mut process = span(BATCH, 1, 0, "ledger", SpanKind::Consumer, 100, 50)
        .with("messaging.destination.name", "refunds")
        .with("messaging.operation", "process")
        .group("ledger");
    "refunds process".clone_into(&mut process.name);
    if is_linked {
        process.links = vec![(T, 2), (OTHER, 9)];
    }
    let spans = vec![
        span(T, 1, 0, "shop", SpanKind::Server, 0, 20),
        span(T, 2, 1, "shop", SpanKind::Producer, 5, 1).topic("refunds", 0, 7),
        span(OTHER, 9, 0, "shop", SpanKind::Producer, 6, 1).topic("refunds", 0, 8),
        process,
        span(BATCH, 3, 1, "ledger", SpanKind::Client, 110, 5).post("http://store/rows", 200),
        span(BATCH, 4, 1, "ledger", SpanKind::Producer, 120, 1).topic("entries", 0, 70),
    ];
    let records = vec![
        record("refunds-0@7", "acct-1", 5, &[traceparent(T, 2, "03")]),
        record("refunds-0@8", "acct-1", 6, &[traceparent(OTHER, 9, "03")]),
    ];
    World { spans, records, commits: vec![("ledger", "refunds", 9)], ..World::default() }
}

fn saying(mut world: World, text: &str) -> World {
    let of = |trace: u128, span: u64| format!("{text} trace_id={} span_id={span:016x}", TraceId(trace));
    world.lines.push(("ledger", 112, of(BATCH, 1)));
    world
}

fn anchors() -> [String; 2] {
    ["refunds-0@7".to_owned(), TraceId(T).to_string()]
}

fn deliveries(case: &Case) -> Vec<String> {
    let all = case.journey.messages.iter().flat_map(|message| &message.deliveries);
    all.map(|delivery| format!("{} {}", delivery.coordinate, delivery.reader())).collect()
}

fn missed(case: &Case) -> bool {
    case.journey.gaps.iter().any(|gap| gap.what.as_str() == "deliveries of refunds-0@7")
}

fn has(case: &Case, trace: u128) -> bool {
    case.journey.traces.contains(&TraceId(trace))
}

/// The edges back from the batch's span to what was asked about.
fn way(case: &Case) -> Vec<Relation> {
    let batch = case.spans.iter().find(|span| span.trace() == TraceId(BATCH) && span.parent().is_none());
    let batch = batch.expect("the batch was read");
    case.paths.path(Node::Span(batch.row())).iter().map(|step| step.edge.relation).collect()
}

#[test]
fn a_line_that_names_a_record_leads_from_it_to_the_batch_it_was_handed_over_in() {
    for (anchor, linked) in anchors().iter().flat_map(|anchor| [(anchor, true), (anchor, false)]) {
        let case = saying(batch(linked), "entering refund of refunds-0@7").case(anchor);
        assert!(has(&case, BATCH) && !missed(&case), "{anchor}, {linked}: {:?}", case.journey.gaps);
        assert_eq!(deliveries(&case), ["refunds-0@7 ledger"], "{anchor}, {linked}");
        assert!(!has(&case, OTHER), "{anchor}, {linked}: {:?}", case.aliases);
        // What a batch wrote is anybody's of it; that it is one, only its links tell here.
        assert_eq!(case.journey.messages.len(), if linked { 1 } else { 2 }, "{anchor}, {linked}: {:?}", case.aliases);
    }
    let case = saying(batch(false), "entering refund of refunds-0@7").case("refunds-0@7");
    assert_eq!(way(&case), [Relation::NamedBy, Relation::Names, Relation::Asked]);
    let batch = case.spans.iter().find(|span| span.name() == "refunds process").expect("the batch");
    assert_eq!(case.paths.strength(Node::Span(batch.row())), Some(Strength::Text), "a text is what it rests on");
}

#[test]
fn every_clients_words_for_a_record_lead_to_it() {
    for words in [
        "handled partition refunds-0 at offset 7",
        "handled topic = refunds, partition = 0, offset = 7",
        "handled refunds [0] @ 7",
        r#"{"topic":"refunds","partition":0,"offset":7}"#,
    ] {
        let case = saying(batch(false), words).case("refunds-0@7");
        assert_eq!(deliveries(&case), ["refunds-0@7 ledger"], "{words}");
    }
}

#[test]
fn nothing_leads_there_without_a_line_and_that_is_told() {
    for world in [batch(true), saying(batch(true), "entering refund of refunds-0@70"), saying(batch(true), "entered")] {
        for anchor in anchors() {
            let case = world.case(&anchor);
            assert!(!has(&case, BATCH) && missed(&case), "{anchor}: {:?}", case.journey.gaps);
        }
    }
}

/// A summary names the record among others: the batch has to name it itself.
#[test]
fn a_summary_of_a_batch_only_says_where_to_look() {
    let summary = "entered refunds-0@5, refunds-0@6, refunds-0@7 and refunds-0@8";
    for anchor in anchors() {
        let case = saying(batch(true), summary).case(&anchor);
        assert_eq!(deliveries(&case), ["refunds-0@7 ledger"], "{anchor}");
        assert!(way(&case).contains(&Relation::LinksTo), "{:?}", way(&case));
        let case = saying(batch(false), summary).case(&anchor);
        assert!(!has(&case, BATCH) && missed(&case), "{anchor}: {:?}", case.journey.gaps);
    }
}

/// A job that looks at every record and writes a line for each has handled none of them.
#[test]
fn a_span_whose_lines_name_many_records_is_not_led_to() {
    let scan = |records: i64| {
        let mut world = batch(false);
        for offset in 7..7 + records {
            world = saying(world, &format!("looked at refunds-0@{offset}"));
        }
        has(&world.case("refunds-0@7"), BATCH)
    };
    assert!(scan(8) && !scan(9));
}

/// What a batch did for another record belongs to that one.
#[test]
fn the_records_that_a_batch_wrote_are_not_taken_for_those_of_one_record_in_it() {
    let world = saying(saying(batch(false), "entering refund of refunds-0@7"), "entering refund of refunds-0@8");
    let case = world.case("refunds-0@7");
    assert!(has(&case, BATCH));
    assert!(case.journey.messages.iter().all(|message| message.copies[0].coordinate == at("refunds-0@7")));
}

/// A client tells where it goes on reading while it hands over another record; a program mentions the record before.
#[test]
fn a_line_written_while_another_record_was_handled_leads_nowhere() {
    for words in
        ["[Consumer clientId=c] Seeking to offset 7 for partition refunds-0", "skipped refunds-0@7 and went on"]
    {
        let mut world = batch(false);
        world.spans[3] =
            span(BATCH, 1, 0, "ledger", SpanKind::Consumer, 100, 50).topic("refunds", 0, 8).group("ledger");
        for anchor in anchors() {
            let case = saying(world.clone(), words).case(&anchor);
            assert!(!has(&case, BATCH) && missed(&case), "{words}, {anchor}: {:?}", case.aliases);
        }
    }
    let seeking = saying(batch(false), "[Consumer clientId=c] Seeking to offset 7 for partition refunds-0");
    assert!(!has(&seeking.case("refunds-0@7"), BATCH), "a position says nothing of what was handled");
}

#[test]
fn a_record_that_lines_of_very_many_traces_name_leads_to_none_of_them() {
    let crowd = |count: u64| {
        let mut world = batch(true);
        for number in 0..count {
            let trace = 0x5000 + u128::from(number);
            world.spans.push(span(trace, 1, 0, "audit", SpanKind::Internal, 200, 5));
            world.lines.push(("audit", 200, format!("seen refunds-0@7 trace_id={}", TraceId(trace))));
        }
        world.case("refunds-0@7")
    };
    assert_eq!(crowd(8).journey.traces.len(), 1 + 8);
    assert_eq!(crowd(9).journey.traces.len(), 1, "none of them names the record itself");
    let case = crowd(51);
    assert_eq!(case.journey.traces.len(), 1);
    let told = case.ledger.iter().find(|entry| entry.id.as_str() == "refunds-0@7").expect("it is told");
    assert!(told.reason == NotFollowed::Hub && told.detail.as_str().contains("51 traces"), "{told:?}");
}

#[test]
fn a_trace_that_only_a_line_knows_is_missed_in_words_that_say_so() {
    let mut world = batch(true);
    world.lines.push(("mailer", 130, format!("mail for refunds-0@7 trace_id={}", TraceId(0x77))));
    let case = world.case("refunds-0@7");
    let gap = case.journey.gaps.iter().find(|gap| gap.what.as_str() == format!("trace {}", TraceId(0x77)));
    let gap = gap.expect("a gap");
    assert!(gap.reason == Absence::NotFound && gap.detail.as_str().contains("a log line that names refunds-0@7"));
    // It is there, and nothing tells which part of it is meant.
    let mut scan = span(0x77, 1, 0, "mailer", SpanKind::Consumer, 130, 5).with("messaging.batch.message_count", 40);
    "mails process".clone_into(&mut scan.name);
    world.spans.push(scan);
    let case = world.case("refunds-0@7");
    let gap = case.journey.gaps.iter().find(|gap| gap.what.as_str().starts_with("the part of trace"));
    assert!(gap.is_some_and(|gap| gap.detail.as_str().contains("1 span")), "{:?}", case.journey.gaps);
    assert!(!has(&case, 0x77));
}

/// The key is the account's: many records carry it. So it may lead nobody anywhere, but the batch links to the record.
#[test]
fn a_line_with_nothing_but_the_key_tells_where_to_look_and_leads_nowhere() {
    for anchor in anchors() {
        let mut world = saying(batch(true), "entering refund of account acct-4711");
        world.records.iter_mut().for_each(|record| record.key = Some("acct-4711".into()));
        let case = world.case(&anchor);
        assert_eq!(deliveries(&case), ["refunds-0@7 ledger"], "{anchor}");
        assert!(way(&case).contains(&Relation::LinksTo));
        let mut unlinked = saying(batch(false), "entering refund of account acct-4711");
        unlinked.records.iter_mut().for_each(|record| record.key = Some("acct-4711".into()));
        let case = unlinked.case(&anchor);
        assert!(!has(&case, BATCH) && missed(&case), "{anchor}");
        assert!(
            case.journey.rows.len() < 9 && case.lines.iter().all(|line| !case.paths.is_reached(Node::Line(line.row())))
        );
    }
}

const MESSAGE: &str = "6f1c0f4e-8a51-4a2b-9f77-0b1d2c3e4f50";

fn with_message_id(mut world: World, name: &str) -> World {
    let own = hopscope::model::Header { key: name.as_bytes().to_vec().into(), value: Some(MESSAGE.into()) };
    world.records[0].headers.push(own);
    world
}

#[test]
fn a_line_with_the_messages_id_leads_to_its_span_and_one_with_many_ids_does_not() {
    let alone = with_message_id(saying(batch(false), &format!("entering message {MESSAGE}")), "message_id");
    let case = alone.case("refunds-0@7");
    assert!(has(&case, BATCH), "{:?}", case.journey.gaps);
    let many: Vec<String> = (0..6).map(|number| MESSAGE.replace("6f1c", &format!("6f1{number}"))).collect();
    let summary = with_message_id(saying(batch(false), &format!("entered {MESSAGE} {}", many.join(" "))), "message_id");
    assert!(!has(&summary.case("refunds-0@7"), BATCH));
    let linked = with_message_id(saying(batch(true), &format!("entered {MESSAGE} {}", many.join(" "))), "message_id");
    assert!(has(&linked.case("refunds-0@7"), BATCH), "the batch names the record itself");
}

/// A request may write many messages: from one of them nobody goes up to it and down again.
#[test]
fn lines_of_a_request_are_told_and_its_other_traces_are_wider_than_a_message() {
    let mut world = with_message_id(batch(false), "x-request-id");
    world.spans[0] = world.spans[0].clone().with("http.request.header.x-request-id", MESSAGE);
    world.spans.push(span(0x66, 1, 0, "mailer", SpanKind::Server, 30, 5));
    world.lines.push((
        "mailer",
        31,
        format!("mail of request {MESSAGE} trace_id={} span_id={:016x}", TraceId(0x66), 1),
    ));
    let is_wider = |case: &Case| case.ledger.iter().any(|entry| entry.id.as_str() == MESSAGE);
    let record = world.case("refunds-0@7");
    assert_eq!((is_wider(&record), has(&record, 0x66)), (true, false), "{:?}", record.ledger);
    let lines = |case: &Case| case.lines.iter().filter(|line| case.paths.is_reached(Node::Line(line.row()))).count();
    assert_eq!(lines(&record), 1, "what the request's lines say is told");
    let request = world.case(&TraceId(T).to_string());
    assert_eq!((is_wider(&request), has(&request, 0x66)), (false, true));
}

#[test]
fn lines_lead_the_same_way_in_any_order() {
    let world = saying(saying(batch(false), "entering refund of refunds-0@7"), "entered refunds-0@7");
    let told = |case: &Case| {
        let rows: Vec<String> = case.rows().iter().map(|row| row.text().to_string()).collect();
        (rows, deliveries(case), case.ledger.clone())
    };
    let straight = told(&world.case("refunds-0@7"));
    for turn in 1..6 {
        let mut other: World = world.clone();
        other.lines.reverse();
        let count = other.spans.len();
        other.spans.rotate_left(turn % count);
        assert_eq!(told(&other.hunt("refunds-0@7", &[], turn)), straight);
    }
}
