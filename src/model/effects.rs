//! Side effects: what a journey changed outside of itself, as far as its spans tell.

use super::spans::SpanRow;
use serde::Serialize;

/// One try to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideEffect {
    /// The client or producer span; the callee's where the caller has none.
    pub span: SpanRow,
    /// What kind of change.
    pub kind: EffectKind,
    /// Whether it happened.
    pub status: EffectStatus,
}

/// Kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// A writing call of another service.
    Call,
    /// A writing statement of a database.
    Statement,
    /// A record that was sent.
    Send,
}

/// Whether a change happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectStatus {
    /// The callee, or the answer, says so. What a callee does with a repeat it recognises is its own business.
    Succeeded,
    /// The callee, or the answer, says that it did not.
    Failed,
    /// Nobody waited for the answer, or no answer came: a timeout is no failure.
    Unknown,
}

impl EffectStatus {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}
