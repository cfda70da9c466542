//! Kafka's record batches, version 2 (Kafka 0.11 and later), as a Fetch reply holds them.
//!
//! Written here because codecs at hand keep headers in a map and lose repeats, ignore `LogAppendTime`, and refuse a batch
//! that is cut at the end of a reply, which brokers send as a rule (KIP-74).

use crate::model::ask::NoteKind;
use crate::model::record::RecordClock;
use crate::model::{Coordinate, Header, Note, Record, Timestamp};
use bytes::{Buf, Bytes};
use std::io::Read;

/// Bytes that one batch may unpack to.
const UNPACKED_LIMIT: u64 = 64 << 20;
/// Bytes before the records of a batch.
const HEAD: usize = 61;

/// What a reply held.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// Records at or after the asked offset, in order.
    pub records: Vec<Record>,
    /// The offset after the last whole batch: where the next fetch begins.
    pub next_offset: Option<i64>,
    /// What could not be read.
    pub notes: Vec<Note>,
    /// Control batches (transaction markers): offsets without records.
    pub control: u32,
}

/// Decodes the batches of one partition. `from` is the offset asked for; a reply may begin before it.
pub fn decode(topic: &str, partition: i32, bytes: &Bytes, from: i64) -> Decoded {
    let mut out = Decoded::default();
    let mut rest = bytes.clone();
    while rest.len() >= HEAD {
        let base = (&rest[0..8]).get_i64();
        let length = (&rest[8..12]).get_i32();
        let Some(whole) = usize::try_from(length).ok().and_then(|length| length.checked_add(12)) else {
            out.note(format!("{topic}-{partition}@{base}: a batch of {length} bytes cannot be"));
            return out;
        };
        if rest.len() < whole {
            return out;
        }
        let batch = rest.split_to(whole);
        if whole < HEAD || batch[16] != 2 {
            out.note(format!("{topic}-{partition}@{base}: message format {} is not read", batch.get(16).unwrap_or(&0)));
            continue;
        }
        let last = base.saturating_add(i64::from((&batch[23..27]).get_i32()));
        if one(topic, partition, &batch, from, &mut out).is_none() {
            out.note(format!(
                "{topic}-{partition}@{base}: the batch up to offset {last} is damaged; what came before is kept"
            ));
        }
        out.next_offset = Some(last.saturating_add(1));
    }
    out
}

impl Decoded {
    fn note(&mut self, text: String) {
        self.notes.push(Note { kind: NoteKind::Damaged, text: text.into() });
    }
}

fn one(topic: &str, partition: i32, batch: &Bytes, from: i64, out: &mut Decoded) -> Option<()> {
    let base = (&batch[0..8]).get_i64();
    if (&batch[17..21]).get_u32() != crc32c(&batch[21..]) {
        // Shown all the same: a wrong sum says that something changed, not what.
        out.note(format!("{topic}-{partition}@{base}: the checksum of the batch is wrong"));
    }
    let attributes = (&batch[21..23]).get_i16();
    if attributes & 0x20 != 0 {
        out.control += 1;
        return Some(());
    }
    let (first_time, max_time) = ((&batch[27..35]).get_i64(), (&batch[35..43]).get_i64());
    let (producer_id, producer_epoch) = ((&batch[43..51]).get_i64(), (&batch[51..53]).get_i16());
    let (base_sequence, count) = ((&batch[53..57]).get_i32(), (&batch[57..61]).get_i32());
    let clock = if attributes & 0x08 == 0 { RecordClock::CreateTime } else { RecordClock::LogAppendTime };
    let mut body = unpack(attributes & 7, &batch.slice(HEAD..))?;
    for _ in 0..count {
        let mut record = blob(&mut body)??;
        record.has_remaining().then(|| record.advance(1))?;
        let (time, place) = (varint(&mut record)?, varint(&mut record)?);
        let (key, value) = (blob(&mut record)?, blob(&mut record)?);
        let mut headers = Vec::new();
        for _ in 0..varint(&mut record)? {
            headers.push(Header { key: blob(&mut record)??, value: blob(&mut record)? });
        }
        let offset = base.checked_add(place)?;
        if offset < from {
            continue;
        }
        let millis = match clock {
            RecordClock::CreateTime => first_time.saturating_add(time),
            RecordClock::LogAppendTime => max_time,
        };
        out.records.push(Record {
            coordinate: Coordinate { topic: topic.into(), partition, offset },
            timestamp: Timestamp::from_millis(millis),
            clock,
            key,
            value,
            headers,
            producer_id,
            producer_epoch,
            sequence: if base_sequence < 0 { -1 } else { base_sequence.wrapping_add(place as i32) },
            exchange: 0,
        });
    }
    Some(())
}

/// Reads a zigzag varint of at most ten bytes.
fn varint(from: &mut Bytes) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        if !from.has_remaining() {
            return None;
        }
        let byte = from.get_u8();
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

/// Reads bytes with their length before them; a negative length is null.
#[expect(clippy::option_option, reason = "damaged, null and present are three things")]
fn blob(from: &mut Bytes) -> Option<Option<Bytes>> {
    let length = varint(from)?;
    if length < 0 {
        return Some(None);
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= from.len())?;
    Some(Some(from.split_to(length)))
}

fn unpack(codec: i16, packed: &Bytes) -> Option<Bytes> {
    let read = |from: &mut dyn Read| {
        let mut out = Vec::new();
        from.take(UNPACKED_LIMIT).read_to_end(&mut out).ok()?;
        ((out.len() as u64) < UNPACKED_LIMIT).then(|| Bytes::from(out))
    };
    match codec {
        0 => Some(packed.clone()),
        1 => read(&mut flate2::read::MultiGzDecoder::new(&packed[..])),
        2 => snappy(packed),
        3 => read(&mut lz4_flex::frame::FrameDecoder::new(&packed[..])),
        4 => read(&mut ruzstd::decoding::StreamingDecoder::new(&packed[..]).ok()?),
        _ => None,
    }
}

/// Snappy comes bare, or in the framing of the Java library: a head of 16 bytes, then blocks with their lengths.
fn snappy(packed: &Bytes) -> Option<Bytes> {
    let block = |bytes: &[u8]| {
        let declared = snap::raw::decompress_len(bytes).ok()? as u64;
        (declared < UNPACKED_LIMIT).then(|| snap::raw::Decoder::new().decompress_vec(bytes).ok())?
    };
    if !packed.starts_with(b"\x82SNAPPY\0") {
        return block(packed).map(Bytes::from);
    }
    let (mut rest, mut out) = (packed.get(16..)?, Vec::new());
    while rest.len() >= 4 {
        let length = (&rest[..4]).get_u32() as usize;
        out.extend(block(rest.get(4..length.checked_add(4)?)?)?);
        if out.len() as u64 >= UNPACKED_LIMIT {
            return None;
        }
        rest = &rest[4 + length..];
    }
    Some(Bytes::from(out))
}

/// CRC-32C (Castagnoli), as the batch format has it.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut at = 0;
        while at < 256 {
            let (mut value, mut bit) = (at as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { (value >> 1) ^ 0x82f6_3b78 } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };
    !bytes.iter().fold(!0u32, |sum, byte| (sum >> 8) ^ TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize])
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            (record.coordinate.to_string().as_str(), record.value.is_none(), record.sequence),
            ("t-3@41", true, 4)
        );
        let values: Vec<_> = record.headers_named("h").flatten().map(|value| &value[..]).collect();
        assert_eq!((values, record.timestamp), (vec![&b"1"[..], b"2"], Timestamp::from_millis(1_005)));
        assert_eq!(decoded.next_offset, Some(42));
    }

    #[test]
    fn the_broker_s_clock_and_markers_are_told_apart() {
        assert_eq!(decode("t", 0, &batch(8).into(), 0).records[0].timestamp, Timestamp::from_millis(9_000));
        let marker = decode("t", 0, &batch(0x30).into(), 0);
        assert_eq!((marker.records.len(), marker.control, marker.next_offset), (0, 1, Some(42)));
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
}
