//! One identity's story: a hunt driven to its end, judged on the way.

use super::run::{Rounds, drive};
use super::sources::SourceSet;
use crate::correlate::hunt::{Hunt, Settings, Step};
use crate::diagnose;
use crate::model::id::Recognised;
use crate::model::{Case, Nanos, Query, Reply, Rows, Timestamp, Window};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The time of a question.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When it is asked.
    pub at: Timestamp,
    /// The time searched, when the person said so.
    pub window: Option<Window>,
    /// How far back to search while nothing is known.
    pub since: Nanos,
}

/// Follows `anchor` across the sources. Snapshots go to `publish`; the finished case is returned.
pub async fn follow(
    sources: &SourceSet,
    anchor: Recognised,
    asked: Asked,
    publish: &watch::Sender<Arc<Case>>,
    cancel: &CancellationToken,
) -> Case {
    let settings = Settings { window: asked.window, since: asked.since, ..Settings::new(asked.at, sources.kinds()) };
    drive(sources, &mut Hunt::new(anchor, settings), publish, cancel).await
}

/// Returns what is known before anything was asked.
pub fn blank(sources: &SourceSet, anchor: Recognised, asked: Asked) -> Case {
    let settings = Settings { window: asked.window, since: asked.since, ..Settings::new(asked.at, sources.kinds()) };
    Hunt::new(anchor, settings).case()
}

impl Rounds for Hunt {
    fn round(&mut self) -> Vec<Query> {
        match self.next() {
            Step::Ask(queries) => queries,
            Step::Done => Vec::new(),
        }
    }

    fn glimpse(&mut self, number: u32, rows: Rows) {
        Self::glimpse(self, number, rows);
    }

    fn take(&mut self, number: u32, reply: Reply) {
        self.absorb(number, reply);
    }

    fn known(&mut self) -> Case {
        let mut case = self.case();
        case.verdicts = diagnose::run(&case);
        case
    }
}
