//! The selector that takes all streams, or those of some services.
//!
//! No single label need stand on every stream: a candidate is checked against the series that lack it.

use super::Loki;
use super::query::{alternatives, nanos, quote};
use super::refusal::Refusal;
use crate::model::ask::NoteKind;
use crate::model::{Exchange, Fault, FaultKind, Nanos, Note, SafeText, Window};
use crate::sources::http::looks_like_html;
use crate::sources::lease::Budget;
use serde_json::Value as Json;
use smol_str::SmolStr;
use std::sync::atomic::Ordering;

/// Labels that name what wrote a line. Loki 3.0 adds the first to every stream.
const WRITERS: [&str; 7] = ["service_name", "service", "app", "application", "job", "container", "namespace"];
/// Candidates that are checked; each costs a request, once for a server.
const CHECKED: usize = 3;
/// Labels by which streams without a candidate are looked for.
const NAMES: usize = 24;

/// The label by which streams are selected, and what that leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    label: SmolStr,
    /// Streams that lack it, if there are.
    left_out: Option<Note>,
}

impl Writer {
    /// Returns the selector of these services' streams, or of all streams, within what the profile wants.
    pub(super) fn selector(&self, services: &[SmolStr], within: Option<&str>) -> String {
        let any = alternatives(services);
        let own = format!("{}=~{}", self.label, quote(if any.is_empty() { ".+" } else { &any }));
        match within {
            Some(within) => format!("{{{within}, {own}}}"),
            None => format!("{{{own}}}"),
        }
    }

    /// Returns what the selector leaves out.
    pub(super) fn left_out(&self) -> Option<Note> {
        self.left_out.clone()
    }
}

impl Loki {
    /// Returns the newest part of a window that is no longer than this server lets one question be.
    pub(super) fn newest(&self, window: &Window) -> Window {
        let length = Nanos(-self.length.load(Ordering::Relaxed));
        Window { from: window.from.max(window.until.plus(length)), until: window.until }
    }

    /// Finds out by which label all streams can be selected: a selector needs one matcher that is not empty.
    pub(super) async fn writer(
        &self,
        budget: &Budget,
        window: &Window,
        made: &mut Vec<Exchange>,
    ) -> Result<Writer, Fault> {
        let _turn = self.choosing.lock().await;
        if let Some(known) = self.writer.get() {
            return Ok(known.clone());
        }
        let names = self.labels(budget, window, made).await?;
        let known = WRITERS.iter().map(|name| SmolStr::new_static(name)).filter(|name| names.contains(name));
        let others = names.iter().filter(|name| !name.starts_with("__") && !WRITERS.contains(&name.as_str()));
        let candidates: Vec<SmolStr> = known.chain(others.cloned()).take(CHECKED).collect();
        let Some(best) = candidates.first() else {
            // No labels: nothing is there yet, and the next question looks again.
            return Ok(Writer { label: SmolStr::new_static(WRITERS[0]), left_out: None });
        };
        let (mut first, mut is_unsure) = (None, false);
        for label in &candidates {
            match self.lacking(budget, label, &names, window, made).await {
                Some(0) => {
                    let writer = Writer { label: label.clone(), left_out: None };
                    return Ok(self.writer.get_or_init(|| writer).clone());
                }
                Some(count) if first.is_none() => first = Some(count),
                Some(_) => {}
                None => {
                    is_unsure = true;
                    break;
                }
            }
        }
        // Loki 3.0 puts the first of them on every stream by itself.
        let is_unsure = is_unsure && best != WRITERS[0] && first.is_none();
        let unsure = is_unsure.then(|| Note {
            kind: NoteKind::Remark,
            text: SafeText::from(format!(
                "this server did not list its streams, so whether all have a label `{best}` could not be checked; those without \
                 were not searched"
            )),
        });
        let left_out = first.map(|count| Note {
            kind: NoteKind::PartMissing,
            text: SafeText::from(format!(
                "{count} streams have no label `{best}` and were not searched; profile.NAME.loki.selector can name others"
            )),
        });
        Ok(self.writer.get_or_init(|| Writer { label: best.clone(), left_out: left_out.or(unsure) }).clone())
    }

    async fn labels(&self, budget: &Budget, window: &Window, made: &mut Vec<Exchange>) -> Result<Vec<SmolStr>, Fault> {
        let mut body = Vec::new();
        let part = self.newest(window);
        let query = [("start", nanos(part.from)), ("end", nanos(part.until))];
        let fetched = self.http.get(budget, "/loki/api/v1/labels", &query, &[], &mut body).await;
        let tries = fetched.exchanges.len();
        made.extend(fetched.exchanges);
        let head = fetched.outcome?;
        if !head.is_success() {
            let refusal = Refusal::read(&head, self.http.failed(&fetched.asked, &head), tries)?;
            if self.learn_length(&refusal, part.length()) {
                return Box::pin(self.labels(budget, window, made)).await;
            }
            return Err(refusal.fault());
        }
        if looks_like_html(&body) {
            return Err(self.http.web_page(&fetched.asked));
        }
        let json: Json = serde_json::from_slice(&body).map_err(|error| {
            let came = SafeText::from(format!("no JSON: {error}"));
            self.http.fault(FaultKind::Damaged, &fetched.asked, came, "check that the URL is Loki's")
        })?;
        // `data` is missing when there are no labels (Loki 2.2.1 and 3.7), or holds an empty name (Loki-VL-proxy).
        let names = json["data"].as_array().into_iter().flatten().filter_map(Json::as_str);
        Ok(names.filter(|name| !name.is_empty()).map(SmolStr::from).collect())
    }

    /// Counts the streams that have other labels but not this one. `None` when the server does not say.
    async fn lacking(
        &self,
        budget: &Budget,
        label: &str,
        names: &[SmolStr],
        window: &Window,
        made: &mut Vec<Exchange>,
    ) -> Option<usize> {
        let within = self.within.as_deref().map(|within| format!("{within}, ")).unwrap_or_default();
        let others = names.iter().filter(|name| *name != label && !name.starts_with("__")).take(NAMES);
        let mut query: Vec<(&str, String)> =
            others.map(|other| ("match[]", format!("{{{within}{label}=\"\", {other}=~\".+\"}}"))).collect();
        if query.is_empty() {
            return Some(0);
        }
        let part = self.newest(window);
        query.extend([("start", nanos(part.from)), ("end", nanos(part.until))]);
        let mut body = Vec::new();
        let fetched = self.http.get(budget, "/loki/api/v1/series", &query, &[], &mut body).await;
        made.extend(fetched.exchanges);
        if !fetched.outcome.is_ok_and(|head| head.is_success()) {
            return None;
        }
        let json: Json = serde_json::from_slice(&body).ok()?;
        if json["status"] != "success" {
            return None;
        }
        match &json["data"] {
            Json::Null => Some(0),
            // Elements may be null (Loki 2.2.1).
            Json::Array(all) => Some(all.iter().filter(|set| set.is_object()).count()),
            _ => None,
        }
    }
}
