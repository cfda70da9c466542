//! The rules: what is wrong, judged from a case alone.
//!
//! Owns one file per rule, each with a code, a question and a check that answers *findings*, *clear*, *unknown* or *not
//! applicable*. A rule asks nothing of any source and knows no scenario; it reads what the case holds, and says
//! *unknown* with the missing source rather than *clear* when the negative could not have been seen.
//!
//! Copy `rules/nested_layers.rs` when adding a rule, and add one line to [`RULES`].

mod causes;
pub mod rules;

use crate::model::{Case, Identity, Reach, SafeText, Signal, TraceId, Verdict};
use smol_str::SmolStr;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Code (`R09`), unique and kept for good.
    pub code: &'static str,
    /// Name (`idempotency-violation`).
    pub name: &'static str,
    /// What a person would ask.
    pub question: &'static str,
    /// The judgement.
    pub check: fn(&Case) -> Verdict,
}

/// All rules, by code.
pub const RULES: &[Rule] = &[
    rules::nested_layers::RULE,
    rules::hidden_retries::RULE,
    rules::redelivery_loop::RULE,
    rules::repeated_effect::RULE,
    rules::quarantine::RULE,
    rules::retry_wait::RULE,
    rules::outlived::RULE,
    rules::clock_skew::RULE,
    rules::incomplete::RULE,
];

/// Returns what every rule says about a case, by rule code.
pub fn run(case: &Case) -> Vec<(SmolStr, Verdict)> {
    RULES.iter().map(|rule| (SmolStr::new_static(rule.code), (rule.check)(case))).collect()
}

/// Returns `Clear` when every source of the named signals answered in full and no trace of the case is lost, else `Unknown` with the
/// first thing that is missing.
pub(crate) fn clear_if_seen(case: &Case, needed: &[Signal]) -> Verdict {
    for signal in needed {
        let limits = case.coverage_for(*signal);
        let source = limits.map_or(signal.usual(), |coverage| coverage.source);
        let reach = limits.map_or(Reach::NotConfigured, |coverage| coverage.reach);
        if reach != Reach::Full {
            return Verdict::Unknown(SafeText::new(&format!(
                "{source}: {}; it could not have been seen",
                reach.word()
            )));
        }
        if let Some(trace) = lost_trace(case).filter(|_| *signal == Signal::Traces) {
            return Verdict::Unknown(SafeText::new(&format!(
                "trace {trace} was not kept or not found; it could not have been seen"
            )));
        }
    }
    Verdict::Clear
}

/// Returns a trace that belongs to the case and of which no span is there.
fn lost_trace(case: &Case) -> Option<TraceId> {
    let named = case.aliases.iter().map(|alias| &alias.identity).chain([&case.anchor.identity]);
    let mut traces = named.filter_map(|identity| match identity {
        Identity::Trace(trace) | Identity::Span(trace, _) => Some(*trace),
        Identity::Record(_) | Identity::Business(_) => None,
    });
    traces.find(|trace| !case.journey.traces.contains(trace))
}
