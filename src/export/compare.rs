//! Two stories beside each other: what differs, hop by hop, and what tells failing traces from healthy ones.
//!
//! Linear in spans and rows. Numbers are counts of what is known; a share is never told without what it is a share of.

use crate::model::journey::{AttemptResult, CopyRole, DeliveryResult};
use crate::model::spans::SpanView;
use crate::model::why::Node;
use crate::model::{Case, Nanos, SafeText, SpanStatus, Verdict};
use hashbrown::{HashMap, HashSet};
use indexmap::IndexMap;
use serde::Serialize;

/// Differences of attributes that are kept.
const MOST: usize = 40;
/// Values of one attribute above which it names single things (ids, times) and says nothing about a group.
const VALUES: usize = 50;

/// Two stories, compared.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// What both say of the same thing, differences first.
    pub lines: Vec<Line>,
    /// Attributes of failing traces against healthy ones, of both stories together.
    pub cohorts: Cohorts,
}

/// One thing and what each story says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What kind of thing.
    pub part: Part,
    /// Its name.
    pub name: SafeText,
    /// What A says; `None` when A knows nothing of it.
    pub a: Option<Told>,
    /// What B says.
    pub b: Option<Told>,
    /// What differs, in words; empty when nothing does.
    pub differs: Vec<&'static str>,
}

/// Kinds of things that stories are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// How it ended.
    Outcome,
    /// A rule.
    Rule,
    /// A call from one service to another.
    Call,
    /// A topic, as copies of messages stand on it.
    Topic,
    /// Deliveries of a topic's records to a service.
    Delivery,
    /// Work of a service that is no call.
    Work,
}

impl Part {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Rule => "rule",
            Self::Call => "call",
            Self::Topic => "topic",
            Self::Delivery => "delivery",
            Self::Work => "work",
        }
    }
}

/// What one story says of a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// A word: an outcome, a rule's answer.
    pub word: Option<SafeText>,
    /// How often it happened.
    pub times: u32,
    /// How often it failed.
    pub failed: u32,
    /// How long it took in all, in nanoseconds.
    pub took: i64,
}

/// Failing traces against healthy ones.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cohorts {
    /// Traces in which a span failed.
    pub failing: u32,
    /// Traces in which none did.
    pub healthy: u32,
    /// What they differ by, the largest difference first.
    pub differences: Vec<Difference>,
}

/// One attribute with one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Name of the attribute.
    pub name: SafeText,
    /// Its value.
    pub value: SafeText,
    /// Failing traces with it.
    pub failing: u32,
    /// Healthy traces with it.
    pub healthy: u32,
}

impl Comparison {
    /// Compares two cases.
    pub fn of(a: &Case, b: &Case) -> Self {
        let (mine, mut yours) = (parts(a), parts(b));
        let mut lines: Vec<Line> = mine
            .into_iter()
            .map(|((part, name), told)| {
                let other = yours.shift_remove(&(part, name.clone()));
                line(part, name, Some(told), other)
            })
            .collect();
        lines.extend(yours.into_iter().map(|((part, name), told)| line(part, name, None, Some(told))));
        // A stable sort: within equals, the order of the story.
        lines.sort_by_key(|line| (line.part > Part::Outcome, line.differs.is_empty(), line.part));
        Self { lines, cohorts: cohorts(&[a, b]) }
    }
}

/// Says in a few words how much of a story there is to compare. What nobody answered for is never said to be absent.
pub fn standing(case: &Case) -> &'static str {
    match (case.is_found(), case.is_complete()) {
        (true, true) => "complete",
        (true, false) => "partial",
        (false, true) => "nothing found",
        (false, false) if case.is_unanswered() => "no answer",
        (false, false) => "nothing found, but not everything was seen",
    }
}

/// Everything that a story tells, by its kind and name.
fn parts(case: &Case) -> IndexMap<(Part, SafeText), Told> {
    let mut told: IndexMap<(Part, SafeText), Told> = IndexMap::new();
    let word = |word: SafeText| Told { word: Some(word), times: 1, ..Told::default() };
    told.insert((Part::Outcome, SafeText::own("outcome")), word(case.journey.outcome.words().into()));
    for (code, verdict) in &case.verdicts {
        let answer = match verdict {
            Verdict::Findings(found) => SafeText::new(&format!("yes, {} times", found.len())),
            Verdict::Clear => SafeText::own("no"),
            Verdict::Unknown(_) => SafeText::own("cannot tell"),
            Verdict::NotApplicable => SafeText::own("does not arise"),
        };
        told.insert((Part::Rule, SafeText::new(code)), word(answer));
    }
    let mut add = |part, name: String, failed: bool, took: Nanos| {
        let one = told.entry((part, SafeText::new(&name))).or_default();
        one.times += 1;
        one.failed += u32::from(failed);
        one.took = one.took.saturating_add(took.0);
    };
    let mut called = HashSet::new();
    for operation in case.operations() {
        for attempt in operation.attempts() {
            let failed = matches!(attempt.result, AttemptResult::Failed | AttemptResult::TimedOut);
            add(Part::Call, format!("{} > {}", operation.caller(), operation.name()), failed, attempt.duration);
            called.extend(attempt.span);
        }
    }
    for message in &case.journey.messages {
        for copy in &message.copies {
            let role = match copy.role {
                CopyRole::Original => "",
                CopyRole::Retry => " (retry)",
                CopyRole::DeadLetter => " (dead letter)",
                CopyRole::Duplicate => " (second original)",
            };
            add(Part::Topic, format!("{}{role}", copy.coordinate.topic), false, Nanos(0));
        }
        for delivery in &message.deliveries {
            let name = format!("{} > {}", delivery.coordinate.topic, delivery.service.as_str());
            add(Part::Delivery, name, delivery.result == DeliveryResult::Failed, delivery.duration);
            called.extend(delivery.span);
        }
    }
    for span in reached(case).filter(|span| !called.contains(&span.row())) {
        let name = format!("{} {}", span.service(), span.name());
        add(Part::Work, name, span.status() == SpanStatus::Error, span.duration());
    }
    told
}

fn line(part: Part, name: SafeText, a: Option<Told>, b: Option<Told>) -> Line {
    let mut differs = Vec::new();
    match (&a, &b) {
        (Some(_), None) => differs.push("only in A"),
        (None, _) => differs.push("only in B"),
        (Some(a), Some(b)) => {
            if a.word != b.word {
                differs.push("answer");
            }
            if a.times != b.times {
                differs.push("times");
            }
            if a.failed != b.failed {
                differs.push("failures");
            }
            // Twice as long and by more than what clocks and schedulers make of it.
            let (short, long) = (a.took.min(b.took), a.took.max(b.took));
            if long > short.saturating_mul(2) && long - short > Nanos::from_millis(10).0 {
                differs.push("time");
            }
        }
    }
    Line { part, name, a, b, differs }
}

/// The spans of the story. What a search brought beside them belongs to others.
fn reached(case: &Case) -> impl Iterator<Item = SpanView<'_>> {
    case.spans.iter().filter(|span| case.paths.is_reached(Node::Span(span.row())))
}

/// Counts in how many failing and healthy traces each attribute has each value.
fn cohorts(cases: &[&Case]) -> Cohorts {
    let mut fails: IndexMap<u128, bool> = IndexMap::new();
    for span in cases.iter().flat_map(|case| reached(case)) {
        *fails.entry(span.trace().0).or_default() |= span.status() == SpanStatus::Error;
    }
    let failing = fails.values().filter(|fails| **fails).count() as u32;
    let healthy = fails.len() as u32 - failing;
    let mut found = Cohorts { failing, healthy, differences: Vec::new() };
    // One group alone is not against anything.
    if failing == 0 || healthy == 0 {
        return found;
    }
    let mut values: HashMap<SafeText, HashMap<SafeText, HashSet<u128>>> = HashMap::new();
    for span in cases.iter().flat_map(|case| reached(case)) {
        let own = [("service.name", SafeText::new(span.service())), ("span.name", SafeText::new(span.name()))];
        let own = own.into_iter().map(|(name, value)| (SafeText::own(name), value));
        let pairs = span.attributes().chain(span.resource());
        let pairs = pairs.map(|(name, value)| (SafeText::new(name), SafeText::new(&value.text())));
        for (name, value) in own.chain(pairs) {
            let known = values.entry(name).or_default();
            // One value more than the limit marks the attribute as one of single things.
            if known.len() <= VALUES || known.contains_key(&value) {
                known.entry(value).or_default().insert(span.trace().0);
            }
        }
    }
    for (name, values) in values.into_iter().filter(|(_, values)| values.len() <= VALUES) {
        for (value, traces) in values {
            let failing = traces.iter().filter(|trace| fails[*trace]).count() as u32;
            let healthy = traces.len() as u32 - failing;
            found.differences.push(Difference { name: name.clone(), value, failing, healthy });
        }
    }
    // The difference of the shares, as whole numbers: failing/F - healthy/H over the common denominator.
    let apart = |one: &Difference| {
        (i64::from(one.failing) * i64::from(found.healthy) - i64::from(one.healthy) * i64::from(found.failing)).abs()
    };
    found.differences.retain(|one| apart(one) > 0);
    found
        .differences
        .sort_by(|a, b| apart(b).cmp(&apart(a)).then_with(|| (&a.name, &a.value).cmp(&(&b.name, &b.value))));
    found.differences.truncate(MOST);
    found
}
