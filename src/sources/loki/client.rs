//! Answers questions about log lines.

use super::pages::{Harvest, LogQuery};
use crate::config::HttpEndpoint;
use crate::decode::ids::contains_token;
use crate::model::ask::NoteKind;
use crate::model::lines::LineView;
use crate::model::{
    Answer, Ask, Exchange, Fault, FaultKind, LineStore, Note, Reply, Rows, SafeText, SourceKind, Window,
};
use crate::sources::Source;
use crate::sources::http::{Http, looks_like_html};
use crate::sources::lease::Budget;
use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use smol_str::SmolStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicUsize};

/// Loki's default `max_entries_limit_per_query` (3.7); a smaller one is read from the server's refusal.
const PAGE: usize = 5_000;
/// Labels that name what wrote a line. The first that the server knows selects all streams.
const WRITERS: [&str; 7] = ["service_name", "service", "app", "application", "job", "container", "namespace"];

/// One Loki.
#[derive(Debug)]
pub struct Loki {
    pub(super) http: Http,
    writer: OnceLock<SmolStr>,
    version: OnceLock<SafeText>,
    /// Lines that a page may hold.
    pub(super) page: AtomicUsize,
    /// The longest range of one query, in ns.
    pub(super) length: AtomicI64,
}

impl Loki {
    /// Returns the Loki at `endpoint`; nothing is asked yet.
    pub fn new(endpoint: &HttpEndpoint) -> Self {
        Self {
            http: Http::new(endpoint, SourceKind::Loki),
            writer: OnceLock::new(),
            version: OnceLock::new(),
            page: AtomicUsize::new(PAGE),
            length: AtomicI64::new(i64::MAX),
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
        let filter = match needles {
            [one] => format!(" |= {}", quote(one)),
            more => format!(" |~ {}", quote(&alternatives(more))),
        };
        // A line filter does not look into structured metadata, and metadata filters do not look into the line.
        let of_metadata = metadata.iter().map(|name| format!(" | {name}=~{}", quote(&alternatives(needles))));
        let mut harvest = Harvest::default();
        let mut failed: Option<Fault> = None;
        for (place, filter) in std::iter::once(filter).chain(of_metadata).enumerate() {
            let query = LogQuery { selector: selector.clone(), filter };
            let read = self.pages(budget, &query, window, limit, &mut harvest).await;
            made.append(&mut harvest.made);
            match read {
                Ok(()) => {}
                // The line filter is the one that every Loki understands; without it there is no answer.
                Err(fault) if place == 0 => return Err(fault),
                Err(fault) => failed = Some(fault),
            }
        }
        let Harvest { lines: all, mut notes, .. } = harvest;
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
pub(super) fn quote(text: &str) -> String {
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
    fn texts_of_people_cannot_leave_their_quotes() {
        assert_eq!(quote("a\"} |= \\"), "\"a\\\"} |= \\\\\"");
        assert_eq!(alternatives(&["a.b".into(), "c|d".into()]), "a\\.b|c\\|d");
    }
}
