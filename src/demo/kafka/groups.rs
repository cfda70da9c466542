//! Lists and descriptions of consumer groups.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_group_describe_response as consumer;
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::describe_groups_response as classic;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::share_group_describe_response as share;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerProtocolAssignment,
    ConsumerProtocolSubscription, DescribeGroupsRequest, DescribeGroupsResponse, GroupId, ListGroupsRequest,
    ListGroupsResponse, ShareGroupDescribeRequest, ShareGroupDescribeResponse, TopicName,
};
use kafka_protocol::protocol::Encodable;
use uuid::Uuid;

use super::cluster::{Cluster, code, text};
use crate::world::queue::{Group, Queue};
use crate::world::scenario::Protocol;

/// Says that operations were not asked for.
const NO_OPERATIONS: i32 = i32::MIN;

/// Groups that this broker coordinates; filters are compared without regard to case.
pub fn list(cluster: &Cluster, broker: usize, asked: &ListGroupsRequest, version: i16) -> ListGroupsResponse {
    let passes = |filter: &[kafka_protocol::protocol::StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let groups = cluster.stage.look(|world| {
        let own = world.queue().groups.iter().filter(|group| cluster.coordinator(&group.id) == broker);
        let wanted = own.filter(|group| {
            passes(&asked.states_filter, "Stable") && passes(&asked.types_filter, type_name(group.protocol))
        });
        wanted
            .map(|group| {
                let mut listed = ListedGroup::default()
                    .with_group_id(GroupId(text(group.id.as_str())))
                    .with_protocol_type(text("consumer"));
                if version >= 4 {
                    listed.group_state = text("Stable");
                }
                if version >= 5 {
                    listed.group_type = text(type_name(group.protocol));
                }
                listed
            })
            .collect()
    });
    ListGroupsResponse::default().with_groups(groups)
}

fn type_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Classic => "classic",
        Protocol::Consumer => "consumer",
    }
}

/// Groups of the classic protocol.
pub fn describe_classic(
    cluster: &Cluster,
    broker: usize,
    asked: &DescribeGroupsRequest,
    version: i16,
) -> DescribeGroupsResponse {
    let groups = cluster.stage.look(|world| {
        let queue = world.queue();
        let describe = |id: &GroupId| {
            let answer =
                classic::DescribedGroup::default().with_group_id(id.clone()).with_authorized_operations(NO_OPERATIONS);
            if cluster.coordinator(&id.0) != broker {
                return answer.with_error_code(code::NOT_COORDINATOR);
            }
            match find(queue, &id.0, Protocol::Classic) {
                Some(group) => answer
                    .with_group_state(text("Stable"))
                    .with_protocol_type(text("consumer"))
                    .with_protocol_data(text("range"))
                    .with_members((0..group.members).map(|member| classic_member(queue, group, member)).collect()),
                // Older versions tell an unknown group only by its state.
                None if version < 6 => answer.with_group_state(text("Dead")),
                None => answer
                    .with_group_state(text("Dead"))
                    .with_error_code(code::GROUP_ID_NOT_FOUND)
                    .with_error_message(Some(text(format!("Group {} not found.", id.0.as_str())))),
            }
        };
        asked.groups.iter().map(describe).collect()
    });
    DescribeGroupsResponse::default().with_groups(groups)
}

fn find<'a>(queue: &'a Queue, id: &str, protocol: Protocol) -> Option<&'a Group> {
    queue.groups.iter().find(|group| group.id == id && group.protocol == protocol)
}

fn owned(group: &Group, member: u32) -> Vec<i32> {
    (0..group.cursors.len())
        .filter(|partition| group.owner(*partition) == member)
        .map(|partition| partition as i32)
        .collect()
}

fn client_id(group: &Group, member: u32) -> String {
    format!("consumer-{}-{}", group.id, member + 1)
}

fn member_id(group: &Group, member: u32) -> String {
    let unique = group.id.bytes().fold(u128::from(member) + 1, |sum, byte| sum.wrapping_mul(257) ^ u128::from(byte));
    format!("{}-{}", client_id(group, member), Uuid::from_u128(unique))
}

fn host(member: u32) -> String {
    format!("/10.1.0.{}", 21 + member)
}

fn classic_member(queue: &Queue, group: &Group, member: u32) -> classic::DescribedGroupMember {
    let topic = TopicName(text(queue.topics[group.topic].name.as_str()));
    let subscription = ConsumerProtocolSubscription::default().with_topics(vec![topic.0.clone()]);
    let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(
        [TopicPartition::default().with_topic(topic).with_partitions(owned(group, member))].into(),
    );
    classic::DescribedGroupMember::default()
        .with_member_id(text(member_id(group, member)))
        .with_client_id(text(client_id(group, member)))
        .with_client_host(text(host(member)))
        .with_member_metadata(versioned(&subscription))
        .with_member_assignment(versioned(&assignment))
}

/// Subscription and assignment bytes begin with their own version.
fn versioned(body: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    body.encode(&mut bytes, 0).expect("version 0 holds topics and partitions");
    bytes.freeze()
}

/// Groups of the protocol of KIP-848.
pub fn describe_consumer(
    cluster: &Cluster,
    broker: usize,
    asked: &ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    const EPOCH: i32 = 7;
    let groups = cluster.stage.look(|world| {
        let queue = world.queue();
        let describe = |id: &GroupId| {
            let answer =
                consumer::DescribedGroup::default().with_group_id(id.clone()).with_authorized_operations(NO_OPERATIONS);
            if cluster.coordinator(&id.0) != broker {
                return answer.with_error_code(code::NOT_COORDINATOR);
            }
            let Some(group) = find(queue, &id.0, Protocol::Consumer) else {
                let message = match find(queue, &id.0, Protocol::Classic) {
                    Some(_) => format!("Group {} is not a consumer group.", id.0.as_str()),
                    None => format!("Group {} not found.", id.0.as_str()),
                };
                return answer.with_error_code(code::GROUP_ID_NOT_FOUND).with_error_message(Some(text(message)));
            };
            let topic = &queue.topics[group.topic];
            let name = TopicName(text(topic.name.as_str()));
            let members = (0..group.members).map(|member| {
                let assignment = consumer::Assignment::default().with_topic_partitions(vec![
                    consumer::TopicPartitions::default()
                        .with_topic_id(Uuid::from_u128(topic.id))
                        .with_topic_name(name.clone())
                        .with_partitions(owned(group, member)),
                ]);
                consumer::Member::default()
                    .with_member_id(text(member_id(group, member)))
                    .with_member_epoch(EPOCH)
                    .with_client_id(text(client_id(group, member)))
                    .with_client_host(text(host(member)))
                    .with_subscribed_topic_names(vec![name.clone()])
                    .with_assignment(assignment.clone())
                    .with_target_assignment(assignment)
                    .with_member_type(1)
            });
            answer
                .with_group_state(text("Stable"))
                .with_group_epoch(EPOCH)
                .with_assignment_epoch(EPOCH)
                .with_assignor_name(text("range"))
                .with_members(members.collect())
        };
        asked.group_ids.iter().map(describe).collect()
    });
    ConsumerGroupDescribeResponse::default().with_groups(groups)
}

/// Share groups: there are none.
pub fn describe_share(asked: &ShareGroupDescribeRequest) -> ShareGroupDescribeResponse {
    let groups = asked.group_ids.iter().map(|id| {
        share::DescribedGroup::default()
            .with_group_id(id.clone())
            .with_authorized_operations(NO_OPERATIONS)
            .with_error_code(code::GROUP_ID_NOT_FOUND)
            .with_error_message(Some(text(format!("Group {} not found.", id.0.as_str()))))
    });
    ShareGroupDescribeResponse::default().with_groups(groups.collect())
}
