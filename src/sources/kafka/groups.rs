//! Consumer groups: which there are, and who is in them. The broker that lists a group coordinates it, so nobody needs to be
//! asked who does.

use super::client::Layout;
use super::commits::Hold;
use super::question::Question;
use super::settled;
use super::shape;
use super::words::{has_new_coordinator, note, refusal};
use crate::model::ask::NoteKind;
use crate::model::queue::{Commit, Group, GroupKind, Member};
use crate::model::{Fault, FaultKind, Note};
use crate::sources::shell::word;
use futures_util::future::{join, join_all};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, ConsumerProtocolSubscription, DescribeGroupsRequest,
    GroupId, ListGroupsRequest, consumer_group_describe_response as modern, describe_groups_response as classic,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use smol_str::{SmolStr, ToSmolStr};
use std::collections::{BTreeSet, HashMap};

/// Groups that are described in one request.
const GROUPS_AT_ONCE: usize = 1_000;

/// What one broker said of the groups that it coordinates.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) groups: Vec<Group>,
    pub(super) notes: Vec<Note>,
    /// Groups that have left this broker since it listed them, or that it is still loading.
    pub(super) moved: BTreeSet<SmolStr>,
    /// Partitions of groups that it leads, and does not coordinate yet.
    unsettled: usize,
    places: HashMap<SmolStr, usize>,
}

impl Question<'_> {
    /// Reads the groups of all brokers into `layout`, and lets go of `hold` when their places are there. Groups that change their
    /// coordinator meanwhile are looked for once more; says whether there were any.
    pub(super) async fn groups(&self, layout: &mut Layout, notes: &mut Vec<Note>, hold: Hold) -> bool {
        let moved = self.groups_of_all(layout, None, notes, Some(hold)).await;
        if !moved.is_empty() {
            let left = self.groups_of_all(layout, Some(&moved), notes, None).await;
            let lost = moved.iter().filter(|id| !layout.state.groups.iter().any(|group| group.id == **id));
            for id in lost.chain(&left).collect::<BTreeSet<_>>() {
                let text = format!("group {id}: its coordinator changed while it was read; nobody answers for it now");
                notes.push(note(NoteKind::PartMissing, text));
            }
        }
        layout.state.groups.sort_by(|a, b| (&a.id, a.fault.is_some()).cmp(&(&b.id, b.fault.is_some())));
        layout.state.groups.dedup_by(|later, kept| later.id == kept.id);
        !moved.is_empty()
    }

    async fn groups_of_all(
        &self,
        layout: &mut Layout,
        only: Option<&BTreeSet<SmolStr>>,
        notes: &mut Vec<Note>,
        hold: Option<Hold>,
    ) -> BTreeSet<SmolStr> {
        let mut moved = BTreeSet::new();
        let state = &mut layout.state;
        let absent: Vec<_> = state.brokers.iter().map(|broker| settled::absent_groups(state, broker.node)).collect();
        let asks = state.brokers.iter().zip(&absent).map(|(broker, absent)| {
            let absent = if only.is_none() { &absent[..] } else { &[] };
            self.groups_of(&broker.address, only, absent, hold.clone())
        });
        let asks: Vec<_> = asks.collect();
        drop(hold);
        let answers = join_all(asks).await;
        if only.is_none() {
            let unsettled = answers.iter().flatten().map(|told| told.unsettled).sum();
            notes.extend(settled::remark(state, unsettled));
        }
        for (broker, outcome) in state.brokers.iter_mut().zip(answers) {
            match outcome {
                Ok(told) => {
                    state.groups.extend(told.groups.into_iter().filter(|group| !told.moved.contains(&group.id)));
                    notes.extend(told.notes);
                    moved.extend(told.moved);
                }
                Err(fault) => {
                    let text = format!("groups of broker {} ({}): {}", broker.node, broker.address, fault.came);
                    notes.push(note(kind_of(&fault), text));
                    broker.fault = Some(fault.came.as_str().into());
                }
            }
        }
        moved
    }

    /// Returns the groups that one broker coordinates.
    async fn groups_of(
        &self,
        address: &str,
        only: Option<&BTreeSet<SmolStr>>,
        absent: &[GroupId],
        hold: Option<Hold>,
    ) -> Result<Told, Fault> {
        let shown = |what: &str| format!("kafka-consumer-groups --bootstrap-server {} {what}", word(address));
        let list = || self.call((address, shown("--list")), i16::MAX, |_| ListGroupsRequest::default());
        // First, since who coordinates a partition then lists the groups in it.
        let (unsettled, listed) = join(self.unsettled(address, absent), list()).await;
        let (mut answer, mut version) = listed?;
        if has_new_coordinator(answer.error_code) {
            (answer, version) = list().await?;
        }
        let mut told = Told { unsettled, ..Told::default() };
        if answer.error_code != 0 {
            told.notes.push(refusal(answer.error_code, &format!("groups of {address}")));
        }
        let listed =
            answer.groups.iter().filter(|group| only.is_none_or(|only| only.contains(group.group_id.0.as_str())));
        told.groups = listed
            .map(|group| Group {
                id: group.group_id.0.to_smolstr(),
                kind: if version < 5 { GroupKind::Classic } else { kind(&group.group_type) },
                state: group.group_state.to_smolstr(),
                protocol_type: group.protocol_type.to_smolstr(),
                ..Group::default()
            })
            .collect();
        told.places = told.groups.iter().enumerate().map(|(at, group)| (group.id.clone(), at)).collect();
        let ids = |kinds: &[GroupKind], groups: &[Group]| -> Vec<GroupId> {
            groups.iter().filter(|group| kinds.contains(&group.kind)).map(|group| id(&group.id)).collect()
        };
        // What one request does not bring takes nothing from what the others do.
        let members = shown("--describe --all-groups --members");
        let classic = ids(&[GroupKind::Classic], &told.groups);
        let outcome = self.members_of_classic(address, &mut told, members.clone()).await;
        told.missed((address, "members"), &classic, outcome);
        for some in ids(&[GroupKind::Consumer], &told.groups).chunks(GROUPS_AT_ONCE) {
            let outcome = self.members_of_modern(address, some, &mut told, members.clone()).await;
            told.missed((address, "members"), some, outcome);
        }
        for some in ids(&[GroupKind::Share], &told.groups).chunks(GROUPS_AT_ONCE) {
            let outcome = self.share(address, some, &mut told).await;
            told.missed((address, "share groups"), some, outcome);
        }
        let kept = [GroupKind::Classic, GroupKind::Consumer, GroupKind::Other];
        let all = ids(&kept, &told.groups);
        self.committed(address, &all, (&mut told, &shown("--describe --all-groups")), hold).await;
        for group in &mut told.groups {
            group.own();
        }
        Ok(told)
    }

    async fn members_of_classic(&self, address: &str, told: &mut Told, shown: String) -> Result<(), Fault> {
        // Brokers before Kafka 2.6 do not list states. Who is known to be empty has no members.
        let asked = |group: &&Group| group.kind == GroupKind::Classic && group.state != "Empty";
        let ids: Vec<GroupId> = told.groups.iter().filter(asked).map(|group| id(&group.id)).collect();
        let mut other_kind = Vec::new();
        for some in ids.chunks(GROUPS_AT_ONCE) {
            let build = |_| DescribeGroupsRequest::default().with_groups(some.to_vec());
            let (answer, _) = self.call((address, shown.clone()), i16::MAX, build).await?;
            for described in &answer.groups {
                let name = &described.group_id;
                // Brokers of Kafka 3.7 may hold groups of the newer protocol and do not tell them apart in their list: to this
                // question such a group is dead, or not found (69).
                if described.error_code == 69 || described.error_code == 0 && &*described.group_state == "Dead" {
                    other_kind.push(name.clone());
                    continue;
                }
                let Some(group) = told.heard(name, described.error_code) else { continue };
                group.state = described.group_state.to_smolstr();
                group.protocol_type = described.protocol_type.to_smolstr();
                group.members = described.members.iter().map(|member| classic_member(member, described)).collect();
            }
        }
        if other_kind.is_empty() {
            return Ok(());
        }
        let asked = self.members_of_modern(address, &other_kind, told, shown).await;
        // Without the newer protocol the group has simply ended since it was listed.
        if asked.as_ref().is_err_and(|fault| fault.kind == FaultKind::Unsupported) {
            for name in &other_kind {
                if let Some(group) = told.group(name) {
                    group.state = SmolStr::new_static("Dead");
                }
            }
            return Ok(());
        }
        asked
    }

    async fn members_of_modern(
        &self,
        address: &str,
        ids: &[GroupId],
        told: &mut Told,
        shown: String,
    ) -> Result<(), Fault> {
        let build = |_| ConsumerGroupDescribeRequest::default().with_group_ids(ids.to_vec());
        let (answer, _) = self.call((address, shown), i16::MAX, build).await?;
        for described in &answer.groups {
            // Offered is not enabled: 3.9.2 answers 35 to every group unless it is set up for the newer protocol. And a group
            // that was listed as classic may have ended (69).
            let is_classic = told.group(&described.group_id).is_some_and(|group| group.kind == GroupKind::Classic);
            if is_classic && matches!(described.error_code, 35 | 69) {
                if let Some(group) = told.group(&described.group_id) {
                    group.state = SmolStr::new_static("Dead");
                }
                continue;
            }
            let Some(group) = told.heard(&described.group_id, described.error_code) else { continue };
            group.kind = GroupKind::Consumer;
            group.state = described.group_state.to_smolstr();
            group.epoch = Some(described.group_epoch);
            group.assignment_epoch = Some(described.assignment_epoch);
            group.members = described.members.iter().map(modern_member).collect();
        }
        Ok(())
    }
}

impl Told {
    pub(super) fn group(&mut self, id: &GroupId) -> Option<&mut Group> {
        self.place(id).map(|at| &mut self.groups[at])
    }

    pub(super) fn place(&self, id: &GroupId) -> Option<usize> {
        self.places.get(id.0.as_str()).copied()
    }

    /// Writes down that something could not be had of these groups.
    pub(super) fn missed(&mut self, (address, what): (&str, &str), ids: &[GroupId], outcome: Result<(), Fault>) {
        let Err(fault) = outcome else { return };
        let kind = if fault.kind == FaultKind::Unsupported { NoteKind::Remark } else { kind_of(&fault) };
        self.notes.push(note(kind, format!("{what} of groups of broker {address}: {}", fault.came)));
        for id in ids {
            if let Some(group) = self.group(id) {
                group.fault = Some(format!("{what}: {}", fault.came).into());
            }
        }
    }

    /// Returns a group that the broker answered for; an error is written down.
    pub(super) fn heard(&mut self, id: &GroupId, code: i16) -> Option<&mut Group> {
        let at = self.place(id)?;
        if has_new_coordinator(code) {
            self.moved.insert(self.groups[at].id.clone());
            return None;
        }
        if code != 0 {
            self.groups[at].refuse(code, &mut self.notes);
            return None;
        }
        Some(&mut self.groups[at])
    }
}

impl Group {
    pub(super) fn refuse(&mut self, code: i16, notes: &mut Vec<Note>) {
        let said = refusal(code, &format!("group {}", self.id));
        self.fault = Some(said.text.as_str().into());
        notes.push(said);
    }

    /// Adds assigned partitions without a commit, as Kafka's own tool shows them, and says who owns which.
    fn own(&mut self) {
        self.commits.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        if self.members.iter().all(|member| member.assigned.is_empty()) {
            // Of thousands of groups most are asleep. A broker tells each partition once.
            self.commits.dedup_by(|later, kept| (later.partition, &later.topic) == (kept.partition, &kept.topic));
            return;
        }
        let known = self.commits.len();
        for (place, member) in self.members.iter().enumerate() {
            for (topic, partition) in &member.assigned {
                let found = self.commits[..known].binary_search_by(|commit| {
                    (commit.topic.as_str(), commit.partition).cmp(&(topic.as_str(), *partition))
                });
                match found {
                    // Members of a share group read the same partition side by side.
                    Ok(at) => _ = self.commits[at].owner.get_or_insert(place),
                    Err(_) => self.commits.push(Commit {
                        topic: topic.clone(),
                        partition: *partition,
                        committed: None,
                        owner: Some(place),
                    }),
                }
            }
        }
        self.commits.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        self.commits.dedup_by(|later, kept| (&later.topic, later.partition) == (&kept.topic, kept.partition));
    }
}

/// A broker that may not be asked, and one that does not answer, are two things.
fn kind_of(fault: &Fault) -> NoteKind {
    if fault.kind == FaultKind::Refused { NoteKind::NotPermitted } else { NoteKind::PartMissing }
}

fn classic_member(member: &classic::DescribedGroupMember, group: &classic::DescribedGroup) -> Member {
    // Connect and schema registries use the same protocol with contents of their own.
    let is_consumer = &*group.protocol_type == "consumer";
    Member {
        id: member.member_id.to_smolstr(),
        instance: member.group_instance_id.as_ref().map(ToSmolStr::to_smolstr),
        client: member.client_id.to_smolstr(),
        host: member.client_host.to_smolstr(),
        topics: if is_consumer { classic_subscription(&member.member_metadata) } else { Vec::new() },
        pattern: None,
        assigned: if is_consumer { classic_assignment(&member.member_assignment) } else { Vec::new() },
    }
}

fn modern_member(member: &modern::Member) -> Member {
    let assigned = member.assignment.topic_partitions.iter();
    Member {
        id: member.member_id.to_smolstr(),
        instance: member.instance_id.as_ref().map(ToSmolStr::to_smolstr),
        client: member.client_id.to_smolstr(),
        host: member.client_host.to_smolstr(),
        topics: member.subscribed_topic_names.iter().map(|name| name.0.to_smolstr()).collect(),
        pattern: member.subscribed_topic_regex.as_ref().filter(|text| !text.is_empty()).map(ToSmolStr::to_smolstr),
        assigned: assigned
            .flat_map(|topic| topic.partitions.iter().map(|part| (topic.topic_name.0.to_smolstr(), *part)))
            .collect(),
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

/// A message of the consumer protocol: a version, then its contents. Newer versions only add to the end.
fn consumer_protocol<T: Decodable>(bytes: &bytes::Bytes, shape: i16) -> Option<T> {
    let (head, rest) = bytes.split_at_checked(2)?;
    let version = i16::from_be_bytes([head[0], head[1]]).clamp(0, 3);
    let mut rest = bytes.slice_ref(rest);
    shape::check(shape, version, &rest).ok()?;
    T::decode(&mut rest, version).ok()
}

fn classic_assignment(bytes: &bytes::Bytes) -> Vec<(SmolStr, i32)> {
    let Some(told) = consumer_protocol::<ConsumerProtocolAssignment>(bytes, shape::ASSIGNED) else { return Vec::new() };
    let parts = told.assigned_partitions.iter();
    parts.flat_map(|topic| topic.partitions.iter().map(|part| (topic.topic.0.to_smolstr(), *part))).collect()
}

fn classic_subscription(bytes: &bytes::Bytes) -> Vec<SmolStr> {
    let told = consumer_protocol::<ConsumerProtocolSubscription>(bytes, shape::SUBSCRIBED);
    told.map_or_else(Vec::new, |told| told.topics.iter().map(ToSmolStr::to_smolstr).collect())
}

pub(super) fn id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}
