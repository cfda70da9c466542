use super::*;
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup as NewGroup, Member, TopicPartitions,
};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::describe_share_group_offsets_response::{
    DescribeShareGroupOffsetsResponseGroup, DescribeShareGroupOffsetsResponsePartition,
    DescribeShareGroupOffsetsResponseTopic,
};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState as Described};
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::list_transactions_response::TransactionState as Listed;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::share_group_describe_response as share;
use kafka_protocol::messages::{
    BrokerId, ConsumerGroupDescribeResponse, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    DescribeConfigsResponse, DescribeGroupsResponse, DescribeProducersResponse, DescribeShareGroupOffsetsResponse,
    DescribeTransactionsResponse, FetchResponse, GroupId, ListGroupsResponse, ListOffsetsResponse,
    ListTransactionsResponse, MetadataResponse, OffsetFetchResponse, SaslAuthenticateResponse, SaslHandshakeResponse,
    ShareGroupDescribeResponse, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use proptest::prelude::*;

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn topic() -> TopicName {
    TopicName(text("orders"))
}

/// Encodes an answer in every version that the codec writes, and looks through it.
fn walks(key: i16, versions: std::ops::RangeInclusive<i16>, build: impl Fn(i16) -> Box<dyn Fn(&mut BytesMut)>) {
    for version in versions {
        let mut bytes = BytesMut::new();
        build(version)(&mut bytes);
        let shape = SHAPES.iter().find(|shape| shape.key == key).expect("it is described");
        let mut walk = Walk { body: &bytes, version, flexible: version >= shape.flexible, elements: 0 };
        assert!(
            walk.steps(&steps(shape.fields, version, walk.flexible)).is_ok(),
            "answer {key} version {version} is refused or cut"
        );
        assert_eq!(walk.body.len(), 0, "answer {key} version {version} leaves bytes behind");
    }
}

fn encode<M: Encodable + 'static>(message: M, version: i16) -> Box<dyn Fn(&mut BytesMut)> {
    Box::new(move |out| message.encode(out, version).expect("the sample fits the version"))
}

#[test]
fn every_version_of_every_answer_is_walked_to_its_end() {
    walks(3, 0..=13, |version| {
        let broker = MetadataResponseBroker::default().with_node_id(BrokerId(1)).with_host(text("kafka")).with_port(9);
        let partition = MetadataResponsePartition::default()
            .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
            .with_isr_nodes(vec![BrokerId(1)]);
        let found = MetadataResponseTopic::default().with_name(Some(topic())).with_partitions(vec![partition; 3]);
        encode(MetadataResponse::default().with_brokers(vec![broker; 2]).with_topics(vec![found; 2]), version)
    });
    walks(2, 1..=10, |version| {
        let partition = ListOffsetsPartitionResponse::default().with_offset(7).with_timestamp(8);
        let found = ListOffsetsTopicResponse::default().with_name(topic()).with_partitions(vec![partition; 2]);
        encode(ListOffsetsResponse::default().with_topics(vec![found; 2]), version)
    });
    walks(16, 0..=5, |version| {
        let mut group = ListedGroup::default().with_group_id(GroupId(text("g"))).with_protocol_type(text("consumer"));
        if version >= 4 {
            group = group.with_group_state(text("Stable"));
        }
        if version >= 5 {
            group = group.with_group_type(text("classic"));
        }
        encode(ListGroupsResponse::default().with_groups(vec![group; 3]), version)
    });
    walks(15, 0..=6, |version| {
        let mut member = DescribedGroupMember::default().with_member_id(text("m")).with_client_host(text("/h"));
        member.member_assignment = Bytes::from_static(b"\0\x01\0\0\0\x02");
        let group = DescribedGroup::default().with_group_id(GroupId(text("g"))).with_members(vec![member; 2]);
        encode(DescribeGroupsResponse::default().with_groups(vec![group; 2]), version)
    });
    walks(69, 0..=1, |version| {
        let parts = TopicPartitions::default().with_topic_name(topic()).with_partitions(vec![1, 2, 3]);
        let member = Member::default()
            .with_member_id(text("m"))
            .with_subscribed_topic_names(vec![topic(); 2])
            .with_assignment(Assignment::default().with_topic_partitions(vec![parts; 2]));
        let group = NewGroup::default().with_group_id(GroupId(text("g"))).with_members(vec![member; 2]);
        encode(ConsumerGroupDescribeResponse::default().with_groups(vec![group; 2]), version)
    });
    walks(9, 1..=9, |version| {
        if version < 8 {
            let partition = OffsetFetchResponsePartition::default().with_metadata(Some(text("note")));
            let found = OffsetFetchResponseTopic::default().with_name(topic()).with_partitions(vec![partition; 2]);
            encode(OffsetFetchResponse::default().with_topics(vec![found; 2]), version)
        } else {
            let partition = OffsetFetchResponsePartitions::default().with_metadata(Some(text("note")));
            let found = OffsetFetchResponseTopics::default().with_name(topic()).with_partitions(vec![partition; 2]);
            let group = OffsetFetchResponseGroup::default().with_group_id(GroupId(text("g"))).with_topics(vec![found]);
            encode(OffsetFetchResponse::default().with_groups(vec![group; 2]), version)
        }
    });
    walks(32, 1..=4, |version| {
        let synonym = DescribeConfigsSynonym::default().with_name(text("log.retention.ms"));
        let entry = DescribeConfigsResourceResult::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("-1")))
            .with_synonyms(vec![synonym; 2]);
        let found = DescribeConfigsResult::default().with_resource_name(text("orders")).with_configs(vec![entry; 3]);
        encode(DescribeConfigsResponse::default().with_results(vec![found; 2]), version)
    });
    walks(61, 0..=0, |version| {
        let part = PartitionResponse::default().with_active_producers(vec![ProducerState::default(); 3]);
        let found = TopicResponse::default().with_name(topic()).with_partitions(vec![part; 2]);
        encode(DescribeProducersResponse::default().with_topics(vec![found; 2]), version)
    });
    walks(65, 0..=0, |version| {
        let parts = TopicData::default().with_topic(topic()).with_partitions(vec![1, 2]);
        let found = Described::default().with_transaction_state(text("Ongoing")).with_topics(vec![parts; 2]);
        encode(DescribeTransactionsResponse::default().with_transaction_states(vec![found; 2]), version)
    });
    walks(66, 0..=2, |version| {
        let found = Listed::default().with_transaction_state(text("Ongoing"));
        let answer = ListTransactionsResponse::default().with_unknown_state_filters(vec![text("x"); 2]);
        encode(answer.with_transaction_states(vec![found; 3]), version)
    });
    walks(77, 1..=1, |version| {
        let parts = share::TopicPartitions::default().with_topic_name(topic()).with_partitions(vec![1, 2, 3]);
        let member = share::Member::default()
            .with_member_id(text("m"))
            .with_rack_id(Some(text("r")))
            .with_subscribed_topic_names(vec![topic(); 2])
            .with_assignment(share::Assignment::default().with_topic_partitions(vec![parts; 2]));
        let group = share::DescribedGroup::default().with_group_id(GroupId(text("g"))).with_members(vec![member; 2]);
        encode(ShareGroupDescribeResponse::default().with_groups(vec![group; 2]), version)
    });
    walks(90, 0..=0, |version| {
        let part = DescribeShareGroupOffsetsResponsePartition::default().with_start_offset(7);
        let found =
            DescribeShareGroupOffsetsResponseTopic::default().with_topic_name(topic()).with_partitions(vec![part; 2]);
        let group = DescribeShareGroupOffsetsResponseGroup::default().with_topics(vec![found; 2]);
        encode(DescribeShareGroupOffsetsResponse::default().with_groups(vec![group; 2]), version)
    });
    walks(ASSIGNED, 0..=3, |version| {
        let parts = TopicPartition::default().with_topic(topic()).with_partitions(vec![1, 2]);
        let assigned = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![parts; 2]);
        encode(assigned.with_user_data(Some(Bytes::from_static(b"data"))), version)
    });
    walks(SUBSCRIBED, 0..=3, |version| {
        let subscribed = ConsumerProtocolSubscription::default().with_topics(vec![text("orders"); 2]);
        encode(subscribed.with_user_data(Some(Bytes::from_static(b"data"))), version)
    });
    walks(17, 0..=1, |version| {
        encode(SaslHandshakeResponse::default().with_error_code(33).with_mechanisms(vec![text("PLAIN"); 3]), version)
    });
    walks(36, 0..=2, |version| {
        let mut answer = SaslAuthenticateResponse::default()
            .with_error_message(Some(text("no")))
            .with_auth_bytes(Bytes::from_static(b"v=1"));
        if version >= 1 {
            answer = answer.with_session_lifetime_ms(9);
        }
        encode(answer, version)
    });
    walks(1, 4..=17, |version| {
        let partition = PartitionData::default()
            .with_aborted_transactions(Some(vec![AbortedTransaction::default(); 2]))
            .with_records(Some(Bytes::from_static(b"records")));
        let mut found = FetchableTopicResponse::default().with_partitions(vec![partition; 2]);
        found = if version >= 13 { found.with_topic_id(uuid::Uuid::from_u128(9)) } else { found.with_topic(topic()) };
        encode(FetchResponse::default().with_responses(vec![found; 2]), version)
    });
}

#[test]
fn a_count_that_cannot_be_true_is_told() {
    // Metadata 9: throttle time, then 2^32 - 2 brokers.
    let body = b"\0\0\0\0\xff\xff\xff\xff\x0f";
    assert_eq!(check(3, 9, body), Err(Wrong::Count { count: u64::from(u32::MAX) - 1, left: 0 }));
    // Metadata 1: 2^31 - 1 brokers in four bytes.
    let body = b"\x7f\xff\xff\xff\0\0\0\0";
    assert_eq!(check(3, 1, body), Err(Wrong::Count { count: u64::from(u32::MAX / 2), left: 4 }));
    // Null is no array.
    assert_eq!(check(16, 0, b"\0\0\xff\xff\xff\xff"), Ok(()));
    // ListGroups 0: more groups than any cluster has, each of two empty texts.
    let many = [&b"\0\0"[..], &(2i32 << 20).to_be_bytes(), &vec![0; 8 << 20]].concat();
    assert_eq!(check(16, 0, &many), Err(Wrong::Count { count: 2 << 20, left: 8 << 20 }));
}

/// The codec takes five bytes for a number whatever the last one says, and reads tagged fields without their size: a walk
/// that stops or goes on elsewhere would let a count pass that it has not seen.
#[test]
fn what_the_codec_would_read_at_another_place_is_refused() {
    let wrong = |key, version, body: &'static [u8]| check(key, version, body).unwrap_err();
    assert_eq!(wrong(15, 6, b"\0\0\0\0\xcb\xcb\xcb\xcb\xcb\0\0\0\0\0\0\0"), Wrong::Short);
    // Fetch 16 without responses, then 2^32 - 2 endpoints in the tagged field 0.
    let counted = wrong(1, 16, b"\0\0\0\0\0\0\0\0\0\0\x01\x01\0\x05\xff\xff\xff\xff\x0f");
    assert_eq!(counted, Wrong::Count { count: u64::from(u32::MAX) - 1, left: 0 });
    // The same with a size of none.
    assert_eq!(wrong(1, 16, b"\0\0\0\0\0\0\0\0\0\0\x01\x01\0\0\x01"), Wrong::Short);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64), version in 0i16..18) {
        for shape in SHAPES {
            if let Err(Wrong::Count { count, .. }) = check(shape.key, version, &bytes) {
                prop_assert!(count > 0);
            }
        }
    }
}
