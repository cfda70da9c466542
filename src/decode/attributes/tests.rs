use super::*;
use crate::model::spans::{Place, SpanHead, SpanStore};
use crate::model::{SpanRow, Timestamp};

fn store(attributes: &[(&str, Value<'_>)], event: &[(&str, Value<'_>)]) -> SpanStore {
    let mut store = SpanStore::default();
    for (key, value) in attributes {
        store.push_attribute(Place::Span, key, *value);
    }
    for (key, value) in event {
        store.push_attribute(Place::Event, key, *value);
    }
    store.push_event(Timestamp(1), "exception");
    let process = store.process();
    store.finish(SpanHead { process, ..SpanHead::default() });
    store
}

#[test]
fn every_generation_names_the_same_record() {
    use Value::{Int, Text};
    let check = |attributes: &[(&str, Value<'_>)], want: Option<&str>| {
        let store = store(attributes, &[]);
        let found = record_coordinate(store.span(SpanRow(0))).map(|at| at.to_string());
        assert_eq!(found.as_deref(), want, "{attributes:?}");
    };
    let topic = ("messaging.destination", Text("orders"));
    check(
        &[topic, ("messaging.kafka.partition", Int(7)), ("messaging.kafka.message.offset", Text("9"))],
        Some("orders-7@9"),
    );
    check(
        &[
            ("messaging.destination.name", Text("orders")),
            ("messaging.destination.partition.id", Text("7")),
            ("kafka.offset", Int(9)),
        ],
        Some("orders-7@9"),
    );
    let python = ("otel.scope.name", Text("opentelemetry.instrumentation.confluent_kafka"));
    check(&[python, ("messaging.message_id", Text("eu.orders.7.9"))], Some("eu.orders-7@9"));
    check(&[("messaging.message_id", Text("eu.orders.7.9"))], None);
    let sarama = ("otel.scope.name", Text("go.opentelemetry.io/otelsarama"));
    check(
        &[sarama, topic, ("messaging.kafka.partition", Int(7)), ("messaging.message_id", Text("9"))],
        Some("orders-7@9"),
    );
    check(&[topic, ("messaging.kafka.partition", Text("none")), ("kafka.offset", Int(9))], None);
}

#[test]
fn a_wrapped_exception_is_told_by_its_cause() {
    let trace = "org.x.TimestampedException: failed\n\tat a.b\nCaused by: org.x.ListenerExecutionFailedException: thrown\n\
                 Caused by: com.shop.CardDeclined: no money: really\n";
    let wrapped = store(
        &[],
        &[
            ("exception.type", Value::Text("org.springframework.kafka.listener.TimestampedException")),
            ("exception.stacktrace", Value::Text(trace)),
        ],
    );
    let span = wrapped.span(SpanRow(0));
    let found = error(span).unwrap();
    assert_eq!((&*found.class, &*found.message), ("com.shop.CardDeclined", "no money: really"));
    assert!(!not_due(span));
}

#[test]
fn a_record_that_is_not_due_is_no_attempt() {
    let early =
        store(&[], &[("exception.type", Value::Text("org.springframework.kafka.listener.KafkaBackoffException"))]);
    assert!(not_due(early.span(SpanRow(0))));
}

#[test]
fn the_newest_of_several_names_that_says_something_counts() {
    use Value::{Int, Text};
    let old_and_new = store(
        &[
            ("messaging.kafka.message.offset", Int(1)),
            ("messaging.kafka.offset", Text("none")),
            ("messaging.destination", Text("old")),
            ("messaging.destination.name", Text("")),
            ("messaging.source.name", Text("new")),
            ("messaging.operation", Text("deliver")),
            ("messaging.operation.name", Text("ack")),
            ("messaging.consumer.id", Text("billing - c-1")),
            ("messaging.kafka.cluster.id", Text("eu")),
            ("messaging.message_payload_size_bytes", Text("12")),
            ("messaging.kafka.message.tombstone", Value::Bool(true)),
        ],
        &[],
    );
    let fields = messaging(old_and_new.span(SpanRow(0)));
    assert_eq!((fields.offset, fields.destination.as_deref()), (Some(1), Some("new")));
    assert_eq!((fields.operation, fields.body_size), (Some(Operation::Process), Some(12)));
    assert_eq!((fields.group.as_deref(), fields.client.as_deref()), (Some("billing"), Some("billing - c-1")));
    assert_eq!((fields.cluster.as_deref(), fields.tombstone), (Some("eu"), true));
}

#[test]
fn springs_own_observations_are_read_where_all_their_keys_stand() {
    use Value::Text;
    let all = [
        ("method", Text("POST")),
        ("status", Text("503")),
        ("outcome", Text("SERVER_ERROR")),
        ("uri", Text("/charge")),
        ("exception", Text("ResourceAccessException")),
    ];
    let observed = store(&all, &[]);
    let span = observed.span(SpanRow(0));
    assert_eq!((http_method(span).as_deref(), http_status(span)), (Some("POST"), Some(503)));
    assert_eq!(error(span).map(|error| error.class.to_string()).as_deref(), Some("ResourceAccessException"));
    let some = store(&all[..2], &[]);
    assert_eq!((http_method(some.span(SpanRow(0))), http_status(some.span(SpanRow(0)))), (None, None));
}

#[test]
fn an_environment_is_told_by_the_process() {
    let mut store = SpanStore::default();
    let process = store.process();
    store.process_attribute(process, "deployment.environment", Value::Text("staging"));
    store.finish(SpanHead { process, ..SpanHead::default() });
    assert_eq!(environment(store.span(SpanRow(0))).as_deref(), Some("staging"));
}
