//! An embedded Loki: the query API over the world's log lines, with the habits of two release lines.

pub mod answer;
pub mod logql;
pub mod query;
pub mod scan;

use std::sync::Arc;

use hyper::Method;
use serde_json::json;

use super::http::{Answer, Asked, Respond};
use super::stage::Stage;
use crate::world::World;

/// Release lines whose habits can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 2.2: no structured metadata, no `buildinfo`, no index routes, no chained `or`, encoding flags ignored.
    V2,
    /// 3.7: structured metadata, categorised labels, `service_name` on every stream.
    V3,
}

/// The function that answers requests to Loki.
pub fn respond(stage: Arc<Stage>, release: Release) -> Respond {
    Arc::new(move |asked| stage.look(|world| route(world, release, asked)))
}

fn route(world: &World, release: Release, asked: &Asked) -> Answer {
    if asked.method != Method::GET && asked.method != Method::POST {
        return Answer::text(405, "");
    }
    let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    let newer = release == Release::V3;
    let answer = match segments.as_slice() {
        ["ready"] => Ok(Answer::text(200, "ready\n")),
        ["loki", "api", "v1", "query_range"] => query::range(world, release, asked),
        ["loki", "api", "v1", "query"] => query::instant(world, release, asked),
        ["loki", "api", "v1", "labels" | "label"] => query::labels(world, release),
        ["loki", "api", "v1", "label", name, "values"] => query::label_values(world, release, name),
        ["loki", "api", "v1", "series"] => query::series(world, release, asked),
        ["loki", "api", "v1", "index", "stats"] if newer => query::stats(world, release, asked),
        ["loki", "api", "v1", "status", "buildinfo"] if newer => Ok(Answer::json(&json!({
            "version": "3.7.6", "revision": "", "branch": "HEAD", "buildUser": "", "buildDate": "", "goVersion": "go1.26",
        }))),
        _ => Ok(Answer::text(404, "404 page not found\n")),
    };
    answer.unwrap_or_else(|message| Answer::text(400, message))
}
