//! The state of all queues, put together from what each broker says.

use super::question::Question;
use super::words::note;
use crate::model::ask::NoteKind;
use crate::model::{Answer, Fault, Rows};
use futures_util::future::join_all;

impl Question<'_> {
    /// Returns topics with their offsets.
    pub(super) async fn topics(&self) -> Result<Answer, Fault> {
        let mut layout = self.layout().await?;
        let mut notes = Vec::new();
        self.offsets(&mut layout, &mut notes).await;
        Ok(Answer { rows: Rows::Queues(Box::new(layout.state)), notes })
    }

    /// Returns topics, groups, members and committed offsets. Committed offsets are read before the logs' ends, since the
    /// replies are apart in time and a lag must not come out negative.
    pub(super) async fn queues(&self) -> Result<Answer, Fault> {
        let mut layout = self.layout().await?;
        let mut notes = Vec::new();
        let brokers: Vec<(i32, String)> =
            layout.state.brokers.iter().map(|broker| (broker.node, broker.address.to_string())).collect();
        let per_broker = join_all(brokers.iter().map(|(_, address)| self.groups_of(address))).await;
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
        self.offsets(&mut layout, &mut notes).await;
        Ok(Answer { rows: Rows::Queues(Box::new(layout.state)), notes })
    }
}
