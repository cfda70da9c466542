//! The names of each field in all generations of the conventions, and reading them in one pass.
//!
//! Checked against the schema files up to 1.45 and what instrumentations send. The newest name of a field comes first and
//! wins where several stand on one span (`OTEL_SEMCONV_STABILITY_OPT_IN=messaging/dup`).

use super::{Text, said};
use crate::model::Value;
use crate::model::spans::SpanView;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A field with one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    System,
    Destination,
    Partition,
    Offset,
    Key,
    Tombstone,
    Group,
    Client,
    Consumer,
    Cluster,
    MessageId,
    Conversation,
    Operation,
    OperationName,
    BatchCount,
    BodySize,
    HttpMethod,
    HttpStatus,
    Url,
    Path,
    Host,
    Resend,
    ServicePeer,
    ServerAddress,
    PeerAddress,
    RpcSystem,
    RpcService,
    RpcMethod,
    RpcStatus,
    DbSystem,
    DbNamespace,
    DbOperation,
    DbStatement,
    DbCollection,
    Scope,
    Environment,
}

/// How a value must read to count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum As {
    Text,
    Integer,
}

type Row = (Field, As, &'static [&'static str]);

/// One line per field, in the order of [`Field`].
const TABLE: &[Row] = &[
    (Field::System, As::Text, &["messaging.system.name", "messaging.system"]),
    (
        Field::Destination,
        As::Text,
        &[
            "messaging.destination.name",
            "messaging.source.name",
            "messaging.destination",
            "messaging.destination_publish.name",
        ],
    ),
    (
        Field::Partition,
        As::Integer,
        &[
            "messaging.destination.partition.id",
            "messaging.kafka.destination.partition",
            "messaging.kafka.source.partition",
            "messaging.kafka.partition",
        ],
    ),
    (Field::Offset, As::Integer, &["kafka.offset", "messaging.kafka.offset", "messaging.kafka.message.offset"]),
    (Field::Key, As::Text, &["kafka.message.key", "messaging.kafka.message.key", "messaging.kafka.message_key"]),
    (
        Field::Tombstone,
        As::Text,
        &["kafka.message.tombstone", "messaging.kafka.message.tombstone", "messaging.kafka.tombstone"],
    ),
    (
        Field::Group,
        As::Text,
        &["messaging.consumer.group.name", "messaging.kafka.consumer.group", "messaging.kafka.consumer_group"],
    ),
    (Field::Client, As::Text, &["messaging.client.id", "messaging.client_id", "messaging.kafka.client_id"]),
    (Field::Consumer, As::Text, &["messaging.consumer.id", "messaging.consumer_id"]),
    (Field::Cluster, As::Text, &["kafka.cluster.id", "messaging.kafka.cluster.id"]),
    (Field::MessageId, As::Text, &["messaging.message.id", "messaging.message_id"]),
    (Field::Conversation, As::Text, &["messaging.message.conversation_id", "messaging.conversation_id"]),
    (Field::Operation, As::Text, &["messaging.operation.type", "messaging.operation"]),
    (Field::OperationName, As::Text, &["messaging.operation.name"]),
    (Field::BatchCount, As::Integer, &["messaging.batch.message_count"]),
    (
        Field::BodySize,
        As::Integer,
        &[
            "messaging.message.body.size",
            "messaging.message.payload_size_bytes",
            "messaging.message_payload_size_bytes",
        ],
    ),
    (Field::HttpMethod, As::Text, &["http.request.method", "http.method"]),
    (Field::HttpStatus, As::Integer, &["http.response.status_code", "http.status_code"]),
    (Field::Url, As::Text, &["url.full", "http.url"]),
    (Field::Path, As::Text, &["url.path", "http.target", "http.route"]),
    (Field::Host, As::Text, &["http.host", "net.host.name"]),
    (Field::Resend, As::Integer, &["http.request.resend_count", "http.resend_count", "http.retry_count"]),
    (Field::ServicePeer, As::Text, &["service.peer.name", "peer.service"]),
    (Field::ServerAddress, As::Text, &["server.address", "net.peer.name"]),
    (Field::PeerAddress, As::Text, &["network.peer.address", "net.sock.peer.addr", "net.peer.ip"]),
    (Field::RpcSystem, As::Text, &["rpc.system.name", "rpc.system"]),
    (Field::RpcService, As::Text, &["rpc.service"]),
    (Field::RpcMethod, As::Text, &["rpc.method"]),
    (Field::RpcStatus, As::Text, &["rpc.status_code", "rpc.response.status_code", "rpc.grpc.status_code"]),
    (Field::DbSystem, As::Text, &["db.system.name", "db.system"]),
    (Field::DbNamespace, As::Text, &["db.namespace", "db.name"]),
    (Field::DbOperation, As::Text, &["db.operation.name", "db.operation"]),
    (Field::DbStatement, As::Text, &["db.query.text", "db.statement"]),
    (Field::DbCollection, As::Text, &["db.collection.name", "db.sql.table", "db.mongodb.collection"]),
    (Field::Scope, As::Text, &["otel.scope.name", "otel.library.name"]),
    (Field::Environment, As::Text, &["deployment.environment.name", "deployment.environment"]),
];

/// Field and rank of each name.
static BY_NAME: LazyLock<HashMap<&'static str, (u8, u8), FixedState>> = LazyLock::new(|| {
    let ranked = |(row, (_, _, names)): (usize, &Row)| {
        let pairs: Vec<_> = names.iter().enumerate().map(|(rank, name)| (*name, (row as u8, rank as u8))).collect();
        pairs
    };
    TABLE.iter().enumerate().flat_map(ranked).collect()
});

/// Returns the names of a field, newest first.
pub(super) fn aliases(field: Field) -> &'static [&'static str] {
    TABLE[field as usize].2
}

/// The known fields of one span.
pub(super) struct Fields<'a> {
    found: [Option<(u8, Value<'a>)>; TABLE.len()],
}

impl<'a> Fields<'a> {
    /// Reads a span: one look-up per attribute, whatever the number of names.
    pub(super) fn of(span: SpanView<'a>) -> Self {
        let mut found = [None; TABLE.len()];
        for (name, value) in span.attributes() {
            let Some(&(row, rank)) = BY_NAME.get(name) else { continue };
            let seat: &mut Option<(u8, Value<'a>)> = &mut found[usize::from(row)];
            if seat.is_some_and(|(kept, _)| kept <= rank) {
                continue;
            }
            let counts = match TABLE[usize::from(row)].1 {
                As::Integer => value.integer().is_some(),
                As::Text => !matches!(value, Value::Empty | Value::Text("" | "none")),
            };
            if counts {
                *seat = Some((rank, value));
            }
        }
        Self { found }
    }

    pub(super) fn text(&self, field: Field) -> Option<Text<'a>> {
        self.found[field as usize].and_then(|(_, value)| said(value))
    }

    pub(super) fn integer(&self, field: Field) -> Option<i64> {
        self.found[field as usize].and_then(|(_, value)| value.integer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_line_per_field_and_one_field_per_name() {
        for (row, (field, _, names)) in TABLE.iter().enumerate() {
            assert_eq!(*field as usize, row, "{names:?}");
        }
        assert_eq!(BY_NAME.len(), TABLE.iter().map(|(_, _, names)| names.len()).sum::<usize>(), "a name stands twice");
    }
}
