//! Investigations against sources made by hand.

use super::follow::{Asked, follow};
use super::{SourceSet, now, read_now};
use crate::config::Limits;
use crate::model::case::Progress;
use crate::model::id::recognise;
use crate::model::now::Light;
use crate::model::queue::{Commit, Group, Partition, Topic};
use crate::model::{
    Answer, Ask, Case, Fault, Nanos, QueueState, Reach, Reply, Rows, SafeText, SourceKind, Timestamp, Window,
};
use crate::sources::Source;
use crate::sources::lease::Budget;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How a source behaves.
#[derive(Clone, Copy)]
enum Habit {
    Empty,
    Panics,
    Hangs,
}

struct Made(SourceKind, Habit);

impl Source for Made {
    fn kind(&self) -> SourceKind {
        self.0
    }

    fn address(&self) -> SafeText {
        SafeText::own("made by hand")
    }

    fn answer<'a>(&'a self, ask: &'a Ask, _: &'a Budget) -> BoxFuture<'a, Reply> {
        async move {
            let rows = match (self.1, ask) {
                (Habit::Panics, _) => panic!("a broken belief"),
                (Habit::Hangs, _) => std::future::pending().await,
                (Habit::Empty, Ask::Services) => Rows::Services(Vec::new()),
                (
                    Habit::Empty,
                    Ask::Trace(_) | Ask::FindSpans { .. } | Ask::FindAnywhere { .. } | Ask::FindErrors { .. },
                ) => Rows::Spans(Box::default()),
                (Habit::Empty, Ask::FindLines { .. } | Ask::QueryLines { .. }) => Rows::Lines(Box::default()),
                (Habit::Empty, Ask::Record(_) | Ask::ScanRecords { .. }) => Rows::Records(Vec::new()),
                (Habit::Empty, Ask::Topics | Ask::TopicsInFull | Ask::Queues) => Rows::Queues(Box::new(queues())),
            };
            Reply { outcome: Ok(Answer { rows, notes: Vec::new() }), exchanges: Vec::new() }
        }
        .boxed()
    }

    fn identify<'a>(&'a self, _: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>> {
        async move {
            match self.1 {
                Habit::Panics => panic!("a broken belief"),
                Habit::Hangs | Habit::Empty => Ok(SafeText::own("made 1.0")),
            }
        }
        .boxed()
    }
}

fn set(habits: &[(SourceKind, Habit)]) -> SourceSet {
    let made = habits.iter().map(|(kind, habit)| Arc::new(Made(*kind, *habit)) as Arc<dyn Source>);
    SourceSet::of(made.collect(), Limits::default())
}

fn queues() -> QueueState {
    let partition = |index, start, end| Partition { index, start: Some(start), end: Some(end), ..Partition::default() };
    let commit = |partition, committed| Commit { topic: "orders".into(), partition, committed, owner: None };
    let group = |id: &str, commits| Group { id: id.into(), state: "Stable".into(), commits, ..Group::default() };
    QueueState {
        topics: vec![Topic {
            name: "orders".into(),
            partitions: vec![partition(0, 0, 10), partition(1, 5, 40)],
            ..Topic::default()
        }],
        groups: vec![
            group("calm", vec![commit(0, Some(10))]),
            group("behind", vec![commit(0, Some(8)), commit(1, Some(2)), commit(7, None)]),
        ],
        ..QueueState::default()
    }
}

const AT: Timestamp = Timestamp(1_700_000_000_000_000_000);

async fn story(sources: &SourceSet, cancel: &CancellationToken) -> Case {
    let anchor = recognise("4bf92f3577b34da6a3ce929d0e0e4736").expect("a trace id");
    let asked = Asked { at: AT, window: None, since: Nanos::from_secs(3_600) };
    let (publish, _keep) = watch::channel(Arc::new(super::follow::blank(sources, anchor.clone(), asked)));
    follow(sources, anchor, asked, &publish, cancel).await
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_a_fault_and_the_others_answer() {
    let sources = set(&[(SourceKind::Jaeger, Habit::Panics), (SourceKind::Loki, Habit::Empty)]);
    let case = story(&sources, &CancellationToken::new()).await;
    let reach = |kind| case.coverage_of(kind).map(|coverage| coverage.reach);
    assert_eq!(reach(SourceKind::Jaeger), Some(Reach::None));
    assert_eq!(reach(SourceKind::Loki), Some(Reach::Full));
    let jaeger = case.coverage_of(SourceKind::Jaeger).expect("every source has coverage");
    assert!(jaeger.faults[0].came.as_str().contains("a broken belief"), "{:?}", jaeger.faults);
    assert!(!case.is_complete());
}

#[tokio::test(start_paused = true)]
async fn time_that_is_over_leaves_a_stopped_case() {
    let sources = set(&[(SourceKind::Jaeger, Habit::Hangs), (SourceKind::Loki, Habit::Empty)]);
    let case = story(&sources, &CancellationToken::new()).await;
    assert!(matches!(case.progress, Progress::Stopped { .. }), "{:?}", case.progress);
    assert_eq!(case.coverage_of(SourceKind::Jaeger).map(|coverage| coverage.reach), Some(Reach::None));
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_at_once_and_says_so() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let case = story(&set(&[(SourceKind::Jaeger, Habit::Hangs)]), &cancel).await;
    assert_eq!(case.progress, Progress::Stopped { reason: SafeText::own("cancelled") });
}

#[tokio::test(start_paused = true)]
async fn each_lamp_stands_for_itself() {
    let sources = set(&[(SourceKind::Jaeger, Habit::Panics), (SourceKind::Kafka, Habit::Empty)]);
    let window = Window::around(AT, Nanos::from_secs(60), Nanos(0));
    let mut seen = 0;
    let now = read_now(&sources, AT, window, &CancellationToken::new(), |_| seen += 1).await;
    let lights: Vec<Light> = now.lamps.iter().map(|lamp| lamp.light).collect();
    assert_eq!((lights, seen), (vec![Light::Down, Light::Off, Light::Ok], 3));
}

#[test]
fn groups_come_worst_first_with_the_record_they_stand_at() {
    let rows = now::groups(&queues());
    let behind = &rows[0];
    assert_eq!((behind.group.as_str(), behind.lag, behind.unknown, behind.lost), ("behind", 37, 1, 3));
    // Offsets 2 to 4 are gone, so the group reads on at the partition's start.
    assert_eq!(behind.next.as_ref().map(SafeText::as_str), Some("orders-1@5"));
    assert_eq!((rows[1].lag, &rows[1].next), (0, &None));
}
