use super::*;
use crate::model::dead::LetterState::{Overdue, Read, Unknown, Waiting};
use crate::model::queue::{Commit, Group, Partition};
use crate::model::record::{Header, RecordClock};
use crate::model::{Coordinate, Timestamp};
use bytes::Bytes;
use proptest::prelude::*;

fn record(topic: &str, offset: i64, headers: &[(&str, &[u8])]) -> Record {
    let header = |(key, value): &(&str, &[u8])| Header {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Some(Bytes::copy_from_slice(value)),
    };
    Record {
        coordinate: Coordinate { topic: topic.into(), partition: 0, offset },
        timestamp: Timestamp::from_millis(1_767_258_000_000 + offset),
        clock: RecordClock::CreateTime,
        key: None,
        value: None,
        headers: headers.iter().map(header).collect(),
        producer_id: -1,
        producer_epoch: -1,
        transaction: None,
        sequence: -1,
        mapping: None,
        exchange: 0,
    }
}

const CONNECT: &[(&str, &[u8])] = &[
    ("__connect.errors.topic", b"orders"),
    ("__connect.errors.partition", b"0"),
    ("__connect.errors.offset", b"17"),
    ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
];

fn state(topics: &[&str]) -> QueueState {
    let partition = Partition { index: 0, start: Some(5), end: Some(100), ..Partition::default() };
    let topic = |name: &&str| Topic { name: (*name).into(), partitions: vec![partition.clone()], settings: None };
    QueueState { topics: topics.iter().map(topic).collect(), ..QueueState::default() }
}

fn read(topic: &str, records: Vec<Record>) -> TopicRead {
    TopicRead { topic: topic.into(), covered: records.len() as i64, records, older: 0 }
}

fn alone(topic: &str, headers: &[(&str, &[u8])]) -> Option<Letter> {
    sort(&state(&["orders", topic]), vec![read(topic, vec![record(topic, 9, headers)])], true).letters.pop()
}

#[test]
fn headers_decide_and_a_name_alone_is_said_to_be_one() {
    let by_headers = alone("side", CONNECT).expect("headers tell of a failure");
    assert_eq!((by_headers.known_by, by_headers.place), (KnownBy::Headers, Place::DeadLetter));
    assert_eq!(by_headers.follow().as_str(), "orders-0@17");
    let by_name = alone("orders-dlt", &[]).expect("the name says so");
    assert_eq!((by_name.known_by, by_name.place, by_name.family), (KnownBy::Name, Place::DeadLetter, ""));
    assert_eq!(by_name.follow().as_str(), "orders-dlt-0@9", "there is no original to follow");
    // Look-alikes: events about errors, an exchange of Camel that did not fail, ids that every framework writes.
    assert_eq!(alone("app-errors", &[]), None, "a topic of error events");
    assert!(alone("app-errors", CONNECT).is_some(), "an error queue");
    let camel: [(&str, &[u8]); 3] =
        [("kafka.TOPIC", b"orders"), ("kafka.PARTITION", &[0; 4]), ("kafka.OFFSET", &[0, 0, 0, 0, 0, 0, 0, 17])];
    assert_eq!(alone("side", &camel), None);
    assert_eq!(alone("side", &[("message_id", b"m-1"), ("correlation_id", b"c-1")]), None);
    for (name, place) in [
        ("orders-retry-0", Place::Retry),
        ("orders.DLT", Place::DeadLetter),
        ("orders_quarantine", Place::Quarantine),
        ("parking-lot", Place::Quarantine),
    ] {
        assert_eq!(alone(name, &[]).map(|letter| letter.place), Some(place), "{name}");
    }
    assert!(!is_named_so("orders") && !is_named_so("retryable-payments"));
}

#[test]
fn what_is_no_longer_kept_is_not_what_is_followed() {
    let letter = |offset: &[u8]| {
        let mut headers = CONNECT.to_vec();
        headers[2].1 = offset;
        alone("side", &headers).expect("a letter")
    };
    assert_eq!((letter(b"17").is_origin_kept, letter(b"4").is_origin_kept), (Some(true), Some(false)));
    assert_eq!(letter(b"4").follow().as_str(), "side-0@9");
    let mut headers = CONNECT.to_vec();
    headers[0].1 = b"elsewhere";
    let elsewhere = alone("side", &headers).expect("a letter");
    assert_eq!(elsewhere.is_origin_kept, None, "a topic that is not visible");
}

#[test]
fn whether_it_can_be_retried_is_yes_no_or_cannot_tell() {
    for (class, told) in [
        ("java.net.SocketTimeoutException", Retryable::Yes),
        ("org.springframework.kafka.support.serializer.DeserializationException", Retryable::No),
        ("json.decoder.JSONDecodeError", Retryable::No),
        ("com.shop.BadOrder", Retryable::CannotTell),
        // Not every name that holds another one is its like.
        ("com.shop.NoTimeoutExceptionAtAll", Retryable::CannotTell),
        ("", Retryable::CannotTell),
    ] {
        assert_eq!(retryable(class), told, "{class}");
    }
}

#[test]
fn a_letter_is_read_when_a_group_is_past_it() {
    let mut state = state(&["orders-retry-0"]);
    let due = 1_767_258_500_000i64.to_be_bytes();
    let headers: [(&str, &[u8]); 2] =
        [("retry_topic-attempts", &[0, 0, 0, 2]), ("retry_topic-backoff-timestamp", &due[2..])];
    let told = |state: &QueueState, has_groups| {
        let reads = vec![read("orders-retry-0", vec![record("orders-retry-0", 9, &headers)])];
        let letter = sort(state, reads, has_groups).letters.pop().expect("a letter");
        [0, 900].map(|s| letter.state(Timestamp::from_millis(1_767_258_000_000 + s * 1_000)))
    };
    assert_eq!(told(&state, true), [Waiting, Overdue]);
    assert_eq!(told(&state, false), [Unknown, Unknown], "groups that were not told may have read it");
    let commit = |offset| Commit { topic: "orders-retry-0".into(), committed: Some(offset), ..Commit::default() };
    state.groups = vec![Group { id: "g".into(), commits: vec![commit(9)], ..Group::default() }];
    assert_eq!(told(&state, true), [Waiting, Overdue], "it is the one to be read next");
    state.groups[0].commits = vec![commit(10)];
    assert_eq!(told(&state, true), [Read, Read]);
}

#[test]
fn causes_without_a_class_are_told_apart_by_their_words_not_their_numbers() {
    let reason = |text: &'static str| -> Vec<(&'static str, &'static [u8])> {
        vec![("dlq-original-topic", b"orders"), ("topic_poisoned", b"orders"), ("reason_poisoned", text.as_bytes())]
    };
    let texts = ["no article 17 for ord-8", "no article 4 for ord-9", "no customer 4"];
    let records = texts.iter().enumerate().map(|(at, text)| record("side", at as i64, &reason(text))).collect();
    let sorted = sort(&state(&["side"]), vec![read("side", records)], true);
    let told: Vec<_> = sorted.cohorts.iter().map(|cohort| (cohort.cause.clone(), cohort.letters.len())).collect();
    assert_eq!(told, [(Some("no article … for …".into()), 2), (Some("no customer …".into()), 1)]);
}

fn any_record() -> impl Strategy<Value = Record> {
    let class = proptest::sample::select(vec!["com.shop.BadOrder", "java.net.ConnectException", ""]);
    (0usize..3, 0i64..90, 0i64..9, class).prop_map(|(topic, offset, origin, class)| {
        let origin = origin.to_string();
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("__connect.errors.topic", b"orders"),
            ("__connect.errors.partition", b"0"),
            ("__connect.errors.offset", origin.as_bytes()),
        ];
        if !class.is_empty() {
            headers.push(("__connect.errors.exception.class.name", class.as_bytes()));
        }
        record(["side", "orders-dlt", "orders-retry"][topic], offset, &headers)
    })
}

proptest! {
    #[test]
    fn each_letter_has_one_cohort_and_no_order_matters(
        records in proptest::collection::vec(any_record(), 0..40),
        turn in 0usize..40,
    ) {
        let mut records = records;
        records.sort_by_key(|record| record.coordinate.clone());
        records.dedup_by_key(|record| record.coordinate.clone());
        let state = state(&["orders", "orders-dlt", "orders-retry", "side"]);
        let reads = |records: &[Record]| {
            ["side", "orders-dlt", "orders-retry"].map(|topic| {
                let own = records.iter().filter(|record| record.coordinate.topic == topic).cloned().collect();
                read(topic, own)
            }).to_vec()
        };
        let sorted = sort(&state, reads(&records), true);
        let mut other = records.clone();
        let by = turn % other.len().max(1);
        other.rotate_left(by);
        let mut turned = reads(&other);
        turned.reverse();
        let again = sort(&state, turned, true);
        prop_assert_eq!(&again.letters, &sorted.letters);
        prop_assert_eq!(&again.cohorts, &sorted.cohorts);
        prop_assert_eq!(&again.topics, &sorted.topics);
        let mut seen: Vec<usize> = sorted.cohorts.iter().flat_map(|cohort| cohort.letters.clone()).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..sorted.letters.len()).collect::<Vec<_>>());
        for (place, cohort) in sorted.cohorts.iter().enumerate() {
            prop_assert_eq!(cohort.places.iter().sum::<usize>(), cohort.letters.len());
            prop_assert!(cohort.origins + cohort.without_origin <= cohort.letters.len());
            prop_assert!(cohort.letters.iter().all(|at| sorted.letters[*at].cohort == place));
        }
    }
}
