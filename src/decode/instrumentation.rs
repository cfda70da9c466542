//! What spans of queues mean, by the instrumentation that made them: one line each. Nothing here can be taken from the
//! conventions, since each library fills them in its own way.

use super::attributes;
use crate::model::SpanKind;
use crate::model::spans::SpanView;

/// What `messaging.message.id` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageId {
    /// Never set.
    Never,
    /// The record's coordinate, `topic.partition.offset`.
    Coordinate,
    /// The offset alone; topic and partition stand beside it.
    Offset,
    /// `{offset}-{timestamp}`: joins nothing.
    OffsetAndTime,
    /// The application's own id.
    Application,
}

/// What the end of a span that works on a record proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// The handler returned or failed.
    Handler,
    /// The program asked for the next record: the handler may have done more, and an OK says little.
    NextPoll,
    /// The record was handed over; the work happened behind it.
    HandedOver,
    /// Only if the program made the span itself, around its handler.
    Program,
}

/// What a span says otherwise than it seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// A failed span may be a record that was not due, so that no handler ran (`KafkaBackoffException`).
    RefusesEarly,
    /// Spans of a batch start and end together: their durations mean nothing, one failure marks them all.
    BatchDurations,
    /// A process span holds the back-off of retries that block.
    HoldsBackOff,
    /// A receive span measures the wait in the client's buffer.
    ReceiveBuffers,
}

/// A field that an instrumentation may leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// Consumer group.
    Group,
    /// Client id.
    Client,
    /// Record key.
    Key,
    /// Partition and offset on spans that send.
    WrittenCoordinate,
    /// Partition and offset on spans of batches.
    BatchCoordinate,
    /// Failed sends.
    DeliveryFailure,
    /// Refused commits.
    RefusedCommit,
    /// Spans of handlers, unless the program makes them.
    HandlerSpan,
}

/// What the spans of one instrumentation mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Its name in findings; empty when it is not known.
    pub name: &'static str,
    /// What the message id is.
    pub message_id: MessageId,
    /// What the end of a process span proves.
    pub process_end: ProcessEnd,
    /// What its spans say otherwise than they seem to.
    pub quirks: &'static [Quirk],
    /// What it never records: absence means "not instrumented".
    pub lacks: &'static [Lacks],
}

/// What is assumed of an instrumentation that is not known, and the base of the others.
const UNKNOWN: Habits =
    Habits { name: "", message_id: MessageId::Application, process_end: ProcessEnd::Handler, quirks: &[], lacks: &[] };

use Lacks::{BatchCoordinate, Client, DeliveryFailure, Group, HandlerSpan, Key, RefusedCommit, WrittenCoordinate};

/// Part of the scope's name in small letters, and what it means; the first that fits counts.
const KNOWN: &[(&str, Habits)] = &[
    // Java agent 2.31.1.
    (
        "io.opentelemetry.spring-kafka",
        Habits {
            name: "java agent, spring-kafka",
            message_id: MessageId::Never,
            quirks: &[Quirk::RefusesEarly, Quirk::HoldsBackOff],
            lacks: &[BatchCoordinate, RefusedCommit],
            ..UNKNOWN
        },
    ),
    (
        "io.opentelemetry.kafka-clients",
        Habits {
            name: "java agent, kafka-clients",
            message_id: MessageId::Never,
            process_end: ProcessEnd::NextPoll,
            lacks: &[RefusedCommit],
            ..UNKNOWN
        },
    ),
    // opentelemetry-python-contrib 0.66b1.
    (
        "opentelemetry.instrumentation.confluent_kafka",
        Habits {
            name: "python, confluent-kafka",
            message_id: MessageId::Coordinate,
            process_end: ProcessEnd::NextPoll,
            lacks: &[Group, Client, Key, WrittenCoordinate, BatchCoordinate, DeliveryFailure, RefusedCommit],
            ..UNKNOWN
        },
    ),
    (
        "opentelemetry.instrumentation.aiokafka",
        Habits {
            name: "python, aiokafka",
            message_id: MessageId::Coordinate,
            process_end: ProcessEnd::HandedOver,
            lacks: &[HandlerSpan, RefusedCommit],
            ..UNKNOWN
        },
    ),
    (
        "opentelemetry.instrumentation.kafka",
        Habits {
            name: "python, kafka-python",
            process_end: ProcessEnd::HandedOver,
            lacks: &[HandlerSpan, RefusedCommit],
            ..UNKNOWN
        },
    ),
    (
        "instrumentation-kafkajs",
        Habits { name: "js, kafkajs", quirks: &[Quirk::BatchDurations], lacks: &[RefusedCommit], ..UNKNOWN },
    ),
    // kotel 1.7.1.
    (
        "franz-go/plugin/kotel",
        Habits {
            name: "go, franz-go kotel",
            process_end: ProcessEnd::Program,
            quirks: &[Quirk::ReceiveBuffers],
            lacks: &[HandlerSpan, RefusedCommit],
            ..UNKNOWN
        },
    ),
    (
        "otelsarama",
        Habits {
            name: "go, otelsarama",
            message_id: MessageId::Offset,
            process_end: ProcessEnd::HandedOver,
            lacks: &[HandlerSpan, RefusedCommit],
            ..UNKNOWN
        },
    ),
    (
        "opentelemetry.instrumentation.confluentkafka",
        Habits {
            name: ".net, Confluent.Kafka",
            process_end: ProcessEnd::Program,
            lacks: &[HandlerSpan, RefusedCommit],
            ..UNKNOWN
        },
    ),
    ("faststream", Habits { name: "python, FastStream", message_id: MessageId::OffsetAndTime, ..UNKNOWN }),
    ("otel-kafka-konsumer", Habits { name: "go, kafka-go wrapper", process_end: ProcessEnd::Program, ..UNKNOWN }),
    ("otelkafka", Habits { name: "go, confluent-kafka-go wrapper", process_end: ProcessEnd::HandedOver, ..UNKNOWN }),
];

/// Spring Kafka's own observation: its scope is the application's tracer, its attributes are its own.
const MICROMETER: Habits = Habits { name: "spring-kafka observation", quirks: &[Quirk::HoldsBackOff], ..UNKNOWN };
const MICROMETER_MARKS: &[&str] = &["spring.kafka.listener.id", "spring.kafka.template.name"];

impl Habits {
    /// Says whether its spans have this quirk.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// Says whether it never records this, so that its absence tells nothing.
    pub fn lacks(&self, what: Lacks) -> bool {
        self.lacks.contains(&what)
    }
}

/// Returns what a span of a queue means; for other spans what is assumed of unknown ones.
pub fn of(span: SpanView<'_>) -> Habits {
    if let Some(scope) = attributes::scope(span) {
        let scope = scope.to_ascii_lowercase();
        if let Some((_, habits)) = KNOWN.iter().find(|(part, _)| scope.contains(part)) {
            return *habits;
        }
    }
    let is_queue = matches!(span.kind(), SpanKind::Producer | SpanKind::Consumer);
    if is_queue && MICROMETER_MARKS.iter().any(|mark| span.attribute(mark).is_some()) {
        return MICROMETER;
    }
    UNKNOWN
}

/// Begin of the scopes of the Java agent's own instrumentations. Its span for a call through the JDK's client is never
/// ended when the caller stops waiting (seen with 2.31.1).
const JAVA_AGENT: &str = "io.opentelemetry.";

/// Says whether a call that was never answered may have no span in the service of this one.
pub fn leaves_out_unanswered(span: SpanView<'_>) -> bool {
    attributes::scope(span).is_some_and(|scope| scope.starts_with(JAVA_AGENT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spans::{Place, SpanHead, SpanStore};
    use crate::model::{SpanRow, Value};

    fn habits(kind: SpanKind, attributes: &[(&str, &str)]) -> Habits {
        let mut store = SpanStore::default();
        let process = store.process();
        for (name, value) in attributes {
            store.push_attribute(Place::Span, name, Value::Text(value));
        }
        store.finish(SpanHead { process, kind, ..SpanHead::default() });
        of(store.span(SpanRow(0)))
    }

    #[test]
    fn scopes_as_they_are_sent_have_their_profiles() {
        let cases = [
            ("io.opentelemetry.spring-kafka-2.7", "java agent, spring-kafka"),
            ("io.opentelemetry.kafka-clients-0.11", "java agent, kafka-clients"),
            ("opentelemetry.instrumentation.confluent_kafka", "python, confluent-kafka"),
            ("opentelemetry.instrumentation.aiokafka", "python, aiokafka"),
            ("opentelemetry.instrumentation.kafka", "python, kafka-python"),
            ("@opentelemetry/instrumentation-kafkajs", "js, kafkajs"),
            ("github.com/twmb/franz-go/plugin/kotel", "go, franz-go kotel"),
            ("go.opentelemetry.io/contrib/instrumentation/github.com/Shopify/sarama/otelsarama", "go, otelsarama"),
            ("OpenTelemetry.Instrumentation.ConfluentKafka", ".net, Confluent.Kafka"),
            ("com.shop.own", ""),
        ];
        for (scope, name) in cases {
            assert_eq!(habits(SpanKind::Consumer, &[("otel.scope.name", scope)]).name, name, "{scope}");
            assert_eq!(habits(SpanKind::Consumer, &[("otel.library.name", scope)]).name, name, "{scope}");
        }
    }

    #[test]
    fn habits_say_what_a_span_is_no_proof_of() {
        let spring = habits(SpanKind::Consumer, &[("otel.scope.name", "io.opentelemetry.spring-kafka-2.7")]);
        assert!(spring.has(Quirk::RefusesEarly) && spring.has(Quirk::HoldsBackOff) && !spring.lacks(Group));
        let python =
            habits(SpanKind::Consumer, &[("otel.scope.name", "opentelemetry.instrumentation.confluent_kafka")]);
        assert!(python.lacks(Group) && python.process_end == ProcessEnd::NextPoll);
        assert_eq!(habits(SpanKind::Consumer, &[]), UNKNOWN);
    }

    #[test]
    fn only_the_java_agent_leaves_out_calls_that_were_not_answered() {
        let says = |scope| {
            let mut store = SpanStore::default();
            let process = store.process();
            store.push_attribute(Place::Span, "otel.scope.name", Value::Text(scope));
            store.finish(SpanHead { process, kind: SpanKind::Server, ..SpanHead::default() });
            leaves_out_unanswered(store.span(SpanRow(0)))
        };
        assert!(says("io.opentelemetry.tomcat-10.0") && says("io.opentelemetry.spring-kafka-2.7"));
        assert!(!says("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp") && !says("") && !says("app"));
    }

    #[test]
    fn springs_own_observation_is_known_by_its_attributes() {
        let of = |kind| habits(kind, &[("spring.kafka.listener.id", "orders")]).name;
        assert_eq!((of(SpanKind::Consumer), of(SpanKind::Internal)), ("spring-kafka observation", ""));
    }
}
