//! Log offsets, committed offsets and coordinators.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, ListOffsetsRequest, ListOffsetsResponse, OffsetFetchRequest,
    OffsetFetchResponse, TopicName,
};

use super::cluster::{Cluster, code, text};
use crate::world::World;
use crate::world::queue::Partition;

/// Offsets by special timestamp or by time.
pub fn list(cluster: &Cluster, broker: usize, asked: &ListOffsetsRequest, version: i16) -> ListOffsetsResponse {
    let topics = cluster.stage.look(|world| {
        let queue = world.queue();
        let answer = |topic: &kafka_protocol::messages::list_offsets_request::ListOffsetsTopic| {
            let number = queue.topic_number(&topic.name.0);
            let partitions = topic.partitions.iter().map(|wanted| {
                let index = wanted.partition_index;
                let answer = ListOffsetsPartitionResponse::default()
                    .with_partition_index(index)
                    .with_timestamp(-1)
                    .with_offset(-1);
                match number.and_then(|number| Some((number, queue.partition(&topic.name.0, index)?))) {
                    None => answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION),
                    Some((number, _)) if cluster.leader(number, index) != broker => {
                        answer.with_error_code(code::NOT_LEADER)
                    }
                    Some((_, log)) => match find_offset(log, wanted.timestamp, version) {
                        Some((offset, timestamp)) => {
                            answer.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(0)
                        }
                        None => answer.with_error_code(code::UNSUPPORTED_VERSION),
                    },
                }
            });
            ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
        };
        asked.topics.iter().map(answer).collect()
    });
    ListOffsetsResponse::default().with_topics(topics)
}

/// Offset and its timestamp; -1 says that there is none. `None` when the special timestamp is unknown in that version.
fn find_offset(log: &Partition, timestamp: i64, version: i16) -> Option<(i64, i64)> {
    const LATEST: i64 = -1;
    const EARLIEST: i64 = -2;
    const MAX_TIMESTAMP: i64 = -3;
    const EARLIEST_LOCAL: i64 = -4;
    const LATEST_TIERED: i64 = -5;
    match timestamp {
        LATEST => Some((log.end(), -1)),
        EARLIEST => Some((log.log_start, -1)),
        MAX_TIMESTAMP if version >= 7 => {
            // Among equal timestamps the first record counts.
            let newest = log.records.iter().rev().max_by_key(|record| record.timestamp_ms);
            Some(newest.map_or((-1, -1), |record| (record.offset, record.timestamp_ms)))
        }
        EARLIEST_LOCAL if version >= 8 => Some((log.log_start, -1)),
        LATEST_TIERED if version >= 9 => Some((-1, -1)),
        0.. => {
            let first = log.records.iter().find(|record| record.timestamp_ms >= timestamp);
            Some(first.map_or((-1, -1), |record| (record.offset, record.timestamp_ms)))
        }
        _ => None,
    }
}

/// Committed offsets, of one group (before v8) or of several.
pub fn committed(cluster: &Cluster, broker: usize, asked: &OffsetFetchRequest, version: i16) -> OffsetFetchResponse {
    let answer = OffsetFetchResponse::default();
    cluster.stage.look(|world| {
        if version >= 8 {
            let groups = asked.groups.iter().map(|group| {
                let answer = OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone());
                if cluster.coordinator(&group.group_id.0) != broker {
                    return answer.with_error_code(code::NOT_COORDINATOR);
                }
                let named: Option<Vec<(String, Vec<i32>)>> = group.topics.as_ref().map(|topics| {
                    topics.iter().map(|topic| (topic.name.0.to_string(), topic.partition_indexes.clone())).collect()
                });
                let topics = positions(world, &group.group_id.0, named).into_iter().map(|(topic, partitions)| {
                    let partitions = partitions.into_iter().map(|(partition, offset)| {
                        OffsetFetchResponsePartitions::default()
                            .with_partition_index(partition)
                            .with_committed_offset(offset)
                            .with_metadata(Some(text("")))
                    });
                    OffsetFetchResponseTopics::default()
                        .with_name(TopicName(text(topic)))
                        .with_partitions(partitions.collect())
                });
                answer.with_topics(topics.collect())
            });
            return answer.with_groups(groups.collect());
        }
        if cluster.coordinator(&asked.group_id.0) != broker {
            return answer.with_error_code(code::NOT_COORDINATOR);
        }
        let named: Option<Vec<(String, Vec<i32>)>> = asked.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| (topic.name.0.to_string(), topic.partition_indexes.clone())).collect()
        });
        let topics = positions(world, &asked.group_id.0, named).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|(partition, offset)| {
                OffsetFetchResponsePartition::default()
                    .with_partition_index(partition)
                    .with_committed_offset(offset)
                    .with_metadata(Some(text("")))
            });
            OffsetFetchResponseTopic::default().with_name(TopicName(text(topic))).with_partitions(partitions.collect())
        });
        answer.with_topics(topics.collect())
    })
}

/// Committed offsets of a group by topic: those that exist, or one for each that was named (-1 without a commit).
fn positions(world: &World, group: &str, named: Option<Vec<(String, Vec<i32>)>>) -> Vec<(String, Vec<(i32, i64)>)> {
    let queue = world.queue();
    let group = queue.groups.iter().find(|known| known.id == group);
    let commit = |topic: &str, partition: i32| {
        let group = group.filter(|group| queue.topics[group.topic].name == topic)?;
        group.cursors.get(usize::try_from(partition).ok()?)?.committed(world.now_ns())
    };
    match (named, group) {
        (Some(named), _) => named
            .into_iter()
            .map(|(topic, partitions)| {
                let offsets =
                    partitions.into_iter().map(|partition| (partition, commit(&topic, partition).unwrap_or(-1)));
                let offsets = offsets.collect();
                (topic, offsets)
            })
            .collect(),
        (None, Some(group)) => {
            let topic = queue.topics[group.topic].name.to_string();
            let offsets: Vec<(i32, i64)> = (0..group.cursors.len() as i32)
                .filter_map(|partition| Some((partition, commit(&topic, partition)?)))
                .collect();
            if offsets.is_empty() { Vec::new() } else { vec![(topic, offsets)] }
        }
        (None, None) => Vec::new(),
    }
}

/// The coordinator of one group (before v4) or of several.
pub fn find_coordinator(cluster: &Cluster, asked: &FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse {
    let place = |group: &str| {
        let broker = cluster.coordinator(group);
        (cluster.node_id(broker), text("127.0.0.1"), i32::from(cluster.ports[broker]))
    };
    if version >= 4 {
        let coordinators = asked.coordinator_keys.iter().map(|key| {
            let (node, host, port) = place(key);
            Coordinator::default().with_key(key.clone()).with_node_id(node).with_host(host).with_port(port)
        });
        return FindCoordinatorResponse::default().with_coordinators(coordinators.collect());
    }
    let (node, host, port) = place(&asked.key);
    FindCoordinatorResponse::default().with_node_id(node).with_host(host).with_port(port)
}
