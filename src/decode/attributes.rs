//! One meaning for each attribute over all generations of the conventions.

//!
//! The names of all generations are one table in `table`; a span's attributes are read in one pass.

mod claims;
mod table;

use super::instrumentation::{self, MessageId};
use crate::model::spans::{EventView, SpanView};
use crate::model::{Coordinate, SpanKind, Value};
pub use claims::{Claims, claims};
use smol_str::{SmolStr, ToSmolStr, format_smolstr};
use std::borrow::Cow;
use table::{Field, Fields, aliases};

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
    /// Id of the cluster.
    pub cluster: Option<Text<'a>>,
    /// Size of the body, in bytes.
    pub body_size: Option<i64>,
    /// Whether the record deletes its key.
    pub tombstone: bool,
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

/// Classes that only wrap the failure of a handler.
const WRAPPERS: &[&str] = &[
    "TimestampedException",
    "ListenerExecutionFailedException",
    "UndeclaredThrowableException",
    "InvocationTargetException",
    "CompletionException",
    "ExecutionException",
    "BatchListenerFailedException",
    "MessageHandlingException",
];

/// Returns the messaging fields of a span.
pub fn messaging(span: SpanView<'_>) -> Messaging<'_> {
    let fields = Fields::of(span);
    let natural = |field| fields.integer(field).filter(|number| *number >= 0);
    Messaging {
        system: fields.text(Field::System),
        destination: fields.text(Field::Destination),
        partition: natural(Field::Partition).and_then(|number| i32::try_from(number).ok()),
        offset: natural(Field::Offset),
        key: fields.text(Field::Key),
        group: fields
            .text(Field::Group)
            .or_else(|| fields.text(Field::Consumer).and_then(|consumer| group_of_consumer(&consumer))),
        client: fields.text(Field::Client).or_else(|| fields.text(Field::Consumer)),
        message_id: fields.text(Field::MessageId),
        conversation: fields.text(Field::Conversation),
        operation: operation(span, &fields),
        batch_count: fields.integer(Field::BatchCount),
        cluster: fields.text(Field::Cluster),
        body_size: natural(Field::BodySize),
        tombstone: fields.text(Field::Tombstone).is_some_and(|text| text == "true"),
    }
}

/// Returns how many messages the batch of a span holds.
pub fn batch_count(span: SpanView<'_>) -> Option<i64> {
    integer(span, aliases(Field::BatchCount))
}

/// Returns the HTTP fields of a span.
pub fn http(span: SpanView<'_>) -> Http<'_> {
    let fields = Fields::of(span);
    Http {
        method: fields.text(Field::HttpMethod),
        status: fields.integer(Field::HttpStatus),
        url: fields.text(Field::Url),
        path: fields.text(Field::Path),
        host: fields.text(Field::ServerAddress).or_else(|| fields.text(Field::Host)),
        resend: fields.integer(Field::Resend),
    }
}

/// Returns the method of a request; like its neighbours cheaper than [`http`] where nothing else is wanted.
pub fn http_method(span: SpanView<'_>) -> Option<Text<'_>> {
    text(span, aliases(Field::HttpMethod)).or_else(|| observed(span, "method").and_then(said))
}

/// Returns the status of a response.
pub fn http_status(span: SpanView<'_>) -> Option<i64> {
    integer(span, aliases(Field::HttpStatus)).or_else(|| observed(span, "status")?.integer())
}

/// Returns a key of Spring's own HTTP observations (Micrometer), which has none of the conventions' names: words as common
/// as these count only where all of them stand.
fn observed<'a>(span: SpanView<'a>, key: &str) -> Option<Value<'a>> {
    let is_http = ["outcome", "uri", "exception"].iter().all(|key| span.attribute(key).is_some());
    is_http.then(|| span.attribute(key)).flatten()
}

/// Returns the whole URL of a request.
pub fn http_url(span: SpanView<'_>) -> Option<Text<'_>> {
    text(span, aliases(Field::Url))
}

/// Returns the RPC fields of a span.
pub fn rpc(span: SpanView<'_>) -> Rpc<'_> {
    let fields = Fields::of(span);
    Rpc {
        system: fields.text(Field::RpcSystem),
        service: fields.text(Field::RpcService),
        method: fields.text(Field::RpcMethod),
        status: fields.text(Field::RpcStatus),
    }
}

/// Says whether a span is a remote procedure call.
pub fn is_rpc(span: SpanView<'_>) -> bool {
    text(span, aliases(Field::RpcSystem)).is_some()
}

/// Returns the status of a remote procedure call, a number or a word.
pub fn rpc_status(span: SpanView<'_>) -> Option<Text<'_>> {
    text(span, aliases(Field::RpcStatus))
}

/// Returns the database fields of a span.
pub fn db(span: SpanView<'_>) -> Db<'_> {
    let fields = Fields::of(span);
    Db {
        system: fields.text(Field::DbSystem),
        namespace: fields.text(Field::DbNamespace),
        operation: fields.text(Field::DbOperation),
        statement: fields.text(Field::DbStatement),
        collection: fields.text(Field::DbCollection),
    }
}

/// Returns whom a span talked to: the logical name when there is one, else the address.
pub fn peer(span: SpanView<'_>) -> Option<Text<'_>> {
    let fields = Fields::of(span);
    [Field::ServicePeer, Field::ServerAddress, Field::PeerAddress].into_iter().find_map(|field| fields.text(field))
}

/// Returns the environment that a span's process runs in, such as `production`.
pub fn environment(span: SpanView<'_>) -> Option<Text<'_>> {
    let said_by = |name: &&str| span.resource().find(|(key, _)| key == name).and_then(|(_, value)| said(value));
    aliases(Field::Environment).iter().find_map(said_by)
}

/// Returns the name of the instrumentation that made the span.
pub fn scope(span: SpanView<'_>) -> Option<Text<'_>> {
    text(span, aliases(Field::Scope))
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
    let class = || observed(span, "exception").and_then(said).filter(|class| &**class != "none");
    let class = text(span, &["error.type"]).or_else(class).unwrap_or_default();
    let message = described();
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
        aliases(Field::Destination)
            .iter()
            .map(move |topic| vec![pair(offset, at.offset.to_string()), pair(topic, at.topic.to_string())])
    };
    std::iter::once(id).chain(aliases(Field::Offset).iter().copied().flat_map(of_offset)).collect()
}

/// Returns the attributes by one of which a search finds spans that name a record: under the usual names, and under those
/// of other generations and of instrumentations that name the offset alone.
pub fn searched(at: &Coordinate) -> [Vec<(SmolStr, SmolStr)>; 2] {
    const USUAL: [&str; 2] = ["messaging.message.id", "messaging.kafka.message.offset"];
    let (whole, offset) = (format_smolstr!("{}.{}.{}", at.topic, at.partition, at.offset), at.offset.to_smolstr());
    let names = |field, value: &SmolStr| {
        aliases(field).iter().map(|name| (SmolStr::new_static(name), value.clone())).collect::<Vec<_>>()
    };
    let mut all = names(Field::MessageId, &whole);
    all.extend(names(Field::Offset, &offset));
    let (usual, mut rare): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| USUAL.contains(&name.as_str()));
    rare.extend(names(Field::MessageId, &offset));
    [usual, rare]
}

/// Returns the record that a span wrote, received or worked on, by its own fields and the habits of its instrumentation.
pub fn record_coordinate(span: SpanView<'_>) -> Option<Coordinate> {
    let fields = messaging(span);
    if let Some(system) = &fields.system
        && system != "kafka"
    {
        return None;
    }
    let means = instrumentation::of(span).message_id;
    // `topic.partition.offset`; a topic may hold dots.
    let joined = || {
        let id = fields.message_id.as_deref().filter(|_| means == MessageId::Coordinate)?;
        let (rest, offset) = id.rsplit_once('.')?;
        let (topic, partition) = rest.rsplit_once('.')?;
        let same = fields.destination.as_deref().is_none_or(|destination| destination == topic);
        same.then(|| Coordinate::parse(&format!("{topic}-{partition}@{offset}"))).flatten()
    };
    let alone = || fields.message_id.as_deref().filter(|_| means == MessageId::Offset)?.parse().ok();
    match (&fields.destination, fields.partition, fields.offset.or_else(alone)) {
        (Some(topic), Some(partition), Some(offset)) => {
            Some(Coordinate { topic: topic.as_ref().into(), partition, offset })
        }
        _ => joined(),
    }
}

/// Returns the name of the attribute that tells the offset of a span's record, as it was sent.
pub fn offset_name(span: SpanView<'_>) -> Option<&str> {
    let named = |field| span.attributes().map(|(name, _)| name).find(|name| aliases(field).contains(name));
    named(Field::Offset).or_else(|| named(Field::MessageId))
}

/// Says whether an attribute of this name holds the key of a record.
pub fn is_record_key(name: &str) -> bool {
    aliases(Field::Key).contains(&name)
}

fn operation(span: SpanView<'_>, fields: &Fields<'_>) -> Option<Operation> {
    // The free name of 1.27 stands beside the type; either may hold a word that is not known.
    let named = [Field::Operation, Field::OperationName].into_iter().find_map(|field| match &*fields.text(field)? {
        "send" | "publish" => Some(Operation::Send),
        "receive" | "poll" => Some(Operation::Receive),
        "process" | "deliver" => Some(Operation::Process),
        "settle" | "commit" | "ack" | "nack" => Some(Operation::Settle),
        "create" => Some(Operation::Create),
        _ => None,
    });
    if named.is_some() || fields.text(Field::System).is_none() {
        return named;
    }
    match span.kind() {
        SpanKind::Producer => Some(Operation::Send),
        SpanKind::Consumer => Some(Operation::Process),
        SpanKind::Unspecified | SpanKind::Internal | SpanKind::Server | SpanKind::Client => None,
    }
}

/// Spring's observation writes `group - client` (Spring Kafka, `messaging.consumer.id`).
fn group_of_consumer<'a>(consumer: &str) -> Option<Text<'a>> {
    consumer.split_once(" - ").map(|(group, _)| group.to_owned().into())
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
