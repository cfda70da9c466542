//! Where groups stand: committed offsets, and for share groups the offset that their records begin at.

use super::groups::Told;
use super::question::Question;
use super::words::refusal;
use crate::model::Fault;
use crate::model::queue::{Commit, Member};
use crate::sources::shell::word;
use futures_util::stream::{self, StreamExt};
use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    DescribeShareGroupOffsetsRequest, GroupId, OffsetFetchRequest, OffsetFetchResponse, ShareGroupDescribeRequest,
};
use smol_str::ToSmolStr;
use std::convert::Infallible;
use tokio::sync::mpsc;

/// From this version on a request names several groups (Kafka 3.0).
const SEVERAL: i16 = 8;
/// The newest version that names topics by their names.
const NAMES: i16 = 9;
/// Groups asked about in one request: as many as there are in all but the largest clusters, so that requests grow with brokers.
/// Smaller pieces, decoded while the broker is at work on the next one, saved a tenth of the time of 1,000 groups (4.3.1).
const GROUPS: usize = 1_000;
/// Such requests under way at one broker.
const AT_ONCE: usize = 2;

/// Held as long as places of groups may still be on their way: the ends of logs are asked for when nobody holds it.
pub(super) type Hold = mpsc::Sender<Infallible>;

impl Question<'_> {
    /// Reads the committed offsets of some groups of one broker. It looks the next ones up while the answer about those before
    /// is decoded, and `hold` is let go of when the last one is there.
    pub(super) async fn committed(
        &self,
        address: &str,
        ids: &[GroupId],
        (told, shown): (&mut Told, &str),
        hold: Option<Hold>,
    ) {
        let mut asks = Vec::new();
        for some in ids.chunks(GROUPS) {
            let hold = hold.clone();
            asks.push(async move { (some, self.commits_of(address, some, shown, hold).await) });
        }
        drop(hold);
        let mut answers = stream::iter(asks).buffered(AT_ONCE);
        while let Some((some, (heard, outcome))) = answers.next().await {
            for (answer, id) in heard.iter().zip(some) {
                told.committed(id, answer);
            }
            told.missed((address, "committed offsets"), &some[heard.len().min(some.len())..], outcome);
        }
    }

    /// Asks about all of them at once, or about one after the other where the broker takes no several.
    async fn commits_of(
        &self,
        address: &str,
        ids: &[GroupId],
        shown: &str,
        hold: Option<Hold>,
    ) -> (Vec<OffsetFetchResponse>, Result<(), Fault>) {
        let one = |id: &GroupId| OffsetFetchRequest::default().with_group_id(id.clone()).with_topics(None);
        let build = |version| {
            if version < SEVERAL {
                return one(&ids[0]);
            }
            let asked =
                ids.iter().map(|id| OffsetFetchRequestGroup::default().with_group_id(id.clone()).with_topics(None));
            OffsetFetchRequest::default().with_groups(asked.collect())
        };
        let first = match self.call_unread((address, shown.to_owned()), (i16::MIN, NAMES), build).await {
            Ok(first) => first,
            Err(fault) => return (Vec::new(), Err(fault)),
        };
        let rest = if first.version() < SEVERAL { &ids[1..] } else { &[] };
        let (mut answers, mut outcome) = (vec![first], Ok(()));
        for id in rest {
            match self.call_unread((address, shown.to_owned()), (i16::MIN, SEVERAL - 1), |_| one(id)).await {
                Ok(answer) => answers.push(answer),
                Err(fault) => {
                    outcome = Err(fault);
                    break;
                }
            }
        }
        drop(hold);
        // Whoever has waited for these answers asks on, and the broker is at work while they are read.
        tokio::task::yield_now().await;
        let mut heard = Vec::with_capacity(answers.len());
        for answer in answers {
            match answer.read() {
                Ok(answer) => heard.push(answer),
                Err(fault) => return (heard, Err(fault)),
            }
        }
        (heard, outcome)
    }

    /// Reads members and start offsets of some share groups of one broker (Kafka 4.1 and later).
    pub(super) async fn share(&self, address: &str, ids: &[GroupId], told: &mut Told) -> Result<(), Fault> {
        let shown = |what: &str| {
            format!("kafka-share-groups --bootstrap-server {} --describe --all-groups{what}", word(address))
        };
        let build = |_| ShareGroupDescribeRequest::default().with_group_ids(ids.to_vec());
        let (answer, _) = self.call((address, shown(" --members")), i16::MAX, build).await?;
        for described in &answer.groups {
            let Some(group) = told.heard(&described.group_id, described.error_code) else { continue };
            group.state = described.group_state.to_smolstr();
            group.epoch = Some(described.group_epoch);
            group.assignment_epoch = Some(described.assignment_epoch);
            let member = |member: &kafka_protocol::messages::share_group_describe_response::Member| Member {
                id: member.member_id.to_smolstr(),
                client: member.client_id.to_smolstr(),
                host: member.client_host.to_smolstr(),
                topics: member.subscribed_topic_names.iter().map(|name| name.0.to_smolstr()).collect(),
                assigned: (member.assignment.topic_partitions.iter())
                    .flat_map(|topic| topic.partitions.iter().map(|part| (topic.topic_name.0.to_smolstr(), *part)))
                    .collect(),
                ..Member::default()
            };
            group.members = described.members.iter().map(member).collect();
        }
        let build = |_| {
            let asked = ids
                .iter()
                .map(|id| DescribeShareGroupOffsetsRequestGroup::default().with_group_id(id.clone()).with_topics(None));
            DescribeShareGroupOffsetsRequest::default().with_groups(asked.collect())
        };
        let (answer, _) = self.call((address, shown(" --offsets")), i16::MAX, build).await?;
        for group in &answer.groups {
            if told.heard(&group.group_id, group.error_code).is_none() {
                continue;
            }
            for topic in &group.topics {
                // -1 says that the group has consumed nothing yet, not that it is far behind.
                let parts = topic.partitions.iter();
                let parts = parts.map(|part| (part.partition_index, part.start_offset, part.error_code));
                told.commits(&group.group_id, &topic.topic_name.0, parts);
            }
        }
        Ok(())
    }
}

impl Told {
    /// Takes an answer about several groups, or, of an older broker, about this one alone.
    fn committed(&mut self, id: &GroupId, answer: &OffsetFetchResponse) {
        for group in &answer.groups {
            if self.heard(&group.group_id, group.error_code).is_none() {
                continue;
            }
            for topic in &group.topics {
                let parts = topic.partitions.iter();
                let parts = parts.map(|part| (part.partition_index, part.committed_offset, part.error_code));
                self.commits(&group.group_id, &topic.name.0, parts);
            }
        }
        if !answer.groups.is_empty() || self.heard(id, answer.error_code).is_none() {
            return;
        }
        for topic in &answer.topics {
            let parts = topic.partitions.iter();
            let parts = parts.map(|part| (part.partition_index, part.committed_offset, part.error_code));
            self.commits(id, &topic.name.0, parts);
        }
    }

    /// Takes partitions of one topic, each with its index, the offset (negative: none) and the error code. Group and topic
    /// are looked up and copied once, not for each partition.
    fn commits(&mut self, id: &GroupId, topic: &str, parts: impl ExactSizeIterator<Item = (i32, i64, i16)>) {
        let Some(at) = self.place(id) else { return };
        let (topic, commits) = (topic.to_smolstr(), &mut self.groups[at].commits);
        commits.reserve(parts.len());
        for (partition, offset, code) in parts {
            if code == 0 {
                let committed = (offset >= 0).then_some(offset);
                commits.push(Commit { topic: topic.clone(), partition, committed, owner: None });
            } else {
                self.notes.push(refusal(code, &format!("group {} on {topic}-{partition}", id.0)));
            }
        }
    }
}
