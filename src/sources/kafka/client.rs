//! Answers questions about records; routes to the broker that leads a partition.

use super::door::Door;
use super::wire::{Broken, Connection, ReadOnly};
use crate::config::KafkaEndpoint;
use crate::decode::batches::{self, Decoded};
use crate::decode::ids::contains_token;
use crate::model::ask::NoteKind;
use crate::model::queue::{Broker, Partition, Topic};
use crate::model::{
    Answer, Ask, Coordinate, Exchange, Fault, FaultKind, Keep, Note, QueueState, Record, Reply, Rows, SafeText,
    ScanFrom, SourceKind, Timestamp,
};
use crate::sources::Source;
use crate::sources::lease::Budget;
use futures_util::future::BoxFuture;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use smol_str::{SmolStr, ToSmolStr};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;
use uuid::Uuid;

/// Records of one answer, and where the partition began and ended when it was given.
struct Fetched {
    decoded: Decoded,
    end: i64,
}

/// Bytes asked of one fetch; a larger batch still comes whole.
const FETCH_BYTES: i32 = 1 << 20;
/// Bytes of records that one scan may look at.
const SCAN_BYTES: usize = 64 << 20;

/// One Kafka cluster.
#[derive(Debug)]
pub struct Kafka {
    bootstrap: Vec<String>,
    door: Arc<Door>,
    connections: Mutex<HashMap<String, Arc<Connection>>>,
    routes: tokio::sync::Mutex<Option<(Instant, Arc<Layout>)>>,
}

/// How long it is taken for granted who leads a partition. One investigation reads many records within seconds; a
/// broker that no longer leads says so, and then the next question asks anew.
const ROUTES: std::time::Duration = std::time::Duration::from_secs(10);

/// What metadata told: the state without offsets, and what routing needs.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) state: QueueState,
    topic_ids: HashMap<SmolStr, Uuid>,
}

impl Kafka {
    /// Returns the cluster at `endpoint`; nothing is connected yet.
    pub fn new(endpoint: &KafkaEndpoint) -> Self {
        let address = |(host, port): &(String, u16)| {
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        };
        Self {
            bootstrap: endpoint.bootstrap.iter().map(address).collect(),
            door: Arc::new(Door::new(endpoint)),
            connections: Mutex::default(),
            routes: tokio::sync::Mutex::default(),
        }
    }

    fn connection(&self, address: &str) -> Arc<Connection> {
        let mut all = self.connections.lock().expect("no holder panics");
        Arc::clone(
            all.entry(address.to_owned())
                .or_insert_with(|| Arc::new(Connection::new(address.to_owned(), Arc::clone(&self.door)))),
        )
    }

    /// Makes one request of one broker, under a lease and into the log of exchanges. `shown` is the command by which a
    /// person would read the same.
    pub(super) async fn call<R: ReadOnly>(
        &self,
        budget: &Budget,
        (address, shown): (&str, String),
        made: &Mutex<Vec<Exchange>>,
        newest: i16,
        build: impl Fn(i16) -> R,
    ) -> Result<(R::Response, i16), Fault> {
        let lease = budget.lease().await?;
        let (at, begun) = (wall_clock(), Instant::now());
        let outcome = self.connection(address).call(&lease, newest, build).await;
        let (bytes, status) = match &outcome {
            Ok((_, _, bytes)) => (*bytes, SafeText::own("ok")),
            Err(broken) => (0, SafeText::new(&broken.came)),
        };
        let took = crate::model::Nanos(i64::try_from(begun.elapsed().as_nanos()).unwrap_or(i64::MAX));
        let asked = SafeText::from(shown);
        let exchange = Exchange { source: SourceKind::Kafka, request: asked.clone(), at, took, bytes, rows: 0, status };
        made.lock().expect("no holder panics").push(exchange);
        outcome.map(|(answer, version, _)| (answer, version)).map_err(|broken| fault(broken, asked))
    }

    /// Asks the first bootstrap address that answers for brokers and all topics. Never by name and never with
    /// auto-creation, so nothing can come into being by asking.
    pub(super) async fn layout(&self, budget: &Budget, made: &Mutex<Vec<Exchange>>) -> Result<Layout, Fault> {
        let mut last = None;
        for address in &self.bootstrap {
            let shown = (address.as_str(), format!("kcat -L -b {address}"));
            let build = |version| {
                let all = MetadataRequest::default().with_topics(None);
                if version >= 4 { all.with_allow_auto_topic_creation(false) } else { all }
            };
            match self.call(budget, shown, made, i16::MAX, build).await {
                Ok((answer, _)) => return Ok(Layout::of(&answer)),
                Err(fault) => last = Some(fault),
            }
        }
        Err(last.unwrap_or_else(|| {
            fault(Broken::new(FaultKind::NotConfigured, "no bootstrap address"), SafeText::own("metadata"))
        }))
    }

    /// Returns who leads what, asked at most once for all questions of a few seconds.
    async fn routes(&self, budget: &Budget, made: &Mutex<Vec<Exchange>>) -> Result<Arc<Layout>, Fault> {
        let mut known = self.routes.lock().await;
        if let Some((asked, layout)) = known.as_ref().filter(|(asked, _)| asked.elapsed() < ROUTES) {
            debug_assert!(*asked <= Instant::now(), "routes were asked in the past");
            return Ok(Arc::clone(layout));
        }
        let layout = Arc::new(self.layout(budget, made).await?);
        *known = Some((Instant::now(), Arc::clone(&layout)));
        Ok(layout)
    }

    /// Fetches one range of one partition: what comes in one answer from `offset` on.
    async fn fetch(
        &self,
        budget: &Budget,
        layout: &Layout,
        (topic, partition, offset): (&str, i32, i64),
        made: &Mutex<Vec<Exchange>>,
    ) -> Result<Result<Fetched, i16>, Fault> {
        let Some(address) = layout.leader(topic, partition) else { return Ok(Err(5)) };
        let id = layout.topic_ids.get(topic).copied().unwrap_or_default();
        let shown = format!("kcat -C -e -b {address} -t {topic} -p {partition} -o {offset}");
        // Version 13 and later name topics by id, which brokers before 2.8 do not give.
        let newest = if id.is_nil() { 12 } else { i16::MAX };
        let build = |version| {
            let part = FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(offset)
                .with_partition_max_bytes(FETCH_BYTES)
                .with_current_leader_epoch(-1);
            let mut asked = FetchTopic::default().with_partitions(vec![part]);
            asked = if version >= 13 { asked.with_topic_id(id) } else { asked.with_topic(name(topic)) };
            let request = FetchRequest::default()
                .with_max_wait_ms(100)
                .with_min_bytes(1)
                .with_max_bytes(FETCH_BYTES)
                .with_topics(vec![asked]);
            let request = if version >= 7 { request.with_session_epoch(-1) } else { request };
            if version < 15 { request.with_replica_id(BrokerId(-1)) } else { request }
        };
        let (answer, _) = self.call(budget, (&address, shown), made, newest, build).await?;
        if answer.error_code != 0 {
            return Ok(Err(answer.error_code));
        }
        let Some(part) = answer.responses.into_iter().flat_map(|topic| topic.partitions).next() else {
            return Ok(Err(3));
        };
        if part.error_code != 0 {
            if matches!(part.error_code, 5 | 6) {
                *self.routes.lock().await = None;
            }
            return Ok(Err(part.error_code));
        }
        let end = part.high_watermark;
        let decoded = batches::decode(topic, partition, &part.records.unwrap_or_default(), offset);
        if let Some(last) = made.lock().expect("no holder panics").last_mut() {
            last.rows = decoded.records.len() as u64;
        }
        Ok(Ok(Fetched { decoded, end }))
    }

    async fn record(&self, budget: &Budget, at: &Coordinate, made: &Mutex<Vec<Exchange>>) -> Result<Answer, Fault> {
        let layout = self.routes(budget, made).await?;
        let mut notes = Vec::new();
        if layout.state.partition(&at.topic, at.partition).is_none() {
            notes.push(note(
                NoteKind::NotFound,
                format!("no partition {}-{} is visible to this user", at.topic, at.partition),
            ));
            return Ok(Answer { rows: Rows::Records(Vec::new()), notes });
        }
        let mut found = Vec::new();
        match self.fetch(budget, &layout, (&at.topic, at.partition, at.offset), made).await? {
            Ok(Fetched { decoded, .. }) => {
                notes.extend(decoded.notes);
                found.extend(decoded.records.into_iter().filter(|record| record.coordinate == *at));
                if found.is_empty() {
                    notes.push(note(
                        NoteKind::NotFound,
                        format!("{at} holds no record: a marker, or compacted away, or not written yet"),
                    ));
                }
            }
            Err(1) => notes.push(self.outside(budget, &layout, at, made).await?),
            Err(code) => notes.push(refusal(code, &format!("{}-{}", at.topic, at.partition))),
        }
        Ok(Answer { rows: Rows::Records(found), notes })
    }

    /// Says on which side of the log an offset out of range lies.
    async fn outside(
        &self,
        budget: &Budget,
        layout: &Layout,
        at: &Coordinate,
        made: &Mutex<Vec<Exchange>>,
    ) -> Result<Note, Fault> {
        let offset = |time| self.offset_at(budget, layout, (&at.topic, at.partition), time, made);
        let (start, end) = (offset(-2).await?.unwrap_or(0), offset(-1).await?.unwrap_or(0));
        Ok(if at.offset < start {
            note(NoteKind::OutOfRetention, format!("{at} is no longer kept: the log begins at offset {start}"))
        } else {
            note(NoteKind::NotFound, format!("{at} is not written: the log ends at offset {end}"))
        })
    }

    async fn scan(
        &self,
        budget: &Budget,
        (topic, partition): (&str, i32),
        from: ScanFrom,
        (limit, keep): (u32, &Keep),
        made: &Mutex<Vec<Exchange>>,
    ) -> Result<Answer, Fault> {
        let layout = self.routes(budget, made).await?;
        let place = (topic, partition);
        let mut notes = Vec::new();
        let nothing = |notes| Ok(Answer { rows: Rows::Records(Vec::new()), notes });
        if layout.state.partition(topic, partition).is_none() {
            notes.push(note(NoteKind::NotFound, format!("no partition {topic}-{partition} is visible to this user")));
            return nothing(notes);
        }
        let mut next = match from {
            ScanFrom::Offset(offset) => offset,
            ScanFrom::Tail(count) => {
                let end = self.offset_at(budget, &layout, place, -1, made).await?.unwrap_or(0);
                (end - i64::from(count)).max(0)
            }
            ScanFrom::Time(at) => match self.offset_at(budget, &layout, place, at.millis(), made).await? {
                Some(offset) => offset,
                // Nothing was written since.
                None => return nothing(notes),
            },
        };
        let (mut kept, mut seen, mut bytes) = (Vec::new(), 0u32, 0usize);
        let mut begun = false;
        loop {
            let (decoded, end) = match self.fetch(budget, &layout, (topic, partition, next), made).await? {
                Ok(Fetched { decoded, end }) => (decoded, end),
                // Before the start of the log, or behind its end: the scan begins where the log does.
                Err(1) if !std::mem::replace(&mut begun, true) => {
                    match self.offset_at(budget, &layout, place, -2, made).await?.filter(|start| *start > next) {
                        Some(start) => next = start,
                        None => break,
                    }
                    continue;
                }
                Err(code) => {
                    notes.push(refusal(code, &format!("{topic}-{partition}@{next}")));
                    break;
                }
            };
            begun = true;
            notes.extend(decoded.notes);
            for record in decoded.records {
                seen += 1;
                bytes += record.key.as_ref().map_or(0, bytes::Bytes::len)
                    + record.value.as_ref().map_or(0, bytes::Bytes::len);
                if keeps(keep, &record) {
                    kept.push(record);
                }
            }
            // Compaction and markers leave holes, so the next fetch begins behind the last batch, not the last record.
            match decoded.next_offset {
                Some(after) if after > next && after < end => next = after,
                Some(_) | None => break,
            }
            if seen >= limit || bytes >= SCAN_BYTES {
                let text = format!(
                    "{topic}-{partition}: {seen} records were read up to offset {next}, {} offsets were not",
                    end - next
                );
                notes.push(note(NoteKind::Truncated, text));
                break;
            }
        }
        Ok(Answer { rows: Rows::Records(kept), notes })
    }
}

impl Layout {
    fn of(answer: &kafka_protocol::messages::MetadataResponse) -> Self {
        let mut topic_ids = HashMap::new();
        let brokers = answer.brokers.iter().map(|broker| Broker {
            node: broker.node_id.0,
            address: format!("{}:{}", broker.host, broker.port).into(),
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
            topics.push(Topic { name, partitions });
        }
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        let mut brokers: Vec<Broker> = brokers.collect();
        brokers.sort_by_key(|broker| broker.node);
        let cluster = answer.cluster_id.as_ref().map(ToSmolStr::to_smolstr);
        Self { state: QueueState { at: wall_clock(), cluster, brokers, topics, groups: Vec::new() }, topic_ids }
    }

    /// Returns the address of a partition's leader.
    pub(super) fn leader(&self, topic: &str, partition: i32) -> Option<String> {
        let node = self.state.partition(topic, partition)?.leader?;
        self.state.brokers.iter().find(|broker| broker.node == node).map(|broker| broker.address.to_string())
    }
}

fn keeps(keep: &Keep, record: &Record) -> bool {
    let holds = |bytes: &bytes::Bytes| {
        let text = String::from_utf8_lossy(bytes);
        keep.texts.iter().any(|needle| contains_token(&text, needle))
    };
    // Originals stand in headers as topic, partition and offset, in text or in big-endian bytes.
    let points_to = |origin: &Coordinate| {
        let has = |wanted: &[u8]| record.headers.iter().any(|header| header.value.as_deref() == Some(wanted));
        has(origin.topic.as_bytes())
            && (has(&origin.offset.to_be_bytes()) || has(origin.offset.to_string().as_bytes()))
            && (has(&origin.partition.to_be_bytes()) || has(origin.partition.to_string().as_bytes()))
    };
    keep.is_all()
        || keep.key.is_some() && keep.key == record.key
        || record.key.as_ref().is_some_and(holds)
        || record.value.as_ref().is_some_and(holds)
        || record.headers.iter().filter_map(|header| header.value.as_ref()).any(holds)
        || keep.origins.iter().any(points_to)
}

/// Writes a topic name for a request.
pub(super) fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

pub(super) fn note(kind: NoteKind, text: String) -> Note {
    Note { kind, text: text.into() }
}

/// Says what a Kafka error means for one topic, partition or group.
pub(super) fn refusal(code: i16, of: &str) -> Note {
    let (kind, words) = match code {
        29 => (NoteKind::NotPermitted, "not permitted, or no such topic (29)"),
        30 => (NoteKind::NotPermitted, "not permitted, or no such group (30)"),
        3 => (NoteKind::NotFound, "no such topic or partition (3)"),
        5 | 6 => (NoteKind::PartMissing, "no leader answers for it now"),
        1 => (NoteKind::OutOfRetention, "offset out of range (1)"),
        _ => return note(NoteKind::PartMissing, format!("{of}: Kafka error {code}")),
    };
    note(kind, format!("{of}: {words}"))
}

fn fault(broken: Broken, asked: SafeText) -> Fault {
    let hint = match broken.kind {
        FaultKind::Unreachable => {
            "check host and port, and that this host can reach the addresses that the brokers advertise"
        }
        FaultKind::TimedOut => "check that the address is a Kafka listener; raise --timeout for a slow one",
        FaultKind::BudgetSpent => "raise the budget of bytes (limits.bytes) or narrow the question",
        FaultKind::Damaged => "check that the port is a Kafka listener, and its security_protocol",
        _ => "check the broker's version and this user's rights",
    };
    let hint = SafeText::own(broken.hint.unwrap_or(hint));
    Fault { source: SourceKind::Kafka, kind: broken.kind, asked, came: broken.came.into(), hint }
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
            let made = Mutex::default();
            let outcome = match ask {
                Ask::Record(at) => self.record(budget, at, &made).await,
                Ask::ScanRecords { topic, partition, from, limit, keep } => {
                    self.scan(budget, (topic, *partition), *from, (*limit, keep), &made).await
                }
                Ask::Topics => self.topics(budget, &made).await,
                Ask::Queues => self.queues(budget, &made).await,
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
            Reply { outcome, exchanges: made.into_inner().expect("no holder panics") }
        })
    }

    fn identify<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>> {
        Box::pin(async move {
            let layout = self.layout(budget, &Mutex::default()).await?;
            let (brokers, topics) = (layout.state.brokers.len(), layout.state.topics.len());
            let cluster = layout.state.cluster.unwrap_or_default();
            let remark = self.door.remark().map(|remark| format!("; {remark}")).unwrap_or_default();
            Ok(format!("Kafka cluster {cluster}, brokers: {brokers}, topics visible: {topics}{remark}").into())
        })
    }
}
