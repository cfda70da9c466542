//! Reads one query backwards, page by page, so that no edge loses a line and no refusal ends it early.

use super::Loki;
use super::query::{LogQuery, nanos};
use super::refusal::{Refusal, within};
use crate::decode::loki::{Counts, Decoder};
use crate::model::ask::NoteKind;
use crate::model::{Exchange, Fault, FaultKind, LineStore, Nanos, Note, SafeText, Timestamp, Window};
use crate::sources::http::{BodySink, looks_like_html};
use crate::sources::lease::Budget;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Without it, structured metadata is melted into the labels and nearly every line becomes a stream (Loki 3.7).
const CATEGORIZE: (&str, &str) = ("X-Loki-Response-Encoding-Flags", "categorize-labels");
/// A shorter range is not cut further when the server takes too long.
const SHORTEST: Nanos = Nanos::from_secs(1);
/// A query longer than this in bytes is posted: servers and proxies refuse long request lines.
const LONG: usize = 1_500;
/// Wait before each further page of a question to which a server said that it is too busy.
const PAUSE: Duration = Duration::from_millis(250);

/// What one question has brought so far.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    pub(super) lines: LineStore,
    pub(super) notes: Vec<Note>,
    pub(super) made: Vec<Exchange>,
    /// Lines that the source wrote anew.
    pub(super) rebuilt: usize,
}

/// Why reading ended early, and down to which instant all was read before.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) fault: Fault,
    pub(super) at: Timestamp,
}

/// How much is asked for at once within one question.
#[derive(Debug)]
struct Wish {
    /// Longest range.
    slice: Nanos,
    /// Least lines of a page.
    page: usize,
    /// Nothing older than one slice is read.
    newest_only: bool,
    /// The server was too busy once.
    was_busy: bool,
    /// Slices that were read since one took too long.
    good: u32,
    /// So many of them make slices longer again.
    patience: u32,
    /// The last ones were made longer.
    widened: bool,
}

/// One answer.
pub(super) struct Page {
    pub(super) lines: LineStore,
    pub(super) counts: Counts,
    /// Why it is not whole, when so.
    pub(super) cut: Option<Fault>,
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq)]
enum Edge {
    /// Nothing in its range.
    End,
    /// A page that ends before this instant.
    Until(Timestamp),
    /// The page is full of one instant: no page can get past it without a loss.
    Stuck(Timestamp),
    /// The page is full, and no entry of it tells its time.
    Unread,
}

/// Parses a body while it arrives and keeps its beginning, to tell a web page.
struct Feed {
    decoder: Decoder,
    head: Vec<u8>,
    /// Bytes that the lines may take.
    most: usize,
}

impl Default for Feed {
    fn default() -> Self {
        Self { decoder: Decoder::default(), head: Vec::new(), most: STORE }
    }
}

/// Memory of the lines of one page, which holds 5,000 of them as a rule; it ends what comes without end.
const STORE: usize = 256 << 20;

impl Default for Wish {
    fn default() -> Self {
        Self {
            slice: Nanos(i64::MAX),
            page: 0,
            newest_only: false,
            was_busy: false,
            good: 0,
            patience: 4,
            widened: false,
        }
    }
}

impl Wish {
    /// One crowded hour must not make a week be read by minutes: after some slices that were no trouble the next are longer.
    /// A busy server, or one that counts bytes, is not tried so.
    fn widen(&mut self) {
        self.good += 1;
        if self.good >= self.patience && !self.was_busy && !self.newest_only {
            (self.slice, self.good, self.widened) = (Nanos(self.slice.0.saturating_mul(2)), 0, true);
        }
    }
}

impl BodySink for Feed {
    fn take(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        if self.head.len() < 64 {
            self.head.extend(bytes.iter().take(64));
        }
        self.decoder.push(bytes);
        if self.decoder.bytes() > self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn too_much(&self) -> Option<String> {
        (self.decoder.bytes() > self.most)
            .then(|| format!("its lines take more than {} MiB of memory", self.most >> 20))
    }

    fn rows(&self) -> u64 {
        self.decoder.lines() as u64
    }
}

impl Loki {
    /// Reads the lines of a query in a window, the newest first, until more than `limit` are there. Returns the instant
    /// down to which all was read: the window's begin, or a later one, which a note explains.
    pub(super) async fn pages(
        &self,
        budget: &Budget,
        query: &LogQuery,
        window: &Window,
        limit: usize,
        harvest: &mut Harvest,
    ) -> Result<Timestamp, Stop> {
        let (mut until, mut brought) = (window.until, 0);
        // What was too slow once need not be so the next time, so that is forgotten with the question.
        let mut wish = Wish::default();
        while until > window.from {
            if wish.was_busy {
                tokio::time::sleep(PAUSE).await;
            }
            let length = self.length.load(Ordering::Relaxed).min(wish.slice.0);
            let from = window.from.max(until.plus(Nanos(-length)));
            // One line more than is wanted tells whether there are more.
            let size = self.page.load(Ordering::Relaxed).min(wish.page.max(limit.saturating_add(1)));
            let page = match self.page(budget, &query.text(), (from, until), size, harvest).await {
                Ok(Ok(page)) => page,
                Ok(Err(refusal)) if self.learn(&refusal, size, until.since(from), &mut wish) => continue,
                Ok(Err(refusal)) => return Err(Stop { fault: refusal.fault(), at: until }),
                Err(fault) => return Err(Stop { fault, at: until }),
            };
            brought += harvest.lines.merge(&page.lines);
            let oldest = page.counts.span.map_or(until, |(oldest, _)| Timestamp(oldest.0.saturating_add(1)));
            if let Some(fault) = page.cut {
                if page.lines.is_empty() {
                    return Err(Stop { fault, at: until });
                }
                let text = format!("{fault}; {} whole lines of that page are kept", page.lines.len());
                harvest.notes.push(Note { kind: NoteKind::Damaged, text: text.into() });
                return Ok(until);
            }
            if brought > limit {
                let text = format!("more than {limit} lines, as many as were asked for: the newest are here");
                harvest.notes.push(Note { kind: NoteKind::Truncated, text: text.into() });
                return Ok(oldest.min(until));
            }
            until = match next_end(page.counts, size, until) {
                // What is left is older than this slice of the window.
                Edge::End => {
                    if wish.newest_only && from > window.from {
                        return Ok(from);
                    }
                    wish.widen();
                    from
                }
                Edge::Until(earlier) => earlier,
                // The wish for few lines must not hide that there are many at one instant.
                Edge::Stuck(_) | Edge::Unread if size < self.page.load(Ordering::Relaxed) => {
                    wish.page = usize::MAX;
                    until
                }
                Edge::Stuck(at) => {
                    brought += self.instant(budget, query, at, harvest).await;
                    at
                }
                Edge::Unread => {
                    let text = format!("a page of {size} entries up to {} has none that can be read", until.rfc3339());
                    harvest.notes.push(Note { kind: NoteKind::Truncated, text: text.into() });
                    return Ok(until);
                }
            };
        }
        Ok(window.from)
    }

    /// Asks for one page. The inner error is what the server refuses because it is too much at once.
    pub(super) async fn page(
        &self,
        budget: &Budget,
        query: &str,
        (from, until): (Timestamp, Timestamp),
        size: usize,
        harvest: &mut Harvest,
    ) -> Result<Result<Page, Refusal>, Fault> {
        let form = [
            ("query", query.to_owned()),
            ("start", nanos(from)),
            ("end", nanos(until)),
            ("limit", size.to_string()),
            ("direction", "backward".to_owned()),
        ];
        let mut feed = Feed::default();
        let path = "/loki/api/v1/query_range";
        let fetched = if query.len() > LONG {
            self.http.post_form(budget, path, &form, &[CATEGORIZE], &mut feed).await
        } else {
            self.http.get(budget, path, &form, &[CATEGORIZE], &mut feed).await
        };
        let tries = fetched.exchanges.len();
        harvest.made.extend(fetched.exchanges);
        if looks_like_html(&feed.head) {
            return Err(self.http.web_page(&fetched.asked));
        }
        let cut = match fetched.outcome {
            Ok(head) if head.is_success() => None,
            Ok(head) => {
                let fault = self.http.failed(&fetched.asked, &head);
                return match Refusal::read(&head, fault, tries) {
                    Ok(refusal) => Ok(Err(refusal)),
                    Err(fault) => Err(fault),
                };
            }
            Err(fault) => Some(fault),
        };
        let (lines, counts, said) = feed.decoder.finish();
        if cut.is_none() && !counts.listed {
            let came = said.first().map_or(SafeText::own("no list of results"), |note| note.text.clone());
            let hint = "check that the URL is Loki's, and what stands in front of it";
            return Err(self.http.fault(FaultKind::Damaged, &fetched.asked, came, hint));
        }
        if let Some(last) = harvest.made.last_mut() {
            last.rows = lines.len() as u64;
        }
        harvest.notes.extend(said);
        harvest.rebuilt += counts.rebuilt;
        Ok(Ok(Page { lines, counts, cut }))
    }

    /// Learns the longest range from a refusal of `asked`; returns whether it is one and shorter.
    pub(super) fn learn_length(&self, refusal: &Refusal, asked: Nanos) -> bool {
        let Refusal::Length(allowed, _) = refusal else { return false };
        // What is a little shorter than allowed and refused all the same is counted differently there; a refusal of much less
        // is about something else.
        if asked.0 <= 1 || asked.0 < allowed.0 - allowed.0 / 50 {
            return false;
        }
        let shorter = asked.0 - (asked.0 / 100).max(1);
        self.length.fetch_min(within(*allowed).0.clamp(1, shorter), Ordering::Relaxed);
        true
    }

    /// Asks for less; returns whether that is any less than what was refused.
    fn learn(&self, refusal: &Refusal, size: usize, asked: Nanos, wish: &mut Wish) -> bool {
        match *refusal {
            Refusal::Lines(allowed, _) if (1..size).contains(&allowed) => {
                self.page.fetch_min(allowed, Ordering::Relaxed);
                self.ceiling.store(allowed, Ordering::Relaxed);
            }
            Refusal::Large(_) if size > 1 => {
                self.page.fetch_min(size / 2, Ordering::Relaxed);
                self.ceiling.store(size / 2, Ordering::Relaxed);
            }
            Refusal::Length(..) => return self.learn_length(refusal, asked),
            Refusal::Slow(_) if asked.0 / 2 >= SHORTEST.0 => {
                wish.slice = part(asked, 2);
                wish.good = 0;
                if std::mem::take(&mut wish.widened) {
                    wish.patience = wish.patience.saturating_mul(2);
                }
            }
            // A limit on bytes is not gone round by many small queries: only the newest part is read.
            Refusal::Bytes(_) if asked.0 / 4 >= SHORTEST.0 => {
                wish.slice = part(asked, 4);
                wish.newest_only = true;
            }
            // Once: what is refused again wants no more questions.
            Refusal::Busy(_) if !wish.was_busy && asked.0 / 4 >= SHORTEST.0 => {
                wish.slice = part(asked, 4);
                wish.was_busy = true;
            }
            Refusal::Lines(..) | Refusal::Large(_) | Refusal::Slow(_) | Refusal::Bytes(_) | Refusal::Busy(_) => {
                return false;
            }
        }
        true
    }
}

/// Returns a part of a length, rounded up so that the parts leave no rest.
fn part(whole: Nanos, parts: i64) -> Nanos {
    Nanos(whole.0 / parts + i64::from(whole.0 % parts != 0))
}

/// Returns the next page's end. The end is exclusive, so one nanosecond is added to the oldest instant: lines that share
/// it may stand on both sides of the edge.
fn next_end(counts: Counts, size: usize, until: Timestamp) -> Edge {
    match counts.span {
        Some((oldest, _)) if counts.entries >= size => {
            let next = Timestamp(oldest.0.saturating_add(1));
            if next < until { Edge::Until(next) } else { Edge::Stuck(oldest) }
        }
        None if counts.entries >= size => Edge::Unread,
        _ => Edge::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_take_more_memory_than_they_may_end_the_page() {
        let mut feed = Feed { most: 1 << 20, ..Feed::default() };
        let begin = br#"{"data":{"resultType":"streams","result":[{"stream":{"app":"shop"},"values":["#;
        assert_eq!((feed.take(begin), feed.too_much()), (ControlFlow::Continue(()), None));
        let piece = r#"["1800000000000000001","charged"],"#.repeat(100);
        let taken = (0..1_000).take_while(|_| feed.take(piece.as_bytes()).is_continue()).count();
        assert_eq!(feed.too_much().as_deref(), Some("its lines take more than 1 MiB of memory"), "{taken} pieces");
    }

    #[test]
    fn a_full_page_is_followed_without_losing_its_edge() {
        let counts = |entries, oldest| Counts {
            entries,
            span: Some((Timestamp(oldest), Timestamp(90))),
            listed: true,
            ..Counts::default()
        };
        assert_eq!(next_end(counts(9, 5), 10, Timestamp(100)), Edge::End);
        assert_eq!(next_end(counts(10, 5), 10, Timestamp(100)), Edge::Until(Timestamp(6)));
        assert_eq!(next_end(counts(10, 99), 10, Timestamp(100)), Edge::Stuck(Timestamp(99)));
        assert_eq!(next_end(Counts::default(), 10, Timestamp(100)), Edge::End);
        let damaged = Counts { entries: 10, listed: true, ..Counts::default() };
        assert_eq!(next_end(damaged, 10, Timestamp(100)), Edge::Unread);
    }
}
