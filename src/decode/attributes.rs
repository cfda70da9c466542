//! One meaning for each attribute over all generations of the conventions.

use crate::model::spans::{EventView, SpanView};
use crate::model::{Coordinate, SpanKind, Value};
use smol_str::SmolStr;
use std::borrow::Cow;

/// A text that is borrowed when the source sent text, owned when it sent a number.
pub type Text<'a> = Cow<'a, str>;

/// What a messaging span does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Hands a message to the queue.
    Send,
    /// Takes messages from the queue.
    Receive,
    /// Works on messages.
    Process,
    /// Commits or rejects.
    Settle,
    /// Makes a message that is sent later.
    Create,
}

/// The messaging fields of a span. Empty texts and the word `none` count as absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Messaging<'a> {
    /// `kafka`, `rabbitmq`, ...
    pub system: Option<Text<'a>>,
    /// Topic.
    pub destination: Option<Text<'a>>,
    /// Partition.
    pub partition: Option<i32>,
    /// Offset.
    pub offset: Option<i64>,
    /// Record key; not unique.
    pub key: Option<Text<'a>>,
    /// Consumer group.
    pub group: Option<Text<'a>>,
    /// Client id; may be shared by several groups.
    pub client: Option<Text<'a>>,
    /// Message id; what it means depends on the instrumentation.
    pub message_id: Option<Text<'a>>,
    /// Conversation or correlation id.
    pub conversation: Option<Text<'a>>,
    /// What is done.
    pub operation: Option<Operation>,
    /// Messages in the batch; only on spans of batches.
    pub batch_count: Option<i64>,
}

/// The HTTP fields of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Http<'a> {
    /// Method.
    pub method: Option<Text<'a>>,
    /// Response status.
    pub status: Option<i64>,
    /// Whole URL.
    pub url: Option<Text<'a>>,
    /// Path, with the query in older generations.
    pub path: Option<Text<'a>>,
    /// Server asked.
    pub host: Option<Text<'a>>,
    /// Number of this resend.
    pub resend: Option<i64>,
}

/// The RPC fields of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rpc<'a> {
    /// `grpc`, ...
    pub system: Option<Text<'a>>,
    /// Service; part of the method in newer generations.
    pub service: Option<Text<'a>>,
    /// Method.
    pub method: Option<Text<'a>>,
    /// Status, number or word.
    pub status: Option<Text<'a>>,
}

/// The database fields of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Db<'a> {
    /// Product.
    pub system: Option<Text<'a>>,
    /// Database name.
    pub namespace: Option<Text<'a>>,
    /// Operation.
    pub operation: Option<Text<'a>>,
    /// Statement.
    pub statement: Option<Text<'a>>,
    /// Table or collection.
    pub collection: Option<Text<'a>>,
}

/// What a span says about its failure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorText<'a> {
    /// Class or `error.type`; empty when not said.
    pub class: Text<'a>,
    /// Message; empty when not said.
    pub message: Text<'a>,
}

const RPC_SYSTEM: &[&str] = &["rpc.system.name", "rpc.system"];
const BATCH_COUNT: &[&str] = &["messaging.batch.message_count"];
const SYSTEM: &[&str] = &["messaging.system.name", "messaging.system"];
const DESTINATION: &[&str] = &[
    "messaging.destination.name",
    "messaging.source.name",
    "messaging.destination",
    "messaging.destination_publish.name",
];
const PARTITION: &[&str] = &[
    "messaging.destination.partition.id",
    "messaging.kafka.destination.partition",
    "messaging.kafka.source.partition",
    "messaging.kafka.partition",
];
const OFFSET: &[&str] = &["kafka.offset", "messaging.kafka.offset", "messaging.kafka.message.offset"];
const KEY: &[&str] = &["kafka.message.key", "messaging.kafka.message.key", "messaging.kafka.message_key"];
const GROUP: &[&str] =
    &["messaging.consumer.group.name", "messaging.kafka.consumer.group", "messaging.kafka.consumer_group"];
const CLIENT: &[&str] = &[
    "messaging.client.id",
    "messaging.client_id",
    "messaging.kafka.client_id",
    "messaging.consumer.id",
    "messaging.consumer_id",
];
const MESSAGE_ID: &[&str] = &["messaging.message.id", "messaging.message_id"];
const CONVERSATION: &[&str] = &["messaging.message.conversation_id", "messaging.conversation_id"];
const OPERATION: &[&str] = &["messaging.operation.type", "messaging.operation", "messaging.operation.name"];
const PEER: &[&str] = &[
    "service.peer.name",
    "peer.service",
    "server.address",
    "net.peer.name",
    "network.peer.address",
    "net.sock.peer.addr",
    "net.peer.ip",
];
/// Classes that only wrap the failure of a handler.
const WRAPPERS: &[&str] = &[
    "TimestampedException",
    "ListenerExecutionFailedException",
    "UndeclaredThrowableException",
    "InvocationTargetException",
    "CompletionException",
    "ExecutionException",
];

/// Returns the messaging fields of a span.
pub fn messaging(span: SpanView<'_>) -> Messaging<'_> {
    Messaging {
        system: text(span, SYSTEM),
        destination: text(span, DESTINATION),
        partition: integer(span, PARTITION).and_then(|number| i32::try_from(number).ok()).filter(|number| *number >= 0),
        offset: integer(span, OFFSET).filter(|number| *number >= 0),
        key: text(span, KEY),
        group: text(span, GROUP),
        client: text(span, CLIENT),
        message_id: text(span, MESSAGE_ID),
        conversation: text(span, CONVERSATION),
        operation: operation(span),
        batch_count: batch_count(span),
    }
}

/// Returns how many messages the batch of a span holds.
pub fn batch_count(span: SpanView<'_>) -> Option<i64> {
    integer(span, BATCH_COUNT)
}

/// Returns the HTTP fields of a span.
pub fn http(span: SpanView<'_>) -> Http<'_> {
    Http {
        method: http_method(span),
        status: http_status(span),
        url: http_url(span),
        path: text(span, &["url.path", "http.target", "http.route"]),
        host: text(span, &["server.address", "net.peer.name", "http.host", "net.host.name"]),
        resend: http_resend(span),
    }
}

/// Returns the method of a request; like its neighbours cheaper than [`http`] where nothing else is wanted.
pub fn http_method(span: SpanView<'_>) -> Option<Text<'_>> {
    text(span, &["http.request.method", "http.method"])
}

/// Returns the status of a response.
pub fn http_status(span: SpanView<'_>) -> Option<i64> {
    integer(span, &["http.response.status_code", "http.status_code"])
}

/// Returns the whole URL of a request.
pub fn http_url(span: SpanView<'_>) -> Option<Text<'_>> {
    text(span, &["url.full", "http.url"])
}

/// Returns the number of a resend.
pub fn http_resend(span: SpanView<'_>) -> Option<i64> {
    integer(span, &["http.request.resend_count", "http.resend_count", "http.retry_count"])
}

/// Returns the RPC fields of a span.
pub fn rpc(span: SpanView<'_>) -> Rpc<'_> {
    Rpc {
        system: text(span, RPC_SYSTEM),
        service: text(span, &["rpc.service"]),
        method: text(span, &["rpc.method"]),
        status: text(span, &["rpc.status_code", "rpc.response.status_code", "rpc.grpc.status_code"]),
    }
}

/// Says whether a span is a remote procedure call.
pub fn is_rpc(span: SpanView<'_>) -> bool {
    text(span, RPC_SYSTEM).is_some()
}

/// Returns the database fields of a span.
pub fn db(span: SpanView<'_>) -> Db<'_> {
    Db {
        system: text(span, &["db.system.name", "db.system"]),
        namespace: text(span, &["db.namespace", "db.name"]),
        operation: text(span, &["db.operation.name", "db.operation"]),
        statement: text(span, &["db.query.text", "db.statement"]),
        collection: text(span, &["db.collection.name", "db.sql.table", "db.mongodb.collection"]),
    }
}

/// Returns whom a span talked to: the logical name when there is one, else the address.
pub fn peer(span: SpanView<'_>) -> Option<Text<'_>> {
    text(span, PEER)
}

/// Returns the name of the instrumentation that made the span.
pub fn scope(span: SpanView<'_>) -> Option<Text<'_>> {
    text(span, &["otel.scope.name", "otel.library.name"])
}

/// Returns what a span says about its failure: its last exception event, else `error.type`, else the status text. An
/// exception that was handled stands on spans that did not fail, too: look at the status first.
pub fn error(span: SpanView<'_>) -> Option<ErrorText<'_>> {
    let described = || text(span, &["otel.status_description", "error.message"]).unwrap_or_default();
    if let Some(event) = span.events().filter(|event| event.name == "exception").last() {
        let class = of_event(event, "exception.type").unwrap_or_default();
        let message = of_event(event, "exception.message").unwrap_or_default();
        if is_wrapper(&class)
            && let Some(trace) = of_event(event, "exception.stacktrace")
            && let Some((class, message)) = unwrapped(&trace)
        {
            return Some(ErrorText { class: class.into(), message: message.into() });
        }
        let message = if message.is_empty() { described() } else { message };
        if !(class.is_empty() && message.is_empty()) {
            return Some(ErrorText { class, message });
        }
    }
    let (class, message) = (text(span, &["error.type"]).unwrap_or_default(), described());
    (!class.is_empty() || !message.is_empty()).then_some(ErrorText { class, message })
}

/// Says whether the span is no attempt: Spring Kafka polled a record of a retry topic before it was due, so the handler
/// did not run.
pub fn not_due(span: SpanView<'_>) -> bool {
    span.events().any(|event| {
        event.attributes().any(|(key, value)| match key {
            "exception.type" => value.text().ends_with("KafkaBackoffException"),
            "exception.stacktrace" => {
                value.text().lines().filter_map(cause).any(|(class, _)| class.ends_with("KafkaBackoffException"))
            }
            _ => false,
        })
    })
}

/// Returns the attributes under which a span names a record, in all generations: alternatives, each of attributes that
/// stand on one span.
pub fn naming(at: &Coordinate) -> Vec<Vec<(SmolStr, SmolStr)>> {
    let pair = |name: &'static str, value: String| (SmolStr::new_static(name), SmolStr::from(value));
    let id = vec![pair("messaging.message.id", format!("{}.{}.{}", at.topic, at.partition, at.offset))];
    let of_offset = |offset: &'static str| {
        DESTINATION
            .iter()
            .map(move |topic| vec![pair(offset, at.offset.to_string()), pair(topic, at.topic.to_string())])
    };
    std::iter::once(id).chain(OFFSET.iter().copied().flat_map(of_offset)).collect()
}

/// Returns the record that a span wrote, received or worked on, by its own fields and the habits of its instrumentation.
pub fn record_coordinate(span: SpanView<'_>) -> Option<Coordinate> {
    let fields = messaging(span);
    if let Some(system) = &fields.system
        && system != "kafka"
    {
        return None;
    }
    let scope = scope(span).unwrap_or_default();
    // opentelemetry-instrumentation-confluent-kafka: topic.partition.offset; a topic may hold dots.
    let joined = || {
        let id = fields.message_id.as_deref()?;
        let (rest, offset) = id.rsplit_once('.')?;
        let (topic, partition) = rest.rsplit_once('.')?;
        let same = fields.destination.as_deref().is_none_or(|destination| destination == topic);
        (same && scope.contains("confluent")).then_some(())?;
        Coordinate::parse(&format!("{topic}-{partition}@{offset}"))
    };
    // otelsarama: the message id is the offset alone.
    let alone = || scope.contains("sarama").then(|| fields.message_id.as_deref()?.parse().ok()).flatten();
    match (&fields.destination, fields.partition, fields.offset.or_else(alone)) {
        (Some(topic), Some(partition), Some(offset)) => {
            Some(Coordinate { topic: topic.as_ref().into(), partition, offset })
        }
        _ => joined(),
    }
}

fn operation(span: SpanView<'_>) -> Option<Operation> {
    let named = OPERATION.iter().find_map(|name| match span.attribute(name)?.text().as_ref() {
        "send" | "publish" => Some(Operation::Send),
        "receive" | "poll" => Some(Operation::Receive),
        "process" | "deliver" => Some(Operation::Process),
        "settle" | "commit" | "ack" | "nack" => Some(Operation::Settle),
        "create" => Some(Operation::Create),
        _ => None,
    });
    if named.is_some() || text(span, SYSTEM).is_none() {
        return named;
    }
    match span.kind() {
        SpanKind::Producer => Some(Operation::Send),
        SpanKind::Consumer => Some(Operation::Process),
        SpanKind::Unspecified | SpanKind::Internal | SpanKind::Server | SpanKind::Client => None,
    }
}

fn text<'a>(span: SpanView<'a>, names: &[&str]) -> Option<Text<'a>> {
    names.iter().find_map(|name| said(span.attribute(name)?))
}

fn integer(span: SpanView<'_>, names: &[&str]) -> Option<i64> {
    names.iter().find_map(|name| span.attribute(name)?.integer())
}

/// Spring's observation writes `none` for what is absent.
fn said(value: Value<'_>) -> Option<Text<'_>> {
    Some(value.text()).filter(|text| !text.is_empty() && text != "none")
}

fn of_event<'a>(event: EventView<'a>, name: &str) -> Option<Text<'a>> {
    event.attributes().find(|(key, _)| *key == name).and_then(|(_, value)| said(value))
}

fn is_wrapper(class: &str) -> bool {
    WRAPPERS.iter().any(|wrapper| class.rsplit(['.', '$']).next() == Some(wrapper))
}

fn cause(line: &str) -> Option<(&str, &str)> {
    let words = line.trim_start().strip_prefix("Caused by: ")?;
    let (class, message) = words.split_once(": ").unwrap_or((words, ""));
    Some((class.trim(), message.trim()))
}

fn unwrapped(trace: &str) -> Option<(String, String)> {
    let mut causes = trace.lines().filter_map(cause);
    causes.find(|(class, _)| !is_wrapper(class)).map(|(class, message)| (class.to_owned(), message.to_owned()))
}

#[cfg(test)]
mod tests;
