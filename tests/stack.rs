//! Tests against real servers that hold what a real workload left: the story must be what the services say they did.
//!
//! `HOPSCOPE_STACK_STATE` names the folder that `tests/stack/up` and `tests/stack/workload/run` wrote. Without it these
//! tests fail: a test that did not run is not a pass.

#[path = "stack/cluster.rs"]
mod cluster;
#[path = "stack/field.rs"]
mod field;
#[path = "stack/paging.rs"]
mod paging;
#[path = "stack/polyglot.rs"]
mod polyglot;
#[path = "stack/secured.rs"]
mod secured;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Settings, and what the services wrote down while they worked.
struct Stack {
    folder: PathBuf,
    settings: BTreeMap<String, String>,
    truth: Vec<Value>,
    /// Some tests write, and others compare what is there before and after: one at a time.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Stack {
    fn open() -> Self {
        Self::after("workload.env", "truth.jsonl")
    }

    /// The servers after a workload that left these files.
    fn after(settings: &str, truth: &str) -> Self {
        let mut stack = Self::of(PathBuf::new());
        stack.set(settings);
        stack.truth = stack.read(truth).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        stack
    }

    /// The servers of a folder below the state directory, without a workload.
    fn of(server: impl AsRef<Path>) -> Self {
        let state = std::env::var_os("HOPSCOPE_STACK_STATE")
            .expect("HOPSCOPE_STACK_STATE names the folder of a running stack (tests/stack/up, then workload/run)");
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Path::new(&state).join(server);
        let mut stack = Self { folder, settings: BTreeMap::new(), truth: Vec::new(), _alone: alone };
        stack.set("env");
        stack
    }

    fn read(&self, name: &str) -> String {
        let path = self.folder.join(name);
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; tests/stack/up --with ... makes it", path.display()))
    }

    fn set(&mut self, name: &str) {
        let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.settings.extend(self.read(name).lines().filter_map(pair));
    }

    /// Runs one of the scripts that ask Kafka's own tools.
    fn tool(&self, name: &str) -> Vec<u8> {
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack").join(name);
        let run = Command::new(tool).arg(&self.folder).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        run.stdout
    }

    /// What the broker holds: topics with the end of each partition, and groups.
    fn state(&self) -> String {
        String::from_utf8(self.tool("state")).unwrap()
    }

    /// What `ConsumerGroupCommand` prints: group, topic, partition, committed, end, lag.
    fn kafka_s_own_lag(&self) -> Vec<u8> {
        self.tool("lag")
    }

    fn get(&self, name: &str) -> &str {
        self.settings.get(name).unwrap_or_else(|| panic!("{name} is not set by the stack"))
    }

    /// The lines of one kind about one order, in the order in which they were written.
    fn told<'a>(&'a self, kind: &'a str, order: &'a str) -> impl Iterator<Item = &'a Value> {
        self.truth.iter().filter(move |line| line["kind"] == kind && line["order_id"] == order)
    }

    /// Follows an id and returns the exit code and the document.
    fn follow(&self, id: &str) -> (i32, Value) {
        let run = Command::new(env!("CARGO_BIN_EXE_hopscope"))
            .args(["follow", id, "-o", "json", "--jaeger", self.get("JAEGER"), "--loki", self.get("LOKI")])
            .args(["--kafka", self.get("KAFKA")])
            .env_clear()
            .output()
            .unwrap();
        let document = serde_json::from_slice(&run.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&run.stderr)));
        (run.status.code().unwrap(), document)
    }
}

fn coordinate(line: &Value) -> String {
    format!("{}-{}@{}", line["topic"].as_str().unwrap(), line["partition"], line["offset"])
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("no list `{name}` in {value}"))
}

/// Compares attempts, records and deliveries of an order with what the services wrote down.
fn check(stack: &Stack, order: &str, story: &Value) {
    let data = &story["data"];

    let attempts: Vec<String> =
        stack.told("http_attempt", order).map(|line| format!("{} {}", line["ordinal"], line["status"])).collect();
    let seen: Vec<String> = list(data, "operations")
        .iter()
        .flat_map(|operation| list(operation, "attempts"))
        .map(|attempt| format!("{} {}", attempt["ordinal"], attempt["status"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, attempts, "attempts of {order}");

    let served = stack.told("http_served", order).count();
    let executions = |attempt: &Value| list(attempt, "executions").len();
    let ran: usize =
        list(data, "operations").iter().flat_map(|operation| list(operation, "attempts")).map(executions).sum();
    assert_eq!(ran, served, "executions of {order}");

    let written: BTreeSet<String> = stack.told("publish", order).map(coordinate).collect();
    let copies: BTreeSet<String> = list(data, "messages")
        .iter()
        .flat_map(|message| list(message, "copies"))
        .map(|copy| copy["coordinate"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(copies, written, "records of {order}");

    // A refused early delivery is no run of the handler, and how many there are varies.
    let shown = |at: &str, group: &str, ok: bool| format!("{at} {group} {}", if ok { "handled" } else { "failed" });
    let mut handled: Vec<String> = stack
        .told("handled", order)
        .map(|line| shown(&coordinate(line), line["group"].as_str().unwrap(), line["outcome"] == "ok"))
        .collect();
    let mut deliveries: Vec<String> = list(data, "messages")
        .iter()
        .flat_map(|message| list(message, "deliveries"))
        .filter(|delivery| delivery["result"] != "not-due")
        .map(|delivery| {
            let (at, group) = (delivery["coordinate"].as_str().unwrap(), delivery["group"].as_str().unwrap());
            shown(at, group, delivery["result"] == "handled")
        })
        .collect();
    handled.sort();
    deliveries.sort();
    assert_eq!(deliveries, handled, "deliveries of {order}");
}

/// Follows an order by its trace, by its own id and by its first record, and compares each story with what the services
/// wrote down.
fn every_way(order: &str, outcome: &str) {
    let stack = Stack::open();
    let order = stack.get(order);
    let trace = stack.told("received", order).next().expect("the order was received")["trace_id"].as_str().unwrap();
    let written = coordinate(stack.told("publish", order).next().expect("a record was written"));
    for id in [trace, order, &written] {
        let (exit, story) = stack.follow(id);
        assert_eq!(exit, 0, "{story}");
        assert_eq!(story["data"]["outcome"]["state"], outcome, "{id}");
        check(&stack, order, &story);
        let lines = list(&story["data"], "rows").iter().filter(|row| row["kind"] == "line").count();
        assert!(lines > 0, "log lines stand in the story of {id}");
    }
}

#[test]
fn a_healthy_order_is_one_attempt_and_one_delivery() {
    every_way("ORDER_HEALTHY", "succeeded");
}

#[test]
fn an_order_retried_over_http_shows_every_attempt() {
    every_way("ORDER_RETRIED", "succeeded-after-retries");
}

#[test]
fn a_poisoned_order_is_followed_over_the_retry_topics_to_the_dead_letter() {
    every_way("ORDER_POISONED", "dead-lettered");
}

#[test]
fn a_stuck_record_shows_every_delivery() {
    every_way("REFUND_STUCK", "blocked");
}

#[test]
fn a_trace_that_nobody_wrote_is_not_found() {
    let (exit, story) = Stack::open().follow("00000000000000000000000000abcdef");
    assert_eq!((exit, &story["data"]), (1, &Value::Null), "{story}");
}

fn rows(text: &[u8]) -> BTreeSet<Vec<String>> {
    let text = String::from_utf8_lossy(text).into_owned();
    // What follows is ours alone: what is lost, who owns it, and the like.
    let row = |line: &str| line.split_whitespace().take(6).map(str::to_owned).collect::<Vec<_>>();
    text.lines().filter(|line| !line.starts_with("GROUP")).map(row).collect()
}

#[test]
fn lag_equals_what_kafka_s_own_tool_prints() {
    let stack = Stack::open();
    let theirs = rows(&stack.kafka_s_own_lag());
    let ours = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(["queue", "lag", "--kafka", stack.get("KAFKA")])
        .env_clear()
        .output()
        .unwrap();
    assert!(theirs.iter().any(|row| row[5] != "0"), "the workload leaves a real lag");
    // Kafka's table leaves share groups out.
    let ours = String::from_utf8_lossy(&ours.stdout).into_owned();
    let kept: Vec<&str> = ours.lines().filter(|line| !line.contains("\tshare\t")).collect();
    assert_eq!(rows(kept.join("\n").as_bytes()), theirs);
}

/// Prints a screen of the console.
fn screen(stack: &Stack, keys: &str, id: Option<&str>) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(["--print", "text", "--size", "140x40", "--color", "never", "--keys", keys])
        .args(["--jaeger", stack.get("JAEGER"), "--loki", stack.get("LOKI"), "--kafka", stack.get("KAFKA")])
        .args(id)
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn the_console_tells_the_same_stories() {
    let stack = Stack::open();
    for (order, outcome) in [
        ("ORDER_HEALTHY", "succeeded"),
        ("ORDER_RETRIED", "succeeded after retries"),
        ("ORDER_POISONED", "dead-lettered"),
        ("REFUND_STUCK", "blocked"),
    ] {
        let story = screen(&stack, "", Some(stack.get(order)));
        assert!(story.contains(&format!("business id  {outcome}\n")), "{order} is {outcome}:\n{story}");
        let attempts = stack.told("http_attempt", stack.get(order)).count();
        if attempts > 1 {
            assert!(story.contains(&format!("attempt {attempts} of {attempts}")), "{order}:\n{story}");
        }
    }
    let now = screen(&stack, "", None);
    let mut lag_of: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows(&stack.kafka_s_own_lag()) {
        // A partition without a commit has no lag, which the tool writes as `-`.
        *lag_of.entry(row[0].clone()).or_default() += row[5].parse::<i64>().unwrap_or(0);
    }
    for (group, lag) in &lag_of {
        let line = now.lines().find(|line| line.contains(&format!(" {group} "))).unwrap_or_default();
        let shown = line.split(" lag ").nth(1).and_then(|rest| rest.split_whitespace().next());
        assert_eq!(shown, Some(lag.to_string().as_str()), "{group}: {line}\n{now}");
    }
    assert!(lag_of.values().any(|lag| *lag > 0), "the workload leaves a real lag");
    let lags = |line: &str| line.starts_with(&format!("W {} ", stack.get("REFUND_GROUP")));
    assert!(now.lines().any(lags), "a group that lags is marked:\n{now}");
    // Several workloads may share one broker, and the traces of the others be elsewhere.
    let followed = screen(&stack, &format!("/{}<Enter>f", stack.get("REFUND_GROUP")), None);
    assert!(followed.contains("blocked"), "f on a stuck group follows the record it stands at:\n{followed}");
}
