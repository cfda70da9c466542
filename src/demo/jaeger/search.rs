//! Finding traces in the world as Jaeger's memory storage does.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::Release;
use crate::world::World;
use crate::world::journey::Journey;
use crate::world::project::spans::{View, of_trace};
use crate::world::project::{Kind, Span, Value, batches};
use crate::world::truth::{SpanId, TraceId};

/// Most traces that the storage holds, and so the greatest depth of a search.
pub const MAX_TRACES: usize = 10_000;

/// A search. Times and durations are nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Service of the matching span.
    pub service: Option<String>,
    /// Its name.
    pub operation: Option<String>,
    /// Attributes that it must carry, all on one span.
    pub tags: Vec<(String, String)>,
    /// Earliest start.
    pub start_ns: u64,
    /// Latest start.
    pub end_ns: u64,
    /// Least duration.
    pub least_ns: Option<u64>,
    /// Greatest duration.
    pub most_ns: Option<u64>,
    /// Most traces.
    pub limit: usize,
}

/// Traces with a matching span, each with all its spans, newest first.
pub fn find(world: &World, wanted: &Wanted, release: Release) -> Vec<Vec<Span>> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for journey in world.journeys().rev() {
        if found.len() >= wanted.limit {
            break;
        }
        if !journey.touches(wanted.start_ns, wanted.end_ns.saturating_add(1)) {
            continue;
        }
        if !may_match(world, journey, wanted) {
            continue;
        }
        let view = View { scenario: world.scenario(), queue: world.queue(), journey };
        let mut traces: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
        for span in view.spans(world.now_ns()) {
            traces.entry(span.trace_id).or_default().push(span);
        }
        let matching = traces.into_values().filter(|spans| spans.iter().any(|span| matches(span, wanted, release)));
        // Work for several journeys can stand in one trace, which is found once and as a whole.
        for spans in matching {
            let trace_id = spans[0].trace_id;
            if world.journeys_of_trace(trace_id).nth(1).is_none() {
                found.push(spans);
            } else if seen.insert(trace_id) {
                found.push(of_trace(world, trace_id));
            }
        }
    }
    for batch in world.batches().iter().rev() {
        let (scenario, now_ns) = (world.scenario(), world.now_ns());
        let is_wanted = |span: &Span| matches(span, wanted, release);
        if batches::spans(scenario, batch, now_ns).iter().any(is_wanted) && seen.insert(batch.trace_id) {
            found.push(of_trace(world, batch.trace_id));
        }
    }
    found.truncate(wanted.limit);
    found
}

/// Whether the journey is worth a closer look: it may hold a span that carries what is wanted.
fn may_match(world: &World, journey: &Journey, wanted: &Wanted) -> bool {
    let signs = journey.signs(world.scenario(), world.queue());
    // What every span of a process carries, or none of them, is not among the signs.
    let is_common = |name: &str| {
        matches!(name, "span.kind" | "scope.name" | "scope.version")
            || resource("").iter().any(|(known, _)| known == name)
    };
    wanted.service.as_ref().is_none_or(|service| signs.may_name_service(service))
        && wanted.operation.as_ref().is_none_or(|operation| signs.may_name_operation(operation))
        && wanted.tags.iter().all(|(name, value)| is_common(name) || signs.may_carry(name, value))
}

/// The spans of one trace, empty when there is none.
pub fn trace(world: &World, trace_id: TraceId) -> Vec<Span> {
    of_trace(world, trace_id)
}

/// Trace id of 1 to 32 hex digits.
pub fn parse_id(text: &str) -> Option<TraceId> {
    let hex = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| u128::from_str_radix(text, 16).ok().map(TraceId)).flatten()
}

/// Services that have spans, in the order in which the newest traces name them.
pub fn services(world: &World) -> Vec<SmolStr> {
    let mut services: Vec<SmolStr> = Vec::new();
    for (service, _, _) in recent(world) {
        if !services.contains(service) {
            services.push(service.clone());
        }
    }
    services
}

/// Names and kinds of the spans of one service, in no order that may be relied on.
pub fn operations(world: &World, service: &str) -> Vec<(SmolStr, Kind)> {
    let mut operations: Vec<(SmolStr, Kind)> = Vec::new();
    for (_, name, kind) in recent(world).filter(|(other, _, _)| *other == service) {
        if !operations.iter().any(|known| known.0 == *name && known.1 == kind) {
            operations.push((name.clone(), kind));
        }
    }
    operations
}

/// Service, name and kind of the spans of the newest journeys.
fn recent(world: &World) -> impl Iterator<Item = (&SmolStr, &SmolStr, Kind)> {
    const JOURNEYS: usize = 600;
    let signs = |journey| Journey::signs(journey, world.scenario(), world.queue());
    let all = world.journeys().rev().take(JOURNEYS).flat_map(move |journey| &signs(journey).operations);
    let ended = all.filter(|(_, _, _, end_ns)| *end_ns <= world.now_ns());
    ended.map(|(service, name, kind, _)| (service, name, *kind))
}

fn matches(span: &Span, wanted: &Wanted, release: Release) -> bool {
    let duration_ns = span.end_ns - span.start_ns;
    wanted.service.as_ref().is_none_or(|service| span.service == *service)
        && wanted.operation.as_ref().is_none_or(|operation| span.name == *operation)
        && (wanted.start_ns..=wanted.end_ns).contains(&span.start_ns)
        && wanted.least_ns.is_none_or(|least_ns| duration_ns >= least_ns)
        && wanted.most_ns.is_none_or(|most_ns| duration_ns <= most_ns)
        && wanted.tags.iter().all(|(name, value)| carries(span, name, value, release))
}

fn carries(span: &Span, name: &str, value: &str, release: Release) -> bool {
    let has =
        |attributes: &[(SmolStr, Value)]| attributes.iter().any(|(other, held)| other == name && held.text() == value);
    // Only newer servers answer for what is no attribute in OTLP.
    let pseudo = release >= Release::V2_21
        && match name {
            "error" => value == if span.error { "true" } else { "false" },
            "span.kind" => value == span.kind.name(),
            "scope.name" => value == span.scope.0,
            "scope.version" => value == span.scope.1,
            _ => false,
        };
    pseudo
        || has(&span.attributes)
        || has(&resource(&span.service))
        || span.events.iter().any(|event| has(&event.attributes))
}

/// Attributes of the process that made a service's spans, without the service's name.
pub fn resource(service: &str) -> Vec<(SmolStr, Value)> {
    let text = |name: &'static str, value: String| (SmolStr::new_static(name), Value::from(value));
    vec![
        text("deployment.environment.name", "demo".to_owned()),
        text("host.name", format!("{service}-7c9d")),
        text("service.instance.id", format!("{service}-7c9d-x2x4p")),
    ]
}

/// Warning about a span whose parent is not in the trace, as the adjusters of that release word it.
pub fn orphan_warning(span: &Span, spans: &[Span], release: Release) -> Option<String> {
    let parent: SpanId = span.parent.filter(|parent| !spans.iter().any(|other| other.span_id == *parent))?;
    Some(if release == Release::V2_13 {
        format!("invalid parent span IDs={parent}; skipping clock skew adjustment")
    } else {
        format!("parent span ID={parent} is not in the trace; skipping clock skew adjustment")
    })
}
