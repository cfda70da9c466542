//! An embedded Jaeger query server: the internal JSON dialect and API v3, with the habits of three releases.

pub mod internal;
pub mod search;
pub mod v3;

use std::sync::Arc;

use hyper::Method;
use serde_json::json;

use super::http::{Answer, Asked, Respond};
use super::stage::Stage;

/// Releases whose habits can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// No trace summaries, v3 ignores attributes and camelCase, unknown routes are index.html with status 200.
    V2_13,
    /// Both dialects in full.
    V2_19,
    /// The internal search routes are gone.
    V2_21,
}

impl Release {
    /// The version as the start page tells it.
    pub fn version(self) -> &'static str {
        match self {
            Self::V2_13 => "v2.13.0",
            Self::V2_19 => "v2.19.0",
            Self::V2_21 => "v2.21.0",
        }
    }
}

/// The function that answers requests to Jaeger.
pub fn respond(stage: Arc<Stage>, release: Release) -> Respond {
    Arc::new(move |asked| stage.look(|world| route(world, release, asked)))
}

fn route(world: &crate::world::World, release: Release, asked: &Asked) -> Answer {
    let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    if world.scenario().stores.forbidden.iter().any(|store| store == "jaeger") {
        return Answer::text(403, "Forbidden\n");
    }
    if asked.method != Method::GET {
        return unknown(release, &segments);
    }
    let searches = release < Release::V2_21;
    match segments.as_slice() {
        ["api", "services"] if searches => internal::services(world),
        ["api", "operations"] if searches => internal::operations(world, asked),
        ["api", "services", service, "operations"] if searches => internal::operation_names(world, service),
        ["api", "traces"] if searches => internal::search(world, release, asked),
        ["api", "traces", id] => internal::trace(world, release, id, asked),
        ["api", "dependencies"] => internal::dependencies(world, asked),
        ["api", "metrics", "latencies" | "calls" | "errors"] => Answer::text(
            501,
            internal::error(501, "trace metrics are currently disabled - no metrics backend configured"),
        ),
        ["api", "v3", "services"] => v3::services(world, release),
        ["api", "v3", "operations"] => v3::operations(world, release, asked),
        ["api", "v3", "traces"] => v3::search(world, release, asked),
        ["api", "v3", "traces", id] => v3::trace(world, release, id, asked),
        ["api", "v3", "trace-summaries"] if release >= Release::V2_19 => v3::summaries(world, release, asked),
        _ => unknown(release, &segments),
    }
}

fn unknown(release: Release, segments: &[&str]) -> Answer {
    match segments {
        ["api"] => Answer { location: Some("/api/"), ..Answer::text(307, "") },
        // Before v2.16 the start page answered everything.
        ["api", ..] if release > Release::V2_13 => Answer::text(404, "404 page not found\n"),
        _ => start_page(release),
    }
}

fn start_page(release: Release) -> Answer {
    let version = json!({"gitCommit": "", "gitVersion": release.version(), "buildDate": ""});
    let capabilities = if release >= Release::V2_21 {
        "JAEGER_BACKEND_CAPABILITIES = {\"archiveStorage\":false,\"metricsStorage\":false,\
         \"searchWithoutServiceName\":true,\"aiAssistant\":false};"
    } else {
        "JAEGER_STORAGE_CAPABILITIES = {\"archiveStorage\":false,\"metricsStorage\":false};"
    };
    Answer {
        status: 200,
        content_type: "text/html; charset=utf-8",
        location: None,
        body: format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><title>Jaeger UI</title>\n<script>\nJAEGER_VERSION = {version};\n\
             {capabilities}\n</script></head>\n<body><div id=\"jaeger-ui-root\"></div></body>\n</html>\n"
        ),
    }
}
