//! Lines as they come, on Logs.

use super::describe::{fault, field, note, title};
use super::fold::repeats;
use super::logs::pattern_of;
use super::story::grave;
use super::{Item, Room, Subject, hash, role_of};
use crate::model::SafeText;
use crate::model::journey::Mark;
use crate::model::tail::{Tail, TailLine};
use crate::tui::command::Command;
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// Lines that repeat which are listed in full.
const MOST: usize = 400;

/// Returns the lines above the list.
pub fn head(tail: &Tail, facts: &Facts) -> Vec<Stripe> {
    let (word, role) = match (&tail.fault, tail.read_at) {
        (Some(_), None) => ("no answer", Role::Error),
        (Some(_), Some(_)) => ("partial", Role::Warn),
        (None, None) => ("waiting", Role::Info),
        (None, Some(_)) => ("tail", Role::Ok),
    };
    let count = |mark| tail.lines.iter().filter(|line| line.mark == mark).count();
    let mut told = Stripe::of(word, role)
        .and(format!("  {}", tail.what.as_str()), Role::Title)
        .and(format!("  {} lines since {}", tail.came(), tail.begin.clock(&facts.zone)), Role::Text);
    for (mark, role) in [(Mark::Error, Role::Error), (Mark::Warn, Role::Warn)] {
        if count(mark) > 0 {
            told.push(format!("  {} {}", mark.sign(), count(mark)), role);
        }
    }
    let keys = facts.told("the view stays; {bottom} goes to the newest, {tail} or {back} ends it");
    let second = match (&tail.fault, tail.notes.first(), tail.dropped) {
        (Some(fault), ..) => {
            Stripe::of(format!("{}: {}; asked again", fault.kind.word(), fault.came.as_str()), Role::Error)
        }
        (None, Some(note), _) => Stripe::of(note.text.clone(), Role::Warn),
        (None, None, 0) => Stripe::of(keys, Role::Dim),
        (None, None, dropped) => Stripe::of(format!("{dropped} earlier lines are no longer kept; {keys}"), Role::Dim),
    };
    vec![told, second]
}

/// Returns the rows.
pub fn items(tail: &Tail, facts: &Facts) -> Vec<Item> {
    let lines = &tail.lines;
    let shape = |line: &TailLine| pattern_of(line.service.as_str(), line.mark, &line.text);
    let shapes: Vec<u64> = lines.iter().map(shape).collect();
    let mut folded = if facts.is_folded() { repeats(&shapes) } else { Vec::new() }.into_iter().peekable();
    let (mut items, mut covered) = (Vec::with_capacity(lines.len()), 0);
    for (at, line) in lines.iter().enumerate() {
        if let Some(fold) = folded.next_if(|fold| fold.start == at) {
            let worst = lines[fold.clone()].iter().map(|line| line.mark).max_by_key(|mark| grave(*mark));
            let key = hash(&("tail lines", line.number));
            let subject = Subject::TailLines(at, fold.end - 1);
            items.push(Item { mark: worst.unwrap_or(line.mark), at: line.at, ..Item::of(subject, key) });
            covered = fold.end;
        }
        if at >= covered {
            let key = hash(&("tail line", line.number));
            let follow = line.follow.clone();
            items.push(Item { mark: line.mark, follow, at: line.at, ..Item::of(Subject::TailLine(at), key) });
        }
    }
    items
}

/// Returns the list's line of a row.
pub fn stripe(tail: &Tail, item: &Item, (facts, room): (&Facts, Room)) -> Stripe {
    match item.subject {
        Subject::TailLine(at) => tail.lines.get(at).map_or_else(Stripe::default, |line| one(line, facts, room)),
        Subject::TailLines(first, last) => {
            Stripe::of(format!("             {} ", item.mark.sign()), role_of(item.mark))
                .and(format!("{} more lines like these", last + 1 - first), Role::Text)
                .and(format!("; {} shows them", facts.key(Command::Fold)), Role::Dim)
        }
        _ => Stripe::default(),
    }
}

fn one(line: &TailLine, facts: &Facts, room: Room) -> Stripe {
    let role = role_of(line.mark);
    Stripe::of(line.at.clock(&facts.zone), Role::Dim)
        .and(format!(" {} ", line.mark.sign()), role)
        .cell(&line.service, (room.width / 6).clamp(8, 24), Align::Left, Role::Info)
        .and(" ", Role::Dim)
        .and(facts.value(line.text.clone()), role)
}

/// Describes a row.
pub fn describe(tail: &Tail, item: &Item, facts: &Facts) -> Vec<Stripe> {
    match item.subject {
        Subject::TailLine(at) => {
            let Some(line) = tail.lines.get(at) else { return Vec::new() };
            let mut lines = vec![
                title("log line"),
                Stripe::of(facts.value(line.text.clone()), role_of(line.mark)),
                field("at", line.at.date_clock(&facts.zone)),
                field("service", line.service.clone()),
            ];
            let none = || SafeText::own("the line names no trace");
            lines.push(field("follow", line.follow.clone().unwrap_or_else(none)));
            lines.extend(tail.fault.iter().flat_map(fault));
            lines.extend(tail.notes.iter().map(note));
            lines
        }
        Subject::TailLines(first, last) => {
            let room = Room { width: 120, lanes: false, signs: ("", "") };
            tail.lines[first..=last].iter().take(MOST).map(|line| one(line, facts, room)).collect()
        }
        _ => Vec::new(),
    }
}
