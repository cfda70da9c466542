//! The embedded brokers over real TCP, frame by frame.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};
use hopscope::demo::Running;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, FetchRequest, FetchResponse, GroupId, ListGroupsRequest,
    ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetFetchRequest,
    OffsetFetchResponse, ProduceRequest, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::records::decode;
use super::served;

/// Sends one request on a connection of its own; `None` when the broker closes it.
async fn ask(address: &str, api: ApiKey, version: i16, request: &impl Encodable) -> Option<Bytes> {
    let mut frame = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(77)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    header.encode(&mut frame, api.request_header_version(version)).unwrap();
    request.encode(&mut frame, version).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_u32(frame.len() as u32).await.unwrap();
    stream.write_all(&frame).await.unwrap();
    let length = stream.read_u32().await.ok()?;
    let mut answer = BytesMut::zeroed(length as usize);
    stream.read_exact(&mut answer).await.unwrap();
    Some(answer.freeze())
}

async fn call<R: Decodable>(address: &str, api: ApiKey, version: i16, request: &impl Encodable) -> R {
    let mut answer = ask(address, api, version, request).await.unwrap();
    let header = ResponseHeader::decode(&mut answer, api.response_header_version(version)).unwrap();
    assert_eq!(header.correlation_id, 77);
    let body = R::decode(&mut answer, version).unwrap();
    assert!(!answer.has_remaining(), "{api:?} v{version} leaves bytes");
    body
}

async fn metadata(running: &Running) -> (Vec<String>, MetadataResponse) {
    let all = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
    let answer: MetadataResponse = call(&running.kafka, ApiKey::Metadata, 12, &all).await;
    let addresses = answer.brokers.iter().map(|broker| format!("{}:{}", broker.host.as_str(), broker.port)).collect();
    (addresses, answer)
}

/// Address of the leader, and id, of a topic's partition.
async fn leader(running: &Running, topic: &str, partition: usize) -> (String, String, uuid::Uuid) {
    let (_, answer) = metadata(running).await;
    let found = answer.topics.iter().find(|known| known.name.as_ref().unwrap().0.as_str() == topic).unwrap();
    let node = found.partitions[partition].leader_id;
    let address = |own: bool| {
        let broker = answer.brokers.iter().find(|broker| (broker.node_id == node) == own).unwrap();
        format!("127.0.0.1:{}", broker.port)
    };
    (address(true), address(false), found.topic_id)
}

fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

fn fetch(topic: &str, id: uuid::Uuid, partition: i32, offset: i64, most: i32) -> FetchRequest {
    let partition =
        FetchPartition::default().with_partition(partition).with_fetch_offset(offset).with_partition_max_bytes(most);
    FetchRequest::default().with_max_bytes(1 << 20).with_min_bytes(1).with_session_epoch(-1).with_topics(vec![
        FetchTopic::default().with_topic(name(topic)).with_topic_id(id).with_partitions(vec![partition]),
    ])
}

#[tokio::test]
async fn an_unknown_version_of_the_first_request_gets_version_0() {
    let running = served(|_| {}).await;
    let mut frame = BytesMut::new();
    // A header of a version that no broker knows still has its first eight bytes.
    frame.extend_from_slice(&18_i16.to_be_bytes());
    frame.extend_from_slice(&9_i16.to_be_bytes());
    frame.extend_from_slice(&5_i32.to_be_bytes());
    frame.extend_from_slice(b"\xff\xff\x00");
    let mut stream = TcpStream::connect(&running.kafka).await.unwrap();
    stream.write_u32(frame.len() as u32).await.unwrap();
    stream.write_all(&frame).await.unwrap();
    let length = stream.read_u32().await.unwrap();
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await.unwrap();
    let mut answer = Bytes::from(answer);
    assert_eq!(answer.get_i32(), 5);
    let body = ApiVersionsResponse::decode(&mut answer, 0).unwrap();
    assert_eq!(body.error_code, 35);
}

#[tokio::test]
async fn no_write_is_offered_and_a_write_closes_the_connection() {
    let running = served(|_| {}).await;
    let request = ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("test"))
        .with_client_software_version(StrBytes::from_static_str("1"));
    let offered: ApiVersionsResponse = call(&running.kafka, ApiKey::ApiVersions, 3, &request).await;
    let names: Vec<ApiKey> = offered.api_keys.iter().map(|api| ApiKey::try_from(api.api_key).unwrap()).collect();
    for write in [
        ApiKey::Produce,
        ApiKey::JoinGroup,
        ApiKey::OffsetCommit,
        ApiKey::OffsetDelete,
        ApiKey::CreateTopics,
        ApiKey::DeleteGroups,
        ApiKey::ConsumerGroupHeartbeat,
        ApiKey::IncrementalAlterConfigs,
    ] {
        assert!(!names.contains(&write), "{write:?}");
    }
    let produce = ProduceRequest::default().with_acks(1).with_timeout_ms(1_000);
    assert!(ask(&running.kafka, ApiKey::Produce, 9, &produce).await.is_none());
    let counted = running.requests();
    assert_eq!((counted["ApiVersions"], counted["Produce"]), (1, 1));
}

#[tokio::test]
async fn a_fetch_returns_whole_batches_that_hold_the_truth() {
    let running = served(|_| {}).await;
    for topic in ["orders", "audit", "orders-retry-0", "orders-dlt"] {
        let (address, _, id) = leader(&running, topic, 0).await;
        for version in [4, 11, 12, 13, 17, 18] {
            let request = fetch(topic, id, 0, 1, 50_000);
            let answer: FetchResponse = call(&address, ApiKey::Fetch, version, &request).await;
            let data = &answer.responses[0].partitions[0];
            assert_eq!(data.error_code, 0, "{topic} v{version}");
            let records = decode(data.records.as_ref().unwrap());
            assert!(records[0].0 <= 1, "the batch that holds the offset comes whole");
            running.look(|world| {
                let log = world.queue().partition(topic, 0).unwrap();
                assert_eq!(data.high_watermark, log.end());
                for (offset, timestamp_ms, key, value, headers) in &records {
                    let stored = log.record(*offset).unwrap();
                    assert_eq!((stored.timestamp_ms, &stored.key, &stored.value), (*timestamp_ms, key, value));
                    assert_eq!(stored.headers.len(), headers.len());
                    for (stored, (key, value)) in stored.headers.iter().zip(headers) {
                        assert_eq!((stored.key.as_bytes(), &stored.value), (key.as_slice(), value));
                    }
                }
            });
        }
    }
}

#[tokio::test]
async fn fetch_errors_are_kafkas() {
    let running = served(|_| {}).await;
    let (address, other, id) = leader(&running, "orders", 0).await;
    let partition = async |address: &str, request: FetchRequest, version| {
        let answer: FetchResponse = call(address, ApiKey::Fetch, version, &request).await;
        answer.responses[0].partitions[0].clone()
    };
    let beyond = partition(&address, fetch("orders", id, 0, 1 << 40, 1), 12).await;
    let numbers = (beyond.error_code, beyond.high_watermark, beyond.last_stable_offset, beyond.log_start_offset);
    assert_eq!(numbers, (1, -1, -1, -1));
    assert_eq!(partition(&other, fetch("orders", id, 0, 0, 1), 12).await.error_code, 6);
    assert_eq!(partition(&address, fetch("nosuch", id, 0, 0, 1), 12).await.error_code, 3);
    assert_eq!(partition(&address, fetch("", uuid::Uuid::from_u128(5), 0, 0, 1), 13).await.error_code, 100);
    let one = partition(&address, fetch("orders", id, 0, 0, 1), 12).await;
    assert_eq!(decode(&one.records.unwrap()).len(), 1, "the first batch comes whole whatever the limit");
    assert_eq!(one.aborted_transactions, None);
    let committed = fetch("orders", id, 0, 0, 1).with_isolation_level(1);
    assert_eq!(partition(&address, committed, 12).await.aborted_transactions, Some(Vec::new()));
}

async fn offset(address: &str, topic: &str, timestamp: i64, version: i16) -> (i16, i64, i64) {
    let partition = ListOffsetsPartition::default().with_partition_index(2).with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default().with_name(name(topic)).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
    let answer: ListOffsetsResponse = call(address, ApiKey::ListOffsets, version, &request).await;
    let found = &answer.topics[0].partitions[0];
    (found.error_code, found.offset, found.timestamp)
}

#[tokio::test]
async fn offsets_by_time_and_by_special_timestamp() {
    let running = served(|_| {}).await;
    let (address, other, _) = leader(&running, "orders", 2).await;
    let (end, newest_ms, third_ms) = running.look(|world| {
        let log = world.queue().partition("orders", 2).unwrap();
        (log.end(), log.record(log.end() - 1).unwrap().timestamp_ms, log.record(3).unwrap().timestamp_ms)
    });
    for (timestamp, version, expected) in [
        (-1, 10, (0, end, -1)),
        (-2, 10, (0, 0, -1)),
        (-4, 10, (0, 0, -1)),
        (-3, 7, (0, end - 1, newest_ms)),
        (third_ms, 5, (0, 3, third_ms)),
        (newest_ms + 1, 5, (0, -1, -1)),
        (-9, 10, (35, -1, -1)),
    ] {
        assert_eq!(offset(&address, "orders", timestamp, version).await, expected, "{timestamp} v{version}");
    }
    assert_eq!(offset(&other, "orders", -1, 10).await.0, 6);
    assert_eq!(offset(&address, "nosuch", -1, 10).await.0, 3);
}

#[tokio::test]
async fn committed_offsets_and_groups_agree_with_the_truth() {
    let running = served(|_| {}).await;
    let (addresses, _) = metadata(&running).await;
    let mut types = BTreeMap::new();
    let mut committed = BTreeMap::new();
    for address in &addresses {
        let list: ListGroupsResponse = call(address, ApiKey::ListGroups, 5, &ListGroupsRequest::default()).await;
        let ids: Vec<GroupId> = list.groups.iter().map(|group| group.group_id.clone()).collect();
        types.extend(list.groups.iter().map(|group| (group.group_id.0.to_string(), group.group_type.to_string())));
        let groups =
            ids.iter().map(|id| OffsetFetchRequestGroup::default().with_group_id(id.clone()).with_topics(None));
        let request = OffsetFetchRequest::default().with_groups(groups.collect());
        let answer: OffsetFetchResponse = call(address, ApiKey::OffsetFetch, 9, &request).await;
        for group in answer.groups {
            assert_eq!(group.error_code, 0);
            for topic in group.topics {
                for partition in topic.partitions {
                    let place = (group.group_id.0.to_string(), topic.name.0.to_string(), partition.partition_index);
                    committed.insert(place, partition.committed_offset);
                }
            }
        }
        let describe = DescribeGroupsRequest::default().with_groups(ids);
        let described: DescribeGroupsResponse = call(address, ApiKey::DescribeGroups, 6, &describe).await;
        for group in described.groups {
            let classic = types[&group.group_id.0.to_string()] == "classic";
            assert_eq!(group.error_code, if classic { 0 } else { 69 });
            assert_eq!(group.members.is_empty(), !classic);
        }
    }
    assert_eq!(types["billing-export"], "consumer");
    assert_eq!(types.values().filter(|kind| *kind == "classic").count(), 5);
    let truth: BTreeMap<_, _> = running
        .positions()
        .into_iter()
        .filter_map(|position| {
            let place = (position.group.to_string(), position.topic.to_string(), position.partition);
            Some((place, position.committed?))
        })
        .collect();
    assert_eq!(committed, truth);
}

#[tokio::test]
async fn the_wrong_broker_does_not_coordinate() {
    let running = served(|_| {}).await;
    let (addresses, _) = metadata(&running).await;
    let id = GroupId(StrBytes::from_static_str("billing-export"));
    let mut codes = Vec::new();
    for address in &addresses {
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![id.clone()]);
        let answer: ConsumerGroupDescribeResponse = call(address, ApiKey::ConsumerGroupDescribe, 1, &request).await;
        codes.push((answer.groups[0].error_code, answer.groups[0].members.len()));
    }
    codes.sort_unstable();
    assert_eq!(codes, [(0, 2), (16, 0)]);
}
