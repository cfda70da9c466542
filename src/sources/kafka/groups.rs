//! Consumer groups: which there are, who is in them, and what they committed.

use super::question::Question;
use super::words::refusal;
use crate::model::queue::{Commit, Group, GroupKind, Member};
use crate::model::{Fault, Note};
use crate::sources::shell::word;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, DescribeGroupsRequest, GroupId, ListGroupsRequest,
    OffsetFetchRequest,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use smol_str::{SmolStr, ToSmolStr};

/// Groups asked about in one request (`OffsetFetch` takes several from version 8, Kafka 3.0).
const GROUPS_AT_ONCE: usize = 1_000;

impl Question<'_> {
    /// Returns the groups that one broker coordinates: the one that lists a group is its coordinator.
    pub(super) async fn groups_of(&self, address: &str) -> Result<(Vec<Group>, Vec<Note>), Fault> {
        let shown = |what: &str| format!("kafka-consumer-groups --bootstrap-server {} {what}", word(address));
        let mut notes = Vec::new();
        let list = (address, shown("--list"));
        let (answer, version) = self.call(list, i16::MAX, |_| ListGroupsRequest::default()).await?;
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
            self.members((address, shown("--describe --all-groups --members")), some, &mut notes).await?;
            self.committed((address, shown("--describe --all-groups")), some, &mut notes).await?;
        }
        for group in &mut groups {
            group.own();
        }
        Ok((groups, notes))
    }

    async fn members(
        &self,
        (address, shown): (&str, String),
        groups: &mut [Group],
        notes: &mut Vec<Note>,
    ) -> Result<(), Fault> {
        let of = |wanted: GroupKind, groups: &[Group]| -> Vec<GroupId> {
            groups.iter().filter(|group| group.kind == wanted).map(|group| id(&group.id)).collect()
        };
        let classic = of(GroupKind::Classic, groups);
        if !classic.is_empty() {
            let build = |_| DescribeGroupsRequest::default().with_groups(classic.clone());
            let (answer, _) = self.call((address, shown.clone()), i16::MAX, build).await?;
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
            let (answer, _) = self.call((address, shown), i16::MAX, build).await?;
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
        (address, shown): (&str, String),
        groups: &mut [Group],
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
        let (answer, version) = self.call((address, shown.clone()), 9, build).await?;
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
                next = self.call((address, shown.clone()), 7, build).await?.0;
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
