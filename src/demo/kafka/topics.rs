//! Metadata, the cluster's description and configurations.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse, MetadataRequest, MetadataResponse,
    TopicName,
};
use uuid::Uuid;

use super::cluster::{Cluster, code, text};
use crate::world::queue::Topic;

/// The cluster id, 22 characters of base64 as Kafka makes them.
const CLUSTER_ID: &str = "hopscopeDemoCluster0Aw";

/// Metadata of all topics, or of those that were named.
pub fn metadata(cluster: &Cluster, asked: &MetadataRequest, version: i16) -> MetadataResponse {
    let brokers = cluster.ports.iter().enumerate().map(|(broker, port)| {
        MetadataResponseBroker::default()
            .with_node_id(cluster.node_id(broker))
            .with_host(text("127.0.0.1"))
            .with_port(i32::from(*port))
    });
    let topics = cluster.stage.look(|world| {
        let known = &world.queue().topics;
        let every = |list: &Vec<_>| version == 0 && list.is_empty();
        match &asked.topics {
            Some(list) if !every(list) => list
                .iter()
                .map(|wanted| {
                    let found = known.iter().position(|topic| match &wanted.name {
                        Some(name) => topic.name.as_str() == name.0.as_str(),
                        None => Uuid::from_u128(topic.id) == wanted.topic_id,
                    });
                    match found {
                        Some(number) => describe_topic(cluster, number, &known[number]),
                        None => MetadataResponseTopic::default()
                            .with_error_code(match wanted.name {
                                Some(_) => code::UNKNOWN_TOPIC_OR_PARTITION,
                                None => code::UNKNOWN_TOPIC_ID,
                            })
                            .with_name(wanted.name.clone())
                            .with_topic_id(wanted.topic_id),
                    }
                })
                .collect(),
            Some(_) | None => {
                known.iter().enumerate().map(|(number, topic)| describe_topic(cluster, number, topic)).collect()
            }
        }
    });
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(text(CLUSTER_ID)))
        .with_controller_id(cluster.node_id(0))
        .with_topics(topics)
}

fn describe_topic(cluster: &Cluster, number: usize, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..topic.partitions.len() as i32).map(|partition| {
        let leader = cluster.leader(number, partition);
        let replicas: Vec<_> =
            (0..cluster.ports.len()).map(|step| cluster.node_id((leader + step) % cluster.ports.len())).collect();
        MetadataResponsePartition::default()
            .with_partition_index(partition)
            .with_leader_id(cluster.node_id(leader))
            .with_leader_epoch(0)
            .with_replica_nodes(replicas.clone())
            .with_isr_nodes(replicas)
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(topic.name.as_str()))))
        .with_topic_id(Uuid::from_u128(topic.id))
        .with_partitions(partitions.collect())
}

/// The brokers and the controller.
pub fn describe_cluster(cluster: &Cluster) -> DescribeClusterResponse {
    let brokers = cluster.ports.iter().enumerate().map(|(broker, port)| {
        DescribeClusterBroker::default()
            .with_broker_id(cluster.node_id(broker))
            .with_host(text("127.0.0.1"))
            .with_port(i32::from(*port))
    });
    DescribeClusterResponse::default()
        .with_cluster_id(text(CLUSTER_ID))
        .with_controller_id(cluster.node_id(0))
        .with_brokers(brokers.collect())
}

/// Configurations of topics, brokers and groups.
pub fn describe_configs(cluster: &Cluster, asked: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    const TOPIC: i8 = 2;
    const BROKER: i8 = 4;
    const GROUP: i8 = 32;
    let results = asked.resources.iter().map(|resource| {
        let name = resource.resource_name.as_str();
        let configs = cluster.stage.look(|world| {
            let queue = world.queue();
            match resource.resource_type {
                TOPIC => queue.topics.iter().find(|topic| topic.name == name).map(topic_configs),
                BROKER => Some(vec![
                    ("log.retention.hours", "168".to_owned(), DEFAULT),
                    ("message.max.bytes", "1048588".to_owned(), DEFAULT),
                    ("offsets.retention.minutes", "10080".to_owned(), DEFAULT),
                    ("auto.create.topics.enable", "false".to_owned(), STATIC),
                ]),
                GROUP => Some(vec![
                    ("consumer.session.timeout.ms", "45000".to_owned(), DEFAULT),
                    ("consumer.heartbeat.interval.ms", "5000".to_owned(), DEFAULT),
                ]),
                _ => None,
            }
        });
        let answer = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match configs {
            None if resource.resource_type == TOPIC => answer
                .with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION)
                .with_error_message(Some(text("This server does not host this topic-partition."))),
            None => answer.with_error_code(code::INVALID_REQUEST),
            Some(configs) => {
                let wanted = |key: &str| {
                    resource
                        .configuration_keys
                        .as_ref()
                        .is_none_or(|keys| keys.iter().any(|wanted| wanted.as_str() == key))
                };
                let entries = configs.into_iter().filter(|(key, _, _)| wanted(key)).map(|(key, value, source)| {
                    DescribeConfigsResourceResult::default()
                        .with_name(text(key))
                        .with_value(Some(text(value)))
                        .with_config_source(source)
                });
                answer.with_configs(entries.collect())
            }
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// Set on the topic.
const DYNAMIC_TOPIC: i8 = 1;
/// Set in the broker's file.
const STATIC: i8 = 4;
/// Never set.
const DEFAULT: i8 = 5;

fn topic_configs(topic: &Topic) -> Vec<(&'static str, String, i8)> {
    vec![
        ("cleanup.policy", "delete".to_owned(), DEFAULT),
        ("compression.type", "producer".to_owned(), DEFAULT),
        ("max.message.bytes", "1048588".to_owned(), DEFAULT),
        ("message.timestamp.type", "CreateTime".to_owned(), DEFAULT),
        ("min.insync.replicas", "1".to_owned(), DEFAULT),
        ("retention.bytes", "-1".to_owned(), DEFAULT),
        ("retention.ms", topic.retention_ms.to_string(), DYNAMIC_TOPIC),
    ]
}
