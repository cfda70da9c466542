//! The engine behind the console: starts questions on the runtime's threads and hands back what is known.

use super::evidence::Keeper;
use crate::investigate::SourceSet;
use crate::investigate::dead::{Wanted, read_dead};
use crate::investigate::doctor::{Checkup, examine};
use crate::investigate::follow::{Asked, blank, follow};
use crate::investigate::{read_now, read_record, tail};
use crate::model::id::Recognised;
use crate::model::record::{RecordRead, RecordWanted};
use crate::model::tail::{Tail, TailWanted};
use crate::model::{Case, Dead, Now, SafeText, Window};
use crate::tui::engine::{Dealings, Engine};
use crate::tui::evidence::Evidence;
use crate::tui::stage::Bell;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The times of the two kinds of questions, as of now.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For a story.
    pub story: Asked,
    /// For the present.
    pub present: Asked,
    /// What the present looks at.
    pub window: Window,
}

/// Starts questions; at most one of each kind is under way, a new one cancels the one before.
pub struct Desk {
    sources: SourceSet,
    threads: Handle,
    times: Box<dyn Fn() -> Times>,
    bell: Bell,
    story: Option<(watch::Receiver<Arc<Case>>, CancellationToken)>,
    present: Option<(watch::Receiver<Option<Arc<Now>>>, CancellationToken)>,
    dead: Option<(watch::Receiver<Option<Arc<Dead>>>, CancellationToken)>,
    record: Option<(watch::Receiver<Option<Arc<RecordRead>>>, CancellationToken)>,
    tail: Option<(watch::Receiver<Option<Arc<Tail>>>, CancellationToken)>,
    keeper: Option<Keeper>,
    checkups: Option<(watch::Receiver<Arc<Vec<Checkup>>>, CancellationToken)>,
}

impl Desk {
    /// Returns a desk that asks these sources and rings `bell` for each answer.
    pub fn new(sources: SourceSet, threads: Handle, times: Box<dyn Fn() -> Times>, bell: Bell) -> Self {
        Self {
            sources,
            threads,
            times,
            bell,
            story: None,
            present: None,
            dead: None,
            record: None,
            tail: None,
            keeper: None,
            checkups: None,
        }
    }

    /// Keeps evidence there.
    #[must_use]
    pub fn keeping(mut self, keeper: Option<Keeper>) -> Self {
        self.keeper = keeper;
        self
    }

    /// Rings for every change, and once more when there will be none.
    fn ring<T: Send + Sync + 'static>(&self, mut seen: watch::Receiver<T>) {
        let bell = Arc::clone(&self.bell);
        self.threads.spawn(async move {
            while seen.changed().await.is_ok() {
                bell();
            }
            bell();
        });
    }
}

impl Engine for Desk {
    fn follow(&mut self, anchor: Recognised) {
        if let Some((_, cancel)) = self.story.take() {
            cancel.cancel();
        }
        let asked = (self.times)().story;
        let (publish, seen) = watch::channel(Arc::new(blank(&self.sources, anchor.clone(), asked)));
        let (sources, cancel) = (self.sources.clone(), CancellationToken::new());
        self.ring(seen.clone());
        self.story = Some((seen, cancel.clone()));
        self.threads.spawn(async move {
            follow(&sources, anchor, asked, &publish, &cancel).await;
        });
    }

    fn try_again(&mut self) {
        self.sources.try_again();
    }

    fn read_now(&mut self) {
        // Whoever reads again wants to know how it is now.
        self.try_again();
        if let Some((_, cancel)) = self.present.take() {
            cancel.cancel();
        }
        let Times { present, window, .. } = (self.times)();
        let (publish, seen) = watch::channel(None);
        let (sources, cancel) = (self.sources.clone(), CancellationToken::new());
        self.ring(seen.clone());
        self.present = Some((seen, cancel.clone()));
        self.threads.spawn(async move {
            read_now(&sources, present.at, window, &cancel, |now| {
                publish.send_replace(Some(Arc::new(now.clone())));
            })
            .await;
        });
    }

    fn read_dead(&mut self) {
        self.sources.try_again();
        if let Some((_, cancel)) = self.dead.take() {
            cancel.cancel();
        }
        let at = (self.times)().present.at;
        let (publish, seen) = watch::channel(None);
        let (sources, cancel) = (self.sources.clone(), CancellationToken::new());
        self.ring(seen.clone());
        self.dead = Some((seen, cancel.clone()));
        self.threads.spawn(async move {
            let wanted = Wanted::default();
            let publish_known = |dead: &Dead| _ = publish.send_replace(Some(Arc::new(dead.clone())));
            let dead = read_dead(&sources, at, &wanted, &cancel, publish_known).await;
            publish.send_replace(Some(Arc::new(dead)));
        });
    }

    fn read_record(&mut self, wanted: RecordWanted) {
        if let Some((_, cancel)) = self.record.take() {
            cancel.cancel();
        }
        let (publish, seen) = watch::channel(None);
        let (sources, cancel) = (self.sources.clone(), CancellationToken::new());
        self.ring(seen.clone());
        self.record = Some((seen, cancel.clone()));
        self.threads.spawn(async move {
            // The console writes times in its own zone; here only a remark holds one.
            let read = read_record(&sources, wanted, &TimeZone::UTC, &cancel).await;
            publish.send_replace(Some(Arc::new(read)));
        });
    }

    fn tail(&mut self, what: &str, wanted: TailWanted) {
        self.end_tail();
        let (publish, seen) = watch::channel(None);
        let (sources, cancel, what) = (self.sources.clone(), CancellationToken::new(), what.to_owned());
        self.ring(seen.clone());
        self.tail = Some((seen, cancel.clone()));
        self.threads.spawn(async move {
            tail::tail(&sources, (&what, &wanted), super::settings::now, &cancel, |tail| {
                publish.send_replace(Some(Arc::new(tail.clone())));
            })
            .await;
        });
    }

    fn end_tail(&mut self) {
        if let Some((_, cancel)) = self.tail.take() {
            cancel.cancel();
        }
    }

    fn tailed(&self) -> Option<Arc<Tail>> {
        self.tail.as_ref().and_then(|(seen, _)| seen.borrow().clone())
    }

    fn keep(&mut self, evidence: &Evidence) -> Result<(), SafeText> {
        self.keeper.as_ref().map_or(Ok(()), |keeper| keeper.keep(evidence).map_err(SafeText::from))
    }

    fn examine(&mut self) {
        self.sources.try_again();
        if let Some((_, cancel)) = self.checkups.take() {
            cancel.cancel();
        }
        let (publish, seen) = watch::channel(Arc::default());
        let (sources, cancel) = (self.sources.clone(), CancellationToken::new());
        self.ring(seen.clone());
        self.checkups = Some((seen, cancel.clone()));
        self.threads.spawn(async move {
            publish.send_replace(Arc::new(examine(&sources, &cancel).await));
        });
    }

    fn is_examining(&self) -> bool {
        self.checkups.as_ref().is_some_and(|(seen, _)| seen.has_changed().is_ok())
    }

    fn adjust(&mut self, limits: &str) -> Result<(), (SafeText, SafeText)> {
        self.sources.adjust(limits).map_err(|(what, fix)| (what.into(), fix.into()))
    }

    fn dealings(&self) -> Dealings {
        let (all, each) = self.sources.spent().map_or((None, Vec::new()), |(all, each)| (Some(all), each));
        let each = each.into_iter().map(|(source, spent)| (source, spent, self.sources.breaker_of(source))).collect();
        let checkups = self.checkups.as_ref().map(|(seen, _)| seen.borrow().clone()).unwrap_or_default();
        Dealings { all, each, requests: self.sources.requests(), checkups, is_examining: self.is_examining() }
    }

    fn cancel(&mut self) {
        let story = self.story.iter().map(|(_, cancel)| cancel);
        let present = self.present.iter().map(|(_, cancel)| cancel);
        let dead = self.dead.iter().map(|(_, cancel)| cancel);
        let record = self.record.iter().map(|(_, cancel)| cancel);
        for cancel in
            story.chain(present).chain(dead).chain(record).chain(self.checkups.iter().map(|(_, cancel)| cancel))
        {
            cancel.cancel();
        }
    }

    fn story(&self) -> Option<Arc<Case>> {
        self.story.as_ref().map(|(seen, _)| seen.borrow().clone())
    }

    fn present(&self) -> Option<Arc<Now>> {
        self.present.as_ref().and_then(|(seen, _)| seen.borrow().clone())
    }

    fn record(&self) -> Option<Arc<RecordRead>> {
        self.record.as_ref().and_then(|(seen, _)| seen.borrow().clone())
    }

    fn is_reading_record(&self) -> bool {
        self.record.as_ref().is_some_and(|(seen, _)| seen.has_changed().is_ok())
    }

    fn dead(&self) -> Option<Arc<Dead>> {
        self.dead.as_ref().and_then(|(seen, _)| seen.borrow().clone())
    }

    fn is_reading_dead(&self) -> bool {
        self.dead.as_ref().is_some_and(|(seen, _)| seen.has_changed().is_ok())
    }

    fn is_following(&self) -> bool {
        // A channel without a sender has told everything.
        self.story.as_ref().is_some_and(|(seen, _)| seen.has_changed().is_ok())
    }

    fn is_reading(&self) -> bool {
        self.present.as_ref().is_some_and(|(seen, _)| seen.has_changed().is_ok())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.end_tail();
        Engine::cancel(self);
    }
}
