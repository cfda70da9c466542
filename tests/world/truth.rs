//! What must be true of the built-in incident.

use hopscope::world::truth::{DeliveryOutcome, Outcome, State};
use hopscope::world::{Scenario, World};

use super::{BEGAN_NS, S, after};

fn all_truths(world: &World) -> String {
    let truths: Vec<_> = world.journeys().map(|journey| journey.truth(world.now_ns())).collect();
    serde_json::to_string(&(truths, world.positions())).unwrap()
}

#[test]
fn same_seed_same_truth_however_time_is_cut() {
    let whole = after(1_000);
    let mut stepwise = World::new(Scenario::checkout(), BEGAN_NS);
    for step in 0..=700 {
        stepwise.until(BEGAN_NS + step * 1_000 * S / 700);
    }
    assert!(all_truths(&whole) == all_truths(&stepwise));
}

#[test]
fn another_seed_is_another_incident() {
    let mut other = World::new(Scenario { seed: 21, ..Scenario::checkout() }, BEGAN_NS);
    other.until(BEGAN_NS + 60 * S);
    assert!(all_truths(&other) != all_truths(&after(60)));
}

#[test]
fn an_earlier_instant_changes_nothing() {
    let mut world = after(300);
    let before = all_truths(&world);
    world.until(BEGAN_NS + 10 * S);
    assert!(before == all_truths(&world));
}

#[test]
fn exactly_one_order_is_charged_twice() {
    let world = after(2_400);
    let charged = world.journeys().filter(|journey| journey.effects.len() > 1);
    let orders: Vec<_> = charged.map(|journey| journey.order_id.clone()).collect();
    assert_eq!(orders.len(), 1);
    let truth = world.truth(&orders[0]).unwrap();
    let [first, second] = truth.effects.as_slice() else { panic!("{:?}", truth.effects) };
    assert_ne!(first.payment_id, second.payment_id);
    assert_eq!(first.idempotency_key, None);
    let charge = truth.operations.iter().find(|operation| operation.name == "POST /charge").unwrap();
    assert_eq!(charge.attempts[0].outcome, Outcome::TimedOut);
    let execution = &charge.attempts[0].executions[0];
    assert_eq!(execution.status, 200);
    assert!(execution.end_ns > charge.attempts[0].end_ns);
    assert_eq!(charge.attempts[1].outcome, Outcome::Answered(200));
}

#[test]
fn retries_in_two_layers_reach_six_calls_and_no_more() {
    let world = after(2_400);
    let calls = |journey: &hopscope::world::journey::Journey| {
        journey.truth(world.now_ns()).executions("bank-adapter POST /authorise")
    };
    assert_eq!(world.journeys().map(calls).max(), Some(6));
    let before_fault = world.journeys().filter(|journey| journey.started_ns < BEGAN_NS + 890 * S);
    assert_eq!(before_fault.map(calls).max(), Some(1));
}

#[test]
fn a_poison_record_blocks_its_partition_and_no_other() {
    let world = after(2_400);
    let (at, group) = world
        .journeys()
        .find_map(|journey| match journey.state(world.now_ns()) {
            State::Blocked { at, group } => Some((at, group)),
            _ => None,
        })
        .unwrap();
    assert_eq!((at.topic.as_str(), at.partition, group.as_str()), ("audit", 2, "audit-writer"));
    for position in world.positions().into_iter().filter(|position| position.group == group) {
        if position.partition == at.partition {
            assert_eq!(position.committed, Some(at.offset));
            assert!(position.lag() > 500, "{position:?}");
        } else {
            assert!(position.lag() < 20, "{position:?}");
        }
    }
    let journey = world.journeys().find(|journey| journey.copy(&at).is_some()).unwrap();
    let starts: Vec<u64> = journey
        .deliveries
        .iter()
        .filter(|delivery| delivery.at == at && delivery.group == group)
        .inspect(|delivery| assert!(matches!(delivery.outcome, DeliveryOutcome::Failed { .. })))
        .map(|delivery| delivery.start_ns)
        .collect();
    assert!(starts.len() > 300);
    assert!(starts.windows(2).all(|pair| (5 * S..6 * S).contains(&(pair[1] - pair[0]))));
}

#[test]
fn a_waiting_order_is_dead_lettered_in_the_end() {
    let mut world = after(2_400);
    let now_ns = world.now_ns();
    let (order, until_ns) = world
        .journeys()
        .find_map(|journey| match journey.state(now_ns) {
            State::Waiting { until_ns, .. } if journey.records.iter().any(|copy| copy.hop == 2) => {
                Some((journey.order_id.clone(), until_ns))
            }
            _ => None,
        })
        .unwrap();
    assert!(until_ns > now_ns);
    world.until(now_ns + 1_500 * S);
    let truth = world.truth(&order).unwrap();
    assert!(matches!(&truth.state, State::DeadLettered { at } if at.topic == "orders-dlt"), "{:?}", truth.state);
    let hops: Vec<_> = truth.records.iter().filter(|copy| copy.event == "OrderPlaced").collect();
    let topics: Vec<_> = hops.iter().map(|copy| copy.at.topic.as_str()).collect();
    assert_eq!(topics, ["orders", "orders-retry-0", "orders-retry-1", "orders-dlt"]);
    for pair in hops.windows(2) {
        assert_eq!(pair[1].from.as_ref(), Some(&pair[0].at));
        assert_eq!(pair[1].at.partition, pair[0].at.partition);
    }
}

#[test]
fn every_example_can_be_found() {
    let world = after(2_400);
    let examples = world.examples();
    let labels: Vec<_> = examples.iter().map(|example| example.label).collect();
    assert_eq!(
        labels,
        [
            "charged twice",
            "its trace",
            "poison record",
            "retried in two layers",
            "dead-lettered",
            "waiting",
            "not sampled",
            "hostile bytes",
            "healthy",
        ]
    );
    for example in examples.iter().filter(|example| example.id.starts_with("ord-")) {
        assert!(world.truth(&example.id).is_some(), "{example:?}");
    }
}

#[test]
fn old_journeys_and_records_are_forgotten() {
    let world = after(3 * 3_600);
    assert!(world.journeys().count() < 8_500);
    let oldest = world.queue().partition("orders", 0).unwrap().log_start;
    assert!(oldest > 300, "{oldest}");
    let blocked = world.journeys().any(|journey| matches!(journey.state(world.now_ns()), State::Blocked { .. }));
    assert!(blocked, "what still happens is not forgotten");
}
