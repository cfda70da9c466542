//! The state of all queues, put together from what each broker says.

use super::question::Question;
use super::words::note;
use crate::model::ask::NoteKind;
use crate::model::{Answer, Fault, Rows};
use futures_util::future::join3;
use tokio::sync::mpsc;

impl Question<'_> {
    /// Returns topics, groups, members and committed offsets. Committed offsets are read before the logs' ends, since the
    /// replies are apart in time and a lag must not come out negative. Where the logs begin is asked beside the groups.
    pub(super) async fn queues(&self) -> Result<Answer, Fault> {
        let mut layout = self.layout().await?;
        let mut notes = layout.unseen();
        let known = layout.clone();
        let (hold, mut freed) = mpsc::channel(1);
        let ends = async {
            // Nothing is ever sent: this waits until nobody holds it.
            freed.recv().await;
            self.ends(&known).await
        };
        let groups = self.groups(&mut layout, &mut notes, hold);
        let (has_moved, starts, mut ends) = join3(groups, self.starts(&known), ends).await;
        if has_moved {
            // Some places were read after them.
            ends = self.ends(&known).await;
        }
        if layout.state.brokers.is_empty() {
            // A broker that cannot reach the controllers names no broker any more, itself included.
            let text = "the cluster names no broker that serves; it may have lost its quorum; ask again".to_owned();
            notes.push(note(NoteKind::PartMissing, text));
        } else if layout.state.groups.is_empty() && notes.is_empty() {
            // Brokers leave out what a user may not describe, without an error (Kafka 4.3.1).
            notes.push(note(NoteKind::Remark, "no consumer group is visible to this user".to_owned()));
        }
        self.offsets_from(starts, ends, &mut layout, &mut notes).await;
        self.transactions(&mut layout, &mut notes).await;
        notes.sort_by(|a, b| (a.kind, &a.text).cmp(&(b.kind, &b.text)));
        notes.dedup();
        Ok(Answer { rows: Rows::Queues(Box::new(layout.state)), notes })
    }
}
