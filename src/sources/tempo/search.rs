//! Searching by TraceQL: whole seconds, ranges that the server allows, and what a full answer means.

use super::client::{Found, Tempo};
use crate::model::ask::NoteKind;
use crate::model::{Exchange, Fault, FaultKind, Nanos, Note, SafeText, Timestamp, TraceId, Window};
use crate::sources::http::Head;
use crate::sources::lease::Budget;
use crate::sources::traces::{count, note};
use serde_json::Value as Json;
use std::sync::atomic::Ordering;

/// Longest range that Tempo allows unless told otherwise (`query_frontend.search.max_duration`, Tempo 3.0).
pub(super) const LONGEST: Nanos = Nanos::from_secs(168 * 3_600);
const SECOND: i64 = 1_000_000_000;
/// Spans per trace in a search's answer: the traces are read whole afterwards.
const SPANS: &str = "1";
/// Parts that a range is cut into at most.
const PARTS: usize = 60;

impl Tempo {
    /// Returns the ids of traces with a span for the query, newest start first within what was found.
    pub(super) async fn search(
        &self,
        budget: &Budget,
        query: &str,
        (window, limit): (&Window, u32),
        notes: &mut Vec<Note>,
        made: &mut Vec<Exchange>,
    ) -> Found<Vec<TraceId>> {
        let mut found: Vec<(i64, TraceId)> = Vec::new();
        let mut until = window.until.0.div_euclid(SECOND) + i64::from(window.until.0.rem_euclid(SECOND) > 0);
        let begin = window.from.0.div_euclid(SECOND).min(until - 1);
        let mut parts = 0;
        while until > begin && found.len() < limit as usize {
            if parts == PARTS {
                let (from, until) = (seconds(begin), seconds(until));
                let text = format!("not searched: {from} to {until}, since the server allows only short ranges");
                notes.push(note(NoteKind::Truncated, text));
                break;
            }
            parts += 1;
            let longest = self.longest.load(Ordering::Relaxed);
            let from = begin.max(until - (longest / SECOND).max(1));
            let asked = [
                ("q", query.to_owned()),
                ("start", from.to_string()),
                ("end", until.to_string()),
                ("limit", limit.to_string()),
                ("spss", SPANS.to_owned()),
            ];
            let mut body = Vec::new();
            let mut fetched = self.http.get(budget, "/api/search", &asked, &[], &mut body).await;
            made.append(&mut fetched.exchanges);
            let outcome = fetched.outcome.clone().and_then(|head| {
                if head.is_success() {
                    return self.json(&fetched, &body).map(Ok);
                }
                match longest_of(&head.text).filter(|allowed| allowed.0 < longest && allowed.0 >= SECOND) {
                    Some(allowed) => Ok(Err(allowed)),
                    None => Err(self.refused(&fetched.asked, &head)),
                }
            });
            let json = match outcome {
                Ok(Ok(json)) => json,
                Ok(Err(allowed)) => {
                    self.longest.store(allowed.0, Ordering::Relaxed);
                    continue;
                }
                // What was found in newer parts is kept.
                Err(fault) if found.is_empty() => return Err(fault),
                Err(fault) => {
                    let text = format!("{fault}; what lies before {} was not searched", seconds(until));
                    notes.push(note(NoteKind::PartMissing, text));
                    break;
                }
            };
            let before = found.len();
            take(&json, &mut found, notes);
            count(made, found.len() - before);
            if found.len() >= limit as usize && limit > 0 {
                let text = format!(
                    "{limit} traces came, as many as asked for: the first that were found, not the newest; more may exist"
                );
                notes.push(note(NoteKind::Truncated, text));
            }
            until = from;
        }
        found.sort_by_key(|(start, id)| (std::cmp::Reverse(*start), *id));
        let mut ids: Vec<TraceId> = Vec::new();
        for (_, id) in found {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Returns the fault for an answer that is no success.
    pub(super) fn refused(&self, asked: &SafeText, head: &Head) -> Fault {
        let words = head.text.trim();
        let (kind, hint) = match head.status {
            429 => (FaultKind::Failed, "the server's queue or limit is full: narrow the time range, or wait"),
            400 if words.contains("TraceQL") || words.contains("parse error") => {
                (FaultKind::Unsupported, "this Tempo does not understand the query: TraceQL needs Tempo 2 or later")
            }
            _ => return self.http.failed(asked, head),
        };
        let came = SafeText::from(format!("HTTP {}: {words}", head.status)).cut(400);
        self.http.fault(kind, asked, came, hint)
    }
}

/// Takes start and id of each trace. Ids may lack their leading zeros.
fn take(json: &Json, found: &mut Vec<(i64, TraceId)>, notes: &mut Vec<Note>) {
    let traces = json.get("traces").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let mut strange = 0;
    for trace in traces {
        let Some(id) = trace.get("traceID").and_then(Json::as_str).and_then(TraceId::parse) else {
            strange += 1;
            continue;
        };
        let start = trace.get("startTimeUnixNano").and_then(Json::as_str).and_then(|text| text.parse().ok());
        found.push((start.unwrap_or(0), id));
    }
    if strange > 0 {
        notes.push(note(NoteKind::Damaged, format!("{strange} traces of a search came without an id")));
    }
}

/// Reads the range that is allowed from `range specified by start and end exceeds 168h0m0s. received start=...`.
fn longest_of(words: &str) -> Option<Nanos> {
    let rest = words.split_once("range specified by start and end")?.1.split_once("exceeds ")?.1;
    let written = rest.split(|sign: char| sign.is_whitespace() || sign == ',').next()?.trim_end_matches('.');
    let (mut total, mut number) = (0_i64, String::new());
    for sign in written.chars() {
        if sign.is_ascii_digit() {
            number.push(sign);
            continue;
        }
        let unit = match sign {
            'h' => 3_600 * SECOND,
            'm' => 60 * SECOND,
            's' => SECOND,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && total > 0).then_some(Nanos(total))
}

fn seconds(at: i64) -> String {
    Timestamp(at.saturating_mul(SECOND)).rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_that_is_allowed_is_read_from_the_refusal() {
        let said = |text: &str| longest_of(text).map(|allowed| allowed.0 / SECOND);
        let words = "range specified by start and end exceeds 24h0m0s. received start=1 end=9";
        assert_eq!(said(words), Some(86_400));
        assert_eq!(said("range specified by start and end exceeds 1h30m10s"), Some(5_410));
        assert_eq!((said("exceeds 1h"), said("range specified by start and end exceeds soon")), (None, None));
    }
}
