//! Searches for spans: those that hold a business id, and forward from a record to those that handled it.
//!
//! A store of traces answers neither "who links to this span" nor "who read this record". So services are asked one by one
//! whether a span of theirs names the record, those first that are known to read its topic, and under the usual names
//! first; nobody is asked any more once every group that has passed the record is found.

use super::plan::{Known, Want, around};
use super::reads;
use crate::decode::attributes;
use crate::model::identifier::{Named, NamedKind};
use crate::model::spans::SpanView;
use crate::model::symbols::Sym;
use crate::model::{Ask, Coordinate, Identity, Signal, Window};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Attribute names under which programs keep their own ids.
const BUSINESS_TAGS: [&str; 5] = ["order_id", "order.id", "orderId", "messaging.kafka.message.key", "app.order_id"];

/// Services in the order in which they are asked.
struct Services {
    /// Those seen in the story.
    near: Vec<SmolStr>,
    rest: Vec<SmolStr>,
    /// Those that read a topic, with the names under which their spans tell offsets.
    readers: BTreeMap<SmolStr, BTreeMap<SmolStr, BTreeSet<SmolStr>>>,
}

impl Services {
    fn new(known: &Known<'_>) -> Self {
        let in_scope = known.spans.iter().filter(|span| known.scope.spans[span.row().0 as usize]);
        let seen: BTreeSet<Sym> = in_scope.map(SpanView::service_symbol).collect();
        let mut near: Vec<SmolStr> = seen.into_iter().map(|service| known.spans.symbols.text(service).into()).collect();
        near.sort_unstable();
        near.retain(|service| !service.is_empty());
        let rest = known.services.iter().filter(|service| !near.contains(service)).cloned().collect();
        let topics: BTreeSet<&str> = known.scope.coordinates.keys().map(|at| at.topic.as_str()).collect();
        let mut readers: BTreeMap<SmolStr, BTreeMap<SmolStr, BTreeSet<SmolStr>>> = BTreeMap::new();
        if !topics.is_empty() {
            for span in known.spans.iter().filter(|span| reads::handling(*span).is_some()) {
                let Some(topic) = reads::topic(span).filter(|topic| topics.contains(topic.as_str())) else { continue };
                let names = readers.entry(topic).or_default().entry(span.service().into()).or_default();
                names.extend(reads::offset_name(span).map(SmolStr::from));
            }
        }
        Self { near, rest, readers }
    }

    fn all(&self) -> impl Iterator<Item = &SmolStr> {
        self.near.iter().chain(&self.rest)
    }

    /// Those that were seen to read the topic, or are called like a group that does.
    fn reading(&self, known: &Known<'_>, topic: &str) -> BTreeSet<SmolStr> {
        let mut found: BTreeSet<SmolStr> =
            self.readers.get(topic).into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let groups = known.queues.map_or_else(Vec::new, |queues| {
            let reads = |group: &&crate::model::queue::Group| group.commits.iter().any(|commit| commit.topic == topic);
            queues.groups.iter().filter(reads).map(|group| group.id.as_str()).collect()
        });
        found.extend(self.all().filter(|service| groups.iter().any(|group| group.contains(service.as_str()))).cloned());
        found
    }

    /// The names under which spans of a service are known to tell the offsets of a topic; empty while none was seen.
    fn names(&self, topic: &str, service: &str) -> BTreeSet<SmolStr> {
        self.readers.get(topic).and_then(|services| services.get(service)).cloned().unwrap_or_default()
    }
}

/// Returns the stages of searches, cheapest first.
pub(super) fn stages(known: &Known<'_>) -> Vec<Vec<Want>> {
    let services = Services::new(known);
    let is_anywhere =
        known.settings.configured.iter().any(|kind| kind.signal() == Signal::Traces && !kind.needs_service());
    let mut stages = Vec::new();
    if let Identity::Business(id) = known.anchor {
        stages.push(of_business(known, id, &services, is_anywhere));
    }
    let missed: Vec<&Coordinate> = known.scope.coordinates.keys().filter(|at| !known.is_delivered(at)).collect();
    if missed.is_empty() {
        return stages;
    }
    let (mut reading, mut rare, mut near, mut rest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for at in missed {
        let [usual, others] = attributes::searched(at);
        let readers = services.reading(known, &at.topic);
        let want = |service: &SmolStr, (name, value): &(SmolStr, SmolStr)| one(known, at, service, (name, value));
        for service in &readers {
            let names = services.names(&at.topic, service);
            let is_said = |(name, _): &&(SmolStr, SmolStr)| names.is_empty() || names.contains(name);
            reading.extend(usual.iter().filter(is_said).map(|pair| want(service, pair)));
            rare.extend(others.iter().filter(is_said).map(|pair| want(service, pair)));
        }
        if is_anywhere {
            let limit = known.settings.limits.fan.hub + 1;
            reading.push(Want {
                key: format!("spans anywhere {at} {}", known.widened),
                about: at.to_string(),
                ask: Ask::FindAnywhere { any: attributes::naming(at), window: around(known), limit },
                why: format!("spans that name {at}"),
            });
        }
        let others = |all: &[SmolStr]| -> Vec<Want> {
            let asked = all.iter().filter(|service| !readers.contains(*service));
            asked
                .flat_map(|service| usual.iter().map(move |pair| (service, pair)))
                .map(|(s, pair)| want(s, pair))
                .collect()
        };
        near.extend(others(&services.near));
        rest.extend(others(&services.rest));
    }
    stages.extend([reading, rare, near, rest]);
    stages
}

fn one(known: &Known<'_>, at: &Coordinate, service: &SmolStr, (name, value): (&SmolStr, &SmolStr)) -> Want {
    tagged(known, at.to_string(), around(known), service, (name.clone(), value.clone()))
}

fn tagged(known: &Known<'_>, about: String, window: Window, service: &SmolStr, tag: (SmolStr, SmolStr)) -> Want {
    let (name, value) = &tag;
    Want {
        key: format!("spans {service} {name} {value} {}", known.widened),
        about,
        why: format!("spans of {service} with {name} = {value}"),
        ask: Ask::FindSpans {
            service: service.clone(),
            tag: Some(tag),
            window,
            limit: known.settings.limits.fan.hub + 1,
        },
    }
}

fn of_business(known: &Known<'_>, id: &SmolStr, services: &Services, is_anywhere: bool) -> Vec<Want> {
    // Once spans showed under which names the id stands, the others need no asking; but a number may be a user's here and an
    // order's elsewhere.
    let mut names: Vec<SmolStr> = known
        .spans
        .iter()
        .flat_map(|span| {
            span.attributes().filter(|(_, value)| value.text() == id.as_str()).map(|(name, _)| name.into())
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    let is_unique = Named::new(NamedKind::Business, "", id).is_some_and(|named| named.is_unique());
    if names.is_empty() || !is_unique {
        names.retain(|name| !BUSINESS_TAGS.contains(&name.as_str()));
        names.extend(BUSINESS_TAGS.iter().map(|name| SmolStr::new_static(name)));
    }
    let window = around(known);
    let mut wants: Vec<Want> = names
        .iter()
        .flat_map(|name| services.all().map(move |service| (name, service)))
        .map(|(name, service)| tagged(known, id.to_string(), window, service, (name.clone(), id.clone())))
        .collect();
    if is_anywhere {
        let others = names.iter().filter(|name| !BUSINESS_TAGS.contains(&name.as_str()));
        let others: Vec<&str> = others.map(SmolStr::as_str).collect();
        let pair = |name: &str| vec![(SmolStr::new(name), id.clone())];
        wants.push(Want {
            // Further names are worth another search, the usual ones are in each.
            key: format!("spans anywhere {id} {} {}", others.join(" "), known.widened),
            about: id.to_string(),
            ask: Ask::FindAnywhere {
                any: BUSINESS_TAGS.iter().copied().chain(others.iter().copied()).map(pair).collect(),
                window,
                limit: known.settings.limits.fan.hub + 1,
            },
            why: "spans that carry the id".to_owned(),
        });
    }
    wants
}
