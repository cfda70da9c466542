//! Topics with their offsets, groups with their members and committed offsets.

use super::client::{Kafka, Layout, name, note, refusal};
use crate::model::ask::NoteKind;
use crate::model::queue::{Commit, Group, GroupKind, Member};
use crate::model::{Answer, Exchange, Fault, Note, Rows};
use crate::sources::lease::Budget;
use futures_util::future::join_all;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    BrokerId, ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, DescribeGroupsRequest, GroupId,
    ListGroupsRequest, ListOffsetsRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use smol_str::{SmolStr, ToSmolStr};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Groups asked about in one request (`OffsetFetch` takes several from version 8, Kafka 3.0).
const GROUPS_AT_ONCE: usize = 500;
/// `ListOffsets` times that name places: the log's end and its start.
const END: i64 = -1;
const START: i64 = -2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Isolation {
    Uncommitted,
    Committed,
}

/// Offsets of one broker's partitions, each with its offset or its error.
type Offsets = Vec<(SmolStr, i32, Result<i64, i16>)>;

impl Kafka {
    /// Returns the offset that `ListOffsets` gives for one partition and time; `None` when there is none.
    pub(super) async fn offset_at(
        &self,
        budget: &Budget,
        layout: &Layout,
        (topic, partition): (&str, i32),
        time: i64,
        made: &Mutex<Vec<Exchange>>,
    ) -> Result<Option<i64>, Fault> {
        let Some(address) = layout.leader(topic, partition) else { return Ok(None) };
        let asked = BTreeMap::from([(topic, vec![partition])]);
        let found = self.list_offsets(budget, &address, &asked, (time, Isolation::Uncommitted), made).await?;
        // An offset of -1 is an answer: no record that new.
        Ok(found.into_iter().find_map(|(_, _, offset)| offset.ok()).filter(|offset| *offset >= 0))
    }

    async fn list_offsets(
        &self,
        budget: &Budget,
        address: &str,
        asked: &BTreeMap<&str, Vec<i32>>,
        (time, isolation): (i64, Isolation),
        made: &Mutex<Vec<Exchange>>,
    ) -> Result<Offsets, Fault> {
        let shown = format!("kafka-get-offsets --bootstrap-server {address} --time {time}");
        let build = |version| {
            let topics = asked.iter().map(|(topic, partitions)| {
                let parts = partitions.iter().map(|partition| {
                    ListOffsetsPartition::default()
                        .with_partition_index(*partition)
                        .with_timestamp(time)
                        .with_current_leader_epoch(-1)
                });
                ListOffsetsTopic::default().with_name(name(topic)).with_partitions(parts.collect())
            });
            let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(topics.collect());
            if version >= 2 {
                request.with_isolation_level(i8::from(isolation == Isolation::Committed))
            } else {
                request
            }
        };
        let (answer, _) = self.call(budget, (address, shown), made, i16::MAX, build).await?;
        let parts = answer.topics.iter().flat_map(|topic| {
            let name = topic.name.0.to_smolstr();
            topic.partitions.iter().map(move |part| {
                let offset = if part.error_code == 0 { Ok(part.offset) } else { Err(part.error_code) };
                (name.clone(), part.partition_index, offset)
            })
        });
        Ok(parts.collect())
    }

    /// Returns topics with their offsets.
    pub(super) async fn topics(&self, budget: &Budget, made: &Mutex<Vec<Exchange>>) -> Result<Answer, Fault> {
        let mut layout = self.layout(budget, made).await?;
        let mut notes = Vec::new();
        self.offsets(budget, &mut layout, made, &mut notes).await;
        Ok(Answer { rows: Rows::Queues(Box::new(layout.state)), notes })
    }

    /// Returns topics, groups, members and committed offsets. Committed offsets are read before the logs' ends, since the
    /// replies are apart in time and a lag must not come out negative.
    pub(super) async fn queues(&self, budget: &Budget, made: &Mutex<Vec<Exchange>>) -> Result<Answer, Fault> {
        let mut layout = self.layout(budget, made).await?;
        let mut notes = Vec::new();
        let brokers: Vec<(i32, String)> =
            layout.state.brokers.iter().map(|broker| (broker.node, broker.address.to_string())).collect();
        let per_broker = join_all(brokers.iter().map(|(_, address)| self.groups_of(budget, address, made))).await;
        for ((node, address), outcome) in brokers.iter().zip(per_broker) {
            match outcome {
                Ok((groups, said)) => {
                    layout.state.groups.extend(groups);
                    notes.extend(said);
                }
                Err(fault) => {
                    notes.push(note(
                        NoteKind::PartMissing,
                        format!("groups of broker {node} ({address}): {}", fault.came),
                    ));
                    if let Some(broker) = layout.state.brokers.iter_mut().find(|broker| broker.node == *node) {
                        broker.fault = Some(fault.came.as_str().into());
                    }
                }
            }
        }
        layout.state.groups.sort_by(|a, b| a.id.cmp(&b.id));
        if layout.state.groups.is_empty() && notes.is_empty() {
            // Brokers leave out what a user may not describe, without an error (Kafka 4.3.1).
            let hidden = layout.state.topics.is_empty();
            let (kind, text) = if hidden {
                (NoteKind::NotPermitted, "neither a topic nor a consumer group is visible to this user")
            } else {
                (NoteKind::Remark, "no consumer group is visible to this user")
            };
            notes.push(note(kind, text.to_owned()));
        }
        self.offsets(budget, &mut layout, made, &mut notes).await;
        Ok(Answer { rows: Rows::Queues(Box::new(layout.state)), notes })
    }

    /// Fills in the offsets of all partitions, one request per leader and kind.
    async fn offsets(&self, budget: &Budget, layout: &mut Layout, made: &Mutex<Vec<Exchange>>, notes: &mut Vec<Note>) {
        let leaders: Vec<(i32, String)> =
            layout.state.brokers.iter().map(|broker| (broker.node, broker.address.to_string())).collect();
        for (time, isolation) in
            [(START, Isolation::Uncommitted), (END, Isolation::Committed), (END, Isolation::Uncommitted)]
        {
            let state = &layout.state;
            let asks = leaders.iter().filter_map(|(node, address)| {
                let mut asked: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
                for topic in &state.topics {
                    for partition in topic.partitions.iter().filter(|partition| partition.leader == Some(*node)) {
                        asked.entry(&topic.name).or_default().push(partition.index);
                    }
                }
                (!asked.is_empty()).then_some(async move {
                    (address, self.list_offsets(budget, address, &asked, (time, isolation), made).await)
                })
            });
            let answers: Vec<_> =
                join_all(asks).await.into_iter().map(|(address, found)| (address.clone(), found)).collect();
            for (address, found) in answers {
                match found {
                    Ok(offsets) => layout.fill(offsets, (time, isolation)),
                    Err(fault) => {
                        notes.push(note(NoteKind::PartMissing, format!("offsets of broker {address}: {}", fault.came)));
                    }
                }
            }
        }
        notes.sort_by(|a, b| (a.kind, &a.text).cmp(&(b.kind, &b.text)));
        notes.dedup();
    }

    /// Returns the groups that one broker coordinates: the one that lists a group is its coordinator.
    async fn groups_of(
        &self,
        budget: &Budget,
        address: &str,
        made: &Mutex<Vec<Exchange>>,
    ) -> Result<(Vec<Group>, Vec<Note>), Fault> {
        let shown = |what: &str| format!("kafka-consumer-groups --bootstrap-server {address} {what}");
        let mut notes = Vec::new();
        let list = (address, shown("--list"));
        let (answer, version) = self.call(budget, list, made, i16::MAX, |_| ListGroupsRequest::default()).await?;
        if answer.error_code != 0 {
            notes.push(refusal(answer.error_code, &format!("groups of {address}")));
        }
        let mut groups: Vec<Group> = answer
            .groups
            .iter()
            .map(|group| Group {
                id: group.group_id.0.to_smolstr(),
                kind: if version < 5 { GroupKind::Classic } else { kind(&group.group_type) },
                state: group.group_state.to_smolstr(),
                ..Group::default()
            })
            .collect();
        for some in groups.chunks_mut(GROUPS_AT_ONCE) {
            self.members(budget, (address, shown("--describe --all-groups --members")), some, made, &mut notes).await?;
            self.committed(budget, (address, shown("--describe --all-groups")), some, made, &mut notes).await?;
        }
        for group in &mut groups {
            group.own();
        }
        Ok((groups, notes))
    }

    async fn members(
        &self,
        budget: &Budget,
        (address, shown): (&str, String),
        groups: &mut [Group],
        made: &Mutex<Vec<Exchange>>,
        notes: &mut Vec<Note>,
    ) -> Result<(), Fault> {
        let of = |wanted: GroupKind, groups: &[Group]| -> Vec<GroupId> {
            groups.iter().filter(|group| group.kind == wanted).map(|group| id(&group.id)).collect()
        };
        let classic = of(GroupKind::Classic, groups);
        if !classic.is_empty() {
            let build = |_| DescribeGroupsRequest::default().with_groups(classic.clone());
            let (answer, _) = self.call(budget, (address, shown.clone()), made, i16::MAX, build).await?;
            for told in &answer.groups {
                let Some(group) = groups.iter_mut().find(|group| group.id == told.group_id.0.as_str()) else {
                    continue;
                };
                if told.error_code != 0 {
                    group.refuse(told.error_code, notes);
                    continue;
                }
                group.state = told.group_state.to_smolstr();
                group.members = told
                    .members
                    .iter()
                    .map(|member| Member {
                        id: member.member_id.to_smolstr(),
                        client: member.client_id.to_smolstr(),
                        host: member.client_host.to_smolstr(),
                        assigned: classic_assignment(&member.member_assignment),
                    })
                    .collect();
            }
        }
        let modern = of(GroupKind::Consumer, groups);
        if !modern.is_empty() {
            let build = |_| ConsumerGroupDescribeRequest::default().with_group_ids(modern.clone());
            let (answer, _) = self.call(budget, (address, shown), made, i16::MAX, build).await?;
            for told in &answer.groups {
                let Some(group) = groups.iter_mut().find(|group| group.id == told.group_id.0.as_str()) else {
                    continue;
                };
                if told.error_code != 0 {
                    group.refuse(told.error_code, notes);
                    continue;
                }
                group.state = told.group_state.to_smolstr();
                group.members = told
                    .members
                    .iter()
                    .map(|member| Member {
                        id: member.member_id.to_smolstr(),
                        client: member.client_id.to_smolstr(),
                        host: member.client_host.to_smolstr(),
                        assigned: member
                            .assignment
                            .topic_partitions
                            .iter()
                            .flat_map(|topic| {
                                topic.partitions.iter().map(|part| (topic.topic_name.0.to_smolstr(), *part))
                            })
                            .collect(),
                    })
                    .collect();
            }
        }
        Ok(())
    }

    async fn committed(
        &self,
        budget: &Budget,
        (address, shown): (&str, String),
        groups: &mut [Group],
        made: &Mutex<Vec<Exchange>>,
        notes: &mut Vec<Note>,
    ) -> Result<(), Fault> {
        // Share groups keep no committed offsets; classic lag does not apply to them.
        let ids: Vec<GroupId> =
            groups.iter().filter(|group| group.kind != GroupKind::Share).map(|group| id(&group.id)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let build = |version| {
            if version >= 8 {
                let asked =
                    ids.iter().map(|id| OffsetFetchRequestGroup::default().with_group_id(id.clone()).with_topics(None));
                OffsetFetchRequest::default().with_groups(asked.collect())
            } else {
                OffsetFetchRequest::default().with_group_id(ids[0].clone()).with_topics(None)
            }
        };
        let (answer, version) = self.call(budget, (address, shown.clone()), made, 9, build).await?;
        if version >= 8 {
            for told in &answer.groups {
                let Some(group) = groups.iter_mut().find(|group| group.id == told.group_id.0.as_str()) else {
                    continue;
                };
                if told.error_code != 0 {
                    group.refuse(told.error_code, notes);
                }
                for topic in &told.topics {
                    for part in &topic.partitions {
                        group.commit(
                            topic.name.0.to_smolstr(),
                            part.partition_index,
                            part.committed_offset,
                            part.error_code,
                            notes,
                        );
                    }
                }
            }
            return Ok(());
        }
        // Before Kafka 3.0 a request names one group.
        for (place, one) in ids.iter().enumerate() {
            let next;
            let told = if place == 0 {
                &answer
            } else {
                let build = |_| OffsetFetchRequest::default().with_group_id(one.clone()).with_topics(None);
                next = self.call(budget, (address, shown.clone()), made, 7, build).await?.0;
                &next
            };
            let Some(group) = groups.iter_mut().find(|group| group.id == one.0.as_str()) else { continue };
            if told.error_code != 0 {
                group.refuse(told.error_code, notes);
            }
            for topic in &told.topics {
                for part in &topic.partitions {
                    group.commit(
                        topic.name.0.to_smolstr(),
                        part.partition_index,
                        part.committed_offset,
                        part.error_code,
                        notes,
                    );
                }
            }
        }
        Ok(())
    }
}

impl Layout {
    fn fill(&mut self, offsets: Offsets, (time, isolation): (i64, Isolation)) {
        for (topic, index, offset) in offsets {
            let Some(topic) = self.state.topics.iter_mut().find(|known| known.name == topic) else { continue };
            let Some(partition) = topic.partitions.iter_mut().find(|known| known.index == index) else { continue };
            match (offset, time, isolation) {
                (Ok(offset), START, _) => partition.start = Some(offset),
                (Ok(offset), _, Isolation::Committed) => partition.stable = Some(offset),
                (Ok(offset), _, Isolation::Uncommitted) => partition.end = Some(offset),
                (Err(code), ..) => partition.fault = Some(refusal(code, "offsets").text.as_str().into()),
            }
        }
    }
}

impl Group {
    fn refuse(&mut self, code: i16, notes: &mut Vec<Note>) {
        let said = refusal(code, &format!("group {}", self.id));
        self.fault = Some(said.text.as_str().into());
        notes.push(said);
    }

    fn commit(&mut self, topic: SmolStr, partition: i32, offset: i64, code: i16, notes: &mut Vec<Note>) {
        if code != 0 {
            notes.push(refusal(code, &format!("group {} on {topic}-{partition}", self.id)));
            return;
        }
        self.commits.push(Commit { topic, partition, committed: (offset >= 0).then_some(offset), owner: None });
    }

    /// Adds assigned partitions without a commit, as Kafka's own tool shows them, and says who owns which.
    fn own(&mut self) {
        for (place, member) in self.members.iter().enumerate() {
            for (topic, partition) in &member.assigned {
                match self.commits.iter_mut().find(|commit| commit.topic == *topic && commit.partition == *partition) {
                    Some(commit) => commit.owner = Some(place),
                    None => self.commits.push(Commit {
                        topic: topic.clone(),
                        partition: *partition,
                        committed: None,
                        owner: Some(place),
                    }),
                }
            }
        }
        self.commits.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    }
}

fn kind(told: &str) -> GroupKind {
    match told.to_ascii_lowercase().as_str() {
        "classic" | "" => GroupKind::Classic,
        "consumer" => GroupKind::Consumer,
        "share" => GroupKind::Share,
        _ => GroupKind::Other,
    }
}

/// Reads the assignment of a classic member: a version, then the consumer protocol's own message.
fn classic_assignment(bytes: &bytes::Bytes) -> Vec<(SmolStr, i32)> {
    let Some((head, rest)) = bytes.split_at_checked(2) else { return Vec::new() };
    let version = i16::from_be_bytes([head[0], head[1]]).clamp(0, 3);
    let Ok(told) = ConsumerProtocolAssignment::decode(&mut bytes.slice_ref(rest), version) else { return Vec::new() };
    let parts = told.assigned_partitions.iter();
    parts.flat_map(|topic| topic.partitions.iter().map(|part| (topic.topic.0.to_smolstr(), *part))).collect()
}

fn id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}
