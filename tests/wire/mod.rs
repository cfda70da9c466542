//! Answers recorded from real servers (`ORIGIN.md`), decoded and compared with what the services wrote down.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod kafka;
mod replay;
mod versions;

use hopscope::decode::{jaeger, loki, otlp};
use hopscope::model::spans::{SpanKind, SpanView};
use hopscope::model::{LineStore, Note, SpanStore, TraceId};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).expect("recorded text is UTF-8")
}

/// Recorded requests of a broker and its answers.
pub(crate) fn recorded(name: &str) -> replay::Recording {
    replay::read(bytes(name))
}

/// The lines of the ground truth.
pub(crate) fn truth() -> Vec<Value> {
    text("truth.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the services wrote down about one kind of event of the order that ends on the dead-letter topic.
fn told(kind: &str) -> Vec<Value> {
    let poisoned = order();
    truth().into_iter().filter(|line| line["kind"] == kind && line["order_id"] == poisoned).collect()
}

/// The order that ends on the dead-letter topic.
pub(crate) fn order() -> String {
    let end = truth().into_iter().find(|line| line["kind"] == "end" && line["state"] == "dead-lettered");
    end.expect("the poisoned order came to its end")["order_id"].as_str().unwrap().to_owned()
}

pub(crate) fn coordinate(line: &Value) -> String {
    format!("{}-{}@{}", line["topic"].as_str().unwrap(), line["partition"], line["offset"])
}

fn trace() -> String {
    told("received")[0]["trace_id"].as_str().unwrap().to_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Internal,
    V3,
}

/// Decodes an answer that arrives in pieces of `size` bytes.
fn spans(dialect: Dialect, body: &[u8], size: usize) -> (SpanStore, Vec<Note>) {
    match dialect {
        Dialect::Internal => {
            let mut decoder = jaeger::Decoder::default();
            body.chunks(size).for_each(|piece| decoder.push(piece));
            decoder.finish()
        }
        Dialect::V3 => {
            let mut decoder = otlp::Decoder::default();
            body.chunks(size).for_each(|piece| decoder.push(piece));
            decoder.finish()
        }
    }
}

fn poisoned(dialect: Dialect, size: usize) -> SpanStore {
    let name =
        if dialect == Dialect::V3 { "jaeger-2.13/poisoned.v3.json" } else { "jaeger-2.13/poisoned.internal.json" };
    let (store, notes) = spans(dialect, &bytes(name), size);
    assert!(notes.is_empty(), "{dialect:?} in pieces of {size}: {notes:?}");
    store
}

fn attribute(span: SpanView<'_>, name: &str) -> String {
    span.attribute(name).map(|value| value.text().into_owned()).unwrap_or_default()
}

/// What both dialects can say of a span; the internal one has microseconds.
fn common(span: SpanView<'_>) -> (u64, u64, String, String, SpanKind, i64) {
    let parent = span.parent().unwrap_or_default();
    (
        span.id().0,
        parent.0,
        span.service().to_owned(),
        span.name().to_owned(),
        span.kind(),
        span.start().0.div_euclid(1_000),
    )
}

#[test]
fn jaeger_s_dialects_tell_the_same_trace() {
    let all = |dialect, size| poisoned(dialect, size).iter().map(common).collect::<BTreeSet<_>>();
    let whole = all(Dialect::V3, usize::MAX);
    assert!(whole.len() > 10, "{whole:?}");
    for size in [usize::MAX, 4096, 7] {
        assert_eq!((all(Dialect::V3, size), all(Dialect::Internal, size)), (whole.clone(), whole.clone()), "{size}");
    }
}

#[test]
fn jaeger_s_trace_holds_the_attempts_that_were_made() {
    let attempts = told("http_attempt");
    assert_eq!(attempts.len(), 3);
    for dialect in [Dialect::Internal, Dialect::V3] {
        let store = poisoned(dialect, 1000);
        assert_eq!(store.traces().collect::<Vec<_>>(), [TraceId::parse(&trace()).unwrap()]);
        let mut calls: Vec<_> = store.iter().filter(|span| span.kind() == SpanKind::Client).collect();
        calls.sort_by_key(|span| span.start());
        assert_eq!(calls.len(), attempts.len(), "{dialect:?}");
        for (call, attempt) in calls.iter().zip(&attempts) {
            assert_eq!(call.service(), attempt["service"]);
            assert_eq!(attribute(*call, "http.response.status_code"), attempt["status"].to_string(), "{dialect:?}");
            assert_eq!(attribute(*call, "url.full"), attempt["url"].as_str().unwrap());
            // The agent takes the wall clock once a trace, so its times may be off by less than the call takes.
            let (from, until) = (attempt["start_ns"].as_i64().unwrap(), attempt["end_ns"].as_i64().unwrap());
            assert!(
                call.start().0 < until && call.end().0 > from,
                "{dialect:?}: {:?} is not within {attempt}",
                call.start()
            );
        }
        let served = store.iter().filter(|span| span.name() == "POST /charge" && span.kind() == SpanKind::Server);
        assert_eq!(served.count(), told("http_served").len(), "{dialect:?}");
    }
}

#[test]
fn jaeger_s_trace_names_every_record_that_was_written_and_handled() {
    let of = |kind| told(kind).iter().map(coordinate).collect::<BTreeSet<_>>();
    let (written, handled) = (of("publish"), of("handled"));
    for dialect in [Dialect::Internal, Dialect::V3] {
        let store = poisoned(dialect, 1000);
        let named = |kind| {
            let spans = store.iter().filter(move |span| span.kind() == kind);
            let place = |span| {
                let [topic, partition, offset] = [
                    "messaging.destination.name",
                    "messaging.destination.partition.id",
                    "messaging.kafka.message.offset",
                ]
                .map(|name| attribute(span, name));
                format!("{topic}-{partition}@{offset}")
            };
            spans.map(place).collect::<BTreeSet<_>>()
        };
        assert_eq!((named(SpanKind::Producer), named(SpanKind::Consumer)), (written.clone(), handled.clone()));
        let thrown: BTreeSet<String> = store
            .iter()
            .flat_map(|span| span.events().collect::<Vec<_>>())
            .filter_map(|event| event.attribute("exception.stacktrace").map(|value| value.text().into_owned()))
            .collect();
        for failed in told("handled").iter().filter(|line| line["outcome"] == "failed") {
            let error = failed["error"].as_str().unwrap();
            assert!(thrown.iter().any(|trace| trace.contains(error)), "{dialect:?}: {error}");
        }
    }
}

#[test]
fn jaeger_s_answer_to_a_missing_trace_holds_no_span() {
    for (dialect, name) in
        [(Dialect::Internal, "jaeger-2.13/missing.internal.json"), (Dialect::V3, "jaeger-2.13/missing.v3.json")]
    {
        assert!(spans(dialect, &bytes(name), 5).0.is_empty(), "{name}");
    }
}

fn lines(name: &str, size: usize) -> (LineStore, usize) {
    let mut decoder = loki::Decoder::default();
    bytes(name).chunks(size).for_each(|piece| decoder.push(piece));
    let (store, counts, notes) = decoder.finish();
    assert!(notes.is_empty(), "{name} in pieces of {size}: {notes:?}");
    (store, counts.entries)
}

#[test]
fn loki_s_lines_tell_what_the_services_did() {
    let (order, trace) = (order(), trace());
    for size in [usize::MAX, 11] {
        let (store, entries) = lines("loki-2.2.1/order.json", size);
        assert_eq!(store.len(), entries);
        assert!(store.iter().all(|line| line.text().contains(&order)), "all lines hold the id that was asked for");
        let said = |service: &str, words: &str| {
            let hit = |line: &hopscope::model::lines::LineView<'_>| {
                line.service() == Some(service) && line.text().contains(words)
            };
            store.iter().filter(hit).map(|line| line.at().0).collect::<Vec<_>>()
        };
        for attempt in told("http_attempt").iter().filter(|attempt| attempt["status"] != 200) {
            let words = format!("answered {}, attempt {}", attempt["status"], attempt["ordinal"]);
            let [at] = said("order-service", &words)[..] else { panic!("one line says `{words}`") };
            assert!(at >= attempt["start_ns"].as_i64().unwrap(), "{words}");
        }
        let first = &told("publish")[0];
        assert_eq!(said("order-service", &format!("published as {}", coordinate(first))).len(), 1);
        let failed = |line: &&Value| line["handler"] == "capture" && line["outcome"] == "failed";
        let mut failures = said("payment-service", "capture of order");
        failures.sort_unstable();
        let runs = told("handled");
        let runs: Vec<&Value> = runs.iter().filter(failed).collect();
        assert_eq!((failures.len(), runs.len()), (3, 3));
        for (at, run) in failures.iter().zip(runs) {
            let inside = run["start_ns"].as_i64().unwrap()..=run["end_ns"].as_i64().unwrap();
            assert!(inside.contains(at), "{at} is not within {run}");
        }
        let (by_trace, _) = lines("loki-2.2.1/trace.json", size);
        assert!(by_trace.len() > store.len() && by_trace.iter().all(|line| line.text().contains(&trace)));
        let mut both = by_trace;
        assert_eq!(both.merge(&store), 0, "each line with the order has its trace too");
    }
}

#[test]
fn loki_s_empty_answer_and_its_refusal_are_told_apart() {
    assert_eq!(lines("loki-2.2.1/nothing.json", 9).1, 0);
    let mut decoder = loki::Decoder::default();
    decoder.push(&bytes("loki-2.2.1/mistake.txt"));
    let (store, _, notes) = decoder.finish();
    assert!(store.is_empty() && !notes.is_empty(), "{notes:?}");
}
