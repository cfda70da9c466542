//! Answers questions about groups and topics by the lists of the proxy.

use super::pages::{Asking, List, Miss};
use crate::config::HttpEndpoint;
use crate::decode::rest;
use crate::model::ask::NoteKind;
use crate::model::queue::{Commit, Group, GroupKind, Member, Partition, Topic};
use crate::model::{
    Answer, Ask, Fault, FaultKind, Nanos, Note, QueueState, Reply, Rows, SafeText, SourceKind, Timestamp,
};
use crate::sources::Source;
use crate::sources::checkup::{Step, WayIn};
use crate::sources::http::Http;
use crate::sources::lease::Budget;
use futures_util::future::{BoxFuture, join};
use futures_util::stream::{self, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use tokio::sync::OnceCell;

/// Where the API stands below the URL: stand-alone, and as a part of Confluent Server and Confluent Cloud.
const BASES: [&str; 2] = ["/v3", "/kafka/v3"];
/// What may stand as it is in one part of a path (RFC 3986: unreserved).
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One REST proxy.
#[derive(Debug)]
pub struct Rest {
    http: Http,
    /// Whether the URL names the API itself, so that nothing is put between.
    is_whole: bool,
    wanted: Option<SmolStr>,
    found: OnceCell<Place>,
}

/// Where the cluster is.
#[derive(Clone, Debug)]
struct Place {
    base: &'static str,
    cluster: SmolStr,
}

impl Place {
    fn path(&self, parts: &[&str]) -> String {
        let parts = ["clusters", &self.cluster].into_iter().chain(parts.iter().copied());
        parts.fold(self.base.to_owned(), |path, part| path + "/" + &utf8_percent_encode(part, PART).to_string())
    }
}

/// Partitions by index, of topics by name.
type Topics = BTreeMap<SmolStr, BTreeMap<i32, Partition>>;

impl Rest {
    /// Returns the proxy at `endpoint`; nothing is connected yet.
    pub fn new(endpoint: &HttpEndpoint) -> Self {
        let is_whole = endpoint.url.path().trim_end_matches('/').ends_with("/v3");
        Self { http: Http::new(endpoint, SourceKind::Kafka), is_whole, wanted: None, found: OnceCell::new() }
    }

    /// Says which cluster is meant, for a proxy that knows several.
    #[must_use]
    pub fn of_cluster(self, id: Option<&str>) -> Self {
        Self { wanted: id.map(SmolStr::from), ..self }
    }

    /// Finds the API and the cluster; once.
    async fn place(&self, asking: &Asking<'_>) -> Result<&Place, Fault> {
        self.found.get_or_try_init(|| self.find(asking)).await
    }

    async fn find(&self, asking: &Asking<'_>) -> Result<Place, Fault> {
        let bases: &[&'static str] = if self.is_whole { &[""] } else { &BASES };
        let mut missed = None;
        for base in bases {
            match asking.list::<rest::Cluster>(&format!("{base}/clusters")).await {
                Ok(list) => return self.choose(base, &list),
                Err(Miss::NotThere(fault)) => missed = Some(fault),
                // Who may not list the clusters may know one all the same.
                Err(Miss::Fault(fault)) if fault.kind != FaultKind::Refused => return Err(fault),
                Err(Miss::Fault(fault)) => match &self.wanted {
                    Some(cluster) => return Ok(Place { base, cluster: cluster.clone() }),
                    None => return Err(fault),
                },
            }
        }
        let fault = missed.expect("there is a base");
        if fault.kind == FaultKind::Damaged {
            return Err(fault);
        }
        let hint = "check the URL and its base path: version 3 came with Confluent Platform 5.5, and Redpanda's proxy has none";
        let came = format!("version 3 of the REST proxy is not served there ({})", fault.came.as_str());
        Err(self.http.fault(FaultKind::Unsupported, &fault.asked, came.into(), hint))
    }

    fn choose(&self, base: &'static str, list: &List<rest::Cluster>) -> Result<Place, Fault> {
        let names: Vec<&str> = list.rows.iter().map(|cluster| cluster.id.as_str()).collect();
        let of = |cluster: &str| Ok(Place { base, cluster: cluster.into() });
        let (kind, came, hint) = match (&self.wanted, names.as_slice()) {
            (Some(wanted), names) if names.contains(&wanted.as_str()) => return of(wanted),
            (None, [only]) => return of(only),
            (_, []) => (
                FaultKind::Refused,
                "no cluster is visible to this user".to_owned(),
                "check this user's rights, and the proxy's bootstrap.servers",
            ),
            (Some(wanted), names) => {
                let came = format!("there is no cluster {wanted}; there is {}", names.join(", "));
                (FaultKind::NotConfigured, came, "correct kafka_rest.cluster in the profile")
            }
            (None, names) => (
                FaultKind::NotConfigured,
                format!("there are several clusters: {}", names.join(", ")),
                "name one in the profile: kafka_rest.cluster = \"...\"",
            ),
        };
        let asked = SafeText::from(format!("GET {}{base}/clusters", self.http.address().as_str()));
        Err(self.http.fault(kind, &asked, came.into(), hint))
    }

    async fn queues(&self, asking: &Asking<'_>) -> Result<Answer, Fault> {
        let place = self.place(asking).await?;
        let at = now();
        let (groups, topics) = join(
            asking.list::<rest::Group>(&place.path(&["consumer-groups"])),
            asking.list::<rest::Topic>(&place.path(&["topics"])),
        )
        .await;
        let groups = groups.map_err(|miss| self.unsupported(miss))?;
        let (mut notes, mut found) = (groups.notes, Topics::new());
        match topics {
            Ok(list) => {
                found.extend(list.rows.into_iter().map(|topic| (topic.name, BTreeMap::new())));
                notes.extend(list.notes);
            }
            Err(miss) => notes.push(missing(format!("topics: {}", miss.fault().came.as_str()))),
        }
        let at_once = asking.budget.limits().at_once.max(1);
        let asks = groups.rows.into_iter().map(|group| async move {
            // A share group has no committed offsets.
            let lags = match group.kind {
                GroupKind::Share => Ok(List { rows: Vec::new(), notes: Vec::new() }),
                _ => asking.list::<rest::Lag>(&place.path(&["consumer-groups", &group.id, "lags"])).await,
            };
            (group, lags)
        });
        let answers: Vec<_> = stream::iter(asks).buffered(at_once).collect().await;
        let mut lost = Lost::default();
        let mut all: Vec<Group> = Vec::with_capacity(answers.len());
        for (group, lags) in answers {
            let mut group = Group { id: group.id, kind: group.kind, state: group.state, ..Group::default() };
            match lags {
                Ok(told) => {
                    notes.extend(told.notes);
                    put(&mut group, told.rows, &mut found);
                }
                Err(miss) => group.fault = Some(lost.add(&group.id, miss)),
            }
            all.push(group);
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        notes.extend(lost.notes(all.len()));
        if all.is_empty() && notes.is_empty() {
            notes.push(Note {
                kind: NoteKind::Remark,
                text: SafeText::own("no consumer group is visible to this user"),
            });
        }
        let state = QueueState {
            at,
            cluster: Some(place.cluster.clone()),
            groups: all,
            topics: sorted(found),
            ..Default::default()
        };
        Ok(Answer { rows: Rows::Queues(Box::new(state)), notes })
    }

    async fn topics(&self, asking: &Asking<'_>) -> Result<Answer, Fault> {
        let place = self.place(asking).await?;
        let at = now();
        let all = asking.list::<rest::Topic>(&place.path(&["topics"])).await.map_err(|miss| self.unsupported(miss))?;
        let (mut notes, mut found, mut lost) = (all.notes, Topics::new(), Lost::default());
        let at_once = asking.budget.limits().at_once.max(1);
        let asks = all.rows.into_iter().map(|topic| async move {
            let path = place.path(&["topics", &topic.name, "partitions"]);
            (topic.name, asking.list::<rest::Partition>(&path).await)
        });
        let answers: Vec<_> = stream::iter(asks).buffered(at_once).collect().await;
        for (name, partitions) in answers {
            let known = found.entry(name.clone()).or_default();
            match partitions {
                Ok(told) => {
                    notes.extend(told.notes);
                    known.extend(told.rows.into_iter().map(|part| {
                        (part.index, Partition { index: part.index, leader: part.leader, ..Partition::default() })
                    }));
                }
                Err(miss) => drop(lost.add(&name, miss)),
            }
        }
        for ((_, came), names) in &lost.0 {
            notes.push(missing(format!("partitions of {}: {came}", some(names))));
        }
        notes.push(Note {
            kind: NoteKind::Remark,
            text: SafeText::own("starts and ends of logs were not asked: the REST proxy tells them one by one"),
        });
        let state =
            QueueState { at, cluster: Some(place.cluster.clone()), topics: sorted(found), ..Default::default() };
        Ok(Answer { rows: Rows::Queues(Box::new(state)), notes })
    }

    fn not_asked(&self, came: &'static str) -> Fault {
        let hint = "use Kafka's own protocol for it: --kafka HOST:PORT";
        self.http.fault(FaultKind::Unsupported, &SafeText::own("not asked"), SafeText::own(came), hint)
    }

    fn unsupported(&self, miss: Miss) -> Fault {
        match miss {
            Miss::Fault(fault) => fault,
            Miss::NotThere(fault) => self.http.fault(
                FaultKind::Unsupported,
                &fault.asked,
                format!("not served there ({})", fault.came.as_str()).into(),
                "use Kafka's own protocol instead: --kafka HOST:PORT",
            ),
        }
    }
}

/// What was not told, by reason.
#[derive(Default)]
struct Lost(BTreeMap<(Reason, SmolStr), Vec<SmolStr>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    NotServed,
    NotPermitted,
    NotAsked,
    Other,
}

impl Lost {
    /// Keeps why something was not told, and returns it.
    fn add(&mut self, name: &str, miss: Miss) -> SmolStr {
        let reason = match &miss {
            Miss::NotThere(_) => Reason::NotServed,
            Miss::Fault(fault) => match fault.kind {
                FaultKind::Refused => Reason::NotPermitted,
                FaultKind::BudgetSpent => Reason::NotAsked,
                _ => Reason::Other,
            },
        };
        let came = miss.fault().came;
        // The proxy's words name the group, so each would be a reason of its own.
        let key = match reason {
            Reason::NotServed => SmolStr::new_static("not served (404)"),
            _ => came.as_str().into(),
        };
        self.0.entry((reason, key)).or_default().push(name.into());
        came.as_str().into()
    }

    /// Says it, of `all` groups.
    fn notes(&self, all: usize) -> Vec<Note> {
        let note = |((reason, came), names): (&(Reason, SmolStr), &Vec<SmolStr>)| {
            match reason {
            Reason::NotServed if names.len() == all => missing(
                "the server tells the lag of no group (404); Confluent Cloud tells it for dedicated clusters only".to_owned(),
            ),
            Reason::NotServed => missing(format!("lag of {}: {came}; a group may be gone since", some(names))),
            Reason::NotPermitted => {
                Note { kind: NoteKind::NotPermitted, text: format!("lag of {}: {came}", some(names)).into() }
            }
            Reason::NotAsked => Note {
                kind: NoteKind::Truncated,
                text: format!(
                    "the lag of {} of {all} groups was not asked: {came}; the REST proxy takes a request for each group",
                    names.len()
                )
                .into(),
            },
            Reason::Other => missing(format!("lag of {}: {came}", some(names))),
        }
        };
        self.0.iter().map(note).collect()
    }
}

/// Names up to three.
fn some(names: &[SmolStr]) -> String {
    let shown: Vec<&str> = names.iter().take(3).map(SmolStr::as_str).collect();
    let more = names.len().saturating_sub(shown.len());
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

fn missing(text: String) -> Note {
    Note { kind: NoteKind::PartMissing, text: text.into() }
}

/// Takes over one group's rows: its commits, the members that own partitions, and the ends of the logs.
fn put(group: &mut Group, rows: Vec<rest::Lag>, topics: &mut Topics) {
    let mut members: BTreeMap<SmolStr, Member> = BTreeMap::new();
    for row in &rows {
        let partitions = topics.entry(row.topic.clone()).or_default();
        let partition = partitions
            .entry(row.partition)
            .or_insert_with(|| Partition { index: row.partition, ..Partition::default() });
        // Groups are read one after the other, and the newest end is the largest.
        partition.end = partition.end.max(row.log_end_offset.filter(|end| *end >= 0));
        if !row.member.is_empty() {
            let member = members.entry(row.member.clone()).or_insert_with(|| Member {
                id: row.member.clone(),
                client: row.client.clone(),
                ..Member::default()
            });
            member.assigned.push((row.topic.clone(), row.partition));
        }
    }
    let owners: BTreeMap<SmolStr, usize> = members.keys().cloned().enumerate().map(|(at, id)| (id, at)).collect();
    group.members = members.into_values().collect();
    group.commits = rows
        .into_iter()
        .map(|row| Commit {
            owner: owners.get(&row.member).copied(),
            topic: row.topic,
            partition: row.partition,
            committed: row.current_offset.filter(|offset| *offset >= 0),
        })
        .collect();
    group.commits.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
}

fn sorted(topics: Topics) -> Vec<Topic> {
    topics
        .into_iter()
        .map(|(name, partitions)| Topic { name, partitions: partitions.into_values().collect(), ..Topic::default() })
        .collect()
}

fn now() -> Timestamp {
    Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}

impl Source for Rest {
    fn kind(&self) -> SourceKind {
        SourceKind::Kafka
    }

    fn address(&self) -> SafeText {
        self.http.address()
    }

    fn answer<'a>(&'a self, ask: &'a Ask, budget: &'a Budget) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let asking = Asking::new(&self.http, budget);
            let outcome = match ask {
                Ask::Queues => self.queues(&asking).await,
                Ask::Topics => self.topics(&asking).await,
                Ask::TopicsInFull => self.topics(&asking).await.map(|mut answer| {
                    let text = SafeText::own("settings and newest records are not read through the REST proxy");
                    answer.notes.push(Note { kind: NoteKind::Remark, text });
                    answer
                }),
                Ask::Record(_) | Ask::ScanRecords { .. } => Err(self.not_asked("the REST proxy gives no records")),
                _ => Err(self.not_asked("the REST proxy has no answer to this question")),
            };
            Reply { outcome: self.http.without_secrets(outcome), exchanges: asking.into_made() }
        })
    }

    fn way_in(&self) -> WayIn {
        self.http.way_in()
    }

    fn clock_offset(&self) -> Option<Nanos> {
        self.http.clock_offset()
    }

    fn examine<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Vec<Step>> {
        Box::pin(self.steps(budget))
    }

    fn identify<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>> {
        Box::pin(async move {
            let place = self.place(&Asking::new(&self.http, budget)).await?;
            let known =
                format!("Confluent REST Proxy v3, Kafka cluster {}; groups, lag and topics, no records", place.cluster);
            Ok(self.http.with_remark(&known.into()))
        })
    }
}
