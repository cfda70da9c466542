//! `hopscope/story/1`: a case as programs read it. Instants are nanoseconds since 1970, durations nanoseconds.

use super::journey::JourneyReport;
use super::json::base64;
use crate::model::case::{AskedQuery, Progress};
use crate::model::{Case, Exchange, Finding, LedgerEntry, Record, SafeText, SourceCoverage, Verdict, Window};
use bytes::Bytes;
use serde::Serialize;

/// A story.
#[derive(Serialize)]
pub struct Report<'a> {
    /// `hopscope/story/1`.
    pub schema: &'static str,
    /// What was asked about, in canonical form.
    pub query: String,
    /// What the text was taken for, and what else it might be.
    pub taken_for: TakenFor,
    /// When it was asked, nanoseconds since 1970.
    pub at: i64,
    /// The time that was searched.
    pub window: Window,
    /// What each source was asked and answered.
    pub coverage: &'a [SourceCoverage],
    /// Nothing was missing, cut or refused.
    pub complete: bool,
    /// How the investigation ended.
    pub progress: &'a Progress,
    /// What the rules state, worst first.
    pub findings: Vec<&'a Finding>,
    /// Rules that could not tell, with the reason.
    pub cannot_tell: Vec<CannotTell<'a>>,
    /// The story itself; `null` when nothing was found.
    pub data: Option<JourneyReport<'a>>,
    /// Other identities that the facts name.
    pub also_known_as: Vec<Named<'a>>,
    /// Every question and why it was asked.
    pub searched: &'a [AskedQuery],
    /// What was seen and not followed.
    pub not_followed: &'a [LedgerEntry],
    /// Every request.
    pub requests: &'a [Exchange],
    /// The exit code.
    pub exit: u8,
}

/// What a text was taken for.
#[derive(Serialize)]
pub struct TakenFor {
    /// Kind of identity.
    pub kind: String,
    /// The other kind that the text may be.
    pub also: Option<String>,
    /// The traceparent's sampled flag.
    pub sampled: Option<bool>,
}

/// A rule without an answer.
#[derive(Serialize)]
pub struct CannotTell<'a> {
    /// Code of the rule.
    pub rule: &'a str,
    /// What was missing.
    pub why: &'a SafeText,
}

/// Another identity.
#[derive(Serialize)]
pub struct Named<'a> {
    /// Canonical form.
    pub id: String,
    /// Where it was seen.
    pub seen: &'a SafeText,
}

/// A record with its content.
#[derive(Serialize)]
pub struct RecordReport<'a> {
    /// `topic-partition@offset`.
    pub coordinate: String,
    /// Its time, by the clock named below.
    pub at: i64,
    /// Who set the time.
    pub clock: &'static str,
    /// Key.
    pub key: Option<Content<'a>>,
    /// Value; `null` is a tombstone.
    pub value: Option<Content<'a>>,
    /// What became of the transaction that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<&'static str>,
    /// Headers in their order, repeats kept.
    pub headers: Vec<HeaderReport<'a>>,
}

/// One header.
#[derive(Serialize)]
pub struct HeaderReport<'a> {
    /// Name.
    pub key: Content<'a>,
    /// Value.
    pub value: Option<Content<'a>>,
}

/// Bytes as text, and as base64 where they are not UTF-8.
#[derive(Serialize)]
pub struct Content<'a> {
    /// The text; invalid bytes are shown as `\xNN`.
    pub text: std::borrow::Cow<'a, str>,
    /// The bytes, when the text cannot hold them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_b64: Option<String>,
}

/// `hopscope/error/1`: why there is no answer.
#[derive(Serialize, Debug)]
pub struct ErrorReport {
    /// `hopscope/error/1`.
    pub schema: &'static str,
    /// Mistakes or failures, each with place, reason and remedy.
    pub errors: Vec<ErrorRow>,
    /// The exit code.
    pub exit: u8,
}

/// One reason.
#[derive(Serialize, Debug)]
pub struct ErrorRow {
    /// Where: flag, file with line and column, or source.
    pub place: SafeText,
    /// What is wrong.
    pub what: SafeText,
    /// What to do.
    pub fix: SafeText,
}

impl<'a> Report<'a> {
    /// Returns the projection of a case, with the path of each row when that is wanted.
    pub fn of(case: &'a Case, exit: u8, with_paths: bool) -> Self {
        let cannot_tell = case.verdicts.iter().filter_map(|(rule, verdict)| match verdict {
            Verdict::Unknown(why) => Some(CannotTell { rule, why }),
            Verdict::Findings(_) | Verdict::Clear | Verdict::NotApplicable => None,
        });
        Self {
            schema: "hopscope/story/1",
            query: case.anchor.identity.to_string(),
            taken_for: TakenFor {
                kind: case.anchor.kind.to_string(),
                also: case.anchor.also.map(|kind| kind.to_string()),
                sampled: case.anchor.sampled,
            },
            at: case.at.0,
            window: case.window,
            coverage: &case.coverage,
            complete: case.is_complete(),
            progress: &case.progress,
            findings: findings(case),
            cannot_tell: cannot_tell.collect(),
            data: case.is_found().then(|| JourneyReport::of(case, with_paths)),
            also_known_as: case
                .aliases
                .iter()
                .map(|alias| Named { id: alias.identity.to_string(), seen: &alias.seen })
                .collect(),
            searched: &case.queries,
            not_followed: &case.ledger,
            requests: &case.exchanges,
            exit,
        }
    }
}

/// Returns the findings of a case, worst and surest first.
pub fn findings(case: &Case) -> Vec<&Finding> {
    let all = case.verdicts.iter().filter_map(|(_, verdict)| match verdict {
        Verdict::Findings(found) => Some(found),
        Verdict::Clear | Verdict::Unknown(_) | Verdict::NotApplicable => None,
    });
    let mut found: Vec<&Finding> = all.flatten().collect();
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.confidence, finding.code));
    found
}

impl<'a> RecordReport<'a> {
    /// Returns the projection of a record.
    pub fn of(record: &'a Record) -> Self {
        use crate::model::record::RecordClock;
        Self {
            coordinate: record.coordinate.to_string(),
            at: record.timestamp.0,
            clock: match record.clock {
                RecordClock::CreateTime => "producer",
                RecordClock::LogAppendTime => "broker",
            },
            key: record.key.as_ref().map(Content::of),
            value: record.value.as_ref().map(Content::of),
            transaction: record.transaction.map(crate::model::record::TransactionEnd::word),
            headers: record
                .headers
                .iter()
                .map(|header| HeaderReport {
                    key: Content::of(&header.key),
                    value: header.value.as_ref().map(Content::of),
                })
                .collect(),
        }
    }
}

impl<'a> Content<'a> {
    fn of(bytes: &'a Bytes) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { text: text.into(), bytes_b64: None },
            Err(_) => {
                Self { text: SafeText::from_bytes(bytes).as_str().to_owned().into(), bytes_b64: Some(base64(bytes)) }
            }
        }
    }
}

impl ErrorReport {
    /// Returns a report of these reasons.
    pub fn of(errors: Vec<ErrorRow>, exit: u8) -> Self {
        Self { schema: "hopscope/error/1", errors, exit }
    }
}
