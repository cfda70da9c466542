//! The client against the recorded answers of a broker.

use super::{bytes, coordinate, replay, text};
use hopscope::config::{KafkaEndpoint, Limits};
use hopscope::model::ask::NoteKind;
use hopscope::model::queue::QueueState;
use hopscope::model::record::RecordClock;
use hopscope::model::{Answer, Ask, Coordinate, Rows, SourceKind, Timestamp};
use hopscope::sources::Source;
use hopscope::sources::kafka::Kafka;
use hopscope::sources::lease::Budget;
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Brokers that were recorded: the folder, and the ground truth of the workload that ran on it.
const RECORDED: [(&str, &str); 2] = [("kafka-3.9", "kafka-3.9/truth.jsonl"), ("kafka-4.3", "truth.jsonl")];

async fn ask(folder: &str, frames: &str, ask: Ask) -> Answer {
    let port = replay::serve(bytes(&format!("{folder}/{frames}.frames"))).await;
    let kafka =
        Kafka::new(&KafkaEndpoint { bootstrap: vec![("127.0.0.1".to_owned(), port)], ..KafkaEndpoint::default() });
    let budget = Budget::new(SourceKind::Kafka, &Limits::default(), CancellationToken::new());
    let reply = kafka.answer(&ask, &budget).await;
    assert!(reply.exchanges.iter().all(|exchange| exchange.status.as_str() == "ok"), "{:?}", reply.exchanges);
    reply.outcome.unwrap_or_else(|fault| panic!("{fault}"))
}

/// What the services wrote down, of one kind.
fn told(truth: &str, kind: &str) -> Vec<serde_json::Value> {
    let lines = text(truth);
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["kind"] == kind).collect()
}

fn row(state: &QueueState) -> BTreeSet<String> {
    let of_group = |group: &hopscope::model::queue::Group| {
        let line = |commit: &hopscope::model::queue::Commit| {
            let end = state.partition(&commit.topic, commit.partition).and_then(|found| found.end).unwrap();
            let lag = state.lag(commit).expect("committed and end are known").records;
            let (topic, partition) = (&commit.topic, commit.partition);
            format!("{} {topic} {partition} {} {end} {lag}", group.id, commit.committed.unwrap())
        };
        group.commits.iter().map(line).collect::<Vec<_>>()
    };
    state.groups.iter().flat_map(of_group).collect()
}

#[tokio::test]
async fn lag_is_what_kafka_s_own_tool_said() {
    for (folder, _) in RECORDED {
        let answer = ask(folder, "lag", Ask::Queues).await;
        assert!(answer.notes.is_empty(), "{:?}", answer.notes);
        let Rows::Queues(state) = answer.rows else { panic!("queues") };
        assert!(state.groups.iter().all(|group| group.state == "Empty"), "the services had been stopped");
        let theirs: BTreeSet<String> = text(&format!("{folder}/lag.txt")).lines().map(str::to_owned).collect();
        assert!(theirs.iter().any(|line| !line.ends_with(" 0")), "{theirs:?}");
        assert_eq!(row(&state), theirs, "{folder}");
    }
}

#[tokio::test]
async fn records_are_the_ones_that_were_written() {
    let written = RECORDED.map(|(folder, truth)| told(truth, "publish").into_iter().map(move |line| (folder, line)));
    let written: Vec<_> = written.into_iter().flatten().collect();
    assert_eq!(written.len(), 10);
    for (folder, line) in written {
        let at = Coordinate::parse(&coordinate(&line)).unwrap();
        let answer = ask(folder, "records", Ask::Record(at.clone())).await;
        assert!(answer.notes.is_empty(), "{:?}", answer.notes);
        let Rows::Records(records) = answer.rows else { panic!("records") };
        let [record] = &records[..] else { panic!("one record at {at}") };
        assert_eq!((&record.coordinate, record.clock), (&at, RecordClock::CreateTime));
        assert_eq!(record.key.as_deref(), line["key"].as_str().map(str::as_bytes));
        assert_eq!(record.timestamp, Timestamp::from_millis(line["timestamp_ms"].as_i64().unwrap()));
        let said: Vec<_> = record.headers_named("order_id").collect();
        assert_eq!(said, [Some(&line["order_id"].as_str().unwrap().as_bytes().to_vec().into())], "{at}");
    }
}

#[tokio::test]
async fn a_dead_letter_names_the_record_that_it_was() {
    for (folder, truth) in RECORDED {
        let end = told(truth, "end").into_iter().find(|line| line["state"] == "dead-lettered").unwrap();
        let mut written = told(truth, "publish");
        written.retain(|line| line["order_id"] == end["order_id"]);
        let (first, last) = (written.first().unwrap(), written.last().unwrap());
        let at = Coordinate::parse(&coordinate(last)).unwrap();
        let Rows::Records(records) = ask(folder, "records", Ask::Record(at)).await.rows else { panic!("records") };
        let header = |name: &'static str| {
            let value = records[0].headers_named(name).next_back().flatten();
            value.unwrap_or_else(|| panic!("{name} in {:?}", records[0].headers)).to_vec()
        };
        let topic = first["topic"].as_str().unwrap().as_bytes();
        assert_eq!(header("kafka_original-topic"), topic);
        assert_eq!(header("kafka_original-partition"), (first["partition"].as_i64().unwrap() as i32).to_be_bytes());
        assert_eq!(header("kafka_original-offset"), first["offset"].as_i64().unwrap().to_be_bytes());
    }
}

#[tokio::test]
async fn an_offset_behind_the_end_is_not_written() {
    for (folder, truth) in RECORDED {
        let refund = told(truth, "end").into_iter().find(|line| line["state"] == "stuck").unwrap();
        let mut places = told(truth, "publish").into_iter();
        let place = places.find(|line| line["order_id"] == refund["order_id"]).expect("the refund was written");
        let at = Coordinate { offset: 99, ..Coordinate::parse(&coordinate(&place)).unwrap() };
        let answer = ask(folder, "records", Ask::Record(at)).await;
        assert!(answer.rows.is_empty());
        assert_eq!(answer.notes.iter().map(|note| note.kind).collect::<Vec<_>>(), [NoteKind::NotFound]);
    }
}
