use super::*;
use proptest::prelude::*;

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
