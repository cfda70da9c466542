//! Answers questions about log lines.

use crate::config::HttpEndpoint;
use crate::decode::ids::contains_token;
use crate::decode::loki::{Counts, Decoder};
use crate::model::ask::NoteKind;
use crate::model::lines::LineView;
use crate::model::{
    Answer, Ask, Exchange, Fault, FaultKind, LineStore, Note, Reply, Rows, SafeText, SourceKind, Timestamp, Window,
};
use crate::sources::Source;
use crate::sources::http::{BodySink, Http, looks_like_html};
use crate::sources::lease::Budget;
use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use smol_str::SmolStr;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Loki's default `max_entries_limit_per_query` (3.7); a smaller one is read from the server's refusal.
const PAGE: usize = 5_000;
/// Without it, structured metadata is melted into the labels and nearly every line becomes a stream (Loki 3.7).
const CATEGORIZE: (&str, &str) = ("X-Loki-Response-Encoding-Flags", "categorize-labels");
/// Labels that name what wrote a line. The first that the server knows selects all streams.
const WRITERS: [&str; 7] = ["service_name", "service", "app", "application", "job", "container", "namespace"];

/// One Loki.
#[derive(Debug)]
pub struct Loki {
    http: Http,
    writer: OnceLock<SmolStr>,
    version: OnceLock<SafeText>,
    page: AtomicUsize,
}

/// Parses a body while it arrives and keeps its beginning, to tell a web page.
#[derive(Default)]
struct Feed {
    decoder: Decoder,
    head: Vec<u8>,
}

impl BodySink for Feed {
    fn take(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        if self.head.len() < 64 {
            self.head.extend(bytes.iter().take(64));
        }
        self.decoder.push(bytes);
        ControlFlow::Continue(())
    }
}

impl Loki {
    /// Returns the Loki at `endpoint`; nothing is asked yet.
    pub fn new(endpoint: &HttpEndpoint) -> Self {
        Self {
            http: Http::new(endpoint, SourceKind::Loki),
            writer: OnceLock::new(),
            version: OnceLock::new(),
            page: AtomicUsize::new(PAGE),
        }
    }

    /// Finds out by which label all streams can be selected: a selector needs one matcher that is not empty.
    async fn writer(&self, budget: &Budget, window: &Window, made: &mut Vec<Exchange>) -> Result<SmolStr, Fault> {
        if let Some(known) = self.writer.get() {
            return Ok(known.clone());
        }
        let mut body = Vec::new();
        let query = [("start", window.from.0.to_string()), ("end", window.until.0.to_string())];
        let fetched = self.http.get(budget, "/loki/api/v1/labels", &query, &[], &mut body).await;
        made.extend(fetched.exchanges);
        let head = fetched.outcome?;
        if !head.is_success() {
            return Err(self.http.failed(&fetched.asked, &head));
        }
        if looks_like_html(&body) {
            return Err(self.http.web_page(&fetched.asked));
        }
        let json: Json = serde_json::from_slice(&body).map_err(|error| {
            let came = SafeText::from(format!("no JSON: {error}"));
            self.http.fault(FaultKind::Damaged, &fetched.asked, came, "check that the URL is Loki's")
        })?;
        // `data` is missing when there are no labels (Loki 2.2.1 and 3.7).
        let names: Vec<&str> = json["data"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let known = WRITERS.iter().find(|name| names.contains(name)).copied();
        let Some(label) = known.or_else(|| names.iter().find(|name| !name.starts_with("__")).copied()) else {
            return Ok(SmolStr::new_static(WRITERS[0]));
        };
        Ok(self.writer.get_or_init(|| label.into()).clone())
    }

    async fn find(
        &self,
        budget: &Budget,
        (needles, metadata): (&[SmolStr], &[SmolStr]),
        services: &[SmolStr],
        (window, limit): (&Window, usize),
        made: &mut Vec<Exchange>,
    ) -> Result<Answer, Fault> {
        let label = self.writer(budget, window, made).await?;
        let any = alternatives(services);
        let selector = format!("{{{label}=~{}}}", quote(if any.is_empty() { ".+" } else { &any }));
        let mut queries = vec![match needles {
            [one] => format!("{selector} |= {}", quote(one)),
            more => format!("{selector} |~ {}", quote(&alternatives(more))),
        }];
        // A line filter does not look into structured metadata, and metadata filters do not look into the line.
        queries.extend(metadata.iter().map(|name| format!("{selector} | {name}=~{}", quote(&alternatives(needles)))));
        let (mut all, mut notes) = (LineStore::default(), Vec::new());
        let mut failed: Option<Fault> = None;
        for (place, query) in queries.iter().enumerate() {
            match self.pages(budget, query, window, limit, &mut all, made, &mut notes).await {
                Ok(()) => {}
                // The line filter is the one that every Loki understands; without it there is no answer.
                Err(fault) if place == 0 => return Err(fault),
                Err(fault) => failed = Some(fault),
            }
        }
        if let Some(fault) = failed {
            notes.push(note(NoteKind::PartMissing, format!("structured metadata was not searched: {fault}")));
        }
        let (kept, dropped) = keep(&all, needles);
        if dropped > 0 {
            let text = format!("{dropped} lines hold the id only as a part of a longer word and were left out");
            notes.push(note(NoteKind::Remark, text));
        }
        notes.dedup();
        Ok(Answer { rows: Rows::Lines(Box::new(kept)), notes })
    }

    /// Reads a query backwards, page by page, into `all`.
    #[expect(clippy::too_many_arguments, reason = "one loop over what one question shares")]
    async fn pages(
        &self,
        budget: &Budget,
        query: &str,
        window: &Window,
        limit: usize,
        all: &mut LineStore,
        made: &mut Vec<Exchange>,
        notes: &mut Vec<Note>,
    ) -> Result<(), Fault> {
        let (mut until, mut brought) = (window.until, 0);
        loop {
            let size = self.page.load(Ordering::Relaxed);
            let form = [
                ("query", query.to_owned()),
                ("start", window.from.0.to_string()),
                ("end", until.0.to_string()),
                ("limit", size.to_string()),
                ("direction", "backward".to_owned()),
            ];
            let mut feed = Feed::default();
            let path = "/loki/api/v1/query_range";
            let fetched = self.http.get(budget, path, &form, &[CATEGORIZE], &mut feed).await;
            made.extend(fetched.exchanges);
            let page_seen = looks_like_html(&feed.head);
            let cut = match fetched.outcome {
                _ if page_seen => return Err(self.http.web_page(&fetched.asked)),
                Ok(head) if head.is_success() => None,
                Ok(head) => match smaller_page(&head.text) {
                    Some(allowed) if allowed < size => {
                        self.page.store(allowed, Ordering::Relaxed);
                        continue;
                    }
                    _ => return Err(self.http.failed(&fetched.asked, &head)),
                },
                Err(fault) => Some(fault),
            };
            let (page, counts, said) = feed.decoder.finish();
            if cut.is_none() && !counts.listed {
                let came = said.first().map_or(SafeText::own("no list of results"), |note| note.text.clone());
                let hint = "check that the URL is Loki's, and what stands in front of it";
                return Err(self.http.fault(FaultKind::Damaged, &fetched.asked, came, hint));
            }
            if let Some(last) = made.last_mut() {
                last.rows = page.len() as u64;
            }
            notes.extend(said);
            brought += all.merge(&page);
            if let Some(fault) = cut {
                if page.is_empty() && brought == 0 {
                    return Err(fault);
                }
                notes.push(note(
                    NoteKind::Damaged,
                    format!("{fault}; {} whole lines of that page are kept", page.len()),
                ));
                return Ok(());
            }
            if brought >= limit {
                notes.push(note(
                    NoteKind::Truncated,
                    format!("{limit} lines are there, as many as asked for; more may exist"),
                ));
                return Ok(());
            }
            match next_end(counts, size, until) {
                Edge::End => return Ok(()),
                Edge::Until(earlier) => until = earlier,
                Edge::Stuck(at) => {
                    let text =
                        format!("more than {size} lines share the instant {}; some of them are missing", at.rfc3339());
                    notes.push(note(NoteKind::Truncated, text));
                    until = at;
                }
            }
        }
    }
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq)]
enum Edge {
    /// Nothing.
    End,
    /// A page that ends before this instant.
    Until(Timestamp),
    /// The page is full of one instant: no page can get past it without a loss.
    Stuck(Timestamp),
}

/// Returns the next page's end. The end is exclusive, so one nanosecond is added to the oldest instant: lines that share
/// it may stand on both sides of the edge.
fn next_end(counts: Counts, size: usize, until: Timestamp) -> Edge {
    match counts.span {
        Some((oldest, _)) if counts.entries >= size => {
            let next = Timestamp(oldest.0.saturating_add(1));
            if next < until { Edge::Until(next) } else { Edge::Stuck(oldest) }
        }
        _ => Edge::End,
    }
}

/// Reads the server's maximum from its refusal: `max entries limit ... (R > L)`. The name in it differs between 2.2 and
/// 3.7, the two numbers do not.
fn smaller_page(refusal: &str) -> Option<usize> {
    let text = refusal.split_once("max entries limit")?.1;
    let (_, allowed) = text.split_once('(')?.1.split_once('>')?;
    allowed.split(')').next()?.trim().parse().ok().filter(|allowed| *allowed > 0)
}

/// Copies the lines that really hold one of the ids; the rest are counted.
fn keep(all: &LineStore, needles: &[SmolStr]) -> (LineStore, usize) {
    let (mut kept, mut dropped) = (LineStore::default(), 0);
    let holds = |line: LineView<'_>| {
        needles.iter().any(|id| {
            contains_token(line.text(), id)
                || line.metadata().chain(line.labels()).any(|(_, value)| contains_token(value, id))
        })
    };
    for line in all.iter() {
        if holds(line) {
            let stream = kept.stream(&line.labels().collect::<Vec<_>>());
            kept.push(stream, line.at(), line.text(), &line.metadata().collect::<Vec<_>>(), line.exchange());
        } else {
            dropped += 1;
        }
    }
    (kept, dropped)
}

/// Joins texts to a regular expression that matches any of them literally.
fn alternatives(texts: &[SmolStr]) -> String {
    let escaped = texts.iter().map(|text| {
        text.chars().fold(String::new(), |mut out, c| {
            if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | ' ' | '@' | ':' | '/') {
                out.push('\\');
            }
            out.push(c);
            out
        })
    });
    escaped.collect::<Vec<_>>().join("|")
}

/// Writes a LogQL string.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn note(kind: NoteKind, text: String) -> Note {
    Note { kind, text: text.into() }
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
                    self.find(budget, (needles, metadata), services, (window, *limit as usize), &mut made).await
                }
                Ask::Services
                | Ask::Trace(_)
                | Ask::FindSpans { .. }
                | Ask::FindErrors { .. }
                | Ask::Record(_)
                | Ask::ScanRecords { .. }
                | Ask::Topics
                | Ask::Queues => panic!("questions go to the kind of source that answers them"),
            };
            Reply { outcome, exchanges: made }
        })
    }

    fn identify<'a>(&'a self, budget: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>> {
        Box::pin(async move {
            if let Some(known) = self.version.get() {
                return Ok(known.clone());
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
            Ok(self.version.get_or_init(|| known).clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_page_is_followed_without_losing_its_edge() {
        let counts = |entries, oldest| Counts { entries, span: Some((Timestamp(oldest), Timestamp(90))), listed: true };
        assert_eq!(next_end(counts(9, 5), 10, Timestamp(100)), Edge::End);
        assert_eq!(next_end(counts(10, 5), 10, Timestamp(100)), Edge::Until(Timestamp(6)));
        assert_eq!(next_end(counts(10, 99), 10, Timestamp(100)), Edge::Stuck(Timestamp(99)));
        assert_eq!(next_end(Counts::default(), 10, Timestamp(100)), Edge::End);
    }

    #[test]
    fn the_servers_maximum_is_read_from_its_refusal() {
        let old = "max entries limit per query exceeded, limit > max_entries_limit (5001 > 5000)";
        let new = "max entries limit per query exceeded, limit > max_entries_limit_per_query (5000 > 50)";
        assert_eq!((smaller_page(old), smaller_page(new), smaller_page("parse error")), (Some(5000), Some(50), None));
    }

    #[test]
    fn texts_of_people_cannot_leave_their_quotes() {
        assert_eq!(quote("a\"} |= \\"), "\"a\\\"} |= \\\\\"");
        assert_eq!(alternatives(&["a.b".into(), "c|d".into()]), "a\\.b|c\\|d");
    }
}
