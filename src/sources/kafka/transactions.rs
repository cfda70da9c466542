//! Open transactions: who holds a stable end back, and since when.

use super::client::{Layout, name};
use super::offsets::Place;
use super::question::Question;
use super::words::{note, refusal};
use crate::model::ask::NoteKind;
use crate::model::queue::{OpenTransaction, Partition};
use crate::model::{FaultKind, Nanos, Note, Timestamp};
use crate::sources::shell::word;
use futures_util::future::join_all;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeTransactionsRequest, ListTransactionsRequest, ProducerId,
};
use smol_str::ToSmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Partitions whose producers are asked for at most.
const PARTITIONS: usize = 500;
/// Transactions that are described at most.
const DESCRIBED: usize = 100;

impl Question<'_> {
    /// Finds the open transactions of those partitions that a group reads and whose stable end lies before the end. Where
    /// there is none, nothing is asked.
    pub(super) async fn transactions(&self, layout: &mut Layout, notes: &mut Vec<Note>) {
        let held =
            |partition: &Partition| partition.stable.zip(partition.end).is_some_and(|(stable, end)| stable < end);
        // Almost always nothing is held back, and there may be more commits than partitions by far.
        if !layout.state.topics.iter().flat_map(|topic| &topic.partitions).any(held) {
            return;
        }
        let mut places: Vec<Place> = (layout.state.groups.iter())
            .flat_map(|group| &group.commits)
            .filter_map(|commit| layout.place(&commit.topic, commit.partition))
            .filter(|(topic, at)| held(&layout.state.topics[*topic].partitions[*at]))
            .collect();
        places.sort_unstable();
        places.dedup();
        if places.len() > PARTITIONS {
            let text = format!(
                "{} partitions have an open transaction; the producers of {PARTITIONS} of them were asked for",
                places.len()
            );
            notes.push(note(NoteKind::Truncated, text));
            places.truncate(PARTITIONS);
        }
        let mut open = self.producers(layout, &places, notes).await;
        if !open.is_empty() {
            self.name(layout, &mut open, notes).await;
        }
        layout.state.transactions = open;
    }

    async fn producers(&self, layout: &Layout, places: &[Place], notes: &mut Vec<Note>) -> Vec<OpenTransaction> {
        let mut by_leader: BTreeMap<String, BTreeMap<&str, Vec<i32>>> = BTreeMap::new();
        for (topic, at) in places {
            let topic = &layout.state.topics[*topic];
            let index = topic.partitions[*at].index;
            if let Some(address) = layout.leader(&topic.name, index) {
                by_leader.entry(address).or_default().entry(&topic.name).or_default().push(index);
            }
        }
        let asks = by_leader.iter().map(|(address, topics)| {
            let shown = format!("kafka-transactions --bootstrap-server {} describe-producers", word(address));
            let build = |_| {
                let topics = topics.iter().map(|(topic, partitions)| {
                    TopicRequest::default().with_name(name(topic)).with_partition_indexes(partitions.clone())
                });
                DescribeProducersRequest::default().with_topics(topics.collect())
            };
            self.call((address, shown), i16::MAX, build)
        });
        let mut open = Vec::new();
        for (address, outcome) in by_leader.keys().zip(join_all(asks).await) {
            let answer = match outcome {
                Ok((answer, _)) => answer,
                Err(fault) => {
                    let text = format!("open transactions of broker {address}: {}", fault.came);
                    notes.push(note(kind_of(fault.kind), text));
                    continue;
                }
            };
            for topic in &answer.topics {
                for part in &topic.partitions {
                    if part.error_code != 0 {
                        let of = format!("producers of topic {} (needs Read)", topic.name.0);
                        notes.push(refusal(part.error_code, &of));
                        continue;
                    }
                    let running =
                        part.active_producers.iter().filter(|producer| producer.current_txn_start_offset >= 0);
                    open.extend(running.map(|producer| OpenTransaction {
                        topic: topic.name.0.to_smolstr(),
                        partition: part.partition_index,
                        producer_id: producer.producer_id.0,
                        first_offset: producer.current_txn_start_offset,
                        last_write: Timestamp::from_millis(producer.last_timestamp),
                        ..OpenTransaction::default()
                    }));
                }
            }
        }
        open.sort_by(|a, b| (&a.topic, a.partition, a.first_offset).cmp(&(&b.topic, b.partition, b.first_offset)));
        open
    }

    /// Adds the transactional ids, states and times, as far as they are visible: the broker that lists a transaction
    /// coordinates it.
    async fn name(&self, layout: &Layout, open: &mut [OpenTransaction], notes: &mut Vec<Note>) {
        let producers: BTreeSet<i64> = open.iter().map(|found| found.producer_id).take(DESCRIBED).collect();
        let of_broker = |address: &str| {
            let shown = |what: &str| format!("kafka-transactions --bootstrap-server {} {what}", word(address));
            let (list, describe) = ((address.to_owned(), shown("list")), (address.to_owned(), shown("describe")));
            let producers = producers.iter().map(|producer| ProducerId(*producer)).collect::<Vec<_>>();
            async move {
                let build = |_| ListTransactionsRequest::default().with_producer_id_filters(producers.clone());
                let (listed, _) = self.call((&list.0, list.1), i16::MAX, build).await?;
                let ids: Vec<_> =
                    listed.transaction_states.iter().map(|found| found.transactional_id.clone()).collect();
                let mut described = Vec::new();
                if !ids.is_empty() {
                    let build = |_| DescribeTransactionsRequest::default().with_transactional_ids(ids.clone());
                    described = self.call((&describe.0, describe.1), i16::MAX, build).await?.0.transaction_states;
                }
                Ok::<_, crate::model::Fault>((listed, described))
            }
        };
        let asks = layout.state.brokers.iter().map(|broker| of_broker(&broker.address));
        for (broker, outcome) in layout.state.brokers.iter().zip(join_all(asks).await) {
            let (listed, described) = match outcome {
                Ok(told) => told,
                Err(fault) => {
                    let text = format!("transactions of broker {} ({}): {}", broker.node, broker.address, fault.came);
                    notes.push(note(kind_of(fault.kind), text));
                    continue;
                }
            };
            if listed.error_code != 0 {
                notes.push(refusal(listed.error_code, &format!("transactions of broker {}", broker.node)));
            }
            for found in &listed.transaction_states {
                for known in open.iter_mut().filter(|known| known.producer_id == found.producer_id.0) {
                    known.transactional_id = Some(found.transactional_id.0.to_smolstr());
                    known.state = Some(found.transaction_state.to_smolstr());
                }
            }
            for found in &described {
                if found.error_code != 0 {
                    let of = format!("transaction {}", found.transactional_id.0);
                    notes.push(refusal(found.error_code, &of));
                    continue;
                }
                for known in open.iter_mut().filter(|known| known.producer_id == found.producer_id.0) {
                    let start = Some(found.transaction_start_time_ms).filter(|start| *start >= 0);
                    known.started = start.map(Timestamp::from_millis);
                    known.timeout = Some(Nanos(i64::from(found.transaction_timeout_ms).saturating_mul(1_000_000)));
                }
            }
        }
        if open.iter().any(|found| found.transactional_id.is_none()) {
            // Brokers leave out what a user may not describe, without an error (Kafka 4.3.1); and an older one has no such list.
            let text = "transactional ids of some open transactions are not visible to this user";
            notes.push(note(NoteKind::Remark, text.to_owned()));
        }
    }
}

/// What an old broker cannot tell is no failure of the reading.
fn kind_of(kind: FaultKind) -> NoteKind {
    match kind {
        FaultKind::Unsupported => NoteKind::Remark,
        FaultKind::Refused => NoteKind::NotPermitted,
        _ => NoteKind::PartMissing,
    }
}
