//! One question on its way: its budget, the requests made for it, and the brokers that were lost meanwhile.

use super::client::{Kafka, Layout};
use super::wire::{Arrived, Broken, ReadOnly};
use super::words::fault;
use crate::model::{Exchange, Fault, FaultKind, SafeText};
use crate::sources::lease::{Budget, Underway};
use crate::sources::shell::word;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kafka_protocol::messages::MetadataRequest;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::{Duration, Instant, sleep};

/// How long a bootstrap address may be silent before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_secs(1);
/// How long it is taken for granted who leads a partition. One investigation reads many records within seconds; a
/// broker that no longer leads says so, and then it is asked anew.
const ROUTES: Duration = Duration::from_secs(10);

/// A question that is being answered.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) kafka: &'a Kafka,
    budget: &'a Budget,
    made: Mutex<Vec<Exchange>>,
    lost: Mutex<HashMap<String, Fault>>,
    has_refreshed: AtomicBool,
}

/// An answer that is there and not read yet: whoever has more to ask asks first, and reads while the broker is at work.
#[derive(Debug)]
pub(super) struct Waiting<'a, R> {
    question: &'a Question<'a>,
    address: String,
    asked: SafeText,
    underway: Underway,
    arrived: Arrived<R>,
}

impl<R: ReadOnly> Waiting<'_, R> {
    /// Returns the version that was agreed on.
    pub(super) fn version(&self) -> i16 {
        self.arrived.version()
    }

    /// Reads it.
    pub(super) fn read(self) -> Result<R::Response, Fault> {
        let Self { question, address, asked, underway, arrived } = self;
        let bytes = arrived.size;
        match arrived.read() {
            Ok(answer) => {
                question.made.lock().expect("no holder panics").push(underway.done(bytes, 0, SafeText::own("ok")));
                Ok(answer)
            }
            Err(broken) => Err(question.failed(broken, (&address, asked), underway)),
        }
    }
}

impl<'a> Question<'a> {
    pub(super) fn new(kafka: &'a Kafka, budget: &'a Budget) -> Self {
        Self { kafka, budget, made: Mutex::default(), lost: Mutex::default(), has_refreshed: AtomicBool::new(false) }
    }

    /// Returns the requests that were made, in order.
    pub(super) fn into_made(self) -> Vec<Exchange> {
        self.made.into_inner().expect("no holder panics")
    }

    /// Says how many rows the newest request brought.
    pub(super) fn brought(&self, rows: usize) {
        if let Some(last) = self.made.lock().expect("no holder panics").last_mut() {
            last.rows = rows as u64;
            self.budget.log().rows(&last.request, last.rows);
        }
    }

    /// Returns how many of so many records may be kept, and why not all of them.
    pub(super) fn allowed(&self, records: usize) -> (usize, Option<Fault>) {
        let allowed = self.budget.rows(records as u64) as usize;
        (allowed, (allowed < records).then(|| self.budget.spent()))
    }

    /// Makes one request of one broker, under a lease and into the log of exchanges. `shown` is the command by which a
    /// person would read the same. A broker that could not be reached, or was silent, is not waited for again: it costs
    /// a question one wait, not one for each request.
    pub(super) async fn call<R: ReadOnly>(
        &self,
        (address, shown): (&str, String),
        newest: i16,
        build: impl Fn(i16) -> R,
    ) -> Result<(R::Response, i16), Fault> {
        self.call_from((address, shown), (i16::MIN, newest), build).await
    }

    /// Makes a request like [`Self::call`], in a version that is not older than the first one given.
    pub(super) async fn call_from<R: ReadOnly>(
        &self,
        to: (&str, String),
        versions: (i16, i16),
        build: impl Fn(i16) -> R,
    ) -> Result<(R::Response, i16), Fault> {
        let waiting = self.call_unread(to, versions, build).await?;
        let version = waiting.version();
        Ok((waiting.read()?, version))
    }

    /// Makes a request like [`Self::call_from`], and leaves its answer unread.
    pub(super) async fn call_unread<R: ReadOnly>(
        &self,
        (address, shown): (&str, String),
        versions: (i16, i16),
        build: impl Fn(i16) -> R,
    ) -> Result<Waiting<'_, R>, Fault> {
        if let Some(fault) = self.lost.lock().expect("no holder panics").get(address) {
            return Err(fault.clone());
        }
        let lease = self.budget.lease().await?;
        let asked = self.kafka.repeated(&shown);
        let underway = lease.begin(asked.clone());
        let until = lease.deadline().min(Instant::now() + self.patience());
        match self.kafka.connection(address).call(&lease, until, versions, build).await {
            Ok(arrived) => Ok(Waiting { question: self, address: address.to_owned(), asked, underway, arrived }),
            Err(broken) => Err(self.failed(broken, (address, asked), underway)),
        }
    }

    /// Writes down a request that brought nothing.
    fn failed(&self, broken: Broken, (address, asked): (&str, SafeText), underway: Underway) -> Fault {
        self.made.lock().expect("no holder panics").push(underway.done(0, 0, SafeText::new(&broken.came)));
        let is_lost = matches!(broken.kind, FaultKind::Unreachable | FaultKind::TimedOut);
        let fault = fault(self.kafka.advised(broken, address), asked);
        if is_lost {
            self.lost.lock().expect("no holder panics").insert(address.to_owned(), fault.clone());
        }
        fault
    }

    /// How long one broker is waited for: half of what a request may take, so that there is time left for the others.
    fn patience(&self) -> Duration {
        self.budget.limits().request_timeout / if self.kafka.is_alone() { 1 } else { 2 }
    }

    /// Asks the bootstrap addresses for brokers and all topics, one after the other, and takes the first answer. A silent one
    /// holds the next one up by a moment only. Never by name and never with auto-creation, so nothing can come into being by
    /// asking.
    pub(super) async fn layout(&self) -> Result<Layout, Fault> {
        let ask = |address: &'a String| {
            let build = |version| {
                let all = MetadataRequest::default().with_topics(None);
                if version >= 4 { all.with_allow_auto_topic_creation(false) } else { all }
            };
            self.call((address.as_str(), format!("kcat -L -b {}", word(address))), i16::MAX, build)
        };
        let (mut waiting, mut open, mut first) = (self.kafka.bootstrap().iter(), FuturesUnordered::new(), None);
        loop {
            if let Some(next) = waiting.next() {
                open.push(ask(next));
            }
            let answered = tokio::select! {
                biased;
                answered = open.next() => answered,
                () = sleep(HEAD_START), if !waiting.as_slice().is_empty() => continue,
            };
            match answered {
                Some(Ok((answer, _))) => {
                    let layout = Layout::of(&answer);
                    self.kafka.knows(&layout);
                    return Ok(layout);
                }
                Some(Err(fault)) => _ = first.get_or_insert(fault),
                None => {
                    return Err(first.unwrap_or_else(|| {
                        fault(Broken::new(FaultKind::NotConfigured, "no bootstrap address"), SafeText::own("metadata"))
                    }));
                }
            }
        }
    }

    /// Says whether metadata may be read anew; once per question, so that a cluster in trouble is not asked in circles.
    pub(super) fn may_refresh(&self) -> bool {
        !self.has_refreshed.swap(true, Ordering::Relaxed)
    }

    /// Returns who leads what, asked at most once for all questions of a few seconds.
    pub(super) async fn routes(&self) -> Result<Arc<Layout>, Fault> {
        let mut known = self.kafka.routes().lock().await;
        if let Some((_, layout)) = known.as_ref().filter(|(asked, _)| asked.elapsed() < ROUTES) {
            return Ok(Arc::clone(layout));
        }
        let layout = Arc::new(self.layout().await?);
        *known = Some((Instant::now(), Arc::clone(&layout)));
        Ok(layout)
    }

    /// Returns who leads what now: somebody said that what was known of it is out of date.
    pub(super) async fn new_routes(&self) -> Result<Arc<Layout>, Fault> {
        *self.kafka.routes().lock().await = None;
        self.routes().await
    }
}
