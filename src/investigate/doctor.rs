//! Looks at each source step by step, from its name to what this user may see, and says what to change where it ends.

use super::sources::{Budgets, SourceSet, panicked};
use crate::model::ask::NoteKind;
use crate::model::{Ask, Fault, Nanos, Rows, SafeText, Signal, SourceKind, Timestamp, Window};
pub use crate::sources::checkup::{Finding, STEPS, Step};
use crate::sources::checkup::{WayIn, enter};
use futures_util::FutureExt;
use serde::Serialize;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Wait for a name, a connection or a handshake, unless a request may take less.
const WAIT: Duration = Duration::from_secs(3);
/// Clocks that differ by less are as good as equal: HTTP tells whole seconds.
const SKEW: Nanos = Nanos::from_secs(2);

/// What was found about one source.
#[derive(Clone, Debug, Serialize)]
pub struct Checkup {
    /// Which source.
    pub source: SourceKind,
    /// Where it is.
    pub address: SafeText,
    /// The steps, in the order of [`STEPS`]; each name at least once.
    pub steps: Vec<Step>,
    /// The fault that ended it, if one did.
    #[serde(skip)]
    pub fault: Option<Fault>,
}

impl Checkup {
    /// Says whether a step failed.
    pub fn is_ill(&self) -> bool {
        self.steps.iter().any(|step| step.finding == Finding::Failed)
    }

    /// Puts the steps into their order, and names those that nobody told.
    fn complete(mut self) -> Self {
        for name in STEPS {
            if !self.steps.iter().any(|step| step.name == name) {
                let why = match (self.is_ill(), name) {
                    (true, _) => "a step before failed",
                    (false, "clock") => "this source does not tell its time",
                    (false, _) => "this source tells nothing about it",
                };
                self.steps.push(Step::not_tried(name, SafeText::own(why)));
            }
        }
        self.steps.sort_by_key(|step| STEPS.iter().position(|name| *name == step.name));
        self
    }

    fn end(mut self, name: &'static str, fault: Fault) -> Self {
        self.steps.push(Step::failed(name, &fault));
        self.fault = Some(fault);
        self.complete()
    }
}

/// Examines all configured sources at once. When `cancel` fires, what is known by then is told.
pub async fn examine(sources: &SourceSet, cancel: &CancellationToken) -> Vec<Checkup> {
    let budgets = sources.budgets(cancel);
    let all = sources.kinds().into_iter().map(|kind| one(sources, kind, &budgets, cancel));
    futures_util::future::join_all(all).await
}

async fn one(sources: &SourceSet, kind: SourceKind, budgets: &Budgets, cancel: &CancellationToken) -> Checkup {
    let (budget, source) = (budgets.of(kind), sources.get(kind));
    let address = source.map_or_else(SafeText::default, |source| source.address());
    let mut found = Checkup { source: kind, address, steps: Vec::new(), fault: None };
    let way = source.map_or_else(WayIn::default, |source| source.way_in());
    let wait = budget.limits().request_timeout;
    tokio::select! {
        biased;
        () = cancel.cancelled() => {}
        steps = caught(kind, "name", enter(&way, wait.min(WAIT))) => found.steps = steps,
    }
    match sources.identify(kind, budgets).await {
        Ok(known) => {
            found.steps.push(Step::ok("login", way.login.clone()));
            found.steps.push(Step::ok("version", known));
        }
        // Grafana has no such data source, which is no illness.
        Err(fault) if fault.kind == crate::model::FaultKind::NotConfigured => {
            found.steps.push(Step::not_tried("version", fault.came.clone()));
            return found.complete();
        }
        Err(fault) => {
            let is_login = fault.kind == crate::model::FaultKind::Refused;
            return found.end(if is_login { "login" } else { "version" }, fault);
        }
    }
    if let Some(source) = source {
        // Each of its requests is bounded; all together get what is left of the question.
        match timeout(budget.time_left(), caught(kind, "capabilities", source.examine(budget))).await {
            Ok(steps) => found.steps.extend(steps),
            Err(_) => found.steps.push(Step::not_tried("capabilities", "the time of the question is over")),
        }
    }
    if !found.steps.iter().any(|step| step.name == "permissions") {
        match sources.ask_of(kind, &probe(kind), budgets, None).await.outcome {
            Err(fault) => return found.end("permissions", fault),
            Ok(answer) => found.steps.push(permitted(&answer.rows, &answer.notes)),
        }
    }
    if let Some(offset) = source.and_then(|source| source.clock_offset()) {
        found.steps.push(clock(offset));
    }
    let cost = budget.cost();
    let name = "limits";
    found.steps.push(match cost.spent() {
        Some(part) => Step::warn(
            name,
            format!("our own budget of {part} is spent: {}", cost.words()),
            format!("raise limits.{part}, or --budget {part}=..."),
        ),
        None => Step::ok(name, format!("our own for this: {}", cost.words())),
    });
    found.complete()
}

/// Waits for steps; a bug in one of them is a failed step, and what was found before stays.
async fn caught(kind: SourceKind, name: &'static str, steps: impl Future<Output = Vec<Step>>) -> Vec<Step> {
    match AssertUnwindSafe(steps).catch_unwind().await {
        Ok(steps) => steps,
        Err(belief) => vec![Step::failed(name, &panicked(kind, belief.as_ref()))],
    }
}

/// Returns a question that costs little and shows what this user may see.
fn probe(kind: SourceKind) -> Ask {
    match kind.signal() {
        Signal::Traces => Ask::Services,
        Signal::Queues => Ask::Queues,
        Signal::Logs => {
            let now = Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX));
            let window = Window { from: now.plus(Nanos::from_secs(-300)), until: now };
            let needles = vec!["hopscope-doctor".into()];
            Ask::FindLines { needles, metadata: Vec::new(), services: Vec::new(), window, limit: 1 }
        }
    }
}

fn permitted(rows: &Rows, notes: &[crate::model::Note]) -> Step {
    const NAME: &str = "permissions";
    let seen = match rows {
        Rows::Services(names) => format!("{} services are visible", names.len()),
        Rows::Queues(state) => format!("{} topics and {} groups are visible", state.topics.len(), state.groups.len()),
        Rows::Lines(_) | Rows::Spans(_) | Rows::Records(_) => "a question is answered".to_owned(),
    };
    match notes.iter().find(|note| note.kind != NoteKind::Remark) {
        Some(note) => Step::warn(NAME, format!("{seen}; {}", note.text.as_str()), "check this user's rights"),
        None if !matches!(rows, Rows::Lines(_)) && rows.is_empty() => {
            Step::warn(NAME, seen, "nothing is there, or this user or tenant may not see it")
        }
        None => Step::ok(NAME, seen),
    }
}

fn clock(offset: Nanos) -> Step {
    if offset.0.abs() <= SKEW.0 {
        return Step::ok("clock", "within 2 s of this host's");
    }
    let side = if offset.0 > 0 { "ahead of" } else { "behind" };
    let seen = format!("{} {side} this host's (to a second)", Nanos(offset.0.abs()).human());
    Step::warn("clock", seen, "set the clocks by NTP; times and windows may miss what they should find")
}
