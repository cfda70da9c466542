//! What a rule says, and how sure a statement can be.

use super::journey::Fact;
use super::text::SafeText;
use serde::Serialize;

/// How a fact was joined to what was asked about; a chain is as good as its weakest link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// An explicit pointer or an equal typed id in a structured field, or a full-length unique id in text.
    Exact,
    /// An equal value that is unique only inside a scope that matches too.
    Scoped,
    /// Timing, order or shape only.
    Inferred,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Explicit evidence for every necessary condition.
    Confirmed,
    /// One condition is inferred.
    Likely,
    /// Shape only.
    Possible,
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Should be looked at.
    Warn,
    /// Harm is done or imminent.
    Critical,
}

/// A rule's statement about a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Rule code (`R09`).
    pub code: &'static str,
    /// Rule name (`idempotency-violation`).
    pub name: &'static str,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence with numbers and units.
    pub sentence: SafeText,
    /// The rows that show it.
    pub evidence: Vec<Fact>,
    /// What would refute it.
    pub refuted_by: SafeText,
    /// What to look at next (read-only).
    pub next: SafeText,
}

/// The four answers of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is so.
    Findings(Vec<Finding>),
    /// Looked, with enough data to see it, and it is not so.
    Clear,
    /// Cannot tell; the text says what is missing.
    Unknown(SafeText),
    /// The question does not arise here.
    NotApplicable,
}

impl Tier {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Scoped => "scoped",
            Self::Inferred => "inferred",
        }
    }

    /// Returns the mark shown beside a row.
    pub const fn mark(self) -> char {
        match self {
            Self::Exact => '=',
            Self::Scoped => '~',
            Self::Inferred => '?',
        }
    }
}

impl Severity {
    /// Returns the letter or mark that is always shown; colour is never the only sign.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Info => "i",
            Self::Warn => "W",
            Self::Critical => "!!",
        }
    }
}
