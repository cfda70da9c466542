//! What a question has cost, and how far a source is left alone: values for screens, stderr and reports.

use super::time::{Nanos, Timestamp};
use serde::Serialize;

/// How much of one limit is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// So much was used.
    pub used: u64,
    /// So much is allowed.
    pub limit: u64,
}

/// What one question has cost so far: at one source, or at all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// Requests made.
    pub requests: Measure,
    /// Bytes of answers received and read.
    pub bytes: Measure,
    /// Rows decoded: spans, lines, records.
    pub rows: Measure,
}

/// State of the breaker of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum BreakerState {
    /// Everything is asked.
    #[default]
    Closed,
    /// So many questions in a row failed; everything is still asked.
    Counting {
        /// Failed questions.
        failures: u32,
    },
    /// Nothing is asked.
    Open {
        /// When one question is let through.
        until: Timestamp,
        /// How long it is left alone this time.
        #[serde(rename = "wait_ns")]
        wait: Nanos,
    },
    /// One question is under way, to find out.
    Probing,
}

impl Measure {
    /// Returns how much is left.
    pub const fn left(self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

impl Spent {
    /// Returns name and measure of each part.
    pub const fn parts(&self) -> [(&'static str, Measure); 3] {
        [("requests", self.requests), ("bytes", self.bytes), ("rows", self.rows)]
    }

    /// Returns the name of a part of which nothing is left.
    pub fn spent(&self) -> Option<&'static str> {
        self.parts().into_iter().find(|(_, measure)| measure.left() == 0).map(|(name, _)| name)
    }

    /// Says it in one line: `requests 34/480, bytes 1234/536870912, rows 10/1000000`.
    pub fn words(&self) -> String {
        self.parts().map(|(name, measure)| format!("{name} {}/{}", measure.used, measure.limit)).join(", ")
    }
}

impl BreakerState {
    /// Says what is not as it should be, with the instant as `clock` writes it; nothing of a closed one.
    pub fn trouble(self, clock: impl Fn(Timestamp) -> String) -> Option<String> {
        match self {
            Self::Closed => None,
            Self::Counting { failures: 1 } => Some("failed once".to_owned()),
            Self::Counting { failures } => Some(format!("failed {failures} times")),
            Self::Open { until, wait } => {
                let clock = clock(until);
                // A person waits by the second.
                let second = clock.split('.').next().unwrap_or_default();
                Some(format!("left alone for {}, until {second}", wait.human()))
            }
            Self::Probing => Some("trying again".to_owned()),
        }
    }
}
