//! Topics: their logs, what their settings keep, and how new their newest records are.

use super::client::Layout;
use super::offsets::{Isolation, NEWEST};
use super::question::Question;
use super::words::{note, refusal};
use crate::model::ask::NoteKind;
use crate::model::queue::TopicSettings;
use crate::model::{Answer, Fault, FaultKind, Nanos, Note, Rows, Timestamp};
use crate::sources::shell::word;
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::protocol::StrBytes;
use smol_str::{SmolStr, ToSmolStr};

/// Topics whose settings are asked for in one request.
const TOPICS_AT_ONCE: usize = 500;
/// `DescribeConfigs` counts topics as kind 2.
const TOPIC: i8 = 2;
const CLEANUP: &str = "cleanup.policy";
const RETENTION_MS: &str = "retention.ms";
const RETENTION_BYTES: &str = "retention.bytes";
const CLOCK: &str = "message.timestamp.type";

impl Question<'_> {
    /// Returns topics with their offsets.
    pub(super) async fn topics(&self) -> Result<Answer, Fault> {
        let mut layout = self.layout().await?;
        let mut notes = layout.unseen();
        if !self.kafka.has_login() {
            // Nobody is named whom rights could be kept from, so a cluster without topics is the likelier reason.
            for note in &mut notes {
                note.kind = NoteKind::Remark;
            }
        }
        self.offsets(&mut layout, &mut notes).await;
        Ok(Answer { rows: Rows::Queues(Box::new(layout.state)), notes })
    }

    /// Returns topics with their offsets, settings and newest records.
    pub(super) async fn topics_in_full(&self) -> Result<Answer, Fault> {
        let mut layout = self.layout().await?;
        let mut notes = layout.unseen();
        self.offsets(&mut layout, &mut notes).await;
        self.settings(&mut layout, &mut notes).await;
        self.newest(&mut layout, &mut notes).await;
        notes.sort_by(|a, b| (a.kind, &a.text).cmp(&(b.kind, &b.text)));
        notes.dedup();
        Ok(Answer { rows: Rows::Queues(Box::new(layout.state)), notes })
    }

    /// Any broker tells the settings of any topic, so the first one that answers is enough.
    async fn settings(&self, layout: &mut Layout, notes: &mut Vec<Note>) {
        let addresses: Vec<SmolStr> = layout.state.brokers.iter().map(|broker| broker.address.clone()).collect();
        for topics in layout.state.topics.chunks_mut(TOPICS_AT_ONCE) {
            let build = |_| {
                let keys = [CLEANUP, RETENTION_MS, RETENTION_BYTES, CLOCK].map(StrBytes::from_static_str);
                let resources = topics.iter().map(|topic| {
                    DescribeConfigsResource::default()
                        .with_resource_type(TOPIC)
                        .with_resource_name(StrBytes::from_string(topic.name.to_string()))
                        .with_configuration_keys(Some(keys.to_vec()))
                });
                DescribeConfigsRequest::default().with_resources(resources.collect())
            };
            let mut outcome = None;
            for address in &addresses {
                let shown =
                    format!("kafka-configs --bootstrap-server {} --describe --entity-type topics", word(address));
                let answer = self.call((address, shown), i16::MAX, build).await;
                let is_lost = answer
                    .as_ref()
                    .is_err_and(|fault| matches!(fault.kind, FaultKind::Unreachable | FaultKind::TimedOut));
                outcome = Some(answer);
                if !is_lost {
                    break;
                }
            }
            let answer = match outcome {
                Some(Ok((answer, _))) => answer,
                Some(Err(fault)) => {
                    notes.push(note(NoteKind::PartMissing, format!("settings of topics: {}", fault.came)));
                    return;
                }
                None => return,
            };
            for told in &answer.results {
                let name = told.resource_name.as_str();
                if told.error_code != 0 {
                    notes.push(refusal(told.error_code, &format!("settings of topic {name} (needs DescribeConfigs)")));
                    continue;
                }
                let Ok(at) = topics.binary_search_by(|topic| topic.name.as_str().cmp(name)) else { continue };
                let value = |key: &str| {
                    told.configs.iter().find(|entry| &*entry.name == key).and_then(|entry| entry.value.as_ref())
                };
                // Kafka writes "no limit" as -1.
                let limit = |key| value(key).and_then(|value| value.parse::<i64>().ok()).filter(|value| *value >= 0);
                topics[at].settings = Some(TopicSettings {
                    cleanup: value(CLEANUP).map_or_else(SmolStr::default, ToSmolStr::to_smolstr),
                    retention: limit(RETENTION_MS).map(|millis| Nanos(millis.saturating_mul(1_000_000))),
                    retention_bytes: limit(RETENTION_BYTES),
                    clock: value(CLOCK).map_or_else(SmolStr::default, ToSmolStr::to_smolstr),
                });
            }
        }
    }

    /// Reads the times of the newest records, also of those behind an open transaction.
    async fn newest(&self, layout: &mut Layout, notes: &mut Vec<Note>) {
        let all = layout.places();
        let missing = self
            .offsets_once(layout, &all, (NEWEST, Isolation::Uncommitted), &mut |partition, found| {
                // No answer is offset -1: the partition is empty.
                partition.newest =
                    (found.offset >= 0 && found.millis >= 0).then(|| Timestamp::from_millis(found.millis));
            })
            .await;
        if missing > 0 {
            let text = format!(
                "the newest record's time is not known for {missing} partitions: their brokers are older than Kafka 3.0, or did not tell"
            );
            notes.push(note(NoteKind::Remark, text));
        }
    }
}

impl Layout {
    /// Says that nothing is visible, which is not that nothing is there: brokers leave out what a user may not describe,
    /// without an error (Kafka 4.3.1).
    pub(super) fn unseen(&self) -> Vec<Note> {
        let text = "no topic is visible to this user".to_owned();
        if self.state.topics.is_empty() { vec![note(NoteKind::NotPermitted, text)] } else { Vec::new() }
    }
}
