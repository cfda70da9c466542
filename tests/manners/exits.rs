//! A spent budget seen by scripts: exit codes, what is said of it, and where.

use super::server::{Server, answer};
use serde_json::{Value, json};
use std::process::{Command, Output};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A Jaeger with one span of one trace.
fn jaeger() -> Server {
    Server::start(|_, request| {
        let body = match () {
            () if request.line.contains("/api/services") => json!({"data": ["orders"]}),
            () if request.line.contains("/api/traces") => json!({"data": [{"traceID": TRACE,
                "spans": [{"traceID": TRACE, "spanID": "00f067aa0ba902b7", "operationName": "POST /orders",
                    "references": [], "startTime": 1_767_258_000_000_000_i64, "duration": 9_000, "tags": [], "logs": [],
                    "processID": "p1"}],
                "processes": {"p1": {"serviceName": "orders", "tags": []}}}]}),
            () => return answer("404 Not Found", "", "404 page not found"),
        };
        answer("200 OK", "content-type: application/json\r\n", &body.to_string())
    })
}

/// A Loki without lines.
fn loki() -> Server {
    Server::start(|_, _| {
        let body = json!({"status": "success", "data": {"resultType": "streams", "result": []}});
        answer("200 OK", "", &body.to_string())
    })
}

fn run(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command.env_clear().env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path()).args(arguments);
    command.output().unwrap()
}

#[test]
fn a_budget_that_is_spent_before_an_answer_is_exit_7_and_after_a_part_of_it_exit_4() {
    let (traces, lines) = (jaeger(), loki());
    let only = ["--jaeger", traces.url.as_str()];
    let both = ["--jaeger", traces.url.as_str(), "--loki", lines.url.as_str()];
    let cases: [(&[&str], &[&str], &str, i32); 6] = [
        (&["follow", TRACE], &only, "bytes=8", 7),
        (&["now"], &only, "bytes=8", 7),
        (&["follow", TRACE], &only, "requests=200", 0),
        (&["follow", TRACE], &both, "loki.requests=1", 4),
        (&["now"], &both, "loki.bytes=8", 4),
        (&["now"], &both, "rows=0", 2),
    ];
    for (verb, sources, budget, code) in cases {
        let all = [verb, sources, &["--budget", budget]].concat();
        let told = run(&[&all[..], &["-o", "json"]].concat());
        let stdout = String::from_utf8(told.stdout).unwrap();
        let document: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{all:?}: {error}"));
        assert_eq!((told.status.code(), &document["exit"]), (Some(code), &code.into()), "{all:?}: {document:#}");
        let plain = run(&[&all[..], &["-v"]].concat());
        assert_eq!(plain.status.code(), Some(code), "{all:?}");
        let (text, remarks) = (String::from_utf8(plain.stdout).unwrap(), String::from_utf8(plain.stderr).unwrap());
        if code != 2 {
            // What is used and what is allowed, for each source, and for all.
            let accounts: Vec<&str> = remarks.lines().filter(|line| line.contains(" requests ")).collect();
            assert_eq!(accounts.len(), sources.len() / 2 + 1, "{remarks}");
            assert!(accounts.iter().all(|line| line.contains("bytes") && line.contains('/')), "{remarks}");
        }
        assert_eq!(text.contains("budget of "), [4, 7].contains(&code), "{all:?}: {text}");
    }
}

#[test]
fn what_is_left_alone_is_told_by_the_lamp_and_to_programs() {
    let down = Server::start(|_, _| String::new());
    let all = ["now", "--jaeger", down.url.as_str()];
    let text = String::from_utf8(run(&all).stdout).unwrap();
    assert!(text.contains("down, failed once"), "{text}");
    let coded = run(&[&all[..], &["-o", "json"]].concat());
    let document: Value = serde_json::from_slice(&coded.stdout).unwrap();
    let lamp = &document["sources"][0];
    assert_eq!(lamp["breaker"], json!({"state": "counting", "failures": 1}), "{document:#}");
    assert!(lamp["spent"]["requests"]["used"].as_u64() > Some(0), "{document:#}");
}

#[test]
fn a_story_that_a_budget_cut_is_asked_as_a_whole_once_it_is_raised() {
    let traces = jaeger();
    let shown = |keys: &str| {
        let all = [TRACE, "--jaeger", traces.url.as_str(), "--budget", "bytes=8", "--print", "text", "--keys", keys];
        String::from_utf8(run(&all).stdout).unwrap()
    };
    let cut = shown("");
    assert!(cut.contains("b raises it, R asks everything of this story again") && !cut.contains("POST"), "{cut}");
    let raised = shown("bbytes=64MiB<Enter>");
    assert!(raised.contains("R asks everything of the story again, not the rest alone"), "{raised}");
    for keys in ["bbytes=64MiB<Enter>R", "9bbytes=64MiB<Enter>R2"] {
        let whole = shown(keys);
        assert!(whole.contains("POST /orders") && !whole.contains("budget spent"), "{keys}: {whole}");
    }
    let still = shown("R");
    assert!(still.contains("budget spent") && !still.contains("POST"), "{still}");
}
