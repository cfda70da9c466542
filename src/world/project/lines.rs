//! Log lines in the shape of the service that wrote them.

use std::fmt::Write;

use serde_json::json;
use smol_str::{SmolStr, format_smolstr};

use crate::world::journey::{Journey, LogLine};
use crate::world::rng::Rng;
use crate::world::scenario::{LogShape, Scenario};

/// One log line as its store received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Timestamp by the service's clock, nanoseconds since the Unix epoch.
    pub at_ns: u64,
    /// Service.
    pub service: SmolStr,
    /// Level in lower case.
    pub level: SmolStr,
    /// Text.
    pub text: String,
    /// Structured metadata, sorted by name.
    pub metadata: Vec<(SmolStr, SmolStr)>,
}

/// All lines of a journey, each with the true instant at which it was written.
pub(super) fn shape_all(scenario: &Scenario, journey: &Journey) -> Vec<(u64, Line)> {
    let shape_one = |line: &LogLine| {
        let service = scenario.service(&line.service).expect("the scenario was checked");
        let at_ns = line.at_ns.saturating_add_signed(service.skew_ms * 1_000_000);
        (line.at_ns, shape(service.log, journey, line, at_ns))
    };
    let loss = scenario.stores.line_loss;
    let is_lost = |(number, _): &(usize, &LogLine)| {
        let purpose = format_smolstr!("line loss {}", journey.number);
        loss > 0.0 && Rng::for_purpose(scenario.seed, &purpose, *number as u64).happens(loss)
    };
    let arrived = journey.logs.iter().enumerate().filter(|line| !is_lost(line));
    arrived.map(|(_, line)| shape_one(line)).collect()
}

fn shape(shape: LogShape, journey: &Journey, line: &LogLine, at_ns: u64) -> Line {
    let level = SmolStr::new(line.level.name().to_lowercase());
    let mut metadata = vec![(SmolStr::new_static("detected_level"), level.clone())];
    let text = match shape {
        LogShape::JavaJson => java_json(journey, line, at_ns),
        LogShape::PythonJson => python_json(journey, line, at_ns),
        LogShape::Logfmt => logfmt(line, at_ns, true),
        LogShape::LogfmtMetadata => {
            if let Some((trace_id, span_id)) = line.context {
                metadata.push(("span_id".into(), format_smolstr!("{span_id}")));
                metadata.push(("trace_id".into(), format_smolstr!("{trace_id}")));
            }
            logfmt(line, at_ns, false)
        }
        LogShape::Plain => format!("{} {:<5} [{}] {}", instant(at_ns), line.level.name(), line.service, sentence(line)),
    };
    Line { at_ns, service: line.service.clone(), level, text, metadata }
}

/// Message with its fields behind it, for shapes that have no fields of their own.
fn sentence(line: &LogLine) -> String {
    let mut text = line.message.to_string();
    for (name, value) in &line.fields {
        let short = if name == "order_id" { "order" } else { name };
        write!(text, " {short}={value}").expect("writing to a string cannot fail");
    }
    text
}

/// loki4j's JSON layout: the logging context gets the prefix `mdc_`.
fn java_json(journey: &Journey, line: &LogLine, at_ns: u64) -> String {
    let mut object = json!({
        "timestamp_ms": at_ns / 1_000_000,
        "logger_name": line.logger,
        "level": line.level.name(),
        "thread_name": format!("{}-0-C-1", line.service),
        "message": sentence(line),
    });
    if let Some((trace_id, span_id)) = line.context {
        object["mdc_trace_id"] = json!(trace_id);
        object["mdc_span_id"] = json!(span_id);
        object["mdc_trace_flags"] = json!(if journey.samples(trace_id) { "03" } else { "02" });
    }
    if let Some(stack) = &line.stack {
        object["stack_trace"] = json!(stack);
    }
    object.to_string()
}

fn python_json(journey: &Journey, line: &LogLine, at_ns: u64) -> String {
    let mut object = json!({
        "time": instant(at_ns), "level": line.level.name(), "logger": line.logger, "message": line.message,
        "otelServiceName": line.service,
    });
    let (trace_id, span_id, sampled) = match line.context {
        Some((trace_id, span_id)) => (trace_id.to_string(), span_id.to_string(), journey.samples(trace_id)),
        None => ("0".to_owned(), "0".to_owned(), false),
    };
    object["otelTraceID"] = json!(trace_id);
    object["otelSpanID"] = json!(span_id);
    object["otelTraceSampled"] = json!(sampled);
    for (name, value) in &line.fields {
        object[name.as_str()] = json!(value);
    }
    object.to_string()
}

fn logfmt(line: &LogLine, at_ns: u64, with_ids: bool) -> String {
    let mut text = format!("ts={} level={}", instant(at_ns), line.level.name().to_lowercase());
    let mut pair = |name: &str, value: &str| {
        if value.contains([' ', '"', '=']) {
            write!(text, " {name}={value:?}").expect("writing to a string cannot fail");
        } else {
            write!(text, " {name}={value}").expect("writing to a string cannot fail");
        }
    };
    pair("msg", &line.message);
    for (name, value) in &line.fields {
        pair(name, value);
    }
    if let (true, Some((trace_id, span_id))) = (with_ids, line.context) {
        pair("trace_id", &trace_id.to_string());
        pair("span_id", &span_id.to_string());
    }
    text
}

fn instant(at_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at_ns)).map_or_else(|_| at_ns.to_string(), |at| format!("{at:.6}"))
}
