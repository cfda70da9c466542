//! Searching: parameters of both dialects, limits that are learned, values that a backend takes for regular expressions,
//! and what an answer does not mean.

use super::client::{Found, Jaeger, Sought};
use super::dialect::Dialect;
use crate::model::ask::NoteKind;
use crate::model::{
    Answer, Exchange, Fault, FaultKind, Note, Rows, SafeText, SpanStatus, SpanStore, Timestamp, TraceId, Window,
};
use crate::sources::lease::Budget;
use crate::sources::traces::{carries, keep, note, traces_with};
use serde_json::json;
use std::sync::atomic::Ordering;

/// Bytes from which on most backends do not index a value or a key (Cassandra and Elasticsearch, Jaeger 2.20).
const UNINDEXED: usize = 256;
/// What means something else than itself in the regular expressions of Lucene, apart from the dot, which means itself, too.
const SPECIAL: &str = "?+*|{}[]()\"\\#@&<>~";
/// Traces of searches that are remembered, so that one that cannot be read by id is found again.
const REMEMBERED: usize = 4_096;

impl Jaeger {
    /// Searches once, with as many traces as the server allows.
    async fn search(
        &self,
        budget: &Budget,
        service: &str,
        tag: Option<(&str, &str)>,
        (window, wanted): (&Window, u32),
        made: &mut Vec<Exchange>,
    ) -> Found<(SpanStore, Vec<Note>)> {
        let dialect = self.dialect(budget, made).await?;
        if service.is_empty() && (dialect == Dialect::Internal || self.page(budget, made).await.anywhere != Some(true))
        {
            // Before 2.21 such a search is silently empty (Cassandra) or answers with everything (Badger).
            let asked = SafeText::own("search without a service: not asked");
            let came = SafeText::own("this Jaeger searches one service at a time");
            return Err(self.http.fault(FaultKind::Unsupported, &asked, came, "name the service to search"));
        }
        loop {
            let limit = wanted.min(self.most.load(Ordering::Relaxed));
            let (path, query) = parameters(dialect, service, tag, (window, limit));
            let found = self.spans(budget, dialect, (path, &query), None, made).await;
            let (store, mut notes) = match found {
                Ok(found) => found,
                Err(fault) if limit > 1 && is_about_limit(&fault) => {
                    self.most.fetch_min(limit.div_ceil(2), Ordering::Relaxed);
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            if limit > 0 && store.traces().len() >= limit as usize {
                let allowed = if limit < wanted { "as the server allows" } else { "as asked for" };
                let text = format!("{limit} traces of {service} came, as many {allowed}; more may exist");
                notes.push(note(NoteKind::Truncated, text));
            }
            return Ok((store, notes));
        }
    }

    /// Finds traces with a tag. What came is checked on the spans, whatever the server says.
    pub(super) async fn find(
        &self,
        budget: &Budget,
        service: &str,
        tag: Option<(&str, &str)>,
        bounds: (&Window, u32),
        made: &mut Vec<Exchange>,
    ) -> Found<Answer> {
        let Some((key, value)) = tag else {
            let (store, notes) = self.search(budget, service, None, bounds, made).await?;
            self.remember(&store, service, tag, bounds.0);
            return Ok(Answer { rows: Rows::Spans(Box::new(store)), notes });
        };
        let mut left_out = 0;
        let mut ways = vec![value.to_owned()];
        if value.contains(|sign| SPECIAL.contains(sign)) {
            // Nothing tells which backend is behind: first as it is, then escaped, until the latter was seen to work.
            if self.is_regexp.load(Ordering::Relaxed) {
                ways.clear();
            }
            ways.push(escaped(value));
        }
        let last = ways.len() - 1;
        for (at, way) in ways.iter().enumerate() {
            let (mut store, mut notes) = match self.search(budget, service, Some((key, way)), bounds, made).await {
                Ok(found) => found,
                // An id is not always a regular expression; the escaped one is.
                Err(fault) if at < last && fault.kind == FaultKind::Failed => continue,
                Err(fault) => return Err(fault),
            };
            let (all, chosen) = (store.traces().len(), traces_with(&store, |span| carries(span, key, value)));
            left_out += all - chosen.len();
            if chosen.is_empty() && at < last {
                continue;
            }
            if !chosen.is_empty() && at > 0 {
                self.is_regexp.store(true, Ordering::Relaxed);
            }
            if left_out > 0 {
                let text = format!("{left_out} traces without {key}={value} on any span were left out");
                notes.push(note(NoteKind::Remark, text));
                store = keep(store, &chosen);
            }
            if store.is_empty() && (value.len() >= UNINDEXED || key.len() >= UNINDEXED) {
                let text = format!(
                    "the value of {key} has {} bytes; most backends of Jaeger index nothing of {UNINDEXED} bytes and more, \
                     so this is no proof that it is not there",
                    value.len()
                );
                notes.push(note(NoteKind::PartMissing, text));
            }
            self.remember(&store, service, Some((key, way)), bounds.0);
            return Ok(Answer { rows: Rows::Spans(Box::new(store)), notes });
        }
        Ok(Answer { rows: Rows::Spans(Box::default()), notes: Vec::new() })
    }

    /// The tag is a hint only: the memory storage of 2.13 knows no tag `error` for spans that came by OTLP.
    pub(super) async fn errors(
        &self,
        budget: &Budget,
        service: &str,
        bounds: (&Window, u32),
        made: &mut Vec<Exchange>,
    ) -> Found<Answer> {
        let (mut store, mut notes) = self.search(budget, service, Some(("error", "true")), bounds, made).await?;
        let mut failed = traces_with(&store, |span| span.status() == SpanStatus::Error);
        if failed.is_empty() {
            (store, notes) = self.search(budget, service, None, bounds, made).await?;
            failed = traces_with(&store, |span| span.status() == SpanStatus::Error);
        }
        let store = keep(store, &failed);
        self.remember(&store, service, Some(("error", "true")), bounds.0);
        Ok(Answer { rows: Rows::Spans(Box::new(store)), notes })
    }

    fn remember(&self, store: &SpanStore, service: &str, tag: Option<(&str, &str)>, window: &Window) {
        let mut seen = self.seen.lock().expect("no holder panics");
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        let tag = tag.map(|(key, value)| (key.into(), value.into()));
        for trace in store.traces() {
            seen.entry(trace).or_insert_with(|| Sought { service: service.into(), tag: tag.clone(), window: *window });
        }
    }

    /// Searches again for a trace that a search once found and that cannot be read by its id: Elasticsearch reads by id
    /// only what is younger than `max_span_age` (72 h), and searches without that bound.
    pub(super) async fn again(
        &self,
        budget: &Budget,
        id: TraceId,
        made: &mut Vec<Exchange>,
    ) -> Found<Option<(SpanStore, Vec<Note>)>> {
        let sought = self.seen.lock().expect("no holder panics").get(&id).cloned();
        let Some(Sought { service, tag, window }) = sought else { return Ok(None) };
        let tag = tag.as_ref().map(|(key, value)| (key.as_str(), value.as_str()));
        let (store, _) = self.search(budget, &service, tag, (&window, super::client::AGAIN), made).await?;
        let store = keep(store, &std::iter::once(id).collect());
        if store.is_empty() {
            return Ok(None);
        }
        let text = "a search finds the trace, reading by its id does not: Elasticsearch reads by id only as far back as its \
                    max_span_age (72 h); spans more than an hour outside the searched time may be missing";
        Ok(Some((store, vec![note(NoteKind::PartMissing, text)])))
    }
}

fn parameters(
    dialect: Dialect,
    service: &str,
    tag: Option<(&str, &str)>,
    (window, limit): (&Window, u32),
) -> (&'static str, Vec<(&'static str, String)>) {
    let tags = tag.map(|(key, value)| json!({ key: value }).to_string());
    let (path, mut query, name) = match dialect {
        Dialect::V3 => {
            let mut query = times(window.from.rfc3339(), window.until.rfc3339());
            for name in ["query.raw_traces", "query.rawTraces"] {
                query.push((name, "true".to_owned()));
            }
            for name in ["query.num_traces", "query.searchDepth"] {
                query.push((name, limit.to_string()));
            }
            if !service.is_empty() {
                for name in ["query.service_name", "query.serviceName"] {
                    query.push((name, service.to_owned()));
                }
            }
            ("/api/v3/traces", query, "query.attributes")
        }
        Dialect::Internal => {
            let micros = |at: Timestamp| at.0.div_euclid(1_000).to_string();
            let query = vec![
                ("service", service.to_owned()),
                ("start", micros(window.from)),
                ("end", micros(window.until)),
                ("limit", limit.to_string()),
                ("raw", "true".to_owned()),
            ];
            ("/api/traces", query, "tags")
        }
    };
    query.extend(tags.map(|tags| (name, tags)));
    (path, query)
}

pub(super) fn times(from: String, until: String) -> Vec<(&'static str, String)> {
    vec![
        ("query.start_time_min", from.clone()),
        ("query.startTimeMin", from),
        ("query.start_time_max", until.clone()),
        ("query.startTimeMax", until),
    ]
}

/// Refusals that name the number of traces: memory and `ClickHouse` of Jaeger, `VictoriaTraces`.
fn is_about_limit(fault: &Fault) -> bool {
    let words = fault.came.as_str();
    fault.kind == FaultKind::Failed && ["search depth", "limit"].iter().any(|about| words.contains(about))
}

/// Writes a value so that Lucene's regular expressions find it and nothing else.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for sign in value.chars() {
        if sign == '.' || SPECIAL.contains(sign) {
            out.push('\\');
        }
        out.push(sign);
    }
    out
}
