use super::*;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

fn budget(requests: u32) -> Budget {
    let limits = Limits { requests, bytes: 100, at_once: 1, ..Limits::default() };
    Budget::new(SourceKind::Loki, &limits, CancellationToken::new())
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_is_a_fault_that_says_which_part() {
    let spent = budget(1);
    let first = spent.lease().await.expect("one request is allowed");
    assert!(first.receive(100) && !first.receive(1));
    drop(first);
    let fault = spent.lease().await.map(drop).unwrap_err();
    assert_eq!(fault.came.as_str(), "budget of 1 requests spent");
    assert!(fault.hint.as_str().contains("--budget requests="), "{}", fault.hint.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_waited_for_until_the_deadline_and_not_longer() {
    let busy = budget(9);
    let _held = busy.lease().await.expect("one request is allowed");
    assert_eq!(busy.lease().await.map(drop).unwrap_err().kind, FaultKind::BudgetSpent);
}

#[tokio::test(start_paused = true)]
async fn a_turn_goes_to_the_next_one_when_its_holder_is_cancelled() {
    let busy = budget(9);
    let held = busy.lease().await.expect("one request is allowed");
    let mut waiting = Box::pin(busy.lease());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(held);
    drop(waiting.await.expect("the turn is free"));
    // One that stops waiting takes no turn with it.
    let held = busy.lease().await.expect("one request is allowed");
    let mut given_up = Box::pin(busy.lease());
    assert!(futures_util::poll!(&mut given_up).is_pending());
    drop((given_up, held));
    assert!(busy.lease().await.is_ok());
}

#[test]
fn limits_that_are_raised_hold_at_once() {
    let mut limits = Limits { requests: 1, ..Limits::default() };
    let purse = Purse::new(&limits, vec![SourceKind::Loki]);
    assert_eq!((purse.take(SourceKind::Loki, REQUESTS, 1), purse.take(SourceKind::Loki, REQUESTS, 1)), (1, 0));
    limits.adjust("requests=3,loki.requests=2").expect("limits");
    purse.allow(&limits);
    assert_eq!((purse.take(SourceKind::Loki, REQUESTS, 9), purse.take(SourceKind::Jaeger, REQUESTS, 9)), (1, 1));
    assert_eq!(purse.all().words(), format!("requests 3/3, bytes 0/{}, rows 0/{}", limits.bytes, limits.rows));
}

#[test]
fn a_source_that_floods_leaves_the_others_their_part() {
    let limits = Limits { bytes: 600, ..Limits::default() };
    let purse = Purse::new(&limits, vec![SourceKind::Jaeger, SourceKind::Loki, SourceKind::Kafka]);
    assert_eq!(purse.take(SourceKind::Jaeger, BYTES, 1_000), 400);
    assert_eq!(purse.take(SourceKind::Loki, BYTES, 1_000), 100);
    let (_, why) = purse.spent(SourceKind::Jaeger).expect("nothing is left for it");
    assert_eq!(why, "budget of 600 bytes spent, but for what is kept for other sources");
    assert_eq!(purse.take(SourceKind::Kafka, BYTES, 1_000), 100);
}

/// What one task of a schedule does: whom it asks, and the bytes and rows that come.
type Task = (usize, Vec<(u64, u64)>);

fn tasks() -> impl Strategy<Value = Vec<Task>> {
    prop::collection::vec((0..SourceKind::ALL.len(), prop::collection::vec((0..60u64, 0..9u64), 0..5)), 1..24)
}

proptest! {
    /// Tasks give way to each other between any two steps, in an order that the case chooses.
    #[test]
    fn no_order_of_events_spends_more_than_there_is(
        tasks in tasks(),
        order in prop::collection::vec(0..5u8, 0..40),
        (requests, bytes, rows) in (1..9u32, 1..200u64, 1..40u64),
        (own, at_once) in (1..5u32, 1..3usize),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut limits = Limits { requests, bytes, rows, at_once, ..Limits::default() };
            limits.adjust(&format!("loki.requests={own}")).expect("a limit");
            let purse = Arc::new(Purse::new(&limits, SourceKind::ALL.to_vec()));
            let budgets = SourceKind::ALL.map(|source| {
                let shared = (Arc::new(Semaphore::new(at_once)), Arc::default());
                Budget::within(Arc::clone(&purse), (source, &limits), shared, CancellationToken::new())
            });
            let busy: [AtomicUsize; SourceKind::ALL.len()] = Default::default();
            let (read, kept, asked) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
            let each = tasks.iter().enumerate().map(|(number, (at, answer))| {
                let (budget, order) = (&budgets[*at], &order);
                let (busy, read, kept, asked) = (&busy[*at], &read, &kept, &asked);
                async move {
                    let pause = |step: usize| {
                        let turns = order.get((number + step) % order.len().max(1)).copied().unwrap_or(0);
                        async move { for _ in 0..turns { tokio::task::yield_now().await } }
                    };
                    pause(0).await;
                    let Ok(lease) = budget.lease().await else { return };
                    asked.fetch_add(1, Ordering::Relaxed);
                    assert!(busy.fetch_add(1, Ordering::Relaxed) < at_once, "too many at once");
                    for (step, (bytes, rows)) in answer.iter().enumerate() {
                        pause(step + 1).await;
                        read.fetch_add(lease.admit(*bytes) as usize, Ordering::Relaxed);
                        kept.fetch_add(lease.rows(*rows) as usize, Ordering::Relaxed);
                    }
                    busy.fetch_sub(1, Ordering::Relaxed);
                }
            });
            let mut open: FuturesUnordered<_> = each.collect();
            while open.next().await.is_some() {}
            let total = |counter: &AtomicUsize| counter.load(Ordering::Relaxed) as u64;
            let all = purse.all();
            assert_eq!((all.requests.used, all.bytes.used, all.rows.used), (total(&asked), total(&read), total(&kept)));
            assert!(all.parts().iter().all(|(_, part)| part.used <= part.limit), "{all:?}");
            assert!(purse.of(SourceKind::Loki).requests.used <= u64::from(own));
            let sum: u64 = SourceKind::ALL.into_iter().map(|source| purse.of(source).requests.used).sum();
            assert_eq!(sum, all.requests.used, "the whole is the sum of its parts");
        });
    }
}
