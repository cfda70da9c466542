//! API v3: OTLP JSON with hex ids and enum numbers, times as strings of nanoseconds.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::Release;
use super::search::{self, Wanted, find, parse_id};
use crate::demo::duration::duration_ns;
use crate::demo::http::{Answer, Asked};
use crate::world::World;
use crate::world::project::{Span, Value};
use crate::world::truth::TraceId;

fn good(release: Release, body: &Json) -> Answer {
    let content_type = if release == Release::V2_13 { "text/plain; charset=utf-8" } else { "application/json" };
    Answer { content_type, ..Answer::json(body) }
}

fn refuse(status: u16, message: &str) -> Answer {
    Answer::text(status, format!("{}\n", json!({"error": {"httpCode": status, "message": message}})))
}

/// `/api/v3/services`; v2.13 leaves an empty list out.
pub fn services(world: &World, release: Release) -> Answer {
    let services = search::services(world);
    if services.is_empty() && release == Release::V2_13 {
        return good(release, &json!({}));
    }
    good(release, &json!({"services": services}))
}

/// `/api/v3/operations`.
pub fn operations(world: &World, release: Release, asked: &Asked) -> Answer {
    let kind = asked.any_of(spellings(release, &["spanKind", "span_kind"]));
    let service = asked.any_of(&["service"]).unwrap_or_default();
    let operations: Vec<Json> = search::operations(world, service)
        .iter()
        .filter(|(_, other)| kind.is_none_or(|kind| other.name() == kind))
        .map(|(name, kind)| json!({"name": name, "spanKind": kind.name()}))
        .collect();
    good(release, &json!({"operations": operations}))
}

/// Names that this release reads, the canonical one first: v2.13 knows only the last, the `snake_case` one.
fn spellings(release: Release, names: &'static [&'static str]) -> &'static [&'static str] {
    if release == Release::V2_13 { &names[names.len() - 1..] } else { names }
}

/// `/api/v3/traces`: all traces in one flat list.
pub fn search(world: &World, release: Release, asked: &Asked) -> Answer {
    let wanted = match read_search(release, asked) {
        Ok(wanted) => wanted,
        Err((status, message)) => return refuse(status, &message),
    };
    let traces = find(world, &wanted, release);
    if traces.is_empty() {
        return refuse(404, "No traces found");
    }
    let raw = asked.any_of(spellings(release, &["query.rawTraces", "query.raw_traces"])) == Some("true");
    good(release, &json!({"result": {"resourceSpans": resource_spans(&traces, release, raw)}}))
}

/// `/api/v3/traces/{id}`.
pub fn trace(world: &World, release: Release, id: &str, asked: &Asked) -> Answer {
    let Some(trace_id) = parse_id(id) else {
        return refuse(
            400,
            &format!("malformed parameter trace_id: strconv.ParseUint: parsing {id:?}: invalid syntax"),
        );
    };
    let spans = search::trace(world, trace_id);
    if spans.is_empty() {
        return refuse(404, "No traces found");
    }
    let raw = asked.any_of(spellings(release, &["rawTraces", "raw_traces"])) == Some("true");
    good(release, &json!({"result": {"resourceSpans": resource_spans(&[spans], release, raw)}}))
}

/// `/api/v3/trace-summaries`.
pub fn summaries(world: &World, release: Release, asked: &Asked) -> Answer {
    let wanted = match read_search(release, asked) {
        Ok(wanted) => wanted,
        Err((status, message)) => return refuse(status, &message),
    };
    let summaries: Vec<Json> = find(world, &wanted, release).iter().map(|spans| summary(spans)).collect();
    good(release, &json!({"summaries": summaries}))
}

fn read_search(release: Release, asked: &Asked) -> Result<Wanted, (u16, String)> {
    let read = |names: &'static [&'static str]| asked.any_of(spellings(release, names));
    let instant = |names: &'static [&'static str]| {
        read(names)
            .map(|text| {
                text.parse::<jiff::Timestamp>().map(|at| u64::try_from(at.as_nanosecond()).unwrap_or(0)).map_err(|_| {
                    (400, format!("malformed parameter {}: parsing time {text:?}", spellings(release, names)[0]))
                })
            })
            .transpose()
    };
    let duration = |names: &'static [&'static str]| {
        read(names)
            .map(|text| {
                let name = spellings(release, names)[0];
                duration_ns(text)
                    .ok_or_else(|| (400, format!("malformed parameter {name}: time: invalid duration {text:?}")))
            })
            .transpose()
    };
    let start_ns = instant(&["query.startTimeMin", "query.start_time_min"])?;
    let end_ns = instant(&["query.startTimeMax", "query.start_time_max"])?;
    let (Some(start_ns), Some(end_ns)) = (start_ns, end_ns) else {
        let names = if release == Release::V2_13 {
            "query.start_time_min and query.start_time_max are required"
        } else {
            "query.startTimeMin and query.startTimeMax are required"
        };
        return Err((400, names.to_owned()));
    };
    if start_ns > end_ns {
        let status = if release == Release::V2_13 { 404 } else { 400 };
        let message =
            if status == 404 { "No traces found" } else { "query.startTimeMin must be before query.startTimeMax" };
        return Err((status, message.to_owned()));
    }
    let depth_names: &'static [&'static str] = if release >= Release::V2_21 {
        &["query.searchDepth", "query.search_depth", "query.num_traces"]
    } else {
        &["query.searchDepth", "query.num_traces"]
    };
    let limit: usize = match read(depth_names) {
        // v2.13 takes an absent depth for 0, which its memory storage then refuses.
        None if release == Release::V2_13 => 0,
        None => 100,
        Some(text) => text.parse().map_err(|_| (400, format!("malformed parameter {}: {text:?}", depth_names[0])))?,
    };
    if limit == 0 || limit > search::MAX_TRACES {
        return Err((500, "search depth must be greater than 0 and less than max traces".to_owned()));
    }
    let mut tags = Vec::new();
    if let Some(text) = read(&["query.attributes"]).filter(|_| release > Release::V2_13) {
        let object: BTreeMap<String, String> = serde_json::from_str(text)
            .map_err(|error| (400, format!("malformed parameter query.attributes: {error}")))?;
        tags.extend(object);
    }
    Ok(Wanted {
        service: read(&["query.serviceName", "query.service_name"]).map(str::to_owned),
        operation: read(&["query.operationName", "query.operation_name"]).map(str::to_owned),
        tags,
        start_ns,
        end_ns,
        least_ns: duration(&["query.durationMin", "query.duration_min"])?,
        most_ns: duration(&["query.durationMax", "query.duration_max"])?,
        limit,
    })
}

/// One entry per service and trace, one list of spans per instrumentation scope.
fn resource_spans(traces: &[Vec<Span>], release: Release, raw: bool) -> Vec<Json> {
    let mut entries = Vec::new();
    for spans in traces {
        let mut services: BTreeMap<&str, BTreeMap<(&str, &str), Vec<Json>>> = BTreeMap::new();
        for span in spans {
            let warning = if raw { None } else { search::orphan_warning(span, spans, release) };
            services.entry(&span.service).or_default().entry(span.scope).or_default().push(span_json(span, warning));
        }
        for (service, scopes) in services {
            let name = [json!({"key": "service.name", "value": {"stringValue": service}})].into_iter();
            let attributes: Vec<Json> =
                name.chain(search::resource(service).iter().map(|(name, value)| attribute(name, value))).collect();
            let scopes: Vec<Json> = scopes
                .into_iter()
                .map(|((name, version), spans)| json!({"scope": {"name": name, "version": version}, "spans": spans}))
                .collect();
            entries.push(json!({"resource": {"attributes": attributes}, "scopeSpans": scopes}));
        }
    }
    entries
}

/// Proto JSON leaves out what is empty, except the status.
fn span_json(span: &Span, warning: Option<String>) -> Json {
    // Sampled, with a random trace id; bit 8 and 9 say whether the parent is remote.
    const FLAGS: u32 = 0x103;
    let mut object = Map::new();
    let mut set = |name: &str, value: Json| {
        object.insert(name.to_owned(), value);
    };
    set("traceId", json!(span.trace_id));
    set("spanId", json!(span.span_id));
    if let Some(parent) = span.parent {
        set("parentSpanId", json!(parent));
    }
    set("flags", json!(FLAGS));
    set("name", json!(span.name));
    set("kind", json!(span.kind as u8));
    set("startTimeUnixNano", json!(span.start_ns.to_string()));
    set("endTimeUnixNano", json!(span.end_ns.to_string()));
    let mut attributes: Vec<Json> = span.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    attributes.extend(warning.map(
        |warning| json!({"key": "@jaeger@warnings", "value": {"arrayValue": {"values": [{"stringValue": warning}]}}}),
    ));
    if !attributes.is_empty() {
        set("attributes", json!(attributes));
    }
    if !span.events.is_empty() {
        let events: Vec<Json> = span
            .events
            .iter()
            .map(|event| {
                let attributes: Vec<Json> =
                    event.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
                json!({"timeUnixNano": event.at_ns.to_string(), "name": event.name, "attributes": attributes})
            })
            .collect();
        set("events", json!(events));
    }
    if !span.links.is_empty() {
        let links: Vec<Json> = span
            .links
            .iter()
            .map(|link| json!({"traceId": link.trace_id, "spanId": link.span_id, "flags": 0x303}))
            .collect();
        set("links", json!(links));
    }
    let mut status = Map::new();
    if span.error {
        status.insert("code".to_owned(), json!(2));
    }
    if let Some(description) = &span.status_description {
        status.insert("message".to_owned(), json!(description));
    }
    set("status", Json::Object(status));
    Json::Object(object)
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

/// Proto JSON: zero counts and absent roots are left out.
fn summary(spans: &[Span]) -> Json {
    let trace_id: TraceId = spans[0].trace_id;
    let mut object = Map::new();
    object.insert("traceId".to_owned(), json!(trace_id));
    if let Some(root) = spans.iter().find(|span| span.parent.is_none()) {
        object.insert("rootServiceName".to_owned(), json!(root.service));
        object.insert("rootOperationName".to_owned(), json!(root.name));
    }
    let start_ns = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let end_ns = spans.iter().map(|span| span.end_ns).max().unwrap_or(0);
    object.insert("minStartTimeUnixNano".to_owned(), json!(start_ns.to_string()));
    object.insert("maxEndTimeUnixNano".to_owned(), json!(end_ns.to_string()));
    let orphans = spans
        .iter()
        .filter(|span| span.parent.is_some_and(|parent| !spans.iter().any(|other| other.span_id == parent)))
        .count();
    let mut services: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for span in spans {
        let counts = services.entry(&span.service).or_default();
        counts.0 += 1;
        counts.1 += usize::from(span.error);
    }
    let errors = services.values().map(|(_, errors)| errors).sum();
    count(&mut object, "spanCount", spans.len());
    count(&mut object, "errorSpanCount", errors);
    count(&mut object, "orphanSpanCount", orphans);
    let services: Vec<Json> = services
        .into_iter()
        .map(|(name, (spans, errors))| {
            let mut entry = Map::new();
            entry.insert("name".to_owned(), json!(name));
            count(&mut entry, "spanCount", spans);
            count(&mut entry, "errorSpanCount", errors);
            Json::Object(entry)
        })
        .collect();
    object.insert("services".to_owned(), json!(services));
    Json::Object(object)
}

fn count(object: &mut Map<String, Json>, name: &str, count: usize) {
    if count > 0 {
        object.insert(name.to_owned(), json!(count));
    }
}
