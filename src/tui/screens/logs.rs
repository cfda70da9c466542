//! Logs: the story's log lines alone, in full width, with patterns that repeat folded.

use super::fold::repeats;
use super::story::{grave, key_of, progress};
use super::{Item, Room, Screen, Subject, describe, hash, role_of, tail};
use crate::model::ask::Signal;
use crate::model::journey::{Fact, Mark, Row};
use crate::model::{Case, Reach, SafeText};
use crate::tui::command::Command;
use crate::tui::facts::{Facts, LineCounts};
use crate::tui::look::{Align, Role, Stripe};
use std::collections::HashSet;

/// The screen.
pub struct Logs;

impl Screen for Logs {
    fn digit(&self) -> char {
        '4'
    }

    fn name(&self) -> &'static str {
        "Logs"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        if let Some(tail) = &facts.tail {
            return tail::head(tail, facts);
        }
        let Some(case) = &facts.story else { return vec![Stripe::of("no identity yet", Role::Dim)] };
        let LineCounts { lines, errors, warnings, patterns } = facts.line_counts(counts);
        let mut told = Stripe::of(case.anchor.identity.to_string(), Role::Title)
            .and(format!("  {lines} lines, {patterns} patterns"), Role::Text);
        if errors > 0 {
            told.push(format!("  E {errors}"), Role::Error);
        }
        if warnings > 0 {
            told.push(format!("  W {warnings}"), Role::Warn);
        }
        vec![told, progress(case, facts)]
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        if let Some(tail) = &facts.tail {
            return tail::items(tail, facts);
        }
        let Some(case) = &facts.story else { return Vec::new() };
        let mut rows: Vec<(usize, Row<'_>)> = lines_of(case).collect();
        match facts.order {
            1 => rows.reverse(),
            2 => rows.sort_by_key(|(_, row)| row.lane()),
            _ => {}
        }
        let shapes: Vec<u64> = rows.iter().map(|(_, row)| pattern(row)).collect();
        let mut folded =
            if facts.is_folded() && facts.order == 0 { repeats(&shapes) } else { Vec::new() }.into_iter().peekable();
        let mut items = Vec::with_capacity(rows.len());
        let mut covered = 0;
        for (place, (at, row)) in rows.iter().enumerate() {
            if let Some(fold) = folded.next_if(|fold| fold.start == place) {
                let worst = rows[fold.clone()].iter().map(|(_, row)| row.mark).max_by_key(|mark| grave(*mark));
                let subject = Subject::Lines(*at, rows[fold.end - 1].0, fold.len());
                let key = hash(&("repeats", key_of(row)));
                items.push(Item { mark: worst.unwrap_or(row.mark), at: row.at, ..Item::of(subject, key) });
                covered = fold.end;
            }
            if place >= covered {
                let follow = row.follow();
                items.push(Item { mark: row.mark, follow, at: row.at, ..Item::of(Subject::Row(*at), key_of(row)) });
            }
        }
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        if let Some(tail) = &facts.tail {
            return tail::stripe(tail, item, (facts, room));
        }
        let Some(case) = &facts.story else { return Stripe::default() };
        match item.subject {
            Subject::Row(at) => case.rows().get(at).map_or_else(Stripe::default, |row| line(&row, facts, room)),
            Subject::Lines(first, last, count) => {
                let rows = case.rows();
                let (Some(from), Some(until)) = (rows.get(first), rows.get(last)) else { return Stripe::default() };
                Stripe::of(format!("             {} ", item.mark.sign()), role_of(item.mark))
                    .and(format!("{count} more lines like these until {}", until.at.clock(&facts.zone)), Role::Text)
                    .and(
                        format!(", {}; {} shows them", until.at.since(from.at).human(), facts.key(Command::Fold)),
                        Role::Dim,
                    )
            }
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        if let Some(tail) = &facts.tail {
            return tail::describe(tail, item, facts);
        }
        match item.subject {
            Subject::Lines(first, last, _) => {
                let rows = facts.story.iter().flat_map(|case| {
                    let rows = case.rows();
                    (first..=last).filter_map(move |at| rows.get(at))
                });
                describe::repeats(rows.filter(is_line), facts)
            }
            subject => describe::story(facts, subject),
        }
    }

    fn orders(&self) -> &'static [&'static str] {
        &["oldest first, folded", "newest first", "by service"]
    }

    fn fact_of(&self, facts: &Facts, item: &Item) -> Option<Fact> {
        let Subject::Row(at) = item.subject else { return None };
        facts.story.as_ref()?.rows().get(at)?.fact
    }

    fn place_of(&self, facts: &Facts, fact: Fact) -> Option<u64> {
        lines_of(facts.story.as_ref()?).find(|(_, row)| row.fact == Some(fact)).map(|(_, row)| key_of(&row))
    }

    fn blank(&self, facts: &Facts) -> &'static str {
        if facts.tail.is_some() {
            return "no line has come yet";
        }
        match (&facts.story, facts.is_following) {
            (None, _) => "no identity yet: press {now} and {follow} on a row, or {go} and paste an ID",
            (Some(_), true) => "waiting for the first lines",
            (Some(case), false) => match case.coverage_for(Signal::Logs).map(|coverage| coverage.reach) {
                Some(Reach::Full) => "no line names this identity; {story} says what was searched",
                Some(Reach::Partial) => "no line is known, and Loki answered in part only; {sources} says why",
                Some(Reach::None) => "cannot tell: Loki did not answer; {sources} says why",
                Some(Reach::NotAsked) => "no line is known yet: Loki was not asked; {story} says what was searched",
                Some(Reach::NotConfigured) | None => "cannot tell: no source of log lines is configured",
            },
        }
    }
}

/// Counts the lines of a story.
fn counts(case: &Case) -> LineCounts {
    let (mut told, mut patterns) = (LineCounts::default(), HashSet::new());
    for (_, row) in lines_of(case) {
        told.lines += 1;
        told.errors += usize::from(row.mark == Mark::Error);
        told.warnings += usize::from(row.mark == Mark::Warn);
        patterns.insert(pattern(&row));
    }
    LineCounts { patterns: patterns.len(), ..told }
}

fn lines_of(case: &Case) -> impl Iterator<Item = (usize, Row<'_>)> {
    case.rows().iter().enumerate().filter(|(_, row)| is_line(row))
}

fn is_line(row: &Row<'_>) -> bool {
    matches!(row.fact, Some(Fact::Line(_)))
}

/// Returns what stays the same when a text of a service is written again.
pub(super) fn pattern_of(service: &str, mark: Mark, text: &SafeText) -> u64 {
    let is_constant = |word: &&str| !word.bytes().any(|byte| byte.is_ascii_digit());
    let words: Vec<&str> = text.as_str().split_ascii_whitespace().filter(is_constant).collect();
    hash(&(service, mark, words))
}

/// Returns what stays the same when a line is written again: its words without numbers and ids.
fn pattern(row: &Row<'_>) -> u64 {
    pattern_of(row.lane(), row.mark, &row.text())
}

fn line(row: &Row<'_>, facts: &Facts, room: Room) -> Stripe {
    let lane = (room.width / 6).clamp(8, 24);
    Stripe::of(row.at.clock(&facts.zone), Role::Dim)
        .and(format!(" {} ", row.mark.sign()), role_of(row.mark))
        .cell(&SafeText::new(row.lane()), lane, Align::Left, Role::Info)
        .and(" ", Role::Dim)
        .and(facts.value(row.text()), if row.mark == Mark::Plain { Role::Text } else { role_of(row.mark) })
}
