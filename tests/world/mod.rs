//! The world model and the embedded endpoints, checked without any of the client's code.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod jaeger;
mod kafka;
mod loki;
mod projections;
mod records;
mod scenario;
mod truth;

use hopscope::demo::{self, Clock, Options, Running};
use hopscope::world::{Scenario, World};

/// An instant for worlds to begin, nanoseconds since the Unix epoch.
const BEGAN_NS: u64 = 1_795_000_000_000_000_000;
const S: u64 = 1_000_000_000;

/// The built-in incident after so many seconds.
fn after(seconds: u64) -> World {
    let mut world = World::new(Scenario::checkout(), BEGAN_NS);
    world.until(BEGAN_NS + seconds * S);
    world
}

/// The built-in incident on loopback, forty minutes old, with time standing still.
async fn served(change: impl FnOnce(&mut Options)) -> Running {
    let mut options = Options { clock: Clock::stopped_at(BEGAN_NS + 2_400 * S), ..Options::default() };
    change(&mut options);
    demo::start(Scenario::checkout(), options).await.unwrap()
}

/// The id of the example with this label.
fn example(running: &Running, label: &str) -> String {
    running.examples.iter().find(|example| example.label == label).unwrap().id.to_string()
}

fn client() -> reqwest::Client {
    // Another test may have installed it already.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Status, content type and body of a GET.
async fn get(url: &str, parameters: &[(&str, &str)]) -> (u16, String, String) {
    let answer = client().get(url).query(parameters).send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (status, kind, answer.text().await.unwrap())
}

/// The body of a GET that must succeed with JSON.
async fn json(url: &str, parameters: &[(&str, &str)]) -> serde_json::Value {
    let (status, _, body) = get(url, parameters).await;
    assert_eq!(status, 200, "{url} {parameters:?}: {body}");
    serde_json::from_str(&body).unwrap()
}
