//! Who read this record: whom the search asks first, when it ends, what it says about what it did not ask, and copies that
//! only their content tells.

use super::T;
use super::build::{USUAL, World, at, ms, origin, record, span, traceparent};
use hopscope::correlate::{Limits, Settings};
use hopscope::model::case::Progress;
use hopscope::model::journey::{CopyRole, Outcome};
use hopscope::model::why::{Node, Strength};
use hopscope::model::{Case, NotFollowed, Record, SourceKind, SpanKind, Tier, TraceId};

const STRANGERS: [&str; 6] = ["a-web", "b-web", "c-web", "d-web", "e-web", "f-web"];

/// A record whose reader is a trace of its own that nothing links to; services that have nothing to do with it.
fn read_by(name: &'static str, value: &str) -> World {
    let reader = span(0x31, 1, 0, "w-billing", SpanKind::Consumer, 50, 5)
        .with("messaging.destination.name", "orders")
        .with("messaging.destination.partition.id", 0)
        .with("messaging.operation", "process")
        .with(name, value)
        .group("w-billing-group");
    let mut spans = vec![span(T, 2, 0, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 7), reader];
    spans.extend(STRANGERS.map(|service| span(0x40, 1, 0, service, SpanKind::Server, 1, 1)));
    let records = vec![record("orders-0@7", "k", 5, &[traceparent(T, 2, "03")])];
    World { spans, records, commits: vec![("w-billing-group", "orders", 8)], ..World::default() }
}

fn asked<'a>(case: &'a Case, service: &'a str) -> impl Iterator<Item = &'a str> {
    let of = move |what: &&str| what.starts_with(&format!("spans {service} "));
    case.queries.iter().map(|query| query.what.as_str()).filter(of)
}

#[test]
fn a_reader_is_found_under_every_name_of_an_offset_and_then_nobody_else_is_asked() {
    for name in ["messaging.kafka.message.offset", "messaging.kafka.offset", "kafka.offset"] {
        for ints in [false, true] {
            let case = World { ints, ..read_by(name, "7") }.case("orders-0@7");
            let deliveries: Vec<_> = case.journey.messages[0].deliveries.iter().map(|d| d.reader().as_str()).collect();
            assert_eq!(deliveries, ["w-billing-group"], "{name}");
            assert!(
                STRANGERS.iter().all(|service| asked(&case, service).next().is_none()),
                "{name}: {:?}",
                case.queries
            );
        }
    }
    // Nobody is found: then everybody is asked.
    let case = read_by("kafka.offset", "70").case("orders-0@7");
    assert!(STRANGERS.iter().all(|service| asked(&case, service).count() == 2), "{:?}", case.queries);
    assert!(case.journey.gaps.iter().any(|gap| gap.what.as_str() == "deliveries of orders-0@7"));
}

/// One group of two is found at once: the other may be anybody's.
#[test]
fn the_search_goes_on_until_every_group_that_passed_the_record_is_found() {
    let mut world = read_by("messaging.kafka.message.offset", "7");
    world.commits.push(("auditors", "orders", 9));
    let second = span(0x32, 1, 0, "f-web", SpanKind::Consumer, 60, 5).topic("orders", 0, 7).group("auditors");
    world.spans.push(second);
    let case = world.case("orders-0@7");
    assert_eq!(case.journey.messages[0].deliveries.len(), 2, "{:?}", case.journey.messages);
    assert_eq!(case.progress, Progress::Complete);
}

fn bounded(world: &World, anchor: &str, limits: Limits) -> Case {
    world.hunt_with(anchor, Settings { limits, ..Settings::new(ms(600_000), USUAL.to_vec()) }, &[], 0)
}

#[test]
fn what_a_budget_leaves_out_is_told_id_by_id() {
    let mut world = read_by("kafka.offset", "70");
    world.records.push(record("orders-retry-0@3", "k", 40, &origin("orders", 0, 7)));
    let case = bounded(&world, "orders-0@7", Limits { searches: 5, ..Limits::default() });
    let Progress::Stopped { reason } = &case.progress else { panic!("{:?}", case.progress) };
    assert_eq!(reason.as_str(), "budget of Jaeger searches, 2 ids not searched");
    let left: Vec<&str> =
        case.ledger.iter().filter(|entry| entry.reason == NotFollowed::Budget).map(|entry| entry.id.as_str()).collect();
    assert_eq!(left, ["orders-0@7", "orders-retry-0@3"]);
    assert!(!case.is_complete());
    // A budget that is enough is no end.
    let whole = bounded(&world, "orders-0@7", Limits::default());
    assert_eq!(whole.progress, Progress::Complete);
    assert!(whole.ledger.iter().all(|entry| entry.reason != NotFollowed::Budget));
}

#[test]
fn rounds_that_are_spent_are_told_only_where_something_is_left_to_ask() {
    let rounds =
        |depth: u32| bounded(&read_by("kafka.offset", "7"), "orders-0@7", Limits { depth, ..Limits::default() });
    let cut = rounds(1);
    assert!(
        matches!(&cut.progress, Progress::Stopped { reason } if reason.as_str().contains("rounds")),
        "{:?}",
        cut.progress
    );
    assert!(cut.ledger.iter().any(|entry| entry.reason == NotFollowed::Depth && entry.id.as_str() == "orders-0@7"));
    let needed = (1..24).find(|depth| rounds(*depth).progress == Progress::Complete).expect("it ends");
    assert!(needed > 1 && needed < 16, "{needed}");
}

#[test]
fn every_id_that_a_source_that_is_down_was_not_asked_about_is_told() {
    let case = read_by("kafka.offset", "7").hunt("orders-0@7", &[SourceKind::Jaeger], 0);
    let down: Vec<&str> = case
        .ledger
        .iter()
        .filter(|entry| entry.reason == NotFollowed::SourceDown)
        .map(|entry| entry.id.as_str())
        .collect();
    assert!(down.contains(&TraceId(T).to_string().as_str()), "{down:?}");
}

const BODY: &str = r#"{"orderId":"o-1","cents":1200}"#;

/// A record, and what a client without a framework wrote to the dead-letter topic.
fn letter(change: impl Fn(&mut Record)) -> World {
    let mut original = record("orders-0@7", "acct-1", 5, &[traceparent(T, 2, "03")]);
    original.value = Some(BODY.into());
    let mut copy = record("orders-dlt-0@4", "acct-1", 50, &[]);
    copy.value = Some(BODY.into());
    change(&mut copy);
    let spans = vec![span(T, 2, 0, "shop", SpanKind::Producer, 5, 1).topic("orders", 0, 7)];
    World { spans, records: vec![original, copy], ..World::default() }
}

#[test]
fn a_copy_without_headers_is_told_by_its_content_and_is_no_more_than_scoped() {
    let case = letter(|_| {}).case("orders-0@7");
    assert_eq!(case.journey.outcome, Outcome::DeadLettered);
    // What was read was written in another way.
    let spaced = letter(|copy| copy.value = Some(r#"{"cents": 1200, "orderId": "o-1"}"#.into())).case("orders-0@7");
    assert_eq!(spaced.journey.outcome, Outcome::DeadLettered);
    let copy = &case.journey.messages[0].copies[1];
    assert_eq!(
        (copy.role, copy.tier, copy.origin.as_ref()),
        (CopyRole::DeadLetter, Tier::Scoped, Some(&at("orders-0@7")))
    );
    let node = case.paths.record(&at("orders-dlt-0@4")).expect("it was reached");
    assert_eq!(case.paths.strength(node), Some(Strength::Scoped));
    assert!(matches!(case.paths.last(node), Some((Node::Record(_), edge)) if edge.field == "key and value"));
}

#[test]
fn what_only_looks_like_a_copy_is_none() {
    let copies = |world: &World| {
        let case = world.case("orders-0@7");
        case.journey.messages.iter().map(|message| message.copies.len()).sum::<usize>()
    };
    assert_eq!(copies(&letter(|_| {})), 2);
    let other_order = |copy: &mut Record| copy.value = Some(BODY.replace("o-1", "o-2").into());
    let other_account = |copy: &mut Record| copy.key = Some("acct-2".into());
    let earlier = |copy: &mut Record| copy.timestamp = ms(1);
    let other_topic = |copy: &mut Record| copy.coordinate = at("invoices-dlt-0@4");
    let told_otherwise = |copy: &mut Record| copy.headers = record("x-0@0", "", 0, &origin("orders", 0, 6)).headers;
    let changes: [&dyn Fn(&mut Record); 5] = [&other_order, &other_account, &earlier, &other_topic, &told_otherwise];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(copies(&letter(change)), 1, "{number}");
    }
    let mut poor = letter(|_| {});
    poor.records.iter_mut().for_each(|record| record.value = Some("{}".into()));
    assert_eq!(copies(&poor), 1);
}

/// The same order was written twice: which of the two the letter is a copy of, nothing tells.
#[test]
fn of_two_originals_that_fit_none_is_picked_and_that_is_told() {
    let mut world = letter(|_| {});
    let twin = Record { coordinate: at("orders-0@8"), ..world.records[0].clone() };
    world.records.push(Record { timestamp: ms(6), ..twin });
    world.spans.push(span(T, 3, 2, "shop", SpanKind::Producer, 6, 1).topic("orders", 0, 8));
    let case = world.case(&TraceId(T).to_string());
    assert_ne!(case.journey.outcome, Outcome::DeadLettered);
    let told = case.ledger.iter().find(|entry| entry.id.as_str() == "orders-dlt-0@4").expect("it is told");
    assert!(told.detail.as_str().contains("nothing tells which"), "{told:?}");
}

/// Where an id may stand anywhere, a topic of many partitions leaves something for those where copies stand.
#[test]
fn a_large_topic_does_not_cost_the_copies_of_a_record() {
    let content = |mut record: Record| {
        record.value = Some(b"{\"order\":\"ord-7\",\"cents\":1250}".to_vec().into());
        record
    };
    let mut world = World {
        spans: vec![
            span(T, 1, 0, "checkout", SpanKind::Server, 0, 100).with("order_id", "ord-7"),
            span(T, 2, 1, "checkout", SpanKind::Producer, 5, 1).topic("orders", 0, 7),
        ],
        records: vec![content(record("orders-0@7", "ord-7", 6, &[traceparent(T, 2, "03")]))],
        ..World::default()
    };
    world.records.push(content(record("orders-dlq-0@0", "ord-7", 90, &[])));
    world.records.extend((0..400).map(|index| record(&format!("audit-{index}@0"), "other", 1, &[])));
    let case = bounded(&world, "ord-7", Limits::default());
    let copies: Vec<String> = case
        .journey
        .messages
        .iter()
        .flat_map(|message| message.copies.iter().map(|copy| copy.coordinate.to_string()))
        .collect();
    assert_eq!(copies, ["orders-0@7", "orders-dlq-0@0"]);
    // What was not looked through is told.
    assert!(
        matches!(&case.progress, Progress::Stopped { reason } if reason.as_str().contains("budget of Kafka scans, 1 id not")),
        "{:?}",
        case.progress
    );
}
