//! The answers of a cluster of any size.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_group_describe_response as consumer;
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use kafka_protocol::messages::describe_groups_response as classic;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::share_group_describe_response as share;
use kafka_protocol::messages::{
    BrokerId, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerProtocolAssignment,
    DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, FetchRequest, FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
    OffsetFetchRequest, OffsetFetchResponse, ShareGroupDescribeRequest, ShareGroupDescribeResponse, TopicName,
};
use kafka_protocol::protocol::Encodable;
use uuid::Uuid;

use super::{Family, MEMBERS, Many};
use crate::demo::kafka::batch;
use crate::demo::kafka::cluster::{code, text};
use crate::demo::kafka::logic::{Brokers, Habit};
use crate::world::queue::{Header, Record};
use crate::world::scenario::Codec;

/// Says that operations were not asked for.
const NO_OPERATIONS: i32 = i32::MIN;
/// Records of one batch.
const BATCH: i64 = 10;

/// Topic, and partition with committed offset, of one group.
type Commits = BTreeMap<String, Vec<(i32, i64)>>;

impl Many {
    fn node(broker: usize) -> BrokerId {
        BrokerId(broker as i32 + 1)
    }

    fn describe_topic(&self, topic: usize, told: usize) -> MetadataResponseTopic {
        let partitions = (0..self.plan.partitions).map(|partition| {
            let leader = self.told_leader(topic, partition, told);
            let copies = self.plan.brokers.min(3);
            let replicas: Vec<_> = (0..copies).map(|step| Self::node((leader + step) % self.plan.brokers)).collect();
            MetadataResponsePartition::default()
                .with_partition_index(partition)
                .with_leader_id(Self::node(leader))
                .with_leader_epoch(0)
                .with_replica_nodes(replicas.clone())
                .with_isr_nodes(replicas)
        });
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(text(Self::topic_name(topic)))))
            .with_topic_id(Uuid::from_u128(topic as u128 + 1))
            .with_partitions(partitions.collect())
    }

    fn find_offset(topic: usize, partition: i32, time: i64, is_committed: bool) -> Option<(i64, i64)> {
        match time {
            -1 if is_committed => Some((Self::stable(topic, partition), -1)),
            -1 => Some((Self::end(topic, partition), -1)),
            -2 => Some((Self::start(topic, partition), -1)),
            // A record is a second older than the next.
            0.. => {
                let offset = (time + 999) / 1_000;
                let (start, end) = (Self::start(topic, partition), Self::end(topic, partition));
                Some(if offset >= end { (-1, -1) } else { (offset.max(start), offset.max(start) * 1_000) })
            }
            _ => None,
        }
    }

    /// The commits of a group that this broker coordinates.
    fn commits(&self, broker: usize, id: &str) -> Result<Commits, i16> {
        let mut found = Commits::new();
        let Some(group) = self.group_number(id) else { return Ok(found) };
        if self.coordinator(group) != broker {
            return Err(code::NOT_COORDINATOR);
        }
        for row in self.rows_of(group) {
            if let Some(offset) = row.committed {
                found.entry(row.topic).or_default().push((row.partition, offset));
            }
        }
        Ok(found)
    }

    fn state(group: usize) -> &'static str {
        if Self::has_members(group) { "Stable" } else { "Empty" }
    }

    fn members(group: usize) -> impl Iterator<Item = (usize, String, String, String)> {
        (0..if Self::has_members(group) { MEMBERS } else { 0 }).map(move |member| {
            let client = format!("consumer-{group}-{}", member + 1);
            let unique = Uuid::from_u128(((group as u128) << 8 | member as u128) + 1);
            (member, format!("{client}-{unique}"), client, format!("/10.2.{}.{}", group % 250, member + 1))
        })
    }

    /// Topic with partitions of one member.
    fn owned(&self, group: usize, member: usize) -> Vec<(usize, Vec<i32>)> {
        let own = || self.parts_of(group).filter(|partition| Self::owner(*partition) == member).collect();
        self.topics_of(group).into_iter().map(|topic| (topic, own())).collect()
    }

    /// The group of this id if this broker knows it as one of the family, or the error.
    fn known(&self, broker: usize, id: &str, family: Family) -> Result<usize, i16> {
        let group = self.group_number(id).ok_or(code::GROUP_ID_NOT_FOUND)?;
        if self.coordinator(group) != broker {
            return Err(code::NOT_COORDINATOR);
        }
        (Self::family(group) == family).then_some(group).ok_or(code::GROUP_ID_NOT_FOUND)
    }
}

fn versioned(body: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    body.encode(&mut bytes, 0).expect("version 0 holds topics and partitions");
    bytes.freeze()
}

fn record(offset: i64) -> Record {
    Record {
        offset,
        timestamp_ms: offset * 1_000,
        appended_ns: 0,
        key: Some(format!("key-{offset}").into_bytes()),
        value: Some(format!("value-{offset}").into_bytes()),
        headers: vec![Header::new("number", offset.to_string().into_bytes())],
        journey: 0,
    }
}

impl Brokers for Many {
    fn count(&self, broker: usize, api: String) {
        Self::count(self, broker, api);
    }

    fn habit(&self, broker: usize) -> Habit {
        self.plan.habits.get(&broker).copied().unwrap_or_default()
    }

    fn metadata(&self, asked: &MetadataRequest, version: i16) -> MetadataResponse {
        let told = self.tell();
        let brokers = self.ports.iter().enumerate().map(|(broker, port)| {
            MetadataResponseBroker::default()
                .with_node_id(Self::node(broker))
                .with_host(text("127.0.0.1"))
                .with_port(i32::from(*port))
        });
        let topics = match &asked.topics {
            Some(list) if version > 0 || !list.is_empty() => list
                .iter()
                .map(|wanted| match wanted.name.as_ref().and_then(|name| self.topic_number(&name.0)) {
                    Some(number) => self.describe_topic(number, told),
                    None => MetadataResponseTopic::default()
                        .with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION)
                        .with_name(wanted.name.clone()),
                })
                .collect(),
            _ => (0..self.plan.topics).map(|topic| self.describe_topic(topic, told)).collect(),
        };
        MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_cluster_id(Some(text("hopscopeManyCluster0Aw")))
            .with_controller_id(Self::node(0))
            .with_topics(topics)
    }

    fn describe_cluster(&self) -> DescribeClusterResponse {
        let brokers = self.ports.iter().enumerate().map(|(broker, port)| {
            DescribeClusterBroker::default()
                .with_broker_id(Self::node(broker))
                .with_host(text("127.0.0.1"))
                .with_port(i32::from(*port))
        });
        DescribeClusterResponse::default().with_controller_id(Self::node(0)).with_brokers(brokers.collect())
    }

    fn describe_configs(&self, asked: &DescribeConfigsRequest) -> DescribeConfigsResponse {
        let results = asked.resources.iter().map(|resource| {
            let answer = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            let entry = |name: &str, value: &str| {
                DescribeConfigsResourceResult::default()
                    .with_name(text(name))
                    .with_value(Some(text(value)))
                    .with_config_source(5)
            };
            if resource.resource_type == 2 && self.topic_number(&resource.resource_name).is_none() {
                return answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION);
            }
            answer.with_configs(vec![entry("cleanup.policy", "delete"), entry("retention.ms", "604800000")])
        });
        DescribeConfigsResponse::default().with_results(results.collect())
    }

    fn list_offsets(&self, broker: usize, asked: &ListOffsetsRequest, version: i16) -> ListOffsetsResponse {
        let is_committed = version >= 2 && asked.isolation_level == 1;
        let topics = asked.topics.iter().map(|topic| {
            let number = self.topic_number(&topic.name.0);
            let partitions = topic.partitions.iter().map(|wanted| {
                let index = wanted.partition_index;
                let answer = ListOffsetsPartitionResponse::default()
                    .with_partition_index(index)
                    .with_timestamp(-1)
                    .with_offset(-1);
                match number.filter(|_| (0..self.plan.partitions).contains(&index)) {
                    None => answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION),
                    Some(number) if self.leader(number, index) != broker => answer.with_error_code(code::NOT_LEADER),
                    Some(number) => match Self::find_offset(number, index, wanted.timestamp, is_committed) {
                        Some((offset, timestamp)) => answer.with_offset(offset).with_timestamp(timestamp),
                        None => answer.with_error_code(code::UNSUPPORTED_VERSION),
                    },
                }
            });
            ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    fn committed(&self, broker: usize, asked: &OffsetFetchRequest, version: i16) -> OffsetFetchResponse {
        let answer = OffsetFetchResponse::default();
        if version < 8 {
            return match self.commits(broker, &asked.group_id.0) {
                Err(error) => answer.with_error_code(error),
                Ok(found) => answer.with_topics(
                    found
                        .into_iter()
                        .map(|(topic, partitions)| {
                            let partitions = partitions.into_iter().map(|(partition, offset)| {
                                OffsetFetchResponsePartition::default()
                                    .with_partition_index(partition)
                                    .with_committed_offset(offset)
                            });
                            OffsetFetchResponseTopic::default()
                                .with_name(TopicName(text(topic)))
                                .with_partitions(partitions.collect())
                        })
                        .collect(),
                ),
            };
        }
        let groups = asked.groups.iter().map(|group| {
            let answer = OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone());
            match self.commits(broker, &group.group_id.0) {
                Err(error) => answer.with_error_code(error),
                Ok(found) => answer.with_topics(
                    found
                        .into_iter()
                        .map(|(topic, partitions)| {
                            let partitions = partitions.into_iter().map(|(partition, offset)| {
                                OffsetFetchResponsePartitions::default()
                                    .with_partition_index(partition)
                                    .with_committed_offset(offset)
                            });
                            OffsetFetchResponseTopics::default()
                                .with_name(TopicName(text(topic)))
                                .with_partitions(partitions.collect())
                        })
                        .collect(),
                ),
            }
        });
        answer.with_groups(groups.collect())
    }

    fn find_coordinator(&self, asked: &FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse {
        let place = |id: &str| {
            let broker = self.group_number(id).map_or(0, |group| self.coordinator(group));
            (Self::node(broker), text("127.0.0.1"), i32::from(self.ports[broker]))
        };
        if version < 4 {
            let (node, host, port) = place(&asked.key);
            return FindCoordinatorResponse::default().with_node_id(node).with_host(host).with_port(port);
        }
        let coordinators = asked.coordinator_keys.iter().map(|key| {
            let (node, host, port) = place(key);
            Coordinator::default().with_key(key.clone()).with_node_id(node).with_host(host).with_port(port)
        });
        FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
    }

    fn list_groups(&self, broker: usize, asked: &ListGroupsRequest, version: i16) -> ListGroupsResponse {
        let passes = |filter: &[kafka_protocol::protocol::StrBytes], value: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let own = (0..self.plan.groups).filter(|group| self.coordinator(*group) == broker);
        let groups = own.filter_map(|group| {
            let kind = match Self::family(group) {
                Family::Classic => "classic",
                Family::Consumer => "consumer",
                Family::Share => "share",
            };
            if !passes(&asked.states_filter, Self::state(group)) || !passes(&asked.types_filter, kind) {
                return None;
            }
            let mut listed = ListedGroup::default()
                .with_group_id(GroupId(text(Self::group_id(group))))
                .with_protocol_type(text("consumer"));
            if version >= 4 {
                listed.group_state = text(Self::state(group));
            }
            if version >= 5 {
                listed.group_type = text(kind);
            }
            Some(listed)
        });
        ListGroupsResponse::default().with_groups(groups.collect())
    }

    fn describe_classic(&self, broker: usize, asked: &DescribeGroupsRequest, version: i16) -> DescribeGroupsResponse {
        let groups = asked.groups.iter().map(|id| {
            let answer =
                classic::DescribedGroup::default().with_group_id(id.clone()).with_authorized_operations(NO_OPERATIONS);
            let group = match self.known(broker, &id.0, Family::Classic) {
                Ok(group) => group,
                Err(code::GROUP_ID_NOT_FOUND) if version < 6 => return answer.with_group_state(text("Dead")),
                Err(error) => return answer.with_group_state(text("Dead")).with_error_code(error),
            };
            let members = Self::members(group).map(|(member, id, client, host)| {
                let topics = self.owned(group, member).into_iter().map(|(topic, partitions)| {
                    TopicPartition::default()
                        .with_topic(TopicName(text(Self::topic_name(topic))))
                        .with_partitions(partitions)
                });
                let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect());
                classic::DescribedGroupMember::default()
                    .with_member_id(text(id))
                    .with_client_id(text(client))
                    .with_client_host(text(host))
                    .with_member_assignment(versioned(&assignment))
            });
            answer
                .with_group_state(text(Self::state(group)))
                .with_protocol_type(text("consumer"))
                .with_protocol_data(text("range"))
                .with_members(members.collect())
        });
        DescribeGroupsResponse::default().with_groups(groups.collect())
    }

    fn describe_consumer(&self, broker: usize, asked: &ConsumerGroupDescribeRequest) -> ConsumerGroupDescribeResponse {
        let groups = asked.group_ids.iter().map(|id| {
            let answer =
                consumer::DescribedGroup::default().with_group_id(id.clone()).with_authorized_operations(NO_OPERATIONS);
            let group = match self.known(broker, &id.0, Family::Consumer) {
                Ok(group) => group,
                Err(error) => return answer.with_error_code(error),
            };
            let members = Self::members(group).map(|(member, id, client, host)| {
                let topics = self.owned(group, member).into_iter().map(|(topic, partitions)| {
                    consumer::TopicPartitions::default()
                        .with_topic_id(Uuid::from_u128(topic as u128 + 1))
                        .with_topic_name(TopicName(text(Self::topic_name(topic))))
                        .with_partitions(partitions)
                });
                let assignment = consumer::Assignment::default().with_topic_partitions(topics.collect());
                consumer::Member::default()
                    .with_member_id(text(id))
                    .with_member_epoch(7)
                    .with_client_id(text(client))
                    .with_client_host(text(host))
                    .with_assignment(assignment.clone())
                    .with_target_assignment(assignment)
                    .with_member_type(1)
            });
            answer
                .with_group_state(text(Self::state(group)))
                .with_group_epoch(7)
                .with_assignment_epoch(7)
                .with_assignor_name(text("uniform"))
                .with_members(members.collect())
        });
        ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
    }

    fn describe_share(&self, broker: usize, asked: &ShareGroupDescribeRequest) -> ShareGroupDescribeResponse {
        let groups = asked.group_ids.iter().map(|id| {
            let answer =
                share::DescribedGroup::default().with_group_id(id.clone()).with_authorized_operations(NO_OPERATIONS);
            match self.known(broker, &id.0, Family::Share) {
                Ok(group) => answer.with_group_state(text(Self::state(group))).with_assignor_name(text("simple")),
                Err(error) => answer.with_error_code(error),
            }
        });
        ShareGroupDescribeResponse::default().with_groups(groups.collect())
    }

    fn fetch(&self, broker: usize, asked: &FetchRequest, version: i16) -> (FetchResponse, bool) {
        let topics = asked.topics.iter().map(|topic| {
            let number = if version >= 13 {
                usize::try_from(topic.topic_id.as_u128()).ok().and_then(|id| id.checked_sub(1))
            } else {
                self.topic_number(&topic.topic.0)
            };
            let number = number.filter(|number| *number < self.plan.topics);
            let partitions = topic.partitions.iter().map(|wanted| {
                let (index, offset) = (wanted.partition, wanted.fetch_offset);
                let answer = PartitionData::default().with_partition_index(index).with_records(Some(Bytes::new()));
                let Some(number) = number.filter(|_| (0..self.plan.partitions).contains(&index)) else {
                    return answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION);
                };
                let (start, end) = (Self::start(number, index), Self::end(number, index));
                let answer = answer.with_high_watermark(end).with_log_start_offset(start);
                if self.leader(number, index) != broker {
                    return answer.with_error_code(code::NOT_LEADER);
                }
                if !(start..=end).contains(&offset) {
                    return answer.with_error_code(code::OFFSET_OUT_OF_RANGE);
                }
                let records: Vec<Record> = (offset..end.min(offset + BATCH)).map(record).collect();
                let batch = batch::encode(&records.iter().collect::<Vec<_>>(), Codec::None);
                answer.with_last_stable_offset(Self::stable(number, index)).with_records(Some(batch.into()))
            });
            FetchableTopicResponse::default()
                .with_topic(topic.topic.clone())
                .with_topic_id(topic.topic_id)
                .with_partitions(partitions.collect())
        });
        (FetchResponse::default().with_responses(topics.collect()), true)
    }
}
