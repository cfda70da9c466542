//! An embedded Tempo: reading by id in both versions of the route, TraceQL over attributes and status, lists of values,
//! with the habits of three releases. Shapes are from Tempo's documents and source, not from a running server.

mod json;
mod traceql;

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Method;
use serde_json::{Value as Json, json};

use super::http::{Answer, Asked, Respond};
use super::jaeger::search::{self, parse_id};
use super::stage::Stage;
use crate::world::World;
use crate::world::project::Span;
use crate::world::project::spans::View;
use crate::world::truth::TraceId;

/// Releases whose habits can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// No second version of reading by id.
    V2_4,
    /// Both versions.
    V2_8,
    /// Leaves the newest 30 s out of a search.
    V3_0,
}

impl Release {
    /// The version as the server tells it.
    pub fn version(self) -> &'static str {
        match self {
            Self::V2_4 => "2.4.1",
            Self::V2_8 => "2.8.2",
            Self::V3_0 => "v3.0.3",
        }
    }
}

/// What Tempo allows and wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    /// Longest range of one search in hours.
    pub longest_h: u64,
    /// More spans than this are not given out whole.
    pub most_spans: usize,
}

impl Default for Habits {
    fn default() -> Self {
        Self { longest_h: 168, most_spans: usize::MAX }
    }
}

/// Most traces of one search.
const MOST: usize = 262_144;
const S: u64 = 1_000_000_000;

/// The function that answers requests to Tempo.
pub fn respond(stage: Arc<Stage>, release: Release, habits: Habits) -> Respond {
    Arc::new(move |asked| stage.look(|world| route(world, release, habits, asked)))
}

fn route(world: &World, release: Release, habits: Habits, asked: &Asked) -> Answer {
    let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    if asked.method != Method::GET {
        return Answer::text(405, "");
    }
    match segments.as_slice() {
        ["api", "echo"] => Answer::text(200, "echo"),
        ["ready"] => Answer::text(200, "ready\n"),
        ["api", "status", "buildinfo"] => {
            Answer::json(&json!({"version": release.version(), "revision": "", "branch": "", "goVersion": "go1.25"}))
        }
        ["api", "v2", "traces", id] if release > Release::V2_4 => trace(world, habits, id, true),
        ["api", "traces", id] => trace(world, habits, id, false),
        ["api", "search"] => find(world, release, habits, asked),
        ["api", "search", "tag", "service.name", "values"] => {
            Answer::json(&json!({"tagValues": search::services(world), "metrics": {}}))
        }
        ["api", "v2", "search", "tag", "resource.service.name", "values"] => {
            let values: Vec<Json> =
                search::services(world).iter().map(|name| json!({"type": "string", "value": name})).collect();
            Answer::json(&json!({"tagValues": values, "metrics": {}}))
        }
        _ => Answer::text(404, "404 page not found\n"),
    }
}

fn trace(world: &World, habits: Habits, id: &str, is_second: bool) -> Answer {
    let Some(trace_id) = parse_id(id) else { return Answer::text(400, "trace IDs can only contain hex characters\n") };
    let mut spans = search::trace(world, trace_id);
    let is_large = spans.len() > habits.most_spans;
    if !is_second {
        return match (spans.is_empty(), is_large) {
            (true, _) => Answer::text(404, ""),
            (_, true) => Answer::text(422, "trace exceeds max size (max bytes: 5000000)\n"),
            _ => Answer::json(&json!({"batches": json::batches(&spans)})),
        };
    }
    if spans.is_empty() {
        return Answer::json(&json!({"trace": {}, "metrics": {}}));
    }
    if !is_large {
        return Answer::json(&json!({"trace": {"resourceSpans": json::batches(&spans)}, "metrics": {}}));
    }
    spans.truncate(habits.most_spans);
    Answer::json(&json!({
        "trace": {"resourceSpans": json::batches(&spans)},
        "metrics": {},
        "status": "PARTIAL",
        "message": "Trace exceeds maximum size of 5000000 bytes, a partial trace is returned",
    }))
}

fn find(world: &World, release: Release, habits: Habits, asked: &Asked) -> Answer {
    let number = |name: &str| asked.any_of(&[name]).map(str::parse::<u64>).transpose();
    let (Ok(start), Ok(end), Ok(limit)) = (number("start"), number("end"), number("limit")) else {
        return Answer::text(400, "invalid start, end or limit\n");
    };
    let now_s = world.now_ns() / S;
    // Without times only what the ingesters hold is searched.
    let (start, end) = (start.unwrap_or(now_s.saturating_sub(1_800)), end.unwrap_or(now_s + 1));
    if start >= end {
        return Answer::text(400, "invalid start: start must be before end\n");
    }
    if end - start > habits.longest_h * 3_600 {
        let words = format!(
            "range specified by start and end exceeds {}h0m0s. received start={start} end={end}\n",
            habits.longest_h
        );
        return Answer::text(400, words);
    }
    let limit = limit.unwrap_or(20) as usize;
    if limit == 0 || limit > MOST {
        return Answer::text(400, format!("limit {limit} exceeds max limit {MOST}\n"));
    }
    let text = asked.any_of(&["q"]).unwrap_or("{}");
    let query = match traceql::parse(text) {
        Ok(query) => query,
        Err(why) => return Answer::text(400, format!("invalid TraceQL query: {why}\n")),
    };
    let cutoff_s = if release >= Release::V3_0 { now_s.saturating_sub(30) } else { u64::MAX };
    let (start_ns, end_ns) = (start * S, end.min(cutoff_s).saturating_mul(S));
    let mut found = Vec::new();
    // The first that are found: here the oldest.
    for journey in world.journeys().filter(|journey| journey.touches(start_ns, end_ns)) {
        let view = View { scenario: world.scenario(), queue: world.queue(), journey };
        let mut traces: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
        for span in view.spans(world.now_ns()) {
            traces.entry(span.trace_id).or_default().push(span);
        }
        for spans in traces.into_values() {
            let hit = |span: &&Span| (start_ns..end_ns).contains(&span.start_ns) && query.fits(span);
            let matched: Vec<&Span> = spans.iter().filter(hit).collect();
            if !matched.is_empty() && found.len() < limit {
                found.push(json::summary(&spans, &matched));
            }
        }
    }
    Answer::json(&json!({"traces": found, "metrics": {"completedJobs": 1, "totalJobs": 1}}))
}
