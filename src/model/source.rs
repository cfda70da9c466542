//! The kinds of source, and what each of them tells.

use serde::Serialize;
use std::fmt;

/// The kinds of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Trace store.
    Jaeger,
    /// Trace store.
    Tempo,
    /// Log store.
    Loki,
    /// Queue.
    Kafka,
}

/// What a source tells. Questions and rules name a signal; which source gives it is a matter of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log lines.
    Logs,
    /// Records and groups.
    Queues,
}

impl SourceKind {
    /// All kinds, in the order of screens and reports.
    pub const ALL: [Self; 4] = [Self::Jaeger, Self::Tempo, Self::Loki, Self::Kafka];

    /// Returns the name in flags, JSON and on screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jaeger => "jaeger",
            Self::Tempo => "tempo",
            Self::Loki => "loki",
            Self::Kafka => "kafka",
        }
    }

    /// Returns the name as its makers write it, for sentences.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Jaeger => "Jaeger",
            Self::Tempo => "Tempo",
            Self::Loki => "Loki",
            Self::Kafka => "Kafka",
        }
    }

    /// Returns what it tells.
    pub const fn signal(self) -> Signal {
        match self {
            Self::Jaeger | Self::Tempo => Signal::Traces,
            Self::Loki => Signal::Logs,
            Self::Kafka => Signal::Queues,
        }
    }

    /// Says whether spans are searched within one service at a time. Most of Jaeger's backends know no other way.
    pub const fn needs_service(self) -> bool {
        matches!(self, Self::Jaeger)
    }

    /// Returns the kinds that a report names: those that are configured, and the usual one of each signal that has none.
    pub fn named(configured: &[Self]) -> Vec<Self> {
        let is_named = |kind: &Self| {
            let signal = kind.signal();
            configured.contains(kind)
                || signal.usual() == *kind && !configured.iter().any(|other| other.signal() == signal)
        };
        Self::ALL.into_iter().filter(is_named).collect()
    }
}

impl Signal {
    /// Returns the kind of source that is meant when none is configured.
    pub const fn usual(self) -> SourceKind {
        match self {
            Self::Traces => SourceKind::Jaeger,
            Self::Logs => SourceKind::Loki,
            Self::Queues => SourceKind::Kafka,
        }
    }

    /// Returns the word for it in sentences.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Queues => "queues",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_without_a_source_is_named_after_its_usual_one() {
        use SourceKind::{Jaeger, Kafka, Loki, Tempo};
        assert_eq!(SourceKind::named(&[]), [Jaeger, Loki, Kafka]);
        assert_eq!(SourceKind::named(&[Tempo, Kafka]), [Tempo, Loki, Kafka]);
        assert_eq!(SourceKind::named(&[Tempo, Jaeger]), [Jaeger, Tempo, Loki, Kafka]);
    }
}
