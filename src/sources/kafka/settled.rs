//! Whether a list of groups is whole. Groups are kept in partitions of one topic, and who leads such a partition coordinates the
//! groups in it. A broker that is about to do so leaves them out of its list without an error (seen with three brokers of Kafka
//! 4.3.1, one of them killed). Asked about a group by name it says that it does not coordinate it: so each is asked about a
//! group that does not exist, for each of its partitions.

use super::groups::id;
use super::question::Question;
use super::words::{has_new_coordinator, note};
use crate::model::ask::NoteKind;
use crate::model::{Note, QueueState};
use crate::sources::shell::word;
use kafka_protocol::messages::{DescribeGroupsRequest, GroupId};

/// Where brokers keep groups.
pub(super) const TOPIC: &str = "__consumer_offsets";
/// Partitions of it that are asked about at most; Kafka makes 50 (`offsets.topic.num.partitions`).
const MOST: usize = 1_000;

impl Question<'_> {
    /// Returns for how many of these groups nobody answers at `address` yet. What cannot be told is not counted: who may not
    /// describe a group learns nothing of it.
    pub(super) async fn unsettled(&self, address: &str, absent: &[GroupId]) -> usize {
        if absent.is_empty() {
            return 0;
        }
        let shown =
            format!("kafka-consumer-groups --bootstrap-server {} --describe --all-groups --state", word(address));
        let build = |_| DescribeGroupsRequest::default().with_groups(absent.to_vec());
        // Where nothing is answered, the list is not either, and that is said there.
        let Ok((answer, _)) = self.call((address, shown), i16::MAX, build).await else { return 0 };
        answer.groups.iter().filter(|group| has_new_coordinator(group.error_code)).count()
    }
}

/// Names a group that does not exist for each partition of the groups that this broker leads. One broker alone has nobody to
/// take them over from.
pub(super) fn absent_groups(state: &QueueState, node: i32) -> Vec<GroupId> {
    let Some(topic) = state.topics.iter().find(|topic| topic.name == TOPIC) else { return Vec::new() };
    let all = topic.partitions.len();
    if state.brokers.len() < 2 || all > MOST {
        return Vec::new();
    }
    let leads = |index: u32| state.partition(TOPIC, index as i32).is_some_and(|found| found.leader == Some(node));
    let mut left = topic.partitions.iter().filter(|found| found.leader == Some(node)).count();
    let mut named = vec![None; all];
    // That a place is still without a name after so many is as good as impossible.
    for number in 0..all * 64 {
        let name = format!("hopscope-absent-{number}");
        let place = place(&name, all as u32);
        if named[place as usize].is_none() && leads(place) {
            named[place as usize] = Some(name);
            left = left.saturating_sub(1);
        }
        if left == 0 {
            break;
        }
    }
    named.into_iter().flatten().map(|name| id(&name)).collect()
}

/// Says that groups may be missing, where nobody coordinates so many partitions of them.
pub(super) fn remark(state: &QueueState, unsettled: usize) -> Option<Note> {
    let topic = state.topics.iter().find(|topic| topic.name == TOPIC);
    let leaderless = topic.map_or(0, |topic| topic.partitions.iter().filter(|found| found.leader.is_none()).count());
    let parts = unsettled + leaderless;
    let text =
        format!("groups may be missing: nobody coordinates those in {parts} partitions of {TOPIC} yet; ask again");
    (parts > 0).then(|| note(NoteKind::PartMissing, text))
}

/// The partition that a group is kept in: Java's hash of its name, by their number (`GroupCoordinatorService.partitionFor`,
/// Kafka 4.3). The names that are asked about are ASCII.
fn place(group: &str, partitions: u32) -> u32 {
    let hash = group.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    // Java has no positive twin of the smallest number; Kafka takes 0 for it.
    hash.checked_abs().unwrap_or(0).unsigned_abs() % partitions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::queue::{Broker, Partition, Topic};

    fn state(brokers: i32, partitions: i32) -> QueueState {
        let broker = |node| Broker { node, address: "127.0.0.1:1".into(), fault: None };
        let partition =
            |index| Partition { index, leader: (index % 4 > 0).then_some(index % 4), ..Partition::default() };
        let topic =
            Topic { name: TOPIC.into(), partitions: (0..partitions).map(partition).collect(), ..Topic::default() };
        QueueState { brokers: (1..=brokers).map(broker).collect(), topics: vec![topic], ..QueueState::default() }
    }

    #[test]
    fn a_group_has_the_place_that_java_gives_it() {
        // "hello".hashCode() and "polygenelubricants".hashCode() in Java: 99162322, and the smallest number.
        assert_eq!(place("hello", 50), 99_162_322 % 50);
        assert_eq!(place("polygenelubricants", 50), 0);
    }

    #[test]
    fn each_partition_of_a_broker_is_asked_for_by_a_group_that_belongs_there() {
        let state = state(3, 50);
        for node in 1..=3 {
            let places: Vec<u32> = absent_groups(&state, node).iter().map(|group| place(&group.0, 50)).collect();
            let led: Vec<u32> = (0..50).filter(|index| index % 4 == node as u32).collect();
            assert_eq!(places, led, "broker {node}");
        }
    }

    #[test]
    fn a_broker_alone_is_not_asked_and_what_nobody_leads_is_said() {
        assert!(absent_groups(&state(1, 50), 1).is_empty());
        assert!(absent_groups(&QueueState::default(), 1).is_empty());
        let said =
            |brokers, partitions, unsettled| remark(&state(brokers, partitions), unsettled).map(|note| note.text);
        assert!(said(3, 8, 1).is_some_and(|text| text.as_str().contains(" 3 partitions")));
        assert_eq!(remark(&QueueState::default(), 0), None);
    }
}
