//! What a cluster tells about itself when it is examined: each broker by its advertised name, and what this user may do.

use super::question::Question;
use crate::sources::checkup::Step;
use crate::sources::shell::word;
use futures_util::future::join_all;
use kafka_protocol::messages::{ListGroupsRequest, MetadataRequest, MetadataResponse};

/// Bits of authorised operations: `AclOperation` of Kafka 4.3.1, as Metadata tells them from version 8 on (Kafka 2.3).
const READ: u32 = 3;
const WRITE: u32 = 4;
const DESCRIBE: u32 = 8;
const DESCRIBE_CONFIGS: u32 = 10;
/// What stands for "not told".
const NOT_TOLD: i32 = i32::MIN;

impl Question<'_> {
    /// Asks for metadata with this user's rights, then each broker for its groups. Changes nothing.
    pub(super) async fn steps(&self) -> Vec<Step> {
        let mut answered = None;
        for address in self.kafka.bootstrap() {
            let build = |version| {
                let all = MetadataRequest::default().with_topics(None);
                let all = if version >= 4 { all.with_allow_auto_topic_creation(false) } else { all };
                if version >= 8 { all.with_include_topic_authorized_operations(true) } else { all }
            };
            let shown = format!("kcat -L -b {}", word(address));
            if let Ok(found) = self.call((address.as_str(), shown), i16::MAX, build).await {
                answered = Some(found);
                break;
            }
        }
        let Some((metadata, version)) = answered else {
            return vec![Step::not_tried("capabilities", "no bootstrap address answers")];
        };
        let mut steps = Vec::new();
        let (mut groups, mut seen, mut oldest) = (0, 0, i16::MAX);
        let brokers = metadata.brokers.iter().map(|broker| async move {
            let address = format!("{}:{}", broker.host.as_str(), broker.port);
            let shown = format!("kafka-consumer-groups --bootstrap-server {} --list", word(&address));
            let told = self.call((&address, shown), i16::MAX, |_| ListGroupsRequest::default()).await;
            (broker.node_id.0, address, told)
        });
        for (node, address, told) in join_all(brokers).await {
            match told {
                Ok((list, version)) => {
                    seen += 1;
                    groups += list.groups.len();
                    oldest = oldest.min(version);
                    steps.push(Step::ok(
                        "connect",
                        format!("broker {node} answers at its advertised address {address}"),
                    ));
                }
                Err(fault) => steps.push(Step::warn(
                    "connect",
                    format!("broker {node} at its advertised address {address}: {}", fault.came),
                    fault.hint,
                )),
            }
        }
        let kinds = if seen == 0 || oldest >= 5 { "" } else { "; kinds of groups are not told before Kafka 3.8" };
        steps.push(Step::ok("capabilities", format!("Metadata version {version}, ListGroups version {oldest}{kinds}")));
        steps.push(rights(&metadata, groups));
        steps.push(match metadata.throttle_time_ms {
            0 => Step::ok("limits", "this user is not throttled now"),
            wait => Step::warn(
                "limits",
                format!("answers are held back by {wait} ms"),
                "raise this user's quota (request_percentage)",
            ),
        });
        steps.push(Step::not_tried("clock", "brokers do not tell their time"));
        steps
    }
}

fn rights(metadata: &MetadataResponse, groups: usize) -> Step {
    const NAME: &str = "permissions";
    let topics: Vec<i32> = metadata.topics.iter().map(|topic| topic.topic_authorized_operations).collect();
    let visible = format!("{} topics and {groups} groups are visible", topics.len());
    if topics.is_empty() {
        return Step::warn(NAME, visible, "grant Describe on topics and groups to this user, or there is nothing yet");
    }
    if topics.contains(&NOT_TOLD) {
        return Step::ok(NAME, format!("{visible}; rights are told from Kafka 2.3 on"));
    }
    let may = |bit: u32| topics.iter().filter(|rights| **rights & (1 << bit) != 0).count();
    let (read, describe, configs) = (may(READ), may(DESCRIBE), may(DESCRIBE_CONFIGS));
    let mut seen = format!("{visible}; topics with Describe: {describe}, Read: {read}, DescribeConfigs: {configs}");
    if may(WRITE) > 0 {
        seen = format!("{seen}; Write: {} (not needed here)", may(WRITE));
    }
    if read < topics.len() {
        let to_do = "grant Read on the topics whose records should be shown; lag needs Describe alone";
        return Step::warn(NAME, seen, to_do);
    }
    if groups == 0 {
        return Step::warn(NAME, seen, "grant Describe on groups to this user, or there are none");
    }
    Step::ok(NAME, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::checkup::Finding;
    use kafka_protocol::messages::metadata_response::MetadataResponseTopic;

    #[test]
    fn rights_are_read_from_their_bits() {
        let (all, lag_only) = (1 << READ | 1 << DESCRIBE | 1 << DESCRIBE_CONFIGS, 1 << DESCRIBE);
        let cases: [(&[i32], usize, Finding, &str); 6] = [
            (&[all, all], 1, Finding::Ok, "Read: 2"),
            (&[all, lag_only], 1, Finding::Warn, "Describe: 2, Read: 1, DescribeConfigs: 1"),
            (&[all | 1 << WRITE], 1, Finding::Ok, "Write: 1 (not needed here)"),
            (&[all], 0, Finding::Warn, "0 groups"),
            (&[NOT_TOLD], 1, Finding::Ok, "told from Kafka 2.3"),
            (&[], 0, Finding::Warn, "0 topics"),
        ];
        for (topics, groups, finding, words) in cases {
            let topics =
                topics.iter().map(|rights| MetadataResponseTopic::default().with_topic_authorized_operations(*rights));
            let step = rights(&MetadataResponse::default().with_topics(topics.collect()), groups);
            assert_eq!(step.finding, finding, "{step:?}");
            assert!(step.seen.as_str().contains(words), "{step:?}");
        }
    }
}
