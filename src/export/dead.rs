//! Letters as programs read them: `hopscope/letters/1`, `hopscope/cohorts/1`, `hopscope/letter/1`, and the same as lines with
//! tabs. Instants are nanoseconds since 1970. What is not known is absent (`null`, or `-`), never zero.

use super::queue::{Cells, Line, record as written};
use super::report::RecordReport;
use crate::model::contents::Contents;
use crate::model::dead::{Cohort, KnownBy, Letter, LetterState, LetterTopic, Place, Retryable};
use crate::model::{Dead, Fault, Note, SafeText, Timestamp};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::fmt::Write;

/// A table with what was remarked about it.
#[derive(Serialize)]
pub struct DeadDocument<'a, R: Serialize> {
    /// Name and version of its rows.
    pub schema: &'static str,
    /// When it was read.
    pub at: i64,
    /// Whether everything that was looked for was seen.
    pub complete: bool,
    /// The topics that were read.
    pub topics: Vec<TopicReport<'a>>,
    /// The rows.
    pub rows: &'a [R],
    /// Remarks.
    pub notes: &'a [Note],
    /// Faults.
    pub faults: &'a [Fault],
    /// Exit code.
    pub exit: u8,
}

/// One letter with its record.
#[derive(Serialize)]
pub struct LetterDocument<'a> {
    /// `hopscope/letter/1`.
    pub schema: &'static str,
    /// Whether the question was answered in full.
    pub complete: bool,
    /// What it tells of a failure; `null` when it is no letter, or is not there.
    pub letter: Option<LetterRow>,
    /// The record.
    pub record: Option<RecordReport<'a>>,
    /// Remarks.
    pub notes: &'a [Note],
    /// Faults.
    pub faults: &'a [Fault],
    /// Exit code.
    pub exit: u8,
}

/// One topic.
#[derive(Serialize)]
pub struct TopicReport<'a> {
    topic: &'a SafeText,
    place: Place,
    known_by: KnownBy,
    families: &'a [&'static str],
    partitions: usize,
    unknown_partitions: usize,
    offsets_kept: i64,
    records_read: usize,
    offsets_older: i64,
    offsets_empty: i64,
    letters: usize,
    groups: &'a [SafeText],
}

/// One letter.
#[derive(Clone, Debug, Serialize)]
pub struct LetterRow {
    record: SafeText,
    written: i64,
    place: Place,
    known_by: KnownBy,
    family: Option<&'static str>,
    state: LetterState,
    origin: Option<SafeText>,
    origin_kept: Option<bool>,
    origin_topic: Option<SafeText>,
    group: Option<SafeText>,
    attempt: Option<u32>,
    due: Option<i64>,
    first_seen: Option<i64>,
    failed: Option<i64>,
    exception: Option<SafeText>,
    reason: Option<SafeText>,
    retryable: Retryable,
    retryable_because: &'static str,
    groups_past_it: Option<usize>,
    undecoded: Vec<UndecodedRow>,
    #[serde(skip)]
    time: String,
}

#[derive(Clone, Debug, Serialize)]
struct UndecodedRow {
    header: SafeText,
    hex: SafeText,
    bytes: usize,
}

/// Letters with one cause.
#[derive(Clone, Debug, Serialize)]
pub struct CohortRow {
    cause: Option<SafeText>,
    origin_topic: Option<SafeText>,
    group: Option<SafeText>,
    letters: usize,
    origins: usize,
    without_origin: usize,
    retry: usize,
    dead_letter: usize,
    quarantine: usize,
    unclear: usize,
    unread: usize,
    first: i64,
    last: i64,
    least_attempt: Option<u32>,
    most_attempt: Option<u32>,
    retryable: Retryable,
    retryable_because: &'static str,
    newest: Option<SafeText>,
    #[serde(skip)]
    times: (String, String),
}

/// Returns the topics.
pub fn topics(dead: &Dead) -> Vec<TopicReport<'_>> {
    dead.topics.iter().map(topic).collect()
}

fn topic(topic: &LetterTopic) -> TopicReport<'_> {
    TopicReport {
        topic: &topic.topic,
        place: topic.place,
        known_by: topic.known_by,
        families: &topic.families,
        partitions: topic.partitions,
        unknown_partitions: topic.unknown_partitions,
        offsets_kept: topic.kept,
        records_read: topic.read,
        offsets_older: topic.older,
        offsets_empty: topic.holes,
        letters: topic.letters,
        groups: &topic.groups,
    }
}

/// Returns the letters, the newest first.
pub fn letters(dead: &Dead, zone: &TimeZone) -> Vec<LetterRow> {
    dead.letters.iter().map(|letter| LetterRow::of(letter, dead.at, zone)).collect()
}

/// Returns the cohorts, those with the most letters first.
pub fn cohorts(dead: &Dead, zone: &TimeZone) -> Vec<CohortRow> {
    let row = |cohort: &Cohort| CohortRow {
        cause: cohort.cause.clone(),
        origin_topic: cohort.origin_topic.clone(),
        group: cohort.group.clone(),
        letters: cohort.letters.len(),
        origins: cohort.origins,
        without_origin: cohort.without_origin,
        retry: cohort.places[0],
        dead_letter: cohort.places[1],
        quarantine: cohort.places[2],
        unclear: cohort.places[3],
        unread: cohort.unread,
        first: cohort.first.0,
        last: cohort.last.0,
        least_attempt: cohort.attempts.map(|(least, _)| least),
        most_attempt: cohort.attempts.map(|(_, most)| most),
        retryable: cohort.retryable,
        retryable_because: cohort.retryable.why(),
        newest: cohort.letters.first().map(|at| SafeText::new(&dead.letters[*at].record.coordinate.to_string())),
        times: (cohort.first.date_clock(zone), cohort.last.date_clock(zone)),
    };
    dead.cohorts.iter().map(row).collect()
}

impl LetterRow {
    /// Returns the row of a letter as it stands at `at`.
    pub fn of(letter: &Letter, at: Timestamp, zone: &TimeZone) -> Self {
        let text = |at: &crate::model::Coordinate| SafeText::new(&at.to_string());
        Self {
            record: text(&letter.record.coordinate),
            written: letter.written().0,
            place: letter.place,
            known_by: letter.known_by,
            family: Some(letter.family).filter(|family| !family.is_empty()),
            state: letter.state(at),
            origin: letter.origin.as_ref().map(text),
            origin_kept: letter.is_origin_kept,
            origin_topic: letter.origin_topic.clone(),
            group: letter.group.clone(),
            attempt: letter.attempt,
            due: letter.due.map(|due| due.0),
            first_seen: letter.first_seen.map(|seen| seen.0),
            failed: letter.failed.map(|failed| failed.0),
            exception: letter.exception.clone(),
            reason: letter.reason.clone(),
            retryable: letter.retryable,
            retryable_because: letter.retryable.why(),
            groups_past_it: letter.passed,
            undecoded: letter
                .undecoded
                .iter()
                .map(|(header, hex, bytes)| UndecodedRow { header: header.clone(), hex: hex.clone(), bytes: *bytes })
                .collect(),
            time: letter.written().date_clock(zone),
        }
    }
}

fn shown(text: Option<&SafeText>) -> Option<&str> {
    text.map(SafeText::as_str)
}

impl Line for LetterRow {
    const HEAD: &'static str = "WRITTEN\tRECORD\tPLACE\tKNOWN\tSTATE\tATTEMPT\tORIGIN\tGROUP\tRETRYABLE\tCAUSE\tREASON";

    fn cells(&self, to: &mut Cells<'_>) {
        to.text_or_dash(Some(&self.time));
        to.text(self.record.as_str());
        to.text_or_dash(Some(self.place.words()));
        to.text(match self.known_by {
            KnownBy::Headers => "headers",
            KnownBy::Name => "name",
        });
        to.text_or_dash(Some(self.state.word()));
        to.number_or_dash(self.attempt);
        to.text_or_dash(shown(self.origin.as_ref().or(self.origin_topic.as_ref())));
        to.text_or_dash(shown(self.group.as_ref()));
        to.text_or_dash(Some(self.retryable.word()));
        to.text_or_dash(shown(self.exception.as_ref()));
        // The last cell keeps its blanks.
        to.text(shown(self.reason.as_ref()).filter(|text| !text.is_empty()).unwrap_or("-"));
    }
}

impl Line for CohortRow {
    const HEAD: &'static str = "LETTERS\tORIGINS\tUNREAD\tRETRY\tDEAD\tQUARANTINE\tUNCLEAR\tATTEMPTS\tFIRST\tLAST\tTOPIC\tGROUP\tRETRYABLE\tCAUSE";

    fn cells(&self, to: &mut Cells<'_>) {
        to.number(self.letters);
        let origins = if self.without_origin > 0 { format!("{}+", self.origins) } else { self.origins.to_string() };
        to.text(&origins);
        to.number(self.unread);
        for count in [self.retry, self.dead_letter, self.quarantine, self.unclear] {
            to.number(count);
        }
        to.text_or_dash(attempts(self.least_attempt.zip(self.most_attempt)).as_deref());
        to.text_or_dash(Some(&self.times.0));
        to.text_or_dash(Some(&self.times.1));
        to.text_or_dash(shown(self.origin_topic.as_ref()));
        to.text_or_dash(shown(self.group.as_ref()));
        to.text_or_dash(Some(self.retryable.word()));
        to.text(shown(self.cause.as_ref()).filter(|text| !text.is_empty()).unwrap_or("-"));
    }
}

/// Returns a range of attempts in words: `3`, or `2 to 4`.
pub fn attempts(range: Option<(u32, u32)>) -> Option<String> {
    range.map(|(least, most)| if least == most { least.to_string() } else { format!("{least} to {most}") })
}

/// What a letter tells of a failure, as names and values; what is not known says so.
pub fn fields(letter: &Letter, at: Timestamp, zone: &TimeZone) -> Vec<(&'static str, SafeText)> {
    let told = |text: Option<&SafeText>| text.cloned().unwrap_or_else(|| "not told".into());
    let time = |at: Option<Timestamp>| at.map_or_else(|| "not told".into(), |at| at.date_clock(zone).into());
    let family = if letter.family.is_empty() { String::new() } else { format!(" ({})", letter.family) };
    let origin = match (&letter.origin, letter.is_origin_kept) {
        (None, _) => told(letter.origin_topic.as_ref()),
        (Some(origin), Some(true)) => format!("{origin}, still kept").into(),
        (Some(origin), Some(false)) => format!("{origin}, no longer kept").into(),
        (Some(origin), None) => format!("{origin}; whether it is still kept is not known").into(),
    };
    let read = match letter.passed {
        None => "cannot tell: the groups are not known".to_owned(),
        Some(0) => "no group has read past it".to_owned(),
        Some(1) => "1 group has read past it".to_owned(),
        Some(groups) => format!("{groups} groups have read past it"),
    };
    let attempt = match (letter.attempt, letter.place) {
        (None, _) => "not told".to_owned(),
        (Some(attempt), Place::Retry) => format!("this copy is for attempt {attempt}"),
        (Some(attempt), _) => format!("{} were made", attempt.saturating_sub(1)),
    };
    let mut fields = vec![
        ("letter", format!("{}, known {}{family}", letter.place.words(), letter.known_by.words()).into()),
        ("state", format!("{}: {read}", letter.state(at).word()).into()),
        ("original", origin),
        ("given up by", told(letter.group.as_ref())),
        ("attempts", attempt.into()),
        ("exception", told(letter.exception.as_ref())),
        ("reason", told(letter.reason.as_ref())),
        ("retryable", format!("{}: {}", letter.retryable.word(), letter.retryable.why()).into()),
        ("first seen", time(letter.first_seen)),
        ("failed", time(letter.failed)),
    ];
    if let Some(due) = letter.due {
        fields.push(("due", due.date_clock(zone).into()));
    }
    for (name, hex, length) in &letter.undecoded {
        fields.push(("undecoded", format!("{}: {length} bytes, 0x{}", name.as_str(), hex.as_str()).into()));
    }
    fields
}

/// Writes a letter and its record for people.
pub fn letter(letter: &Letter, contents: &Contents, at: Timestamp, zone: &TimeZone) -> String {
    let mut text = String::new();
    for (name, value) in fields(letter, at, zone) {
        writeln!(text, "{name:<12}{}", value.as_str()).expect("a string takes any text");
    }
    text.push('\n');
    text.push_str(&written(&letter.record, contents, zone));
    text
}
