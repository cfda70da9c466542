//! `hopscope doctor`: each source, step by step.

use super::args::Arguments;
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{settings, signals, verbs};
use crate::export::json;
use crate::investigate::doctor::{Checkup, Finding, examine};
use serde::Serialize;
use std::fmt::Write;
use tokio_util::sync::CancellationToken;

/// `hopscope doctor`.
pub fn run(arguments: &Arguments, out: &Out) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct DoctorReport<'a> {
        schema: &'static str,
        profile: &'a str,
        sources: &'a [Checkup],
        exit: u8,
    }
    let profile = settings::loaded(arguments)?.profile;
    let runtime = verbs::runtime()?;
    let _inside = runtime.enter();
    let sources = verbs::open(arguments, &profile)?;
    let cancel = CancellationToken::new();
    let caught = signals::listen(cancel.clone());
    let found = runtime.block_on(examine(&sources, &cancel));
    out.account(&sources);
    let exit = caught.or(exit_of(&found));
    if out.is_json() {
        let report =
            DoctorReport { schema: "hopscope/doctor/1", profile: &profile.name, sources: &found, exit: exit.code() };
        return Ok(out.data(&json::write(&report), exit));
    }
    let mut text = String::new();
    for checkup in &found {
        writeln!(text, "{}  {}", checkup.source, checkup.address.as_str()).expect("a string takes any text");
        for step in &checkup.steps {
            let (sign, name, word) = (step.finding.sign(), step.name, step.finding.word());
            writeln!(text, "  {sign} {name:<12} {word:<9} {}", step.seen.as_str()).expect("a string takes any text");
            if !step.to_do.is_empty() {
                writeln!(text, "{:27}{}", "", step.to_do.as_str()).expect("a string takes any text");
            }
        }
    }
    Ok(out.data(&text, exit))
}

/// All ill: as for any verb without an answer. Some ill: partial. Weaknesses are a negative answer.
fn exit_of(found: &[Checkup]) -> Exit {
    let ill = found.iter().filter(|checkup| checkup.is_ill()).count();
    if ill == found.len() {
        return Exit::of_faults(found.iter().filter_map(|checkup| checkup.fault.as_ref()));
    }
    let is_weak = found.iter().flat_map(|checkup| &checkup.steps).any(|step| step.finding == Finding::Warn);
    match (ill > 0, is_weak) {
        (true, _) => Exit::Partial,
        (false, true) => Exit::Nothing,
        (false, false) => Exit::Answered,
    }
}
