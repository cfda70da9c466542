//! A few ids of a running incident that are worth following.

use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};

use super::engine::World;
use super::journey::Journey;
use super::truth::{DeliveryOutcome, State};

/// One id to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Short label, such as `charged twice`.
    pub label: &'static str,
    /// The id: an order, a trace or a coordinate.
    pub id: SmolStr,
    /// What one will see.
    pub shows: &'static str,
}

impl World {
    /// Ids worth trying as of now; kinds of trouble that have not happened yet are left out.
    pub fn examples(&self) -> Vec<Example> {
        let now_ns = self.now_ns();
        let mut examples = Vec::new();
        let mut add = |label, id: SmolStr, shows| examples.push(Example { label, id, shows });
        let twice =
            self.journeys().find(|journey| journey.effects.iter().filter(|effect| effect.at_ns <= now_ns).count() > 1);
        if let Some(journey) = twice {
            let shows = "the first charge succeeded after its caller gave up; the retry charged again";
            add("charged twice", journey.order_id.clone(), shows);
            add("its trace", format_smolstr!("{}", journey.trace_id), "the same story, found by the trace id");
        }
        let state = |wanted: fn(&State) -> bool| move |journey: &&Journey| wanted(&journey.state(now_ns));
        let newest =
            |wanted: fn(&State) -> bool| self.journeys().rev().filter(|journey| journey.sampled).find(state(wanted));
        if let Some(State::Blocked { at, .. }) =
            newest(|state| matches!(state, State::Blocked { .. })).map(|journey| journey.state(now_ns))
        {
            add(
                "poison record",
                format_smolstr!("{at}"),
                "delivered again every few seconds; its partition stands still",
            );
        }
        let retried = self.journeys().rev().filter(|journey| journey.sampled).find(|journey| {
            let failed = matches!(journey.state(now_ns), State::Failed { .. });
            failed && journey.operations.iter().filter(|operation| operation.attempts.len() > 1).count() > 2
        });
        if let Some(journey) = retried {
            add("retried in two layers", journey.order_id.clone(), "up to six calls to the bank for one order");
        }
        if let Some(journey) = newest(|state| matches!(state, State::DeadLettered { .. })) {
            add("dead-lettered", journey.order_id.clone(), "failed on both retry topics, now on the dead-letter topic");
        }
        if let Some(journey) = newest(|state| matches!(state, State::Waiting { until_ns, .. } if *until_ns > 0)) {
            add("waiting", journey.order_id.clone(), "waits on a retry topic and is due later");
        }
        let unsampled =
            self.journeys().rev().find(|journey| !journey.sampled && matches!(journey.state(now_ns), State::Done));
        if let Some(journey) = unsampled {
            add("not sampled", journey.order_id.clone(), "no trace was kept; logs and records still tell the story");
        }
        if let Some(journey) = self.journeys().find(|journey| journey.hostile) {
            add("hostile bytes", journey.order_id.clone(), "control characters in a line, a tag, a key and a header");
        }
        let healthy = self.journeys().rev().find(|journey| {
            let calm = journey.operations.iter().all(|operation| operation.attempts.len() == 1);
            let at_once = journey.deliveries.iter().all(|delivery| delivery.outcome == DeliveryOutcome::Done);
            journey.sampled && calm && at_once && matches!(journey.state(now_ns), State::Done)
        });
        if let Some(journey) = healthy {
            add("healthy", journey.order_id.clone(), "everything worked the first time");
        }
        examples
    }
}
