//! Java, Python and Go under the public instrumentations of their languages, which call each other and pass orders on: each
//! order is followed by its id, by its trace and by its first record, and the story is held against what the services wrote
//! down. What these instrumentations do not record must be said as unknown, and never be made up.

use super::{Stack, coordinate, list, screen};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How an order is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Order,
    Trace,
    Record,
}

/// An order and what its story must be.
struct Case {
    order: &'static str,
    /// The outcome by the order's id; several with `|` where it is not the same in every run.
    outcome: &'static str,
    /// The outcome by its trace and by its first record, where less leads on.
    pointed: &'static str,
    /// The service that was killed after the effect: its spans of that run may never have left it.
    killed: Option<&'static str>,
    /// A part of a gap that stands in the story by trace and by record.
    gap: Option<&'static str>,
}

const fn case(order: &'static str, outcome: &'static str) -> Case {
    Case { order, outcome, pointed: outcome, killed: None, gap: None }
}

/// Calls by the Python service: requests' instrumentation stands above urllib3, which repeats what is refused.
const BELOW_THE_SPAN: &str = "billing-service";

type Counts<T> = BTreeMap<T, usize>;

fn counts<T: Ord>(all: impl Iterator<Item = T>) -> Counts<T> {
    let mut counts = Counts::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

/// Asserts `least <= seen <= most`, each counted.
fn between<T: Ord + std::fmt::Debug>(what: &str, least: &Counts<T>, seen: &Counts<T>, most: &Counts<T>) {
    for (one, count) in seen {
        assert!(
            most.get(one).is_some_and(|most| count <= most),
            "{what}: {one:?} is told {count} times and happened {:?} times",
            most.get(one)
        );
    }
    for (one, count) in least {
        assert!(
            seen.get(one).is_some_and(|seen| seen >= count),
            "{what}: {one:?} happened {count} times and is told {:?} times",
            seen.get(one)
        );
    }
}

struct Told<'a> {
    stack: &'a Stack,
    case: &'a Case,
    order: &'a str,
    what: String,
    data: &'a Value,
}

impl<'a> Told<'a> {
    fn truth(&self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.stack.told(kind, self.order)
    }

    /// Says whether a line of the truth is about the run that was cut off: all that the killed service wrote about the order
    /// up to the end of its first run.
    fn is_cut_off(&self, line: &Value) -> bool {
        let own = |one: &&Value| one["order_id"] == self.order && one["service"].as_str() == self.case.killed;
        let mut run = self.stack.truth.iter().filter(own);
        let last = run.clone().position(|one| one["kind"] == "handled").map_or(0, |last| last + 1);
        self.case.killed.is_some() && run.by_ref().take(last).any(|one| std::ptr::eq(one, line))
    }

    /// Attempts as the caller's span tells them: who called, the how-manieth attempt, its status, and how often it ran.
    fn attempts(&self, is_whole: bool) {
        let one = |caller: &str, ordinal: u64, status: String, runs: usize| (caller.to_owned(), ordinal, status, runs);
        let (mut most, mut least, mut hidden) = (Vec::new(), Vec::new(), 0);
        for line in self.truth("http_attempt") {
            let (caller, status) = (line["service"].as_str().unwrap(), line["status"].to_string());
            let told = if caller == BELOW_THE_SPAN {
                hidden += 1;
                if line["status"].as_u64().unwrap() >= 400 {
                    continue;
                }
                one(caller, 1, status, std::mem::take(&mut hidden))
            } else {
                one(caller, line["ordinal"].as_u64().unwrap(), status, 1)
            };
            // Spans of what a killed service answered may have died with it.
            let may_have_lost_its_run = self.case.killed.is_some_and(|killed| killed != caller);
            if is_whole && !self.is_cut_off(line) && !may_have_lost_its_run {
                least.push(told.clone());
            }
            if may_have_lost_its_run {
                most.push(one(&told.0, told.1, told.2.clone(), 0));
            }
            most.push(told);
        }
        let mut seen = Vec::new();
        for operation in list(self.data, "operations") {
            for attempt in list(operation, "attempts") {
                let (caller, runs) = (operation["caller"].as_str().unwrap(), list(attempt, "executions"));
                if attempt["span"].is_null() {
                    // Only a caller that was killed leaves none, and nothing is claimed about the attempt.
                    assert!(self.case.killed.is_some() && attempt["result"] == "unknown", "{}: {attempt}", self.what);
                    continue;
                }
                let told = attempt["status"].as_str().unwrap().to_owned();
                seen.push(one(caller, attempt["ordinal"].as_u64().unwrap(), told, runs.len()));
                let spread = if runs.len() > 1 { "hidden-retry" } else { "single" };
                assert_eq!(attempt["spread"], spread, "{}: {attempt}", self.what);
            }
        }
        let counted = |all: Vec<(String, u64, String, usize)>| counts(all.into_iter());
        between(&format!("attempts, {}", self.what), &counted(least), &counted(seen), &counted(most));
    }

    /// Records: none made up; all of them, but for those that only the lost run or an unplaced send leads to.
    fn records(&self, is_whole: bool) {
        let written: BTreeSet<String> = self.truth("publish").map(coordinate).collect();
        let copies = list(self.data, "messages").iter().flat_map(|message| list(message, "copies"));
        let seen: BTreeSet<String> = copies.map(|copy| copy["coordinate"].as_str().unwrap().to_owned()).collect();
        assert!(seen.is_subset(&written), "records, {}: {seen:?} and {written:?}", self.what);
        if is_whole {
            assert_eq!(seen, written, "records, {}", self.what);
        }
    }

    /// Deliveries by record and reader: as many as there were, but for the one that was cut off.
    fn deliveries(&self, is_whole: bool) {
        // The Python instrumentation records no group: the service stands for it.
        let reader = |line: &Value| {
            let name = if line["service"] == "billing-service" { &line["service"] } else { &line["group"] };
            (coordinate(line), name.as_str().unwrap().to_owned())
        };
        let mut most = counts(self.truth("handled").map(reader));
        let least = if is_whole {
            counts(self.truth("handled").filter(|line| !self.is_cut_off(line)).map(reader))
        } else {
            Counts::new()
        };
        let deliveries = list(self.data, "messages").iter().flat_map(|message| list(message, "deliveries"));
        let run: Vec<&Value> = deliveries.filter(|delivery| delivery["result"] != "not-due").collect();
        let seen = run.iter().map(|delivery| {
            let (group, service) = (delivery["group"].as_str(), delivery["service"].as_str().unwrap());
            assert_eq!(
                group.is_none(),
                service == "billing-service",
                "groups are named where they are recorded: {delivery}"
            );
            (delivery["coordinate"].as_str().unwrap().to_owned(), group.unwrap_or(service).to_owned())
        });
        let seen = counts(seen);
        // A batch that fails is handed over again with the records that its handler never reached: as often as the one that
        // it failed for was handled.
        for delivery in run.iter().filter(|delivery| remarked(delivery, "batch") && delivery["result"] == "unknown") {
            let (Some(group), Some(at)) = (delivery["group"].as_str(), delivery["coordinate"].as_str()) else {
                continue;
            };
            let beside = self.stack.truth.iter().filter(|line| line["kind"] == "handled" && line["group"] == group);
            let failed = counts(beside.filter(|line| line["outcome"] == "failed").map(coordinate));
            let own = self.truth("handled").map(reader).filter(|one| one.0 == at && one.1 == group).count();
            most.insert((at.to_owned(), group.to_owned()), own + failed.into_values().max().unwrap_or(0));
        }
        between(&format!("deliveries, {}", self.what), &least, &seen, &most);
        self.results(&run);
    }

    /// How handlers ended. What is told as a failure or as handled was that everywhere. A Python process span ends at the
    /// next poll and does not hold the handler's end: that is told as unknown, and remarked.
    fn results(&self, deliveries: &[&Value]) {
        for delivery in deliveries {
            let same = |line: &&Value| {
                coordinate(line) == delivery["coordinate"].as_str().unwrap() && line["service"] == delivery["service"]
            };
            let ended = |outcome: &str| self.truth("handled").filter(same).any(|line| line["outcome"] == outcome);
            match delivery["result"].as_str().unwrap() {
                "failed" => assert!(ended("failed"), "{}: {delivery}", self.what),
                "unknown" if delivery["service"] == "billing-service" && delivery["error"].is_null() => {
                    assert!(remarked(delivery, "ends-at-next-poll"), "{}: {delivery}", self.what);
                }
                "handled" => assert!(ended("ok"), "{}: {delivery}", self.what),
                result => assert_eq!(result, "unknown", "{}: {delivery}", self.what),
            }
            // The Java services do not write down what became of their commits.
            if delivery["settlement"]["state"] == "committed" && delivery["service"] != "payment-service" {
                let accepted = self.truth("committed").filter(same).any(|line| line["refused"] == false);
                assert!(accepted, "{}: {delivery}", self.what);
            }
        }
    }
}

fn remarked(delivery: &Value, remark: &str) -> bool {
    list(delivery, "remarks").iter().any(|one| one == remark)
}

fn every_way(case: &Case) {
    let stack = Stack::after("polyglot.env", "polyglot.jsonl");
    let order = stack.get(case.order);
    let trace = stack.told("received", order).next().expect("the order was received")["trace_id"].as_str().unwrap();
    let written = coordinate(stack.told("publish", order).next().expect("a record was written"));
    let mut ended = String::new();
    for (way, id) in [(Way::Order, order), (Way::Trace, trace), (Way::Record, &written)] {
        let (exit, story) = stack.follow(id);
        assert_eq!(exit, 0, "{story}");
        let told = Told { stack: &stack, case, order, what: format!("{order} by {way:?}"), data: &story["data"] };
        let outcome = if way == Way::Order { case.outcome } else { case.pointed };
        let state = story["data"]["outcome"]["state"].as_str().unwrap();
        assert!(outcome.split('|').any(|one| one == state), "{}: {}", told.what, story["data"]["summary"]);
        if way == Way::Order {
            state.clone_into(&mut ended);
        }
        let gaps = list(&story["data"], "gaps");
        if let Some(gap) = case.gap.filter(|_| way != Way::Order) {
            assert!(
                gaps.iter().any(|one| one["what"].as_str().unwrap().contains(gap)),
                "{}: no gap `{gap}` in {gaps:?}",
                told.what
            );
        }
        // Less is led to only where the story says what it lacks, or where a process died with what would have led on.
        let is_whole = way == Way::Order || (case.gap.is_none() && case.killed.is_none());
        told.attempts(is_whole);
        told.records(is_whole);
        told.deliveries(is_whole);
        let lines = list(&story["data"], "rows").iter().filter(|row| row["kind"] == "line").count();
        assert!(lines > 0, "log lines stand in the story of {}", told.what);
    }
    let words = match ended.as_str() {
        AGAIN => "succeeded after retries",
        "unknown" => "outcome unknown",
        state => state,
    };
    let console = screen(&stack, "", Some(order));
    assert!(console.contains(&format!("business id  {words}\n")), "{order} is {words}:\n{console}");
}

const AGAIN: &str = "succeeded-after-retries";

#[test]
fn an_order_goes_through_three_languages() {
    every_way(&case("HEALTHY", "succeeded"));
}

/// Java and Go try again in the open, a span for each try. Python's urllib3 does so below the span of requests: one attempt
/// that ran three times, and nothing tells who repeated it.
#[test]
fn refused_calls_between_languages_show_every_attempt_or_every_run() {
    every_way(&case("RETRIED", AGAIN));
}

#[test]
fn an_exception_for_one_key_in_spring_goes_over_its_retry_topics() {
    every_way(&case("JAVA_FAILS", "dead-lettered"));
}

/// kotel marks no process span as failed; the program that records an exception on it changes no status either.
#[test]
fn an_exception_for_one_key_in_go_is_three_runs_and_a_dead_letter() {
    every_way(&case("GO_FAILS", "dead-lettered"));
}

/// The send span names no partition and no offset, nothing reads the dead-letter topic, and no header of the dead letter
/// names the original: key and value are all that tells it.
#[test]
fn an_exception_for_one_key_in_python_is_three_runs_and_a_dead_letter() {
    every_way(&case("PYTHON_FAILS", "dead-lettered"));
}

#[test]
fn an_overrun_poll_interval_is_another_delivery() {
    every_way(&case("JAVA_OVERRUNS", AGAIN));
    every_way(&case("PYTHON_OVERRUNS", AGAIN));
}

/// Nothing at all is left of the run of a killed Java service: its spans and its last lines were still in the process.
#[test]
fn a_delivery_that_java_was_killed_in_is_not_made_up() {
    every_way(&Case { killed: Some("payment-service"), ..case("JAVA_KILLED", "succeeded") });
}

/// What the killed run called and wrote names spans that do not exist.
#[test]
fn effects_of_a_killed_run_in_python_hang_on_spans_that_are_missing() {
    every_way(&Case { killed: Some("billing-service"), ..case("PYTHON_KILLED", "succeeded") });
    let stack = Stack::after("polyglot.env", "polyglot.jsonl");
    let (_, story) = stack.follow(stack.get("PYTHON_KILLED"));
    let gaps = list(&story["data"], "gaps");
    assert!(gaps.iter().any(|gap| gap["what"].as_str().unwrap().starts_with("parent of ")), "{gaps:?}");
}

/// kotel's receive span left in time: a delivery whose end is unknown.
#[test]
fn a_delivery_that_go_was_killed_in_has_no_end() {
    every_way(&Case { killed: Some("shipping-service"), ..case("GO_KILLED", AGAIN) });
    let stack = Stack::after("polyglot.env", "polyglot.jsonl");
    let (_, story) = stack.follow(stack.get("GO_KILLED"));
    let mut deliveries = list(&story["data"], "messages").iter().flat_map(|message| list(message, "deliveries"));
    assert!(deliveries.any(|delivery| delivery["result"] == "unknown" && remarked(delivery, "cut-off")), "{story}");
}

/// The span of a batch names no partition and no offset: it only links to the spans of the producers, and stores of traces
/// cannot be searched by links. Lines with the order's id lead to it; from trace and record they tell where to look, and the
/// batch's links do the rest.
#[test]
fn deliveries_in_batches_are_found_by_the_order_by_the_trace_and_by_the_record() {
    // Unknown, when its last batch failed for the sake of another record.
    let ends = "succeeded|succeeded-after-retries|unknown";
    every_way(&case("BATCHED_1", ends));
    every_way(&case("BATCHED_2", "dead-lettered"));
    every_way(&case("BATCHED_3", ends));
}
