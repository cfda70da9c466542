//! Why a row is here: the edges back to what was asked about, each with what it rests on and the request that shows it.

use crate::model::journey::Row;
use crate::model::why::{Node, Step};
use crate::model::{Case, Coordinate, SafeText, SourceKind, Tier};
use serde::Serialize;

/// One edge of a path, from the row towards what was asked about.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport<'a> {
    /// What was reached.
    pub to: SafeText,
    /// What it is to the other end: `named-by`, `below`, `copy-of`.
    pub relation: &'static str,
    /// What it was reached from.
    pub from: SafeText,
    /// `E1` pointer, `E2` unique id in a text, `E3` unique in a scope only, `E4` timing or shape.
    pub strength: &'static str,
    /// How rows are marked that rest on it.
    pub tier: Tier,
    /// Field, header or text that shows it, as it was sent.
    pub field: SafeText,
    /// Source that shows it.
    pub source: Option<SourceKind>,
    /// The request that showed it, as a command that repeats it.
    pub request: Option<&'a SafeText>,
    /// What leads here independently, over another source and by another kind of id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<SafeText>,
    #[serde(skip)]
    words: &'static str,
}

/// Why something is in a story.
#[derive(Clone, Debug, Serialize)]
pub struct Why<'a> {
    /// The weakest edge of the path.
    pub tier: Tier,
    /// The path, from the row to what was asked about.
    pub steps: Vec<StepReport<'a>>,
}

/// Returns the path from a node to what was asked about; `None` when it was not reached.
pub fn why(case: &Case, node: Node) -> Option<Why<'_>> {
    let tier = case.paths.strength(node)?.tier();
    let steps = case.paths.path(node).into_iter().map(|step| report(case, &step)).collect();
    Some(Why { tier, steps })
}

/// Returns the path of a row of the story. A row that tells of a time between others has none.
pub fn of_row<'a>(case: &'a Case, row: &Row<'_>) -> Option<Why<'a>> {
    why(case, case.node_of(row)?)
}

/// Returns the path of a partition: that of a record of the story that stands in it.
pub fn of_partition<'a>(case: &'a Case, topic: &str, partition: i32) -> Option<(&'a Coordinate, Why<'a>)> {
    let is_there = |at: &&Coordinate| at.topic == topic && at.partition == partition;
    let at = case.paths.records().find(is_there)?;
    Some((at, why(case, case.paths.record(at)?)?))
}

fn report<'a>(case: &'a Case, step: &Step) -> StepReport<'a> {
    let (source, exchange) = case.shown_by(step);
    let strength = step.edge.lifted();
    StepReport {
        to: case.name_of(step.to),
        relation: step.edge.relation.word(),
        from: case.name_of(step.from),
        strength: strength.code(),
        tier: strength.tier(),
        field: SafeText::new(&step.edge.field),
        source,
        request: exchange.map(|exchange| &exchange.request),
        also: step.edge.also.map(|also| case.name_of(also)),
        words: step.edge.relation.words(),
    }
}

impl Why<'_> {
    /// Returns the path as sentences, one per edge: `= this is named by record orders-0@1 (traceparent, kafka, E1)`.
    pub fn sentences(&self) -> impl Iterator<Item = String> + '_ {
        self.steps.iter().enumerate().map(|(place, step)| {
            let subject = if place == 0 { "this" } else { "which" };
            let object = if step.relation == "asked" { String::new() } else { format!(" {}", step.from) };
            let mut shown: Vec<&str> = Vec::new();
            if !step.field.is_empty() {
                shown.push(step.field.as_str());
            }
            shown.extend(step.source.map(SourceKind::name));
            shown.push(step.strength);
            let also =
                step.also.as_ref().map_or_else(String::new, |also| format!("; {also} leads here by another way"));
            format!("{} {subject} {}{object} ({}{also})", step.tier.mark(), step.words, shown.join(", "))
        })
    }

    /// Returns the requests that show the path again, each once, from the row on.
    pub fn requests(&self) -> Vec<&SafeText> {
        let mut requests: Vec<&SafeText> = Vec::new();
        for request in self.steps.iter().filter_map(|step| step.request) {
            if !requests.contains(&request) {
                requests.push(request);
            }
        }
        requests
    }
}
