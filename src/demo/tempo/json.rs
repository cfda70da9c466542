//! Tempo's JSON: OTLP with ids in base64 and enumerations by name; zeros and empty lists are left out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value as Json, json};

use crate::demo::jaeger::search;
use crate::world::project::{Kind, Span, Value};

/// One entry per service, one list of spans per scope.
pub(super) fn batches(spans: &[Span]) -> Vec<Json> {
    let mut services: BTreeMap<&str, BTreeMap<(&str, &str), Vec<Json>>> = BTreeMap::new();
    for span in spans {
        services.entry(&span.service).or_default().entry(span.scope).or_default().push(span_json(span));
    }
    let entry = |(service, scopes): (&str, BTreeMap<(&str, &str), Vec<Json>>)| {
        let mut attributes = vec![json!({"key": "service.name", "value": {"stringValue": service}})];
        attributes.extend(search::resource(service).iter().map(|(name, value)| attribute(name, value)));
        let scopes: Vec<Json> = scopes
            .into_iter()
            .map(|((name, version), spans)| json!({"scope": {"name": name, "version": version}, "spans": spans}))
            .collect();
        json!({"resource": {"attributes": attributes}, "scopeSpans": scopes})
    };
    services.into_iter().map(entry).collect()
}

/// What a search tells of a trace. The id lacks its leading zeros.
pub(super) fn summary(spans: &[Span], matched: &[&Span]) -> Json {
    let root = spans.iter().find(|span| span.parent.is_none());
    let start_ns = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let end_ns = spans.iter().map(|span| span.end_ns).max().unwrap_or(0);
    let of_span = |span: &&Span| {
        json!({
            "spanID": span.span_id,
            "startTimeUnixNano": span.start_ns.to_string(),
            "durationNanos": (span.end_ns - span.start_ns).to_string(),
        })
    };
    let some: Vec<Json> = matched.iter().take(3).map(of_span).collect();
    json!({
        "traceID": spans[0].trace_id.to_string().trim_start_matches('0'),
        "rootServiceName": root.map_or("<root span not yet received>", |span| span.service.as_str()),
        "rootTraceName": root.map_or("", |span| span.name.as_str()),
        "startTimeUnixNano": start_ns.to_string(),
        "durationMs": (end_ns - start_ns) / 1_000_000,
        "spanSets": [{"spans": some, "matched": matched.len()}],
    })
}

fn span_json(span: &Span) -> Json {
    let mut object = Map::new();
    let mut set = |name: &str, value: Json| drop(object.insert(name.to_owned(), value));
    set("traceId", json!(BASE64.encode(span.trace_id.0.to_be_bytes())));
    set("spanId", json!(BASE64.encode(span.span_id.0.to_be_bytes())));
    if let Some(parent) = span.parent {
        set("parentSpanId", json!(BASE64.encode(parent.0.to_be_bytes())));
    }
    set("name", json!(span.name));
    set("kind", json!(kind(span.kind)));
    set("startTimeUnixNano", json!(span.start_ns.to_string()));
    set("endTimeUnixNano", json!(span.end_ns.to_string()));
    let list = |attributes: &[(smol_str::SmolStr, Value)]| -> Vec<Json> {
        attributes.iter().map(|(name, value)| attribute(name, value)).collect()
    };
    set("attributes", json!(list(&span.attributes)));
    if !span.events.is_empty() {
        let event = |event: &crate::world::project::Event| json!({"timeUnixNano": event.at_ns.to_string(), "name": event.name, "attributes": list(&event.attributes)});
        set("events", json!(span.events.iter().map(event).collect::<Vec<_>>()));
    }
    if !span.links.is_empty() {
        let link = |link: &crate::world::project::Link| {
            json!({
                "traceId": BASE64.encode(link.trace_id.0.to_be_bytes()),
                "spanId": BASE64.encode(link.span_id.0.to_be_bytes()),
            })
        };
        set("links", json!(span.links.iter().map(link).collect::<Vec<_>>()));
    }
    let mut status = Map::new();
    if span.error {
        status.insert("code".to_owned(), json!("STATUS_CODE_ERROR"));
    }
    if let Some(description) = &span.status_description {
        status.insert("message".to_owned(), json!(description));
    }
    set("status", Json::Object(status));
    Json::Object(object)
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Internal => "SPAN_KIND_INTERNAL",
        Kind::Server => "SPAN_KIND_SERVER",
        Kind::Client => "SPAN_KIND_CLIENT",
        Kind::Producer => "SPAN_KIND_PRODUCER",
        Kind::Consumer => "SPAN_KIND_CONSUMER",
    }
}

fn attribute(name: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({"stringValue": text}),
        Value::Int(number) => json!({"intValue": number.to_string()}),
        Value::Bool(truth) => json!({"boolValue": truth}),
        Value::Texts(texts) => {
            let texts: Vec<Json> = texts.iter().map(|text| json!({"stringValue": text})).collect();
            json!({"arrayValue": {"values": texts}})
        }
    };
    json!({"key": name, "value": value})
}
