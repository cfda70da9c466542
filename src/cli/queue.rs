//! `hopscope queue`: lag, groups, topics, one record.

use super::args::{Arguments, QueueVerb};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{settings, signals, verbs};
use crate::config::keys;
use crate::export::queue::{
    self, ContentsRow, LagRow, Line, RecordDocument, Table, TransactionRow, group_rows, lag_rows, topic_rows,
};
use crate::export::report::RecordReport;
use crate::export::{Look, json};
use crate::investigate::sources::Budgets;
use crate::investigate::{SourceSet, contents, read_record};
use crate::model::ask::NoteKind;
use crate::model::record::{RecordRead, RecordWanted};
use crate::model::{Ask, Coordinate, Keep, Nanos, Note, QueueState, Rows, ScanFrom, SourceKind, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// Records that `queue lag --times` reads at most.
const TIMES: usize = 200;

/// A question that is being asked.
struct Asking<'a> {
    sources: &'a SourceSet,
    budgets: &'a Budgets,
    caught: signals::Caught,
    out: &'a Out,
    look: Look,
}

/// `hopscope queue ...`.
pub fn run(arguments: &Arguments, verb: &QueueVerb, out: &Out) -> Result<Exit, Failure> {
    let look = settings::look(arguments)?;
    // A mistake in the arguments is told before anybody is asked.
    let wanted = if let QueueVerb::Record { at } = verb { Some(wanted_of(at)?) } else { None };
    let profile = settings::loaded(arguments)?.profile;
    let runtime = verbs::runtime_of_one()?;
    let _inside = runtime.enter();
    let sources = verbs::open(arguments, &profile)?.only(&[SourceKind::Kafka]);
    let cancel = CancellationToken::new();
    let caught = signals::listen(cancel.clone());
    let budgets = sources.budgets(&cancel);
    let asking = Asking { sources: &sources, budgets: &budgets, caught, out, look };
    let done = runtime.block_on(async {
        match (verb, wanted) {
            (QueueVerb::Lag { times }, _) => asking.lag(*times).await,
            (QueueVerb::Groups, _) => asking.groups().await,
            (QueueVerb::Topics, _) => asking.topics().await,
            (QueueVerb::Record { .. }, wanted) => asking.record(wanted.expect("read above"), &cancel).await,
        }
    });
    out.account(&sources);
    done
}

impl Asking<'_> {
    async fn ask(&self, ask: &Ask) -> Result<(Rows, Vec<Note>), Failure> {
        let reply = self.sources.ask(ask, self.budgets).await;
        match reply.outcome {
            Ok(answer) => Ok((answer.rows, answer.notes)),
            Err(fault) => {
                let exit = self.caught.or(Exit::of_faults(std::iter::once(&fault)));
                Err(Failure::faults(&[fault], exit))
            }
        }
    }

    async fn state(&self, ask: &Ask) -> Result<(QueueState, Vec<Note>), Failure> {
        match self.ask(ask).await? {
            (Rows::Queues(state), notes) => Ok((*state, notes)),
            _ => unreachable!("a question about queues is answered with queues"),
        }
    }

    /// The exit code: a remark weakens nothing, and nothing to show is an answer of its own.
    fn exit(&self, notes: &[Note], is_empty: bool) -> Exit {
        self.caught.or(match (is_complete(notes), is_empty) {
            (false, _) => Exit::Partial,
            (true, true) => Exit::Nothing,
            (true, false) => Exit::Answered,
        })
    }

    async fn lag(&self, times: bool) -> Result<Exit, Failure> {
        let (state, mut notes) = self.state(&Ask::Queues).await?;
        // Only what is looked at more than once is kept: of many groups the rows take more memory than all that was told.
        let mut kept = if times || self.out.is_json() { Some(lag_rows(&state).collect::<Vec<_>>()) } else { None };
        if let (true, Some(rows)) = (times, &mut kept) {
            self.times(rows, state.at, &mut notes).await;
        }
        let transactions = state.transactions.iter().map(|found| queue::transaction(found, &self.look.zone));
        transactions.for_each(|text| self.out.remark(&text));
        if let Some(rows) = kept {
            return Ok(self.table("hopscope/lag/1", &state, &rows, (Some(TransactionRow::all(&state)), &notes)));
        }
        let exit = self.exit(&notes, state.groups.iter().all(|group| group.commits.is_empty()));
        for note in &notes {
            self.out.remark(note.text.as_str());
        }
        Ok(self.out.write(|out| queue::table(lag_rows(&state), out), exit))
    }

    /// Reads the record that each lagging group would read next: how old it is says for how long it has waited.
    async fn times(&self, rows: &mut [LagRow], now: Timestamp, notes: &mut Vec<Note>) {
        let mut lagging: Vec<&mut LagRow> = rows.iter_mut().filter(|row| row.lag.is_some_and(|lag| lag > 0)).collect();
        lagging.sort_by_key(|row| std::cmp::Reverse(row.lag));
        if lagging.len() > TIMES {
            let text = format!("{} partitions lag; the times of the {TIMES} worst were read", lagging.len());
            notes.push(Note { kind: NoteKind::Truncated, text: text.into() });
            lagging.truncate(TIMES);
        }
        let ask = |row: &LagRow| Ask::ScanRecords {
            topic: row.topic.as_str().into(),
            partition: row.partition,
            from: ScanFrom::Offset(row.committed.unwrap_or(0).max(row.start.unwrap_or(0))),
            limit: 1,
            keep: Keep::default(),
        };
        let asks: Vec<Ask> = lagging.iter().map(|row| ask(row)).collect();
        let answers = futures_util::future::join_all(asks.iter().map(|ask| self.ask(ask))).await;
        for (row, answer) in lagging.into_iter().zip(answers) {
            match answer {
                Ok((Rows::Records(records), said)) => {
                    if let Some(record) = records.first() {
                        *row = row.clone().with_next(record.timestamp, now);
                    }
                    // That there are more records behind the first one is no news.
                    notes.extend(said.into_iter().filter(|note| note.kind != NoteKind::Truncated));
                }
                Ok(_) => {}
                Err(why) => notes.push(Note { kind: NoteKind::PartMissing, text: why.summary() }),
            }
        }
        notes.sort_by(|a, b| (a.kind, &a.text).cmp(&(b.kind, &b.text)));
        notes.dedup();
    }

    async fn groups(&self) -> Result<Exit, Failure> {
        let (state, notes) = self.state(&Ask::Queues).await?;
        Ok(self.table("hopscope/groups/1", &state, &group_rows(&state), (None, &notes)))
    }

    async fn topics(&self) -> Result<Exit, Failure> {
        let (state, notes) = self.state(&Ask::TopicsInFull).await?;
        Ok(self.table("hopscope/topics/1", &state, &topic_rows(&state), (None, &notes)))
    }

    fn table<R: Line + Serialize>(
        &self,
        schema: &'static str,
        state: &QueueState,
        rows: &[R],
        (transactions, notes): (Option<Vec<TransactionRow>>, &[Note]),
    ) -> Exit {
        let exit = self.exit(notes, rows.is_empty());
        for note in notes {
            self.out.remark(note.text.as_str());
        }
        if !self.out.is_json() {
            return self.out.write(|out| queue::table(rows, out), exit);
        }
        let (at, complete, exit_code) = (state.at.0, is_complete(notes), exit.code());
        self.out.data(&json::write(&Table { schema, at, complete, rows, transactions, notes, exit: exit_code }), exit)
    }

    async fn record(&self, wanted: RecordWanted, cancel: &CancellationToken) -> Result<Exit, Failure> {
        let RecordRead { record, notes, faults, .. } = read_record(self.sources, wanted, &self.look.zone, cancel).await;
        if !faults.is_empty() {
            let exit = self.caught.or(Exit::of_faults(faults.iter()));
            return Err(Failure::faults(&faults, exit));
        }
        let found = record.as_ref();
        // Not there is an answer; not seen is none, and neither is what was there once.
        let unseen = |note: &Note| !matches!(note.kind, NoteKind::Remark | NoteKind::NotFound);
        let complete = !notes.iter().any(unseen);
        let exit = self.caught.or(match (complete, found) {
            (false, _) => Exit::Partial,
            (true, None) => Exit::Nothing,
            (true, Some(_)) => Exit::Answered,
        });
        for note in &notes {
            self.out.remark(note.text.as_str());
        }
        if self.out.is_json() {
            let record = found.map(RecordReport::of);
            let (schema, exit_code) = ("hopscope/record/1", exit.code());
            let contents = found.map(|found| ContentsRow::of(&contents(found)));
            let document = RecordDocument { schema, complete, record, contents, notes: &notes, exit: exit_code };
            return Ok(self.out.data(&json::write(&document), exit));
        }
        Ok(self.out.data(
            &found.map_or_else(String::new, |found| queue::record(found, &contents(found), &self.look.zone)),
            exit,
        ))
    }
}

/// Reads `topic-partition@offset`, or a time in the place of the offset.
fn wanted_of(text: &str) -> Result<RecordWanted, Failure> {
    if let Some(at) = Coordinate::parse(text) {
        return Ok(RecordWanted::At(at));
    }
    let wrong = |what: &str| {
        let fix = "write it as orders-7@88213, orders-7@2026-05-04T13:00:00Z or orders-7@15m (so long ago)";
        Failure::mistake("record", what, fix)
    };
    let (place, time) = text.split_once('@').ok_or_else(|| wrong(&format!("`{text}` has no offset")))?;
    // An offset makes the place one that can be read.
    let at = Coordinate::parse(&format!("{place}@0")).ok_or_else(|| wrong(&format!("`{place}` is no partition")))?;
    let ago =
        |ago: std::time::Duration| i64::try_from(ago.as_nanos()).ok().map(|ago| settings::now().plus(Nanos(-ago)));
    let time = keys::duration(time)
        .and_then(ago)
        .or_else(|| {
            let instant = time.parse::<jiff::Timestamp>().ok()?;
            i64::try_from(instant.as_nanosecond()).ok().map(Timestamp)
        })
        .ok_or_else(|| wrong(&format!("`{time}` is neither an offset nor a time")))?;
    Ok(RecordWanted::Since { topic: at.topic, partition: at.partition, time })
}

fn is_complete(notes: &[Note]) -> bool {
    notes.iter().all(|note| note.kind == NoteKind::Remark)
}
