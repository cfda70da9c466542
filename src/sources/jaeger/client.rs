//! Answers questions about traces.

use super::answer::{Dialect, Feed, carries, keep, traces_with};
use crate::config::HttpEndpoint;
use crate::model::ask::NoteKind;
use crate::model::{
    Answer, Ask, Exchange, Fault, FaultKind, Nanos, Note, Reply, Rows, SafeText, SourceKind, SpanStatus, SpanStore,
    TraceId, Window,
};
use crate::sources::checkup::{Step, WayIn};
use crate::sources::http::{Head, Http, looks_like_html};
use crate::sources::lease::Budget;
use crate::sources::{Sight, Source};
use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use smol_str::SmolStr;
use std::sync::OnceLock;

const NOT_FOUND: &str = "the trace is not there: not sampled, expired, never written and another tenant's look alike";

/// One Jaeger.
#[derive(Debug)]
pub struct Jaeger {
    http: Http,
    dialect: OnceLock<Dialect>,
}

/// What one question cost, and the result so far.
type Found<T> = Result<T, Fault>;

impl Jaeger {
    /// Returns the Jaeger at `endpoint`; nothing is asked yet.
    pub fn new(endpoint: &HttpEndpoint) -> Self {
        Self { http: Http::new(endpoint, SourceKind::Jaeger), dialect: OnceLock::new() }
    }

    /// Finds out the dialect: only servers that honour attributes in a version 3 search have trace summaries, and old
    /// ones answer that route with a web page and status 200, so the body decides.
    async fn dialect(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Found<Dialect> {
        if let Some(known) = self.dialect.get() {
            return Ok(*known);
        }
        let mut query = times("1970-01-01T00:00:00Z".into(), "1970-01-01T00:00:01Z".into());
        query.extend([("query.serviceName", "hopscope".to_owned()), ("query.searchDepth", "1".to_owned())]);
        let mut body = Vec::new();
        let fetched = self.http.get(budget, "/api/v3/trace-summaries", &query, &[], &mut body).await;
        made.extend(fetched.exchanges);
        let head = fetched.outcome?;
        // A server in trouble says nothing about its dialect, and what is found out here is kept.
        if head.status == 429 || head.status >= 500 && head.status != 501 {
            return Err(self.http.failed(&fetched.asked, &head));
        }
        let is_v3 = |object: &Json| object.get("summaries").is_some_and(Json::is_array) || *object == json!({});
        let object = serde_json::from_slice::<Json>(&body).ok();
        let known = if head.is_success() && object.as_ref().is_some_and(is_v3) {
            Dialect::V3
        } else {
            let services = self.json(budget, "/api/services", made).await?;
            if services.get("data").is_none() {
                let asked = SafeText::from(format!("GET {}/api/services", self.http.address().as_str()));
                let came = SafeText::own("JSON without the list `data`");
                let hint = "check that the URL is Jaeger's query service";
                return Err(self.http.fault(FaultKind::Damaged, &asked, came, hint));
            }
            Dialect::Internal
        };
        Ok(*self.dialect.get_or_init(|| known))
    }

    async fn json(&self, budget: &Budget, path: &str, made: &mut Vec<Exchange>) -> Found<Json> {
        let mut body = Vec::new();
        let fetched = self.http.get(budget, path, &[], &[], &mut body).await;
        made.extend(fetched.exchanges);
        let head = fetched.outcome?;
        if !head.is_success() {
            return Err(self.http.failed(&fetched.asked, &head));
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
        names.sort();
        names.dedup();
        Ok(Answer { rows: Rows::Services(names), notes: Vec::new() })
    }

    /// Gets spans. Nothing found is an empty store; a body cut in the middle keeps its whole spans.
    async fn spans(
        &self,
        budget: &Budget,
        dialect: Dialect,
        (path, query): (&str, &[(&str, String)]),
        sight: Option<Sight<'_>>,
        made: &mut Vec<Exchange>,
    ) -> Found<(SpanStore, Vec<Note>)> {
        let mut feed = Feed::new(dialect, sight);
        let fetched = self.http.get(budget, path, query, &[], &mut feed).await;
        made.extend(fetched.exchanges);
        if feed.is_page() {
            return Err(self.http.web_page(&fetched.asked));
        }
        match fetched.outcome {
            Ok(head) if head.is_success() => {
                let (store, notes) = feed.finish();
                Self::count(made, store.len());
                Ok((store, notes))
            }
            Ok(head) if is_nothing(&head) => Ok((SpanStore::default(), Vec::new())),
            Ok(head) => Err(self.http.failed(&fetched.asked, &head)),
            Err(fault) => {
                let (store, mut notes) = feed.finish();
                if store.is_empty() {
                    return Err(fault);
                }
                Self::count(made, store.len());
                notes.push(note(NoteKind::Damaged, format!("{fault}; {} whole spans are kept", store.len())));
                Ok((store, notes))
            }
        }
    }

    fn count(made: &mut [Exchange], rows: usize) {
        if let Some(last) = made.last_mut() {
            last.rows = rows as u64;
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
        let (path, query) = match dialect {
            Dialect::V3 => (format!("/api/v3/traces/{id}"), vec![("raw_traces", yes()), ("rawTraces", yes())]),
            Dialect::Internal => (format!("/api/traces/{id}"), vec![("raw", yes())]),
        };
        let (store, mut notes) = self.spans(budget, dialect, (&path, &query), sight, made).await?;
        if store.is_empty() && notes.is_empty() {
            notes.push(note(NoteKind::NotFound, NOT_FOUND.to_owned()));
        }
        Ok(Answer { rows: Rows::Spans(Box::new(store)), notes })
    }

    async fn search(
        &self,
        budget: &Budget,
        service: &str,
        tag: Option<(&str, &str)>,
        (window, limit): (&Window, u32),
        made: &mut Vec<Exchange>,
    ) -> Found<(SpanStore, Vec<Note>)> {
        let dialect = self.dialect(budget, made).await?;
        let tags = tag.map(|(key, value)| json!({ key: value }).to_string());
        let (path, mut query) = match dialect {
            Dialect::V3 => {
                let mut query = times(window.from.rfc3339(), window.until.rfc3339());
                for name in ["query.raw_traces", "query.rawTraces"] {
                    query.push((name, "true".to_owned()));
                }
                for name in ["query.num_traces", "query.searchDepth"] {
                    query.push((name, limit.to_string()));
                }
                for name in ["query.service_name", "query.serviceName"] {
                    query.push((name, service.to_owned()));
                }
                ("/api/v3/traces", query)
            }
            Dialect::Internal if service.is_empty() => {
                let asked = SafeText::own("search without a service: not asked");
                let came = SafeText::own("this Jaeger searches one service at a time");
                return Err(self.http.fault(FaultKind::Unsupported, &asked, came, "name the service to search"));
            }
            Dialect::Internal => {
                let micros = |at: crate::model::Timestamp| at.0.div_euclid(1_000).to_string();
                let query = vec![
                    ("service", service.to_owned()),
                    ("start", micros(window.from)),
                    ("end", micros(window.until)),
                    ("limit", limit.to_string()),
                    ("raw", "true".to_owned()),
                ];
                ("/api/traces", query)
            }
        };
        if service.is_empty() {
            query.retain(|(name, _)| !name.starts_with("query.service"));
        }
        if let Some(tags) = tags {
            let name = match dialect {
                Dialect::V3 => "query.attributes",
                Dialect::Internal => "tags",
            };
            query.push((name, tags));
        }
        let (store, mut notes) = self.spans(budget, dialect, (path, &query), None, made).await?;
        if limit > 0 && store.traces().len() >= limit as usize {
            notes.push(note(
                NoteKind::Truncated,
                format!("{limit} traces of {service} came, as many as asked for; more may exist"),
            ));
        }
        Ok((store, notes))
    }

    async fn find(
        &self,
        budget: &Budget,
        service: &str,
        tag: Option<(&str, &str)>,
        bounds: (&Window, u32),
        made: &mut Vec<Exchange>,
    ) -> Found<Answer> {
        let (mut store, mut notes) = self.search(budget, service, tag, bounds, made).await?;
        if let Some((key, value)) = tag
            && self.dialect.get() == Some(&Dialect::V3)
        {
            let (all, chosen) = (store.traces().len(), traces_with(&store, |span| carries(span, key, value)));
            if chosen.len() < all {
                let text = format!("{} traces without {key}={value} on any span were left out", all - chosen.len());
                notes.push(note(NoteKind::Remark, text));
                store = keep(store, &chosen);
            }
        }
        Ok(Answer { rows: Rows::Spans(Box::new(store)), notes })
    }

    /// The tag is a hint only: the memory storage of 2.13 knows no tag `error` for spans that came by OTLP.
    async fn errors(
        &self,
        budget: &Budget,
        service: &str,
        bounds: (&Window, u32),
        made: &mut Vec<Exchange>,
    ) -> Found<Answer> {
        let (mut store, mut notes) = self.search(budget, service, Some(("error", "true")), bounds, made).await?;
        if store.is_empty() {
            (store, notes) = self.search(budget, service, None, bounds, made).await?;
        }
        let failed = traces_with(&store, |span| span.status() == SpanStatus::Error);
        Ok(Answer { rows: Rows::Spans(Box::new(keep(store, &failed))), notes: std::mem::take(&mut notes) })
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
            let known = match self.dialect(budget, &mut Vec::new()).await? {
                Dialect::V3 => SafeText::own("Jaeger 2.19 or later (API v3)"),
                Dialect::Internal => SafeText::own("Jaeger before 2.19 (internal API)"),
            };
            Ok(self.http.with_remark(&known))
        })
    }
}

fn times(from: String, until: String) -> Vec<(&'static str, String)> {
    vec![
        ("query.start_time_min", from.clone()),
        ("query.startTimeMin", from),
        ("query.start_time_max", until.clone()),
        ("query.startTimeMax", until),
    ]
}

/// A missing trace is a 404 with JSON; a missing route is a 404 with bare text.
fn is_nothing(head: &Head) -> bool {
    head.status == 404 && serde_json::from_str::<Json>(&head.text).is_ok_and(|json| json.is_object())
}

fn note(kind: NoteKind, text: String) -> Note {
    Note { kind, text: text.into() }
}

#[cfg(test)]
mod tests;
