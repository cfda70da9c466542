//! Record headers and batches, decoded here by hand.

use std::io::Read;

use hopscope::demo::kafka::batch::{crc32c, encode};
use hopscope::world::headers::minimal;
use hopscope::world::queue::{Header, Record, partition_of};
use hopscope::world::scenario::Codec;
use hopscope::world::truth::Coordinate;

use super::after;

fn values<'a>(record: &'a Record, key: &str) -> Vec<&'a [u8]> {
    record.headers.iter().filter(|header| header.key == key).map(|header| header.value.as_deref().unwrap()).collect()
}

/// Big-endian two's complement of any length.
fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(if bytes[0] >= 0x80 { -1 } else { 0 }, |sum, byte| sum << 8 | i64::from(*byte))
}

#[test]
fn a_dead_letter_carries_springs_headers() {
    let world = after(2_400);
    let dead = world.queue().topics.iter().find(|topic| topic.name == "orders-dlt").unwrap();
    let record = dead.partitions.iter().flat_map(|partition| &partition.records).next().unwrap();
    let journey = world.journey(record.journey).unwrap();
    let hops: Vec<_> = journey.records.iter().filter(|copy| copy.event == "OrderPlaced").collect();
    let original = hops[0];

    let attempts: Vec<_> =
        values(record, "retry_topic-attempts").into_iter().map(|value| (value.len(), number(value))).collect();
    assert_eq!(attempts, [(4, 2), (4, 3), (4, 4)]);
    for (value, hop) in values(record, "retry_topic-backoff-timestamp").into_iter().zip(&hops[1..]) {
        assert_eq!(value.len(), 6);
        if let Some(due_ns) = hop.due_ns {
            assert_eq!(number(value), (due_ns / 1_000_000) as i64);
        }
    }
    assert!(
        values(record, "retry_topic-original-timestamp").iter().all(|value| number(value) == original.timestamp_ms)
    );
    let once = |key: &str| {
        let [value] = values(record, key)[..] else { panic!("{key} must occur once") };
        value
    };
    assert_eq!(once("kafka_original-topic"), b"orders");
    assert_eq!(once("kafka_original-partition"), original.at.partition.to_be_bytes());
    assert_eq!(once("kafka_original-offset"), original.at.offset.to_be_bytes());
    assert_eq!(once("kafka_original-timestamp"), original.timestamp_ms.to_be_bytes());
    assert_eq!(once("kafka_original-timestamp-type"), b"CreateTime");
    assert_eq!(once("kafka_dlt-original-consumer-group"), b"fulfilment");
    assert!(once("kafka_exception-fqcn").ends_with(b"ListenerExecutionFailedException"));
    assert!(once("kafka_exception-message").starts_with(b"Listener failed; "));
    assert!(once("kafka_exception-stacktrace").len() > 1_000);
    let place = |key: &str| record.headers.iter().position(|header| header.key == key).unwrap();
    assert!(place("event-type") < place("kafka_original-topic"), "the producer's own headers come first");
    assert_eq!(place("traceparent"), record.headers.len() - 1);
}

#[test]
fn minimal_integers_are_as_java_writes_them() {
    for (value, bytes) in [
        (0, &[0][..]),
        (127, &[0x7f]),
        (128, &[0, 0x80]),
        (-1, &[0xff]),
        (-129, &[0xff, 0x7f]),
        (1_795_485_482_139, &[0x01, 0xa2, 0x0a, 0xf9, 0x38, 0x9b]),
        (i64::MIN, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(number(&minimal(value)), value);
        assert_eq!(minimal(value).len(), bytes.len(), "{value}");
    }
    assert_eq!(minimal(128), [0, 0x80]);
}

#[test]
fn keys_choose_the_partition_that_kafkas_own_test_expects() {
    // murmur2 of these keys is stated in Apache Kafka's UtilsTest.
    for (key, hash) in [("21", -973_932_308_i32), ("foobar", -790_332_482), ("abc", 479_470_107)] {
        assert_eq!(partition_of(key.as_bytes(), 997), (hash & 0x7fff_ffff) % 997, "{key}");
    }
}

#[test]
fn the_checksum_is_castagnoli() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

/// One decoded record: offset, timestamp, key, value, headers.
type Decoded = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

/// A reader of the batch format, written from its description and from nothing else.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn fixed(&mut self, length: usize) -> i64 {
        number(self.take(length))
    }

    fn varint(&mut self) -> i64 {
        let (mut raw, mut shift) = (0_u64, 0);
        loop {
            let byte = self.take(1)[0];
            raw |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return (raw >> 1) as i64 ^ -((raw & 1) as i64);
            }
        }
    }

    fn nullable(&mut self) -> Option<Vec<u8>> {
        let length = self.varint();
        (length >= 0).then(|| self.take(length as usize).to_vec())
    }
}

pub(super) fn decode(bytes: &[u8]) -> Vec<Decoded> {
    let mut bytes = Bytes(bytes);
    let mut records = Vec::new();
    while !bytes.0.is_empty() {
        let base = bytes.fixed(8);
        let length = bytes.fixed(4) as usize;
        let mut batch = Bytes(bytes.take(length));
        batch.take(4);
        assert_eq!(batch.take(1), [2]);
        let sum = batch.fixed(4) as u32;
        assert_eq!(crc32c(batch.0), sum);
        let attributes = batch.fixed(2);
        let last_delta = batch.fixed(4);
        let base_ms = batch.fixed(8);
        batch.take(8 + 8 + 2 + 4);
        let count = batch.fixed(4);
        let plain = decompress(attributes & 7, batch.0);
        let mut body = Bytes(&plain);
        for index in 0..count {
            let length = body.varint() as usize;
            let mut record = Bytes(body.take(length));
            assert_eq!(record.take(1), [0]);
            let timestamp_ms = base_ms + record.varint();
            let delta = record.varint();
            assert_eq!(delta, index);
            let (key, value) = (record.nullable(), record.nullable());
            let headers = (0..record.varint()).map(|_| (record.nullable().unwrap(), record.nullable())).collect();
            assert!(record.0.is_empty());
            records.push((base + delta, timestamp_ms, key, value, headers));
        }
        assert_eq!(last_delta, count - 1);
        assert!(body.0.is_empty());
    }
    records
}

fn decompress(codec: i64, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match codec {
        0 => plain.extend_from_slice(bytes),
        1 => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap()),
        2 => {
            let mut blocks = Bytes(bytes);
            assert_eq!(blocks.take(16), b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
            while !blocks.0.is_empty() {
                let length = blocks.fixed(4) as usize;
                plain.extend(snap::raw::Decoder::new().decompress_vec(blocks.take(length)).unwrap());
            }
        }
        3 => drop(lz4_flex::frame::FrameDecoder::new(bytes).read_to_end(&mut plain).unwrap()),
        4 => drop(ruzstd::decoding::StreamingDecoder::new(bytes).unwrap().read_to_end(&mut plain).unwrap()),
        other => panic!("codec {other}"),
    }
    plain
}

#[test]
fn batches_keep_everything_in_every_codec() {
    let header = |key: &str, value: Option<&[u8]>| Header { key: key.into(), value: value.map(<[u8]>::to_vec) };
    let record = |offset: i64, value: Option<Vec<u8>>| Record {
        offset,
        timestamp_ms: 1_795_000_000_000 - offset * 7,
        appended_ns: 1,
        key: (offset % 2 == 0).then(|| b"key".to_vec()),
        value,
        headers: vec![
            header("twice", Some(b"1")),
            header("twice", Some(b"2")),
            header("null", None),
            header("", Some(b"\xff")),
        ],
        journey: 0,
    };
    let records = [record(300, Some(vec![7; 100_000])), record(301, None), record(302, Some(Vec::new()))];
    let borrowed: Vec<&Record> = records.iter().collect();
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let decoded = decode(&encode(&borrowed, codec));
        assert_eq!(decoded.len(), 3, "{codec:?}");
        for (found, record) in decoded.iter().zip(&records) {
            let headers: Vec<_> =
                record.headers.iter().map(|header| (header.key.as_bytes().to_vec(), header.value.clone())).collect();
            assert_eq!(*found, (record.offset, record.timestamp_ms, record.key.clone(), record.value.clone(), headers));
        }
    }
}

#[test]
fn a_batch_holds_what_was_appended_together() {
    let world = after(900);
    let audit = world.queue().partition("audit", 0).unwrap();
    let batches: Vec<_> = audit.batches_from(0).collect();
    assert!(batches.iter().any(|batch| batch.len() > 2), "lingering producers make larger batches");
    assert_eq!(batches.iter().map(Vec::len).sum::<usize>() as i64, audit.end());
    let large = batches.iter().find(|batch| batch.len() > 1).unwrap();
    let again = audit.batches_from(large[1].offset).next().unwrap();
    assert_eq!(again[0].offset, large[0].offset, "a batch comes whole");
    assert_eq!(Coordinate { topic: "t".into(), partition: 1, offset: 2 }.to_string(), "t-1@2");
}
