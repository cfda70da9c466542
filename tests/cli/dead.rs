//! `hopscope dead`: letters of the demo, and of many frameworks at once.

use super::{run, text};
use hopscope::demo::{self, Clock, Options, Running};
use hopscope::world::Scenario;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const FAMILIES: &str = include_str!("../scenarios/families/scenario.toml");

fn served(scenario: Scenario) -> (Runtime, Running, String) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads start");
    let now_ns = 1_795_000_000_000_000_000 + scenario.history_s * 1_000_000_000;
    let options = Options { clock: Clock::stopped_at(now_ns), ..Options::default() };
    let running = runtime.block_on(demo::start(scenario, options)).expect("loopback has free ports");
    let brokers = hopscope::cli::demo::profile(&running).kafka.expect("the demo has a Kafka").bootstrap;
    let brokers: Vec<String> = brokers.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    (runtime, running, brokers.join(","))
}

fn document(home: &TempDir, arguments: &[&str], brokers: &str) -> (Option<i32>, Value) {
    let output = run(home, &[arguments, &["--kafka", brokers, "-o", "json"]].concat(), &[]);
    let stdout = text(&output.stdout);
    (output.status.code(), serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr))))
}

fn texts<'a>(rows: &'a Value, name: &str) -> Vec<&'a str> {
    rows.as_array().expect("rows are a list").iter().map(|row| row[name].as_str().unwrap_or("-")).collect()
}

#[test]
fn letters_of_the_demo_by_cause_and_one_by_one() {
    let (_runtime, _running, brokers) = served(Scenario::checkout());
    let home = TempDir::new().unwrap();
    let (code, list) = document(&home, &["dead", "list"], &brokers);
    assert_eq!((code, &list["complete"]), (Some(0), &true.into()), "{}", list["notes"]);
    let rows = list["rows"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.is_sorted_by_key(|row| -row["written"].as_i64().unwrap()), "the newest first");
    for row in rows {
        assert_eq!((&row["origin_topic"], &row["group"]), (&"orders".into(), &"fulfilment".into()), "{row}");
        assert_eq!((&row["family"], &row["known_by"]), (&"spring-kafka".into(), &"headers".into()));
    }
    let places = texts(&list["rows"], "place");
    assert!(places.contains(&"retry") && places.contains(&"dead-letter"), "{places:?}");
    let (_, cohorts) = document(&home, &["dead", "cohorts"], &brokers);
    let sum: u64 = cohorts["rows"].as_array().unwrap().iter().map(|row| row["letters"].as_u64().unwrap()).sum();
    assert_eq!(sum, rows.len() as u64, "each letter has one cause");

    let dead = rows.iter().find(|row| row["place"] == "dead-letter").unwrap();
    let (code, shown) = document(&home, &["dead", "show", dead["record"].as_str().unwrap()], &brokers);
    assert_eq!((code, &shown["letter"]["origin"]), (Some(0), &dead["origin"]));
    assert!(shown["record"]["value"]["text"].as_str().is_some_and(|text| text.contains("ord-")), "{shown}");
    let origin = dead["origin"].as_str().unwrap();
    let none = run(&home, &["dead", "show", origin, "--kafka", &brokers], &[]);
    assert_eq!((none.status.code(), none.stdout.len()), (Some(1), 0), "the original is no letter");
    assert!(text(&none.stderr).contains("is no letter"), "{}", text(&none.stderr));

    let plain = text(&run(&home, &["dead", "list", "--kafka", &brokers], &[]).stdout);
    assert_eq!(plain.lines().count(), rows.len() + 1);
    assert!(plain.lines().all(|line| line.split('\t').count() == 11), "{plain}");
}

/// What was cut off is a part of an answer, what is not there is an answer, and what cannot be reached is none.
#[test]
fn exit_codes_say_how_much_was_seen() {
    let (_runtime, _running, brokers) = served(Scenario::checkout());
    let home = TempDir::new().unwrap();
    let (code, cut) = document(&home, &["dead", "list", "--newest", "2"], &brokers);
    assert_eq!((code, &cut["complete"]), (Some(4), &false.into()));
    assert!(cut["notes"].to_string().contains("offsets before them were not"), "{}", cut["notes"]);
    let (code, none) = document(&home, &["dead", "list", "no-such-topic"], &brokers);
    assert_eq!(code, Some(1), "{none}");
    let (code, none) = document(&home, &["dead", "cohorts", "orders"], &brokers);
    assert_eq!((code, none["rows"].as_array().unwrap().len()), (Some(if none["complete"] == true { 1 } else { 4 }), 0));
    let (code, refused) = document(&home, &["dead", "list"], &super::refused());
    assert_eq!((code, &refused["schema"]), (Some(5), &"hopscope/error/1".into()));
    let wrong = run(&home, &["dead", "show", "orders", "--kafka", &brokers], &[]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("topic-partition@offset"));
    let (code, spent) = document(&home, &["dead", "list", "--budget", "requests=6"], &brokers);
    assert_eq!(code, Some(4), "{spent}");
    assert!(spent["notes"].to_string().contains("budget of 6 requests spent"), "{}", spent["notes"]);
}

/// The same letters under names that say so and under names that say nothing: headers tell them, and what has none is not
/// found without its name.
#[test]
fn headers_of_many_frameworks_are_known_whatever_the_topic_is_called() {
    let home = TempDir::new().unwrap();
    let named = {
        let (_runtime, _running, brokers) = served(Scenario::from_toml(FAMILIES).unwrap());
        document(&home, &["dead", "list"], &brokers).1
    };
    let (_runtime, _running, brokers) = served(Scenario::from_toml(&FAMILIES.replace("\"dead-", "\"side-")).unwrap());
    let (code, unnamed) = document(&home, &["dead", "list"], &brokers);
    assert_eq!(code, Some(0), "{}", unnamed["notes"]);
    let families = |document: &Value| {
        let mut found = texts(&document["rows"], "family");
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = families(&named);
    for family in ["kafka-connect", "kafka-streams", "share-group", "smallrye", "karafka", "mass-transit", "home-grown"]
    {
        assert!(all.iter().any(|found| found == family), "{family} in {all:?}");
    }
    let by_name = named["rows"].as_array().unwrap().iter().filter(|row| row["known_by"] == "name");
    assert!(
        by_name.clone().count() > 0 && by_name.clone().all(|row| row["origin"].is_null() && row["family"].is_null())
    );
    let told: Vec<String> = all.into_iter().filter(|family| family != "-").collect();
    assert_eq!(families(&unnamed), told, "only what headers tell is found without a name");
    assert!(texts(&unnamed["topics"], "known_by").iter().all(|by| *by == "headers"));
}

/// The engine behind Compare, as lines and as a document.
#[test]
fn two_stories_are_compared_without_a_console() {
    // A story is searched in time, so this world is live.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = runtime.block_on(demo::start(Scenario::checkout(), Options::default())).unwrap();
    let brokers = running.kafka.clone();
    let home = TempDir::new().unwrap();
    let of = |label: &str| running.examples.iter().find(|example| example.label == label).unwrap().id.to_string();
    let (a, b) = (of("charged twice"), of("healthy"));
    let sources = ["--jaeger", &running.jaeger, "--loki", &running.loki, "--kafka", &brokers];
    let arguments = [&["trace", "diff", &a, &b][..], &sources].concat();
    let output = run(&home, &[&arguments[..], &["-o", "json"]].concat(), &[]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert_eq!(
        (output.status.code(), &told["schema"]),
        (Some(0), &"hopscope/diff/1".into()),
        "{}",
        text(&output.stderr)
    );
    let differs = |row: &&Value| row["differs"].as_array().is_some_and(|differs| !differs.is_empty());
    assert!(told["lines"].as_array().unwrap().iter().any(|row| differs(&row)), "{told}");
    let plain = text(&run(&home, &arguments, &[]).stdout);
    assert!(plain.starts_with(&format!("A\t{a}\tcomplete\nB\t{b}\tcomplete\n")), "{plain}");
    let same = run(&home, &[&["trace", "diff", &a, &a, "-o", "json"][..], &sources].concat(), &[]);
    let same: Value = serde_json::from_slice(&same.stdout).unwrap();
    assert!(!same["lines"].as_array().unwrap().iter().any(|row| differs(&row)), "a story is what it is: {same}");
    let none = run(&home, &[&["trace", "diff", &a, "ord-none"][..], &sources].concat(), &[]);
    assert_eq!(none.status.code(), Some(1), "one side is not there");
    let silent = run(&home, &["trace", "diff", &a, "ord-none", "--jaeger", "http://127.0.0.1:1"], &[]);
    let said = String::from_utf8_lossy(&silent.stdout).into_owned();
    assert!(said.contains("no answer") && !said.contains("nothing found"), "{said}");
    assert_eq!(silent.status.code(), Some(5), "nobody answered");
}
