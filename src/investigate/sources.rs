//! The sources of one investigation, and the asking of one question.

use crate::config::{Limits, Profile};
use crate::model::{Ask, BreakerState, Fault, FaultKind, Reply, SafeText, SourceKind, Spent, Timestamp};
use crate::sources::breaker::{Breaker, Health};
use crate::sources::jaeger::Jaeger;
use crate::sources::kafka::Kafka;
use crate::sources::lease::{Budget, Purse};
use crate::sources::log::{Log, Requests};
use crate::sources::loki::Loki;
use crate::sources::rest::Rest;
use crate::sources::tempo::Tempo;
use crate::sources::{Sight, Source};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The configured sources, at most one per kind.
#[derive(Clone)]
pub struct SourceSet {
    sources: Vec<Arc<dyn Source>>,
    shared: Arc<Shared>,
}

/// What lives as long as the set and its clones, over all questions.
#[derive(Default)]
struct Shared {
    limits: Mutex<Limits>,
    /// One per kind of source, and so are the turns.
    breakers: [Mutex<Breaker>; SourceKind::ALL.len()],
    turns: Vec<Arc<Semaphore>>,
    log: Arc<Log>,
    /// What the newest question may still cost.
    purse: Mutex<Option<Arc<Purse>>>,
}

/// Fresh budgets, one per kind of source.
pub struct Budgets(Vec<Budget>);

/// A question that a breaker admitted. Whatever becomes of it, the breaker hears of it.
struct Admitted<'a> {
    breaker: &'a Mutex<Breaker>,
    health: Health,
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        // A holder that panicked is no reason to panic once more.
        if let Ok(mut breaker) = self.breaker.lock() {
            breaker.hear(self.health, Instant::now());
        }
    }
}

impl SourceSet {
    /// Opens the sources of a profile. Makes no request.
    pub fn open(profile: &Profile) -> Self {
        let mut sources: Vec<Arc<dyn Source>> = Vec::new();
        if let Some(endpoint) = &profile.jaeger {
            sources.push(Arc::new(Jaeger::new(endpoint)));
        }
        if let Some(endpoint) = &profile.tempo {
            sources.push(Arc::new(Tempo::new(endpoint)));
        }
        if let Some(endpoint) = &profile.loki {
            sources.push(Arc::new(Loki::new(endpoint).within(profile.loki_selector.as_deref())));
        }
        if let Some(endpoint) = &profile.kafka {
            sources.push(Arc::new(Kafka::new(endpoint)));
        }
        if let Some(endpoint) = &profile.kafka_rest {
            sources.push(Arc::new(Rest::new(endpoint).of_cluster(profile.kafka_rest_cluster.as_deref())));
        }
        Self::of(sources, profile.limits.clone())
    }

    /// Returns a set of given sources.
    pub fn of(sources: Vec<Arc<dyn Source>>, limits: Limits) -> Self {
        let turns = |kind| Arc::new(Semaphore::new(limits.of(kind).at_once.max(1)));
        let turns = SourceKind::ALL.into_iter().map(turns).collect();
        Self { sources, shared: Arc::new(Shared { limits: Mutex::new(limits), turns, ..Shared::default() }) }
    }

    /// Keeps only the kinds that are named.
    #[must_use]
    pub fn only(mut self, kinds: &[SourceKind]) -> Self {
        self.sources.retain(|source| kinds.contains(&source.kind()));
        self
    }

    /// Returns the source of a kind, if one is configured.
    pub fn get(&self, kind: SourceKind) -> Option<&Arc<dyn Source>> {
        self.sources.iter().find(|source| source.kind() == kind)
    }

    /// Says whether nothing is configured.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Returns the kinds that are configured, in their fixed order.
    pub fn kinds(&self) -> Vec<SourceKind> {
        SourceKind::ALL.into_iter().filter(|kind| self.get(*kind).is_some()).collect()
    }

    /// Returns the limits of the next question.
    pub fn limits(&self) -> Limits {
        self.shared.limits.lock().expect("no holder panics").clone()
    }

    /// Changes limits as they are typed (`requests=500,loki.bytes=64MiB`); for the newest question they hold at once, but for its
    /// time. Says what is wrong and what to write instead.
    pub fn adjust(&self, text: &str) -> Result<(), (String, String)> {
        let mut limits = self.shared.limits.lock().expect("no holder panics");
        let before = limits.clone();
        limits.adjust(text)?;
        for (turns, kind) in self.shared.turns.iter().zip(SourceKind::ALL) {
            let (was, is) = (before.of(kind).at_once.max(1), limits.of(kind).at_once.max(1));
            turns.add_permits(is.saturating_sub(was));
            turns.forget_permits(was.saturating_sub(is));
        }
        if let Some(purse) = &*self.shared.purse.lock().expect("no holder panics") {
            purse.allow(&limits);
        }
        Ok(())
    }

    /// Returns what the newest question has cost: all together, then each source that is configured.
    pub fn spent(&self) -> Option<(Spent, Vec<(SourceKind, Spent)>)> {
        let purse = self.shared.purse.lock().expect("no holder panics").clone()?;
        Some((purse.all(), self.kinds().into_iter().map(|kind| (kind, purse.of(kind))).collect()))
    }

    /// Returns every request made so far, the newest ones in full.
    pub fn requests(&self) -> Requests {
        self.shared.log.requests()
    }

    /// Returns how many requests were made so far.
    pub fn requests_made(&self) -> u64 {
        self.shared.log.made()
    }

    /// Returns fresh budgets whose clocks start now.
    pub fn budgets(&self, cancel: &CancellationToken) -> Budgets {
        let limits = self.limits();
        let purse = Arc::new(Purse::new(&limits, self.kinds()));
        *self.shared.purse.lock().expect("no holder panics") = Some(Arc::clone(&purse));
        let budget = |(turns, kind): (&Arc<Semaphore>, SourceKind)| {
            let shared = (Arc::clone(turns), Arc::clone(&self.shared.log));
            Budget::within(Arc::clone(&purse), (kind, &limits), shared, cancel.clone())
        };
        Budgets(self.shared.turns.iter().zip(SourceKind::ALL).map(budget).collect())
    }

    /// Asks one question of the first source of its signal. A source that is not configured or panics answers with a fault.
    pub async fn ask(&self, ask: &Ask, budgets: &Budgets) -> Reply {
        let signal = ask.signal();
        let first = self.kinds().into_iter().find(|kind| kind.signal() == signal);
        self.ask_of(first.unwrap_or(signal.usual()), ask, budgets, None).await
    }

    /// Asks one question of one source; `sight` gets the rows of a long answer while it arrives.
    pub async fn ask_of(&self, kind: SourceKind, ask: &Ask, budgets: &Budgets, sight: Option<Sight<'_>>) -> Reply {
        let Some(source) = self.get(kind) else { return Reply::fault(not_configured(kind)) };
        let mut admitted = match self.admit(kind) {
            Ok(admitted) => admitted,
            Err(wait) => return Reply::fault(left_alone(kind, source.address(), wait)),
        };
        let budget = budgets.of(kind);
        let answer = match sight {
            Some(sight) => source.answer_in_sight(ask, budget, sight),
            None => source.answer(ask, budget),
        };
        let reply = match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(reply) => reply,
            Err(belief) => Reply::fault(panicked(kind, belief.as_ref())),
        };
        admitted.health = Health::of_reply(&reply);
        reply
    }

    fn breaker(&self, kind: SourceKind) -> &Mutex<Breaker> {
        &self.shared.breakers[SourceKind::ALL.iter().position(|known| *known == kind).expect("ALL holds every kind")]
    }

    /// Lets a question through, or says how long from now one may be asked.
    fn admit(&self, kind: SourceKind) -> Result<Admitted<'_>, Duration> {
        let breaker = self.breaker(kind);
        breaker.lock().expect("no holder panics").admit(Instant::now())?;
        Ok(Admitted { breaker, health: Health::Unknown })
    }

    /// Returns the state of a source's breaker.
    pub fn breaker_of(&self, kind: SourceKind) -> BreakerState {
        let at = Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX));
        self.breaker(kind).lock().expect("no holder panics").state(Instant::now(), at)
    }

    /// Forgets what failed: the person wants every source to be asked again.
    pub fn try_again(&self) {
        for kind in SourceKind::ALL {
            *self.breaker(kind).lock().expect("no holder panics") = Breaker::default();
        }
    }

    /// Asks a source what it is.
    pub async fn identify(&self, kind: SourceKind, budgets: &Budgets) -> Result<SafeText, Fault> {
        let Some(source) = self.get(kind) else { return Err(not_configured(kind)) };
        let mut admitted = match self.admit(kind) {
            Ok(admitted) => admitted,
            Err(wait) => return Err(left_alone(kind, source.address(), wait)),
        };
        let known = match AssertUnwindSafe(source.identify(budgets.of(kind))).catch_unwind().await {
            Ok(known) => known,
            Err(belief) => Err(panicked(kind, belief.as_ref())),
        };
        admitted.health = Health::of(&known);
        known
    }
}

impl Budgets {
    /// Returns the budget of a kind.
    pub fn of(&self, kind: SourceKind) -> &Budget {
        let place = SourceKind::ALL.iter().position(|known| *known == kind).expect("ALL holds every kind");
        &self.0[place]
    }
}

fn not_configured(source: SourceKind) -> Fault {
    let hint = match source {
        SourceKind::Jaeger => "give --jaeger URL or --tempo URL, or set profile.NAME.jaeger.url or .tempo.url",
        SourceKind::Tempo => "give --tempo URL, or set profile.NAME.tempo.url",
        SourceKind::Loki => "give --loki URL, or set profile.NAME.loki.url",
        SourceKind::Kafka => "give --kafka HOST:PORT or --kafka-rest URL, or set profile.NAME.kafka.bootstrap",
    };
    Fault {
        source,
        kind: FaultKind::NotConfigured,
        asked: SafeText::own("not asked"),
        came: SafeText::own("no address is configured"),
        hint: SafeText::own(hint),
    }
}

fn left_alone(source: SourceKind, asked: SafeText, wait: Duration) -> Fault {
    Fault {
        source,
        kind: FaultKind::Unreachable,
        asked,
        came: format!("not asked: it failed several times in a row and is left alone for {} s", wait.as_secs() + 1)
            .into(),
        hint: SafeText::own(
            "ask again later, or press R in the console to try at once; hopscope doctor looks for the cause",
        ),
    }
}

/// Returns the fault of a source that has a bug.
pub(super) fn panicked(source: SourceKind, belief: &(dyn std::any::Any + Send)) -> Fault {
    let text = belief.downcast_ref::<&str>().copied().or_else(|| belief.downcast_ref::<String>().map(String::as_str));
    Fault {
        source,
        kind: FaultKind::Failed,
        asked: SafeText::own("a question"),
        came: SafeText::new(&format!("a bug in hopscope: {}", text.unwrap_or("no message"))),
        hint: SafeText::own("please report it; the other sources are not affected"),
    }
}
