//! Three real brokers, and one of them is killed while it leads partitions and coordinates groups: what is told meanwhile is
//! whole, or says in words what is missing and of whom. Nothing is told to be absent that is there.

use super::Stack;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the cluster may take to choose other leaders. Nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(90);

fn ask(stack: &Stack, what: &[&str]) -> (i32, Value, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .arg("queue")
        .args(what)
        .args(["-o", "json", "--kafka", stack.get("KAFKA")])
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let document = serde_json::from_slice(&run.stdout).unwrap_or(Value::Null);
    (run.status.code().unwrap(), document, said)
}

/// Rows of the lag table: group, partition, committed, end and lag.
fn rows(lag: &Value) -> Vec<[Value; 5]> {
    let names = ["group", "partition", "committed", "end", "lag"];
    super::list(lag, "rows").iter().map(|row| names.map(|name| row[name].clone())).collect()
}

/// What is told while a broker is lost is a part of what is there, and each part that is missing is named.
fn is_honest(whole: &[[Value; 5]], lag: &Value) {
    let (found, notes) = (rows(lag), lag["notes"].to_string());
    for (row, told) in found.iter().zip(super::list(lag, "rows")) {
        let same = whole.iter().find(|known| known[..2] == row[..2]).unwrap_or_else(|| panic!("made up: {told}"));
        for (known, cell) in same.iter().zip(row) {
            assert!(cell.is_null() || cell == known, "{told} is not {known}");
        }
        assert!(
            !row.iter().any(Value::is_null) || !told["fault"].is_null(),
            "a cell is missing without a word: {told}"
        );
    }
    assert!(
        found.len() == whole.len()
            || ["groups of broker", "groups may be missing", "coordinator"].iter().any(|words| notes.contains(words)),
        "{lag}"
    );
}

#[test]
fn a_leader_that_is_killed_takes_nothing_with_it_but_what_is_named() {
    let stack = Stack::of("kafka-cluster");
    let filled = String::from_utf8(stack.tool("cluster/run")).unwrap();
    let leader = filled.lines().find_map(|line| line.strip_prefix("leader 0 ")).expect("somebody leads partition 0");
    let (exit, before, said) = ask(&stack, &["lag"]);
    assert_eq!((exit, &before["complete"]), (0, &true.into()), "{before} {said}");
    let whole = rows(&before);
    // Group N of eight stands at N in all six partitions of ten records.
    assert_eq!(whole.len(), 48);
    for [group, _, committed, end, lag] in &whole {
        let at: i64 = group.as_str().unwrap().trim_start_matches("cluster-group-").parse().unwrap();
        assert_eq!([committed, end, lag].map(Value::as_i64), [at, 10, 10 - at].map(Some), "{group}");
    }
    let (exit, record, said) = ask(&stack, &["record", "cluster-orders-0@3"]);
    assert_eq!(exit, 0, "{record} {said}");

    let name = if leader == "1" { "kafka-cluster".to_owned() } else { format!("kafka-cluster-{leader}") };
    let pid = std::fs::read_to_string(stack.folder.parent().unwrap().join(format!("{name}.pid"))).unwrap();
    assert!(Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap().success());

    // Until both are whole again: first the dead broker is still said to lead, then others do.
    let (until, mut partial) = (Instant::now() + PATIENCE, 0);
    loop {
        let (exit, lag, said) = ask(&stack, &["lag"]);
        assert!([0, 4].contains(&exit), "{exit} {lag} {said}");
        assert_eq!(lag["complete"], exit == 0, "{lag}");
        is_honest(&whole, &lag);
        let (found, again, said) = ask(&stack, &["record", "cluster-orders-0@3"]);
        // Not there (1) would be a lie.
        assert!([0, 4, 5].contains(&found), "{found} {again} {said}");
        match found {
            0 => assert_eq!(again["record"], record["record"]),
            _ => assert!(said.contains("127.0.0.1:") || said.contains("leads"), "it says of whom: {said}"),
        }
        if exit == 0 && found == 0 {
            assert_eq!(rows(&lag), whole);
            break;
        }
        partial += 1;
        assert!(Instant::now() < until, "never whole again: {lag} {said}");
    }
    assert!(partial > 0, "a broker that was killed is missed");
}
