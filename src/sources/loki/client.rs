//! Answers questions about log lines.

use super::limits::Known;
use super::search::Wanted;
use super::selector::Writer;
use crate::config::HttpEndpoint;
use crate::model::{Ask, Fault, Reply, SafeText, SourceKind};
use crate::sources::Source;
use crate::sources::checkup::{Step, WayIn};
use crate::sources::http::{Http, looks_like_html};
use crate::sources::lease::Budget;
use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicUsize};
use tokio::sync::Mutex;

/// Lines of a page: Loki's default `max_entries_limit_per_query` (3.7). A smaller one is learned.
const PAGE: usize = 5_000;
/// Lines that are tried for one crowded instant while the server's maximum is not known.
const CROWD: usize = 50_000;

/// One Loki.
#[derive(Debug)]
pub struct Loki {
    pub(super) http: Http,
    /// Matchers that every selector holds, without braces.
    pub(super) within: Option<String>,
    pub(super) known: OnceLock<Known>,
    pub(super) learning: Mutex<()>,
    pub(super) writer: OnceLock<Writer>,
    pub(super) choosing: Mutex<()>,
    version: OnceLock<SafeText>,
    /// Lines that a page may hold.
    pub(super) page: AtomicUsize,
    /// Lines that an answer about one instant may hold.
    pub(super) ceiling: AtomicUsize,
    /// The longest range of one query, in ns.
    pub(super) length: AtomicI64,
}

impl Loki {
    /// Returns the Loki at `endpoint`; nothing is asked yet.
    pub fn new(endpoint: &HttpEndpoint) -> Self {
        Self {
            http: Http::new(endpoint, SourceKind::Loki),
            within: None,
            known: OnceLock::new(),
            learning: Mutex::default(),
            writer: OnceLock::new(),
            choosing: Mutex::default(),
            version: OnceLock::new(),
            page: AtomicUsize::new(PAGE),
            ceiling: AtomicUsize::new(CROWD),
            length: AtomicI64::new(i64::MAX),
        }
    }

    /// Puts matchers (`cluster="prod"`, with or without braces) into every selector: some servers require them.
    #[must_use]
    pub fn within(mut self, matchers: Option<&str>) -> Self {
        let inside = |text: &str| text.trim().trim_start_matches('{').trim_end_matches('}').trim().to_owned();
        self.within = matchers.map(inside).filter(|text| !text.is_empty());
        self
    }

    /// Asks for pages of at most so many lines.
    #[must_use]
    pub fn with_page(self, lines: usize) -> Self {
        self.page.store(lines.max(1), std::sync::atomic::Ordering::Relaxed);
        self.ceiling.store(lines.max(1), std::sync::atomic::Ordering::Relaxed);
        self
    }
}

impl Source for Loki {
    fn kind(&self) -> SourceKind {
        SourceKind::Loki
    }

    fn address(&self) -> SafeText {
        self.http.address()
    }

    fn answer<'a>(&'a self, ask: &'a Ask, budget: &'a Budget) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let mut made = Vec::new();
            let outcome = match ask {
                Ask::FindLines { needles, metadata, services, window, limit } => {
                    let wanted = Wanted { needles, metadata, services };
                    self.find(budget, wanted, (window, *limit as usize), &mut made).await
                }
                Ask::QueryLines { query, window, limit } => {
                    self.ask(budget, query, (window, *limit as usize), &mut made).await
                }
                Ask::Services
                | Ask::Trace(_)
                | Ask::FindSpans { .. }
                | Ask::FindAnywhere { .. }
                | Ask::FindErrors { .. }
                | Ask::Record(_)
                | Ask::ScanRecords { .. }
                | Ask::Topics
                | Ask::TopicsInFull
                | Ask::Queues => panic!("questions go to the kind of source that answers them"),
            };
            Reply { outcome: self.http.without_secrets(outcome), exchanges: made }
        })
    }

    fn clock_offset(&self) -> Option<crate::model::Nanos> {
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
            if let Some(known) = self.version.get() {
                return Ok(self.http.with_remark(known));
            }
            let mut body = Vec::new();
            let fetched = self.http.get(budget, "/loki/api/v1/status/buildinfo", &[], &[], &mut body).await;
            let head = fetched.outcome?;
            if looks_like_html(&body) {
                return Err(self.http.web_page(&fetched.asked));
            }
            let json: Json = serde_json::from_slice(&body).unwrap_or_default();
            // Old 2.x has no such route; a proxy may nest the fields in `data` (Loki 2.2.1, Loki-VL-proxy).
            let version = json["version"].as_str().or_else(|| json["data"]["version"].as_str());
            let known = match version {
                Some(version) if !version.is_empty() => SafeText::from(format!("Loki {version}")),
                Some(_) => SafeText::own("Loki"),
                // Anything that speaks HTTP answers 404 to a route that it does not know: only Loki knows its labels.
                None if head.status == 404 => {
                    let mut body = Vec::new();
                    let fetched = self.http.get(budget, "/loki/api/v1/labels", &[], &[], &mut body).await;
                    let head = fetched.outcome?;
                    let json: Json = serde_json::from_slice(&body).unwrap_or_default();
                    if json["status"] != "success" {
                        return Err(self.http.failed(&fetched.asked, &head));
                    }
                    SafeText::own("Loki 2.x (no build information)")
                }
                None => return Err(self.http.failed(&fetched.asked, &head)),
            };
            Ok(self.http.with_remark(self.version.get_or_init(|| known)))
        })
    }
}
