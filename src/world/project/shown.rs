//! What the stores hold of one journey, kept until the journey changes: its lines, and signs of its spans.
//!
//! A store answers a question by looking at every journey. Spans are large, so only enough of them is kept to pass over
//! journeys that cannot hold what is wanted; lines are small and kept whole.

use std::cell::OnceCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use smol_str::SmolStr;

use super::lines::{Line, shape_all};
use super::span::{Kind, Span, Value};
use super::spans::View;
use crate::world::journey::Journey;
use crate::world::queue::Queue;
use crate::world::scenario::Scenario;

/// What is kept of one journey; made when it is first wanted.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    lines: OnceCell<Vec<(u64, Line)>>,
    spans: OnceCell<Signs>,
}

/// Signs of the sampled spans of a journey, those that have not ended among them.
#[derive(Debug, Clone, Default)]
pub struct Signs {
    /// Hashes of what the spans carry, sorted.
    hashes: Vec<u64>,
    /// Service, name and kind of the spans, each once, with the earliest true end in nanoseconds since the
    /// Unix epoch.
    pub operations: Vec<(SmolStr, SmolStr, Kind, u64)>,
}

impl Journey {
    /// Its lines, each with the true instant at which it was written, nanoseconds since the Unix epoch.
    pub fn lines(&self, scenario: &Scenario) -> &[(u64, Line)] {
        self.shown.lines.get_or_init(|| shape_all(scenario, self))
    }

    /// Signs of its spans.
    pub fn signs(&self, scenario: &Scenario, queue: &Queue) -> &Signs {
        self.shown.spans.get_or_init(|| Signs::of(scenario, &View { scenario, queue, journey: self }.spans(u64::MAX)))
    }
}

impl Signs {
    fn of(scenario: &Scenario, spans: &[Span]) -> Self {
        let mut signs = Self::default();
        for span in spans {
            let skew_ms = scenario.service(&span.service).map_or(0, |service| service.skew_ms);
            let end_ns = span.end_ns.saturating_add_signed(-skew_ms * 1_000_000);
            signs.hashes.push(hash("service", &span.service));
            signs.hashes.push(hash("operation", &span.name));
            let of_events = span.events.iter().flat_map(|event| &event.attributes);
            for (name, value) in span.attributes.iter().chain(of_events) {
                signs.hashes.push(match value {
                    Value::Text(text) => hash(name, text),
                    other => hash(name, &other.text()),
                });
            }
            signs.hashes.push(hash("error", if span.error { "true" } else { "false" }));
            let same = |known: &&mut (SmolStr, SmolStr, Kind, u64)| {
                known.0 == span.service && known.1 == span.name && known.2 == span.kind
            };
            match signs.operations.iter_mut().find(same) {
                Some(known) => known.3 = known.3.min(end_ns),
                None => signs.operations.push((span.service.clone(), span.name.clone(), span.kind, end_ns)),
            }
        }
        signs.hashes.sort_unstable();
        signs.hashes.dedup();
        signs
    }

    /// Whether some span may belong to this service.
    pub fn may_name_service(&self, service: &str) -> bool {
        self.has(hash("service", service))
    }

    /// Whether some span may have this name.
    pub fn may_name_operation(&self, name: &str) -> bool {
        self.has(hash("operation", name))
    }

    /// Whether some span, or an event of one, may carry this attribute; `error` with `true` or `false` is one.
    pub fn may_carry(&self, name: &str, value: &str) -> bool {
        self.has(hash(name, value))
    }

    fn has(&self, hash: u64) -> bool {
        self.hashes.binary_search(&hash).is_ok()
    }
}

fn hash(name: &str, value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, value).hash(&mut hasher);
    hasher.finish()
}
