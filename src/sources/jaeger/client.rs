//! Answers questions about traces.

use super::dialect::{Dialect, Page};
use crate::config::HttpEndpoint;
use crate::model::ask::NoteKind;
use crate::model::{
    Answer, Ask, Exchange, Fault, FaultKind, Nanos, Note, Reply, Rows, SafeText, SourceKind, SpanStore, TraceId, Window,
};
use crate::sources::checkup::{Step, WayIn};
use crate::sources::http::{Head, Http, looks_like_html};
use crate::sources::lease::Budget;
use crate::sources::traces::{Feed, NOT_FOUND, count, note};
use crate::sources::{Sight, Source};
use futures_util::future::BoxFuture;
use hashbrown::HashMap;
use serde_json::Value as Json;
use smol_str::SmolStr;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Mutex, OnceLock};

/// Traces asked for when one is searched again.
pub(super) const AGAIN: u32 = 100;

/// One Jaeger, or a server that speaks as one (`VictoriaTraces`).
#[derive(Debug)]
pub struct Jaeger {
    pub(super) http: Http,
    dialect: Mutex<Option<Dialect>>,
    pub(super) page: OnceLock<Page>,
    /// Most traces that a search may ask for, as far as known.
    pub(super) most: AtomicU32,
    /// The backend takes values for regular expressions (Elasticsearch, `OpenSearch`).
    pub(super) is_regexp: AtomicBool,
    /// How traces were found.
    pub(super) seen: Mutex<HashMap<TraceId, Sought>>,
}

/// A search that found a trace.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    pub service: SmolStr,
    pub tag: Option<(SmolStr, SmolStr)>,
    pub window: Window,
}

/// The result so far, or why there is none.
pub(super) type Found<T> = Result<T, Fault>;

impl Jaeger {
    /// Returns the Jaeger at `endpoint`; nothing is asked yet.
    pub fn new(endpoint: &HttpEndpoint) -> Self {
        Self {
            http: Http::new(endpoint, SourceKind::Jaeger),
            dialect: Mutex::default(),
            page: OnceLock::new(),
            most: AtomicU32::new(u32::MAX),
            is_regexp: AtomicBool::new(false),
            seen: Mutex::default(),
        }
    }

    pub(super) fn known(&self) -> Option<Dialect> {
        *self.dialect.lock().expect("no holder panics")
    }

    pub(super) fn keep(&self, dialect: Option<Dialect>) {
        *self.dialect.lock().expect("no holder panics") = dialect;
    }

    /// `VictoriaTraces` serves Jaeger's internal dialect below this path.
    pub(super) fn is_victoria(&self) -> bool {
        self.http.address().as_str().ends_with("/select/jaeger")
    }

    /// Returns the fault for an answer that is no success, in the server's own words where it wrapped them.
    pub(super) fn refused(&self, asked: &SafeText, head: &Head) -> Fault {
        let json = serde_json::from_str::<Json>(&head.text).unwrap_or_default();
        let of_internal = || json.get("errors")?.get(0)?.get("msg")?.as_str();
        let of_v3 = || json.get("error")?.get("message")?.as_str();
        match of_internal().or_else(of_v3) {
            Some(words) => self.http.failed(asked, &Head { status: head.status, text: words.to_owned() }),
            None => self.http.failed(asked, head),
        }
    }

    pub(super) async fn json(&self, budget: &Budget, path: &str, made: &mut Vec<Exchange>) -> Found<Json> {
        let mut body = Vec::new();
        let fetched = self.http.get(budget, path, &[], &[], &mut body).await;
        made.extend(fetched.exchanges);
        let head = fetched.outcome?;
        if !head.is_success() {
            return Err(self.refused(&fetched.asked, &head));
        }
        if looks_like_html(&body) {
            return Err(self.http.web_page(&fetched.asked));
        }
        serde_json::from_slice(&body).map_err(|error| {
            let came = SafeText::from(format!("no JSON: {error}"));
            self.http.fault(FaultKind::Damaged, &fetched.asked, came, "check that the URL is Jaeger's query service")
        })
    }

    async fn services(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Found<Answer> {
        let (path, member) = match self.dialect(budget, made).await? {
            Dialect::V3 => ("/api/v3/services", "services"),
            Dialect::Internal => ("/api/services", "data"),
        };
        let json = self.json(budget, path, made).await?;
        let names = json.get(member).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let mut names: Vec<SmolStr> = names.iter().filter_map(|name| name.as_str().map(SmolStr::new)).collect();
        names.retain(|name| !name.is_empty());
        names.sort();
        names.dedup();
        Ok(Answer { rows: Rows::Services(names), notes: Vec::new() })
    }

    /// Gets spans. Nothing found is an empty store; a body cut in the middle keeps its whole spans.
    pub(super) async fn spans(
        &self,
        budget: &Budget,
        dialect: Dialect,
        (path, query): (&str, &[(&str, String)]),
        sight: Option<Sight<'_>>,
        made: &mut Vec<Exchange>,
    ) -> Found<(SpanStore, Vec<Note>)> {
        let mut feed = Feed::new(dialect.form(), sight);
        let fetched = self.http.get(budget, path, query, &[], &mut feed).await;
        made.extend(fetched.exchanges);
        if feed.is_page() {
            self.keep(None);
            return Err(self.http.web_page(&fetched.asked));
        }
        match fetched.outcome {
            Ok(head) if head.is_success() => {
                let (store, mut notes) = feed.finish();
                count(made, store.len());
                notes.extend(super::warnings::notes(&store));
                Ok((store, notes))
            }
            Ok(head) if is_nothing(&head) => Ok((SpanStore::default(), Vec::new())),
            Ok(head) => {
                if head.status == 404 {
                    // The route was there: the server was replaced by one that speaks the other dialect.
                    self.keep(None);
                }
                Err(self.refused(&fetched.asked, &head))
            }
            Err(fault) => {
                let (store, mut notes) = feed.finish();
                if store.is_empty() {
                    return Err(fault);
                }
                count(made, store.len());
                notes.push(note(NoteKind::Damaged, format!("{fault}; {} whole spans are kept", store.len())));
                Ok((store, notes))
            }
        }
    }

    async fn trace(
        &self,
        budget: &Budget,
        id: TraceId,
        sight: Option<Sight<'_>>,
        made: &mut Vec<Exchange>,
    ) -> Found<Answer> {
        let dialect = self.dialect(budget, made).await?;
        let yes = || "true".to_owned();
        let query = match dialect {
            Dialect::V3 => vec![("raw_traces", yes()), ("rawTraces", yes())],
            Dialect::Internal => vec![("raw", yes())],
        };
        let base = if dialect == Dialect::V3 { "/api/v3/traces/" } else { "/api/traces/" };
        let (mut store, mut notes) = self.spans(budget, dialect, (&format!("{base}{id}"), &query), sight, made).await?;
        // VictoriaTraces compares ids as texts: a short one is not found by its long spelling.
        if store.is_empty() && notes.is_empty() && id.0 >> 64 == 0 && dialect == Dialect::Internal {
            let short = format!("{base}{:016x}", id.0);
            (store, notes) = self.spans(budget, dialect, (&short, &query), sight, made).await?;
        }
        if store.is_empty()
            && notes.is_empty()
            && let Some(found) = self.again(budget, id, made).await?
        {
            (store, notes) = found;
        }
        if store.is_empty() && notes.is_empty() {
            notes.push(note(NoteKind::NotFound, NOT_FOUND));
        }
        Ok(Answer { rows: Rows::Spans(Box::new(store)), notes })
    }

    fn respond<'a>(&'a self, ask: &'a Ask, budget: &'a Budget, sight: Option<Sight<'a>>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let mut made = Vec::new();
            let outcome = match ask {
                Ask::Services => self.services(budget, &mut made).await,
                Ask::Trace(id) => self.trace(budget, *id, sight, &mut made).await,
                Ask::FindSpans { service, tag, window, limit } => {
                    let tag = tag.as_ref().map(|(key, value)| (key.as_str(), value.as_str()));
                    self.find(budget, service, tag, (window, *limit), &mut made).await
                }
                Ask::FindErrors { service, window, limit } => {
                    self.errors(budget, service, (window, *limit), &mut made).await
                }
                Ask::FindAnywhere { .. }
                | Ask::FindLines { .. }
                | Ask::QueryLines { .. }
                | Ask::Record(_)
                | Ask::ScanRecords { .. }
                | Ask::Topics
                | Ask::TopicsInFull
                | Ask::Queues => {
                    panic!("questions go to the kind of source that answers them")
                }
            };
            Reply { outcome: self.http.without_secrets(outcome), exchanges: made }
        })
    }
}

impl Source for Jaeger {
    fn kind(&self) -> SourceKind {
        SourceKind::Jaeger
    }

    fn address(&self) -> SafeText {
        self.http.address()
    }

    fn answer<'a>(&'a self, ask: &'a Ask, budget: &'a Budget) -> BoxFuture<'a, Reply> {
        self.respond(ask, budget, None)
    }

    fn answer_in_sight<'a>(&'a self, ask: &'a Ask, budget: &'a Budget, sight: Sight<'a>) -> BoxFuture<'a, Reply> {
        self.respond(ask, budget, Some(sight))
    }

    fn clock_offset(&self) -> Option<Nanos> {
        self.http.clock_offset()
    }

    fn way_in(&self) -> WayIn {
        self.http.way_in()
    }

    fn examine<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Vec<Step>> {
        Box::pin(self.steps(budget))
    }

    fn identify<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>> {
        Box::pin(async move {
            let mut made = Vec::new();
            let dialect = self.dialect(budget, &mut made).await?;
            let known = if self.is_victoria() {
                SafeText::own("VictoriaTraces (Jaeger's internal API)")
            } else {
                self.page.get().cloned().unwrap_or_default().name(dialect).into()
            };
            Ok(self.http.with_remark(&known))
        })
    }
}

/// A missing trace is a 404 with JSON; a missing route is a 404 with bare text.
fn is_nothing(head: &Head) -> bool {
    head.status == 404 && serde_json::from_str::<Json>(&head.text).is_ok_and(|json| json.is_object())
}

#[cfg(test)]
mod tests;
