//! Running a log query over the world's lines.

use std::collections::BTreeMap;

use super::logql::{Matcher, Query, Stage};
use super::{Release, View};
use crate::world::World;
use crate::world::project::Line;

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// One entry that a query found.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When, nanoseconds since the Unix epoch.
    pub at_ns: u64,
    /// Labels of its stream.
    pub stream: Labels,
    /// Structured metadata.
    pub metadata: Labels,
    /// Fields that a parser stage found.
    pub parsed: Labels,
    /// Line.
    pub text: String,
}

/// Labels of the stream of a service, given by its place; `None` when it belongs to a tenant that was not named.
fn stream_labels(service: &str, place: usize, view: &View<'_>) -> Option<Labels> {
    let mut labels = BTreeMap::from([("app".to_owned(), service.to_owned()), ("env".to_owned(), "demo".to_owned())]);
    if view.release == Release::V3 {
        labels.insert("service_name".to_owned(), service.to_owned());
    }
    let known = &view.habits.tenants;
    if !known.is_empty() {
        let tenant = &known[place % known.len()];
        if !view.tenants.contains(tenant) {
            return None;
        }
        if view.tenants.len() > 1 {
            labels.insert("__tenant_id__".to_owned(), tenant.clone());
        }
    }
    Some(labels)
}

/// Labels of all streams.
pub fn streams(world: &World, view: &View<'_>) -> Vec<Labels> {
    named(world, view).into_iter().map(|(_, labels)| labels).collect()
}

fn named<'a>(world: &'a World, view: &View<'_>) -> Vec<(&'a str, Labels)> {
    let services = world.scenario().services.iter().enumerate();
    services
        .filter_map(|(place, service)| Some((service.name.as_str(), stream_labels(&service.name, place, view)?)))
        .collect()
}

/// Whether the labels pass all matchers.
pub fn selected(selector: &[Matcher], labels: &Labels) -> bool {
    selector.iter().all(|matcher| matcher.test.value(labels.get(&matcher.name).map_or("", String::as_str)))
}

/// Entries with `start_ns <= time < end_ns` that pass the query, in time order.
pub fn scan(world: &World, query: &Query, view: &View<'_>, start_ns: u64, end_ns: u64) -> Vec<Entry> {
    let wanted_streams: BTreeMap<&str, Labels> =
        named(world, view).into_iter().filter(|(_, labels)| selected(&query.selector, labels)).collect();
    // A service whose clock is off writes outside of its journey's true time.
    let skew_ns =
        world.scenario().services.iter().map(|service| service.skew_ms.unsigned_abs()).max().unwrap_or(0) * 1_000_000;
    let mut entries = Vec::new();
    for journey in world.journeys() {
        if !journey.touches(start_ns.saturating_sub(skew_ns), end_ns.saturating_add(skew_ns)) {
            continue;
        }
        for (_, line) in journey.lines(world.scenario()).iter().filter(|(at_ns, _)| *at_ns <= world.now_ns()) {
            if (start_ns..end_ns).contains(&line.at_ns)
                && let Some(stream) = wanted_streams.get(line.service.as_str())
            {
                entries.extend(pass(query, view.release, stream, line));
            }
        }
    }
    entries.sort_by(|a, b| (a.at_ns, &a.stream).cmp(&(b.at_ns, &b.stream)));
    entries
}

fn pass(query: &Query, release: Release, stream: &Labels, line: &Line) -> Option<Entry> {
    // Most lines fail at the first test, which needs nothing but the line and its labels.
    let unparsed = |name: &str| {
        let metadata = line.metadata.iter().filter(|_| release == Release::V3).find(|(known, _)| known == name);
        metadata.map_or_else(|| stream.get(name).map_or("", String::as_str), |(_, value)| value)
    };
    let passes = match query.stages.first() {
        Some(Stage::Line(tests)) => tests.iter().any(|test| test.line(&line.text)),
        Some(Stage::Label(matchers)) => matchers.iter().any(|matcher| matcher.test.value(unparsed(&matcher.name))),
        Some(Stage::Json | Stage::Logfmt) | None => true,
    };
    if !passes {
        return None;
    }
    let mut entry = Entry {
        at_ns: line.at_ns,
        stream: stream.clone(),
        metadata: Labels::new(),
        parsed: Labels::new(),
        text: line.text.clone(),
    };
    if release == Release::V3 {
        entry.metadata = line.metadata.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    }
    for stage in &query.stages {
        match stage {
            Stage::Line(tests) => {
                if !tests.iter().any(|test| test.line(&entry.text)) {
                    return None;
                }
            }
            Stage::Label(matchers) => {
                if !matchers.iter().any(|matcher| matcher.test.value(entry.label(&matcher.name))) {
                    return None;
                }
            }
            Stage::Json => entry.parse_json(),
            Stage::Logfmt => entry.parse_logfmt(),
        }
    }
    Some(entry)
}

impl Entry {
    fn label(&self, name: &str) -> &str {
        [&self.parsed, &self.metadata, &self.stream]
            .iter()
            .find_map(|labels| labels.get(name))
            .map_or("", String::as_str)
    }

    fn add(&mut self, name: &str, value: String) {
        let name: String =
            name.chars().map(|sign| if sign.is_ascii_alphanumeric() || sign == '_' { sign } else { '_' }).collect();
        let taken = self.stream.contains_key(&name) || self.metadata.contains_key(&name);
        self.parsed.insert(if taken { format!("{name}_extracted") } else { name }, value);
    }

    fn parse_json(&mut self) {
        match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&self.text) {
            Ok(object) => self.flatten("", &object),
            Err(_) => self.add("__error__", "JSONParserErr".to_owned()),
        }
    }

    /// Nested names are joined with `_`; arrays and nulls are left out.
    fn flatten(&mut self, prefix: &str, object: &serde_json::Map<String, serde_json::Value>) {
        use serde_json::Value;
        for (name, value) in object {
            let name = format!("{prefix}{name}");
            match value {
                Value::String(text) => self.add(&name, text.clone()),
                Value::Number(number) => self.add(&name, number.to_string()),
                Value::Bool(truth) => self.add(&name, truth.to_string()),
                Value::Object(inner) => self.flatten(&format!("{name}_"), inner),
                Value::Array(_) | Value::Null => {}
            }
        }
    }

    fn parse_logfmt(&mut self) {
        let text = self.text.clone();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let end = rest.find(['=', ' ']).unwrap_or(rest.len());
            let name = &rest[..end];
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix('=') {
                if let Some(quoted) = after.strip_prefix('"') {
                    let Some(length) = closing_quote(quoted) else {
                        self.add("__error__", "LogfmtParserErr".to_owned());
                        return;
                    };
                    value = serde_json::from_str(&format!("\"{}\"", &quoted[..length]))
                        .unwrap_or_else(|_| quoted[..length].to_owned());
                    rest = &quoted[length + 1..];
                } else {
                    let end = after.find(' ').unwrap_or(after.len());
                    after[..end].clone_into(&mut value);
                    rest = &after[end..];
                }
            }
            if !name.is_empty() {
                self.add(name, value);
            }
            rest = rest.trim_start();
        }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, sign) in text.char_indices() {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(place),
            _ => {}
        }
    }
    None
}
