//! Answers questions about traces.

use super::{query, search};
use crate::config::HttpEndpoint;
use crate::model::ask::NoteKind;
use crate::model::spans::SpanView;
use crate::model::{
    Answer, Ask, Exchange, Fault, FaultKind, Nanos, Note, Reply, Rows, SafeText, SourceKind, SpanStatus, SpanStore,
    Timestamp, TraceId, Window,
};
use crate::sources::checkup::{Step, WayIn};
use crate::sources::http::{Fetched, Http, looks_like_html};
use crate::sources::lease::Budget;
use crate::sources::traces::{Feed, Form, NOT_FOUND, carries, count, keep, note, traces_with};
use crate::sources::{Sight, Source};
use futures_util::future::{BoxFuture, join_all};
use serde_json::Value as Json;
use smol_str::SmolStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The newest part of a search that Tempo 3 leaves out (`query_end_cutoff`).
const CUTOFF: Nanos = Nanos::from_secs(30);

/// One Tempo.
#[derive(Debug)]
pub struct Tempo {
    pub(super) http: Http,
    /// Version as the server told it; empty when it did not.
    version: OnceLock<SmolStr>,
    /// The second version of reading by id is not there (before Tempo 2.7).
    is_old: AtomicBool,
    /// Longest range of one search in ns, as far as known.
    pub(super) longest: AtomicI64,
}

/// What a search is for; the server's word for it is checked on the spans.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// A span that carries all attributes of one alternative.
    Any(&'a [Vec<(SmolStr, SmolStr)>]),
    /// A span that failed.
    Failed,
}

impl Wanted<'_> {
    fn fits(self, span: SpanView<'_>) -> bool {
        match self {
            Self::Any(any) => any.iter().any(|all| all.iter().all(|(key, value)| carries(span, key, value))),
            Self::Failed => span.status() == SpanStatus::Error,
        }
    }
}

pub(super) type Found<T> = Result<T, Fault>;

impl Tempo {
    /// Returns the Tempo at `endpoint`; nothing is asked yet.
    pub fn new(endpoint: &HttpEndpoint) -> Self {
        Self {
            http: Http::new(endpoint, SourceKind::Tempo),
            version: OnceLock::new(),
            is_old: AtomicBool::new(false),
            longest: AtomicI64::new(search::LONGEST.0),
        }
    }

    /// Returns the JSON of a good answer.
    pub(super) fn json(&self, fetched: &Fetched, body: &[u8]) -> Found<Json> {
        if looks_like_html(body) {
            return Err(self.http.web_page(&fetched.asked));
        }
        serde_json::from_slice(body).map_err(|error| {
            let came = SafeText::from(format!("no JSON: {error}"));
            self.http.fault(FaultKind::Damaged, &fetched.asked, came, "check that the URL is Tempo's")
        })
    }

    /// Gets a route that answers JSON; `None` where the server has no such route.
    async fn optional(&self, budget: &Budget, path: &str, made: &mut Vec<Exchange>) -> Found<Option<Json>> {
        let mut body = Vec::new();
        let mut fetched = self.http.get(budget, path, &[], &[], &mut body).await;
        made.append(&mut fetched.exchanges);
        let head = fetched.outcome.clone()?;
        match head.status {
            404 => Ok(None),
            _ if head.is_success() => self.json(&fetched, &body).map(Some),
            _ => Err(self.http.failed(&fetched.asked, &head)),
        }
    }

    async fn services(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Found<Answer> {
        let new = self.optional(budget, "/api/v2/search/tag/resource.service.name/values", made).await?;
        let json = match new {
            Some(json) => json,
            None => match self.optional(budget, "/api/search/tag/service.name/values", made).await? {
                Some(json) => json,
                None => return Err(self.no_tempo()),
            },
        };
        let Some(values) = json.get("tagValues").and_then(Json::as_array) else {
            // An empty list may be left out.
            return if json.is_object() {
                Ok(Answer { rows: Rows::Services(Vec::new()), notes: Vec::new() })
            } else {
                Err(self.no_tempo())
            };
        };
        let name = |value: &Json| value.as_str().or_else(|| value.get("value")?.as_str()).map(SmolStr::new);
        let mut names: Vec<SmolStr> = values.iter().filter_map(name).collect();
        names.sort();
        names.dedup();
        Ok(Answer { rows: Rows::Services(names), notes: Vec::new() })
    }

    fn no_tempo(&self) -> Fault {
        let asked = SafeText::from(format!("GET {}/api/...", self.http.address().as_str()));
        let came = SafeText::own("none of Tempo's routes is there");
        self.http.fault(FaultKind::Failed, &asked, came, "check the URL and its base path (http_api_prefix)")
    }

    /// Says whether only the first version of reading by id is there, as far as is known.
    pub(super) fn is_old(&self) -> bool {
        self.is_old.load(Ordering::Relaxed)
    }

    /// Reads one trace. An unknown one is an empty store.
    pub(super) async fn read(
        &self,
        budget: &Budget,
        id: TraceId,
        sight: Option<Sight<'_>>,
        made: &mut Vec<Exchange>,
    ) -> Found<(SpanStore, Vec<Note>)> {
        if !self.is_old() {
            match self.read_from(budget, &format!("/api/v2/traces/{id}"), sight, made).await? {
                Some(found) => return Ok(found),
                // The new route answers an unknown id with 200, so this route is missing.
                None => self.is_old.store(true, Ordering::Relaxed),
            }
        }
        let found = self.read_from(budget, &format!("/api/traces/{id}"), sight, made).await?;
        Ok(found.unwrap_or_default())
    }

    /// Reads a trace by one route; `None` for a 404.
    async fn read_from(
        &self,
        budget: &Budget,
        path: &str,
        sight: Option<Sight<'_>>,
        made: &mut Vec<Exchange>,
    ) -> Found<Option<(SpanStore, Vec<Note>)>> {
        let mut feed = Feed::new(Form::Otlp, sight);
        let fetched = self.http.get(budget, path, &[], &[("Accept", "application/json")], &mut feed).await;
        made.extend(fetched.exchanges);
        if feed.is_page() {
            return Err(self.http.web_page(&fetched.asked));
        }
        match fetched.outcome {
            Ok(head) if head.is_success() => {
                let (store, notes) = feed.finish();
                count(made, store.len());
                Ok(Some((store, notes)))
            }
            Ok(head) if head.status == 404 => Ok(None),
            Ok(head) if head.status == 422 => {
                let came = SafeText::from(format!("HTTP 422: {}", head.text.trim())).cut(400);
                let hint =
                    "the trace is larger than the server gives out: raise max_bytes_per_trace in Tempo's overrides";
                Err(self.http.fault(FaultKind::TooLarge, &fetched.asked, came, hint))
            }
            Ok(head) => Err(self.refused(&fetched.asked, &head)),
            Err(fault) => {
                let (store, mut notes) = feed.finish();
                if store.is_empty() {
                    return Err(fault);
                }
                count(made, store.len());
                notes.push(note(NoteKind::Damaged, format!("{fault}; {} whole spans are kept", store.len())));
                Ok(Some((store, notes)))
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
        let (store, mut notes) = self.read(budget, id, sight, made).await?;
        if store.is_empty() && notes.is_empty() {
            notes.push(note(NoteKind::NotFound, NOT_FOUND));
        }
        Ok(Answer { rows: Rows::Spans(Box::new(store)), notes })
    }

    /// Searches by the queries, reads the traces whole and keeps those that hold what is wanted.
    async fn find(
        &self,
        budget: &Budget,
        queries: &[String],
        bounds: (&Window, u32),
        wanted: Wanted<'_>,
        made: &mut Vec<Exchange>,
    ) -> Found<Answer> {
        let (window, limit) = bounds;
        let mut notes = Vec::new();
        let mut ids: Vec<TraceId> = Vec::new();
        for query in queries {
            for id in self.search(budget, query, (window, limit), &mut notes, made).await? {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        ids.truncate(limit as usize);
        let read = |id: TraceId| async move {
            let mut made = Vec::new();
            (self.read(budget, id, None, &mut made).await, made)
        };
        let (mut store, mut gone) = (SpanStore::default(), 0);
        for (found, exchanges) in join_all(ids.iter().map(|id| read(*id))).await {
            made.extend(exchanges);
            match found {
                Ok((spans, more)) => {
                    gone += usize::from(spans.is_empty());
                    store.merge(spans);
                    notes.extend(more);
                }
                Err(fault) => notes.push(note(
                    NoteKind::PartMissing,
                    format!("a trace that the search found could not be read: {fault}"),
                )),
            }
        }
        if gone > 0 {
            let text = format!("{gone} traces that the search found were not there when they were read");
            notes.push(note(NoteKind::PartMissing, text));
        }
        let (all, chosen) = (store.traces().len(), traces_with(&store, |span| wanted.fits(span)));
        if chosen.len() < all {
            let text = format!("{} traces without what was searched on any span were left out", all - chosen.len());
            notes.push(note(NoteKind::Remark, text));
        }
        if self.cuts_off() && window.until.plus(CUTOFF) > self.http_now() {
            let text = "Tempo 3 leaves the newest 30 s out of a search; a trace that is read by its id is not affected";
            notes.push(note(NoteKind::Remark, text));
        }
        let mut told: Vec<Note> = Vec::new();
        for one in notes {
            if !told.contains(&one) {
                told.push(one);
            }
        }
        Ok(Answer { rows: Rows::Spans(Box::new(keep(store, &chosen))), notes: told })
    }

    /// Says whether the newest part is left out; a server that tells no version may do so.
    pub(super) fn cuts_off(&self) -> bool {
        let major =
            self.version.get().and_then(|version| version.trim_start_matches('v').split('.').next()?.parse().ok());
        major.is_none_or(|major: u32| major >= 3)
    }

    pub(super) fn http_now(&self) -> Timestamp {
        let ours = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        Timestamp(ours).plus(self.http.clock_offset().unwrap_or_default())
    }

    /// Asks for the version once; a server that does not tell it is not asked again.
    async fn version(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Found<SmolStr> {
        if let Some(known) = self.version.get() {
            return Ok(known.clone());
        }
        let told = self.optional(budget, "/api/status/buildinfo", made).await?;
        let version = told.as_ref().and_then(|json| {
            json.get("version").or_else(|| json.get("data")?.get("version")).and_then(Json::as_str).map(SmolStr::new)
        });
        Ok(self.version.get_or_init(|| version.unwrap_or_default()).clone())
    }

    fn respond<'a>(&'a self, ask: &'a Ask, budget: &'a Budget, sight: Option<Sight<'a>>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let mut made = Vec::new();
            let outcome = match ask {
                Ask::Services => self.services(budget, &mut made).await,
                Ask::Trace(id) => self.trace(budget, *id, sight, &mut made).await,
                Ask::FindAnywhere { any, window, limit } => {
                    self.find(budget, &query::any_of(any), (window, *limit), Wanted::Any(any), &mut made).await
                }
                Ask::FindErrors { service, window, limit } => {
                    self.find(budget, &[query::failed(service)], (window, *limit), Wanted::Failed, &mut made).await
                }
                Ask::FindSpans { .. }
                | Ask::FindLines { .. }
                | Ask::QueryLines { .. }
                | Ask::Record(_)
                | Ask::ScanRecords { .. }
                | Ask::Topics
                | Ask::TopicsInFull
                | Ask::Queues => panic!("questions go to the kind of source that answers them"),
            };
            Reply { outcome: self.http.without_secrets(outcome), exchanges: made }
        })
    }
}

impl Source for Tempo {
    fn kind(&self) -> SourceKind {
        SourceKind::Tempo
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

    fn way_in(&self) -> WayIn {
        self.http.way_in()
    }

    fn clock_offset(&self) -> Option<Nanos> {
        self.http.clock_offset()
    }

    fn examine<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Vec<Step>> {
        Box::pin(self.steps(budget))
    }

    fn identify<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>> {
        Box::pin(async move {
            let mut made = Vec::new();
            let version = self.version(budget, &mut made).await?;
            let known = if version.is_empty() {
                // Something must say that it is a Tempo.
                self.services(budget, &mut made).await?;
                SafeText::own("Tempo (version not told)")
            } else {
                format!("Tempo {}", version.trim_start_matches('v')).into()
            };
            Ok(self.http.with_remark(&known))
        })
    }
}
