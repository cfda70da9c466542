//! Record batches of format version 2, encoded here: headers keep their order and may repeat.

use super::codec::compress;
use crate::world::queue::Record;
use crate::world::scenario::Codec;

/// Encodes one batch; the records have successive offsets and there is at least one.
pub fn encode(records: &[&Record], codec: Codec) -> Vec<u8> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Vec::new() };
    let mut body = Vec::new();
    for record in records {
        let encoded = encode_record(record, first);
        put_varint(&mut body, encoded.len() as i64);
        body.extend_from_slice(&encoded);
    }
    let newest_ms = records.iter().map(|record| record.timestamp_ms).max().unwrap_or(first.timestamp_ms);
    let mut checked = Vec::new();
    checked.extend_from_slice(&attributes(codec).to_be_bytes());
    checked.extend_from_slice(&((last.offset - first.offset) as i32).to_be_bytes());
    checked.extend_from_slice(&first.timestamp_ms.to_be_bytes());
    checked.extend_from_slice(&newest_ms.to_be_bytes());
    checked.extend_from_slice(&(-1_i64).to_be_bytes()); // producer id: none
    checked.extend_from_slice(&(-1_i16).to_be_bytes()); // producer epoch
    checked.extend_from_slice(&(-1_i32).to_be_bytes()); // base sequence
    checked.extend_from_slice(&(records.len() as i32).to_be_bytes());
    checked.extend_from_slice(&compress(codec, &body));

    let mut batch = Vec::with_capacity(checked.len() + 21);
    batch.extend_from_slice(&first.offset.to_be_bytes());
    // The length counts everything after itself: leader epoch, format version, checksum and the checked part.
    batch.extend_from_slice(&((checked.len() + 9) as i32).to_be_bytes());
    batch.extend_from_slice(&0_i32.to_be_bytes());
    batch.push(2);
    batch.extend_from_slice(&crc32c(&checked).to_be_bytes());
    batch.extend_from_slice(&checked);
    batch
}

fn attributes(codec: Codec) -> i16 {
    match codec {
        Codec::None => 0,
        Codec::Gzip => 1,
        Codec::Snappy => 2,
        Codec::Lz4 => 3,
        Codec::Zstd => 4,
    }
}

fn encode_record(record: &Record, first: &Record) -> Vec<u8> {
    let mut out = vec![0];
    put_varint(&mut out, record.timestamp_ms - first.timestamp_ms);
    put_varint(&mut out, record.offset - first.offset);
    put_nullable(&mut out, record.key.as_deref());
    put_nullable(&mut out, record.value.as_deref());
    put_varint(&mut out, record.headers.len() as i64);
    for header in &record.headers {
        put_nullable(&mut out, Some(header.key.as_bytes()));
        put_nullable(&mut out, header.value.as_deref());
    }
    out
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

/// Zigzag, seven bits a byte, lowest first.
fn put_varint(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// CRC-32C (Castagnoli), reflected, as record batches of version 2 use it.
pub fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |sum, byte| (sum >> 8) ^ TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize])
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut number = 0;
    while number < 256 {
        let mut rest = number as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { (rest >> 1) ^ 0x82f6_3b78 } else { rest >> 1 };
            bit += 1;
        }
        table[number] = rest;
        number += 1;
    }
    table
}
