//! Exit codes: one table.

use crate::model::now::Light;
use crate::model::{Case, Fault, FaultKind, Now, Reach};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Answered: found, healthy.
    Answered = 0,
    /// Answered: nothing found, and everything was seen.
    Nothing = 1,
    /// Mistake in usage or configuration.
    Usage = 2,
    /// Every source refused.
    Refused = 3,
    /// An answer, but something was missing, cut or stale.
    Partial = 4,
    /// No source answered.
    NoAnswer = 5,
    /// No source is of a version that is understood.
    Unsupported = 6,
    /// The own budget was spent before there was an answer.
    Budget = 7,
    /// SIGHUP: the terminal went away.
    HungUp = 129,
    /// SIGINT.
    Interrupted = 130,
    /// SIGQUIT.
    QuitSignal = 131,
    /// SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// Returns the code.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Returns the code of a signal that ended the console.
    pub fn of_signal(signal: i32) -> Self {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};
        match signal {
            SIGHUP => Self::HungUp,
            SIGINT => Self::Interrupted,
            SIGQUIT => Self::QuitSignal,
            _ => Self::Terminated,
        }
    }

    /// Returns the code of a story.
    pub fn of_case(case: &Case) -> Self {
        if case.is_unanswered() {
            let asked = case.coverage.iter().filter(|coverage| coverage.reach == Reach::None);
            return Self::of_faults(asked.flat_map(|coverage| &coverage.faults));
        }
        match (case.is_complete(), case.is_found()) {
            (false, _) => Self::Partial,
            (true, true) => Self::Answered,
            (true, false) => Self::Nothing,
        }
    }

    /// Returns the code of the present.
    pub fn of_now(now: &Now) -> Self {
        let lit = || now.lamps.iter().filter(|lamp| lamp.light != Light::Off);
        if lit().all(|lamp| lamp.light == Light::Down) {
            return Self::of_faults(lit().flat_map(|lamp| &lamp.faults));
        }
        if lit().all(|lamp| lamp.light == Light::Ok) { Self::Answered } else { Self::Partial }
    }

    /// Returns the code when nothing but faults came back. Only unanimous reasons have codes of their own.
    pub fn of_faults<'a>(faults: impl Iterator<Item = &'a Fault>) -> Self {
        let kinds: Vec<FaultKind> = faults.map(|fault| fault.kind).collect();
        let all = |kind| !kinds.is_empty() && kinds.iter().all(|found| *found == kind);
        match () {
            () if all(FaultKind::Refused) => Self::Refused,
            () if all(FaultKind::Unsupported) => Self::Unsupported,
            () if kinds.iter().all(|kind| kind.is_own_budget()) && !kinds.is_empty() => Self::Budget,
            () => Self::NoAnswer,
        }
    }
}
