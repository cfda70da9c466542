//! Reads one record: at an offset, or the first one since a time.

use super::sources::SourceSet;
use crate::model::ask::NoteKind;
use crate::model::record::{RecordRead, RecordWanted};
use crate::model::{Ask, Keep, Note, Rows, SafeText, ScanFrom, SourceKind};
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

/// Reads a record. `zone` is what a time is written in where there is no record since then.
pub async fn read_record(
    sources: &SourceSet,
    wanted: RecordWanted,
    zone: &TimeZone,
    cancel: &CancellationToken,
) -> RecordRead {
    let budgets = sources.budgets(cancel);
    let ask = match &wanted {
        RecordWanted::At(at) => Ask::Record(at.clone()),
        RecordWanted::Since { topic, partition, time } => Ask::ScanRecords {
            topic: topic.clone(),
            partition: *partition,
            from: ScanFrom::Time(*time),
            limit: 1,
            keep: Keep::default(),
        },
    };
    let reply = sources.ask_of(SourceKind::Kafka, &ask, &budgets, None).await;
    let mut read =
        RecordRead { request: reply.exchanges.last().map(|one| one.request.clone()), ..RecordRead::of(wanted) };
    match reply.outcome {
        Ok(answer) => {
            read.notes = answer.notes;
            if let Rows::Records(records) = answer.rows {
                read.record = records.into_iter().next();
            }
        }
        Err(fault) => read.faults.push(fault),
    }
    if let RecordWanted::Since { topic, partition, time } = &read.wanted {
        // That there are more records behind the first one is no news.
        read.notes.retain(|note| note.kind != NoteKind::Truncated);
        if read.record.is_none() && read.notes.is_empty() && read.faults.is_empty() {
            let text = format!("{topic}-{partition} holds no record since {}", time.date_clock(zone));
            read.notes.push(Note { kind: NoteKind::NotFound, text: SafeText::new(&text) });
        }
    }
    read
}
