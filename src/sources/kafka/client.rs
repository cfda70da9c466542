//! One cluster: its connections, what is known of it for a while, and which question is answered by what.

use super::door::Door;
use super::question::Question;
use super::since::Instants;
use super::wire::{Broken, Connection};
use crate::config::KafkaEndpoint;
use crate::model::queue::{Broker, Partition, Topic};
use crate::model::record::HeaderMap;
use crate::model::{Ask, Fault, FaultKind, QueueState, Reply, SafeText, SourceKind, Timestamp};
use crate::sources::Source;
use crate::sources::checkup::{Step, WayIn};
use crate::sources::lease::Budget;
use futures_util::future::BoxFuture;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use smol_str::{SmolStr, ToSmolStr};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;
use uuid::Uuid;

/// One Kafka cluster.
#[derive(Debug)]
pub struct Kafka {
    bootstrap: Vec<String>,
    door: Arc<Door>,
    connections: Mutex<HashMap<String, Arc<Connection>>>,
    routes: tokio::sync::Mutex<Option<(Instant, Arc<Layout>)>>,
    instants: Mutex<HashMap<String, Arc<Instants>>>,
    /// How many there are, 0 while nothing is known.
    brokers: AtomicUsize,
    mapping: Option<Arc<HeaderMap>>,
}

/// What metadata told: the state without offsets, and what routing needs.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) state: QueueState,
    pub(super) topic_ids: HashMap<SmolStr, Uuid>,
}

impl Kafka {
    /// Returns the cluster at `endpoint`; nothing is connected yet.
    pub fn new(endpoint: &KafkaEndpoint) -> Self {
        Self {
            bootstrap: endpoint.bootstrap.iter().map(|(host, port)| address(host, *port)).collect(),
            door: Arc::new(Door::new(endpoint)),
            connections: Mutex::default(),
            routes: tokio::sync::Mutex::default(),
            instants: Mutex::default(),
            brokers: AtomicUsize::new(0),
            mapping: endpoint.headers.clone(),
        }
    }

    /// Returns what the profile says about headers of records.
    pub(super) fn mapping(&self) -> Option<&Arc<HeaderMap>> {
        self.mapping.as_ref()
    }

    pub(super) fn connection(&self, address: &str) -> Arc<Connection> {
        let mut all = self.connections.lock().expect("no holder panics");
        Arc::clone(
            all.entry(address.to_owned())
                .or_insert_with(|| Arc::new(Connection::new(address.to_owned(), Arc::clone(&self.door)))),
        )
    }

    /// Returns what a leader said about instants.
    pub(super) fn instants(&self, address: &str) -> Arc<Instants> {
        Arc::clone(self.instants.lock().expect("no holder panics").entry(address.to_owned()).or_default())
    }

    /// Returns a command line with what it needs to enter this cluster.
    pub(super) fn repeated(&self, shown: &str) -> SafeText {
        self.door.repeated(shown)
    }

    /// Says whether a login is configured.
    pub(super) fn has_login(&self) -> bool {
        self.door.has_login()
    }

    pub(super) fn bootstrap(&self) -> &[String] {
        &self.bootstrap
    }

    pub(super) fn routes(&self) -> &tokio::sync::Mutex<Option<(Instant, Arc<Layout>)>> {
        &self.routes
    }

    /// Remembers how many brokers there are.
    pub(super) fn knows(&self, layout: &Layout) {
        self.brokers.store(layout.state.brokers.len(), Ordering::Relaxed);
    }

    /// Says whether the cluster is one broker, as far as is known.
    pub(super) fn is_alone(&self) -> bool {
        self.bootstrap.len() < 2 && self.brokers.load(Ordering::Relaxed) < 2
    }

    /// Adds what a person can do about an address that came from the cluster, not from the configuration.
    pub(super) fn advised(&self, broken: Broken, address: &str) -> Broken {
        let is_ours = self.bootstrap.iter().any(|known| known == address);
        if is_ours || broken.kind != FaultKind::Unreachable || broken.hint.is_some() {
            return broken;
        }
        broken.with_hint(
            "the cluster names this address (advertised.listeners): check that it resolves and is open from this host, or run hopscope where it is",
        )
    }
}

impl Layout {
    pub(super) fn of(answer: &kafka_protocol::messages::MetadataResponse) -> Self {
        let mut topic_ids = HashMap::new();
        let brokers = answer.brokers.iter().map(|broker| Broker {
            node: broker.node_id.0,
            address: address(&broker.host, broker.port).into(),
            fault: None,
        });
        let mut topics = Vec::new();
        for topic in &answer.topics {
            let Some(name) = topic.name.as_ref().map(|name| name.0.to_smolstr()) else { continue };
            topic_ids.insert(name.clone(), topic.topic_id);
            let mut partitions: Vec<Partition> = topic
                .partitions
                .iter()
                .map(|part| Partition {
                    index: part.partition_index,
                    leader: Some(part.leader_id.0).filter(|leader| *leader >= 0),
                    ..Partition::default()
                })
                .collect();
            partitions.sort_by_key(|partition| partition.index);
            topics.push(Topic { name, partitions, ..Topic::default() });
        }
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        let mut brokers: Vec<Broker> = brokers.collect();
        brokers.sort_by_key(|broker| broker.node);
        let cluster = answer.cluster_id.as_ref().map(ToSmolStr::to_smolstr);
        Self { state: QueueState { at: wall_clock(), cluster, brokers, topics, ..QueueState::default() }, topic_ids }
    }

    /// Returns the address of a partition's leader.
    pub(super) fn leader(&self, topic: &str, partition: i32) -> Option<String> {
        let node = self.state.partition(topic, partition)?.leader?;
        self.state.brokers.iter().find(|broker| broker.node == node).map(|broker| broker.address.to_string())
    }
}

/// Writes an address; those of IPv6 stand in brackets.
pub(super) fn address(host: &str, port: impl std::fmt::Display) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Writes a topic name for a request.
pub(super) fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

pub(super) fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

impl Source for Kafka {
    fn kind(&self) -> SourceKind {
        SourceKind::Kafka
    }

    fn address(&self) -> SafeText {
        self.bootstrap.join(",").into()
    }

    fn answer<'a>(&'a self, ask: &'a Ask, budget: &'a Budget) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let question = Question::new(self, budget);
            let outcome = match ask {
                Ask::Record(at) => question.record(at).await,
                Ask::ScanRecords { topic, partition, from, limit, keep } => {
                    question.scan((topic, *partition), *from, (*limit, keep)).await
                }
                Ask::Topics => question.topics().await,
                Ask::TopicsInFull => question.topics_in_full().await,
                Ask::Queues => question.queues().await,
                Ask::Services
                | Ask::Trace(_)
                | Ask::FindSpans { .. }
                | Ask::FindAnywhere { .. }
                | Ask::FindErrors { .. }
                | Ask::FindLines { .. }
                | Ask::QueryLines { .. } => {
                    panic!("questions go to the kind of source that answers them")
                }
            };
            Reply { outcome, exchanges: question.into_made() }
        })
    }

    fn way_in(&self) -> WayIn {
        let way = WayIn::to(self.address().as_str());
        let (tls, login) = (self.door.tls().cloned(), self.door.login_words());
        WayIn { tls, login, has_proxy: self.door.has_proxy(), ..way }
    }

    fn examine<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Vec<Step>> {
        Box::pin(async move { Question::new(self, budget).steps().await })
    }

    fn identify<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>> {
        Box::pin(async move {
            let layout = Question::new(self, budget).layout().await?;
            let (brokers, topics) = (layout.state.brokers.len(), layout.state.topics.len());
            let cluster = layout.state.cluster.unwrap_or_default();
            let remark = self.door.remark().map(|remark| format!("; {remark}")).unwrap_or_default();
            Ok(format!("Kafka cluster {cluster}, brokers: {brokers}, topics visible: {topics}{remark}").into())
        })
    }
}
