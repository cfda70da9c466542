//! Talks to Jaeger, Loki and Kafka: one folder per kind, each turning an [`Ask`] into requests and replies into rows.
//!
//! Owns connections, dialects, paging, retries, time-outs, caps and the words for every failure. It must not know what
//! rows mean: no grouping, no verdicts, no joining. Each request needs a [`lease::Lease`], which only a
//! [`lease::Budget`] gives. Only reads exist here: HTTP GET (and POST on Loki's query paths), and those Kafka requests
//! for which the private trait in `kafka` is implemented.
//!
//! A source never fails as a whole: a fault or a note says what is missing, the rest is returned. Parsing is for
//! `decode`, which sources feed while bytes arrive. To add a kind: a folder, and a line in `SourceSet::open` of `investigate`; copy `jaeger`.

pub mod breaker;
pub mod checkup;
pub mod http;
pub mod jaeger;
pub mod kafka;
pub mod lease;
pub mod log;
pub mod loki;
pub mod rest;
pub mod secret;
pub mod shell;
pub mod tempo;
pub mod tls;
mod traces;

use crate::model::{Ask, Fault, Nanos, Reply, Rows, SafeText, SourceKind};
use checkup::{Step, WayIn};
use futures_util::future::BoxFuture;
use lease::Budget;

/// Takes the rows of an answer that is still arriving.
pub type Sight<'a> = &'a (dyn Fn(Rows) + Send + Sync);

/// One configured source.
pub trait Source: Send + Sync {
    /// Returns its kind.
    fn kind(&self) -> SourceKind;

    /// Returns where it is, without credentials.
    fn address(&self) -> SafeText;

    /// Answers a question. Never panics and never waits longer than the budget's time-outs. A question of another kind
    /// of source is a bug.
    fn answer<'a>(&'a self, ask: &'a Ask, budget: &'a Budget) -> BoxFuture<'a, Reply>;

    /// Answers like [`Source::answer`], and shows rows on the way where an answer can be long: each look holds all rows so
    /// far, the reply holds them once more. There are few looks, at sizes that grow by a factor.
    fn answer_in_sight<'a>(&'a self, ask: &'a Ask, budget: &'a Budget, _sight: Sight<'a>) -> BoxFuture<'a, Reply> {
        self.answer(ask, budget)
    }

    /// Returns how far the source's clock is ahead of ours, as far as an answer so far told it.
    fn clock_offset(&self) -> Option<Nanos> {
        None
    }

    /// Returns the way in: places, TLS, login.
    fn way_in(&self) -> WayIn {
        WayIn::to(self.address().as_str())
    }

    /// Examines what only this kind of source can tell: steps of [`checkup::STEPS`] from `capabilities` on, and more of the ones
    /// before. What is left out is told by those who call. Never waits longer than the budget's time-outs.
    fn examine<'a>(&'a self, _budget: &'a Budget) -> BoxFuture<'a, Vec<Step>> {
        Box::pin(async { Vec::new() })
    }

    /// Returns what the source turned out to be, for its lamp: dialect, version, brokers. May make requests the first
    /// time; later calls return what is known.
    fn identify<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>>;
}
