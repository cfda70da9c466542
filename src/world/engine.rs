//! The discrete-event engine: a heap of events in time order, and everything that happened so far.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::batch::BatchSpan;
use super::calls::{Calls, MS, Publish, S, is_first_after};
use super::journey::Journey;
use super::project::Shown;
use super::queue::{Cursor, Group, Partition, Queue, Record, Role, Topic, partition_of};
use super::rng::Rng;
use super::scenario::{GroupPlan, OnFailure, Scenario, TopicPlan};
use super::truth::{Coordinate, Copy, Position, TraceId, Truth};

/// An incident that has run until some instant.
#[derive(Debug)]
pub struct World {
    pub(super) scenario: Arc<Scenario>,
    pub(super) began_ns: u64,
    now_ns: u64,
    pub(super) queue: Queue,
    pub(super) journeys: BTreeMap<u64, Journey>,
    orders: HashMap<SmolStr, u64>,
    traces: HashMap<TraceId, Vec<u64>>,
    pub(super) batches: Vec<BatchSpan>,
    events: BinaryHeap<Reverse<Event>>,
    sequence: u64,
    entered: u64,
    last_entry_ns: u64,
}

#[derive(Debug)]
struct Event {
    at_ns: u64,
    sequence: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Enter,
    Append(Box<Publish>),
    Poll { group: usize, partition: usize },
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ns, self.sequence).cmp(&(other.at_ns, other.sequence))
    }
}

impl World {
    /// A world that began at this instant (nanoseconds since the Unix epoch) and in which nothing happened yet.
    pub fn new(scenario: Scenario, began_ns: u64) -> Self {
        let scenario = Arc::new(scenario);
        let mut world = Self {
            queue: build_queue(&scenario),
            scenario,
            began_ns,
            now_ns: began_ns,
            journeys: BTreeMap::new(),
            orders: HashMap::new(),
            traces: HashMap::new(),
            batches: Vec::new(),
            events: BinaryHeap::new(),
            sequence: 0,
            entered: 0,
            last_entry_ns: began_ns.saturating_sub(1),
        };
        world.plan(began_ns, What::Enter);
        world
    }

    /// Lets everything happen until this instant (nanoseconds since the Unix epoch); earlier instants change nothing.
    pub fn until(&mut self, now_ns: u64) {
        while self.events.peek().is_some_and(|Reverse(event)| event.at_ns <= now_ns) {
            let Some(Reverse(event)) = self.events.pop() else { break };
            match event.what {
                What::Enter => self.enter(event.at_ns),
                What::Append(publish) => self.append(event.at_ns, *publish),
                What::Poll { group, partition } => self.poll(event.at_ns, group, partition),
            }
        }
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// The instant until which it ran, nanoseconds since the Unix epoch.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// When it began, nanoseconds since the Unix epoch.
    pub fn began_ns(&self) -> u64 {
        self.began_ns
    }

    /// The scenario that it plays.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Topics, partition logs and groups.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Journeys in order of entry.
    pub fn journeys(&self) -> impl DoubleEndedIterator<Item = &Journey> {
        self.journeys.values()
    }

    /// The journey of this number.
    pub fn journey(&self, number: u64) -> Option<&Journey> {
        self.journeys.get(&number)
    }

    /// The journey of which this trace is a part; the first, when it holds work for several.
    pub fn journey_of_trace(&self, trace_id: TraceId) -> Option<&Journey> {
        self.journeys_of_trace(trace_id).next()
    }

    /// All journeys that have work in this trace.
    pub fn journeys_of_trace(&self, trace_id: TraceId) -> impl Iterator<Item = &Journey> {
        self.traces.get(&trace_id).into_iter().flatten().filter_map(|number| self.journeys.get(number))
    }

    /// Batches that were handed over, in order of their end.
    pub fn batches(&self) -> &[BatchSpan] {
        &self.batches
    }

    /// The journey of this business id.
    pub fn journey_of_order(&self, order_id: &str) -> Option<&Journey> {
        self.journeys.get(self.orders.get(order_id)?)
    }

    /// The truth about one order as of now.
    pub fn truth(&self, order_id: &str) -> Option<Truth> {
        Some(self.journey_of_order(order_id)?.truth(self.now_ns))
    }

    /// Positions of all groups as of now.
    pub fn positions(&self) -> Vec<Position> {
        self.queue.positions(self.now_ns)
    }

    fn plan(&mut self, at_ns: u64, what: What) {
        self.sequence += 1;
        self.events.push(Reverse(Event { at_ns, sequence: self.sequence, what }));
    }

    pub(super) fn plan_poll(&mut self, at_ns: u64, group: usize, partition: usize) {
        self.queue.groups[group].cursors[partition].planned = true;
        self.plan(at_ns, What::Poll { group, partition });
    }

    /// Notes the traces that a journey runs through since the last time.
    pub(super) fn note_traces(&mut self, number: u64) {
        let Some(journey) = self.journeys.get_mut(&number) else { return };
        for trace_id in &journey.traces[journey.noted..] {
            let known = self.traces.entry(*trace_id).or_default();
            if !known.contains(&number) {
                known.push(number);
            }
        }
        journey.noted = journey.traces.len();
    }

    /// A request arrives from outside.
    fn enter(&mut self, at_ns: u64) {
        let scenario = Arc::clone(&self.scenario);
        let number = self.entered;
        let mut rng = Rng::for_purpose(scenario.seed, "journey", number);
        let mut journey = Journey {
            number,
            order_id: format_smolstr!("{}{}", scenario.id_prefix, rng.word(6)),
            customer: format_smolstr!("cus-{:04}", rng.between(1, scenario.customers)),
            amount_cents: rng.between(scenario.amounts_cents[0], scenario.amounts_cents[1]),
            trace_id: TraceId(rng.trace_id()),
            sampled: !rng.happens(scenario.unsampled_share),
            hostile: false,
            started_ns: at_ns,
            previous_ns: self.last_entry_ns,
            operations: Vec::new(),
            records: Vec::new(),
            deliveries: Vec::new(),
            effects: Vec::new(),
            logs: Vec::new(),
            last_ns: at_ns,
            strikes: BTreeMap::new(),
            skipped: Vec::new(),
            expected: 0,
            lost: BTreeSet::new(),
            traces: Vec::new(),
            noted: 0,
            shown: Shown::default(),
        };
        journey.traces.push(journey.trace_id);
        // The planned examples must be visible in the trace store, whatever the dice say.
        let began_ns = self.began_ns;
        journey.hostile = scenario
            .hostile
            .as_ref()
            .is_some_and(|hostile| is_first_after(&journey, began_ns + hostile.first_after_s * S));
        journey.sampled |= journey.hostile || scenario.strikes_first(&journey, began_ns);
        let mut publishes = Vec::new();
        Calls { scenario: &scenario, began_ns, journey: &mut journey, rng: &mut rng, publishes: &mut publishes }
            .enter();
        self.orders.insert(journey.order_id.clone(), number);
        self.journeys.insert(number, journey);
        self.note_traces(number);
        self.plan_appends(publishes);

        self.entered += 1;
        self.last_entry_ns = at_ns;
        let gap_us = -(1.0 - rng.fraction()).ln() * (scenario.mean_gap_ms * 1_000) as f64;
        self.plan(at_ns + 1_000 + gap_us as u64 * 1_000, What::Enter);
        if self.entered.is_multiple_of(64) {
            self.forget(at_ns);
        }
    }

    /// Plans the append of each record at the end of its producer's batching time.
    pub(super) fn plan_appends(&mut self, publishes: Vec<Publish>) {
        for publish in publishes {
            let linger_ns =
                self.queue.topic_number(&publish.topic).map_or(MS, |topic| self.queue.topics[topic].linger_ns.max(MS));
            let at_ns = publish.at_ns.div_ceil(linger_ns) * linger_ns + 2 * MS;
            self.plan(at_ns, What::Append(Box::new(publish)));
        }
    }

    fn append(&mut self, at_ns: u64, publish: Publish) {
        let Some(topic) = self.queue.topic_number(&publish.topic) else { return };
        let partitions = self.queue.topics[topic].partitions.len() as i32;
        let partition = publish.partition.unwrap_or_else(|| partition_of(&publish.key, partitions));
        let log = &mut self.queue.topics[topic].partitions[partition as usize];
        let offset = log.end();
        let timestamp_ms = (publish.at_ns / MS) as i64;
        let copy = Copy {
            at: Coordinate { topic: publish.topic.clone(), partition, offset },
            hop: publish.hop,
            from: publish.from,
            event: publish.event,
            appended_ns: at_ns,
            timestamp_ms,
            due_ns: publish.due_ns,
            service: publish.service,
            trace_id: publish.trace_id,
            publish_span: publish.span,
            under: publish.under,
            is_traced: publish.is_traced,
            published_ns: publish.at_ns,
            key: String::from_utf8_lossy(&publish.key).into(),
        };
        log.records.push_back(Record {
            offset,
            timestamp_ms,
            appended_ns: at_ns,
            key: Some(publish.key),
            value: Some(publish.value),
            headers: publish.headers,
            journey: publish.journey,
        });
        if let Some(journey) = self.journeys.get_mut(&publish.journey).map(Journey::change) {
            journey.last_ns = journey.last_ns.max(at_ns).max(publish.due_ns.unwrap_or(0));
            journey.records.push(copy);
        }
        for group in 0..self.queue.groups.len() {
            let idle = !self.queue.groups[group].cursors.get(partition as usize).is_none_or(|cursor| cursor.planned);
            if self.queue.groups[group].topic == topic && idle {
                let mut rng = Rng::for_purpose(self.scenario.seed ^ at_ns, "fetch", group as u64);
                let poll_ns = at_ns + rng.between(1_500, 12_000) * 1_000;
                let role = self.queue.groups[group].role;
                let batch = self.scenario.groups[role.plan()].batch.as_ref().filter(|_| matches!(role, Role::Main(_)));
                let every_ns = batch.map_or(1, |batch| batch.every_ms.max(1) * MS);
                self.plan_poll(poll_ns.div_ceil(every_ns) * every_ns, group, partition as usize);
            }
        }
    }

    /// Drops what is older than the scenario keeps.
    fn forget(&mut self, now_ns: u64) {
        for topic in &mut self.queue.topics {
            let before_ns = now_ns.saturating_sub(topic.retention_ms * MS);
            for partition in &mut topic.partitions {
                partition.expire(before_ns);
            }
        }
        let before_ns = now_ns.saturating_sub(self.scenario.keep_s * S);
        self.journeys.retain(|_, journey| journey.last_ns >= before_ns);
        self.orders.retain(|_, number| self.journeys.contains_key(number));
        self.traces.retain(|_, numbers| {
            numbers.retain(|number| self.journeys.contains_key(number));
            !numbers.is_empty()
        });
        self.batches.retain(|batch| batch.end_ns >= before_ns);
    }
}

fn build_queue(scenario: &Scenario) -> Queue {
    let mut queue = Queue::default();
    for plan in &scenario.topics {
        queue.topics.push(build_topic(scenario, plan, &plan.name));
    }
    for (number, plan) in scenario.groups.iter().enumerate() {
        let main = queue.topic_number(&plan.topic).expect("the scenario was checked");
        queue.groups.push(build_group(plan, plan.id.clone(), main, plan.members, Role::Main(number), &queue));
        let (delays_ms, dead_letter) = match &plan.on_failure {
            OnFailure::RetryTopics { delays_ms, dead_letter } => (delays_ms.len(), Some(dead_letter)),
            OnFailure::Block { dead_letter, .. } => (0, dead_letter.as_ref()),
            OnFailure::Skip => (0, plan.batch.as_ref().and_then(|batch| batch.dead_letter.as_ref())),
        };
        if let Some(dead_letter) = dead_letter {
            let base = &scenario.topics[main];
            let hops = (0..delays_ms)
                .map(|hop| (retry_name(&plan.topic, hop), retry_name(&plan.id, hop), Role::Retry(number, hop)))
                .chain([(dead_letter.clone(), format_smolstr!("{}-dlt", plan.id), Role::DeadLetter(number))]);
            for (topic, group, role) in hops {
                queue.topics.push(build_topic(scenario, base, &topic));
                let topic = queue.topics.len() - 1;
                queue.groups.push(build_group(plan, group, topic, 1, role, &queue));
            }
        }
    }
    queue
}

/// Name of a retry topic or of its group: Spring Kafka appends the hop's number.
pub(super) fn retry_name(main: &str, hop: usize) -> SmolStr {
    format_smolstr!("{main}-retry-{hop}")
}

fn build_topic(scenario: &Scenario, plan: &TopicPlan, name: &SmolStr) -> Topic {
    Topic {
        name: name.clone(),
        id: Rng::for_purpose(scenario.seed, name, 0).trace_id(),
        codec: plan.codec,
        linger_ns: plan.linger_ms * MS,
        retention_ms: plan.retention_s.unwrap_or(scenario.keep_s) * 1_000,
        partitions: vec![Partition::default(); plan.partitions.max(1) as usize],
    }
}

fn build_group(plan: &GroupPlan, id: SmolStr, topic: usize, members: u32, role: Role, queue: &Queue) -> Group {
    Group {
        id,
        service: plan.service.clone(),
        topic,
        protocol: plan.protocol,
        members,
        role,
        cursors: vec![Cursor::default(); queue.topics[topic].partitions.len()],
    }
}
