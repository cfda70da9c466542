//! Lag bench: all groups of a cluster of three embedded brokers, with the requests that it takes.
//!
//! usage: cargo bench --bench queues
//!
//! Brokers and client share the machine, so a time holds the work of both. The last column is the time for one row of the
//! answer (a partition or a commit) against that of the smallest cluster: 1 is linear.

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

use hopscope::config::{KafkaEndpoint, Limits};
use hopscope::demo::kafka::many::{self, Plan, Running};
use hopscope::export::lag_rows;
use hopscope::model::{Ask, QueueState, Rows, SourceKind};
use hopscope::sources::Source;
use hopscope::sources::kafka::Kafka;
use hopscope::sources::lease::Budget;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const ROUNDS: u32 = 7;

/// Asks as a process that has just begun does: with no connection open.
async fn ask(running: &Running) -> Box<QueueState> {
    let (host, port) = running.bootstrap().rsplit_once(':').expect("host:port");
    let endpoint =
        KafkaEndpoint { bootstrap: vec![(host.to_owned(), port.parse().expect("a port"))], ..KafkaEndpoint::default() };
    let budget = Budget::new(SourceKind::Kafka, &Limits::default(), CancellationToken::new());
    let answer = Kafka::new(&endpoint).answer(&Ask::Queues, &budget).await.outcome.expect("an answer");
    assert!(answer.notes.is_empty(), "nothing is missing: {:?}", answer.notes);
    match answer.rows {
        Rows::Queues(state) => state,
        other => panic!("{other:?}"),
    }
}

fn main() {
    // The brokers have a thread of their own, as far as the machine has one.
    let brokers =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!(
        "{:>6}  {:>10}  {:>7}  {:>8}  {:>9}  {:>9}  {:>8}  {:>7}",
        "groups", "partitions", "rows", "requests", "answer", "table", "us a row", "growth"
    );
    let mut first = None;
    for (groups, topics) in [(50, 10), (500, 10), (1_000, 10), (50, 100), (500, 100), (1_000, 100)] {
        let plan = Plan { groups, topics, ..Plan::default() };
        let running = brokers.block_on(many::start(plan)).expect("free ports");
        let (mut best, mut table) = (Duration::MAX, Duration::MAX);
        let mut size = (0, 0);
        for _ in 0..ROUNDS {
            running.cluster().forget();
            let begun = Instant::now();
            let state = client.block_on(ask(&running));
            best = best.min(begun.elapsed());
            let begun = Instant::now();
            let rows: Vec<_> = lag_rows(&state).collect();
            table = table.min(begun.elapsed());
            assert_eq!(rows.len(), running.rows().len(), "every row is there");
            let partitions: usize = state.topics.iter().map(|topic| topic.partitions.len()).sum();
            size = (partitions, rows.len());
        }
        let (partitions, rows) = size;
        let requests: u64 = running.requests().values().sum();
        let each = (best + table).as_secs_f64() * 1e6 / (partitions + rows) as f64;
        let growth = each / *first.get_or_insert(each);
        println!(
            "{groups:>6}  {partitions:>10}  {rows:>7}  {requests:>8}  {best:>9.1?}  {table:>9.1?}  {each:>8.2}  {growth:>7.2}"
        );
    }
}
