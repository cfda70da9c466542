//! Story: one identity across every attempt and hop.

use super::fold::repeats;
use super::{Item, Room, Screen, Subject, describe, hash, role_of};
use crate::model::case::Progress;
use crate::model::coverage::Reach;
use crate::model::journey::{Fact, Mark, Outcome, Row, RowKind};
use crate::model::verdict::{Confidence, Finding, Severity};
use crate::model::{Case, Nanos, SafeText, Timestamp, Verdict};
use crate::tui::command::Command;
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};
use std::ops::Range;

/// Lanes that are drawn at most; what happens in others is told by name.
const LANES: usize = 12;
/// The screen.
pub struct Story;

impl Screen for Story {
    fn digit(&self) -> char {
        '2'
    }

    fn name(&self) -> &'static str {
        "Story"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        let Some(case) = &facts.story else { return vec![Stripe::of("no identity yet", Role::Dim)] };
        let mut first = Stripe::of(case.anchor.identity.to_string(), Role::Title)
            .and(format!("  {}", case.anchor.kind), Role::Dim)
            .and("  ", Role::Dim);
        if case.is_found() {
            first.push(case.journey.outcome.words(), outcome_role(&case.journey.outcome));
        }
        if let Some(also) = case.anchor.also {
            first.push(format!("  (might also be a {also})"), Role::Dim);
        }
        let mut head = vec![first];
        if case.is_found() && !case.journey.summary.is_empty() {
            head.push(Stripe::of(case.journey.summary.clone(), Role::Text));
        }
        head.push(progress(case, facts));
        if case.is_cut_by_budget() && !facts.is_following {
            head.push(super::spent(facts, "{refresh} asks everything of this story again"));
        }
        head
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let Some(case) = &facts.story else { return Vec::new() };
        let mut items = Vec::with_capacity(case.journey.rows.len() + case.queries.len() + 16);
        findings(case, &mut items);
        if !case.journey.rows.is_empty() {
            items.push(Item::heading("story   (= exact, ~ scoped, ? inferred; E error, W warning, . wait, + done)"));
        }
        let mut covered = 0;
        let mut folded = folded(case, facts).into_iter().peekable();
        for (at, row) in case.rows().iter().enumerate() {
            if let Some((first, count, attempts, mark)) = folded.next_if(|(first, ..)| *first == at) {
                let key = hash(&("repeats", key_of(&row)));
                items.push(Item { mark, at: row.at, ..Item::of(Subject::Repeats(first, count, attempts), key) });
                covered = first + count;
            }
            if at < covered {
                continue;
            }
            // What is missing can be told only when nobody is looking for it any more.
            if row.kind == RowKind::Gap && facts.is_following {
                continue;
            }
            items.push(Item {
                mark: row.mark,
                is_attempt: is_attempt(&row),
                follow: row.follow(),
                at: row.at,
                length: row.duration.unwrap_or(Nanos(0)),
                ..Item::of(Subject::Row(at), key_of(&row))
            });
        }
        if !case.ledger.is_empty() {
            items.push(Item::heading("seen and not followed"));
        }
        for (at, entry) in case.ledger.iter().enumerate() {
            let key = hash(&("ledger", entry.id.as_str()));
            items.push(Item { follow: Some(entry.id.clone()), ..Item::of(Subject::Ledger(at), key) });
        }
        if !case.queries.is_empty() {
            items.push(Item::heading("searched"));
        }
        for (at, query) in case.queries.iter().enumerate() {
            let mark = if query.rows.is_some() || facts.is_following { Mark::Plain } else { Mark::Unknown };
            items.push(Item { mark, ..Item::of(Subject::Query(at), hash(&("query", query.number))) });
        }
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        let Some(case) = &facts.story else { return Stripe::default() };
        match item.subject {
            Subject::Row(at) => case.rows().get(at).map_or_else(Stripe::default, |told| row(&told, facts, room)),
            Subject::Finding(verdict, at) => finding_of(case, verdict, at).map_or_else(Stripe::default, finding),
            Subject::Repeats(first, count, attempts) => {
                let rows = case.rows();
                let (Some(from), Some(until)) = (rows.get(first), rows.get(first + count - 1)) else {
                    return Stripe::default();
                };
                Stripe::of(format!("   {} ", item.mark.sign()), role_of(item.mark))
                    .and(format!("{attempts} more like these until {}", until.at.clock(&facts.zone)), Role::Text)
                    .and(
                        format!(
                            ", {} in all; {} shows them",
                            until.at.since(from.at).human(),
                            facts.key(Command::Fold)
                        ),
                        Role::Dim,
                    )
            }
            Subject::Cannot(at) => match case.verdicts.get(at) {
                Some((rule, Verdict::Unknown(why))) => Stripe::of(" ? ", Role::Unknown)
                    .and(format!("{rule} cannot tell: "), Role::Dim)
                    .and(why.clone(), Role::Dim),
                Some(_) | None => Stripe::default(),
            },
            Subject::Ledger(at) => case.ledger.get(at).map_or_else(Stripe::default, |entry| {
                Stripe::of("   ", Role::Dim)
                    .and(entry.id.clone(), Role::Text)
                    .and(format!(": {}; ", entry.reason.words()), Role::Dim)
                    .and(entry.detail.clone(), Role::Dim)
            }),
            Subject::Query(at) => case.queries.get(at).map_or_else(Stripe::default, |query| {
                let (rows, role) = match query.rows {
                    Some(rows) => (format!("{rows} found"), Role::Text),
                    None if facts.is_following => ("asking".to_owned(), Role::Info),
                    None => ("no answer".to_owned(), Role::Error),
                };
                Stripe::of("   ", Role::Dim)
                    .cell(&SafeText::own(query.source.name()), 7, Align::Left, Role::Text)
                    .and(query.what.clone(), Role::Text)
                    .and(": ", Role::Dim)
                    .and(rows, role)
                    .and(format!(" ({})", query.why.as_str()), Role::Dim)
            }),
            Subject::Heading(text) => Stripe::of(text, Role::Title),
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        describe::story(facts, item.subject)
    }

    fn fact_of(&self, facts: &Facts, item: &Item) -> Option<Fact> {
        let Subject::Row(at) = item.subject else { return None };
        facts.story.as_ref()?.rows().get(at)?.fact
    }

    fn place_of(&self, facts: &Facts, fact: Fact) -> Option<u64> {
        let mut rows = facts.story.as_ref()?.rows().iter();
        rows.find(|row| row.fact == Some(fact)).map(|row| key_of(&row))
    }

    fn blank(&self, facts: &Facts) -> &'static str {
        match (&facts.story, facts.is_following) {
            (None, _) => "no identity yet: press {now} and {follow} on a row, or {go} and paste an ID",
            (Some(_), true) => "waiting for the first answer",
            (Some(_), false) => "nothing is known: no source is configured that could be asked",
        }
    }
}

fn is_attempt(row: &Row<'_>) -> bool {
    matches!(row.kind, RowKind::Attempt | RowKind::Delivery)
}

/// Returns what lies between the first two and the last of what repeats: its first row, how many rows and attempts, and the
/// worst mark of them.
fn folded(case: &Case, facts: &Facts) -> Vec<(usize, usize, usize, Mark)> {
    let rows = case.rows();
    if !facts.is_folded() {
        return Vec::new();
    }
    let shape = |row: Row<'_>| {
        let [head, tail] = row.parts();
        // The first word may go on behind the head.
        let glued = if head.contains(|c: char| c.is_ascii_whitespace()) { "" } else { tail };
        let first = [head, glued].concat();
        let first = first.split_ascii_whitespace().next().unwrap_or_default();
        let word: String = first.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect();
        hash(&(row.kind, row.lane(), row.mark, word))
    };
    let shapes: Vec<u64> = rows.iter().map(shape).collect();
    let told = |place: Range<usize>| {
        let rows = rows.iter().skip(place.start).take(place.len());
        let worst = rows.clone().map(|row| row.mark).max_by_key(|mark| grave(*mark));
        (place.start, place.len(), rows.filter(is_attempt).count(), worst.unwrap_or(Mark::Plain))
    };
    repeats(&shapes).into_iter().map(told).collect()
}

/// Orders marks by how much they matter to somebody who looks for faults.
pub(super) const fn grave(mark: Mark) -> u8 {
    match mark {
        Mark::Plain => 0,
        Mark::Wait => 1,
        Mark::Ok => 2,
        Mark::Unknown => 3,
        Mark::Warn => 4,
        Mark::Error => 5,
    }
}

/// Returns what stays the same of a row when more is known.
pub(super) fn key_of(row: &Row<'_>) -> u64 {
    hash(&(row.at, row.kind, row.parts()))
}

/// Returns what stays the same of a finding.
pub fn key_of_finding(finding: &Finding) -> u64 {
    hash(&(finding.code, finding.sentence.as_str()))
}

/// Returns what stays the same of a verdict that cannot tell.
pub fn key_of_unknown(case: &Case, verdict: usize) -> u64 {
    hash(&("cannot", case.verdicts[verdict].0.as_str()))
}

/// Returns a finding by its place.
pub(super) fn finding_of(case: &Case, verdict: usize, at: usize) -> Option<&Finding> {
    match case.verdicts.get(verdict) {
        Some((_, Verdict::Findings(found))) => found.get(at),
        Some(_) | None => None,
    }
}

/// Returns the role of a severity.
pub(super) const fn severity_role(severity: Severity) -> Role {
    match severity {
        Severity::Critical => Role::Critical,
        Severity::Warn => Role::Warn,
        Severity::Info => Role::Info,
    }
}

fn outcome_role(outcome: &Outcome) -> Role {
    match outcome {
        Outcome::Succeeded => Role::Ok,
        Outcome::SucceededAfterRetries | Outcome::Waiting { .. } => Role::Warn,
        Outcome::Failed | Outcome::DeadLettered | Outcome::Blocked => Role::Error,
        Outcome::InProgress => Role::Info,
        Outcome::Unknown => Role::Unknown,
    }
}

/// Returns in which of the five states a story is, and how far each source answered.
pub(super) fn progress(case: &Case, facts: &Facts) -> Stripe {
    let (word, role) = match &case.progress {
        _ if facts.is_following => match case.progress {
            Progress::Running { open: 1.. } => (format!("waiting, {} found so far", found(case)), Role::Info),
            Progress::Running { .. } | Progress::Complete | Progress::Stopped { .. } => {
                ("waiting".to_owned(), Role::Info)
            }
        },
        _ if case.is_unanswered() => ("no answer".to_owned(), Role::Error),
        Progress::Stopped { reason } => (format!("stopped: {}", reason.as_str()), Role::Warn),
        _ if !case.is_complete() => ("partial".to_owned(), Role::Warn),
        _ if !case.is_found() => ("nothing found".to_owned(), Role::Warn),
        Progress::Running { .. } | Progress::Complete => ("complete".to_owned(), Role::Ok),
    };
    let mut stripe = Stripe::of(word, role);
    for coverage in &case.coverage {
        let (sign, role) = match coverage.reach {
            Reach::Full => ("+", Role::Ok),
            Reach::Partial => ("W", Role::Warn),
            Reach::None if facts.is_following => (".", Role::Info),
            Reach::None => ("E", Role::Error),
            Reach::NotAsked | Reach::NotConfigured => ("-", Role::Dim),
        };
        stripe.push(format!("  {} ", coverage.source.name()), Role::Dim);
        stripe.push(sign, role);
    }
    // Days are told where the time of day alone would mislead.
    let far = case.window.length() >= Nanos::from_secs(12 * 3_600);
    let short = |at: Timestamp| {
        let told = if far { at.date_clock(&facts.zone) } else { at.clock(&facts.zone) };
        told.split_once(if far { " UTC" } else { "." }).map_or(told.clone(), |(head, _)| head.to_owned())
    };
    stripe.and(format!("  searched {} to {}", short(case.window.from), short(case.window.until)), Role::Dim)
}

fn found(case: &Case) -> String {
    let (spans, lines, records) = (case.spans.len(), case.lines.len(), case.records.len());
    format!("{spans} spans, {lines} lines, {records} records")
}

fn findings(case: &Case, items: &mut Vec<Item>) {
    let mut found: Vec<(&Finding, usize, usize)> = Vec::new();
    for (verdict, (_, says)) in case.verdicts.iter().enumerate() {
        if let Verdict::Findings(of_rule) = says {
            found.extend(of_rule.iter().enumerate().map(|(at, finding)| (finding, verdict, at)));
        }
    }
    found.sort_by_key(|(finding, verdict, at)| (std::cmp::Reverse(finding.severity), *verdict, *at));
    let unknown = case.verdicts.iter().enumerate().filter(|(_, (_, says))| matches!(says, Verdict::Unknown(_)));
    let unknown: Vec<usize> = if case.is_found() { unknown.map(|(at, _)| at).collect() } else { Vec::new() };
    if !found.is_empty() || !unknown.is_empty() {
        items.push(Item::heading("findings"));
    }
    for (finding, verdict, at) in found {
        let mark = match finding.severity {
            Severity::Critical => Mark::Error,
            Severity::Warn => Mark::Warn,
            Severity::Info => Mark::Plain,
        };
        let key = key_of_finding(finding);
        items.push(Item { mark, ..Item::of(Subject::Finding(verdict, at), key) });
    }
    for at in unknown {
        let item = Item::of(Subject::Cannot(at), key_of_unknown(case, at));
        items.push(Item { mark: Mark::Unknown, ..item });
    }
}

fn finding(finding: &Finding) -> Stripe {
    let sure = match finding.confidence {
        Confidence::Confirmed => "",
        Confidence::Likely => " (likely)",
        Confidence::Possible => " (possible)",
    };
    let role = severity_role(finding.severity);
    Stripe::default()
        .cell(&SafeText::own(finding.severity.mark()), 2, Align::Right, role)
        .and(" ", Role::Dim)
        .and(finding.name, role)
        .and(format!("{sure}: "), Role::Dim)
        .and(finding.sentence.clone(), Role::Text)
}

/// One row: time, tier and mark, lane, what happened, how long.
fn row(told: &Row<'_>, facts: &Facts, room: Room) -> Stripe {
    let role = role_of(told.mark);
    let at = if told.at == Timestamp(0) { " ".repeat(12) } else { told.at.clock(&facts.zone) };
    let mut stripe = Stripe::of(at, Role::Dim)
        .and(format!(" {}", told.tier.mark()), Role::Dim)
        .and(told.mark.sign(), role)
        .and(" ", Role::Text);
    if room.lanes {
        stripe = lanes(stripe, told, facts, room);
    }
    let took = told.duration.filter(|took| *took != Nanos(0)).map_or_else(String::new, Nanos::human);
    let widest = facts.lanes.iter().map(SafeText::width).max().unwrap_or(0);
    let (lane, step) = if room.width >= 100 { (widest.clamp(4, 20), "  ") } else { (widest.clamp(4, 12), " ") };
    stripe = stripe.cell(&SafeText::new(told.lane()), lane, Align::Left, Role::Text).and(" ", Role::Text);
    let indent = step.repeat(usize::from(told.depth.min(8)));
    let rest = room.width.saturating_sub(stripe.width() + 8);
    let role = if told.kind == RowKind::Line && told.mark == Mark::Plain { Role::Dim } else { role };
    let role = if told.mark == Mark::Ok { Role::Text } else { role };
    // How a call ended stands at the end of its text, what a log line says at the beginning.
    let room = rest.saturating_sub(indent.len());
    let text = match told.kind {
        RowKind::Line => facts.value(told.text()),
        RowKind::Gap => told.text(),
        _ => told.text().cut_middle(room),
    };
    stripe.and(indent, Role::Text).cell(&text, room, Align::Left, role).cell(&took.into(), 8, Align::Right, Role::Dim)
}

fn lanes(mut stripe: Stripe, told: &Row<'_>, facts: &Facts, room: Room) -> Stripe {
    let (point, empty) = room.signs;
    let own = facts.lanes.iter().take(LANES).position(|lane| lane.as_str() == told.lane());
    for lane in 0..facts.lanes.len().min(LANES) {
        if own == Some(lane) {
            stripe.push(point, role_of(told.mark));
        } else {
            stripe.push(empty, Role::Border);
        }
        stripe.push(" ", Role::Border);
    }
    stripe
}
