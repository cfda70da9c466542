//! Envoy in its OpenTelemetry mode, with a span for each upstream request.

use smol_str::format_smolstr;

use super::span::{Span, attribute};
use super::spans::{host, method_and_target};
use crate::world::truth::{Execution, Operation};

/// One request to the upstream cluster. The number of retries is a text, and only on retries.
pub fn upstream(span: &mut Span, operation: &Operation, execution: &Execution) {
    let (method, target) = method_and_target(operation);
    let cluster = format_smolstr!("outbound|8080||{}", host(&operation.callee));
    span.name = format_smolstr!("router {cluster} egress");
    span.scope = ("envoy", "1.36.2");
    span.attributes = vec![
        attribute("component", "proxy"),
        attribute("http.method", method),
        attribute("http.url", format!("http://{}:8080{target}", host(&operation.callee))),
        attribute("http.status_code", execution.status.to_string()),
        attribute("upstream_cluster", &cluster),
        attribute("upstream_cluster.name", cluster),
        attribute("peer.address", "10.1.0.9:8080"),
        attribute("response_flags", "-"),
    ];
    if execution.proxy_attempt > 1 {
        span.attributes.push(attribute("retry.count", (execution.proxy_attempt - 1).to_string()));
    }
    span.error = execution.status >= 500;
}
