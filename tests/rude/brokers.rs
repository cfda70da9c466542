//! Brokers that change their minds: leaders and coordinators that move, rights that are missing, addresses that lead nowhere.

use super::peer::{Act, Framing, Peer};
use super::{LONG, ask};
use hopscope::config::{KafkaEndpoint, Limits};
use hopscope::model::ask::NoteKind;
use hopscope::model::{Answer, Ask, Coordinate, Exchange, QueueState, Reply, Rows, SourceKind};
use hopscope::sources::Source;
use hopscope::sources::kafka::Kafka;
use hopscope::sources::lease::Budget;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, FetchResponse, GroupId, ListGroupsResponse, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, OffsetFetchResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const TOPIC: u128 = 7;

/// Says which error a request gets, by its kind and how often that came before.
type Codes = fn(ApiKey, usize) -> i16;

/// What never settles, and what is made of it: how often what is asked for, and the note.
type Unsettled = (&'static str, Codes, ApiKey, usize, NoteKind, &'static str);

/// A broker of one topic and one group.
struct Broker {
    peer: Peer,
    seen: Arc<Mutex<HashMap<i16, usize>>>,
}

/// How many partitions there are in metadata that gets a code: those from the code on are led by nobody.
const LEADERLESS: i32 = 40;
/// The code of metadata that name no broker.
const NO_BROKER: i16 = -1;

/// The newest version of each request that is offered.
const OFFER: &[(ApiKey, i16)] = &[
    (ApiKey::ApiVersions, 3),
    (ApiKey::Metadata, 12),
    (ApiKey::ListOffsets, 9),
    (ApiKey::ListGroups, 5),
    (ApiKey::OffsetFetch, 8),
    (ApiKey::Fetch, 15),
];

impl Broker {
    fn start(codes: Codes) -> Self {
        Self::with(codes, OFFER, None)
    }

    /// Starts a broker that offers these versions, and that metadata names under another address where one is given.
    fn with(codes: Codes, offer: &'static [(ApiKey, i16)], advertised: Option<(&'static str, u16)>) -> Self {
        let (seen, port) = (Arc::<Mutex<HashMap<i16, usize>>>::default(), Arc::new(OnceLock::new()));
        let (counted, known) = (Arc::clone(&seen), Arc::clone(&port));
        let script = move |_: usize, request: &[u8]| {
            let number = |at: usize| i16::from_be_bytes([request[at], request[at + 1]]);
            let (key, version) = (ApiKey::try_from(number(0)).unwrap(), number(2));
            let before = {
                let mut counted = counted.lock().unwrap();
                let count = counted.entry(number(0)).or_default();
                *count += 1;
                *count - 1
            };
            let at = advertised.unwrap_or(("127.0.0.1", *known.get().expect("set before the first request")));
            if key == ApiKey::Metadata {
                // Whoever names a topic here may create it: never by name, and never with leave to create.
                let mut body = bytes::Bytes::copy_from_slice(request);
                RequestHeader::decode(&mut body, key.request_header_version(version)).unwrap();
                let asked = MetadataRequest::decode(&mut body, version).unwrap();
                assert!(asked.topics.is_none() && !asked.allow_auto_topic_creation, "{asked:?}");
            }
            let mut out = vec![0; 4];
            let header =
                ResponseHeader::default().with_correlation_id(i32::from_be_bytes(request[4..8].try_into().unwrap()));
            header
                .encode(&mut out, if key == ApiKey::ApiVersions { 0 } else { key.response_header_version(version) })
                .unwrap();
            // Where the log begins is asked for by the time -2.
            let is_start = key == ApiKey::ListOffsets && request.windows(8).any(|bytes| bytes == (-2i64).to_be_bytes());
            body(key, version, (codes(key, before), at), (offer, if is_start { 0 } else { 10 }), &mut out);
            let length = (out.len() - 4) as u32;
            out[..4].copy_from_slice(&length.to_be_bytes());
            vec![Act::Send(out), Act::Next]
        };
        let peer = Peer::start(Framing::Kafka, Arc::new(script));
        port.set(peer.address.rsplit_once(':').unwrap().1.parse().unwrap()).unwrap();
        Self { peer, seen }
    }

    fn seen(&self, key: ApiKey) -> usize {
        self.seen.lock().unwrap().get(&(key as i16)).copied().unwrap_or_default()
    }

    async fn ask(&self, what: &Ask) -> Reply {
        ask(SourceKind::Kafka, &self.peer.address, what, LONG).await
    }
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn body(
    key: ApiKey,
    version: i16,
    (code, at): (i16, (&'static str, u16)),
    (offer, place): (&[(ApiKey, i16)], i64),
    out: &mut Vec<u8>,
) {
    let topic = TopicName(text("orders"));
    match key {
        ApiKey::ApiVersions => {
            let keys = offer.iter().map(|(key, newest)| {
                let oldest = if *key == ApiKey::Fetch { 4 } else { 1 };
                ApiVersion::default().with_api_key(*key as i16).with_min_version(oldest).with_max_version(*newest)
            });
            ApiVersionsResponse::default().with_api_keys(keys.collect()).encode(out, version)
        }
        ApiKey::Metadata => {
            let broker = MetadataResponseBroker::default()
                .with_node_id(BrokerId(1))
                .with_host(StrBytes::from_static_str(at.0))
                .with_port(i32::from(at.1));
            let partition = |index| {
                let leader = if code == 0 || index < code.into() { 1 } else { -1 };
                MetadataResponsePartition::default().with_partition_index(index).with_leader_id(BrokerId(leader))
            };
            let found = MetadataResponseTopic::default()
                .with_name(Some(topic))
                .with_topic_id(if version >= 10 { uuid::Uuid::from_u128(TOPIC) } else { uuid::Uuid::nil() })
                .with_partitions((0..if code == 0 { 1 } else { LEADERLESS }).map(partition).collect());
            let brokers = if code == NO_BROKER { Vec::new() } else { vec![broker] };
            MetadataResponse::default().with_brokers(brokers).with_topics(vec![found]).encode(out, version)
        }
        ApiKey::ListOffsets => {
            let part =
                ListOffsetsPartitionResponse::default().with_error_code(code).with_offset(place).with_timestamp(1);
            let found = ListOffsetsTopicResponse::default().with_name(topic).with_partitions(vec![part]);
            ListOffsetsResponse::default().with_topics(vec![found]).encode(out, version)
        }
        ApiKey::ListGroups => {
            let group = ListedGroup::default()
                .with_group_id(GroupId(text("billing")))
                .with_group_state(text("Empty"))
                .with_group_type(text("classic"));
            ListGroupsResponse::default().with_error_code(code).with_groups(vec![group]).encode(out, version)
        }
        ApiKey::OffsetFetch => {
            let part = OffsetFetchResponsePartitions::default().with_committed_offset(4);
            let found = OffsetFetchResponseTopics::default().with_name(topic).with_partitions(vec![part]);
            let group = OffsetFetchResponseGroup::default()
                .with_group_id(GroupId(text("billing")))
                .with_error_code(code)
                .with_topics(if code == 0 { vec![found] } else { Vec::new() });
            OffsetFetchResponse::default().with_groups(vec![group]).encode(out, version)
        }
        ApiKey::Fetch => {
            let part = PartitionData::default()
                .with_error_code(code)
                .with_high_watermark(10)
                .with_last_stable_offset(10)
                .with_records(Some(batch()));
            let mut found = FetchableTopicResponse::default().with_partitions(vec![part]);
            found =
                if version >= 13 { found.with_topic_id(uuid::Uuid::from_u128(TOPIC)) } else { found.with_topic(topic) };
            FetchResponse::default().with_responses(vec![found]).encode(out, version)
        }
        other => panic!("{other:?} is not offered"),
    }
    .expect("the sample fits the version");
}

/// A batch of format 2 at offset 4 with one record, key `k` and value `v`; its checksum is left out.
fn batch() -> bytes::Bytes {
    let record = [16, 0, 0, 0, 2, b'k', 2, b'v', 0];
    let mut out = 4i64.to_be_bytes().to_vec();
    out.extend((49 + record.len() as u32).to_be_bytes());
    out.extend([0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend([1i64.to_be_bytes(), 1i64.to_be_bytes(), (-1i64).to_be_bytes()].concat());
    out.extend([255, 255, 255, 255, 255, 255, 0, 0, 0, 1]);
    out.extend(record);
    out.into()
}

fn queues(answer: &Answer) -> &QueueState {
    let Rows::Queues(state) = &answer.rows else { panic!("a question about queues is answered with queues") };
    state
}

fn kinds(answer: &Answer) -> Vec<NoteKind> {
    answer.notes.iter().map(|note| note.kind).collect()
}

fn at() -> Ask {
    Ask::Record(Coordinate::parse("orders-0@4").unwrap())
}

#[tokio::test]
async fn what_moves_while_it_is_read_is_asked_for_once_more() {
    let cases: &[(&str, Codes)] = &[
        ("nothing", |_, _| 0),
        ("a leader (6)", |key, before| if key == ApiKey::ListOffsets && before == 0 { 6 } else { 0 }),
        ("an epoch (74)", |key, before| if key == ApiKey::ListOffsets && before == 1 { 74 } else { 0 }),
        ("an election (5)", |key, before| if key == ApiKey::ListOffsets && before == 2 { 5 } else { 0 }),
        ("a coordinator (16)", |key, before| if key == ApiKey::OffsetFetch && before == 0 { 16 } else { 0 }),
        ("a coordinator that loads (14)", |key, before| if key == ApiKey::OffsetFetch && before == 0 { 14 } else { 0 }),
        ("a list that loads (14)", |key, before| if key == ApiKey::ListGroups && before == 0 { 14 } else { 0 }),
    ];
    for (what, codes) in cases {
        let answer = Broker::start(*codes).ask(&Ask::Queues).await.outcome.unwrap();
        assert_eq!(answer.notes, [], "{what}");
        let state = queues(&answer);
        assert_eq!(state.group_lag(&state.groups[0]), (6, 0), "{what}");
    }
    let broker = Broker::start(|key, before| if key == ApiKey::Fetch && before == 0 { 6 } else { 0 });
    let answer = broker.ask(&at()).await.outcome.unwrap();
    assert_eq!((answer.rows.len(), broker.seen(ApiKey::Metadata)), (1, 2), "{:?}", answer.notes);
}

#[tokio::test]
async fn what_does_not_settle_is_named_and_not_asked_for_without_end() {
    let cases: &[Unsettled] = &[
        // Three kinds of offsets, each asked for twice, and the first once more after fresh metadata.
        (
            "the leader",
            |key, _| if key == ApiKey::ListOffsets { 6 } else { 0 },
            ApiKey::ListOffsets,
            7,
            NoteKind::PartMissing,
            "topic orders",
        ),
        (
            "the coordinator",
            |key, _| if key == ApiKey::OffsetFetch { 16 } else { 0 },
            ApiKey::OffsetFetch,
            2,
            NoteKind::PartMissing,
            "group billing",
        ),
        (
            "the list",
            |key, _| if key == ApiKey::ListGroups { 14 } else { 0 },
            ApiKey::ListGroups,
            2,
            NoteKind::PartMissing,
            "loading",
        ),
        (
            "rights on the topic",
            |key, _| if key == ApiKey::ListOffsets { 29 } else { 0 },
            ApiKey::ListOffsets,
            3,
            NoteKind::NotPermitted,
            "topic orders",
        ),
        (
            "rights on the group",
            |key, _| if key == ApiKey::OffsetFetch { 30 } else { 0 },
            ApiKey::OffsetFetch,
            1,
            NoteKind::NotPermitted,
            "group billing",
        ),
    ];
    for (what, codes, key, times, kind, words) in cases {
        let broker = Broker::start(*codes);
        let answer = broker.ask(&Ask::Queues).await.outcome.unwrap();
        let said = answer.notes.iter().any(|note| note.kind == *kind && note.text.as_str().contains(words));
        assert!(said, "{what}: {:?}", answer.notes);
        assert_eq!(broker.seen(*key), *times, "{what}");
        assert!(broker.seen(ApiKey::Metadata) <= 2, "{what}");
    }
    let broker = Broker::start(|key, _| if key == ApiKey::Fetch { 6 } else { 0 });
    let answer = broker.ask(&at()).await.outcome.unwrap();
    assert_eq!((kinds(&answer), broker.seen(ApiKey::Fetch)), (vec![NoteKind::PartMissing], 2));
}

#[tokio::test]
async fn partitions_that_nobody_leads_are_one_note_and_a_cluster_without_brokers_is_not_one_without_groups() {
    let cases: &[(&str, Codes, &[&str])] = &[
        (
            "most",
            |key, _| if key == ApiKey::Metadata { 30 } else { 0 },
            &["10 of 40 partitions of orders (30, 31, 32, 33, 34, 35, 36, 37 and 2 more): nobody leads it now"],
        ),
        ("one", |key, _| if key == ApiKey::Metadata { 39 } else { 0 }, &["orders-39: nobody leads it now"]),
        (
            "all, and nobody is left",
            |key, _| if key == ApiKey::Metadata { NO_BROKER } else { 0 },
            &[
                "all 40 partitions of orders: nobody leads it now",
                "the cluster names no broker that serves; it may have lost its quorum; ask again",
            ],
        ),
    ];
    for (what, codes, expected) in cases {
        let answer = Broker::start(*codes).ask(&Ask::Queues).await.outcome.unwrap();
        let said: Vec<&str> = answer.notes.iter().map(|note| note.text.as_str()).collect();
        let led: Vec<&&str> = said.iter().filter(|text| !text.contains("left out")).collect();
        assert_eq!(led, expected.iter().collect::<Vec<_>>(), "{what}");
        assert!(said.len() <= 2 && kinds(&answer).iter().all(|kind| *kind == NoteKind::PartMissing), "{said:?}");
    }
}

#[tokio::test]
async fn a_time_that_an_old_broker_would_answer_with_a_lie_is_not_asked_for() {
    const OLD: &[(ApiKey, i16)] =
        &[(ApiKey::ApiVersions, 3), (ApiKey::Metadata, 9), (ApiKey::ListOffsets, 6), (ApiKey::Fetch, 12)];
    let old = Broker::with(|_, _| 0, OLD, None);
    let answer = old.ask(&Ask::TopicsInFull).await.outcome.unwrap();
    let state = queues(&answer);
    assert_eq!(state.topics[0].partitions[0].newest, None);
    assert_eq!(
        (state.topics[0].partitions[0].end, old.seen(ApiKey::ListOffsets)),
        (Some(10), 3),
        "no fourth kind was asked for"
    );
    assert!(answer.notes.iter().any(|note| note.text.as_str().contains("older than Kafka 3.0")), "{:?}", answer.notes);
    let new = Broker::start(|_, _| 0);
    let answer = new.ask(&Ask::TopicsInFull).await.outcome.unwrap();
    assert!(queues(&answer).topics[0].partitions[0].newest.is_some(), "{:?}", answer.notes);
}

async fn through(addresses: &[&str], what: &Ask, patience: Duration) -> Reply {
    let bootstrap = addresses.iter().map(|address| {
        let (host, port) = address.rsplit_once(':').unwrap();
        (host.to_owned(), port.parse().unwrap())
    });
    let kafka = Kafka::new(&KafkaEndpoint { bootstrap: bootstrap.collect(), ..KafkaEndpoint::default() });
    let limits = Limits { request_timeout: patience, timeout: patience, ..Limits::default() };
    kafka.answer(what, &Budget::new(SourceKind::Kafka, &limits, CancellationToken::new())).await
}

#[tokio::test]
async fn dead_entries_of_the_bootstrap_list_hide_no_living_one() {
    let (refused, broker) = (Peer::refused(), Broker::start(|_, _| 0));
    let silent = Peer::start(Framing::Kafka, Arc::new(|_, _| vec![Act::Hold]));
    let lists = [
        [refused.as_str(), "no-such-host.invalid:9092", &broker.peer.address],
        [silent.address.as_str(), &refused, &broker.peer.address],
    ];
    for list in lists {
        let reply = through(&list, &Ask::Queues, Duration::from_millis(LONG)).await;
        let answer = reply.outcome.unwrap_or_else(|fault| panic!("{list:?}: {fault}"));
        assert_eq!((queues(&answer).groups.len(), kinds(&answer)), (1, Vec::new()), "{list:?}");
    }
}

#[tokio::test]
async fn an_address_that_only_the_cluster_knows_is_named_with_what_can_be_done() {
    let broker = Broker::with(|_, _| 0, OFFER, Some(("kafka-0.no-such-host.invalid", 9092)));
    let fault = broker.ask(&at()).await.outcome.unwrap_err();
    assert!(fault.came.as_str().contains("kafka-0.no-such-host.invalid:9092"), "{fault}");
    assert!(fault.hint.as_str().contains("advertised.listeners"), "{}", fault.hint.as_str());
    let answer = broker.ask(&Ask::Queues).await.outcome.unwrap();
    let named = |note: &hopscope::model::Note| note.text.as_str().contains("kafka-0.no-such-host.invalid:9092");
    assert!(answer.notes.iter().all(named) && !answer.notes.is_empty(), "{:?}", answer.notes);
    assert!(queues(&answer).brokers[0].fault.is_some());
}

#[tokio::test]
async fn a_broker_that_is_lost_costs_one_wait_however_much_was_to_be_asked_of_it() {
    let broker = Broker::start(|_, _| 0);
    let silent = Peer::start(Framing::Kafka, Arc::new(|_, _| vec![Act::Hold]));
    let port: u16 = silent.address.rsplit_once(':').unwrap().1.parse().unwrap();
    drop(broker);
    let told = Broker::with(|_, _| 0, OFFER, Some(("127.0.0.1", port)));
    let reply = through(&[&told.peer.address], &Ask::Queues, Duration::from_millis(600)).await;
    let asked = |exchange: &&Exchange| exchange.request.as_str().contains(&silent.address);
    let waits: Vec<&Exchange> = reply.exchanges.iter().filter(asked).collect();
    // Groups and the starts of logs are asked for at once, and wait side by side.
    let end = |exchange: &Exchange| exchange.at.0 + exchange.took.0;
    let (last, first) = (waits.iter().map(|wait| wait.at.0).max(), waits.iter().map(|wait| end(wait)).min());
    assert!((1..=2).contains(&waits.len()) && last < first, "{:?}", reply.exchanges);
    assert!(queues(&reply.outcome.unwrap()).brokers[0].fault.is_some());
}
