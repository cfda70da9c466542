//! Follow bench: one whole trace from a server on loopback to a told story, by the built program: memory, CPU against jq,
//! first rows and last rows, and what the story costs beside the parsing.
//!
//! usage: cargo bench --bench follow [-- SPANS...]      (without numbers: 10000 100000 1000000)

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

mod recorded;
mod server;
mod trace;

use hopscope::config::{HttpEndpoint, Profile, keys};
use hopscope::correlate::hunt::{Hunt, Settings, Step};
use hopscope::decode::{jaeger, otlp};
use hopscope::diagnose;
use hopscope::export::waterfall::{Folding, Waterfall};
use hopscope::investigate::SourceSet;
use hopscope::investigate::follow::{Asked, blank, follow};
use hopscope::model::id::recognise;
use hopscope::model::{Answer, Ask, Case, Nanos, Reply, Rows, SourceKind, SpanStore, Timestamp};
use server::{Dialect, Server};
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trace::{Shape, TRACE};

const NOW: Timestamp = Timestamp(1_795_000_010_000_000_000);

/// What one process took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    cpu: Duration,
    /// Peak of resident memory, in bytes.
    peak: u64,
}

/// CPU of all children that have ended so far. Linux counts it in hundredths of a second.
fn children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [13, 14].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The peak of a process that still runs.
fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}

/// Runs a command to its end. Its memory is looked at before each piece of its output is taken: no more than a pipe holds
/// is written after the last look, and a quiet one is looked at every few milliseconds.
fn run(command: &mut Command) -> (Cost, String) {
    let before = children();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let (process, peak) = (child.id(), Arc::new(Mutex::new(0)));
    let look = |peak: &Mutex<u64>| {
        let seen = peak_of(process).unwrap_or(0);
        let mut peak = peak.lock().expect("no holder panics");
        *peak = seen.max(*peak);
    };
    let (mut out, mut text, mut piece) = (child.stdout.take().expect("a pipe"), String::new(), vec![0; 16 << 10]);
    thread::scope(|scope| {
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (ended, known) = (Arc::clone(&done), Arc::clone(&peak));
        scope.spawn(move || {
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                look(&known);
                thread::sleep(Duration::from_millis(2));
            }
        });
        loop {
            look(&peak);
            match out.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(count) => text.push_str(&String::from_utf8_lossy(&piece[..count])),
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    child.wait().expect("it ends");
    let peak = *peak.lock().expect("no holder panics");
    (Cost { cpu: children().saturating_sub(before), peak }, text)
}

/// Follows the trace with the built program and returns the cheapest of some rounds.
fn followed(dialect: Dialect, body: &Arc<Vec<u8>>, spans: usize, form: &str, rounds: u32) -> Cost {
    let mut best = Cost { cpu: Duration::MAX, peak: 0 };
    for _ in 0..rounds {
        let server = Server::start(dialect, Arc::clone(body), None);
        let url = format!("http://{}", server.address);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
        command.env_clear().env("HOME", "/nonexistent");
        command.args(["follow", TRACE, "--jaeger", &url, "-o", form, "--timeout", "600s"]);
        command.args(["--budget", "request_timeout=600s"]);
        let (cost, text) = run(&mut command);
        let said = if form == "json" { format!("\"rows\": {spans}") } else { format!("{spans} found") };
        assert!(text.contains(&said), "all spans are told: {said}\n{}", &text[text.len().saturating_sub(900)..]);
        best = Cost { cpu: best.cpu.min(cost.cpu), peak: best.peak.max(cost.peak) };
    }
    best
}

/// What jq takes to count the same spans.
fn jq(dialect: Dialect, body: &[u8], spans: usize, rounds: u32) -> Option<Cost> {
    let file = std::env::temp_dir().join(format!("hopscope-bench-{}.json", std::process::id()));
    fs::write(&file, body).ok()?;
    let count = match dialect {
        Dialect::Internal => ".data[0].spans|length",
        Dialect::V3 => "[.result.resourceSpans[].scopeSpans[].spans|length]|add",
    };
    let mut best: Option<Cost> = None;
    if Command::new("jq").arg("--version").output().is_ok() {
        for _ in 0..rounds {
            let (cost, text) = run(Command::new("jq").arg(count).arg(&file));
            assert_eq!(text.trim(), spans.to_string(), "jq counts the same spans");
            let known = best.unwrap_or(cost);
            best = Some(Cost { cpu: known.cpu.min(cost.cpu), peak: known.peak.max(cost.peak) });
        }
    }
    fs::remove_file(&file).ok();
    best
}

fn decode(dialect: Dialect, body: &[u8]) -> SpanStore {
    match dialect {
        Dialect::Internal => {
            let mut decoder = jaeger::Decoder::default();
            body.chunks(16 << 10).for_each(|piece| decoder.push(piece));
            decoder.finish().0
        }
        Dialect::V3 => {
            let mut decoder = otlp::Decoder::default();
            body.chunks(16 << 10).for_each(|piece| decoder.push(piece));
            decoder.finish().0
        }
    }
}

/// Tells the story of these spans, and judges it.
fn tell(store: SpanStore) -> Case {
    let mut hunt = Hunt::new(recognise(TRACE).expect("a trace id"), Settings::new(NOW, vec![SourceKind::Jaeger]));
    let mut store = Some(store);
    while let Step::Ask(queries) = hunt.next() {
        for query in queries {
            let rows = match query.ask {
                Ask::Trace(_) => Rows::Spans(Box::new(store.take().unwrap_or_default())),
                Ask::Services => Rows::Services(Vec::new()),
                _ => Rows::Spans(Box::default()),
            };
            let reply = Reply { outcome: Ok(Answer { rows, notes: Vec::new() }), exchanges: Vec::new() };
            hunt.absorb(query.number, reply);
        }
    }
    let mut case = hunt.case();
    case.verdicts = diagnose::run(&case);
    case
}

/// The fastest of some rounds.
fn fastest<I, O>(rounds: u32, mut input: impl FnMut() -> I, mut work: impl FnMut(I) -> O) -> Duration {
    let mut one = || {
        let given = input();
        let begun = Instant::now();
        std::hint::black_box(work(given));
        begun.elapsed()
    };
    (0..rounds).map(|_| one()).min().unwrap_or_default()
}

/// Times from the first MiB to the first rows, and from the last byte to the whole story.
fn seen(dialect: Dialect, body: &Arc<Vec<u8>>, spans: usize) -> (Duration, Duration) {
    let server = Server::start(dialect, Arc::clone(body), Some(40 << 20));
    let url = keys::url(&format!("http://{}", server.address)).expect("an address");
    let sources = SourceSet::open(&Profile { jaeger: Some(HttpEndpoint::new(url)), ..Profile::default() });
    let anchor = recognise(TRACE).expect("a trace id");
    let asked = Asked { at: NOW, window: None, since: Nanos::from_secs(600) };
    let (publish, mut looks) = watch::channel(Arc::new(blank(&sources, anchor.clone(), asked)));
    let cancel = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let (first, last) = runtime.block_on(async {
        let first = tokio::spawn(async move {
            while looks.changed().await.is_ok() {
                let is_told = {
                    let case = looks.borrow_and_update();
                    !case.journey.rows.is_empty() && !case.spans.is_empty()
                };
                if is_told {
                    return Some(Instant::now());
                }
            }
            None
        });
        let case = follow(&sources, anchor, asked, &publish, &cancel).await;
        let last = Instant::now();
        assert_eq!(case.spans.len(), spans, "all spans came");
        (first.await.ok().flatten(), last)
    });
    let sent = *server.sent.lock().expect("no holder panics");
    let since = |at: Option<Instant>, from: Option<Instant>| match (at, from) {
        (Some(at), Some(from)) => at.saturating_duration_since(from),
        _ => Duration::ZERO,
    };
    (since(first, sent.first), since(Some(last), sent.last))
}

fn body(dialect: Dialect, spans: usize, shape: Shape) -> Arc<Vec<u8>> {
    Arc::new(match dialect {
        Dialect::Internal => trace::internal(spans, shape),
        Dialect::V3 => trace::v3(spans, shape),
    })
}

/// Follows a trace, and prints what it took beside its size and what jq took.
fn against_jq(name: &str, dialect: Dialect, body: &Arc<Vec<u8>>, spans: usize) {
    let rounds = if spans > 200_000 { 1 } else { 3 };
    let cost = followed(dialect, body, spans, "text", rounds);
    let (peak, raw, cpu) = (cost.peak as f64 / 1e6, body.len() as f64 / 1e6, cost.cpu.as_secs_f64());
    let (theirs, share) = jq(dialect, body, spans, rounds).map_or_else(
        || ("no jq".to_owned(), String::new()),
        |jq| (format!("{:.2}", jq.cpu.as_secs_f64()), format!("1/{:.1}", ratio(jq.cpu, cost.cpu))),
    );
    println!(
        "{name:<9} {spans:>9} {:<9} {raw:>8.1} {peak:>10.1} {:>10.3} {cpu:>9.2} {theirs:>8} {share:>9}",
        format!("{dialect:?}"),
        peak / raw
    );
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64().max(1e-9)
}

fn main() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![10_000, 100_000, 1_000_000] } else { asked };
    println!("`follow` against jq on the same bytes; goals: peak / raw <= 0.25, CPU <= 1/12 of jq");
    println!(
        "{:<9} {:>9} {:<9} {:>8} {:>10} {:>10} {:>9} {:>8} {:>9}",
        "shape", "spans", "dialect", "raw MB", "peak MB", "peak/raw", "CPU s", "jq s", "CPU/jq"
    );
    for spans in sizes.iter().copied() {
        for dialect in [Dialect::Internal, Dialect::V3] {
            against_jq("made", dialect, &body(dialect, spans, Shape::Mixed), spans);
        }
    }
    // A million recorded spans are 2.5 GB in both memories.
    for copies in sizes.iter().map(|spans| spans / recorded::SPANS).filter(|copies| (1..20_000).contains(copies)) {
        for dialect in [Dialect::Internal, Dialect::V3] {
            let body = match dialect {
                Dialect::Internal => recorded::internal(copies),
                Dialect::V3 => recorded::v3(copies),
            };
            against_jq("recorded", dialect, &Arc::new(body), copies * recorded::SPANS);
        }
    }
    println!("\nother shapes, internal dialect");
    for (name, spans, shape) in [
        ("a chain of 70,000", 70_000, Shape::Chain),
        ("a fan of 100,000", 100_000, Shape::Fan),
        ("5 MB in a span", 10, Shape::Heavy),
    ] {
        let body = body(Dialect::Internal, spans, shape);
        let cost = followed(Dialect::Internal, &body, spans, "text", 2);
        let (peak, raw) = (cost.peak as f64 / 1e6, body.len() as f64 / 1e6);
        println!(
            "{name:<20} {raw:>8.1} MB raw, {peak:>6.1} MB peak, {:.3} of raw, {:.2} s CPU",
            peak / raw,
            cost.cpu.as_secs_f64()
        );
    }
    let json = body(Dialect::Internal, 100_000, Shape::Mixed);
    let cost = followed(Dialect::Internal, &json, 100_000, "json", 2);
    println!("as JSON, 100,000 spans: {:.1} MB peak, {:.2} s CPU", cost.peak as f64 / 1e6, cost.cpu.as_secs_f64());

    println!("\nthe story beside the parsing; goal: story and waterfall <= 5 % of parsing, time in step with spans");
    println!(
        "{:>9} {:<9} {:>10} {:>10} {:>10} {:>8} {:>7}",
        "spans", "dialect", "parse", "story", "waterfall", "share", "B/span"
    );
    for spans in sizes {
        let rounds = if spans > 200_000 { 2 } else { 5 };
        for dialect in [Dialect::Internal, Dialect::V3] {
            let body = body(dialect, spans, Shape::Mixed);
            let parse = fastest(rounds, || (), |()| decode(dialect, &body));
            let decoded = decode(dialect, &body);
            assert_eq!(decoded.len(), spans, "all spans are decoded");
            let story = fastest(rounds, || decoded.clone(), tell);
            let case = tell(decoded.clone());
            let drawn = fastest(rounds, || (), |()| Waterfall::of(&case, Folding::Folded));
            println!(
                "{spans:>9} {:<9} {parse:>10.1?} {story:>10.1?} {drawn:>10.1?} {:>7.1}% {:>7}",
                format!("{dialect:?}"),
                100.0 * ratio(story + drawn, parse),
                decoded.bytes() / spans.max(1)
            );
        }
    }
    println!(
        "\nseen while arriving (40 MB/s); goals: first rows <= 50 ms after the first MiB, all <= 100 ms after the last byte"
    );
    for dialect in [Dialect::Internal, Dialect::V3] {
        let body = body(dialect, 100_000, Shape::Mixed);
        let looks: Vec<_> = (0..5).map(|_| seen(dialect, &body, 100_000)).collect();
        let (first, last) = (looks.iter().map(|look| look.0).min(), looks.iter().map(|look| look.1).min());
        println!(
            "{:<9} first rows {:.1?}, all {:.1?}",
            format!("{dialect:?}"),
            first.unwrap_or_default(),
            last.unwrap_or_default()
        );
    }
}
