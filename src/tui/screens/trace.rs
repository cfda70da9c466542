//! Trace: the spans of the story's traces as a waterfall, with what the end waited for.

use super::{Item, Room, Screen, Subject, describe, hash};
use crate::export::waterfall::{Bar, BarKind, Tree};
use crate::model::ask::Signal;
use crate::model::journey::{Fact, Mark};
use crate::model::{Case, Nanos, Reach, SafeText, SpanRow, SpanStatus, Window};
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// Cells of a length of time.
const TOOK: usize = 8;
/// Levels that are indented; deeper ones are told by their number.
const LEVELS: usize = 12;

/// The screen.
pub struct Trace;

impl Screen for Trace {
    fn digit(&self) -> char {
        '3'
    }

    fn name(&self) -> &'static str {
        "Trace"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        let Some(case) = &facts.story else { return vec![Stripe::of("no identity yet", Role::Dim)] };
        let drawn = facts.waterfall();
        let count = |of: fn(&Tree) -> u32| drawn.trees.iter().map(of).sum::<u32>();
        let (spans, errors, orphans) =
            (count(|tree| tree.spans), count(|tree| tree.errors), count(|tree| tree.orphans));
        let mut told = Stripe::of(case.anchor.identity.to_string(), Role::Title)
            .and(format!("  {spans} spans, traces: {}", drawn.trees.len()), Role::Text);
        if errors > 0 {
            told.push(format!("  E {errors} failed"), Role::Error);
        }
        if orphans > 0 {
            told.push(format!("  ? {orphans} without their parent"), Role::Unknown);
        }
        if facts.is_following {
            told.push("  waiting for more", Role::Info);
        }
        let unfolded = facts.told(if facts.is_folded() { "{fold} unfolds" } else { "{fold} folds" });
        vec![told, Stripe::of(format!("# the end waited for it   = other work   . in a queue   {unfolded}"), Role::Dim)]
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let Some(case) = &facts.story else { return Vec::new() };
        let drawn = facts.waterfall();
        let item = |(at, bar): (usize, &Bar)| {
            let subject = Subject::Bar(at);
            let timed = |item: Item| Item { at: bar.start, length: bar.length, ..item };
            match bar.kind {
                BarKind::Trace => {
                    let trace = drawn.trees[bar.tree as usize].trace;
                    let follow = Some(SafeText::from(trace.to_string()));
                    timed(Item { follow, ..Item::of(subject, hash(&("trace", trace.0))) })
                }
                BarKind::Span(row) | BarKind::Fold(row, _) => {
                    let (mark, key) = (mark(case, row, bar), key_of(case, row));
                    timed(Item { mark, is_attempt: is_attempt(case, row), ..Item::of(subject, key) })
                }
                BarKind::Wait(row) => {
                    timed(Item { mark: Mark::Wait, ..Item::of(subject, hash(&("wait", key_of(case, row)))) })
                }
            }
        };
        drawn.bars.iter().enumerate().map(item).collect()
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        let (Some(case), Subject::Bar(at)) = (&facts.story, item.subject) else { return Stripe::default() };
        let drawn = facts.waterfall();
        let Some(bar) = drawn.bars.get(at) else { return Stripe::default() };
        let tree = &drawn.trees[bar.tree as usize];
        let role = super::role_of(item.mark);
        // The filter looks at rows as wide as they like, and wants their words.
        let words = if room.width > 400 { 400 } else { (room.width * 11 / 20).max(24) };
        let axis = room.width.saturating_sub(words + TOOK + 4).min(200);
        let name = words_of(case, tree, bar);
        Stripe::of(format!("{} ", item.mark.sign()), role)
            .cell(&name, words, Align::Left, if bar.kind == BarKind::Trace { Role::Title } else { role })
            .and(" ", Role::Dim)
            .cell(&bar.length.human().into(), TOOK, Align::Right, Role::Text)
            .and(" ", Role::Dim)
            .and(
                line(facts.zoom.unwrap_or(tree.window), bar, axis),
                if item.mark == Mark::Plain && !bar.critical { Role::Dim } else { role },
            )
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        let (Some(case), Subject::Bar(at)) = (&facts.story, item.subject) else { return Vec::new() };
        let drawn = facts.waterfall();
        drawn.bars.get(at).map_or_else(Vec::new, |bar| describe::bar(case, &drawn.trees[bar.tree as usize], bar, facts))
    }

    fn fact_of(&self, facts: &Facts, item: &Item) -> Option<Fact> {
        let Subject::Bar(at) = item.subject else { return None };
        match facts.waterfall().bars.get(at)?.kind {
            BarKind::Span(row) | BarKind::Fold(row, _) | BarKind::Wait(row) => Some(Fact::Span(row)),
            BarKind::Trace => None,
        }
    }

    fn place_of(&self, facts: &Facts, fact: Fact) -> Option<u64> {
        match fact {
            Fact::Span(span) => facts.story.as_ref().map(|case| key_of(case, span)),
            Fact::Line(_) | Fact::Record(_) | Fact::Queue => None,
        }
    }

    fn blank(&self, facts: &Facts) -> &'static str {
        match (&facts.story, facts.is_following) {
            (None, _) => "no identity yet: press {now} and {follow} on a row, or {go} and paste an ID",
            (Some(_), true) => "waiting for the first spans",
            (Some(case), false) => match case.coverage_for(Signal::Traces).map(|coverage| coverage.reach) {
                Some(Reach::Full) => "no span of this identity was found; {story} says what was searched",
                Some(Reach::Partial) => {
                    "no span is known, and the store of traces answered in part only; {sources} says why"
                }
                Some(Reach::None) => "cannot tell: the store of traces did not answer; {sources} says why",
                Some(Reach::NotAsked) => {
                    "no span is known yet: no store of traces was asked; {story} says what was searched"
                }
                Some(Reach::NotConfigured) | None => "cannot tell: no store of traces is configured",
            },
        }
    }
}

/// A span stays the same one when more of them come, whatever row it is in.
fn key_of(case: &Case, row: SpanRow) -> u64 {
    let span = case.spans.span(row);
    hash(&("span", span.trace().0, span.id().0, span.start().0))
}

fn mark(case: &Case, row: SpanRow, bar: &Bar) -> Mark {
    match case.spans.span(row).status() {
        SpanStatus::Error => Mark::Error,
        SpanStatus::Unset | SpanStatus::Ok if bar.orphan => Mark::Unknown,
        SpanStatus::Unset | SpanStatus::Ok => Mark::Plain,
    }
}

fn is_attempt(case: &Case, row: SpanRow) -> bool {
    use crate::model::SpanKind;
    matches!(case.spans.span(row).kind(), SpanKind::Client | SpanKind::Consumer)
}

fn words_of(case: &Case, tree: &Tree, bar: &Bar) -> SafeText {
    let depth = usize::from(bar.depth).saturating_sub(1);
    let indent = if depth <= LEVELS { " ".repeat(depth) } else { format!("{}{depth}> ", " ".repeat(LEVELS)) };
    let of = |row: SpanRow| {
        let span = case.spans.span(row);
        let service = if span.service().is_empty() { "(service not told yet)" } else { span.service() };
        format!("{indent}{service}  {}", span.name())
    };
    SafeText::new(&match bar.kind {
        BarKind::Trace => format!("{}  {} spans, {} failed", tree.trace, tree.spans, tree.errors),
        BarKind::Span(row) => of(row),
        BarKind::Fold(row, count) => format!("{} x{count}", of(row)),
        BarKind::Wait(_) => format!("{indent}in the queue"),
    })
}

/// Draws a bar on an axis of that many cells for a stretch of time; nothing is shorter than one cell, and what lies beyond the
/// ends is cut off.
fn line(axis: Window, bar: &Bar, cells: usize) -> String {
    let whole = axis.length().0.max(1);
    let scale = |at: Nanos| (i128::from(at.0.max(0)) * cells as i128 / i128::from(whole)) as usize;
    let start = bar.start.max(axis.from);
    let length = bar.start.plus(bar.length).since(start);
    let from = scale(start.since(axis.from)).min(cells.saturating_sub(1));
    let long = scale(length).clamp(1, (cells - from).max(1));
    let sign = match bar.kind {
        BarKind::Wait(_) => ".",
        BarKind::Trace => "-",
        BarKind::Span(_) | BarKind::Fold(..) if bar.critical => "#",
        BarKind::Span(_) | BarKind::Fold(..) => "=",
    };
    if cells == 0 { String::new() } else { format!("{}{}", " ".repeat(from), sign.repeat(long)) }
}
