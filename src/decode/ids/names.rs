//! What a field means by its name: one line per meaning, names squashed to small letters and digits, so that snake,
//! kebab, camel and dotted spellings are one.
//!
//! Sources of the names: OpenTelemetry's specification for logs without OTLP, Spring Boot (Micrometer), loki4j,
//! opentelemetry-python, Elastic ECS, Datadog, Google Cloud Logging, .NET's activity tracking, X-Ray, B3; names of
//! applications as they are in use.

use super::values;
use crate::model::NamedKind;
use crate::model::id::{SpanId, TraceId};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a field means.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// A trace id, read as this.
    Trace(fn(&str) -> Option<TraceId>),
    /// A span id, read as this.
    Span(fn(&str) -> Option<SpanId>),
    /// A trace and a span in one text.
    Pointer(fn(&str) -> values::Pair),
    /// A named identifier with its qualifier.
    Named(NamedKind, &'static str),
    /// Parts of a coordinate.
    Topic,
    Partition,
    Offset,
}

impl Meaning {
    /// Says whether the field alone names nothing.
    pub(super) const fn is_part(self) -> bool {
        matches!(self, Self::Topic | Self::Partition | Self::Offset)
    }
}

use Meaning::{Named, Pointer, Span, Trace};
use NamedKind::{Business, Context, Conversation, Idempotency, Message, Request};

const MEANINGS: &[(Meaning, &[&str])] = &[
    (Trace(values::trace), &["traceid", "oteltraceid", "xb3traceid", "xtraceid", "awstraceid", "xraytraceid"]),
    (Trace(values::trace), &["logginggoogleapiscomtrace", "sourcetraceid", "cetraceid"]),
    (Trace(values::datadog_trace), &["ddtraceid", "xdatadogtraceid"]),
    (Span(SpanId::parse), &["spanid", "otelspanid", "xb3spanid", "logginggoogleapiscomspanid"]),
    (Span(values::datadog_span), &["ddspanid", "xdatadogparentid"]),
    (Pointer(values::w3c), &["traceparent", "cetraceparent"]),
    (Pointer(values::b3), &["b3"]),
    (Pointer(values::jaeger), &["ubertraceid"]),
    (Pointer(values::xray), &["xamzntraceid"]),
    (Pointer(values::cloud), &["xcloudtracecontext"]),
    (Named(Request, ""), &["requestid", "xrequestid", "reqid", "httprequestid", "guidxrequestid", "envoyrequestid"]),
    (Named(Request, ""), &["amznrequestid", "xamznrequestid", "awsrequestid"]),
    (Named(Conversation, "correlation"), &["correlationid", "xcorrelationid", "kafkacorrelationid", "corrid"]),
    (Named(Conversation, "correlation"), &["nservicebuscorrelationid", "rbs2corrid", "cecorrelationid"]),
    (Named(Conversation, "conversation"), &["conversationid", "nservicebusconversationid", "messagingconversationid"]),
    (Named(Conversation, "conversation"), &["messagingmessageconversationid"]),
    (Named(Conversation, "saga"), &["sagaid", "workflowid", "processinstanceid", "businessprocessid"]),
    (Named(Idempotency, ""), &["idempotencykey", "xidempotencykey", "idempotenceid", "dedupid", "deduplicationid"]),
    (Named(Message, ""), &["messageid", "xmessageid", "msgid", "eventid", "xeventid", "rbs2msgid"]),
    (Named(Message, ""), &["nservicebusmessageid", "mtoriginalmessageid", "ceid", "cloudeventsid"]),
    (Named(Business, "order"), &["orderid", "ordernumber", "orderno"]),
    (Named(Business, "payment"), &["paymentid", "paymentintentid"]),
    (Named(Business, "invoice"), &["invoiceid", "invoicenumber"]),
    (Named(Business, "shipment"), &["shipmentid", "parcelid", "trackingnumber"]),
    (Named(Business, "cart"), &["cartid", "basketid"]),
    (Named(Business, "checkout"), &["checkoutid"]),
    (Named(Business, "booking"), &["bookingid", "reservationid"]),
    (Named(Business, "transfer"), &["transferid"]),
    (Named(Business, "transaction"), &["transactionid", "txnid", "txid"]),
    (Named(Business, "refund"), &["refundid"]),
    (Named(Business, "subscription"), &["subscriptionid"]),
    (Named(Business, "ticket"), &["ticketid"]),
    (Named(Business, "claim"), &["claimid"]),
    (Named(Business, "document"), &["documentid"]),
    (Named(Business, "item"), &["itemid"]),
    (Named(Business, "job"), &["jobid", "taskid"]),
    (Named(Business, "aggregate"), &["aggregateid", "entityid"]),
    (Named(Context, "customer"), &["customerid", "clientnumber"]),
    (Named(Context, "user"), &["userid", "enduserid", "xuserid"]),
    (Named(Context, "tenant"), &["tenantid", "xtenantid", "organizationid", "orgid"]),
    (Named(Context, "account"), &["accountid"]),
    (Named(Context, "session"), &["sessionid", "xsessionid"]),
    (Named(Context, "device"), &["deviceid"]),
    (Named(Context, "host"), &["hostname", "hostid"]),
    (Named(Context, "pod"), &["k8spodname", "k8spoduid", "podname"]),
    (Named(Context, "instance"), &["serviceinstanceid"]),
    (Meaning::Topic, &["topic", "kafkatopic", "messagingdestinationname"]),
    (Meaning::Partition, &["partition", "kafkapartition", "messagingdestinationpartitionid"]),
    (Meaning::Offset, &["offset", "kafkaoffset", "messagingkafkamessageoffset", "messagingkafkaoffset"]),
];

/// What instrumentations, layouts and collectors put before the name of the application.
const PREFIXES: &[&str] = &[
    "http.request.header.",
    "http.response.header.",
    "messaging.header.",
    "rpc.request.metadata.",
    "rpc.response.metadata.",
    "rpc.grpc.request.metadata.",
    "baggage.",
    "mdc_",
    "mdc.",
    "contextmap_",
    "contextmap.",
    "attributes_",
    "attributes.",
    "fields_",
    "fields.",
    "labels.",
    "extra.",
    "app.",
];
/// Longest name with a meaning, squashed.
const LONGEST: usize = 48;

static BY_NAME: LazyLock<HashMap<&'static str, Meaning, FixedState>> =
    LazyLock::new(|| MEANINGS.iter().flat_map(|(meaning, names)| names.iter().map(|name| (*name, *meaning))).collect());

/// Returns what a field of this name means.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    let bare = PREFIXES.iter().find_map(|prefix| {
        let (head, rest) = name.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(rest)
    });
    let mut room = [0; LONGEST];
    BY_NAME.get(squash(bare.unwrap_or(name), &mut room)?).copied()
}

/// Returns what a field means by its whole name, else by what follows one of its dots: loggers nest contexts.
pub(super) fn nested(name: &str) -> Option<Meaning> {
    meaning(name).or_else(|| name.match_indices('.').find_map(|(at, _)| meaning(&name[at + 1..])))
}

/// Says whether a value only repeats its field's name, as templates that were never filled do.
pub(super) fn is_name(name: &str, value: &str) -> bool {
    let (mut one, mut other) = ([0; LONGEST], [0; LONGEST]);
    matches!((squash(name, &mut one), squash(value, &mut other)), (Some(name), Some(value)) if name == value)
}

fn squash<'a>(name: &str, room: &'a mut [u8; LONGEST]) -> Option<&'a str> {
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric) {
        *room.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    std::str::from_utf8(&room[..length]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_squashed_and_means_one_thing() {
        let all: Vec<&str> = MEANINGS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for name in &all {
            assert_eq!(squash(name, &mut [0; LONGEST]), Some(*name));
        }
        assert_eq!(BY_NAME.len(), all.len(), "a name stands twice");
    }
}
