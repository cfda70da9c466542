use super::*;
use NoteKind::{Damaged, PartMissing};
use TransactionEnd::{Aborted, Committed, Open};
use proptest::prelude::*;

/// What is wrong with a batch, its bytes, and what is made of it: kind and words of the note, and where to read on.
type Wrong = (&'static str, Vec<u8>, NoteKind, &'static str, Option<i64>);

/// Writes a zigzag varint below 64.
fn small(value: i64) -> u8 {
    u8::try_from((value << 1) ^ (value >> 63)).expect("small")
}

fn batch(attributes: i16) -> Vec<u8> {
    let mut record = vec![0, small(5), small(1), small(1), b'k', small(-1), small(2)];
    for value in [b'1', b'2'] {
        record.extend([small(1), b'h', small(1), value]);
    }
    let mut body = Vec::new();
    body.extend(attributes.to_be_bytes());
    body.extend(1i32.to_be_bytes());
    body.extend(1_000i64.to_be_bytes());
    body.extend(9_000i64.to_be_bytes());
    body.extend(7i64.to_be_bytes());
    body.extend(0i16.to_be_bytes());
    body.extend(3i32.to_be_bytes());
    body.extend(1i32.to_be_bytes());
    body.push(small(record.len() as i64));
    body.extend(record);
    let mut out = 40i64.to_be_bytes().to_vec();
    out.extend((body.len() as i32 + 9).to_be_bytes());
    out.extend([0, 0, 0, 0, 2]);
    out.extend(crc32c(&body).to_be_bytes());
    out.extend(body);
    out
}

#[test]
fn repeated_headers_null_values_and_sequences_are_kept() {
    let decoded = decode("t", 3, &batch(0).into(), 0);
    assert!(decoded.notes.is_empty(), "{:?}", decoded.notes);
    let [record] = &decoded.records[..] else { panic!("one record") };
    assert_eq!((record.coordinate.to_string().as_str(), record.value.is_none(), record.sequence), ("t-3@41", true, 4));
    let values: Vec<_> = record.headers_named("h").flatten().map(|value| &value[..]).collect();
    assert_eq!((values, record.timestamp), (vec![&b"1"[..], b"2"], Timestamp::from_millis(1_005)));
    assert_eq!(decoded.next_offset, Some(42));
}

#[test]
fn the_broker_s_clock_and_markers_are_told_apart() {
    assert_eq!(decode("t", 0, &batch(8).into(), 0).records[0].timestamp, Timestamp::from_millis(9_000));
    let marker = decode("t", 0, &batch(0x30).into(), 0);
    assert_eq!((marker.records.len(), marker.markers.len(), marker.next_offset), (0, 0, Some(42)));
}

#[test]
fn a_cut_last_batch_is_no_damage_and_a_changed_one_is() {
    let mut two = batch(0);
    two.extend(&batch(0)[..70]);
    let decoded = decode("t", 0, &two.into(), 0);
    assert_eq!((decoded.records.len(), decoded.notes.len()), (1, 0));
    let mut changed = batch(0);
    changed[70] ^= 1;
    assert!(!decode("t", 0, &changed.into(), 0).notes.is_empty());
}

/// Writes a zigzag varint.
fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[test]
fn headers_do_not_take_more_memory_than_a_reply_may() {
    let with = |headers: usize, records: usize| {
        let mut record = vec![0, 0, 0, small(-1), small(-1)];
        put(&mut record, headers as i64);
        record.extend([0, small(-1)].repeat(headers));
        let mut out = batch(0)[..HEAD].to_vec();
        for _ in 0..records {
            put(&mut out, record.len() as i64);
            out.extend(&record);
        }
        let length = out.len() as i32 - 12;
        out[8..12].copy_from_slice(&length.to_be_bytes());
        out[57..61].copy_from_slice(&(records as i32).to_be_bytes());
        decode("t", 0, &out.into(), 0)
    };
    let (one, many) = (with(HEADERS_OF_RECORD + 1, 1), with(HEADERS_OF_RECORD, 12));
    assert!(one.records.is_empty() && one.notes.iter().any(|note| note.text.as_str().contains("damaged")), "{one:?}");
    assert_eq!((many.records.len(), many.next_offset), (10, Some(40)), "the rest is left to the next fetch");
}

#[test]
fn the_sum_is_castagnoli_s() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

/// Writes any zigzag varint.
fn number(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    let mut out = Vec::new();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

fn record_of(delta: i64, key: &[u8], value: &[u8]) -> Vec<u8> {
    let parts = [vec![0], number(0), number(delta), number(key.len() as i64), key.to_vec()];
    let body = [&parts.concat()[..], &number(value.len() as i64), value, &number(0)].concat();
    [number(body.len() as i64), body].concat()
}

/// A batch of `count` records that are written in `packed`, with a right checksum.
fn batch_of(base: i64, (attributes, producer): (i16, i64), (count, last): (i32, i32), packed: &[u8]) -> Vec<u8> {
    let mut body = attributes.to_be_bytes().to_vec();
    body.extend(last.to_be_bytes());
    body.extend(1_000i64.to_be_bytes());
    body.extend(1_000i64.to_be_bytes());
    body.extend(producer.to_be_bytes());
    body.extend([0, 0, 0xff, 0xff, 0xff, 0xff]);
    body.extend(count.to_be_bytes());
    body.extend(packed);
    let mut out = base.to_be_bytes().to_vec();
    out.extend((body.len() as i32 + 9).to_be_bytes());
    out.extend([0, 0, 0, 0, 2]);
    out.extend(crc32c(&body).to_be_bytes());
    out.extend(body);
    out
}

fn plain(base: i64) -> Vec<u8> {
    batch_of(base, (0, -1), (1, 0), &record_of(0, b"k", b"v"))
}

#[test]
fn whatever_is_wrong_with_a_batch_is_said_with_its_place_and_what_came_before_is_kept() {
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = plain(7);
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let of = |count, packed: &[u8]| batch_of(7, (0, -1), (count, 0), packed);
    let one = record_of(0, b"k", b"v");
    let old = |format: u8| {
        let mut message = 7i64.to_be_bytes().to_vec();
        message.extend(14i32.to_be_bytes());
        message.extend([0, 0, 0, 0, format]);
        message.extend([0; 9]);
        message
    };
    let cases: &[Wrong] = &[
        ("a negative length", with(8, &(-5i32).to_be_bytes()), Damaged, "-5 bytes at this offset cannot be", Some(1)),
        (
            "a length below the head",
            [&7i64.to_be_bytes()[..], &[0, 0, 0, 20], &[2; 20]].concat(),
            Damaged,
            "shorter than its head",
            Some(8),
        ),
        ("a negative offset", with(0, &(-9i64).to_be_bytes()), Damaged, "cannot be", Some(1)),
        ("format 0", old(0), PartMissing, "messages of format 0 (before Kafka 0.11)", Some(8)),
        ("format 1", old(1), PartMissing, "messages of format 1 (before Kafka 0.11)", Some(8)),
        ("format 3", with(16, &[3]), PartMissing, "a batch of format 3", Some(8)),
        ("a wrong checksum", with(17, &[0; 4]), Damaged, "checksum", Some(8)),
        ("an end before the beginning", batch_of(7, (0, -1), (1, -3), &one), Damaged, "before it begins", Some(8)),
        ("a codec that nobody knows", batch_of(7, (5, -1), (1, 0), &one), PartMissing, "codec 5", Some(8)),
        ("noise for gzip", batch_of(7, (1, -1), (1, 0), &one), Damaged, "is damaged", Some(8)),
        ("noise for snappy", batch_of(7, (2, -1), (1, 0), &[0xff; 9]), Damaged, "is damaged", Some(8)),
        ("noise for lz4", batch_of(7, (3, -1), (1, 0), &one), Damaged, "is damaged", Some(8)),
        ("noise for zstd", batch_of(7, (4, -1), (1, 0), &one), Damaged, "is damaged", Some(8)),
        ("more records counted than there are", of(i32::MAX, &one), Damaged, "is damaged", Some(8)),
        ("fewer records counted than there are", of(0, &one), Damaged, "stand behind the 0 records", Some(8)),
        ("a negative count", of(-1, &one), Damaged, "stand behind the -1 records", Some(8)),
        ("a varint without end", of(1, &[0xff; 12]), Damaged, "is damaged", Some(8)),
        ("a record of negative size", of(1, &number(-2)), Damaged, "is damaged", Some(8)),
        ("a record of no bytes", of(1, &number(0)), Damaged, "is damaged", Some(8)),
        ("a record longer than its batch", of(1, &number(1 << 40)), Damaged, "is damaged", Some(8)),
        ("an offset before its batch", of(1, &record_of(-1, b"k", b"v")), Damaged, "is damaged", Some(8)),
        (
            "headers without end",
            of(1, &[&number(13)[..], &[0, 0, 0, 1, 1], &number(1 << 50)].concat()),
            Damaged,
            "is damaged",
            Some(8),
        ),
        ("a control record without a kind", batch_of(7, (0x20, 5), (1, 0), &one), Damaged, "without a kind", Some(8)),
    ];
    for (name, bad, kind, words, next) in cases {
        let mut all = plain(0);
        all.extend(bad);
        let decoded = decode("t", 3, &all.into(), 0);
        assert_eq!(decoded.records.first().map(|record| record.coordinate.offset), Some(0), "{name}");
        let note = decoded.notes.iter().find(|note| note.text.as_str().contains(words));
        let note = note.unwrap_or_else(|| panic!("{name}: {:?}", decoded.notes));
        assert!(note.kind == *kind && note.text.as_str().starts_with("t-3@"), "{name}: {note:?}");
        assert_eq!(decoded.next_offset, *next, "{name}");
    }
}

#[test]
fn an_answer_cut_in_its_first_batch_is_no_empty_answer() {
    for length in 1..plain(7).len() {
        let decoded = decode("t", 0, &plain(7)[..length].to_vec().into(), 7);
        assert_eq!((decoded.records.len(), decoded.next_offset), (0, None), "{length}");
        assert!(decoded.notes.iter().any(|note| note.text.as_str().contains("cut in its first batch")), "{length}");
    }
    assert!(decode("t", 0, &Bytes::new(), 7).notes.is_empty(), "nothing there is nothing wrong");
}

#[test]
fn what_a_batch_unpacks_to_is_bounded_whatever_the_codec() {
    use std::io::Write;
    let small = Bounds { batch: 1 << 16, reply: 1 << 17, records: 1_000 };
    let zeros = vec![0u8; 1 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&zeros).unwrap();
    let raw = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
    let framed = [b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec(), (raw.len() as u32).to_be_bytes().to_vec(), raw.clone()];
    let cases = [
        ("gzip", 1, gzip.finish().unwrap()),
        ("snappy", 2, raw),
        ("snappy in frames", 2, framed.concat()),
        ("snappy that only says so", 2, vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]),
        ("lz4", 3, lz4.finish().unwrap()),
        ("zstd", 4, ruzstd::encoding::compress_to_vec(&zeros[..], ruzstd::encoding::CompressionLevel::Fastest)),
    ];
    for (name, codec, packed) in cases {
        let all = [batch_of(3, (codec, -1), (1, 4), &packed), plain(8)].concat();
        let decoded = decode_within("t", 0, &all.into(), &Reading::default(), small);
        let kinds: Vec<_> = decoded.notes.iter().map(|note| note.kind).collect();
        assert_eq!(kinds, [NoteKind::Truncated], "{name}: {:?}", decoded.notes);
        assert_eq!((decoded.records.len(), decoded.next_offset), (1, Some(9)), "{name}: what follows is read");
    }
}

#[test]
fn a_reply_that_unpacks_to_much_is_read_in_several_goes_and_nothing_is_lost() {
    let small = Bounds { batch: 1 << 16, reply: 1 << 10, records: 7 };
    let batch = |number: i64| {
        let records: Vec<u8> = (0..5).flat_map(|delta| record_of(delta, b"key", &[b'v'; 100])).collect();
        batch_of(number * 5, (0, -1), (5, 4), &records)
    };
    let all: Bytes = (0..6).flat_map(batch).collect::<Vec<u8>>().into();
    let (mut from, mut offsets, mut goes) = (0, Vec::new(), 0);
    while from < 30 {
        // A broker begins with the batch that holds the asked offset.
        let answer = all.slice(from as usize / 5 * (all.len() / 6)..);
        let decoded = decode_within("t", 0, &answer, &Reading { from, ..Reading::default() }, small);
        assert!(decoded.notes.is_empty() && decoded.records.len() <= small.records, "{:?}", decoded.notes);
        let found: Vec<i64> = decoded.records.iter().map(|record| record.coordinate.offset).collect();
        from = decoded.next_offset.filter(|next| *next > from).expect("each go comes further");
        offsets.extend(found.into_iter().filter(|offset| *offset < from));
        goes += 1;
    }
    assert_eq!(offsets, (0..30).collect::<Vec<_>>());
    assert!(goes > 1);
}

#[test]
fn records_of_aborted_transactions_are_marked_and_those_beside_them_are_not() {
    let data = |base: i64, producer| batch_of(base, (0x10, producer), (1, 0), &record_of(0, b"k", b"v"));
    let marker = |base: i64, producer, kind: u8| {
        batch_of(base, (0x30, producer), (1, 0), &record_of(0, &[0, 0, 0, kind], &[0; 6]))
    };
    let all = [
        data(0, 7),
        data(1, 8),
        plain(2),
        marker(3, 7, 0),
        data(4, 7),
        marker(5, 8, 1),
        marker(6, 7, 1),
        data(7, 8),
        plain(8),
    ];
    let reading = Reading { from: 0, stable: Some(7), aborted: vec![(7, 0)] };
    let decoded = decode_as("t", 0, &all.concat().into(), &reading);
    assert!(decoded.notes.is_empty(), "{:?}", decoded.notes);
    let ends: Vec<_> = decoded.records.iter().map(|record| (record.coordinate.offset, record.transaction)).collect();
    let told = [(0, Some(Aborted)), (1, Some(Committed)), (2, None), (4, Some(Committed)), (7, Some(Open)), (8, None)];
    assert_eq!(ends, told);
    assert_eq!(decoded.markers, [(3, false), (5, true), (6, true)]);
}

proptest! {
    #[test]
    fn any_bytes_decode_to_something(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..120, codec in 0i16..8) {
        decode("t", 0, &Bytes::from(bytes.clone()), 0);
        let mut near = batch(codec);
        for (place, byte) in bytes.iter().enumerate() {
            if let Some(slot) = near.get_mut(at + place) {
                *slot = *byte;
            }
        }
        decode("t", 0, &Bytes::from(near), 0);
    }
}
