//! The engine behind the console: starts questions on the runtime's threads and hands back what can be watched.

use crate::investigate::SourceSet;
use crate::investigate::follow::{Asked, blank, follow};
use crate::investigate::read_now;
use crate::model::id::Recognised;
use crate::model::{Case, Now, Window};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Starts questions; at most one of each kind is under way, a new one cancels the one before.
pub struct Desk {
    sources: SourceSet,
    threads: Handle,
    story: CancellationToken,
    present: CancellationToken,
}

impl Desk {
    /// Returns a desk that asks these sources.
    pub fn new(sources: SourceSet, threads: Handle) -> Self {
        Self { sources, threads, story: CancellationToken::new(), present: CancellationToken::new() }
    }

    /// Starts to follow an identity. The first value is the case before anything was asked.
    pub fn follow(&mut self, anchor: Recognised, asked: Asked) -> watch::Receiver<Arc<Case>> {
        self.story.cancel();
        self.story = CancellationToken::new();
        let (publish, seen) = watch::channel(Arc::new(blank(&self.sources, anchor.clone(), asked)));
        let (sources, cancel) = (self.sources.clone(), self.story.clone());
        self.threads.spawn(async move {
            follow(&sources, anchor, asked, &publish, &cancel).await;
        });
        seen
    }

    /// Starts to read the present; nothing is there until the first lamp is known.
    pub fn now(&mut self, asked: Asked, window: Window) -> watch::Receiver<Option<Arc<Now>>> {
        self.present.cancel();
        self.present = CancellationToken::new();
        let (publish, seen) = watch::channel(None);
        let (sources, cancel) = (self.sources.clone(), self.present.clone());
        self.threads.spawn(async move {
            read_now(&sources, asked.at, window, &cancel, |now| {
                publish.send_replace(Some(Arc::new(now.clone())));
            })
            .await;
        });
        seen
    }

    /// Cancels what is under way; what is known so far is published.
    pub fn cancel(&self) {
        self.story.cancel();
        self.present.cancel();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.cancel();
    }
}
