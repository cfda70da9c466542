//! Where logs begin and end, asked of whoever leads each partition.

use super::client::{Layout, name};
use super::question::Question;
use super::settled;
use super::words::{has_moved, note, refusal};
use crate::model::ask::NoteKind;
use crate::model::queue::Partition;
use crate::model::{Fault, Note};
use crate::sources::shell::word;
use futures_util::future::{join, join_all};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};
use smol_str::{SmolStr, ToSmolStr};
use std::collections::BTreeMap;

/// `ListOffsets` times that name places: the log's end and its start.
pub(super) const END: i64 = -1;
pub(super) const START: i64 = -2;
/// The record with the largest timestamp. Asked of committed records it finds none while the newest one stands behind an open
/// transaction (Kafka 4.3.1), so it is asked of all.
pub(super) const NEWEST: i64 = -3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    Uncommitted,
    Committed,
}

/// What a broker says of one partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offset {
    pub(super) offset: i64,
    /// Milliseconds since 1970; -1 for places that have none.
    pub(super) millis: i64,
}

/// Offsets of one broker's partitions, each with its offset or its error.
pub(super) type Offsets = Vec<(SmolStr, i32, Result<Offset, i16>)>;

/// A partition by its place in the layout: topic, then partition.
pub(super) type Place = (usize, usize);

/// What the leaders said of one kind of offset.
#[derive(Default)]
pub(super) struct Heard {
    /// What was asked of one leader, and its answer.
    answers: Vec<(Vec<Place>, Result<Offsets, Fault>)>,
    /// What nobody leads.
    leaderless: Vec<Place>,
}

/// Why there is no offset.
enum Missing {
    /// The leader's own word.
    Code(i16),
    /// The leader said nothing that could be used.
    Fault(Fault),
    /// Nobody leads it.
    NoLeader,
    /// The answer leaves it out.
    Untold,
}

impl Question<'_> {
    /// Returns the offset that `ListOffsets` gives for one partition and time; `None` when there is none.
    pub(super) async fn offset_at(
        &self,
        layout: &Layout,
        (topic, partition): (&str, i32),
        time: i64,
    ) -> Result<Option<i64>, Fault> {
        let Some(address) = layout.leader(topic, partition) else { return Ok(None) };
        let asked = BTreeMap::from([(topic, vec![partition])]);
        let found = self.list_offsets(&address, &asked, (time, Isolation::Uncommitted)).await?;
        // An offset of -1 is an answer: no record that new.
        let offset = found.into_iter().find_map(|(_, _, found)| found.ok()).map(|found| found.offset);
        Ok(offset.filter(|offset| *offset >= 0))
    }

    pub(super) async fn list_offsets(
        &self,
        address: &str,
        asked: &BTreeMap<&str, Vec<i32>>,
        (time, isolation): (i64, Isolation),
    ) -> Result<Offsets, Fault> {
        let shown = format!("kafka-get-offsets --bootstrap-server {} --time {time}", word(address));
        let build = |version| {
            let topics = asked.iter().map(|(topic, partitions)| {
                let parts = partitions.iter().map(|partition| {
                    ListOffsetsPartition::default()
                        .with_partition_index(*partition)
                        .with_timestamp(time)
                        .with_current_leader_epoch(-1)
                });
                ListOffsetsTopic::default().with_name(name(topic)).with_partitions(parts.collect())
            });
            let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(topics.collect());
            if version >= 2 {
                request.with_isolation_level(i8::from(isolation == Isolation::Committed))
            } else {
                request
            }
        };
        let (answer, _) = self.call_from((address, shown), (oldest_for(time), i16::MAX), build).await?;
        let parts = answer.topics.iter().flat_map(|topic| {
            let name = topic.name.0.to_smolstr();
            topic.partitions.iter().map(move |part| {
                let found = Offset { offset: part.offset, millis: part.timestamp };
                (
                    name.clone(),
                    part.partition_index,
                    if part.error_code == 0 { Ok(found) } else { Err(part.error_code) },
                )
            })
        });
        Ok(parts.collect())
    }

    /// Fills in the offsets of all partitions, one request per leader and kind. The stable end is asked for after the end:
    /// whatever is written in between, one that lies before the end is held back by an open transaction, and one that does
    /// not is cut to the end.
    pub(super) async fn offsets(&self, layout: &mut Layout, notes: &mut Vec<Note>) {
        // No kind waits for another; a connection keeps their order.
        let (starts, ends) = join(self.starts(layout), self.ends(layout)).await;
        self.offsets_from(starts, ends, layout, notes).await;
    }

    /// Asks where logs begin, which nothing else has to wait for.
    pub(super) async fn starts(&self, layout: &Layout) -> Heard {
        self.hear(layout, &layout.places(), (START, Isolation::Uncommitted)).await
    }

    /// Asks where logs end, and then where they are stable.
    pub(super) async fn ends(&self, layout: &Layout) -> [Heard; 2] {
        let all = layout.places();
        let ask = |isolation| self.hear(layout, &all, (END, isolation));
        join(ask(Isolation::Uncommitted), ask(Isolation::Committed)).await.into()
    }

    /// Fills in what was heard.
    pub(super) async fn offsets_from(
        &self,
        starts: Heard,
        [ends, stable]: [Heard; 2],
        layout: &mut Layout,
        notes: &mut Vec<Note>,
    ) {
        let kinds = [(START, Isolation::Uncommitted), (END, Isolation::Uncommitted), (END, Isolation::Committed)];
        let heard = [starts, ends, stable];
        for (kind, heard) in kinds.into_iter().zip(heard) {
            let mut fill = |partition: &mut Partition, found: Offset| match kind {
                (START, _) => partition.start = Some(found.offset),
                (_, Isolation::Committed) => {
                    partition.stable = Some(partition.end.map_or(found.offset, |end| end.min(found.offset)));
                }
                (_, Isolation::Uncommitted) => partition.end = Some(found.offset),
            };
            let missing = layout.take(heard, &mut fill);
            let (again, lost): (Vec<_>, Vec<_>) = missing.into_iter().partition(|(_, why)| why.is_movable());
            layout.mark(&lost, notes);
            let again: Vec<Place> = again.into_iter().map(|(place, _)| place).collect();
            if !again.is_empty() {
                self.offsets_of(layout, &again, kind, notes, fill).await;
            }
        }
        notes.sort_by(|a, b| (a.kind, &a.text).cmp(&(b.kind, &b.text)));
        notes.dedup();
    }

    /// Asks for one offset of each place, and of nobody twice. Returns for how many there is none.
    pub(super) async fn offsets_once(
        &self,
        layout: &mut Layout,
        places: &[Place],
        kind: (i64, Isolation),
        fill: &mut impl FnMut(&mut Partition, Offset),
    ) -> usize {
        self.round(layout, places, kind, fill).await.len()
    }

    /// Asks for one offset of each place and gives it to `fill`. A leader that has moved, or cannot be reached, is looked up
    /// once in fresh metadata and asked again; what is missing then is noted.
    pub(super) async fn offsets_of(
        &self,
        layout: &mut Layout,
        places: &[Place],
        kind: (i64, Isolation),
        notes: &mut Vec<Note>,
        mut fill: impl FnMut(&mut Partition, Offset),
    ) {
        let mut missing = self.round(layout, places, kind, &mut fill).await;
        let is_worth_it = missing.iter().any(|(_, why)| why.is_movable()) && self.may_refresh();
        if is_worth_it && let Ok(fresh) = self.layout().await {
            let leader = |layout: &Layout, (topic, at): Place| layout.state.topics[topic].partitions[at].leader;
            let before: Vec<Option<i32>> = missing.iter().map(|(place, _)| leader(layout, *place)).collect();
            layout.lead_as(&fresh);
            let (mut again, mut still) = (Vec::new(), Vec::new());
            for ((place, why), before) in missing.into_iter().zip(before) {
                let is_new = leader(layout, place) != before;
                let is_told = matches!(why, Missing::Code(code) if has_moved(code));
                if is_told || why.is_movable() && is_new { again.push(place) } else { still.push((place, why)) }
            }
            still.extend(self.round(layout, &again, kind, &mut fill).await);
            missing = still;
        }
        layout.mark(&missing, notes);
    }

    /// Asks each leader once. Returns what is missing.
    async fn round(
        &self,
        layout: &mut Layout,
        places: &[Place],
        kind: (i64, Isolation),
        fill: &mut impl FnMut(&mut Partition, Offset),
    ) -> Vec<(Place, Missing)> {
        let heard = self.hear(layout, places, kind).await;
        layout.take(heard, fill)
    }

    /// Asks each leader once.
    async fn hear(&self, layout: &Layout, places: &[Place], kind: (i64, Isolation)) -> Heard {
        let mut heard = Heard::default();
        let mut by_leader: BTreeMap<i32, Vec<Place>> = BTreeMap::new();
        for place @ (topic, at) in places.iter().copied() {
            match layout.state.topics[topic].partitions[at].leader {
                Some(leader) => by_leader.entry(leader).or_default().push(place),
                None => heard.leaderless.push(place),
            }
        }
        let state = &layout.state;
        let asks = by_leader.into_iter().map(|(node, places)| async move {
            let Some(broker) = state.brokers.iter().find(|broker| broker.node == node) else {
                return (places, None);
            };
            let mut asked: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
            for (topic, at) in &places {
                let topic = &state.topics[*topic];
                asked.entry(&topic.name).or_default().push(topic.partitions[*at].index);
            }
            (places, Some(self.list_offsets(&broker.address, &asked, kind).await))
        });
        for (places, outcome) in join_all(asks).await {
            match outcome {
                Some(outcome) => heard.answers.push((places, outcome)),
                None => heard.leaderless.extend(places),
            }
        }
        heard
    }
}

/// Names the first few.
fn some(indexes: &[i32]) -> String {
    const NAMED: usize = 8;
    let named: Vec<String> = indexes.iter().take(NAMED).map(ToString::to_string).collect();
    let rest = indexes.len() - named.len();
    named.join(", ") + &if rest > 0 { format!(" and {rest} more") } else { String::new() }
}

/// The oldest version that understands a special time. Older brokers answer with the first record and no error (seen with
/// 2.8.2, which knows version 6).
const fn oldest_for(time: i64) -> i16 {
    match time {
        -3 => 7,
        -4 => 8,
        -5 => 9,
        -6 => 11,
        _ => 0,
    }
}

impl Missing {
    /// Says whether another broker may know by now.
    fn is_movable(&self) -> bool {
        match self {
            Self::Code(code) => has_moved(*code),
            Self::Fault(_) | Self::NoLeader => true,
            Self::Untold => false,
        }
    }
}

impl Layout {
    /// Gives what was heard to `fill`. Returns what is missing.
    fn take(&mut self, heard: Heard, fill: &mut impl FnMut(&mut Partition, Offset)) -> Vec<(Place, Missing)> {
        let mut missing: Vec<_> = heard.leaderless.into_iter().map(|place| (place, Missing::NoLeader)).collect();
        for (places, outcome) in heard.answers {
            let told = match outcome {
                Ok(told) => told,
                Err(fault) => {
                    missing.extend(places.into_iter().map(|place| (place, Missing::Fault(fault.clone()))));
                    continue;
                }
            };
            // Places are asked in order and told in almost any.
            let mut is_told = vec![false; places.len()];
            for (topic, index, found) in told {
                let Some(place) = self.place(&topic, index) else { continue };
                let Ok(at) = places.binary_search(&place) else { continue };
                if std::mem::replace(&mut is_told[at], true) {
                    continue;
                }
                match found {
                    Ok(found) => fill(&mut self.state.topics[place.0].partitions[place.1], found),
                    Err(code) => missing.push((place, Missing::Code(code))),
                }
            }
            let untold = places.into_iter().zip(is_told).filter(|(_, is_told)| !is_told);
            missing.extend(untold.map(|(place, _)| (place, Missing::Untold)));
        }
        missing.sort_by_key(|(place, _)| *place);
        missing
    }

    pub(super) fn places(&self) -> Vec<Place> {
        let topics = self.state.topics.iter().enumerate();
        topics.flat_map(|(topic, found)| (0..found.partitions.len()).map(move |at| (topic, at))).collect()
    }

    /// Finds a partition; topics and partitions are sorted.
    pub(super) fn place(&self, topic: &str, index: i32) -> Option<Place> {
        let at = self.state.topics.binary_search_by(|known| known.name.as_str().cmp(topic)).ok()?;
        let partitions = &self.state.topics[at].partitions;
        Some((at, partitions.binary_search_by_key(&index, |known| known.index).ok()?))
    }

    /// Takes over brokers and leaders from newer metadata.
    fn lead_as(&mut self, fresh: &Self) {
        for broker in &fresh.state.brokers {
            match self.state.brokers.iter_mut().find(|known| known.node == broker.node) {
                Some(known) => known.address = broker.address.clone(),
                None => self.state.brokers.push(broker.clone()),
            }
        }
        self.state.brokers.sort_by_key(|broker| broker.node);
        for topic in &mut self.state.topics {
            for partition in &mut topic.partitions {
                if let Some((newer, at)) = fresh.place(&topic.name, partition.index) {
                    partition.leader = fresh.state.topics[newer].partitions[at].leader;
                }
            }
        }
    }

    /// Marks partitions whose offsets are missing, and notes it: by broker, or by topic where the broker gave a reason.
    fn mark(&mut self, missing: &[(Place, Missing)], notes: &mut Vec<Note>) {
        let mut of_broker: BTreeMap<(i32, &str), usize> = BTreeMap::new();
        // A cluster that has lost its quorum has no leader anywhere.
        let mut of_topic: BTreeMap<(usize, &str), Vec<i32>> = BTreeMap::new();
        for ((number, at), why) in missing {
            let topic = &mut self.state.topics[*number];
            let partition = &mut topic.partitions[*at];
            let said = match why {
                // A broker that does not know yet how far this topic is written lists the groups of an earlier time
                // (three brokers of Kafka 4.3.1, one of them killed).
                Missing::Code(78) if topic.name == settled::TOPIC => {
                    refusal(78, &format!("offsets of topic {}; groups may be missing; ask again", topic.name))
                }
                Missing::Code(code) => refusal(*code, &format!("offsets of topic {}", topic.name)),
                Missing::NoLeader | Missing::Untold => {
                    let why =
                        if matches!(why, Missing::NoLeader) { "nobody leads it now" } else { "left out of the answer" };
                    of_topic.entry((*number, why)).or_default().push(partition.index);
                    partition.fault = Some(why.into());
                    continue;
                }
                Missing::Fault(fault) => {
                    let node = partition.leader.unwrap_or(-1);
                    *of_broker.entry((node, fault.came.as_str())).or_default() += 1;
                    if let Some(broker) = self.state.brokers.iter_mut().find(|broker| broker.node == node) {
                        broker.fault = Some(fault.came.as_str().into());
                    }
                    partition.fault = Some(format!("broker {node}: {}", fault.came).into());
                    continue;
                }
            };
            partition.fault = Some(said.text.as_str().into());
            notes.push(said);
        }
        for ((topic, why), indexes) in of_topic {
            let topic = &self.state.topics[topic];
            let (all, name) = (topic.partitions.len(), &topic.name);
            let text = match *indexes {
                [index] => format!("{name}-{index}: {why}"),
                _ if indexes.len() == all => format!("all {all} partitions of {name}: {why}"),
                _ => format!("{} of {all} partitions of {name} ({}): {why}", indexes.len(), some(&indexes)),
            };
            notes.push(note(NoteKind::PartMissing, text));
        }
        for ((node, came), partitions) in of_broker {
            let broker = self.state.brokers.iter().find(|broker| broker.node == node);
            let address = broker.map_or("", |broker| broker.address.as_str());
            let text = format!("offsets of {partitions} partitions of broker {node} ({address}): {came}");
            notes.push(note(NoteKind::PartMissing, text));
        }
    }
}
