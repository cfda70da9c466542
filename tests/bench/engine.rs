//! Parse-to-story bench: a whole trace from bytes to rows, against the time that reading the same bytes takes at least.
//!
//! usage: cargo bench --bench engine [-- shares]

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

#[allow(dead_code, reason = "one shape and one dialect are enough here")]
mod trace;

use hopscope::correlate::hunt::{Hunt, Settings, Step};
use hopscope::decode::{jaeger, loki};
use hopscope::diagnose;
use hopscope::model::id::recognise;
use hopscope::model::{Answer, Ask, Case, LineStore, Reply, Rows, SourceKind, SpanStore, Timestamp};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Bytes of one piece, as they come from a socket.
const PIECE: usize = 16 << 10;

fn spans(body: &[u8]) -> SpanStore {
    let mut decoder = jaeger::Decoder::default();
    for piece in body.chunks(PIECE) {
        decoder.push(piece);
    }
    decoder.finish().0
}

fn lines(body: &[u8]) -> LineStore {
    let mut decoder = loki::Decoder::default();
    for piece in body.chunks(PIECE) {
        decoder.push(piece);
    }
    decoder.finish().0
}

/// Tells the story of a trace that holds these spans and lines, and judges it.
fn tell(store: &SpanStore, found: &LineStore) -> Case {
    let anchor = recognise(trace::TRACE).expect("a trace id");
    let now = Timestamp::from_micros(1_795_000_010_000_000);
    let mut hunt = Hunt::new(anchor, Settings::new(now, vec![SourceKind::Jaeger, SourceKind::Loki, SourceKind::Kafka]));
    while let Step::Ask(queries) = hunt.next() {
        for query in queries {
            let rows = match query.ask {
                Ask::Trace(_) => Rows::Spans(Box::new(store.clone())),
                Ask::Services => Rows::Services(Vec::new()),
                Ask::FindSpans { .. } | Ask::FindAnywhere { .. } | Ask::FindErrors { .. } => {
                    Rows::Spans(Box::default())
                }
                Ask::FindLines { .. } | Ask::QueryLines { .. } => Rows::Lines(Box::new(found.clone())),
                Ask::Record(_) | Ask::ScanRecords { .. } => Rows::Records(Vec::new()),
                Ask::Topics | Ask::TopicsInFull | Ask::Queues => Rows::Queues(Box::default()),
            };
            let reply = Reply { outcome: Ok(Answer { rows, notes: Vec::new() }), exchanges: Vec::new() };
            hunt.absorb(query.number, reply);
        }
    }
    let mut case = hunt.case();
    case.verdicts = diagnose::run(&case);
    case
}

/// Goal for finding what belongs and telling it, as a share of the time that reading the bytes takes, in percent.
const SHARE: f64 = 5.0;

/// Finds what belongs to a trace that holds these spans, and builds its journey; no rules. What the sources would hand over is
/// made before the clock runs.
fn expand(store: &SpanStore) -> Duration {
    let anchor = recognise(trace::TRACE).expect("a trace id");
    let now = Timestamp::from_micros(1_795_000_010_000_000);
    let sources = vec![SourceKind::Jaeger, SourceKind::Loki, SourceKind::Kafka];
    let mut hunt = Hunt::new(anchor, Settings::new(now, sources));
    let mut spans = Some(Box::new(store.clone()));
    let begun = Instant::now();
    while let Step::Ask(queries) = hunt.next() {
        for query in queries {
            let rows = match query.ask {
                Ask::Trace(_) => Rows::Spans(spans.take().unwrap_or_default()),
                Ask::Services => Rows::Services(Vec::new()),
                Ask::FindSpans { .. } | Ask::FindAnywhere { .. } | Ask::FindErrors { .. } => {
                    Rows::Spans(Box::default())
                }
                Ask::FindLines { .. } | Ask::QueryLines { .. } => Rows::Lines(Box::default()),
                Ask::Record(_) | Ask::ScanRecords { .. } => Rows::Records(Vec::new()),
                Ask::Topics | Ask::TopicsInFull | Ask::Queues => Rows::Queues(Box::default()),
            };
            let reply = Reply { outcome: Ok(Answer { rows, notes: Vec::new() }), exchanges: Vec::new() };
            hunt.absorb(query.number, reply);
        }
    }
    let case = hunt.case();
    let took = begun.elapsed();
    assert!(case.journey.rows.len() * 2 > store.len(), "the spans are told");
    took
}

/// Prints what finding and telling take as a share of reading, for two sizes.
fn shares() {
    println!("\n{:<34} {:>10} {:>10} {:>8}", "what", "expand", "parse", "share");
    let mut all = Vec::new();
    for (count, rounds) in [(100_000, 5), (1_000_000, 2)] {
        let body = trace::internal(count, trace::Shape::Mixed);
        let parse = fastest(rounds, || spans(&body));
        let store = spans(&body);
        drop(body);
        let took = (0..rounds).map(|_| expand(&store)).min().unwrap_or_default();
        let share = took.as_secs_f64() / parse.as_secs_f64() * 100.0;
        println!("{:<34} {took:>10.1?} {parse:>10.1?} {share:>7.1}%", format!("{count} spans"));
        all.push(took.as_secs_f64());
    }
    println!("10 times the spans: {:.1} times as long (goal: 10); share: goal {SHARE} %", all[1] / all[0]);
}

/// Loki's answer with lines of the trace, in streams of three services.
fn loki_json(count: usize) -> Vec<u8> {
    let mut out = String::from(r#"{"status":"success","data":{"resultType":"streams","result":["#);
    for stream in 0..3 {
        if stream > 0 {
            out.push(',');
        }
        write!(out, r#"{{"stream":{{"app":"service-{stream}","env":"bench"}},"values":["#).expect("a string");
        for line in 0..count / 3 {
            let comma = if line > 0 { "," } else { "" };
            let (at, id) = (1_795_000_000_000_000_000 + line as u64 * 1_000, trace::TRACE);
            write!(
                out,
                r#"{comma}["{at}","{{\"level\":\"INFO\",\"message\":\"charged order {line}\",\"trace_id\":\"{id}\"}}"]"#
            )
            .expect("a string");
        }
        out.push_str("]}");
    }
    out.push_str("]}}");
    out.into_bytes()
}

/// The fastest of some rounds: what the work takes when nobody else is working.
fn fastest<T>(rounds: u32, mut work: impl FnMut() -> T) -> Duration {
    let one = |work: &mut dyn FnMut() -> T| {
        let begun = Instant::now();
        std::hint::black_box(work());
        begun.elapsed()
    };
    (0..rounds).map(|_| one(&mut work)).min().unwrap_or_default()
}

fn floor(body: &[u8]) -> Duration {
    fastest(5, || serde_json::from_slice::<serde::de::IgnoredAny>(body).expect("the bench writes JSON"))
}

fn main() {
    if std::env::args().any(|argument| argument == "shares") {
        return shares();
    }
    println!("{:<34} {:>10} {:>10} {:>8}", "what", "time", "floor", "ratio");
    let row = |what: &str, time: Duration, floor: Duration| {
        println!("{what:<34} {time:>10.1?} {floor:>10.1?} {:>8.2}", time.as_secs_f64() / floor.as_secs_f64());
    };
    let mut decoded = Vec::new();
    for count in [10_000, 100_000] {
        let body = trace::internal(count, trace::Shape::Mixed);
        let (time, floor) = (fastest(5, || spans(&body)), floor(&body));
        row(&format!("decode {count} spans"), time, floor);
        decoded.push(time.as_secs_f64());
        let store = spans(&body);
        println!(
            "{:<34} {:>7} MB of JSON, {} bytes a span in the store",
            "",
            body.len() >> 20,
            store.bytes() / store.len().max(1)
        );
    }
    let body = loki_json(99_999);
    row("decode 100000 lines", fastest(5, || lines(&body)), floor(&body));
    let mut told = Vec::new();
    for count in [1_000, 10_000, 100_000] {
        let body = trace::internal(count, trace::Shape::Mixed);
        let (store, found) = (spans(&body), lines(&loki_json(count / 10)));
        let time = fastest(3, || tell(&store, &found));
        row(&format!("story of {count} spans"), time, floor(&body));
        told.push(time.as_secs_f64());
    }
    println!(
        "\n10 times the spans: decoding takes {:.1} times as long, the story {:.1} and {:.1} (goal: 10)",
        decoded[1] / decoded[0],
        told[1] / told[0],
        told[2] / told[1]
    );
    shares();
}
