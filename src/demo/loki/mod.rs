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

/// What one Loki allows and wants beside its release.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Most entries of one answer.
    pub most_entries: u64,
    /// Longest range of one query, in hours.
    pub longest_h: Option<u64>,
    /// How far back queries reach, in hours; what is older is left out without a word.
    pub lookback_h: Option<u64>,
    /// Tenants, among which the services are dealt out in turn. Empty: no tenant is asked for.
    pub tenants: Vec<String>,
    /// Label that every selector must name.
    pub required: Option<String>,
    /// Whether it tells its limits when asked.
    pub tells_limits: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            most_entries: 5_000,
            longest_h: None,
            lookback_h: None,
            tenants: Vec::new(),
            required: None,
            tells_limits: true,
        }
    }
}

/// How one request sees the server.
#[derive(Debug)]
pub struct View<'a> {
    /// Release.
    pub release: Release,
    /// Habits.
    pub habits: &'a Habits,
    /// Tenants that the request names.
    pub tenants: Vec<String>,
}

/// The function that answers requests to Loki.
pub fn respond(stage: Arc<Stage>, release: Release, habits: Habits) -> Respond {
    Arc::new(move |asked| stage.look(|world| route(world, release, &habits, asked)))
}

fn route(world: &World, release: Release, habits: &Habits, asked: &Asked) -> Answer {
    if asked.method != Method::GET && asked.method != Method::POST {
        return Answer::text(405, "");
    }
    if world.scenario().stores.forbidden.iter().any(|store| store == "loki") {
        return Answer::text(403, "permission denied\n");
    }
    let named = asked.headers.get("x-scope-orgid").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tenants: Vec<String> = named.split('|').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if !habits.tenants.is_empty() && tenants.is_empty() && asked.segments != ["ready"] {
        return Answer::text(401, "no org id\n");
    }
    let view = &View { release, habits, tenants };
    let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    let newer = release == Release::V3;
    let answer = match segments.as_slice() {
        ["ready"] => Ok(Answer::text(200, "ready\n")),
        ["loki", "api", "v1", "query_range"] => query::range(world, view, asked),
        ["loki", "api", "v1", "query"] => query::instant(world, view, asked),
        ["loki", "api", "v1", "labels" | "label"] => query::labels(world, view),
        ["loki", "api", "v1", "label", name, "values"] => query::label_values(world, view, name),
        ["loki", "api", "v1", "series"] => query::series(world, view, asked),
        ["loki", "api", "v1", "index", "stats"] if newer => query::stats(world, view, asked),
        ["loki", "api", "v1", "drilldown-limits"] if newer && habits.tells_limits => Ok(query::limits(view)),
        ["loki", "api", "v1", "status", "buildinfo"] if newer => Ok(Answer::json(&json!({
            "version": "3.7.6", "revision": "", "branch": "HEAD", "buildUser": "", "buildDate": "", "goVersion": "go1.26",
        }))),
        _ => Ok(Answer::text(404, "404 page not found\n")),
    };
    answer.unwrap_or_else(|message| Answer::text(400, message))
}
