//! One row in the form of its source: a span as Jaeger or OTLP sends it, a line as Loki does, a record as bytes.
//!
//! It is made again from what is kept, since a second copy of every answer would double the memory: names, values and
//! times are those that came; the order of members and blanks between them may not be.

use crate::model::lines::LineView;
use crate::model::spans::{SpanView, Value};
use crate::model::{Record, SourceKind, SpanKind, SpanStatus};
use serde_json::{Map, Value as Json, json};

/// Bytes of a line of a hexadecimal listing.
const ROW: usize = 16;

/// Returns a span in the form of the source that sent it.
pub fn span(span: SpanView<'_>, source: SourceKind) -> Json {
    if source == SourceKind::Jaeger { jaeger(span) } else { otlp(span) }
}

/// Returns a line as an entry of a stream of Loki's answer.
pub fn line(line: LineView<'_>) -> Json {
    let map = |pairs: &mut dyn Iterator<Item = (&str, &str)>| -> Map<String, Json> {
        pairs.map(|(name, value)| (name.to_owned(), value.into())).collect()
    };
    let (labels, metadata) = (map(&mut line.labels()), map(&mut line.metadata()));
    let mut value = vec![Json::from(line.at().0.to_string()), line.text().into()];
    if !metadata.is_empty() {
        value.push(json!({ "structuredMetadata": metadata }));
    }
    json!({ "stream": labels, "values": [value] })
}

/// Returns the parts of a record with their bytes, in stored order: name of the part, and its bytes unless it is null.
pub fn record(record: &Record) -> Vec<(String, Option<&[u8]>)> {
    let mut parts = vec![("key".to_owned(), record.key.as_deref())];
    for header in &record.headers {
        parts.push((format!("header {}", String::from_utf8_lossy(&header.key)), header.value.as_deref()));
    }
    parts.push(("value".to_owned(), record.value.as_deref()));
    parts
}

/// Returns bytes as lines of offset, hexadecimal digits and text, at most so many lines.
pub fn hex(bytes: &[u8], lines: usize) -> Vec<String> {
    let line = |(at, row): (usize, &[u8])| {
        let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = row
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        format!("{:06x}  {:<47}  {text}", at * ROW, digits.join(" "))
    };
    bytes.chunks(ROW).enumerate().take(lines).map(line).collect()
}

fn jaeger(span: SpanView<'_>) -> Json {
    let trace = span.trace().to_string();
    let reference = |kind: &str, trace: &str, id: String| json!({ "refType": kind, "traceID": trace, "spanID": id });
    let parent = span.parent().map(|id| reference("CHILD_OF", &trace, id.to_string()));
    let links = span.links().map(|(trace, id)| reference("FOLLOWS_FROM", &trace.to_string(), id.to_string()));
    let references: Vec<Json> = parent.into_iter().chain(links).collect();
    let micros = |nanos: i64| nanos.div_euclid(1_000);
    let tags = |pairs: &mut dyn Iterator<Item = (&str, Value<'_>)>| -> Vec<Json> {
        pairs
            .map(|(key, value)| {
                let (kind, value) = match value {
                    Value::Int(number) => ("int64", number.into()),
                    Value::Float(number) => ("float64", number.into()),
                    Value::Bool(truth) => ("bool", truth.into()),
                    Value::Text(_) | Value::Parts(_) | Value::Empty => ("string", Json::from(value.text())),
                };
                json!({ "key": key, "type": kind, "value": value })
            })
            .collect()
    };
    let logs: Vec<Json> = span
        .events()
        .map(|event| {
            let mut fields = vec![json!({ "key": "event", "type": "string", "value": event.name })];
            fields.extend(tags(&mut event.attributes()));
            json!({ "timestamp": micros(event.at.0), "fields": fields })
        })
        .collect();
    json!({
        "traceID": trace,
        "spanID": span.id().to_string(),
        "operationName": span.name(),
        "references": references,
        "startTime": micros(span.start().0),
        "duration": micros(span.duration().0),
        "tags": tags(&mut span.attributes()),
        "logs": logs,
        "process": { "serviceName": span.service(), "tags": tags(&mut span.resource()) },
    })
}

fn otlp(span: SpanView<'_>) -> Json {
    let pairs = |pairs: &mut dyn Iterator<Item = (&str, Value<'_>)>| -> Vec<Json> {
        pairs
            .map(|(key, value)| {
                let value = match value {
                    // 64-bit integers are texts in OTLP's JSON.
                    Value::Int(number) => json!({ "intValue": number.to_string() }),
                    Value::Float(number) => json!({ "doubleValue": number }),
                    Value::Bool(truth) => json!({ "boolValue": truth }),
                    Value::Text(_) | Value::Parts(_) => json!({ "stringValue": value.text() }),
                    Value::Empty => json!({}),
                };
                json!({ "key": key, "value": value })
            })
            .collect()
    };
    let kind = match span.kind() {
        SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
        SpanKind::Internal => "SPAN_KIND_INTERNAL",
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    };
    let status = match span.status() {
        SpanStatus::Unset => json!({}),
        SpanStatus::Ok => json!({ "code": "STATUS_CODE_OK" }),
        SpanStatus::Error => json!({ "code": "STATUS_CODE_ERROR" }),
    };
    let events: Vec<Json> = span
        .events()
        .map(|event| {
            json!({
                "timeUnixNano": event.at.0.to_string(),
                "name": event.name,
                "attributes": pairs(&mut event.attributes()),
            })
        })
        .collect();
    let links: Vec<Json> =
        span.links().map(|(trace, id)| json!({ "traceId": trace.to_string(), "spanId": id.to_string() })).collect();
    json!({
        "traceId": span.trace().to_string(),
        "spanId": span.id().to_string(),
        "parentSpanId": span.parent().map(|id| id.to_string()).unwrap_or_default(),
        "name": span.name(),
        "kind": kind,
        "startTimeUnixNano": span.start().0.to_string(),
        "endTimeUnixNano": span.end().0.to_string(),
        "attributes": pairs(&mut span.attributes()),
        "events": events,
        "links": links,
        "status": status,
        "resource": { "attributes": pairs(&mut span.resource()) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_listed_with_their_offsets() {
        let bytes: Vec<u8> = (0x1a..0x2c).collect();
        assert_eq!(
            hex(&bytes, 9),
            [
                "000000  1a 1b 1c 1d 1e 1f 20 21 22 23 24 25 26 27 28 29  ...... !\"#$%&'()",
                "000010  2a 2b                                            *+"
            ]
        );
        assert_eq!((hex(&bytes, 1).len(), hex(&[], 5).len()), (1, 0));
    }
}
