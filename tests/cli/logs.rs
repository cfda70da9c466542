//! `hopscope logs`: lines as text and as JSON lines, and a tail that ends on a signal.

use super::{run, text};
use hopscope::demo::{self, LokiHabits, Options, Running};
use hopscope::world::Scenario;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn served() -> (tokio::runtime::Runtime, Running) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads start");
    let running =
        runtime.block_on(demo::start(Scenario::checkout(), Options::default())).expect("loopback has free ports");
    (runtime, running)
}

fn rows(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).expect("each line is a document")).collect()
}

#[test]
fn lines_of_an_id_and_of_a_query() {
    let (_runtime, running) = served();
    let home = TempDir::new().unwrap();
    let trace = running.examples.iter().find(|example| example.label == "its trace").unwrap().id.to_string();
    let ask = |arguments: &[&str]| run(&home, &[&["logs"], arguments, &["--loki", &running.loki]].concat(), &[]);

    let found = ask(&["for", &trace, "-o", "jsonl"]);
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
    let all = rows(&text(&found.stdout));
    assert!(!all.is_empty() && all.iter().all(|row| row.to_string().contains(&trace)));
    assert!(all.is_sorted_by_key(|row| row["at"].as_i64().unwrap()), "oldest first");
    let plain = text(&ask(&["for", &trace]).stdout);
    assert_eq!(plain.lines().count(), all.len());
    assert!(plain.lines().all(|line| line.starts_with("20") && line.contains("Z  ")), "{plain}");

    let newest = ask(&["query", "{app=~\".+\"}", "--limit", "3", "-o", "json"]);
    assert_eq!(newest.status.code(), Some(4), "more lines exist");
    let document: Value = serde_json::from_slice(&newest.stdout).unwrap();
    assert_eq!((document["rows"].as_array().unwrap().len(), &document["exit"]), (3, &4.into()));
    let none = ask(&["query", "{app=~\".+\"} |= \"nowhere at all\""]);
    assert_eq!((none.status.code(), none.stdout.len()), (Some(1), 0));
    for (bad, place) in [
        (&["query", "{app=~\".*\"}"][..], "QUERY"),
        (&["query", "rate({a=\"b\"}[1m])"], "QUERY"),
        (&["tail", "{a=\"b\"}", "-o", "json"], "--output"),
    ] {
        let refused = ask(bad);
        assert_eq!(refused.status.code(), Some(2), "{bad:?}");
        assert!(text(&refused.stderr).contains(place) && refused.stdout.is_empty() | bad.contains(&"json"), "{bad:?}");
    }
    let wrong = run(&home, &["now", "-o", "jsonl", "--loki", &running.loki], &[]);
    assert_eq!(wrong.status.code(), Some(2));
}

/// What lies beyond the server's reach cannot be told: neither an empty nor a filled answer for such a window is whole.
#[test]
fn a_window_beyond_the_lookback_is_a_part_of_an_answer() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads start");
    let loki_habits = LokiHabits { lookback_h: Some(2), ..LokiHabits::default() };
    let options = Options { loki_habits, ..Options::default() };
    let running = runtime.block_on(demo::start(Scenario::checkout(), options)).expect("loopback has free ports");
    let home = TempDir::new().unwrap();
    for (query, since, exit) in [
        ("{app=~\".+\"} |= \"nowhere at all\"", "1h", 1),
        ("{app=~\".+\"} |= \"nowhere at all\"", "5h", 4),
        ("{app=~\".+\"} |= \"ord-\"", "5h", 4),
    ] {
        let arguments =
            ["logs", "query", query, "--limit", "100000", "--since", since, "-o", "json", "--loki", &running.loki];
        let ran = run(&home, &arguments, &[]);
        let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let said = (ran.status.code(), document["exit"].as_i64(), document["complete"].as_bool());
        assert_eq!(said, (Some(exit), Some(exit.into()), Some(exit == 1)), "{query} {since}: {document}");
        assert_eq!(document["notes"].to_string().contains("may look back"), exit == 4, "{query} {since}");
    }
}

#[test]
fn a_tail_shows_lines_once_and_ends_on_a_signal() {
    let (_runtime, running) = served();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(["logs", "tail", "{app=~\".+\"}", "--since", "1m", "-o", "jsonl", "--loki", &running.loki])
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The incident is live, so lines keep coming; they come over more than one read.
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    let (mut first, mut last) = (i64::MAX, 0);
    while last - first.min(last) < 62_000_000_000 {
        let line = lines.next().expect("a live incident goes on").unwrap();
        let row: Value = serde_json::from_str(&line).unwrap();
        (first, last) = (first.min(row["at"].as_i64().unwrap()), last.max(row["at"].as_i64().unwrap()));
        *seen.entry(line).or_default() += 1;
    }
    assert!(seen.values().all(|count| *count == 1), "no line comes twice");
    kill_process(Pid::from_child(&child), Signal::INT).expect("the program is running");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_tail_ends_by_itself_when_it_has_shown_enough() {
    let (_runtime, running) = served();
    let home = TempDir::new().unwrap();
    let arguments = ["logs", "tail", "{app=~\".+\"}", "--since", "5m", "--limit", "4", "--loki", &running.loki];
    let ended = run(&home, &arguments, &[]);
    assert_eq!((ended.status.code(), text(&ended.stdout).lines().count()), (Some(0), 4));
    let down = run(&home, &["logs", "tail", "{a=\"b\"}", "--loki", &format!("http://{}", super::refused())], &[]);
    assert_eq!((down.status.code(), down.stdout.len()), (Some(5), 0));
}
