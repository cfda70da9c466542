//! The internal JSON dialect, which Jaeger's own user interface used: an envelope, microseconds, typed tags.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::Release;
use super::search::{self, Wanted, find, parse_id};
use crate::demo::duration::duration_ns;
use crate::demo::http::{Answer, Asked};
use crate::world::World;
use crate::world::project::{Span, Value};

/// Greatest integer that JavaScript holds exactly; beyond it values travel as strings.
const SAFE: i64 = (1 << 53) - 1;

fn envelope(data: &Json, total: usize, errors: &Json) -> Json {
    json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors})
}

/// The body of an error: the envelope, served as plain text with a newline behind it.
pub fn error(code: u16, message: &str) -> String {
    let mut body = envelope(&Json::Null, 0, &json!([{"code": code, "msg": message}])).to_string();
    body.push('\n');
    body
}

fn refuse(code: u16, message: &str) -> Answer {
    Answer::text(code, error(code, message))
}

/// `/api/services`.
pub fn services(world: &World) -> Answer {
    let services = search::services(world);
    Answer::json(&envelope(&json!(services), services.len(), &Json::Null))
}

/// `/api/operations`.
pub fn operations(world: &World, asked: &Asked) -> Answer {
    let Some(service) = asked.any_of(&["service"]) else {
        return refuse(400, "parameter 'service' is required");
    };
    let kind = asked.any_of(&["spanKind"]);
    let operations: Vec<Json> = search::operations(world, service)
        .iter()
        .filter(|(_, other)| kind.is_none_or(|kind| other.name() == kind))
        .map(|(name, kind)| json!({"name": name, "spanKind": kind.name()}))
        .collect();
    Answer::json(&envelope(&json!(operations), operations.len(), &Json::Null))
}

/// `/api/services/{service}/operations`: unique names; null for an unknown service.
pub fn operation_names(world: &World, service: &str) -> Answer {
    let mut names: Vec<_> = search::operations(world, service).into_iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let data = if names.is_empty() { Json::Null } else { json!(names) };
    Answer::json(&envelope(&data, names.len(), &Json::Null))
}

/// `/api/traces`: a search, or several traces by id.
pub fn search(world: &World, release: Release, asked: &Asked) -> Answer {
    let raw = asked.parameter("raw") == Some("true");
    let ids: Vec<&str> =
        asked.parameters.iter().filter(|(name, _)| name == "traceID").map(|(_, id)| id.as_str()).collect();
    if !ids.is_empty() {
        return several(world, release, &ids, raw);
    }
    let wanted = match read_search(world, asked) {
        Ok(wanted) => wanted,
        Err(message) => return refuse(400, &message),
    };
    if wanted.limit == 0 || wanted.limit > search::MAX_TRACES {
        return refuse(500, "search depth must be greater than 0 and less than max traces");
    }
    let traces: Vec<Json> = find(world, &wanted, release).iter().map(|spans| trace_json(spans, release, raw)).collect();
    Answer::json(&envelope(&json!(traces), 0, &Json::Null))
}

fn several(world: &World, release: Release, ids: &[&str], raw: bool) -> Answer {
    let mut traces = Vec::new();
    let mut errors = Vec::new();
    for id in ids {
        let Some(trace_id) = parse_id(id) else {
            return refuse(
                400,
                &format!("cannot parse traceID param: strconv.ParseUint: parsing {id:?}: invalid syntax"),
            );
        };
        let spans = search::trace(world, trace_id);
        if spans.is_empty() {
            errors.push(json!({"msg": "trace not found", "traceID": trace_id}));
        } else {
            traces.push(trace_json(&spans, release, raw));
        }
    }
    let errors = if errors.is_empty() { Json::Null } else { json!(errors) };
    Answer::json(&envelope(&json!(traces), 0, &errors))
}

fn read_search(world: &World, asked: &Asked) -> Result<Wanted, String> {
    let service = asked.any_of(&["service"]).ok_or("parameter 'service' is required")?;
    let micros = |name: &str, otherwise_ns: u64| match asked.any_of(&[name]) {
        None => Ok(otherwise_ns),
        Some(text) => text
            .parse::<u64>()
            .map(|micros| micros.saturating_mul(1_000))
            .map_err(|_| format!("unable to parse param '{name}': strconv.ParseInt: parsing {text:?}: invalid syntax")),
    };
    let duration = |name: &str| {
        asked
            .any_of(&[name])
            .map(|text| {
                duration_ns(text)
                    .ok_or_else(|| format!("unable to parse param '{name}': time: invalid duration {text:?}"))
            })
            .transpose()
    };
    let mut tags = Vec::new();
    for (name, value) in &asked.parameters {
        if name == "tag" {
            let (key, value) = value
                .split_once(':')
                .ok_or_else(|| format!("malformed 'tag' parameter, expecting key:value, received: {value}"))?;
            tags.push((key.to_owned(), value.to_owned()));
        } else if name == "tags" && !value.is_empty() {
            let object: BTreeMap<String, String> = serde_json::from_str(value)
                .map_err(|error| format!("malformed 'tags' parameter, cannot unmarshal JSON: {error}"))?;
            tags.extend(object);
        }
    }
    let now_ns = world.now_ns();
    let wanted = Wanted {
        service: Some(service.to_owned()),
        operation: asked.any_of(&["operation"]).map(str::to_owned),
        tags,
        start_ns: micros("start", now_ns.saturating_sub(48 * 3_600 * 1_000_000_000))?,
        end_ns: micros("end", now_ns)?,
        least_ns: duration("minDuration")?,
        most_ns: duration("maxDuration")?,
        limit: match asked.any_of(&["limit"]) {
            None => 100,
            Some(text) => text.parse().map_err(|_| {
                format!("unable to parse param 'limit': strconv.ParseInt: parsing {text:?}: invalid syntax")
            })?,
        },
    };
    if matches!((wanted.least_ns, wanted.most_ns), (Some(least), Some(most)) if least > most) {
        return Err("'maxDuration' should be greater than 'minDuration'".to_owned());
    }
    Ok(wanted)
}

/// `/api/traces/{id}`.
pub fn trace(world: &World, release: Release, id: &str, asked: &Asked) -> Answer {
    let Some(trace_id) = parse_id(id) else {
        return refuse(400, &format!("strconv.ParseUint: parsing {id:?}: invalid syntax"));
    };
    let spans = search::trace(world, trace_id);
    if spans.is_empty() {
        return refuse(404, "trace not found");
    }
    let raw = asked.parameter("raw") == Some("true");
    Answer::json(&envelope(&json!([trace_json(&spans, release, raw)]), 0, &Json::Null))
}

/// `/api/dependencies`: calls between services within the look-back.
pub fn dependencies(world: &World, asked: &Asked) -> Answer {
    let number = |name: &str| asked.any_of(&[name]).map(str::parse::<u64>).transpose();
    let (Ok(until_ms), Ok(lookback_ms)) = (number("endTs"), number("lookback")) else {
        return refuse(400, "unable to parse param 'endTs' or 'lookback'");
    };
    let end_ns = until_ms.map_or(world.now_ns(), |until_ms| until_ms.saturating_mul(1_000_000));
    let start_ns = end_ns.saturating_sub(lookback_ms.unwrap_or(86_400_000).saturating_mul(1_000_000));
    let mut calls: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for journey in world.journeys().filter(|journey| journey.sampled && journey.touches(start_ns, end_ns)) {
        for operation in &journey.operations {
            if let Some(caller) = &operation.caller {
                *calls.entry((caller, &operation.callee)).or_default() += operation.attempts.len();
            }
        }
    }
    let data: Vec<Json> = calls
        .into_iter()
        .map(|((parent, child), count)| json!({"parent": parent, "child": child, "callCount": count}))
        .collect();
    Answer::json(&envelope(&json!(data), 0, &Json::Null))
}

fn trace_json(spans: &[Span], release: Release, raw: bool) -> Json {
    let mut services: Vec<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    let process = |service: &str| format!("p{}", services.iter().position(|other| *other == service).unwrap_or(0) + 1);
    let processes: serde_json::Map<String, Json> = services
        .iter()
        .map(|service| {
            let tags: Vec<Json> = search::resource(service).iter().map(|(name, value)| tag(name, value)).collect();
            (process(service), json!({"serviceName": service, "tags": tags}))
        })
        .collect();
    let listed: Vec<Json> = spans
        .iter()
        .map(|span| {
            let warning = if raw { None } else { search::orphan_warning(span, spans, release) };
            span_json(span, &process(&span.service), warning, raw)
        })
        .collect();
    json!({"traceID": spans[0].trace_id, "spans": listed, "processes": processes, "warnings": null})
}

fn span_json(span: &Span, process: &str, warning: Option<String>, raw: bool) -> Json {
    let mut tags: Vec<Json> = span.attributes.iter().map(|(name, value)| tag(name, value)).collect();
    tags.push(text_tag("span.kind", span.kind.name()));
    tags.push(text_tag("otel.scope.name", span.scope.0));
    tags.push(text_tag("otel.scope.version", span.scope.1));
    if span.error {
        tags.push(text_tag("otel.status_code", "ERROR"));
        tags.push(json!({"key": "error", "type": "bool", "value": true}));
    }
    if let Some(description) = &span.status_description {
        tags.push(text_tag("otel.status_description", description));
    }
    let mut events: Vec<_> = span.events.iter().collect();
    if !raw {
        events.sort_by(|a, b| a.name.cmp(&b.name));
        tags.sort_by(|a, b| a["key"].as_str().cmp(&b["key"].as_str()));
    }
    let logs: Vec<Json> = events
        .iter()
        .map(|event| {
            let fields = [text_tag("event", &event.name)].into_iter();
            let fields: Vec<Json> =
                fields.chain(event.attributes.iter().map(|(name, value)| tag(name, value))).collect();
            json!({"timestamp": event.at_ns / 1_000, "fields": fields})
        })
        .collect();
    json!({
        "traceID": span.trace_id,
        "spanID": span.span_id,
        "operationName": span.name,
        "references": references(span),
        "startTime": span.start_ns / 1_000,
        "duration": (span.end_ns - span.start_ns) / 1_000,
        "tags": tags,
        "logs": logs,
        "processID": process,
        "warnings": warning.map(|warning| vec![warning]),
    })
}

/// A parent is `CHILD_OF` unless a link names it too: then that one reference is `FOLLOWS_FROM`, like every link.
fn references(span: &Span) -> Vec<Json> {
    let mut references = Vec::new();
    let reference = |kind: &str, trace_id, span_id| json!({"refType": kind, "traceID": trace_id, "spanID": span_id});
    if let Some(parent) = span.parent {
        let linked = span.links.iter().any(|link| link.trace_id == span.trace_id && link.span_id == parent);
        references.push(reference(if linked { "FOLLOWS_FROM" } else { "CHILD_OF" }, span.trace_id, parent));
    }
    for link in &span.links {
        if link.trace_id != span.trace_id || Some(link.span_id) != span.parent {
            references.push(reference("FOLLOWS_FROM", link.trace_id, link.span_id));
        }
    }
    references
}

fn text_tag(name: &str, value: &str) -> Json {
    json!({"key": name, "type": "string", "value": value})
}

fn tag(name: &str, value: &Value) -> Json {
    match value {
        Value::Text(text) => text_tag(name, text),
        Value::Texts(_) => text_tag(name, &value.text()),
        Value::Bool(truth) => json!({"key": name, "type": "bool", "value": truth}),
        Value::Int(number) if number.abs() > SAFE => {
            json!({"key": name, "type": "int64", "value": number.to_string()})
        }
        Value::Int(number) => json!({"key": name, "type": "int64", "value": number}),
    }
}
