//! A real broker full of what brokers hold in the field: transactions of every end, all codecs, tombstones, live groups of
//! every protocol that it has. What is told about it equals what the producer and Kafka's own tools say, and looking changes
//! nothing, although this broker would make a topic for the asking.

use super::{Stack, rows};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The running workload: the records that it wrote, each with what became of its transaction.
struct Field {
    child: Child,
    written: Vec<(String, String)>,
}

impl Field {
    fn start(stack: &Stack) -> Self {
        let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stack/field/run"))
            .arg(&stack.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut written = Vec::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        loop {
            let line = lines.next().expect("it ends with `ready`").unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["record", topic, partition, offset, end] => {
                    written.push((format!("{topic}-{partition}@{offset}"), end.to_owned()));
                }
                ["ready"] => return Self { child, written },
                _ => panic!("{line}"),
            }
        }
    }

    fn first(&self, end: &str) -> i64 {
        let (at, _) = self.written.iter().find(|(_, found)| found == end).unwrap();
        at.rsplit_once('@').unwrap().1.parse().unwrap()
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

fn ask(stack: &Stack, verb: &[&str]) -> (i32, Value) {
    let run = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .arg("queue")
        .args(verb)
        .args(["-o", "json", "--kafka", stack.get("KAFKA")])
        .env_clear()
        .output()
        .unwrap();
    let document = serde_json::from_slice(&run.stdout)
        .unwrap_or_else(|error| panic!("{verb:?}: {error}: {}", String::from_utf8_lossy(&run.stderr)));
    (run.status.code().unwrap(), document)
}

fn row<'a>(document: &'a Value, field: &str, name: &str) -> &'a Value {
    let found = document["rows"].as_array().unwrap().iter().find(|row| row[field] == name);
    found.unwrap_or_else(|| panic!("{name} in {document}"))
}

#[test]
fn what_brokers_hold_in_the_field_is_told_as_it_is() {
    let stack = Stack::of("kafka-field");
    let field = Field::start(&stack);
    // Its living members write to the groups' own topics; on a broker at rest those are compared, too (`secured`).
    let held =
        || -> Vec<String> { stack.state().lines().filter(|line| !line.starts_with("__")).map(str::to_owned).collect() };
    let before = held();
    let is_new = stack.settings.get("KAFKA_VERSION").is_none_or(|version| version.starts_with("4."));

    // Lag, row for row; share groups are left out of Kafka's table.
    let theirs: BTreeSet<Vec<String>> = rows(&stack.kafka_s_own_lag()).into_iter().collect();
    let (exit, lag) = ask(&stack, &["lag", "--times"]);
    assert_eq!(exit, 0, "{lag}");
    let text = |value: &Value| value.as_i64().map_or_else(|| "-".to_owned(), |number| number.to_string());
    let ours: BTreeSet<Vec<String>> = lag["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["kind"] != "share")
        .map(|row| {
            let [group, topic] = ["group", "topic"].map(|name| row[name].as_str().unwrap().to_owned());
            let [committed, end, lag] = ["committed", "end", "lag"].map(|name| text(&row[name]));
            vec![group, topic, row["partition"].to_string(), committed, end, lag]
        })
        .collect();
    assert!(ours == theirs, "ours alone: {:?}\ntheirs alone: {:?}", &ours - &theirs, &theirs - &ours);
    let classic = row(&lag, "group", "field-classic");
    assert_eq!((&classic["client"], &classic["instance"]), (&"pump".into(), &"pump-1".into()), "{classic}");
    assert!(classic["waits_ns"].is_i64() || classic["lag"] != 4, "{classic}");

    // The open transaction, who holds it, and what it holds back.
    let open = &lag["transactions"][0];
    assert_eq!(lag["transactions"].as_array().unwrap().len(), 1, "{lag}");
    assert_eq!((&open["topic"], &open["first_offset"]), (&"field-transactions".into(), &field.first("open").into()));
    let behind = lag["rows"].as_array().unwrap().iter().find(|row| row["topic"] == "field-transactions").unwrap();
    assert_eq!(behind["stable"], field.first("open"), "{behind}");
    assert_eq!(behind["behind_transaction"], 3, "two records of the transaction and one behind it: {behind}");
    if is_new {
        assert_eq!((&open["transactional_id"], &open["state"]), (&"field-holds".into(), &"Ongoing".into()), "{open}");
        assert!(open["started"].is_i64() && open["timeout_ns"].is_i64(), "{open}");
    }

    let (exit, groups) = ask(&stack, &["groups"]);
    assert_eq!(exit, 0, "{groups}");
    let told = |name: &str| {
        let found = row(&groups, "group", name);
        (found["kind"].as_str().unwrap(), found["state"].as_str().unwrap(), found["members"].as_u64().unwrap())
    };
    assert_eq!(told("field-classic"), ("classic", "Stable", 1));
    assert_eq!(told("field-never-joined"), ("classic", "Empty", 0));
    if is_new {
        assert_eq!(told("field-newer"), ("consumer", "Stable", 1));
        let newer = row(&groups, "group", "field-newer");
        assert_eq!(newer["subscriptions"], serde_json::json!(["field-p.*"]));
        assert!(newer["epoch"].as_i64().unwrap() > 0, "{newer}");
        assert_eq!(told("field-share"), ("share", "Stable", 1));
        let share = row(&groups, "group", "field-share");
        assert_eq!((&share["at_most"], &share["partitions"]), (&true.into(), &3.into()), "{share}");
    }

    // Every record as it was written, whatever its codec and its transaction.
    assert!(field.written.len() > 40);
    for (at, end) in &field.written {
        let (exit, document) = ask(&stack, &["record", at]);
        let record = &document["record"];
        let transaction = if end == "plain" { Value::Null } else { end.as_str().into() };
        assert_eq!(
            (exit, &record["coordinate"], &record["transaction"]),
            (0, &at.as_str().into(), &transaction),
            "{document}"
        );
        if at.starts_with("field-plain") {
            let header = |number: usize| record["headers"][number]["value"]["text"].as_str().unwrap_or("(null)");
            assert_eq!(record["value"]["text"], format!("value of {}", header(0)), "{record}");
            assert_eq!([header(1), header(2), header(3)], ["1", "2", "(null)"], "{record}");
        }
        if at.starts_with("field-appended") {
            assert!(record["clock"] == "broker" && record["at"].as_i64().unwrap() > 1_000_000_000, "{record}");
        }
    }
    let marker = field.first("aborted") + 3;
    let (exit, document) = ask(&stack, &["record", &format!("field-transactions-0@{marker}")]);
    assert!(exit == 1 && document["notes"][0]["text"].as_str().unwrap().contains("aborts a transaction"), "{document}");

    let (exit, topics) = ask(&stack, &["topics"]);
    assert_eq!(exit, 0, "{topics}");
    let setting = |topic: &str, name: &str| row(&topics, "topic", topic)[name].clone();
    assert_eq!(setting("field-compacted", "cleanup"), "compact");
    assert_eq!(setting("field-appended", "clock"), "LogAppendTime");
    assert_eq!(setting("field-appended", "retention_ns"), 86_400_000_000_000i64);
    assert_eq!(setting("field-plain", "retention_ns"), Value::Null);
    assert_eq!(setting("field-empty", "newest"), Value::Null);
    assert_eq!(
        setting("field-plain", "newest").is_i64(),
        !stack.settings.get("KAFKA_VERSION").is_some_and(|version| version.starts_with("2."))
    );
    // This broker makes a topic for whoever asks about one and does not forbid it.
    let (exit, absent) = ask(&stack, &["record", "field-never-made-0@0"]);
    assert_eq!(exit, 1, "{absent}");
    assert_eq!(held(), before, "looking changed nothing");
}
