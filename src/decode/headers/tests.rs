use super::propagation::pointers;
use super::*;
use crate::model::record::{Encoding, Header, HeaderMap, RecordClock};
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
        mapping: None,
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
            ..Trail::default()
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
    let itself: [(&str, &[u8]); 3] = [
        ("__connect.errors.topic", b"copies"),
        ("__connect.errors.partition", b"0"),
        ("__connect.errors.offset", b"1"),
    ];
    assert_eq!(trail(&record(&itself)).origin, None, "a record is not its own copy");
    let negative: [(&str, &[u8]); 3] =
        [("source_topic", b"orders"), ("source_partition", b"-1"), ("source_offset", b"4")];
    assert_eq!(trail(&record(&negative)).origin, None);
}

#[test]
fn bytes_of_another_family_are_shown_and_never_read_as_a_number() {
    let check = |name: &str, value: &[u8], hex: &str| {
        let told = trail(&record(&[(name, value)]));
        let want = Undecoded { name: name.into(), hex: hex.into(), length: value.len() };
        assert_eq!(told.undecoded, [want]);
        assert!(!told.tells(), "{told:?}");
    };
    // Text where four bytes belong, and the other way round.
    check("retry_topic-attempts", b"12", "3132");
    check("retry_topic-attempts", &2i64.to_be_bytes(), "0000000000000002");
    check("delayed-retry-count", &2i32.to_be_bytes(), "00000002");
    check("kafka_original-offset", &2i32.to_be_bytes(), "00000002");
    check("__connect.errors.partition", b"three", "7468726565");
    // An instant outside all years that a record can come from.
    check("retry_topic-backoff-timestamp", &[0, 0, 2], "000002");
    check("rbs2-deferred-until", b"soon", "736f6f6e");
    check("source_attempts", &[0xff; 40], &"ff".repeat(16));
}

#[test]
fn what_decodes_is_told_beside_what_does_not() {
    let told = trail(&record(&[("retry_topic-attempts", b"12"), ("kafka_exception-cause-fqcn", b"com.shop.NoShelf")]));
    assert_eq!((told.attempt, told.exception.as_deref(), told.undecoded.len()), (None, Some("com.shop.NoShelf"), 1));
}

/// As Java's `BigInteger.toByteArray`: as few bytes as hold the number with its sign.
fn shortest(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let from = (0..7).take_while(|at| bytes[*at] == 0 && bytes[at + 1] < 0x80).count();
    bytes[from..].to_vec()
}

#[test]
fn every_hop_of_a_retry_topic_is_kept_in_order() {
    let (first, second) = (1_767_258_000_000, 1_767_258_060_000);
    let told = trail(&record(&[
        ("retry_topic-attempts", &2i32.to_be_bytes()),
        ("retry_topic-original-timestamp", &shortest(1_767_257_990_000)),
        ("retry_topic-backoff-timestamp", &shortest(first)),
        ("retry_topic-attempts", &3i32.to_be_bytes()),
        ("retry_topic-backoff-timestamp", &shortest(second)),
        ("kafka_exception-message", b"Listener failed; no shelf\n\tat a.b"),
    ]));
    let hop = |attempt, due| Hop { attempt: Some(attempt), due: Some(Timestamp::from_millis(due)) };
    assert_eq!(told.hops, [hop(2, first), hop(3, second)]);
    assert_eq!((told.attempt, told.due), (Some(3), Some(Timestamp::from_millis(second))));
    assert_eq!(told.first_seen, Some(Timestamp::from_millis(1_767_257_990_000)));
    assert_eq!(told.reason.as_deref(), Some("Listener failed; no shelf"));
}

#[test]
fn frameworks_without_coordinates_tell_topic_times_and_reason() {
    let instant = |text: &str| Some(Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()));
    let of = |headers: &[(&str, &[u8])]| trail(&record(headers));
    let told = of(&[
        ("NServiceBus.Retries", b"1"),
        ("NServiceBus.FailedQ", b"orders"),
        ("NServiceBus.TimeOfFailure", b"2026-11-24 08:54:36:777123 Z"),
        ("NServiceBus.ExceptionInfo.Message", b"no shelf"),
        ("NServiceBus.MessageId", b"m-1"),
        ("NServiceBus.CorrelationId", b"c-1"),
    ]);
    assert_eq!(
        (told.attempt, told.topic.as_deref(), told.reason.as_deref()),
        (Some(2), Some("orders"), Some("no shelf"))
    );
    assert_eq!(told.failed, instant("2026-11-24T08:54:36.777Z"));
    assert_eq!((told.message.map(|name| name.id).as_deref(), told.correlation.as_deref()), (Some("m-1"), Some("c-1")));
    let told = of(&[("rbs2-defer-count", b"2"), ("rbs2-deferred-until", b"2026-11-24T09:54:36.7770000+01:00")]);
    assert_eq!((told.attempt, told.due), (Some(3), instant("2026-11-24T08:54:36.777Z")));
    let told =
        of(&[("reason_poisoned", b"no shelf"), ("topic_poisoned", b"orders"), ("subscriber_poisoned", b"kafka")]);
    assert_eq!((told.family, told.topic.as_deref()), ("watermill", Some("orders")));
    let told = of(&[("MT-Fault-RedeliveryCount", b"1"), ("MT-Fault-Timestamp", b"2026-11-24T08:54:36.777Z")]);
    assert_eq!((told.attempt, told.failed), (Some(2), instant("2026-11-24T08:54:36.777Z")));
    let first = of(&[("delayed-retry-count", b"1"), ("delayed-retry-first-processing-timestamp", b"1767258000000")]);
    assert_eq!(first.first_seen, Some(Timestamp::from_millis(1_767_258_000_000)));
}

#[test]
fn connect_pipelines_and_routes_name_their_origin() {
    let kafka: [(&str, &[u8]); 3] = [("kafka_topic", b"orders"), ("kafka_partition", b"3"), ("kafka_offset", b"17")];
    assert_eq!(trail(&record(&kafka)), Trail::default(), "no failure is told");
    let fallen: Vec<_> = kafka.iter().copied().chain([("fallback_error", &b"connection refused"[..])]).collect();
    let told = trail(&record(&fallen));
    assert_eq!((told.family, told.origin), ("redpanda-connect", Some(at("orders", 3, 17))));
    let (partition, offset) = (3i32.to_be_bytes(), 17i64.to_be_bytes());
    let told =
        trail(&record(&[("kafka.TOPIC", b"orders"), ("kafka.PARTITION", &partition), ("kafka.OFFSET", &offset)]));
    assert_eq!((told.family, told.origin), ("camel", Some(at("orders", 3, 17))));
}

#[test]
fn messages_are_named_by_their_frameworks() {
    let uuid: &[u8] = b"6f1c2a34-9b7d-4e21-8f00-1234567890ab";
    let check = |headers: &[(&str, &[u8])], want: Option<(&str, &str)>, correlation: Option<&str>| {
        let told = trail(&record(headers));
        let message = told.message.as_ref().map(|name| (&*name.source, &*name.id));
        assert_eq!((message, told.correlation.as_deref(), told.family), (want, correlation, ""), "{headers:?}");
    };
    check(&[("ce_id", b"1"), ("ce_source", b"/shop")], Some(("/shop", "1")), None);
    check(&[("id", uuid)], Some(("", "6f1c2a34-9b7d-4e21-8f00-1234567890ab")), None);
    check(&[("id", b"17")], None, None);
    check(&[("correlation_id", b"c-1"), ("content-type", b"application/json")], None, Some("c-1"));
    check(&[("MessageId", b"m-1"), ("ConversationId", b"c-2")], Some(("", "m-1")), Some("c-2"));
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A protobuf message of numbers and one text; zeros are left out.
fn metadata(topic: &str, numbers: [(u64, u64); 4]) -> Vec<u8> {
    let mut out = vec![2 << 3 | 2];
    varint(topic.len() as u64, &mut out);
    out.extend(topic.as_bytes());
    for (field, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
        varint(field << 3, &mut out);
        varint(number, &mut out);
    }
    out
}

#[test]
fn schemas_are_told_by_their_wire_formats() {
    use super::schema::{Schema, of_key, of_value};
    let mut record = record(&[("__TypeId__", b"com.shop.Order")]);
    assert_eq!(of_value(&record), Some(Schema::Class("com.shop.Order".into())));
    record.value = Some(Bytes::from_static(&[0, 0, 0, 1, 2, 9]));
    assert_eq!((of_value(&record), of_key(&record)), (Some(Schema::Number(258)), None));
    for no_schema in [&[0, 0, 0, 0, 0, 9][..], &[0, 0, 0, 1, 2], &[1, 0, 0, 1, 2, 9], b""] {
        record.key = Some(Bytes::copy_from_slice(no_schema));
        assert_eq!(of_key(&record), None, "{no_schema:?}");
    }
    let guid = uuid::Uuid::from_u128(0x6f1c_2a34_9b7d_4e21_8f00_1234_5678_90ab);
    let value: Vec<u8> = std::iter::once(1).chain(*guid.as_bytes()).collect();
    record.headers.push(Header { key: Bytes::from_static(b"__value_schema_id"), value: Some(value.into()) });
    assert_eq!(of_value(&record), Some(Schema::Guid(guid)));
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
    "kafka.PARTITION",
    "rbs2-deferred-until",
    "NServiceBus.TimeOfFailure",
    "kafka_dlt-original-timestamp",
    "__value_schema_id",
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
        schema::of_value(&record);
        for undecoded in told.undecoded {
            let sent = headers.iter().any(|(name, value)| *name == undecoded.name && value.len() == undecoded.length);
            prop_assert!(sent, "{undecoded:?}");
        }
    }

    #[test]
    fn metadata_in_the_key_comes_back(
        partition in 0i32.., offset in 0i64.., retries in 0u32..1_000_000, millis in 978_307_200_000u64..4_102_444_800_000,
    ) {
        let numbers = [(1, u64::from(retries)), (3, partition as u64), (4, offset as u64), (5, millis * 1_000_000)];
        let mut record = record(&[]);
        record.key = Some(metadata("orders", numbers).into());
        let told = trail(&record);
        prop_assert_eq!((told.family, told.origin), ("uforwarder", Some(at("orders", partition, offset))));
        prop_assert_eq!(told.first_seen, Some(Timestamp::from_millis(millis as i64)));
        prop_assert_eq!(told.attempt, (retries < 1_000_000).then_some(retries + 1));
    }

    #[test]
    fn a_key_is_rarely_metadata_and_never_breaks(key in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut record = record(&[]);
        record.key = Some(key.into());
        prop_assert!(trail(&record).origin.is_none_or(|origin| origin.partition >= 0 && origin.offset >= 0));
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
        let told = trail(&record(&[("retry_topic-backoff-timestamp", &shortest(millis))]));
        prop_assert_eq!(told.due, Some(Timestamp::from_millis(millis)));
    }
}

fn mapped(map: HeaderMap, headers: &[(&str, &[u8])]) -> Trail {
    trail(&Record { mapping: Some(std::sync::Arc::new(map)), ..record(headers) })
}

#[test]
fn headers_that_the_profile_names_are_read_in_each_encoding_and_win() {
    let named = |name: &str, encoding| Some((name.into(), encoding));
    for encoding in Encoding::ALL {
        let write = |number: i32| match encoding {
            Encoding::Utf8 => number.to_string().into_bytes(),
            Encoding::Int32 => number.to_be_bytes().to_vec(),
            Encoding::Int64 => i64::from(number).to_be_bytes().to_vec(),
            Encoding::Minimal => number.to_be_bytes()[2..].to_vec(),
        };
        let map = HeaderMap {
            topic: Some("x-topic".into()),
            partition: named("x-partition", encoding),
            offset: named("x-offset", encoding),
            attempt: named("x-attempt", encoding),
            group: Some("x-group".into()),
            message: Some("x-id".into()),
            correlation: Some("x-saga".into()),
            is_newest_first: false,
        };
        let (partition, offset, attempt) = (write(3), write(17), write(2));
        let headers: [(&str, &[u8]); 9] = [
            ("kafka_original-topic", b"other"),
            ("kafka_original-partition", &1i32.to_be_bytes()),
            ("x-topic", b"orders"),
            ("x-partition", &partition),
            ("x-offset", &offset),
            ("x-attempt", &attempt),
            ("x-group", b"billing"),
            ("x-id", b"m-1"),
            ("x-saga", b"s-1"),
        ];
        let told = mapped(map.clone(), &headers);
        assert_eq!(
            (told.family, told.origin, told.attempt),
            ("profile", Some(at("orders", 3, 17)), Some(2)),
            "{encoding:?}"
        );
        assert_eq!(told.group.as_deref(), Some("billing"));
        assert_eq!((told.message.map(|name| name.id), told.correlation.as_deref()), (Some("m-1".into()), Some("s-1")));
        // Bytes of another length are no number.
        let damaged =
            mapped(map, &[("x-topic", b"orders"), ("x-partition", b"\0\0\0\0\0\0\0\0\0"), ("x-offset", &offset)]);
        assert_eq!((damaged.origin, damaged.undecoded.len()), (None, 1), "{encoding:?}");
    }
}

#[test]
fn the_newest_of_repeated_headers_is_the_one_that_the_family_or_the_profile_says() {
    let newest = |headers: [(&str, &[u8]); 2]| trail(&record(&headers));
    // Appended: the last one is the newest.
    let (two, three) = (2i32.to_be_bytes(), 3i32.to_be_bytes());
    assert_eq!(newest([("retry_topic-attempts", &two), ("retry_topic-attempts", &three)]).attempt, Some(3));
    for name in [
        "__connect.errors.exception.class.name",
        "__streams.errors.exception",
        "NServiceBus.ExceptionInfo.ExceptionType",
        "MT-Fault-ExceptionType",
        "dlq-error-class",
    ] {
        assert_eq!(newest([(name, b"a.Old"), (name, b"b.New")]).exception.as_deref(), Some("b.New"), "{name}");
    }
    for name in ["source_attempts", "dlq-attempts"] {
        let (old, new) = (newest([(name, b"1"), (name, b"4")]).attempt, newest([(name, b"4"), (name, b"1")]).attempt);
        assert!(old > new, "{name}: {old:?}, {new:?}");
    }
    // Put in front: the first one is the newest.
    let name = "delayed-retry-count";
    assert_eq!(newest([(name, b"3"), (name, b"1")]).attempt, Some(4));
    for (is_newest_first, wanted) in [(false, 1), (true, 3)] {
        let attempt = Some(("x-attempt".into(), Encoding::Utf8));
        let map = HeaderMap { attempt, is_newest_first, ..HeaderMap::default() };
        assert_eq!(mapped(map, &[("x-attempt", b"3"), ("x-attempt", b"1")]).attempt, Some(wanted));
    }
}
