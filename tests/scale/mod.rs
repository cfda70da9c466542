//! Clusters of many brokers, partitions and groups: what an answer costs, and that a lost broker takes nothing from others.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

use hopscope::config::{KafkaEndpoint, Limits};
use hopscope::demo::kafka::Habit;
use hopscope::demo::kafka::many::{self, Family, Many, Plan, Row, Running};
use hopscope::export::lag_rows;
use hopscope::model::ask::NoteKind;
use hopscope::model::{Ask, Note, QueueState, Rows, SourceKind};
use hopscope::sources::Source;
use hopscope::sources::kafka::Kafka;
use hopscope::sources::lease::Budget;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Asks for all queues of a cluster; a silent broker is waited for so long.
async fn queues(running: &Running, patience: Duration) -> (QueueState, Vec<Note>) {
    let (host, port) = running.bootstrap().rsplit_once(':').unwrap();
    let endpoint =
        KafkaEndpoint { bootstrap: vec![(host.to_owned(), port.parse().unwrap())], ..KafkaEndpoint::default() };
    let limits = Limits { request_timeout: patience, timeout: patience * 10, ..Limits::default() };
    let budget = Budget::new(SourceKind::Kafka, &limits, CancellationToken::new());
    let answer = Kafka::new(&endpoint).answer(&Ask::Queues, &budget).await.outcome.unwrap();
    let Rows::Queues(state) = answer.rows else { panic!("a question about queues is answered with queues") };
    // What these brokers do not offer (open transactions, offsets of share groups) is remarked, and weakens nothing.
    let notes = answer.notes.into_iter().filter(|note| note.kind != NoteKind::Remark).collect();
    (*state, notes)
}

const PATIENT: Duration = Duration::from_mins(1);

/// Every row of an answer as the truth writes it; what is missing is -1.
fn told(state: &QueueState) -> Vec<Row> {
    let place = |topic: &str, index| state.partition(topic, index).cloned().unwrap_or_default();
    let rows = lag_rows(state).map(|row| {
        let partition = place(row.topic.as_str(), row.partition);
        Row {
            group: row.group.as_str().to_owned(),
            topic: row.topic.as_str().to_owned(),
            partition: row.partition,
            committed: row.committed,
            start: partition.start.unwrap_or(-1),
            stable: partition.stable.unwrap_or(-1),
            end: row.end.unwrap_or(-1),
        }
    });
    rows.collect()
}

#[tokio::test]
async fn ten_thousand_partitions_and_a_thousand_groups_are_told_row_for_row() {
    let running = many::start(Plan { topics: 100, partitions: 100, groups: 1_000, ..Plan::default() }).await.unwrap();
    let (state, notes) = queues(&running, PATIENT).await;
    assert_eq!(notes, []);
    let sizes = (state.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(), state.groups.len());
    assert_eq!(sizes, (10_000, 1_000));
    let truth = running.rows();
    assert!(truth.len() > 15_000 && truth.iter().any(|row| row.committed.is_none()), "{} rows", truth.len());
    assert!(told(&state) == truth, "the rows differ from the truth");
    assert!(lag_rows(&state).all(|row| row.lag.is_none_or(|lag| lag >= 0)));
    for (number, group) in state.groups.iter().enumerate() {
        let has = !group.members.is_empty();
        let expected = Many::has_members(number) && Many::family(number) != Family::Share;
        assert_eq!((group.id.as_str(), has), (Many::group_id(number).as_str(), expected));
        assert_eq!(group.state, if Many::has_members(number) { "Stable" } else { "Empty" }, "{}", group.id);
    }
}

#[tokio::test]
async fn requests_grow_with_brokers_and_not_with_groups_or_partitions() {
    /// Requests of one broker: versions, groups, members of two families, commits, and three kinds of offsets.
    const OF_ONE: u64 = 8;
    let mut counted = BTreeMap::new();
    for (brokers, groups, topics) in
        [(3, 10, 10), (3, 100, 10), (3, 1_000, 10), (3, 1_000, 100), (6, 10, 10), (6, 100, 10), (6, 1_000, 10)]
    {
        let running = many::start(Plan { brokers, groups, topics, ..Plan::default() }).await.unwrap();
        let (state, _) = queues(&running, PATIENT).await;
        assert_eq!(state.groups.len(), groups);
        let requests = running.requests();
        let all: u64 = requests.values().sum();
        assert!(all <= OF_ONE * brokers as u64 + 2, "{brokers} brokers, {groups} groups: {requests:?}");
        counted.insert((brokers, groups, topics), all);
    }
    for brokers in [3, 6] {
        assert_eq!(counted[&(brokers, 100, 10)], counted[&(brokers, 1_000, 10)], "{counted:?}");
    }
    assert_eq!(counted[&(3, 1_000, 10)], counted[&(3, 1_000, 100)], "{counted:?}");
}

#[tokio::test]
async fn a_lost_broker_takes_no_row_from_the_others() {
    let silent = |broker| BTreeMap::from([(broker, Habit::Silent)]);
    let plans = [
        ("dead", Plan { dead: Some(2), groups: 300, ..Plan::default() }),
        ("silent", Plan { habits: silent(2), groups: 300, ..Plan::default() }),
    ];
    for (what, plan) in plans {
        let running = many::start(plan).await.unwrap();
        let (state, notes) = queues(&running, Duration::from_secs(2)).await;
        let cluster = running.cluster();
        let number = |text: &str| text.rsplit('-').next().unwrap().parse::<usize>().unwrap();
        // A row needs its group's coordinator, and the leader of its partition for the offsets of the log.
        let truth: BTreeSet<(String, String, i32, Option<i64>, i64)> = running
            .rows()
            .into_iter()
            .filter(|row| cluster.coordinator(number(&row.group)) != 2)
            .map(|row| {
                let is_led = cluster.leader(number(&row.topic), row.partition) != 2;
                (row.group, row.topic, row.partition, row.committed, if is_led { row.end } else { -1 })
            })
            .collect();
        let rows: BTreeSet<(String, String, i32, Option<i64>, i64)> =
            told(&state).into_iter().map(|row| (row.group, row.topic, row.partition, row.committed, row.end)).collect();
        assert!(truth.len() > 1_000, "the others have rows");
        assert!(rows == truth, "{what}: {} rows, {} expected", rows.len(), truth.len());
        let named = notes.iter().any(|note| note.text.as_str().contains(running.addresses[2].as_str()));
        assert!(named, "{what}: the lost broker is named: {notes:?}");
        assert!(state.brokers.iter().any(|broker| broker.node == 3 && broker.fault.is_some()), "{what}");
    }
}

#[tokio::test]
async fn a_slow_broker_is_waited_for() {
    let habits = BTreeMap::from([(1, Habit::Slow(Duration::from_millis(30)))]);
    let running = many::start(Plan { habits, groups: 60, ..Plan::default() }).await.unwrap();
    let (state, notes) = queues(&running, PATIENT).await;
    assert_eq!((told(&state), notes), (running.rows(), Vec::new()));
}

#[tokio::test]
async fn leaders_that_moved_are_found_and_no_offset_is_missing() {
    let running = many::start(Plan { stale: 1, groups: 60, ..Plan::default() }).await.unwrap();
    let (state, notes) = queues(&running, PATIENT).await;
    assert_eq!((told(&state), notes), (running.rows(), Vec::new()));
    assert_eq!(running.requests()["Metadata"], 2, "metadata is read anew once");
}

/// What a record was that retention has deleted cannot be told, so the answer is a part of one; that there is none yet is an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_no_longer_kept_is_no_whole_answer() {
    let running = many::start(Plan { groups: 10, ..Plan::default() }).await.unwrap();
    let row = running.rows().into_iter().find(|row| row.start > 0).expect("a log that begins behind 0");
    let bootstrap = running.bootstrap().to_owned();
    let ask = move |verb: &[&str], offset: i64| {
        let at = format!("{}-{}@{offset}", row.topic, row.partition);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hopscope"));
        command.env_clear().env("HOPSCOPE_CONFIG", "/dev/null").args(verb).args([&at, "--kafka", &bootstrap]);
        let ran = command.args(["--source", "kafka"]).output().expect("the program starts");
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        (ran.status.code(), said.contains("no longer kept"), said)
    };
    let end = row.end;
    tokio::task::spawn_blocking(move || {
        for verb in [&["queue", "record"][..], &["follow"]] {
            let (exit, is_said, said) = ask(verb, 0);
            assert_eq!((exit, is_said), (Some(4), true), "{verb:?}: {said}");
            let (exit, is_said, said) = ask(verb, end);
            assert_eq!((exit, is_said), (Some(1), false), "{verb:?}: {said}");
        }
    })
    .await
    .unwrap();
}
