//! What a REST proxy tells about itself when it is examined.

use super::client::Rest;
use crate::model::ask::NoteKind;
use crate::model::{Ask, Rows};
use crate::sources::Source;
use crate::sources::checkup::Step;
use crate::sources::lease::Budget;

impl Rest {
    /// Asks for the cluster, its topics, its groups and their lag: all that is ever asked of it.
    pub(super) async fn steps(&self, budget: &Budget) -> Vec<Step> {
        let mut steps = vec![Step::ok(
            "capabilities",
            "groups, lag and topics; no records, no starts of logs: use --kafka HOST:PORT for those",
        )];
        steps.push(match self.answer(&Ask::Queues, budget).await.outcome {
            Err(fault) => Step::failed("permissions", &fault),
            Ok(answer) => {
                let Rows::Queues(state) = &answer.rows else { return steps };
                let told = state.groups.iter().filter(|group| group.fault.is_none()).count();
                let (topics, groups) = (state.topics.len(), state.groups.len());
                let seen = format!("{topics} topics and {groups} groups are visible; the lag of {told} is told");
                let note = answer.notes.iter().find(|note| note.kind != NoteKind::Remark);
                match note {
                    Some(note) => Step::warn(
                        "permissions",
                        format!("{seen}; {}", note.text),
                        "grant Describe on topics and groups to the user of the proxy, or use --kafka HOST:PORT",
                    ),
                    None if groups == 0 => {
                        let to_do = "grant Describe on groups to the user of the proxy, or there are none";
                        Step::warn("permissions", seen, to_do)
                    }
                    None => Step::ok("permissions", seen),
                }
            }
        });
        steps.push(Step::not_tried("limits", "the proxy tells none; lag takes a request for each group"));
        steps
    }
}
