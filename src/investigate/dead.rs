//! Reads letters: the newest records of the topics that hold copies made after a failure, or may.
//!
//! Topics whose names say so are read first; of the others a few records each are looked at, and where their headers tell of
//! a failure, the topic is read as well. Every reading is bounded, and what lies beyond it is a note.

use super::sources::{Budgets, SourceSet};
use crate::correlate::letters::{self, TopicRead};
use crate::model::ask::NoteKind;
use crate::model::queue::{Partition, Topic};
use crate::model::{Ask, Dead, Keep, Note, QueueState, Record, Reply, Rows, ScanFrom, SourceKind, Timestamp};
use futures_util::future::join_all;
use smol_str::SmolStr;
use tokio_util::sync::CancellationToken;

/// Newest offsets of a topic that are read, unless the person says otherwise.
pub const NEWEST: u32 = 1_000;
/// The least of a partition, however many there are.
const LEAST: u32 = 20;
/// Topics that are read because of their name.
const NAMED: usize = 100;
/// Topics with other names that are looked at, and how many of their newest records.
const LOOKED_AT: usize = 60;
const GLANCE: u32 = 5;
/// Records that may come in while the newest are read.
const SLACK: u32 = 1_000;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// One topic alone, whatever its name.
    pub topic: Option<SmolStr>,
    /// Newest offsets of each topic.
    pub newest: u32,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { topic: None, newest: NEWEST }
    }
}

/// Reads letters as they are at `at`. `publish` is called when the topics are known, when those that are named so were read,
/// and at the end.
pub async fn read_dead(
    sources: &SourceSet,
    at: Timestamp,
    wanted: &Wanted,
    cancel: &CancellationToken,
    mut publish: impl FnMut(&Dead),
) -> Dead {
    let budgets = sources.budgets(cancel);
    let mut reading = Reading { sources, budgets: &budgets, dead: Dead { at, ..Dead::default() } };
    publish(&reading.dead);
    let reply = sources.ask_of(SourceKind::Kafka, &Ask::Queues, &budgets, None).await;
    let Some(Rows::Queues(state)) = reading.take(reply) else { return reading.dead };
    reading.dead.is_answered = true;
    let has_groups = !reading.dead.notes.iter().any(|note| note.kind != NoteKind::Remark);
    let (mut chosen, others) = reading.choose(&state, wanted);
    publish(&reading.dead);
    let mut reads = reading.read(&chosen, wanted.newest).await;
    reading.sort(&state, reads.clone(), has_groups);
    publish(&reading.dead);
    let found = reading.look(&others).await;
    if !found.is_empty() {
        let more = reading.read(&found, wanted.newest).await;
        reads.extend(more);
        chosen.extend(found);
        reading.sort(&state, reads, has_groups);
    }
    reading.note_gaps();
    publish(&reading.dead);
    reading.dead
}

struct Reading<'a> {
    sources: &'a SourceSet,
    budgets: &'a Budgets,
    dead: Dead,
}

/// The newest `count` offsets of a partition, as far as they are kept.
fn newest(partition: &Partition, count: u32) -> Option<(i64, i64)> {
    let (start, end) = (partition.start?, partition.end?);
    (end > start).then(|| ((end - i64::from(count)).max(start), end))
}

fn kept(topic: &Topic) -> i64 {
    topic.partitions.iter().filter_map(|part| Some((part.end? - part.start?).max(0))).sum()
}

impl Reading<'_> {
    fn note(&mut self, kind: NoteKind, text: String) {
        self.dead.notes.push(Note { kind, text: text.into() });
    }

    /// Takes what an answer says about itself, and returns its rows.
    fn take(&mut self, reply: Reply) -> Option<Rows> {
        self.dead.exchanges.extend(reply.exchanges);
        match reply.outcome {
            Ok(answer) => {
                self.heed(answer.notes, |_| true);
                Some(answer.rows)
            }
            Err(fault) => {
                if !self.dead.faults.contains(&fault) {
                    self.dead.faults.push(fault);
                }
                None
            }
        }
    }

    fn heed(&mut self, notes: Vec<Note>, wanted: impl Fn(&Note) -> bool) {
        for note in notes.into_iter().filter(wanted) {
            if !self.dead.notes.contains(&note) {
                self.dead.notes.push(note);
            }
        }
    }

    /// Chooses the topics that are read, and those that are looked at.
    fn choose<'s>(&mut self, state: &'s QueueState, wanted: &Wanted) -> (Vec<&'s Topic>, Vec<&'s Topic>) {
        if let Some(name) = &wanted.topic {
            let found = state.topic(name);
            if found.is_none() {
                self.note(NoteKind::NotFound, format!("no topic {name} is visible to this user"));
            }
            return (found.into_iter().collect(), Vec::new());
        }
        let all = state.topics.iter().filter(|topic| !letters::is_internal(&topic.name));
        let (mut named, mut others): (Vec<&Topic>, Vec<&Topic>) =
            all.partition(|topic| letters::is_named_so(&topic.name));
        if named.len() > NAMED {
            let text = format!("{} topics are called so; the first {NAMED} by name were read", named.len());
            self.note(NoteKind::Truncated, text);
            named.truncate(NAMED);
        }
        others.retain(|topic| kept(topic) > 0);
        if others.len() > LOOKED_AT {
            let text = format!(
                "{} topics have other names; the newest records of {LOOKED_AT} of them were looked at",
                others.len()
            );
            self.note(NoteKind::Truncated, text);
            others.truncate(LOOKED_AT);
        }
        (named, others)
    }

    /// Reads the newest records of topics. Each partition has its part of them.
    async fn read(&mut self, topics: &[&Topic], wanted: u32) -> Vec<TopicRead> {
        let mut asks = Vec::new();
        let mut reads = Vec::new();
        for (place, topic) in topics.iter().enumerate() {
            let filled = topic.partitions.iter().filter(|part| newest(part, 1).is_some()).count() as u32;
            let count = (wanted / filled.max(1)).max(LEAST.min(wanted));
            let (mut older, mut covered) = (0, 0);
            for partition in &topic.partitions {
                let Some((from, end)) = newest(partition, count) else { continue };
                older += from - partition.start.unwrap_or(from);
                covered += end - from;
                let ask = Ask::ScanRecords {
                    topic: topic.name.clone(),
                    partition: partition.index,
                    from: ScanFrom::Offset(from),
                    limit: count.saturating_add(SLACK),
                    keep: Keep::default(),
                };
                asks.push((place, ask));
            }
            reads.push(TopicRead { topic: topic.name.clone(), records: Vec::new(), older, covered });
        }
        let (sources, budgets) = (self.sources, self.budgets);
        let replies = join_all(asks.iter().map(|(_, ask)| sources.ask_of(SourceKind::Kafka, ask, budgets, None))).await;
        for ((place, ask), reply) in asks.iter().zip(replies) {
            match self.take(reply) {
                Some(Rows::Records(records)) => reads[*place].records.extend(records),
                Some(_) => {}
                None => {
                    if let Ask::ScanRecords { topic, partition, .. } = ask {
                        self.note(NoteKind::PartMissing, format!("{topic}-{partition} was not read"));
                    }
                }
            }
        }
        reads
    }

    /// Looks at a few of the newest records of topics, in the partition that keeps the most, and returns those whose records
    /// tell of a failure.
    async fn look<'s>(&mut self, topics: &[&'s Topic]) -> Vec<&'s Topic> {
        let mut asks = Vec::new();
        for topic in topics {
            let fullest = topic.partitions.iter().max_by_key(|part| Some(part.end? - part.start?));
            let Some((partition, (from, _))) = fullest.and_then(|part| Some((part, newest(part, GLANCE)?))) else {
                continue;
            };
            let ask = Ask::ScanRecords {
                topic: topic.name.clone(),
                partition: partition.index,
                from: ScanFrom::Offset(from),
                limit: GLANCE,
                keep: Keep::default(),
            };
            asks.push((*topic, ask));
        }
        let (sources, budgets) = (self.sources, self.budgets);
        let replies = join_all(asks.iter().map(|(_, ask)| sources.ask_of(SourceKind::Kafka, ask, budgets, None))).await;
        let mut found = Vec::new();
        for ((topic, _), reply) in asks.iter().zip(replies) {
            self.dead.exchanges.extend(reply.exchanges);
            match reply.outcome {
                Ok(answer) => {
                    // That there are more records behind these is no news.
                    self.heed(answer.notes, |note| note.kind != NoteKind::Truncated);
                    let tells = |record: &Record| letters::tells_of_failure(record);
                    if matches!(&answer.rows, Rows::Records(records) if records.iter().any(tells)) {
                        found.push(*topic);
                    }
                }
                Err(fault) => {
                    self.note(NoteKind::PartMissing, format!("{} was not looked at", topic.name));
                    if !self.dead.faults.contains(&fault) {
                        self.dead.faults.push(fault);
                    }
                }
            }
        }
        let looked = asks.len();
        if looked > 0 {
            let text = format!(
                "{looked} topics with other names: their newest {GLANCE} records were looked at in one partition each, {} hold \
                 letters",
                found.len()
            );
            self.note(NoteKind::Remark, text);
        }
        found
    }

    fn sort(&mut self, state: &QueueState, reads: Vec<TopicRead>, has_groups: bool) {
        let sorted = letters::sort(state, reads, has_groups);
        (self.dead.topics, self.dead.letters, self.dead.cohorts) = (sorted.topics, sorted.letters, sorted.cohorts);
    }

    /// Says what of the topics was not read, and what in them is no record.
    fn note_gaps(&mut self) {
        let mut notes = Vec::new();
        for topic in &self.dead.topics {
            let name = topic.topic.as_str();
            if topic.older > 0 {
                let text =
                    format!("{name}: {} records were read, {} offsets before them were not", topic.read, topic.older);
                notes.push((NoteKind::Truncated, text));
            }
            if topic.unknown_partitions > 0 {
                let text = format!("{name}: where {} partitions begin and end is not known", topic.unknown_partitions);
                notes.push((NoteKind::PartMissing, text));
            }
            if topic.holes > 0 {
                let text = format!(
                    "{name}: {} offsets hold no record: compaction, markers or aborted transactions",
                    topic.holes
                );
                notes.push((NoteKind::Remark, text));
            }
        }
        let odd = self.dead.letters.iter().filter(|letter| !letter.undecoded.is_empty()).count();
        if odd > 0 {
            let text = format!("{odd} letters have headers whose bytes do not fit what their family writes");
            notes.push((NoteKind::Damaged, text));
        }
        for (kind, text) in notes {
            self.note(kind, text);
        }
        self.dead.notes.sort_by(|a, b| (a.kind, &a.text).cmp(&(b.kind, &b.text)));
        self.dead.notes.dedup();
    }
}

/// Reads one record as a letter: there is none where there is no such record, and where neither its headers nor the name of
/// its topic tell of a failure.
pub async fn read_letter(
    sources: &SourceSet,
    at: Timestamp,
    place: &crate::model::Coordinate,
    cancel: &CancellationToken,
) -> Dead {
    let budgets = sources.budgets(cancel);
    let mut reading = Reading { sources, budgets: &budgets, dead: Dead { at, ..Dead::default() } };
    let (queues, record) = (Ask::Queues, Ask::Record(place.clone()));
    let (queues, record) = tokio::join!(
        sources.ask_of(SourceKind::Kafka, &queues, &budgets, None),
        sources.ask_of(SourceKind::Kafka, &record, &budgets, None)
    );
    let state = match reading.take(queues) {
        Some(Rows::Queues(state)) => Some(state),
        _ => None,
    };
    let has_groups = state.is_some() && !reading.dead.notes.iter().any(|note| note.kind != NoteKind::Remark);
    if let Some(Rows::Records(records)) = reading.take(record) {
        reading.dead.is_answered = true;
        let covered = records.len() as i64;
        let read = TopicRead { topic: place.topic.clone(), records, older: 0, covered };
        reading.sort(&state.map(|state| *state).unwrap_or_default(), vec![read], has_groups);
    }
    reading.dead
}
