use super::*;

/// Family, whether by retry topics, whether a dead letter, and one header with its bytes and its place.
type Row = (Family, bool, bool, &'static str, &'static [u8], usize);

fn record() -> Record {
    Record {
        offset: 9,
        timestamp_ms: 1_795_000_000_123,
        appended_ns: 0,
        key: None,
        value: None,
        headers: vec![Header::new("a", "1"), traceparent(TraceId(1), SpanId(2), true), Header::new("z", "2")],
        journey: 0,
    }
}

fn written(family: Family, by_retry_topics: bool, is_final: bool) -> Vec<Header> {
    let at = Coordinate { topic: "orders".into(), partition: 3, offset: 9 };
    after_hop(&Hop {
        record: &record(),
        at: &at,
        main_group: "packers",
        exception: "BadOrder",
        message: "no such article",
        next_attempt: 3,
        original_ms: 1_795_000_000_123,
        backoff_ms: 1_795_000_002_000,
        failed_ms: 1_795_000_001_000,
        family,
        by_retry_topics,
        is_final,
    })
}

/// One header of each family, with its bytes and its place among all of them.
#[test]
fn families_write_what_they_write() {
    let rows: &[Row] = &[
        (Family::Spring, true, false, "kafka_original-partition", &[0, 0, 0, 3], 4),
        (Family::Spring, true, false, "kafka_original-offset", &[0, 0, 0, 0, 0, 0, 0, 9], 5),
        (Family::Spring, true, false, "retry_topic-attempts", &[0, 0, 0, 3], 13),
        (Family::Spring, true, false, "retry_topic-backoff-timestamp", &[0x01, 0xa1, 0xee, 0x56, 0x65, 0xd0], 15),
        (Family::Spring, false, true, "kafka_dlt-exception-cause-fqcn", b"BadOrder", 4),
        (Family::Spring, false, true, "kafka_dlt-original-consumer-group", b"packers", 12),
        (Family::Connect, false, true, "__connect.errors.offset", b"9", 5),
        (Family::Streams, false, true, "__streams.errors.partition", b"3", 7),
        (Family::ShareGroup, false, true, "__dlq.errors.delivery.count", b"2", 7),
        (Family::Smallrye, false, true, "dead-letter-reason", b"no such article", 0),
        (Family::Smallrye, false, false, "delayed-retry-original-timestamp", b"1795000000123", 1),
        (Family::Karafka, false, true, "source_attempts", b"2", 7),
        (Family::Masstransit, false, true, "MT-Fault-RetryCount", b"1", 9),
        (Family::Nservicebus, false, true, "NServiceBus.FailedQ", b"orders", 7),
        (Family::Rebus, false, true, "rbs2-source-queue", b"orders", 4),
        (Family::Watermill, false, true, "topic_poisoned", b"orders", 4),
        (Family::Homegrown, false, true, "dlq-failed-at", b"1795000001000", 7),
    ];
    for (family, by_retry_topics, is_final, name, bytes, place) in rows {
        let headers = written(*family, *by_retry_topics, *is_final);
        let found =
            headers.iter().position(|header| header.key == *name).unwrap_or_else(|| panic!("{name}: {headers:?}"));
        assert_eq!(headers[found].value.as_deref(), Some(*bytes), "{name}");
        assert_eq!(found, *place, "{name} among {headers:?}");
        let own = ["a", "traceparent", "z"];
        let kept: Vec<&str> =
            headers.iter().map(|header| header.key.as_str()).filter(|key| own.contains(key)).collect();
        assert_eq!(kept, own, "{family:?} keeps what the producer wrote, in order");
    }
    assert_eq!(written(Family::None, false, true), record().headers);
}

#[test]
fn the_context_is_handed_on_as_each_stack_does_it() {
    let rows: [(Stack, &[&str], u64, u64); 4] = [
        (Stack::Java, &["a", "z", "traceparent"], 8, 8),
        (Stack::JavaObservation, &["a", "traceparent", "z", "traceparent"], 2, 8),
        (Stack::Go, &["a", "traceparent", "z"], 8, 8),
        (Stack::None, &["a", "traceparent", "z"], 2, 2),
    ];
    for (stack, keys, first, last) in rows {
        let mut headers = record().headers;
        carry(&mut headers, stack, TraceId(7), SpanId(8), false);
        let found: Vec<&str> = headers.iter().map(|header| header.key.as_str()).collect();
        assert_eq!(found, keys, "{stack:?}");
        let span = |takes_first| context(&headers, takes_first).map(|(_, span)| span.0);
        assert_eq!((span(true), span(false)), (Some(first), Some(last)), "{stack:?}");
    }
}
