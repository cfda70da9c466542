//! Fetch: whole batches from the one that holds the asked offset.

use bytes::BytesMut;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use uuid::Uuid;

use super::batch;
use super::cluster::{Cluster, code};
use crate::world::queue::{Partition, Queue, Topic};

/// The answer, and whether it is worth sending at once: an error, or as many bytes as asked for.
pub fn fetch(cluster: &Cluster, broker: usize, asked: &FetchRequest, version: i16) -> (FetchResponse, bool) {
    // Sessions are never granted, so a client that names one is told to begin anew.
    if asked.session_epoch > 0 {
        return (FetchResponse::default().with_error_code(code::FETCH_SESSION_ID_NOT_FOUND), true);
    }
    let mut left = usize::try_from(asked.max_bytes).unwrap_or(0);
    let mut sent = 0;
    let mut failed = false;
    let responses = cluster.stage.look(|world| {
        let queue = world.queue();
        let mut responses = Vec::new();
        for topic in &asked.topics {
            let number = topic_number(queue, topic, version);
            let mut partitions = Vec::new();
            for wanted in &topic.partitions {
                let data = match number {
                    None => {
                        let error =
                            if version >= 13 { code::UNKNOWN_TOPIC_ID } else { code::UNKNOWN_TOPIC_OR_PARTITION };
                        refused(wanted, error)
                    }
                    Some(number) => {
                        let log = usize::try_from(wanted.partition)
                            .ok()
                            .and_then(|partition| queue.topics[number].partitions.get(partition));
                        match log {
                            None => refused(wanted, code::UNKNOWN_TOPIC_OR_PARTITION),
                            Some(_) if cluster.leader(number, wanted.partition) != broker => {
                                refused(wanted, code::NOT_LEADER)
                            }
                            Some(_) if !cluster.may_read(world, number) => {
                                refused(wanted, code::TOPIC_AUTHORIZATION_FAILED)
                            }
                            Some(log) => {
                                read(&queue.topics[number], log, wanted, asked.isolation_level, left, sent == 0)
                            }
                        }
                    }
                };
                let bytes = data.records.as_ref().map_or(0, bytes::Bytes::len);
                sent += bytes;
                left = left.saturating_sub(bytes);
                failed |= data.error_code != 0;
                partitions.push(data);
            }
            responses.push(
                FetchableTopicResponse::default()
                    .with_topic(topic.topic.clone())
                    .with_topic_id(topic.topic_id)
                    .with_partitions(partitions),
            );
        }
        responses
    });
    let least = usize::try_from(asked.min_bytes).unwrap_or(0);
    (FetchResponse::default().with_responses(responses), failed || (sent > 0 && sent >= least) || least == 0)
}

fn topic_number(queue: &Queue, topic: &FetchTopic, version: i16) -> Option<usize> {
    if version >= 13 {
        return queue.topics.iter().position(|known| Uuid::from_u128(known.id) == topic.topic_id);
    }
    queue.topic_number(&topic.topic.0)
}

fn refused(wanted: &FetchPartition, error: i16) -> PartitionData {
    PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_error_code(error)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_aborted_transactions(None)
        .with_records(Some(bytes::Bytes::new()))
}

fn read(
    topic: &Topic,
    log: &Partition,
    wanted: &FetchPartition,
    isolation: i8,
    left: usize,
    nothing_sent: bool,
) -> PartitionData {
    let end = log.end();
    if wanted.fetch_offset < log.log_start || wanted.fetch_offset > end {
        return refused(wanted, code::OFFSET_OUT_OF_RANGE);
    }
    let most = usize::try_from(wanted.partition_max_bytes).unwrap_or(0).min(left);
    let mut records = BytesMut::new();
    for batch in log.batches_from(wanted.fetch_offset) {
        let encoded = batch::encode(&batch, topic.codec);
        // The first batch of an answer comes whole, however large, so that a client always gets on.
        let first = nothing_sent && records.is_empty();
        if !first && records.len() + encoded.len() > most {
            break;
        }
        records.extend_from_slice(&encoded);
        if records.len() >= most {
            break;
        }
    }
    PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_high_watermark(end)
        .with_last_stable_offset(end)
        .with_log_start_offset(log.log_start)
        .with_aborted_transactions((isolation == 1).then(Vec::new))
        .with_records(Some(records.freeze()))
}
