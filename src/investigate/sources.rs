//! The sources of one investigation, and the asking of one question.

use crate::config::{Limits, Profile};
use crate::model::{Ask, Fault, FaultKind, Reply, SafeText, SourceKind};
use crate::sources::breaker::{Breaker, Health};
use crate::sources::jaeger::Jaeger;
use crate::sources::kafka::Kafka;
use crate::sources::lease::Budget;
use crate::sources::loki::Loki;
use crate::sources::{Sight, Source};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The configured sources, at most one per kind.
#[derive(Clone, Default)]
pub struct SourceSet {
    sources: Vec<Arc<dyn Source>>,
    limits: Limits,
    /// One per kind of source; they live as long as the set and its clones.
    breakers: Arc<[Mutex<Breaker>; SourceKind::ALL.len()]>,
}

/// Fresh budgets, one per kind of source.
pub struct Budgets(Vec<Budget>);

impl SourceSet {
    /// Opens the sources of a profile. Makes no request.
    pub fn open(profile: &Profile) -> Self {
        let mut sources: Vec<Arc<dyn Source>> = Vec::new();
        if let Some(endpoint) = &profile.jaeger {
            sources.push(Arc::new(Jaeger::new(endpoint)));
        }
        if let Some(endpoint) = &profile.loki {
            sources.push(Arc::new(Loki::new(endpoint).within(profile.loki_selector.as_deref())));
        }
        if let Some(endpoint) = &profile.kafka {
            sources.push(Arc::new(Kafka::new(endpoint)));
        }
        Self::of(sources, profile.limits.clone())
    }

    /// Returns a set of given sources.
    pub fn of(sources: Vec<Arc<dyn Source>>, limits: Limits) -> Self {
        Self { sources, limits, breakers: Arc::default() }
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

    /// Returns the limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns fresh budgets whose clocks start now.
    pub fn budgets(&self, cancel: &CancellationToken) -> Budgets {
        Budgets(SourceKind::ALL.into_iter().map(|kind| Budget::new(kind, &self.limits, cancel.clone())).collect())
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
        if let Err(wait) = self.breaker(kind).admit(Instant::now()) {
            return Reply::fault(left_alone(kind, source.address(), wait));
        }
        let budget = budgets.of(kind);
        let answer = match sight {
            Some(sight) => source.answer_in_sight(ask, budget, sight),
            None => source.answer(ask, budget),
        };
        let reply = match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(reply) => reply,
            Err(belief) => Reply::fault(panicked(kind, belief.as_ref())),
        };
        self.breaker(kind).hear(Health::of_reply(&reply), Instant::now());
        reply
    }

    fn breaker(&self, kind: SourceKind) -> MutexGuard<'_, Breaker> {
        let place = SourceKind::ALL.iter().position(|known| *known == kind).expect("ALL holds every kind");
        self.breakers[place].lock().expect("no holder panics")
    }

    /// Forgets what failed: the person wants every source to be asked again.
    pub fn try_again(&self) {
        for kind in SourceKind::ALL {
            *self.breaker(kind) = Breaker::default();
        }
    }

    /// Asks a source what it is.
    pub async fn identify(&self, kind: SourceKind, budgets: &Budgets) -> Result<SafeText, Fault> {
        let Some(source) = self.get(kind) else { return Err(not_configured(kind)) };
        if let Err(wait) = self.breaker(kind).admit(Instant::now()) {
            return Err(left_alone(kind, source.address(), wait));
        }
        let known = match AssertUnwindSafe(source.identify(budgets.of(kind))).catch_unwind().await {
            Ok(known) => known,
            Err(belief) => Err(panicked(kind, belief.as_ref())),
        };
        self.breaker(kind).hear(Health::of(&known), Instant::now());
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
        SourceKind::Kafka => "give --kafka HOST:PORT, or set profile.NAME.kafka.bootstrap",
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

fn panicked(source: SourceKind, belief: &(dyn std::any::Any + Send)) -> Fault {
    let text = belief.downcast_ref::<&str>().copied().or_else(|| belief.downcast_ref::<String>().map(String::as_str));
    Fault {
        source,
        kind: FaultKind::Failed,
        asked: SafeText::own("a question"),
        came: SafeText::new(&format!("a bug in hopscope: {}", text.unwrap_or("no message"))),
        hint: SafeText::own("please report it; the other sources are not affected"),
    }
}
