//! What this room reads out of one row: the only place that asks `decode`.

use crate::decode::attributes::{self, Operation};
pub(super) use crate::decode::attributes::{Claims, Text, claims, is_record_key, offset_name};
pub(super) use crate::decode::headers::propagation::pointers;
pub(super) use crate::decode::headers::trail;
use crate::decode::ids::{self, coordinates, pointer_of_line, trace_of_line};
pub(super) use crate::decode::ids::{LinePointer, Spot, of_line, of_record, of_span};
pub(super) use crate::decode::ids::{Wanted, alike, contains_token, entity, meaning, wanted};
pub(super) use crate::decode::ids::{spellings, tells_position};
use crate::decode::instrumentation::{self, Habits};
pub(super) use crate::decode::instrumentation::{Lacks, ProcessEnd, Quirk};
pub(super) use crate::decode::logline::Level;
use crate::decode::logline::{self, Reading};
pub(super) use crate::decode::signs::{Kind as SignKind, Sign};
pub(super) use crate::decode::tries::Tries;
use crate::model::journey::{AttemptResult, Mark};
use crate::model::lines::LineView;
use crate::model::spans::SpanView;
use crate::model::{Coordinate, Identifier, NamedKind, Record, SpanId, SpanKind, SpanStatus, TraceId, Value};
use smol_str::SmolStr;
use std::borrow::Cow;

/// Part of a consumer span in a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handling {
    /// The record was fetched or handed to the program.
    Receive,
    /// A handler worked on it.
    Process,
}

/// What a topic's name hints at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicHint {
    Plain,
    Retry,
    DeadLetter,
}

fn own(text: Option<Text<'_>>) -> Option<SmolStr> {
    text.map(SmolStr::from)
}

fn integer(span: SpanView<'_>, names: &[&str]) -> Option<i64> {
    names.iter().find_map(|name| span.attribute(name)?.integer())
}

/// Returns the topic a span writes to or reads from.
pub(super) fn topic(span: SpanView<'_>) -> Option<SmolStr> {
    own(attributes::messaging(span).destination)
}

/// Says whether a span is about Kafka.
pub(super) fn is_of_kafka(span: SpanView<'_>) -> bool {
    attributes::messaging(span).system.is_some_and(|system| &*system == "kafka")
}

/// Returns the coordinate of the record a span writes or reads.
pub(super) fn coordinate(span: SpanView<'_>) -> Option<Coordinate> {
    // Only spans of queues are looked at: this is asked of every span of every round.
    let queues = matches!(span.kind(), SpanKind::Producer | SpanKind::Consumer);
    queues.then(|| attributes::record_coordinate(span)).flatten()
}

/// Returns the consumer group a span names.
pub(super) fn group(span: SpanView<'_>) -> Option<SmolStr> {
    own(attributes::messaging(span).group)
}

/// Returns the record key a span names.
pub(super) fn key(span: SpanView<'_>) -> Option<SmolStr> {
    own(attributes::messaging(span).key)
}

/// Says whether a span handles several records at once.
pub(super) fn is_batch(span: SpanView<'_>) -> bool {
    span.kind() == SpanKind::Consumer
        && (span.links().nth(1).is_some() || attributes::batch_count(span).is_some_and(|count| count > 1))
}

/// Says what a consumer span does; `None` for other spans.
pub(super) fn handling(span: SpanView<'_>) -> Option<Handling> {
    // The newer conventions make a client's span of a poll.
    if span.kind() == SpanKind::Client {
        let is_named = matches!(span.name().split(' ').next(), Some("poll" | "receive"));
        let is_receive = || is_of_kafka(span) && attributes::messaging(span).operation == Some(Operation::Receive);
        return (is_named && is_receive()).then_some(Handling::Receive);
    }
    if span.kind() != SpanKind::Consumer {
        return None;
    }
    match attributes::messaging(span).operation {
        Some(Operation::Receive) => Some(Handling::Receive),
        Some(Operation::Process) => Some(Handling::Process),
        Some(Operation::Settle) => None,
        Some(_) | None if matches!(span.name().rsplit(' ').next(), Some("receive" | "recv" | "poll")) => {
            Some(Handling::Receive)
        }
        Some(_) | None => Some(Handling::Process),
    }
}

/// Returns method and full URL of a call.
pub(super) fn request(span: SpanView<'_>) -> (Option<Text<'_>>, Option<Text<'_>>) {
    (attributes::http_method(span), attributes::http_url(span))
}

/// Says whether the span is a remote procedure call.
pub(super) fn is_rpc(span: SpanView<'_>) -> bool {
    attributes::is_rpc(span)
}

/// Returns the first word of what a database span does.
pub(super) fn db_verb(span: SpanView<'_>) -> Option<SmolStr> {
    let db = attributes::db(span);
    own(db.operation.or(db.statement)).and_then(|text| text.split_whitespace().next().map(SmolStr::from))
}

/// Returns the logical peer of a call, else its address.
pub(super) fn peer(span: SpanView<'_>) -> SmolStr {
    let of_url = |url: Text<'_>| url.split("//").nth(1).and_then(|rest| rest.split('/').next()).map(SmolStr::from);
    own(attributes::peer(span)).or_else(|| attributes::http_url(span).and_then(of_url)).unwrap_or_default()
}

/// Returns the HTTP status code.
pub(super) fn status_code(span: SpanView<'_>) -> Option<i64> {
    attributes::http_status(span)
}

/// Returns the size of the request's body, in bytes.
pub(super) fn body_size(span: SpanView<'_>) -> Option<i64> {
    integer(span, &["http.request.body.size", "http.request_content_length"])
}

/// Returns the status of a remote procedure call, a number or a word.
pub(super) fn rpc_status(span: SpanView<'_>) -> Option<Text<'_>> {
    attributes::rpc_status(span)
}

/// Returns what tells the machine or container of a span's process from others; `None` when nothing does.
pub(super) fn host(span: SpanView<'_>) -> Option<SmolStr> {
    const NAMES: [&str; 4] = ["host.name", "k8s.pod.name", "container.id", "service.instance.id"];
    let of = |name: &&str| span.resource().find(|(key, _)| key == name).map(|(_, value)| value.text().into());
    NAMES.iter().find_map(of)
}

/// Returns class and head of the message of the error, when the span failed.
pub(super) fn error(span: SpanView<'_>) -> Option<SmolStr> {
    words(&attributes::error(span).filter(|_| has_failed(span))?)
}

/// Returns the exception that a span without a failure records: the program may have dealt with it, or set no status.
pub(super) fn exception_without_failure(span: SpanView<'_>) -> Option<SmolStr> {
    let is_recorded = !has_failed(span) && span.events().any(|event| event.name == "exception");
    words(&attributes::error(span).filter(|_| is_recorded)?)
}

fn words(error: &attributes::ErrorText<'_>) -> Option<SmolStr> {
    let head: String = error.message.chars().take(120).collect();
    // A status code as `error.type` repeats what the span says anyway.
    let class = if error.class.parse::<u32>().is_ok() { "" } else { &*error.class };
    match (class, head.as_str()) {
        ("", "") => None,
        (class, "") => Some(class.into()),
        ("", head) => Some(head.into()),
        (class, head) => Some(smol_str::format_smolstr!("{class}: {head}")),
    }
}

/// Says whether the span failed by its own account or by its status code.
pub(super) fn has_failed(span: SpanView<'_>) -> bool {
    let limit = if span.kind() == SpanKind::Client { 400 } else { 500 };
    span.status() == SpanStatus::Error || status_code(span).is_some_and(|code| code >= limit)
}

/// Returns how a span ended: a caller without a status code that failed waiting timed out.
pub(super) fn result(span: SpanView<'_>) -> AttemptResult {
    let code = status_code(span);
    let limit = if span.kind() == SpanKind::Client { 400 } else { 500 };
    if span.status() != SpanStatus::Error && code.is_none_or(|code| code < limit) {
        return AttemptResult::Succeeded;
    }
    let has_waited = || {
        error(span).is_some_and(|error| {
            let error = error.to_ascii_lowercase();
            ["timeout", "timed out", "deadline"].iter().any(|word| error.contains(word))
        })
    };
    if code.is_none() && has_waited() { AttemptResult::TimedOut } else { AttemptResult::Failed }
}

/// Says whether the listener refused a record that was not due: the handler did not run.
pub(super) fn is_not_due(span: SpanView<'_>) -> bool {
    attributes::not_due(span)
}

/// Returns the spans that a record's headers name, last writer last, with the sampled flag.
pub(super) fn traceparents(record: &Record) -> Vec<(TraceId, SpanId, bool)> {
    pointers(record).into_iter().map(|found| (found.trace, found.span, found.sampled)).collect()
}

/// Returns source and id of the message that a record's headers name.
pub(super) fn message_id(record: &Record) -> Option<(SmolStr, SmolStr)> {
    // A body may hold the ids of other messages.
    let in_header = |found: &ids::Found| found.spot == Spot::Field;
    of_record(record).into_iter().filter(in_header).find_map(|found| match found.id {
        Identifier::Named(named) if named.kind() == NamedKind::Message => {
            Some((named.within().into(), named.value().into()))
        }
        _ => None,
    })
}

/// Returns what a log line says.
pub(super) fn said(line: LineView<'_>) -> Reading<'_> {
    let mut said = logline::read(line.text());
    if said.level == Level::Unsaid {
        // What the program did not say, the collector may have: as a label or as structured metadata.
        let told = ["level", "severity_text", "detected_level"].iter().find_map(|name| line.field(name));
        said.level = told.map_or(Level::Unsaid, Level::parse);
    }
    said
}

/// Returns a log line as it is told: how grave it is, and its message with the error that it leaves out.
pub(super) fn told(line: LineView<'_>) -> (Mark, Cow<'_, str>) {
    let said = said(line);
    let mark = match said.level {
        Level::Error => Mark::Error,
        Level::Warn => Mark::Warn,
        Level::Info | Level::Debug | Level::Unsaid => Mark::Plain,
    };
    let text = match &said.error {
        Some(error) if !said.message.contains(&**error) => format!("{}: {error}", said.message).into(),
        Some(_) | None => said.message,
    };
    (mark, text)
}

/// Returns what a topic's name hints at.
pub(super) fn topic_hint(topic: &str) -> TopicHint {
    let lower = topic.to_ascii_lowercase();
    let mut words = lower.split(['-', '.', '_']);
    if words.clone().any(|word| matches!(word, "dlt" | "dlq" | "dead" | "deadletter" | "error" | "errors")) {
        TopicHint::DeadLetter
    } else if words.any(|word| word == "retry" || word == "retries") {
        TopicHint::Retry
    } else {
        TopicHint::Plain
    }
}

/// Says whether one topic's name is the other's with a retry or dead-letter word attached.
pub(super) fn are_related(topic: &str, other: &str) -> bool {
    let stem = |name: &str| {
        let lower = name.to_ascii_lowercase();
        let words: Vec<&str> = lower.split(['-', '.', '_']).collect();
        let end = words.iter().position(|word| {
            matches!(*word, "dlt" | "dlq" | "dead" | "deadletter" | "error" | "errors" | "retry" | "retries")
        });
        words[..end.filter(|end| *end > 0).unwrap_or(words.len())].join("-")
    };
    topic != other && stem(topic) == stem(other)
}

/// Returns the trace and span a log line names in its fields or text.
pub(super) fn line_trace(line: LineView<'_>) -> Option<(TraceId, Option<SpanId>)> {
    trace_of_line(line)
}

/// Returns the same with the field that names it.
pub(super) fn line_pointer(line: LineView<'_>) -> Option<LinePointer> {
    pointer_of_line(line)
}

/// Returns the coordinates a log line names, in whatever words its client uses.
pub(super) fn line_coordinates(line: LineView<'_>) -> impl Iterator<Item = Coordinate> + '_ {
    coordinates(line.text()).into_iter()
}

/// Returns the field in which a record holds the id: its key, the name of a header, or its value.
pub(super) fn record_field(record: &Record, id: &str) -> Option<SmolStr> {
    let holds = |bytes: &bytes::Bytes| std::str::from_utf8(bytes).is_ok_and(|text| contains_token(text, id));
    if record.key.as_ref().is_some_and(|key| key == id.as_bytes() || holds(key)) {
        return Some(KEY);
    }
    let mut headers = record.headers.iter();
    if let Some(header) = headers.find(|header| header.value.as_ref().is_some_and(holds)) {
        return Some(String::from_utf8_lossy(&header.key).into());
    }
    record.value.as_ref().is_some_and(holds).then_some(VALUE)
}

/// Returns the attribute whose whole value is the id.
pub(super) fn span_field<'a>(span: SpanView<'a>, id: &str) -> Option<&'a str> {
    let is_it = |value: Value<'_>| match value {
        Value::Int(number) => id.parse() == Ok(number),
        other => other.is_text(id),
    };
    span.attributes().find(|(_, value)| is_it(*value)).map(|(name, _)| name)
}

/// Returns the field in which a line holds the id; empty for its text.
pub(super) fn line_field<'a>(line: LineView<'a>, id: &str) -> Option<&'a str> {
    let field = line.metadata().find(|(_, value)| *value == id).map(|(name, _)| name);
    field.or_else(|| contains_token(line.text(), id).then_some(""))
}

/// Says whether a span carries the id as the whole value of an attribute.
pub(super) fn span_holds(span: SpanView<'_>, id: &str) -> bool {
    span_field(span, id).is_some()
}

/// Fields of a record that have no name of their own.
pub(super) const KEY: SmolStr = SmolStr::new_static("key");
pub(super) const VALUE: SmolStr = SmolStr::new_static("value");

/// Returns what a log line is a sign of; `None` for nearly all lines.
pub(super) fn sign(line: LineView<'_>) -> Option<Sign> {
    crate::decode::signs::sign(line.text())
}

/// Returns what a log line says about the attempts of a call; `None` for nearly all lines.
pub(super) fn tries(line: LineView<'_>) -> Option<Tries> {
    crate::decode::tries::tries(line.text())
}

/// Says whether a span commits or rejects records.
pub(super) fn is_settle(span: SpanView<'_>) -> bool {
    attributes::messaging(span).operation == Some(Operation::Settle)
}

/// Says whether a call that was never answered may have no span in the service of this one.
pub(super) fn leaves_out_unanswered(span: SpanView<'_>) -> bool {
    instrumentation::leaves_out_unanswered(span)
}

/// Returns what the spans of a span's instrumentation mean.
pub(super) fn habits(span: SpanView<'_>) -> Habits {
    instrumentation::of(span)
}
