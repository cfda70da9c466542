//! How well random incidents are told: what is linked, what is foreign, what is grouped, and what it costs.
//!
//! Seeds below 1,000 are for tuning, those from 1,000 on for reports; the two are never mixed. A few of each are judged in
//! every run, as many as it says with `HOPSCOPE_SCORE_SEEDS=30 cargo test --release --test all score -- --nocapture`,
//! which takes minutes and prints what it found.

use super::play::Play;
use hopscope::model::journey::{Fact, Spread};
use hopscope::model::{Case, SpanRow, Tier};
use hopscope::world::journey::Journey;
use hopscope::world::project::spans::of_trace;
use hopscope::world::random;
use hopscope::world::truth::{self, DeliveryOutcome, Outcome};
use hopscope::world::{Scenario, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Orders of each world that are followed: the first one from each of these seconds on.
const FOLLOWED_S: [u64; 3] = [5, 20, 35];

/// Kind of the pairs that no source tells: they must be left apart, and are no misses.
const UNTOLD: &str = "attempts that nothing tells";

/// Sums over many stories.
#[derive(Debug, Default)]
struct Score {
    stories: usize,
    /// Rows that show something of the order, and all rows, by tier.
    tiers: BTreeMap<Tier, (usize, usize)>,
    /// What is in a story and belongs to another order.
    foreign: BTreeSet<String>,
    /// Of what the stores hold of an order: told, and all.
    recall: (usize, usize),
    /// What is held and not told, by its name.
    missed: BTreeMap<String, usize>,
    /// Pairs of spans that are one wish, as attempts, runs behind one attempt or deliveries of one record to one reader: told
    /// and true, told, true.
    pairs: (usize, usize, usize),
    /// True pairs by kind; those that are not told, and those that are told and not true.
    kinds: BTreeMap<String, usize>,
    apart: BTreeSet<String>,
    joined: BTreeSet<String>,
    /// Intervals that do not hold the truth.
    outside: BTreeSet<String>,
    /// Operations whose number of attempts lies in the interval; all; sum of the widths where there is an upper bound;
    /// how many have one.
    counts: (usize, usize, u32, usize),
    requests: usize,
    bytes: u64,
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 1.0 } else { part as f64 / all as f64 }
}

impl Score {
    fn of(seeds: impl IntoIterator<Item = u64>) -> Self {
        let mut score = Self::default();
        for seed in seeds {
            let play = Play::start(Scenario::from_toml(&random::scenario(seed)).unwrap());
            for from_s in FOLLOWED_S {
                let (order, case) = play.follow_order(from_s);
                play.look(|world| {
                    let journey = world.journey_of_order(&order).unwrap();
                    let held = held(world, journey);
                    score.add(seed, journey, &held, &case);
                });
            }
        }
        score
    }

    fn add(&mut self, seed: u64, journey: &Journey, held: &BTreeMap<String, String>, case: &Case) {
        self.stories += 1;
        let mut told = BTreeSet::new();
        for row in case.rows().iter() {
            let entity = match row.fact {
                Some(Fact::Span(span)) => case.spans.span(span).id().to_string(),
                Some(Fact::Record(record)) => case.records[record as usize].coordinate.to_string(),
                Some(Fact::Line(_) | Fact::Queue) | None => continue,
            };
            let (right, all) = self.tiers.entry(row.tier).or_default();
            *all += 1;
            if held.contains_key(&entity) {
                *right += 1;
                told.insert(entity);
            } else {
                self.foreign.insert(format!("seed {seed}, {}: {entity}", journey.order_id));
            }
        }
        // A record and the span that wrote it are one row.
        let writers = case.journey.messages.iter().flat_map(|message| &message.copies).filter_map(|copy| copy.producer);
        told.extend(writers.map(|row| case.spans.span(row).id().to_string()).filter(|span| held.contains_key(span)));
        for (_, name) in held.iter().filter(|(entity, _)| !told.contains(*entity)) {
            *self.missed.entry(name.clone()).or_default() += 1;
        }
        self.recall.0 += told.len();
        self.recall.1 += held.len();

        let told_groups = told_groups(case);
        let known: BTreeSet<&String> = told_groups.iter().flat_map(|(_, spans)| spans).collect();
        let mut true_pairs: BTreeMap<(String, String), String> = BTreeMap::new();
        for (name, mut spans) in true_groups(journey) {
            spans.retain(|span| known.contains(span));
            true_pairs.extend(pairs(spans).into_iter().map(|pair| (pair, name.clone())));
        }
        let told_pairs: BTreeMap<(String, String), &str> = told_groups
            .iter()
            .flat_map(|(name, spans)| pairs(spans.clone()).into_iter().map(move |pair| (pair, *name)))
            .collect();
        for (pair, name) in &true_pairs {
            let kind = name.split(':').next().unwrap();
            *self.kinds.entry(kind.to_owned()).or_default() += 1;
            if kind == UNTOLD {
                if told_pairs.contains_key(pair) {
                    self.joined.insert(format!("seed {seed}, {}: {name}: {} and {}", journey.order_id, pair.0, pair.1));
                }
                continue;
            }
            self.pairs.2 += 1;
            if told_pairs.contains_key(pair) {
                self.pairs.0 += 1;
            } else {
                self.apart.insert(format!("seed {seed}, {}: {name}: {} and {}", journey.order_id, pair.0, pair.1));
            }
        }
        for (pair, name) in told_pairs.iter().filter(|(pair, _)| !true_pairs.contains_key(*pair)) {
            self.joined.insert(format!("seed {seed}, {}: {name}: {} and {}", journey.order_id, pair.0, pair.1));
        }
        self.pairs.1 += told_pairs.len();
        for operation in case.operations() {
            let spans: Vec<String> =
                operation.attempts().filter_map(|attempt| attempt.span).map(|row| id(case, row)).collect();
            let is_it = |truth: &&truth::Operation| {
                let mut clients = truth.attempts.iter().filter_map(|attempt| attempt.client_span);
                clients.any(|span| spans.contains(&span.to_string()))
            };
            let Some(truth) = journey.operations.iter().find(is_it) else { continue };
            let (number, count) = (truth.attempts.len() as u32, operation.count());
            let holds = count.at_least <= number && count.at_most.is_none_or(|most| number <= most);
            self.counts.0 += usize::from(holds);
            self.counts.1 += 1;
            if !holds {
                self.outside.insert(format!(
                    "seed {seed}, {}: {count} and {number} of {}",
                    journey.order_id,
                    operation.name()
                ));
            }
            if let Some(most) = count.at_most {
                self.counts.2 += most - count.at_least;
                self.counts.3 += 1;
            }
        }
        self.requests += case.exchanges.len();
        self.bytes += case.exchanges.iter().map(|exchange| exchange.bytes).sum::<u64>();
    }

    fn recall(&self) -> f64 {
        share(self.recall.0, self.recall.1)
    }

    fn precision(&self, tier: Tier) -> f64 {
        self.tiers.get(&tier).map_or(1.0, |(right, all)| share(*right, *all))
    }

    fn grouping(&self) -> (f64, f64, f64) {
        let (both, told, all) = self.pairs;
        let (precision, recall) = (share(both, told), share(both, all));
        (precision, recall, if both == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) })
    }

    fn words(&self, seeds: &str) -> String {
        let mut text = format!("score over {} stories, seeds {seeds}\n", self.stories);
        let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "  {words}").unwrap();
        for (tier, (right, all)) in &self.tiers {
            line(format_args!("linking, {tier:?}: precision {:.3} of {all} rows", share(*right, *all)));
        }
        line(format_args!(
            "linking: recall {:.3} of {} entities, foreign {}",
            self.recall(),
            self.recall.1,
            self.foreign.len()
        ));
        let (precision, recall, f1) = self.grouping();
        line(format_args!(
            "grouping: pairwise precision {precision:.3}, recall {recall:.3}, F1 {f1:.3} over {} pairs",
            self.pairs.2
        ));
        let (inside, all, width, bounded) = self.counts;
        let width = f64::from(width) / bounded.max(1) as f64;
        line(format_args!(
            "attempts: truth inside {:.3} of {all} intervals; {bounded} are bounded, mean width {width:.2}",
            share(inside, all)
        ));
        let stories = self.stories.max(1);
        line(format_args!(
            "cost: {} requests and {} bytes a story",
            self.requests / stories,
            self.bytes / stories as u64
        ));
        for (name, times) in &self.missed {
            line(format_args!("missed: {times} of {name}"));
        }
        for (kind, count) in &self.kinds {
            line(format_args!("pairs: {count} of {kind}"));
        }
        for (what, list) in [("apart", &self.apart), ("joined", &self.joined), ("outside", &self.outside)] {
            for each in list.iter().take(40) {
                line(format_args!("{what}: {each}"));
            }
        }
        for foreign in self.foreign.iter().take(20) {
            line(format_args!("foreign: {foreign}"));
        }
        text
    }
}

/// What the stores hold of an order, with a name: spans by id, records by coordinate.
fn held(world: &World, journey: &Journey) -> BTreeMap<String, String> {
    let deliveries = journey.deliveries.iter().flat_map(|delivery| [delivery.trace_id, delivery.receive_trace]);
    let attempts = journey.operations.iter().flat_map(|operation| &operation.attempts).map(|attempt| attempt.trace_id);
    let records = journey.records.iter().map(|copy| copy.trace_id);
    let traces: BTreeSet<_> = deliveries.chain(attempts).chain(records).chain([journey.trace_id]).collect();
    let spans = traces.into_iter().flat_map(|trace| of_trace(world, trace));
    let spans = spans.map(|span| (span.span_id.to_string(), format!("{} of {}", span.name, span.scope.0)));
    spans
        .chain(journey.records.iter().map(|copy| (copy.at.to_string(), format!("record of {}", copy.at.topic))))
        .collect()
}

fn id(case: &Case, row: SpanRow) -> String {
    case.spans.span(row).id().to_string()
}

/// Spans that are one wish, by what they are.
fn true_groups(journey: &Journey) -> Vec<(String, Vec<String>)> {
    let mut groups = Vec::new();
    let mut handed: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for operation in &journey.operations {
        let ends: Vec<String> = operation.attempts.iter().map(|attempt| format!("{:?}", attempt.outcome)).collect();
        let what = format!("{} {}, {}", operation.callee, operation.name, ends.join(" "));
        // One of two requests side by side was given up, and the other one failed: a fan-out that is given up at its first
        // failure leaves the same spans, so that nothing tells a hedge.
        let is_given_up = operation.attempts.iter().any(|attempt| attempt.outcome == Outcome::Cancelled);
        let is_good = |attempt: &truth::Attempt| matches!(attempt.outcome, Outcome::Answered(status) if status < 400);
        let is_told = !is_given_up || operation.attempts.iter().any(is_good);
        let kind = if is_told { "attempts" } else { UNTOLD };
        let clients = operation.attempts.iter().filter_map(|attempt| attempt.client_span);
        groups.push((format!("{kind}: {what}"), clients.map(|span| span.to_string()).collect()));
        for attempt in &operation.attempts {
            let runs = attempt.executions.iter().filter(|run| !run.is_shadow && run.proxy_span.is_none());
            groups.push((format!("runs: {what}"), runs.map(|run| run.span.to_string()).collect()));
        }
    }
    for delivery in &journey.deliveries {
        if !matches!(delivery.outcome, DeliveryOutcome::RefusedEarly { .. } | DeliveryOutcome::Killed) {
            let what = format!("deliveries: {} to {}", delivery.at, delivery.group);
            handed.entry(what).or_default().push(delivery.span.to_string());
        }
    }
    groups.extend(handed);
    groups
}

/// Spans that are told as one wish, by what they are told as.
fn told_groups(case: &Case) -> Vec<(&'static str, Vec<String>)> {
    let mut groups = Vec::new();
    for operation in case.operations() {
        let clients = operation.attempts().filter_map(|attempt| attempt.span);
        groups.push(("attempts", clients.map(|row| id(case, row)).collect()));
        for attempt in operation.attempts() {
            let is_one = matches!(attempt.spread, Spread::HiddenRetry);
            let runs: Vec<String> = attempt.executions().map(|run| id(case, run.span)).collect();
            if is_one {
                groups.push(("runs", runs));
            } else {
                groups.extend(runs.into_iter().map(|run| ("runs", vec![run])));
            }
        }
    }
    let mut handed: BTreeMap<_, Vec<String>> = BTreeMap::new();
    let deliveries = case.journey.messages.iter().flat_map(|message| &message.deliveries);
    for delivery in deliveries.filter(|delivery| delivery.ordinal > 0) {
        let reader = (&delivery.coordinate, delivery.reader());
        handed.entry(reader).or_default().extend(delivery.span.map(|row| id(case, row)));
    }
    groups.extend(handed.into_values().map(|spans| ("deliveries", spans)));
    groups
}

/// Every two of a group, the lesser first.
fn pairs(mut group: Vec<String>) -> Vec<(String, String)> {
    group.sort();
    let two = |(place, one): (usize, &String)| {
        group[place + 1..].iter().map(|other| (one.clone(), other.clone())).collect::<Vec<_>>()
    };
    group.iter().enumerate().flat_map(two).collect()
}

/// What must hold: recall and both sides of grouping of at least 0.95.
#[test]
fn a_few_random_incidents_are_told_well() {
    let count = std::env::var("HOPSCOPE_SCORE_SEEDS").map_or(Ok(5), |text| text.parse()).expect("a number of seeds");
    for (first, purpose) in [(1, "tuning"), (1_001, "reports")] {
        let score = Score::of(first..first + count);
        let words = score.words(&format!("{first} to {}, for {purpose}", first + count - 1));
        println!("{words}");
        assert!(score.foreign.is_empty(), "{words}");
        assert!(score.precision(Tier::Exact) >= 1.0 && score.precision(Tier::Scoped) >= 0.98, "{words}");
        assert_eq!(score.counts.0, score.counts.1, "a true number lies outside of its interval: {words}");
        let (precision, recall, _) = score.grouping();
        assert!(score.recall() >= 0.95, "{words}");
        assert!(precision >= 0.95 && recall >= 0.95, "{words}");
    }
}
