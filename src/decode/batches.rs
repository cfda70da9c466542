//! Kafka's record batches, version 2 (Kafka 0.11 and later), as a Fetch reply holds them.
//!
//! Written here because codecs at hand keep headers in a map and lose repeats, ignore `LogAppendTime`, and refuse a batch
//! that is cut at the end of a reply, which brokers send as a rule (KIP-74). What a reply may unpack to is limited, whatever
//! its counts and codecs say.

use crate::model::ask::NoteKind;
use crate::model::record::{RecordClock, TransactionEnd};
use crate::model::{Coordinate, Header, Note, Record, Timestamp};
use bytes::{Buf, Bytes};
use std::collections::BTreeSet;
use std::io::Read;

/// Bytes that one batch may unpack to. Brokers take batches of 1 MiB unless they are told otherwise (`message.max.bytes`).
const UNPACKED_LIMIT: u64 = 64 << 20;
/// Bytes that all batches of one reply may unpack to.
const REPLY_LIMIT: u64 = 128 << 20;
/// Records of one reply. The smallest takes seven bytes packed, and two hundred here.
const RECORDS_LIMIT: usize = 250_000;
/// Headers of one reply, and of one record. The smallest takes two bytes packed, and sixty here.
const HEADERS_LIMIT: usize = 1_000_000;
const HEADERS_OF_RECORD: usize = 100_000;
const BOUNDS: Bounds = Bounds { batch: UNPACKED_LIMIT, reply: REPLY_LIMIT, records: RECORDS_LIMIT };
/// Bytes before the records of a batch.
const HEAD: usize = 61;
/// Bytes up to the format's number, which stands at the same place in all formats.
const MAGIC: usize = 17;

/// What one reply may take.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    batch: u64,
    reply: u64,
    records: usize,
}

/// What is read, and what the broker said with it.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The offset asked for; a reply may begin before it.
    pub from: i64,
    /// Last stable offset; what is transactional and at or behind it is not decided yet.
    pub stable: Option<i64>,
    /// Aborted transactions: producer id and first offset.
    pub aborted: Vec<(i64, i64)>,
}

/// What a reply held.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// Records at or after the asked offset, in order; those of aborted transactions are marked.
    pub records: Vec<Record>,
    /// The offset after the last whole batch: where the next fetch begins.
    pub next_offset: Option<i64>,
    /// What could not be read.
    pub notes: Vec<Note>,
    /// Transaction markers: their offsets, and whether they commit.
    pub markers: Vec<(i64, bool)>,
}

/// Decodes the batches of one partition, read from an offset on.
pub fn decode(topic: &str, partition: i32, bytes: &Bytes, from: i64) -> Decoded {
    decode_as(topic, partition, bytes, &Reading { from, ..Reading::default() })
}

/// Decodes the batches of one partition, with what the broker said of transactions.
pub fn decode_as(topic: &str, partition: i32, bytes: &Bytes, reading: &Reading) -> Decoded {
    decode_within(topic, partition, bytes, reading, BOUNDS)
}

fn decode_within(topic: &str, partition: i32, bytes: &Bytes, reading: &Reading, bounds: Bounds) -> Decoded {
    let mut aborted = reading.aborted.clone();
    aborted.sort_by_key(|(_, first)| std::cmp::Reverse(*first));
    let at = Place { topic, partition };
    let inside = BTreeSet::new();
    let mut work = Work { at, reading, aborted, inside, bounds, unpacked: 0, headers: 0, out: Decoded::default() };
    let mut rest = bytes.clone();
    while rest.len() >= MAGIC {
        let (base, length) = ((&rest[0..8]).get_i64(), (&rest[8..12]).get_i32());
        let whole = usize::try_from(length).ok().and_then(|length| length.checked_add(12));
        let Some(whole) = whole.filter(|whole| *whole >= MAGIC && base >= 0) else {
            work.damaged(
                base,
                format_args!("a batch of {length} bytes at this offset cannot be; what follows is not read"),
            );
            return work.out;
        };
        if rest.len() < whole {
            break;
        }
        let batch = rest.split_to(whole);
        if work.batch(base, &batch).is_break() {
            return work.out;
        }
    }
    // A broker cuts the last batch at the limit of a reply, but never the first (KIP-74).
    if !rest.is_empty() && work.out.next_offset.is_none() {
        work.damaged(reading.from, format_args!("the answer is cut in its first batch, after {} bytes", rest.len()));
    }
    work.out
}

#[derive(Clone, Copy)]
struct Place<'a> {
    topic: &'a str,
    partition: i32,
}

struct Work<'a> {
    at: Place<'a>,
    reading: &'a Reading,
    /// Those that have not begun yet, the first one last.
    aborted: Vec<(i64, i64)>,
    /// Producers inside of an aborted transaction.
    inside: BTreeSet<i64>,
    bounds: Bounds,
    unpacked: u64,
    headers: usize,
    out: Decoded,
}

/// Why a batch is not read to its end.
enum Cut {
    Damaged,
    Codec(i16),
    TooLarge,
    TooMany(i64),
}

impl Work<'_> {
    fn note(&mut self, kind: NoteKind, base: i64, what: std::fmt::Arguments<'_>) {
        let text = format!("{}-{}@{base}: {what}", self.at.topic, self.at.partition);
        self.out.notes.push(Note { kind, text: text.into() });
    }

    fn damaged(&mut self, base: i64, what: std::fmt::Arguments<'_>) {
        self.note(NoteKind::Damaged, base, what);
    }

    fn batch(&mut self, base: i64, batch: &Bytes) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        let next = |last: i64| Some(last.max(base).saturating_add(1));
        let format = batch[16];
        if format != 2 {
            let what = if format < 2 { "messages of format" } else { "a batch of format" };
            let when = if format < 2 { " (before Kafka 0.11)" } else { "" };
            self.note(NoteKind::PartMissing, base, format_args!("{what} {format}{when}, which is not read"));
            self.out.next_offset = next(base);
            return Continue(());
        }
        if batch.len() < HEAD {
            self.damaged(base, format_args!("a batch of {} bytes is shorter than its head", batch.len()));
            self.out.next_offset = next(base);
            return Continue(());
        }
        let delta = (&batch[23..27]).get_i32();
        let last = base.saturating_add(i64::from(delta));
        if delta < 0 {
            self.damaged(base, format_args!("the batch ends {delta} offsets before it begins"));
        }
        match self.records(base, batch) {
            Ok(()) => {}
            Err(Cut::Damaged) => {
                self.damaged(base, format_args!("the batch up to offset {last} is damaged; what came before is kept"));
            }
            Err(Cut::Codec(codec)) => {
                let text = format_args!("the batch up to offset {last} is packed by codec {codec}, which is not known");
                self.note(NoteKind::PartMissing, base, text);
            }
            Err(Cut::TooLarge) => {
                let limit = self.bounds.batch >> 20;
                let text =
                    format_args!("the batch up to offset {last} unpacks to more than {limit} MiB and is left out");
                self.note(NoteKind::Truncated, base, text);
            }
            Err(Cut::TooMany(from)) => {
                self.out.next_offset = Some(from);
                return Break(());
            }
        }
        self.out.next_offset = next(last);
        Continue(())
    }

    fn records(&mut self, base: i64, batch: &Bytes) -> Result<(), Cut> {
        if (&batch[17..21]).get_u32() != crc32c(&batch[21..]) {
            // Shown all the same: a wrong sum says that something changed, not what.
            self.damaged(base, format_args!("the checksum of the batch is wrong"));
        }
        let attributes = (&batch[21..23]).get_i16();
        let (first_time, max_time) = ((&batch[27..35]).get_i64(), (&batch[35..43]).get_i64());
        let (producer_id, producer_epoch) = ((&batch[43..51]).get_i64(), (&batch[51..53]).get_i16());
        let (base_sequence, count) = ((&batch[53..57]).get_i32(), (&batch[57..61]).get_i32());
        let clock = if attributes & 0x08 == 0 { RecordClock::CreateTime } else { RecordClock::LogAppendTime };
        while self.aborted.last().is_some_and(|(_, first)| *first <= base) {
            self.inside.extend(self.aborted.pop().map(|(producer, _)| producer));
        }
        let transaction = (attributes & 0x10 != 0).then(|| match () {
            () if self.inside.contains(&producer_id) => TransactionEnd::Aborted,
            () if self.reading.stable.is_some_and(|stable| base >= stable) => TransactionEnd::Open,
            () => TransactionEnd::Committed,
        });
        let mut body = unpack(attributes & 7, &batch.slice(HEAD..), self.bounds.batch)?;
        self.unpacked += body.len() as u64;
        if self.unpacked > self.bounds.reply && self.out.next_offset.is_some() {
            return Err(Cut::TooMany(base));
        }
        for _ in 0..count {
            let record = read(&mut body, clock == RecordClock::CreateTime).ok_or(Cut::Damaged)?;
            let offset = base.checked_add(record.delta).filter(|offset| *offset >= base).ok_or(Cut::Damaged)?;
            if attributes & 0x20 != 0 {
                self.marker(offset, producer_id, record.key.as_ref());
                continue;
            }
            if offset < self.reading.from {
                continue;
            }
            self.headers += record.headers.len();
            if self.out.records.len() >= self.bounds.records || self.headers > HEADERS_LIMIT {
                return Err(Cut::TooMany(offset));
            }
            let millis = match clock {
                RecordClock::CreateTime => first_time.saturating_add(record.time),
                RecordClock::LogAppendTime => max_time,
            };
            self.out.records.push(Record {
                coordinate: Coordinate { topic: self.at.topic.into(), partition: self.at.partition, offset },
                timestamp: Timestamp::from_millis(millis),
                clock,
                key: record.key,
                value: record.value,
                headers: record.headers,
                producer_id,
                producer_epoch,
                sequence: if base_sequence < 0 { -1 } else { base_sequence.wrapping_add(record.delta as i32) },
                transaction,
                mapping: None,
                exchange: 0,
            });
        }
        if count < 0 || body.has_remaining() {
            self.damaged(base, format_args!("{} bytes stand behind the {count} records of the batch", body.len()));
        }
        Ok(())
    }

    /// Takes a transaction marker. Its key is a version and a kind, 0 for an abort and 1 for a commit; others of a kind that
    /// is not known say nothing about transactions.
    fn marker(&mut self, offset: i64, producer: i64, key: Option<&Bytes>) {
        let Some(mut key) = key.cloned().filter(|key| key.len() >= 4) else {
            self.damaged(offset, format_args!("a control record without a kind"));
            return;
        };
        let (_, kind) = (key.get_i16(), key.get_i16());
        match kind {
            0 => _ = self.inside.remove(&producer),
            1 => {}
            _ => return,
        }
        if offset >= self.reading.from {
            self.out.markers.push((offset, kind == 1));
        }
    }
}

struct Raw {
    time: i64,
    delta: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<Header>,
}

fn read(body: &mut Bytes, has_time: bool) -> Option<Raw> {
    let mut record = blob(body)??;
    record.has_remaining().then(|| record.advance(1))?;
    let (time, delta) = (varint(&mut record)?, varint(&mut record)?);
    let (key, value) = (blob(&mut record)?, blob(&mut record)?);
    let mut headers = Vec::new();
    let count = usize::try_from(varint(&mut record)?).ok().filter(|count| *count <= HEADERS_OF_RECORD)?;
    for _ in 0..count {
        headers.push(Header { key: blob(&mut record)??, value: blob(&mut record)? });
    }
    Some(Raw { time: if has_time { time } else { 0 }, delta, key, value, headers })
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

fn unpack(codec: i16, packed: &Bytes, limit: u64) -> Result<Bytes, Cut> {
    let read = |from: &mut dyn Read| {
        let mut out = Vec::new();
        from.take(limit).read_to_end(&mut out).map_err(|_| Cut::Damaged)?;
        if out.len() as u64 >= limit { Err(Cut::TooLarge) } else { Ok(Bytes::from(out)) }
    };
    match codec {
        0 => Ok(packed.clone()),
        1 => read(&mut flate2::read::MultiGzDecoder::new(&packed[..])),
        2 => snappy(packed, limit),
        3 => read(&mut lz4_flex::frame::FrameDecoder::new(&packed[..])),
        4 => read(&mut ruzstd::decoding::StreamingDecoder::new(&packed[..]).map_err(|_| Cut::Damaged)?),
        _ => Err(Cut::Codec(codec)),
    }
}

/// Snappy comes bare, or in the framing of the Java library: a head of 16 bytes, then blocks with their lengths.
fn snappy(packed: &Bytes, limit: u64) -> Result<Bytes, Cut> {
    let block = |bytes: &[u8], room: u64| {
        let declared = snap::raw::decompress_len(bytes).map_err(|_| Cut::Damaged)? as u64;
        if declared >= room {
            return Err(Cut::TooLarge);
        }
        snap::raw::Decoder::new().decompress_vec(bytes).map_err(|_| Cut::Damaged)
    };
    if !packed.starts_with(b"\x82SNAPPY\0") {
        return block(packed, limit).map(Bytes::from);
    }
    let (mut rest, mut out) = (packed.get(16..).ok_or(Cut::Damaged)?, Vec::new());
    while rest.len() >= 4 {
        let length = (&rest[..4]).get_u32() as usize;
        let end = length.checked_add(4).ok_or(Cut::Damaged)?;
        let bytes = rest.get(4..end).ok_or(Cut::Damaged)?;
        out.extend(block(bytes, limit - out.len() as u64)?);
        rest = &rest[end..];
    }
    if rest.is_empty() { Ok(Bytes::from(out)) } else { Err(Cut::Damaged) }
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
mod tests;
