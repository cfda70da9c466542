//! The instant that no page gets past: more lines at one nanosecond than a page holds.
//!
//! No window is shorter than a nanosecond, so it is split by stream: one query for each full set of labels. Reading it
//! forward and backward would not do: the middle stays unseen (Loki 2.2.1).

use super::Loki;
use super::pages::Harvest;
use super::query::{Labels, LogQuery, exactly, nanos};
use super::refusal::Refusal;
use crate::model::ask::NoteKind;
use crate::model::{Fault, FaultKind, Nanos, Note, SafeText, Timestamp};
use crate::sources::http::looks_like_html;
use crate::sources::lease::Budget;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

impl Loki {
    /// Reads all lines of one instant, stream by stream. What is still missing then is said in a note, with the stream.
    /// Returns how many lines were new.
    pub(super) async fn instant(
        &self,
        budget: &Budget,
        query: &LogQuery,
        at: Timestamp,
        harvest: &mut Harvest,
    ) -> usize {
        let missing = |what: String| {
            let text = format!("more lines share the instant {} than a page holds, and {what}", at.rfc3339());
            Note { kind: NoteKind::Truncated, text: text.into() }
        };
        let until = Timestamp(at.0.saturating_add(1));
        let mut brought = 0;
        // Pages are kept small for memory's sake; for one instant all that the server allows is asked for.
        let size = self.page.load(Ordering::Relaxed);
        let mut ceiling = self.ceiling.load(Ordering::Relaxed);
        while ceiling > size {
            match self.page(budget, &query.text(), (at, until), ceiling, harvest).await {
                Ok(Ok(page)) => {
                    brought += harvest.lines.merge(&page.lines);
                    if page.cut.is_none() && page.counts.entries < ceiling {
                        return brought;
                    }
                    break;
                }
                Ok(Err(Refusal::Lines(allowed, _))) if allowed < ceiling => ceiling = allowed.max(size),
                Ok(Err(_)) | Err(_) => ceiling = size,
            }
        }
        self.ceiling.store(ceiling.max(size), Ordering::Relaxed);
        let streams = match self.streams(budget, &query.selector, at, harvest).await {
            Ok(streams) => streams,
            Err(fault) => {
                harvest.notes.push(missing(format!("some are missing: {fault}")));
                return brought;
            }
        };
        let names: BTreeSet<&String> = streams.iter().flat_map(Labels::keys).collect();
        let (mut refused, mut held) = (0usize, 0);
        let mut first: Option<Fault> = None;
        for labels in &streams {
            let selector = exactly(labels, &names);
            let size = self.page.load(Ordering::Relaxed).max(self.ceiling.load(Ordering::Relaxed));
            let asked = format!("{selector}{}", query.filter);
            let fault = match self.page(budget, &asked, (at, until), size, harvest).await {
                Ok(Ok(page)) => {
                    brought += harvest.lines.merge(&page.lines);
                    held += page.counts.entries;
                    if page.counts.entries >= size {
                        harvest.notes.push(missing(format!("{selector} alone fills one: lines of it may be missing")));
                    }
                    page.cut
                }
                Ok(Err(refusal)) => Some(refusal.fault()),
                Err(fault) => Some(fault),
            };
            if let Some(fault) = fault {
                refused += 1;
                first.get_or_insert(fault);
            }
        }
        if let Some(fault) = first {
            let count = streams.len();
            harvest.notes.push(missing(format!("{refused} of {count} streams could not be read there: {fault}")));
        }
        // The page that was full of this instant held as many as fit.
        if refused == 0 && held < size {
            let count = streams.len();
            harvest.notes.push(missing(format!("the {count} streams listed there hold only {held} of them")));
        }
        brought
    }

    /// Lists the streams that have lines about an instant.
    async fn streams(
        &self,
        budget: &Budget,
        selector: &str,
        at: Timestamp,
        harvest: &mut Harvest,
    ) -> Result<Vec<Labels>, Fault> {
        let second = Nanos::from_secs(1);
        let query = [
            ("match[]", selector.to_owned()),
            ("start", nanos(at.plus(Nanos(-second.0)))),
            ("end", nanos(at.plus(second))),
        ];
        let mut body = Vec::new();
        let fetched = self.http.get(budget, "/loki/api/v1/series", &query, &[], &mut body).await;
        harvest.made.extend(fetched.exchanges);
        let head = fetched.outcome?;
        if !head.is_success() {
            return Err(self.http.failed(&fetched.asked, &head));
        }
        if looks_like_html(&body) {
            return Err(self.http.web_page(&fetched.asked));
        }
        let damaged = |what: &str| {
            let hint = "check that the URL is Loki's, and what stands in front of it";
            self.http.fault(FaultKind::Damaged, &fetched.asked, SafeText::new(what), hint)
        };
        let json: Json = serde_json::from_slice(&body).map_err(|error| damaged(&format!("no JSON: {error}")))?;
        let Some(listed) = json["data"].as_array() else { return Err(damaged("no list of streams")) };
        // Elements may be null (Loki 2.2.1).
        let labels = |set: &serde_json::Map<String, Json>| {
            set.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect::<Labels>()
        };
        let mut found: Vec<Labels> = listed.iter().filter_map(Json::as_object).map(labels).collect();
        found.retain(|labels| !labels.is_empty());
        found.sort();
        found.dedup();
        Ok(found)
    }
}
