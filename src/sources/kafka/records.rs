//! Records by coordinate, and bounded scans.

use super::client::{Layout, name};
use super::offsets::{END, Isolation, START};
use super::question::Question;
use super::words::{has_moved, note, refusal};
use crate::decode::batches::{self, Decoded, Reading};
use crate::decode::headers::trail;
use crate::decode::ids::contains_token;
use crate::model::ask::NoteKind;
use crate::model::record::TransactionEnd;
use crate::model::{Answer, Coordinate, Fault, FaultKind, Header, Keep, Note, Record, Rows, ScanFrom, Timestamp};
use crate::sources::shell::word;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest};
use std::sync::Arc;

/// Records of one answer, and where the partition began and ended when it was given.
struct Fetched {
    decoded: Decoded,
    end: i64,
    stable: i64,
}

/// Bytes asked of one fetch; a larger batch still comes whole.
const FETCH_BYTES: i32 = 1 << 20;
/// The same where one record is wanted, or a few.
const RECORD_BYTES: i32 = 64 << 10;
const FEW: u32 = 10;
/// Milliseconds that a broker may wait for records to come; none is waited for here.
const WAIT_MS: i32 = 0;
/// Bytes of records that one scan may look at.
const SCAN_BYTES: usize = 64 << 20;

impl Question<'_> {
    /// Fetches what comes in one answer from `offset` on. A leader that has moved or is gone is looked up once in fresh
    /// metadata, which then stands in `layout`.
    async fn fetch(
        &self,
        layout: &mut Arc<Layout>,
        at: (&str, i32, i64),
        bytes: i32,
    ) -> Result<Result<Fetched, i16>, Fault> {
        let first = self.fetch_once(layout, at, bytes).await;
        let is_gone = |fault: &Fault| matches!(fault.kind, FaultKind::Unreachable | FaultKind::TimedOut);
        let has_moved = match &first {
            Ok(Ok(_)) => false,
            Ok(Err(code)) => has_moved(*code),
            Err(fault) => is_gone(fault),
        };
        if !has_moved || !self.may_refresh() {
            return first;
        }
        let leader = layout.leader(at.0, at.1);
        *layout = self.new_routes().await?;
        // The one that is gone is not asked again.
        if first.is_err() && layout.leader(at.0, at.1) == leader {
            first
        } else {
            self.fetch_once(layout, at, bytes).await
        }
    }

    /// Records are read as a consumer sees them that reads committed ones, since only that answer names what was aborted; behind
    /// an open transaction they are read as they are.
    async fn fetch_once(
        &self,
        layout: &Layout,
        at: (&str, i32, i64),
        bytes: i32,
    ) -> Result<Result<Fetched, i16>, Fault> {
        let committed = self.fetch_as(layout, at, bytes, Isolation::Committed).await?;
        match &committed {
            Ok(fetched) if fetched.decoded.next_offset.is_none() && at.2 >= fetched.stable && at.2 < fetched.end => {
                self.fetch_as(layout, at, bytes, Isolation::Uncommitted).await
            }
            Ok(_) | Err(_) => Ok(committed),
        }
    }

    async fn fetch_as(
        &self,
        layout: &Layout,
        (topic, partition, offset): (&str, i32, i64),
        bytes: i32,
        isolation: Isolation,
    ) -> Result<Result<Fetched, i16>, Fault> {
        let Some(address) = layout.leader(topic, partition) else { return Ok(Err(5)) };
        let id = layout.topic_ids.get(topic).copied().unwrap_or_default();
        let shown = format!("kcat -C -e -b {} -t {} -p {partition} -o {offset}", word(&address), word(topic));
        // Version 13 and later name topics by id, which brokers before 2.8 do not give.
        let newest = if id.is_nil() { 12 } else { i16::MAX };
        let build = |version| {
            let part = FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(offset)
                .with_partition_max_bytes(bytes)
                .with_current_leader_epoch(-1);
            let mut asked = FetchTopic::default().with_partitions(vec![part]);
            asked = if version >= 13 { asked.with_topic_id(id) } else { asked.with_topic(name(topic)) };
            let request = FetchRequest::default()
                .with_max_wait_ms(WAIT_MS)
                .with_min_bytes(1)
                .with_max_bytes(bytes)
                .with_isolation_level(i8::from(isolation == Isolation::Committed))
                .with_topics(vec![asked]);
            let request = if version >= 7 { request.with_session_epoch(-1) } else { request };
            if version < 15 { request.with_replica_id(BrokerId(-1)) } else { request }
        };
        let (answer, _) = self.call((&address, shown), newest, build).await?;
        if answer.error_code != 0 {
            return Ok(Err(answer.error_code));
        }
        let Some(part) = answer.responses.into_iter().flat_map(|topic| topic.partitions).next() else {
            return Ok(Err(3));
        };
        if part.error_code != 0 {
            return Ok(Err(part.error_code));
        }
        let aborted = part.aborted_transactions.unwrap_or_default();
        let aborted = aborted.iter().map(|aborted| (aborted.producer_id.0, aborted.first_offset)).collect();
        let stable = Some(part.last_stable_offset).filter(|stable| *stable >= 0);
        let reading = Reading { from: offset, stable, aborted };
        let mut decoded = batches::decode_as(topic, partition, &part.records.unwrap_or_default(), &reading);
        if let Some(mapping) = self.kafka.mapping() {
            for record in &mut decoded.records {
                record.mapping = Some(Arc::clone(mapping));
            }
        }
        self.brought(decoded.records.len());
        Ok(Ok(Fetched { decoded, end: part.high_watermark, stable: part.last_stable_offset }))
    }

    /// Returns one record.
    pub(super) async fn record(&self, at: &Coordinate) -> Result<Answer, Fault> {
        let mut layout = self.routes().await?;
        let mut notes = Vec::new();
        if layout.state.partition(&at.topic, at.partition).is_none() {
            notes.push(unseen(&at.topic, at.partition));
            return Ok(Answer { rows: Rows::Records(Vec::new()), notes });
        }
        let mut found = Vec::new();
        match self.fetch(&mut layout, (&at.topic, at.partition, at.offset), RECORD_BYTES).await? {
            Ok(Fetched { decoded, end, .. }) => {
                notes.extend(decoded.notes);
                found.extend(decoded.records.into_iter().filter(|record| record.coordinate == *at));
                let marker = decoded.markers.iter().find(|(offset, _)| *offset == at.offset);
                match (&found[..], marker) {
                    ([record], _) => notes.extend(fate(record)),
                    (_, Some((_, commits))) => {
                        let what = if *commits { "commits" } else { "aborts" };
                        let text = format!("{at} is no record but the marker that {what} a transaction");
                        notes.push(note(NoteKind::NotFound, text));
                    }
                    _ if at.offset >= end => notes
                        .push(note(NoteKind::NotFound, format!("{at} is not written: the log ends at offset {end}"))),
                    // What could not be read may be what was asked for.
                    _ if notes.is_empty() => {
                        notes.push(note(
                            NoteKind::NotFound,
                            format!("{at} holds no record: it was compacted away, or never one"),
                        ));
                    }
                    _ => {}
                }
            }
            Err(1) => notes.push(self.outside(&layout, at).await?),
            Err(code) => notes.push(refusal(code, &format!("{}-{}", at.topic, at.partition))),
        }
        Ok(Answer { rows: Rows::Records(found), notes })
    }

    /// Says on which side of the log an offset out of range lies.
    async fn outside(&self, layout: &Layout, at: &Coordinate) -> Result<Note, Fault> {
        let offset = |time| self.offset_at(layout, (&at.topic, at.partition), time);
        let (Some(start), Some(end)) = (offset(START).await?, offset(END).await?) else {
            let text = format!("{at} is out of range, and where the log begins and ends was not told");
            return Ok(note(NoteKind::PartMissing, text));
        };
        Ok(if at.offset < start {
            note(NoteKind::OutOfRetention, format!("{at} is no longer kept: the log begins at offset {start}"))
        } else {
            note(NoteKind::NotFound, format!("{at} is not written: the log ends at offset {end}"))
        })
    }

    /// Returns the first offset at or after an instant. A leader that has moved is looked up once.
    async fn first(
        &self,
        layout: &mut Arc<Layout>,
        place: (&str, i32),
        at: Timestamp,
    ) -> Result<Result<Option<i64>, i16>, Fault> {
        // Times below zero name places instead, and nothing was written before 1970.
        let time = at.millis().max(0);
        let found = self.since(layout, place, time).await?;
        if !found.is_err_and(has_moved) || !self.may_refresh() {
            return Ok(found);
        }
        *layout = self.new_routes().await?;
        self.since(layout, place, time).await
    }

    /// Returns the records of a range that are worth keeping. Those of aborted transactions are left out and counted.
    pub(super) async fn scan(
        &self,
        (topic, partition): (&str, i32),
        from: ScanFrom,
        (limit, keep): (u32, &Keep),
    ) -> Result<Answer, Fault> {
        let mut layout = self.routes().await?;
        let place = (topic, partition);
        let mut notes = Vec::new();
        let nothing = |notes| Ok(Answer { rows: Rows::Records(Vec::new()), notes });
        if layout.state.partition(topic, partition).is_none() {
            notes.push(unseen(topic, partition));
            return nothing(notes);
        }
        let mut next = match from {
            ScanFrom::Offset(offset) => offset,
            ScanFrom::Tail(count) => {
                let end = self.offset_at(&layout, place, END).await?.unwrap_or(0);
                (end - i64::from(count)).max(0)
            }
            ScanFrom::Time(at) | ScanFrom::Earlier { at, .. } => match self.first(&mut layout, place, at).await? {
                Ok(Some(offset)) => {
                    if let ScanFrom::Earlier { read, .. } = from
                        && self.first(&mut layout, place, read).await? == Ok(Some(offset))
                    {
                        return nothing(notes);
                    }
                    offset
                }
                // Nothing was written since.
                Ok(None) => return nothing(notes),
                Err(code) => {
                    notes.push(refusal(code, &format!("offsets of {topic}-{partition}")));
                    return nothing(notes);
                }
            },
        };
        let size = if limit <= FEW { RECORD_BYTES } else { FETCH_BYTES };
        let (mut kept, mut seen, mut bytes, mut aborted) = (Vec::new(), 0u32, 0usize, 0u32);
        let mut begun = false;
        loop {
            let (decoded, end) = match self.fetch(&mut layout, (topic, partition, next), size).await? {
                Ok(Fetched { decoded, end, .. }) => (decoded, end),
                // Before the start of the log, or behind its end: the scan begins where the log does.
                Err(1) if !std::mem::replace(&mut begun, true) => {
                    match self.offset_at(&layout, place, START).await?.filter(|start| *start > next) {
                        Some(start) => next = start,
                        None => break,
                    }
                    continue;
                }
                Err(code) => {
                    notes.push(refusal(code, &format!("{topic}-{partition}@{next}")));
                    break;
                }
            };
            begun = true;
            notes.extend(decoded.notes);
            // Compaction and markers leave holes, so the next fetch begins behind the last batch, not the last record.
            let mut after = decoded.next_offset.filter(|after| *after > next && *after < end);
            let (allowed, spent) = self.allowed(decoded.records.len());
            for record in decoded.records.into_iter().take(allowed) {
                if seen >= limit {
                    after = Some(record.coordinate.offset);
                    break;
                }
                seen += 1;
                bytes += record.key.as_ref().map_or(0, bytes::Bytes::len)
                    + record.value.as_ref().map_or(0, bytes::Bytes::len);
                if record.transaction == Some(TransactionEnd::Aborted) {
                    aborted += 1;
                } else if keep.is_all() {
                    kept.push(record);
                } else if keeps(keep, &record) {
                    kept.push(apart(record));
                }
            }
            match after {
                Some(after) => next = after,
                None => break,
            }
            if let Some(fault) = spent {
                let text = format!("{topic}-{partition}: {} after {seen} records", fault.came);
                notes.push(note(NoteKind::Truncated, text));
                break;
            }
            if seen >= limit || bytes >= SCAN_BYTES {
                let text = format!(
                    "{topic}-{partition}: {seen} records were read up to offset {next}, {} offsets were not",
                    end - next
                );
                notes.push(note(NoteKind::Truncated, text));
                break;
            }
        }
        if aborted > 0 {
            let text = format!("{topic}-{partition}: {aborted} records of aborted transactions are left out");
            notes.push(note(NoteKind::Remark, text));
        }
        Ok(Answer { rows: Rows::Records(kept), notes })
    }
}

fn unseen(topic: &str, partition: i32) -> Note {
    note(NoteKind::NotFound, format!("no partition {topic}-{partition} is visible to this user"))
}

/// Says what is special about a record of a transaction.
fn fate(record: &Record) -> Option<Note> {
    let at = &record.coordinate;
    let text = match record.transaction? {
        TransactionEnd::Committed => return None,
        TransactionEnd::Aborted => {
            format!("{at} belongs to an aborted transaction: consumers that read committed records never see it")
        }
        TransactionEnd::Open => {
            format!("{at} is not decided: its transaction is open, or stands behind one that is")
        }
    };
    Some(note(NoteKind::Remark, text))
}

/// Copies a record out of its batch, which would be kept whole otherwise.
fn apart(record: Record) -> Record {
    let copy = |bytes: bytes::Bytes| bytes::Bytes::copy_from_slice(&bytes);
    Record {
        key: record.key.map(copy),
        value: record.value.map(copy),
        headers: record
            .headers
            .into_iter()
            .map(|header| Header { key: copy(header.key), value: header.value.map(copy) })
            .collect(),
        ..record
    }
}

fn keeps(keep: &Keep, record: &Record) -> bool {
    let holds = |bytes: &bytes::Bytes| {
        let text = String::from_utf8_lossy(bytes);
        keep.texts.iter().any(|needle| contains_token(&text, needle))
    };
    // Originals stand in headers as topic, partition and offset, in text or in big-endian bytes.
    let points_to = |origin: &Coordinate| {
        let has = |wanted: &[u8]| record.headers.iter().any(|header| header.value.as_deref() == Some(wanted));
        has(origin.topic.as_bytes())
            && (has(&origin.offset.to_be_bytes()) || has(origin.offset.to_string().as_bytes()))
            && (has(&origin.partition.to_be_bytes()) || has(origin.partition.to_string().as_bytes()))
    };
    // What the profile or a family reads otherwise: numbers as short as they can be, a key that holds the original.
    let is_copy =
        || !keep.origins.is_empty() && trail(record).origin.is_some_and(|origin| keep.origins.contains(&origin));
    keep.is_all()
        || record.key.as_ref().is_some_and(|key| keep.keys.contains(key))
        || record.key.as_ref().is_some_and(holds)
        || record.value.as_ref().is_some_and(holds)
        || record.headers.iter().filter_map(|header| header.value.as_ref()).any(holds)
        || keep.origins.iter().any(points_to)
        || is_copy()
}
