//! Spans and log lines agree with the truth, the defects of their instrumentation included.

use hopscope::world::journey::Journey;
use hopscope::world::project::spans::View;
use hopscope::world::project::{Kind, Span, Value};
use hopscope::world::scenario::HttpClient;
use hopscope::world::truth::{DeliveryOutcome, Outcome};
use hopscope::world::{Scenario, World};

use super::{BEGAN_NS, S, after};

fn spans(world: &World, journey: &Journey) -> Vec<Span> {
    View { scenario: world.scenario(), queue: world.queue(), journey }.spans(u64::MAX)
}

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

#[test]
fn each_attempt_and_each_execution_has_one_span() {
    let world = after(1_300);
    for journey in world.journeys().filter(|journey| journey.sampled) {
        let spans = spans(&world, journey);
        let of_kind = |kind| spans.iter().filter(|span| span.kind == kind).count();
        let attempts = || journey.operations.iter().flat_map(|operation| &operation.attempts);
        assert_eq!(of_kind(Kind::Client), attempts().filter(|attempt| attempt.client_span.is_some()).count());
        assert_eq!(of_kind(Kind::Server), attempts().map(|attempt| attempt.executions.len()).sum::<usize>());
        assert_eq!(of_kind(Kind::Producer), journey.records.len());
        let roots = journey.deliveries.iter().filter(|delivery| delivery.receive_span.is_some()).count();
        assert_eq!(of_kind(Kind::Consumer), journey.deliveries.len() + roots);
    }
}

#[test]
fn the_span_id_in_traceparent_is_the_publish_span() {
    let world = after(400);
    for topic in &world.queue().topics {
        for record in topic.partitions.iter().flat_map(|partition| &partition.records) {
            let parents: Vec<_> = record.headers.iter().filter(|header| header.key == "traceparent").collect();
            assert_eq!(parents.len(), 1);
            assert_eq!(record.headers.last(), Some(parents[0]), "traceparent stands last");
            let text = String::from_utf8(parents[0].value.clone().unwrap()).unwrap();
            let journey = world.journey(record.journey).unwrap();
            let copy = journey.records.iter().find(|copy| text.contains(&copy.publish_span.to_string())).unwrap();
            assert_eq!((copy.at.topic.as_str(), copy.at.offset), (topic.name.as_str(), record.offset));
            let flags = if journey.sampled { "03" } else { "02" };
            assert_eq!(text, format!("00-{}-{}-{flags}", journey.trace_id, copy.publish_span));
        }
    }
}

#[test]
fn an_unsampled_request_leaves_no_span_of_its_own_trace_but_lines_with_its_id() {
    let world = after(300);
    let journey = world.journeys().find(|journey| !journey.sampled).unwrap();
    assert!(spans(&world, journey).iter().all(|span| span.trace_id != journey.trace_id));
    assert!(journey.lines(world.scenario()).iter().any(|(_, line)| line.text.contains(&journey.trace_id.to_string())));
}

#[test]
fn the_jdk_client_loses_the_span_of_a_timed_out_call() {
    let mut scenario = Scenario::checkout();
    for service in &mut scenario.services {
        service.client = HttpClient::Jdk;
    }
    let mut world = World::new(scenario, BEGAN_NS);
    world.until(BEGAN_NS + 1_700 * S);
    let journey = world.journeys().find(|journey| journey.effects.len() > 1).unwrap();
    let charge = journey.operations.iter().find(|operation| operation.name == "POST /charge").unwrap();
    assert_eq!(charge.attempts[0].outcome, Outcome::TimedOut);
    assert_eq!(charge.attempts[0].client_span, None);
    let spans = spans(&world, journey);
    let orphan = spans.iter().find(|span| span.span_id == charge.attempts[0].executions[0].span).unwrap();
    assert!(spans.iter().all(|span| Some(span.span_id) != orphan.parent));
}

#[test]
fn a_refused_early_delivery_is_a_failed_span_without_an_attempt() {
    let world = after(2_400);
    let mut refused = 0;
    for journey in world.journeys() {
        let spans = spans(&world, journey);
        for delivery in &journey.deliveries {
            let span = spans.iter().find(|span| span.span_id == delivery.span);
            let (Some(span), Some(event)) = (span, span.and_then(|span| span.events.first())) else { continue };
            let class = &event.attributes[0].1;
            match &delivery.outcome {
                DeliveryOutcome::RefusedEarly { due_ns } => {
                    refused += 1;
                    assert!(span.error && span.end_ns < *due_ns);
                    assert_eq!(*class, Value::from("org.springframework.kafka.listener.KafkaBackoffException"));
                }
                DeliveryOutcome::Failed { exception, .. } if delivery.at.topic.contains("-retry-") => {
                    assert_eq!(*class, Value::from("org.springframework.kafka.listener.TimestampedException"));
                    let Value::Text(stack) = &event.attributes[2].1 else { panic!("{event:?}") };
                    assert!(stack.contains(&format!("Caused by: {exception}")));
                }
                DeliveryOutcome::Failed { exception, .. } => assert_eq!(*class, Value::from(exception)),
                _ => panic!("only a failure has an exception: {event:?}"),
            }
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn each_stack_has_its_own_names_and_types() {
    let world = after(60);
    let journey = world.journeys().find(|journey| journey.sampled && journey.deliveries.len() > 2).unwrap();
    let spans = spans(&world, journey);
    let of = |service: &str, kind| spans.iter().rfind(|span| span.service == service && span.kind == kind).unwrap();
    let java = of("fulfilment", Kind::Consumer);
    assert!(matches!(attribute(java, "messaging.destination.partition.id"), Some(Value::Text(_))));
    assert!(matches!(attribute(java, "messaging.kafka.message.offset"), Some(Value::Int(_))));
    assert_eq!(attribute(java, "messaging.kafka.consumer.group"), Some(&Value::from("fulfilment")));
    let python = of("billing-export", Kind::Consumer);
    assert!(matches!(attribute(python, "messaging.message.id"), Some(Value::Text(id)) if id.starts_with("orders.")));
    assert_eq!(attribute(python, "messaging.kafka.consumer.group"), None);
    assert_eq!((python.links.len(), python.links[0].trace_id), (1, journey.trace_id));
    assert_ne!(python.trace_id, journey.trace_id);
    assert!(attribute(of("payments", Kind::Client), "http.status_code").is_some());
    assert!(attribute(of("web-gateway", Kind::Client), "http.response.status_code").is_some());
}

#[test]
fn hostile_bytes_are_in_a_line_a_tag_a_key_and_a_header() {
    let world = after(1_300);
    let journey = world.journeys().find(|journey| journey.hostile).unwrap();
    assert!(
        journey
            .lines(world.scenario())
            .iter()
            .any(|(_, line)| line.text.contains("\u{1b}[2J") && line.text.contains('\u{202e}'))
    );
    let tags = spans(&world, journey);
    assert!(tags.iter().flat_map(|span| &span.attributes).any(|(_, value)| value.text().contains('\u{1b}')));
    let audit = journey.records.iter().find(|copy| copy.at.topic == "audit").unwrap();
    let record = world.queue().partition("audit", audit.at.partition).unwrap().record(audit.at.offset).unwrap();
    assert!(record.key.as_ref().unwrap().contains(&0x1b));
    let broken = record.headers.iter().filter_map(|header| header.value.as_deref());
    assert!(broken.into_iter().any(|value| std::str::from_utf8(value).is_err()));
}

/// What is kept of a journey is made anew when something is added: looking early changes nothing.
#[test]
fn what_is_kept_is_what_would_be_made_now() {
    let look = |world: &World| {
        let of = |journey: &Journey| {
            let signs = journey.signs(world.scenario(), world.queue());
            let found = spans(world, journey).iter().all(|span| {
                signs.may_name_service(&span.service)
                    && signs.may_name_operation(&span.name)
                    && span.attributes.iter().all(|(name, value)| signs.may_carry(name, &value.text()))
                    && signs.operations.iter().any(|known| known.1 == span.name && known.3 <= span.end_ns)
            });
            assert!(found, "{} has a span without a sign", journey.order_id);
            (journey.lines(world.scenario()).to_vec(), format!("{signs:?}"))
        };
        world.journeys().map(of).collect::<Vec<_>>()
    };
    let mut scenario = Scenario::checkout();
    scenario.mean_gap_ms = 9_000;
    let mut watched = World::new(scenario.clone(), BEGAN_NS);
    for second in (0..1_500).step_by(50) {
        watched.until(BEGAN_NS + second * S);
        look(&watched);
    }
    let mut fresh = World::new(scenario, BEGAN_NS);
    fresh.until(watched.now_ns());
    assert!(look(&watched) == look(&fresh), "looking early left something old");
}
