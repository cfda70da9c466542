//! Servers that misbehave: every one of them ends in an answer that says what happened, in time, with the right exit code.
//!
//! A case is a line of a table in `http.rs`, `bodies.rs` or `kafka.rs`: what the server does, what the source makes of it,
//! and the exit code of the program. A new client over HTTP is one entry in `clients.rs`. `verbs.rs` asks the worst by every verb. `secrets.rs` looks for credentials where they must not be.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod arriving;
mod bodies;
mod brokers;
mod canary;
mod clients;
mod http;
mod kafka;
pub(crate) mod peer;
mod secrets;
mod verbs;

use hopscope::config::{HttpEndpoint, KafkaEndpoint, Limits};
use hopscope::model::{Ask, FaultKind, Nanos, Reply, SourceKind, Timestamp, TraceId, Window};
use hopscope::sources::Source;
use hopscope::sources::jaeger::Jaeger;
use hopscope::sources::kafka::Kafka;
use hopscope::sources::lease::Budget;
use hopscope::sources::loki::Loki;
use hopscope::sources::tempo::Tempo;
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A trace id that all cases ask for.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Bytes that one question may receive.
const BYTES: u64 = 256 << 10;

/// How long a whole question may take, in milliseconds, when the server is expected to be silent.
const SHORT: u64 = 400;
/// The same for all others; nothing waits for it.
const LONG: u64 = 20_000;

/// Milliseconds for a question that ends in this fault.
fn patience(kind: Option<FaultKind>) -> u64 {
    if kind == Some(FaultKind::TimedOut) { SHORT } else { LONG }
}

/// Asks a source at `address` (`host:port`) one question, with `patience` in milliseconds.
async fn ask(source: SourceKind, address: &str, question: &Ask, patience: u64) -> Reply {
    let http = || endpoint(address);
    let kafka = || {
        let (host, port) = address.rsplit_once(':').unwrap();
        KafkaEndpoint { bootstrap: vec![(host.to_owned(), port.parse().unwrap())], ..KafkaEndpoint::default() }
    };
    let opened: Box<dyn Source> = match source {
        SourceKind::Jaeger => Box::new(Jaeger::new(&http())),
        SourceKind::Tempo => Box::new(Tempo::new(&http())),
        SourceKind::Loki => Box::new(Loki::new(&http())),
        SourceKind::Kafka => Box::new(Kafka::new(&kafka())),
    };
    ask_within(&*opened, question, patience, BYTES).await
}

fn endpoint(address: &str) -> HttpEndpoint {
    HttpEndpoint::new(format!("http://{address}").parse().unwrap())
}

/// Asks an open source, with a limit of bytes.
async fn ask_within(source: &dyn Source, ask: &Ask, patience: u64, bytes: u64) -> Reply {
    let whole = Duration::from_millis(patience);
    let limits = Limits { bytes, request_timeout: whole / 2, timeout: whole, ..Limits::default() };
    let budget = Budget::new(source.kind(), &limits, CancellationToken::new());
    source.answer(ask, &budget).await
}

/// The question about the trace for each kind of source that knows traces.
fn question(source: SourceKind) -> Ask {
    let at = Timestamp(1_800_000_000_000_000_000);
    match source {
        SourceKind::Jaeger | SourceKind::Tempo => Ask::Trace(TraceId::parse(TRACE).unwrap()),
        SourceKind::Loki => Ask::FindLines {
            needles: vec![TRACE.into()],
            metadata: Vec::new(),
            services: Vec::new(),
            window: Window::around(at, Nanos::from_secs(60), Nanos::from_secs(60)),
            limit: 100,
        },
        SourceKind::Kafka => Ask::Queues,
    }
}

/// Runs the program with an environment of its own and a limit of bytes.
fn run(arguments: &[&str], config: &str, variables: &[(&str, &str)]) -> Output {
    run_at(&TempDir::new().unwrap(), arguments, config, variables)
}

/// The same with a home that can be looked at afterwards.
fn run_at(home: &TempDir, arguments: &[&str], config: &str, variables: &[(&str, &str)]) -> Output {
    let file = home.path().join("config.toml");
    std::fs::write(&file, format!("[limits]\nbytes = \"{}KiB\"\n{config}", BYTES >> 10)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command.env_clear().env("HOME", home.path()).env("TMPDIR", home.path()).env("HOPSCOPE_CONFIG", &file);
    command.args(arguments).envs(variables.iter().copied()).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// Runs a verb against one source at `address` as JSON and as text. Returns what is wrong with the exit codes, the one
/// document, and the fault, which must name source, address, kind and what to do.
fn wrongs(name: &str, verb: &[&str], at: (SourceKind, &str), kind: Option<FaultKind>, exit: i32) -> Vec<String> {
    let (source, address) = at;
    let url = if source == SourceKind::Kafka { address.to_owned() } else { format!("http://{address}") };
    let (flag, timeout) = (format!("--{source}"), format!("{}ms", patience(kind)));
    let ask = [verb, &[&flag, &url, "--timeout", &timeout]].concat();
    let as_json = run(&[&ask[..], &["-o", "json"]].concat(), "", &[]);
    let plain = run(&ask, "", &[]);
    let shown = text(&plain.stdout) + &text(&plain.stderr);
    let one_line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let Ok(document) = serde_json::from_slice::<Value>(&as_json.stdout) else {
        return vec![format!("{name}, {source}: stdout is not one document: {}", text(&as_json.stdout))];
    };
    let codes = (as_json.status.code(), document["exit"].as_i64(), plain.status.code());
    let has = |words: &str| one_line.contains(words);
    let mut claims = vec![
        ("the exit codes", codes == (Some(exit), Some(exit.into()), Some(exit))),
        ("no panic", !has("panicked") && !has("a bug in hopscope")),
    ];
    if let Some(kind) = kind {
        claims.extend([
            (
                "the kind of fault",
                has(kind.word()) && document.to_string().contains(kind.word())
                    || document.to_string().contains(&serde_json::to_string(&kind).unwrap()),
            ),
            ("the source", has(source.name())),
            ("the address", has(address) && document.to_string().contains(address)),
            ("what to do", ["check", "look at", "narrow", "raise", "ask again"].iter().any(|todo| has(todo))),
        ]);
    }
    let broken = claims.into_iter().filter(|(_, holds)| !holds);
    broken.map(|(claim, _)| format!("{name}, {source}: {claim} {codes:?}:\n{shown}")).collect()
}

/// Memory that the program may write to, in KiB, whatever a server sends: 200 MiB above what it takes without a question. The
/// kernel refuses more (`RLIMIT_DATA`, which counts stacks too), and that ends a process.
const MEMORY: u32 = 220 << 10;

/// A time that holds the polite answers.
const SINCE: [&str; 4] = ["--since", "2027-01-15T07:00:00Z", "--until", "2027-01-15T09:00:00Z"];

/// Runs a verb against one client's server, with limits of bytes and of memory. Returns what is wrong with the document, the exit
/// code, or the manner of the end.
fn wrongs_within(
    name: &str,
    verb: &[&str],
    (client, address): (&clients::Client, &str),
    patience: u64,
    bytes: u64,
    exits: &[i32],
) -> Vec<String> {
    let home = TempDir::new().unwrap();
    let file = home.path().join("config.toml");
    std::fs::write(&file, format!("[limits]\nbytes = \"{}KiB\"\nrequest_timeout = \"{patience}ms\"\n", bytes >> 10))
        .unwrap();
    let mut command = Command::new("/bin/sh");
    command.env_clear().env("HOME", home.path()).env("HOPSCOPE_CONFIG", &file);
    command.args(["-c", &format!("ulimit -d {MEMORY} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_hopscope")]);
    command.args(verb).args([client.flag, &format!("http://{address}"), "--source", client.only, "-o", "json"]);
    let ran = command.args(["--timeout", &format!("{patience}ms")]).output().expect("a shell starts");
    let code = ran.status.code();
    let mut wrong = Vec::new();
    match serde_json::from_slice::<Value>(&ran.stdout) {
        Ok(document) if document["exit"].as_i64() == code.map(i64::from) => {}
        Ok(document) => wrong.push(format!("{name}: the document says exit {}", document["exit"])),
        Err(error) => wrong.push(format!("{name}: stdout is not one document: {error}")),
    }
    if !code.is_some_and(|code| exits.contains(&code)) || text(&ran.stderr).contains("panicked") {
        wrong.push(format!("{name}: {:?} instead of {exits:?}: {}", ran.status, text(&ran.stderr)));
    }
    wrong
}

/// Fails with all that is wrong.
fn none(wrongs: &[String]) {
    assert!(wrongs.is_empty(), "\n{}", wrongs.join("\n"));
}
