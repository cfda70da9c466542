//! What a cluster tells about itself when it is examined: each broker by its advertised name, and what this user may do.

use super::client;
use super::question::Question;
use crate::model::{Fault, FaultKind, Nanos};
use crate::sources::checkup::Step;
use crate::sources::shell::word;
use futures_util::future::join_all;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, DescribeConfigsRequest, DescribeGroupsRequest, GroupId, ListGroupsRequest,
    MetadataRequest, MetadataResponse,
};
use kafka_protocol::protocol::StrBytes;

/// Bits of authorised operations: `AclOperation` of Kafka 4.3.1, as Metadata tells them from version 8 on (Kafka 2.3).
const READ: u32 = 3;
const WRITE: u32 = 4;
const DESCRIBE: u32 = 8;
const DESCRIBE_CONFIGS: u32 = 10;
/// What stands for "not told".
const NOT_TOLD: i32 = i32::MIN;

/// Newest Metadata that tells rights on the cluster; later ones leave that to another request (Kafka 2.8, KIP-700).
const WITH_CLUSTER: i16 = 10;
/// Groups of one broker whose rights are asked.
const GROUPS: usize = 50;
/// A topic, among the resources that have settings (`ConfigResource.Type`).
const TOPIC: i8 = 2;
/// `TOPIC_AUTHORIZATION_FAILED`.
const NOT_PERMITTED: i16 = 29;

/// What one broker tells of its groups.
struct Told {
    groups: usize,
    version: i16,
    /// Rights on groups, each with its name.
    rights: Vec<(String, i32)>,
}

impl Question<'_> {
    /// Asks for metadata with this user's rights, each broker for its groups, and for one setting of one topic. Changes nothing.
    pub(super) async fn steps(&self) -> Vec<Step> {
        let (metadata, version, address) = match self.metadata().await {
            Ok(found) => found,
            Err(fault) => return vec![Step::failed("capabilities", &fault)],
        };
        let mut steps = Vec::new();
        let (mut groups, mut rights, mut oldest) = (0, Vec::new(), None);
        let brokers = metadata.brokers.iter().map(|broker| async move {
            let address = client::address(&broker.host, broker.port);
            let told = self.told_by(&address).await;
            (broker.node_id.0, address, told)
        });
        for (node, address, told) in join_all(brokers).await {
            match told {
                Ok(told) => {
                    groups += told.groups;
                    rights.extend(told.rights);
                    oldest = Some(oldest.map_or(told.version, |oldest: i16| oldest.min(told.version)));
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
        steps.push(match oldest {
            Some(oldest) => {
                let kinds = if oldest >= 5 { "" } else { "; kinds of groups are not told before Kafka 3.8" };
                Step::ok("capabilities", format!("Metadata version {version}, ListGroups version {oldest}{kinds}"))
            }
            None => Step::warn(
                "capabilities",
                format!("Metadata version {version}; no broker lists groups at its advertised address"),
                "check the advertised names (advertised.listeners) and this user's rights",
            ),
        });
        steps.push(of_topics(&metadata, groups));
        steps.extend(of_cluster(metadata.cluster_authorized_operations));
        steps.extend(of_groups(&rights));
        steps.extend(self.one_setting(&address, &metadata).await);
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

    /// Returns metadata with rights, its version, and the address that gave it.
    async fn metadata(&self) -> Result<(MetadataResponse, i16, String), Fault> {
        let mut first = None;
        for address in self.kafka.bootstrap() {
            // A broker that no longer knows the version with the cluster's rights tells the others all the same.
            for newest in [WITH_CLUSTER, i16::MAX] {
                let build = |version| {
                    let all = MetadataRequest::default().with_topics(None);
                    let all = if version >= 4 { all.with_allow_auto_topic_creation(false) } else { all };
                    let all = if version >= 8 { all.with_include_topic_authorized_operations(true) } else { all };
                    let has_cluster = (8..=WITH_CLUSTER).contains(&version);
                    if has_cluster { all.with_include_cluster_authorized_operations(true) } else { all }
                };
                let shown = format!("kcat -L -b {}", word(address));
                match self.call((address.as_str(), shown), newest, build).await {
                    Ok((found, version)) => return Ok((found, version, address.clone())),
                    Err(fault) => {
                        let is_too_new = fault.kind == FaultKind::Unsupported;
                        first.get_or_insert(fault);
                        if !is_too_new {
                            break;
                        }
                    }
                }
            }
        }
        Err(first.expect("an examination comes after an answer of a bootstrap address"))
    }

    /// Asks one broker for its groups, and for this user's rights on some of them.
    async fn told_by(&self, address: &str) -> Result<Told, Fault> {
        let shown = |what: &str| format!("kafka-consumer-groups --bootstrap-server {} {what}", word(address));
        let list = (address, shown("--list"));
        let (list, version) = self.call(list, i16::MAX, |_| ListGroupsRequest::default()).await?;
        let some = |wanted: &str| -> Vec<GroupId> {
            let fits = |kind: &str| kind.eq_ignore_ascii_case(wanted) || (kind.is_empty() && wanted == "classic");
            let own = list.groups.iter().filter(|group| fits(&group.group_type));
            own.take(GROUPS).map(|group| group.group_id.clone()).collect()
        };
        let mut rights = Vec::new();
        let classic = some("classic");
        if !classic.is_empty() {
            let build = |version| {
                let asked = DescribeGroupsRequest::default().with_groups(classic.clone());
                if version >= 3 { asked.with_include_authorized_operations(true) } else { asked }
            };
            // What is not told is not shown; that it failed stands in the log of requests.
            if let Ok((told, _)) =
                self.call((address, shown("--describe --all-groups --members")), i16::MAX, build).await
            {
                let each = told.groups.iter();
                rights.extend(each.map(|group| (group.group_id.0.to_string(), group.authorized_operations)));
            }
        }
        let modern = some("consumer");
        if !modern.is_empty() {
            let build = |_| {
                let asked = ConsumerGroupDescribeRequest::default().with_group_ids(modern.clone());
                asked.with_include_authorized_operations(true)
            };
            if let Ok((told, _)) =
                self.call((address, shown("--describe --all-groups --members")), i16::MAX, build).await
            {
                let each = told.groups.iter();
                rights.extend(each.map(|group| (group.group_id.0.to_string(), group.authorized_operations)));
            }
        }
        Ok(Told { groups: list.groups.len(), version, rights })
    }

    /// Asks for one setting of one topic: whether settings are told, and how long records are kept.
    async fn one_setting(&self, address: &str, metadata: &MetadataResponse) -> Option<Step> {
        let may = |rights: i32| rights != NOT_TOLD && rights & (1 << DESCRIBE_CONFIGS) != 0;
        let named = || metadata.topics.iter().filter(|topic| topic.name.is_some() && !topic.is_internal);
        let topic = named().find(|topic| may(topic.topic_authorized_operations)).or_else(|| named().next())?;
        let name = topic.name.as_ref()?.0.clone();
        let shown = format!(
            "kafka-configs --bootstrap-server {} --describe --entity-type topics --entity-name {}",
            word(address),
            word(&name)
        );
        let build = |_| {
            let resource = DescribeConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(name.clone())
                .with_configuration_keys(Some(vec![StrBytes::from_static_str("retention.ms")]));
            DescribeConfigsRequest::default().with_resources(vec![resource])
        };
        match self.call((address, shown), i16::MAX, build).await {
            Ok((answer, _)) => answer.results.first().map(|result| of_settings(&name, result)),
            Err(fault) if fault.kind == FaultKind::Unsupported => None,
            Err(fault) => {
                Some(Step::not_tried("permissions", format!("settings of {}: {}", name.as_str(), fault.came)))
            }
        }
    }
}

const NAME: &str = "permissions";

fn of_topics(metadata: &MetadataResponse, groups: usize) -> Step {
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

/// Says whether all groups are listed: who may describe the cluster sees all, others those that they may describe
/// (Kafka 4.3.1, `KafkaApis.handleListGroupsRequest`).
fn of_cluster(rights: i32) -> Option<Step> {
    (rights != NOT_TOLD).then(|| {
        Step::ok(
            NAME,
            if rights & (1 << DESCRIBE) != 0 {
                "the cluster may be described: every group is listed"
            } else {
                "the cluster may not be described: groups without Describe of their own are not listed"
            },
        )
    })
}

fn of_groups(rights: &[(String, i32)]) -> Option<Step> {
    let told: Vec<&(String, i32)> = rights.iter().filter(|(_, rights)| *rights != NOT_TOLD).collect();
    if told.is_empty() {
        return None;
    }
    let without: Vec<&str> =
        told.iter().filter(|(_, rights)| rights & (1 << DESCRIBE) == 0).map(|(name, _)| name.as_str()).collect();
    let seen = format!("groups with Describe: {} of {} asked", told.len() - without.len(), told.len());
    Some(match without.first() {
        None => Step::ok(NAME, seen),
        Some(first) => Step::warn(
            NAME,
            format!("{seen}; without it: {first}"),
            "grant Describe on these groups: their lag needs it",
        ),
    })
}

fn of_settings(topic: &str, result: &DescribeConfigsResult) -> Step {
    let kept = result.configs.iter().find(|config| config.name.as_str() == "retention.ms");
    let kept = kept.and_then(|config| config.value.as_ref()?.parse::<i64>().ok());
    let told = match (result.error_code, kept) {
        (0, Some(ms)) if ms < 0 => format!("{topic} keeps records without an end in time"),
        (0, Some(ms)) => format!("{topic} keeps records for {}", Nanos(ms.saturating_mul(1_000_000)).human()),
        (0, None) => format!("{topic} tells its settings"),
        (NOT_PERMITTED, _) => {
            let seen = format!("DescribeConfigs of {topic} is not permitted");
            return Step::warn(
                NAME,
                seen,
                "grant DescribeConfigs on topics, or how long they keep records stays unknown",
            );
        }
        (code, _) => {
            let why = result.error_message.as_deref().unwrap_or("without a message");
            return Step::not_tried(NAME, format!("settings of {topic}: Kafka error {code}, {why}"));
        }
    };
    Step::ok(NAME, told)
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
            let step = of_topics(&MetadataResponse::default().with_topics(topics.collect()), groups);
            assert_eq!(step.finding, finding, "{step:?}");
            assert!(step.seen.as_str().contains(words), "{step:?}");
        }
    }

    #[test]
    fn rights_on_cluster_groups_and_settings_are_told_apart() {
        use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
        let cluster = |rights: i32| of_cluster(rights).map(|step| step.seen.as_str().contains("every group"));
        assert_eq!([NOT_TOLD, 0, 1 << DESCRIBE].map(cluster), [None, Some(false), Some(true)]);
        let groups = |all: &[i32]| {
            let named: Vec<(String, i32)> = all.iter().enumerate().map(|(at, one)| (format!("g{at}"), *one)).collect();
            of_groups(&named).map(|step| (step.finding, step.seen.as_str().to_owned()))
        };
        assert_eq!(groups(&[NOT_TOLD]), None);
        let all = Some((Finding::Ok, "groups with Describe: 2 of 2 asked".to_owned()));
        assert_eq!(groups(&[1 << DESCRIBE, NOT_TOLD, 1 << DESCRIBE | 1 << READ]), all);
        let one = Some((Finding::Warn, "groups with Describe: 1 of 2 asked; without it: g1".to_owned()));
        assert_eq!(groups(&[1 << DESCRIBE, 1 << READ]), one);
        let cases = [
            (0, Some("604800000"), Finding::Ok, "keeps records for 7d"),
            (0, Some("-1"), Finding::Ok, "without an end"),
            (0, None, Finding::Ok, "tells its settings"),
            (NOT_PERMITTED, None, Finding::Warn, "not permitted"),
            (3, None, Finding::NotTried, "Kafka error 3"),
        ];
        for (code, value, finding, words) in cases {
            let config = DescribeConfigsResourceResult::default()
                .with_name(StrBytes::from_static_str("retention.ms"))
                .with_value(value.map(StrBytes::from_static_str));
            let result = DescribeConfigsResult::default().with_error_code(code).with_configs(vec![config]);
            let step = of_settings("orders", &result);
            assert!(step.finding == finding && step.seen.as_str().contains(words), "{step:?}");
        }
    }
}
