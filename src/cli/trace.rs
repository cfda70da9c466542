//! `hopscope trace`: two stories beside each other.

use super::args::{Arguments, TraceVerb};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{settings, signals, verbs};
use crate::export::compare::{Comparison, Told, standing};
use crate::export::json;
use crate::investigate::follow::{blank, follow};
use crate::model::{Case, Nanos};
use serde::Serialize;
use std::fmt::Write;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// One side of a comparison.
#[derive(Serialize)]
struct SideReport {
    query: String,
    found: bool,
    complete: bool,
}

#[derive(Serialize)]
struct DiffReport {
    schema: &'static str,
    a: SideReport,
    b: SideReport,
    complete: bool,
    #[serde(flatten)]
    comparison: Comparison,
    exit: u8,
}

/// Runs one of the verbs.
pub fn run(arguments: &Arguments, verb: &TraceVerb, out: &Out) -> Result<Exit, Failure> {
    let TraceVerb::Diff { a, b } = verb;
    let anchors = [verbs::anchor(a, None)?, verbs::anchor(b, None)?];
    let asked = settings::asked(arguments, verbs::FOLLOW_SINCE)?;
    let profile = settings::loaded(arguments)?.profile;
    let runtime = verbs::runtime()?;
    let _inside = runtime.enter();
    let sources = verbs::open(arguments, &profile)?;
    let cancel = CancellationToken::new();
    let caught = signals::listen(cancel.clone());
    // One after the other: each question has the whole budget.
    let told = anchors.map(|anchor| {
        let (publish, _) = watch::channel(Arc::new(blank(&sources, anchor.clone(), asked)));
        let case = runtime.block_on(follow(&sources, anchor, asked, &publish, &cancel));
        out.account(&sources);
        case
    });
    let [a, b] = &told;
    let exits = [Exit::of_case(a), Exit::of_case(b)];
    // What one side lacks, the comparison lacks.
    let exit = caught.or(match exits {
        [Exit::Answered, Exit::Answered] => Exit::Answered,
        [Exit::Nothing | Exit::Answered, Exit::Nothing | Exit::Answered] => Exit::Nothing,
        [a, b] if a == b => a,
        _ => Exit::Partial,
    });
    let comparison = Comparison::of(a, b);
    if !out.is_json() {
        return Ok(out.data(&text(a, b, &comparison), exit));
    }
    let side = |case: &Case| SideReport {
        query: case.anchor.identity.to_string(),
        found: case.is_found(),
        complete: case.is_complete(),
    };
    let complete = a.is_complete() && b.is_complete();
    let report =
        DiffReport { schema: "hopscope/diff/1", a: side(a), b: side(b), complete, comparison, exit: exit.code() };
    Ok(out.data(&json::write(&report), exit))
}

fn words(told: Option<&Told>) -> String {
    let Some(told) = told else { return "-".to_owned() };
    if let Some(word) = &told.word {
        return word.as_str().to_owned();
    }
    let failed = if told.failed > 0 { format!(", {} failed", told.failed) } else { String::new() };
    format!("{}x{failed}, {}", told.times, Nanos(told.took).human())
}

fn text(a: &Case, b: &Case, found: &Comparison) -> String {
    let mut text = String::new();
    for (name, case) in [("A", a), ("B", b)] {
        writeln!(text, "{name}\t{}\t{}", case.anchor.identity, standing(case)).expect("a string takes any text");
    }
    text.push_str("\nPART\tNAME\tA\tB\tDIFFERS\n");
    for line in &found.lines {
        let differs = if line.differs.is_empty() { "-".to_owned() } else { line.differs.join(", ") };
        let (part, name) = (line.part.word(), line.name.as_str());
        let (a, b) = (words(line.a.as_ref()), words(line.b.as_ref()));
        writeln!(text, "{part}\t{name}\t{a}\t{b}\t{differs}").expect("a string takes any text");
    }
    let cohorts = &found.cohorts;
    if !cohorts.differences.is_empty() {
        let (failing, healthy) = (cohorts.failing, cohorts.healthy);
        writeln!(text, "\nATTRIBUTE\tVALUE\tFAILING OF {failing}\tHEALTHY OF {healthy}")
            .expect("a string takes any text");
    }
    for one in &cohorts.differences {
        writeln!(text, "{}\t{}\t{}\t{}", one.name.as_str(), one.value.as_str(), one.failing, one.healthy)
            .expect("a string takes any text");
    }
    text
}
