use super::*;
use crate::model::record::{Header, RecordClock};
use crate::model::spans::{Place, SpanHead, SpanStore};
use crate::model::{LineStore, SpanKind, SpanRow, Timestamp, Value};
use bytes::Bytes;
use proptest::prelude::*;

const TRACE: &str = "5af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "00f067aa0ba902b7";

#[test]
fn a_longer_id_that_contains_it_is_no_hit() {
    let cases = [
        ("order ord-1 paid", true),
        ("id=ord-1,", true),
        ("{\"id\":\"ord-1\"}", true),
        ("ord-12", false),
        ("word-1", false),
        ("ord-1-retry", false),
        ("ord-12 ord-1", true),
    ];
    for (text, hit) in cases {
        assert_eq!(contains_token(text, "ord-1"), hit, "{text}");
    }
}

fn line(metadata: &[(&str, &str)], text: &str) -> LineStore {
    let mut store = LineStore::default();
    let stream = store.stream(&[("app", "shop")]);
    store.push(stream, Timestamp(1), text, metadata, 0);
    store
}

fn of_text(text: &str) -> Vec<Found> {
    of_line(line(&[], text).iter().next().unwrap())
}

fn shown(found: &[Found]) -> Vec<String> {
    found.iter().map(|found| format!("{} {}", found.id.word(), found.id)).collect()
}

#[test]
fn every_logger_names_the_same_span() {
    let (trace, span) = (TraceId::parse(TRACE).unwrap(), SpanId::parse(SPAN).unwrap());
    let low = TraceId(u128::from(trace.0 as u64));
    let check = |metadata: &[(&str, &str)], text: &str, want: (TraceId, Option<SpanId>)| {
        let store = line(metadata, text);
        let line = store.iter().next().unwrap();
        assert_eq!(trace_of_line(line), Some(want), "{metadata:?} {text}");
        let found = of_line(line);
        assert!(found.iter().any(|found| found.id.joins(&Identifier::Trace(trace))), "{metadata:?} {text}: {found:?}");
        if let (trace, Some(span)) = want {
            assert!(found.iter().any(|found| found.id == Identifier::Span(trace, span)), "{text}: {found:?}");
        }
    };
    let whole = (trace, Some(span));
    check(&[("trace_id", TRACE), ("span_id", SPAN)], "paid", whole);
    check(&[("mdc_trace_id", TRACE), ("mdc_span_id", SPAN), ("mdc_trace_flags", "03")], "paid", whole);
    let of = |text: String, want| check(&[], &text, want);
    of(format!(r#"{{"trace_id":"{TRACE}","span_id":"{SPAN}","msg":"paid"}}"#), whole);
    of(format!(r#"{{"message":"paid","mdc":{{"traceId":"{TRACE}","spanId":"{SPAN}"}}}}"#), whole);
    of(format!(r#"{{"otelTraceID":"{TRACE}","otelSpanID":"{SPAN}","otelTraceSampled":true}}"#), whole);
    of(format!(r#"{{"trace.id":"{TRACE}","span.id":"{SPAN}"}}"#), whole);
    of(format!(r#"{{"TraceId":"{TRACE}","SpanId":"{SPAN}","ParentId":"0000000000000000"}}"#), whole);
    let google = r#""logging.googleapis.com/trace":"projects/shop/traces/"#;
    of(format!(r#"{{{google}{TRACE}","logging.googleapis.com/spanId":"{SPAN}"}}"#), whole);
    of(format!("level=info trace_id={TRACE} span_id={SPAN} msg=paid"), whole);
    of(format!("2026-11-24 INFO [{TRACE}-{SPAN}] c.s.Payments : paid"), whole);
    of(format!("INFO [shop,{TRACE},{SPAN}] paid"), whole);
    of(format!("INFO [shop,{TRACE},{SPAN},true] paid"), whole);
    of(format!("paid traceparent=00-{TRACE}-{SPAN}-02"), whole);
    of(format!("paid X-B3-TraceId: {TRACE}, X-B3-SpanId: {SPAN}"), whole);
    of(format!("Root request x-amzn-trace-id=Root=1-{}-{}", &TRACE[..8], &TRACE[8..]), (trace, None));
    of(format!(r#"{{"xray_trace_id":"1-{}-{}"}}"#, &TRACE[..8], &TRACE[8..]), (trace, None));
    let dd = format!("dd.trace_id={} dd.span_id={}", trace.0 as u64, span.0);
    of(format!("paid [{dd}]"), (low, Some(span)));
    of(format!("paid dd.trace_id={TRACE} dd.span_id={}", span.0), whole);
}

#[test]
fn what_stands_for_no_span_names_none() {
    for text in [
        r#"{"otelTraceID":"0","otelSpanID":"0","msg":"up"}"#,
        "trace_id=00000000000000000000000000000000 span_id=0000000000000000",
        "traceId= spanId= up",
        "trace_id=null",
        "trace_id=1234",
        "at [Consumer-clientId-1] up",
        r#"{"request_id":"null","order_id":"undefined","correlationId":"0","message_id":"${messageId}"}"#,
        r#"{"order_id":"order_id","requestId":"requestId"}"#,
    ] {
        assert_eq!(shown(&of_text(text)), [""; 0], "{text}");
    }
}

#[test]
fn applications_ids_are_found_in_every_spelling_of_their_name() {
    let check = |name: &str, value: &str, want: &str| {
        for text in [
            format!(r#"{{"{name}":"{value}","msg":"x"}}"#),
            format!(r#"{{"context":{{"{name}":"{value}"}}}}"#),
            format!("level=info {name}={value} msg=x"),
            format!("x happened, {name}: {value}; again"),
            format!("x ({name} = '{value}')"),
        ] {
            assert_eq!(shown(&of_text(&text)), [want], "{text}");
        }
    };
    let id = "6f1c2a34-9b7d-4e21-8f00-1234567890ab";
    for name in ["x-request-id", "X-Request-ID", "request_id", "requestId", "requestID", "reqId"] {
        check(name, id, &format!("request {id}"));
    }
    for name in ["x-correlation-id", "correlation_id", "correlationId", "CorrelationId"] {
        check(name, "c-77", "conversation correlation c-77");
    }
    check("Idempotency-Key", "pay-1", "idempotency pay-1");
    check("message_id", "m-1", "message m-1");
    check("eventId", "e-1", "message e-1");
    check("orderId", "17", "business order 17");
    check("payment_id", "p-1", "business payment p-1");
    check("saga_id", "s-1", "conversation saga s-1");
    check("job-id", "j-1", "business job j-1");
    check("customer.id", "4711", "context customer 4711");
}

#[test]
fn a_span_names_its_record_its_message_and_what_was_captured() {
    let mut store = SpanStore::default();
    let process = store.process();
    for (name, value) in [
        ("messaging.system", Value::Text("kafka")),
        ("messaging.destination.name", Value::Text("orders")),
        ("messaging.destination.partition.id", Value::Text("3")),
        ("messaging.kafka.message.offset", Value::Int(17)),
        ("messaging.kafka.message.key", Value::Text("ord-7f3k2q")),
        ("kafka.cluster.id", Value::Text("eu")),
        ("messaging.message.id", Value::Text("m-17")),
        ("messaging.message.conversation_id", Value::Text("c-17")),
        ("messaging.header.x_request_id", Value::Text("[\"r-12345\"]")),
        ("http.request.header.idempotency-key", Value::Text("[\"k-1\"]")),
        ("otel.scope.name", Value::Text("com.shop.own")),
    ] {
        store.push_attribute(Place::Span, name, value);
    }
    store.push_link(TraceId(9), SpanId(8));
    store.finish(SpanHead {
        process,
        trace: TraceId(5),
        id: SpanId(6),
        kind: SpanKind::Consumer,
        ..SpanHead::default()
    });
    let found = of_span(store.span(SpanRow(0)));
    let mut texts = shown(&found);
    texts.sort();
    let mut want = [
        "trace 00000000000000000000000000000005",
        "span 00000000000000000000000000000005/0000000000000006",
        "span 00000000000000000000000000000009/0000000000000008",
        "record eu/orders-3@17",
        "message m-17",
        "record-key orders ord-7f3k2q",
        "conversation conversation c-17",
        "request r-12345",
        "idempotency k-1",
    ];
    want.sort_unstable();
    assert_eq!(texts, want);
    let captured = found.iter().find(|found| found.id.word() == "request").unwrap();
    assert_eq!((&*captured.field, captured.spot), ("messaging.header.x_request_id", Spot::Field));
}

fn record(key: &str, headers: &[(&str, &str)], value: &str) -> Record {
    let header = |(key, value): &(&str, &str)| Header {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
    };
    Record {
        coordinate: Coordinate { topic: "orders".into(), partition: 3, offset: 17 },
        timestamp: Timestamp(0),
        clock: RecordClock::CreateTime,
        key: Some(Bytes::copy_from_slice(key.as_bytes())),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: headers.iter().map(header).collect(),
        producer_id: 7,
        producer_epoch: 0,
        sequence: 4,
        transaction: None,
        mapping: None,
        exchange: 0,
    }
}

#[test]
fn a_record_names_its_origin_its_producer_and_its_message() {
    let traceparent = format!("00-{TRACE}-{SPAN}-03");
    let record = record(
        "ord-7f3k2q",
        &[
            ("ce_id", "1"),
            ("ce_source", "/shop"),
            ("__connect.errors.topic", "orders-in"),
            ("__connect.errors.partition", "1"),
            ("__connect.errors.offset", "5"),
            ("correlation_id", "c-1"),
            ("traceparent", &traceparent),
        ],
        r#"{"orderId": 4711, "data": {"paymentId": "p-9"}, "topic": "x"}"#,
    );
    let want = [
        "record orders-3@17".to_owned(),
        "producer 7/0/4".to_owned(),
        "record-key orders ord-7f3k2q".to_owned(),
        format!("trace {TRACE}"),
        format!("span {TRACE}/{SPAN}"),
        "record orders-in-1@5".to_owned(),
        "message /shop 1".to_owned(),
        "conversation correlation c-1".to_owned(),
        "business order 4711".to_owned(),
        "business payment p-9".to_owned(),
    ];
    assert_eq!(shown(&of_record(&record)), want);
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        of_text(&text);
    }

    #[test]
    fn any_almost_known_text_is_survived(
        text in r#"([{}\[\]":=, ]|trace_id|spanId|order_id|0|null|5af7651916cd43dd8448eb211c80319c|00f067aa0ba902b7|é){0,40}"#,
    ) {
        for found in of_text(&text) {
            prop_assert!(found.id.joins(&found.id));
        }
    }
}

#[test]
fn words_that_are_written_like_an_id_are_counted() {
    let summary = "done: msg-0017, msg-0018, msg-0019; msg-20 and note-018 failed at 10:15";
    assert_eq!(alike(summary, "msg-0018"), 3, "one is shorter, in one the sign stands elsewhere");
    assert_eq!((alike("nothing here", "msg-0018"), alike("", "msg-0018"), alike("msg-0018.", "msg-0018")), (0, 0, 1));
}

#[test]
fn json_that_says_the_same_means_the_same() {
    let same = |a: &str, b: &str| meaning(a.as_bytes()) == meaning(b.as_bytes());
    assert!(same(r#"{"a":1,"b":[2,{"d":1,"c":null}]}"#, r#"{ "b": [2, {"c": null, "d": 1}], "a": 1 }"#));
    assert!(!same(r#"{"a":1}"#, r#"{"a":"1"}"#) && !same(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#));
    assert!(!same("{a: 1}", "{a:1}"), "what is no JSON is bytes");
}
