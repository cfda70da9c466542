//! What a Loki is and allows, as far as it says so before it refuses.
//!
//! `drilldown-limits` (3.6) tells the tenant's limits and the version as JSON, `/config/tenant/v1/limits` tells the limits
//! as YAML, and 2.2 tells neither: then refusals teach. What a server in trouble says is not kept.

use super::client::Loki;
use super::query::Dialect;
use super::refusal::{duration, within};
use crate::model::ask::NoteKind;
use crate::model::{Exchange, Fault, FaultKind, Nanos, Note, SafeText, Timestamp, Window};
use crate::sources::http::Head;
use crate::sources::lease::Budget;
use serde_json::Value as Json;
use std::sync::atomic::Ordering;

/// What is known of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// What its version understands.
    pub(super) dialect: Dialect,
    /// Its own limits.
    pub(super) limits: Limits,
}

/// Limits of one tenant; `None` where there is none or none is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// Lines of one page.
    pub(super) entries: Option<usize>,
    /// Longest range of one query.
    pub(super) length: Option<Nanos>,
    /// How far back queries reach; what is older is left out without a word.
    pub(super) lookback: Option<Nanos>,
    /// How long lines are kept.
    pub(super) retention: Option<Nanos>,
}

impl Limits {
    /// Takes one limit by its name; 0 means that there is none.
    fn take(&mut self, name: &str, value: &str) {
        let value = value.trim().trim_matches('"');
        // Durations come as Go or Prometheus write them, or as a number of nanoseconds.
        let time = || duration(value).or_else(|| value.parse().ok().filter(|ns| *ns > 0).map(Nanos));
        match name {
            "max_entries_limit_per_query" => self.entries = value.parse().ok().filter(|lines| *lines > 0),
            "max_query_length" => self.length = time(),
            "max_query_lookback" => self.lookback = time(),
            "retention_period" => self.retention = time(),
            _ => {}
        }
    }

    fn of_json(limits: &Json) -> Self {
        let mut found = Self::default();
        for (name, value) in limits.as_object().into_iter().flatten() {
            match value {
                Json::String(text) => found.take(name, text),
                other => found.take(name, &other.to_string()),
            }
        }
        found
    }

    /// Reads the keys of the outermost level; nothing else of YAML is needed for them.
    fn of_yaml(text: &str) -> Self {
        let mut found = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            found.take(name, value.split(" #").next().unwrap_or_default());
        }
        found
    }

    /// Reads a document of either kind.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str::<Json>(text).map_or_else(|_| Self::of_yaml(text), |json| Self::of_json(&json))
    }

    /// Cuts a window to what can be read at `now`, and says what is beyond: an empty answer for it would prove nothing.
    pub(super) fn reach(&self, window: &Window, now: Timestamp) -> (Option<Window>, Option<Note>) {
        let bounds = [(self.lookback, "this tenant may look back"), (self.retention, "lines are kept for")];
        let shortest = bounds.into_iter().filter_map(|(limit, words)| Some((limit?, words))).min();
        let Some((limit, words)) = shortest else { return (Some(*window), None) };
        let first = now.plus(Nanos(-limit.0));
        if window.from >= first {
            return (Some(*window), None);
        }
        let beyond = Window { from: window.from, until: window.until.min(first) };
        let text = format!(
            "{words} {}: from {} nothing can be read, whatever was there",
            limit.human(),
            super::slices::named(&[beyond])
        );
        let left = (window.until > first).then_some(Window { from: first, until: window.until });
        (left, Some(Note { kind: NoteKind::OutOfRetention, text: text.into() }))
    }
}

impl Loki {
    /// Finds out what the server is and allows. A fault means that it does not answer at all.
    pub(super) async fn known(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Result<Known, Fault> {
        // Questions come several at once; one of them asks for all.
        let _turn = self.learning.lock().await;
        if let Some(known) = self.known.get() {
            return Ok(known.clone());
        }
        let (asked, head, body) = self.read(budget, "/loki/api/v1/drilldown-limits", made).await?;
        // A server in trouble has it with the next question too.
        if head.status == 429 || head.status >= 500 {
            return Err(self.http.failed(&asked, &head));
        }
        let mut is_sure = is_plain(&head);
        let json: Json = serde_json::from_slice(&body).unwrap_or_default();
        let mut known = Known::default();
        if json["limits"].is_object() {
            known.limits = Limits::of_json(&json["limits"]);
            known.dialect = Dialect::of(json["version"].as_str().unwrap_or_default());
        } else {
            let (_, head, body) = self.read(budget, "/loki/api/v1/status/buildinfo", made).await?;
            is_sure &= is_plain(&head);
            let json: Json = serde_json::from_slice(&body).unwrap_or_default();
            let is_nested = json["data"]["version"].is_string();
            let version = json["version"].as_str().or_else(|| json["data"]["version"].as_str());
            known.dialect = match version {
                Some(version) => Dialect { dotted: is_nested, ..Dialect::of(version) },
                // No such route: an old 2.x.
                None if head.status == 404 => Dialect { bare: true, ..Dialect::default() },
                None => Dialect::default(),
            };
            if version.is_some() && !is_nested {
                let (_, head, body) = self.read(budget, "/config/tenant/v1/limits", made).await?;
                if head.is_success() {
                    known.limits = Limits::of_yaml(&String::from_utf8_lossy(&body));
                }
            }
        }
        if let Some(lines) = known.limits.entries {
            self.page.fetch_min(lines, Ordering::Relaxed);
            self.ceiling.store(lines, Ordering::Relaxed);
        }
        if let Some(length) = known.limits.length {
            self.length.fetch_min(within(length).0, Ordering::Relaxed);
        }
        Ok(if is_sure { self.known.get_or_init(|| known).clone() } else { known })
    }

    /// Gets a small document. Its status may be anything.
    pub(super) async fn read(
        &self,
        budget: &Budget,
        path: &str,
        made: &mut Vec<Exchange>,
    ) -> Result<(SafeText, Head, Vec<u8>), Fault> {
        let mut body = Vec::new();
        let fetched = self.http.get(budget, path, &[], &[], &mut body).await;
        made.extend(fetched.exchanges);
        match fetched.outcome {
            Ok(head) => Ok((fetched.asked, head, body)),
            // No answer to this is no reason not to ask for lines.
            Err(fault) if fault.kind == FaultKind::Damaged => {
                Ok((fetched.asked, Head { status: 0, text: String::new() }, Vec::new()))
            }
            Err(fault) => Err(fault),
        }
    }
}

/// Says whether an answer is one that the next time will be the same.
fn is_plain(head: &Head) -> bool {
    head.is_success() || matches!(head.status, 400 | 404 | 405)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Nanos = Nanos::from_secs(3_600);

    #[test]
    fn limits_are_read_from_json_and_yaml() {
        let json = r#"{"max_entries_limit_per_query":2000,"max_query_length":"30d1h","max_query_lookback":"0s","query_timeout":"1m","volume_enabled":true}"#;
        let yaml = "ingestion_rate_mb: 4\nmax_query_length: 30d1h\nmax_entries_limit_per_query: 2000 # per query\nretention_stream:\n  - period: 24h\n    max_query_length: 1h\nmax_query_lookback: 0s\n";
        let wanted = Limits { entries: Some(2000), length: Some(Nanos(721 * HOUR.0)), ..Limits::default() };
        assert_eq!(Limits::of_json(&serde_json::from_str(json).unwrap()), wanted);
        assert_eq!(Limits::of_yaml(yaml), wanted);
        assert_eq!(Limits::of_yaml("<html>: x\n\u{0}"), Limits::default());
    }

    #[test]
    fn what_is_beyond_reach_is_said_and_not_taken_for_empty() {
        let now = Timestamp(1_795_000_000_000_000_000);
        let ago = |hours: i64| now.plus(Nanos(-hours * HOUR.0));
        let limits = Limits { lookback: Some(Nanos(24 * HOUR.0)), ..Limits::default() };
        let check = |from, until| {
            let (left, note) = limits.reach(&Window { from: ago(from), until: ago(until) }, now);
            (left.map(|left| (left.from, left.until)), note.map(|note| note.kind))
        };
        assert_eq!(check(20, 0), (Some((ago(20), now)), None));
        assert_eq!(check(48, 0), (Some((ago(24), now)), Some(NoteKind::OutOfRetention)));
        assert_eq!(check(48, 30), (None, Some(NoteKind::OutOfRetention)));
    }
}
