//! How sources are treated: budgets, tries, the log of requests with the commands that repeat them, and cancelling.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod cancel;
mod exits;
mod repeat;
pub(crate) mod server;
mod spend;
mod tries;

use hopscope::config::{HttpEndpoint, Limits, keys};
use hopscope::model::SourceKind;
use hopscope::sources::http::{Fetched, Http};
use hopscope::sources::lease::Budget;
use hopscope::sources::log::Requests;
use std::future::Future;
use tokio_util::sync::CancellationToken;

fn run<T>(work: impl Future<Output = T>) -> T {
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(work)
}

/// Gets a path, and returns what came, its body and what the log holds.
fn get(url: &str, limits: &Limits) -> (Fetched, String, Requests) {
    let endpoint = HttpEndpoint::new(keys::url(url).unwrap());
    let budget = Budget::new(SourceKind::Loki, limits, CancellationToken::new());
    let mut body = Vec::new();
    let http = Http::new(&endpoint, SourceKind::Loki);
    let fetched = run(http.get(&budget, "/path", &[], &[], &mut body));
    (fetched, String::from_utf8(body).unwrap(), budget.log().requests())
}
