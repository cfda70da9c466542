//! A scenario on stage at a standing clock, and the engine that follows ids in it.

use super::answer::Expected;
use super::story::Story;
use hopscope::cli::demo::profile;
use hopscope::demo::{self, Clock, Options, Running};
use hopscope::investigate::SourceSet;
use hopscope::investigate::follow::{Asked, blank, follow};
use hopscope::model::id::recognise;
use hopscope::model::{Case, Nanos, SourceKind, Timestamp};
use hopscope::world::journey::Journey;
use hopscope::world::truth::Truth;
use hopscope::world::{Scenario, World};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const BEGAN_NS: u64 = 1_795_000_000_000_000_000;
const S: u64 = 1_000_000_000;

pub struct Play {
    runtime: Runtime,
    running: Running,
    now_ns: u64,
}

impl Play {
    /// Plays a scenario until its history is over.
    pub fn start(scenario: Scenario) -> Self {
        // Another test may have installed it already.
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let now_ns = BEGAN_NS + scenario.history_s * S;
        let options = Options { clock: Clock::stopped_at(now_ns), ..Options::default() };
        let running = runtime.block_on(demo::start(scenario, options)).unwrap();
        Self { runtime, running, now_ns }
    }

    /// What the engine tells of a case.
    pub fn follow(&self, expected: &Expected) -> Case {
        self.tell(&self.id(expected), &expected.missing())
    }

    /// The first order that entered from this second on, and what the engine tells of it.
    pub fn follow_order(&self, after_s: u64) -> (String, Case) {
        let from_ns = self.look(World::began_ns) + after_s * S;
        let order = self.look(|world| {
            world.journeys().find(|journey| journey.started_ns >= from_ns).map(|journey| journey.order_id.to_string())
        });
        let order = order.expect("an order entered");
        let case = self.tell(&order, &[]);
        (order, case)
    }

    /// Looks at the world.
    pub fn look<T>(&self, at: impl FnOnce(&World) -> T) -> T {
        self.running.look(at)
    }

    fn tell(&self, id: &str, missing: &[SourceKind]) -> Case {
        let anchor = recognise(id).unwrap();
        let asked = Asked { at: Timestamp(self.now_ns as i64), window: None, since: Nanos::from_secs(3_600) };
        let _inside = self.runtime.enter();
        let (sources, cancel) = (self.sources(missing), CancellationToken::new());
        let (publish, _) = watch::channel(Arc::new(blank(&sources, anchor.clone(), asked)));
        self.runtime.block_on(follow(&sources, anchor, asked, &publish, &cancel))
    }

    /// The truth about what is followed.
    pub fn truth(&self, expected: &Expected) -> Story {
        let id = self.id(expected);
        self.running.look(|world| {
            let (order, scenario) = (found(world, expected), world.scenario());
            let of = |journey: &Journey| Story::of_truth(&journey.truth(world.now_ns()), scenario);
            match expected.follow.as_str() {
                "order" | "trace" => of(order),
                "customer" => {
                    let orders = world.journeys().filter(|journey| journey.customer == order.customer);
                    orders.map(of).reduce(Story::and).expect("the customer has an order")
                }
                _ => Story::of_record(&order.truth(world.now_ns()), scenario, &id),
            }
        })
    }

    fn sources(&self, missing: &[SourceKind]) -> SourceSet {
        let mut profile = profile(&self.running);
        // A busy machine is no reason for another story.
        (profile.limits.timeout, profile.limits.request_timeout) = (Duration::from_mins(10), Duration::from_mins(10));
        // Port 1 of loopback: nobody listens, so connections are refused at once.
        let nobody = "http://127.0.0.1:1".parse::<url::Url>().unwrap();
        for source in missing {
            match source {
                SourceKind::Jaeger => profile.jaeger.as_mut().unwrap().url = nobody.clone(),
                SourceKind::Tempo => panic!("a scenario has no Tempo"),
                SourceKind::Loki => profile.loki.as_mut().unwrap().url = nobody.clone(),
                SourceKind::Kafka => profile.kafka.as_mut().unwrap().bootstrap = vec![("127.0.0.1".into(), 1)],
            }
        }
        SourceSet::open(&profile)
    }

    fn order(&self, expected: &Expected) -> Truth {
        self.running.look(|world| found(world, expected).truth(world.now_ns()))
    }

    fn id(&self, expected: &Expected) -> String {
        let truth = self.order(expected);
        match expected.follow.split_once(' ') {
            Some(("record", topic)) => {
                let original = truth.records.iter().find(|copy| copy.hop == 0 && copy.at.topic == topic);
                original.expect("the order has a record there").at.to_string()
            }
            _ if expected.follow == "trace" => truth.trace_id.to_string(),
            _ if expected.follow == "customer" => {
                self.running.look(|world| found(world, expected).customer.to_string())
            }
            _ if expected.follow == "order" => truth.order_id.to_string(),
            _ => panic!("nothing to follow is called `{}`", expected.follow),
        }
    }
}

fn found<'a>(world: &'a World, expected: &Expected) -> &'a Journey {
    let from_ns = world.began_ns() + expected.first_after_s * S;
    world.journeys().find(|journey| journey.started_ns >= from_ns).expect("an order entered")
}
