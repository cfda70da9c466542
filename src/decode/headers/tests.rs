use super::propagation::pointers;
use super::*;
use crate::model::record::{Header, RecordClock};
use bytes::Bytes;
use proptest::prelude::*;

pub(super) fn record(headers: &[(&str, &[u8])]) -> Record {
    let header = |(key, value): &(&str, &[u8])| Header {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Some(Bytes::copy_from_slice(value)),
    };
    Record {
        coordinate: Coordinate { topic: "copies".into(), partition: 0, offset: 1 },
        timestamp: Timestamp(0),
        clock: RecordClock::CreateTime,
        key: None,
        value: None,
        headers: headers.iter().map(header).collect(),
        producer_id: -1,
        producer_epoch: -1,
        transaction: None,
        sequence: -1,
        exchange: 0,
    }
}

fn at(topic: &str, partition: i32, offset: i64) -> Coordinate {
    Coordinate { topic: topic.into(), partition, offset }
}

#[test]
fn each_family_is_read() {
    let check = |headers: &[(&str, &[u8])], told: Trail| assert_eq!(trail(&record(headers)), told);
    check(
        &[
            ("kafka_original-topic", b"orders"),
            ("kafka_original-partition", &3i32.to_be_bytes()),
            ("kafka_original-offset", &88_213i64.to_be_bytes()),
            ("retry_topic-attempts", &2i32.to_be_bytes()),
            ("retry_topic-backoff-timestamp", &1_767_258_000_000i64.to_be_bytes()[2..]),
            ("retry_topic-attempts", &3i32.to_be_bytes()),
            ("kafka_dlt-original-consumer-group", b"fulfilment"),
            ("kafka_exception-fqcn", b"o.s.k.l.ListenerExecutionFailedException"),
            ("kafka_exception-cause-fqcn", b"com.shop.NoShelf"),
        ],
        Trail {
            family: "spring-kafka",
            origin: Some(at("orders", 3, 88_213)),
            group: Some("fulfilment".into()),
            attempt: Some(3),
            due: Some(Timestamp::from_millis(1_767_258_000_000)),
            exception: Some("com.shop.NoShelf".into()),
        },
    );
    let text = |family, prefix: &str, group: Option<&str>, attempt| {
        let names = ["topic", "partition", "offset"].map(|part| format!("{prefix}{part}"));
        let headers: [(&str, &[u8]); 3] = [(&names[0], b"orders"), (&names[1], b"3"), (&names[2], b"17")];
        let told = trail(&record(&headers));
        assert_eq!(told, Trail { family, origin: Some(at("orders", 3, 17)), ..Trail::default() });
        let (Some(group), Some((name, value, attempt))) = (group, attempt) else { return };
        let more: Vec<(&str, &[u8])> = headers.iter().copied().chain([(group, &b"g"[..]), (name, value)]).collect();
        let told = trail(&record(&more));
        assert_eq!((told.group.as_deref(), told.attempt), (Some("g"), Some(attempt)), "{family}");
    };
    text("kafka-connect", "__connect.errors.", None, None);
    text("kafka-streams", "__streams.errors.", None, None);
    let counted: (&str, &[u8], u32) = ("__dlq.errors.delivery.count", b"5", 6);
    text("share-group", "__dlq.errors.", Some("__dlq.errors.group"), Some(counted));
    text("smallrye", "dead-letter-", None, None);
    text("smallrye", "delayed-retry-", None, None);
    let counted: (&str, &[u8], u32) = ("source_attempts", b"4", 5);
    text("karafka", "source_", Some("source_consumer_group"), Some(counted));
    text("home-grown", "dlq-original-", None, None);
    let only = |family, name: &str, value: &[u8], attempt| {
        let told = trail(&record(&[(name, value)]));
        assert_eq!((told.family, told.attempt), (family, attempt));
    };
    only("mass-transit", "MT-Redelivery-Count", b"1", Some(2));
    only("nservicebus", "NServiceBus.Retries", b"1", Some(2));
    only("rebus", "rbs2-defer-count", b"2", Some(3));
    only("watermill", "reason_poisoned", b"no such sku", None);
    only("spring-kafka", "retry_topic-attempts", &[2], Some(2));
}

#[test]
fn the_newest_of_repeated_headers_is_where_the_family_puts_it() {
    let twice = |first: &[u8], second: &[u8], name: &str| trail(&record(&[(name, first), (name, second)])).attempt;
    assert_eq!(twice(&2i32.to_be_bytes(), &3i32.to_be_bytes(), "retry_topic-attempts"), Some(3));
    assert_eq!(twice(b"2", b"1", "delayed-retry-count"), Some(3), "SmallRye puts new headers in front");
}

#[test]
fn what_only_looks_like_a_family_tells_nothing() {
    let nothing = |headers: &[(&str, &[u8])]| assert_eq!(trail(&record(headers)), Trail::default(), "{headers:?}");
    nothing(&[("kafka_original-topics", b"orders"), ("x-retry_topic-attempts", b"2")]);
    // Text where four bytes belong, and the other way round.
    nothing(&[("retry_topic-attempts", b"12")]);
    nothing(&[("delayed-retry-count", &2i32.to_be_bytes())]);
    // An instant outside all years that a record can come from.
    nothing(&[("retry_topic-backoff-timestamp", &[0, 0, 2])]);
    let itself: [(&str, &[u8]); 3] = [
        ("__connect.errors.topic", b"copies"),
        ("__connect.errors.partition", b"0"),
        ("__connect.errors.offset", b"1"),
    ];
    assert_eq!(trail(&record(&itself)).origin, None, "a record is not its own copy");
    let negative: [(&str, &[u8]); 3] =
        [("source_topic", b"orders"), ("source_partition", b"-1"), ("source_offset", b"4")];
    nothing(&negative);
}

/// All names that any family reads.
const NAMES: &[&str] = &[
    "kafka_original-topic",
    "kafka_original-partition",
    "kafka_original-offset",
    "retry_topic-attempts",
    "retry_topic-backoff-timestamp",
    "__connect.errors.partition",
    "delayed-retry-count",
    "source_offset",
    "traceparent",
    "b3",
    "uber-trace-id",
    "X-Amzn-Trace-Id",
    "X-B3-TraceId",
    "X-B3-SpanId",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-tags",
    "ce_traceparent",
];

proptest! {
    #[test]
    fn any_bytes_of_any_length_are_survived(
        headers in proptest::collection::vec(
            (proptest::sample::select(NAMES), proptest::collection::vec(any::<u8>(), 0..=16)),
            0..8,
        ),
    ) {
        let borrowed: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &value[..])).collect();
        let record = record(&borrowed);
        let told = trail(&record);
        prop_assert!(told.origin.is_none_or(|origin| origin.partition >= 0 && origin.offset >= 0));
        pointers(&record);
    }

    #[test]
    fn spring_numbers_come_back(partition in 0i32.., offset in 0i64.., attempt in 1i32..1000) {
        let (partition_be, offset_be, attempt_be) =
            (partition.to_be_bytes(), offset.to_be_bytes(), attempt.to_be_bytes());
        let told = trail(&record(&[
            ("kafka_dlt-original-topic", b"orders"),
            ("kafka_dlt-original-partition", &partition_be),
            ("kafka_dlt-original-offset", &offset_be),
            ("retry_topic-attempts", &attempt_be),
        ]));
        prop_assert_eq!(told.origin, Some(at("orders", partition, offset)));
        prop_assert_eq!(told.attempt, Some(attempt as u32));
    }

    #[test]
    fn shortest_instants_come_back(millis in 978_307_200_000i64..4_102_444_800_000) {
        let bytes = millis.to_be_bytes();
        let short = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..];
        let told = trail(&record(&[("retry_topic-backoff-timestamp", short)]));
        // A leading bit that is set would make a shortest number negative: the encoder adds a byte then.
        if short[0] & 0x80 == 0 {
            prop_assert_eq!(told.due, Some(Timestamp::from_millis(millis)));
        }
    }
}
