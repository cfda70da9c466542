//! Sources: health of each, what the question has cost, what the doctor found, and every request that was made.

use super::{Item, Room, Screen, Subject, describe, hash};
use crate::investigate::doctor::{Finding, Step};
use crate::model::journey::Mark;
use crate::model::{BreakerState, Exchange, SafeText, SourceKind, Spent};
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// The screen.
pub struct Sources;

impl Screen for Sources {
    fn digit(&self) -> char {
        '9'
    }

    fn name(&self) -> &'static str {
        "Sources"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        let dealings = &facts.dealings;
        let kept = dealings.requests.entries.len();
        let failed = dealings.requests.entries.iter().filter(|exchange| is_failed(exchange)).count();
        let (word, role) = match (facts.is_reading || facts.is_following || dealings.is_examining, kept, failed) {
            (true, ..) => ("waiting", Role::Info),
            (false, 0, _) => ("no answer", Role::Error),
            (false, _, 0) => ("complete", Role::Ok),
            (false, all, failed) if all == failed => ("no answer", Role::Error),
            (false, ..) => ("partial", Role::Warn),
        };
        let told = format!(
            "  {} requests, {} bytes received, {failed} failed; D examines, b changes the budget",
            dealings.requests.made, dealings.requests.bytes
        );
        let mut head = vec![Stripe::of(word, role).and(told, Role::Dim)];
        if let Some(all) = &dealings.all {
            let role = if all.spent().is_some() { Role::Warn } else { Role::Dim };
            head.push(Stripe::of(format!("budget of the newest question: {}", all.words()), role));
        }
        if facts.is_cut_by_budget() {
            head.push(super::spent(facts, "{refresh} asks everything of the story again"));
        }
        head
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let (mut items, dealings) = (Vec::new(), &facts.dealings);
        if facts.now.is_some() {
            items.push(Item::heading("health"));
            let lamps = super::now::Now.items(facts).into_iter();
            items.extend(lamps.filter(|item| matches!(item.subject, Subject::Lamp(_))));
        }
        if !dealings.each.is_empty() {
            items.push(Item::heading("budget and breaker of each source"));
        }
        for (at, (source, spent, breaker)) in dealings.each.iter().enumerate() {
            let mark = match (breaker, spent.spent()) {
                (BreakerState::Open { .. } | BreakerState::Probing, _) => Mark::Error,
                (BreakerState::Counting { .. }, _) | (_, Some(_)) => Mark::Warn,
                (BreakerState::Closed, None) => Mark::Plain,
            };
            items.push(Item { mark, ..Item::of(Subject::Spent(at), hash(&("spent", source.name()))) });
        }
        if !dealings.checkups.is_empty() {
            items.push(Item::heading("what the doctor found"));
        }
        for (at, checkup) in dealings.checkups.iter().enumerate() {
            for (place, step) in checkup.steps.iter().enumerate() {
                let key = hash(&("check", checkup.source.name(), place));
                items.push(Item { mark: mark_of(step), ..Item::of(Subject::Check(at, place), key) });
            }
        }
        if !dealings.requests.entries.is_empty() {
            items.push(Item::heading("requests of each source, newest first"));
        }
        let entries = &dealings.requests.entries;
        for kind in SourceKind::ALL {
            let own = entries.iter().enumerate().rev().filter(|(_, exchange)| exchange.source == kind);
            items.extend(own.map(|(at, exchange)| {
                let mark = if is_failed(exchange) { Mark::Error } else { Mark::Plain };
                // Counted from the first request of all, so that the cursor stays on it.
                Item {
                    mark,
                    ..Item::of(Subject::Request(at), hash(&("request", dealings.requests.dropped() + at as u64)))
                }
            }));
        }
        if dealings.requests.dropped() > 0 {
            items.push(Item::of(Subject::Remark("earlier requests are not kept"), 3));
        }
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        let dealings = &facts.dealings;
        match item.subject {
            Subject::Lamp(_) => super::now::Now.stripe(facts, item, room),
            Subject::Heading(text) => Stripe::of(text, Role::Title),
            Subject::Remark(text) => Stripe::of(format!("  {} {text}", dealings.requests.dropped()), Role::Dim),
            Subject::Spent(at) => dealings.each.get(at).map_or_else(Stripe::default, |(source, spent, breaker)| {
                account(facts, *source, spent, *breaker, super::role_of(item.mark))
            }),
            Subject::Check(at, place) => {
                let Some((source, step)) = check(facts, at, place) else { return Stripe::default() };
                let role = role_of(step);
                Stripe::of(format!("{} ", step.finding.sign()), role)
                    .cell(&SafeText::own(source.name()), 7, Align::Left, role)
                    .cell(&SafeText::own(step.name), 13, Align::Left, role)
                    .and(step.seen.clone(), role)
            }
            Subject::Request(at) => {
                dealings.requests.entries.get(at).map_or_else(Stripe::default, |entry| stripe(entry))
            }
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        match item.subject {
            Subject::Check(at, place) => {
                let Some((source, step)) = check(facts, at, place) else { return Vec::new() };
                vec![
                    describe::title(format!("{} {}", source.name(), step.name)),
                    describe::field("finding", step.finding.word()),
                    describe::field("seen", step.seen.clone()),
                    describe::field("to do", step.to_do.clone()),
                ]
            }
            Subject::Spent(at) => {
                let Some((source, spent, breaker)) = facts.dealings.each.get(at) else { return Vec::new() };
                let mut lines = vec![describe::title(format!("budget of {}", source.name()))];
                let part = |(name, part): (&'static str, crate::model::Measure)| {
                    describe::field(name, format!("{} of {}, {} left", part.used, part.limit, part.left()))
                };
                lines.extend(spent.parts().map(part));
                lines.push(describe::field(
                    "breaker",
                    breaker.trouble(|at| at.clock(&facts.zone)).unwrap_or_else(|| "closed".to_owned()),
                ));
                lines.push(Stripe::of(
                    facts.told("{budget} changes the budget, {refresh} asks every source again"),
                    Role::Dim,
                ));
                lines
            }
            Subject::Request(at) => {
                facts.dealings.requests.entries.get(at).map_or_else(Vec::new, |entry| whole(facts, entry))
            }
            _ => describe::present(facts, item.subject),
        }
    }

    fn blank(&self, _: &Facts) -> &'static str {
        "no request was made yet"
    }
}

fn check(facts: &Facts, at: usize, place: usize) -> Option<(SourceKind, &Step)> {
    let checkup = facts.dealings.checkups.get(at)?;
    Some((checkup.source, checkup.steps.get(place)?))
}

const fn mark_of(step: &Step) -> Mark {
    match step.finding {
        Finding::Ok => Mark::Ok,
        Finding::Warn => Mark::Warn,
        Finding::Failed => Mark::Error,
        Finding::NotTried => Mark::Plain,
    }
}

const fn role_of(step: &Step) -> Role {
    match step.finding {
        Finding::Ok => Role::Text,
        Finding::Warn => Role::Warn,
        Finding::Failed => Role::Error,
        Finding::NotTried => Role::Dim,
    }
}

fn account(facts: &Facts, source: SourceKind, spent: &Spent, breaker: BreakerState, role: Role) -> Stripe {
    let trouble = breaker.trouble(|at| at.clock(&facts.zone));
    let trouble = trouble.map(|words| format!("{words}; ")).unwrap_or_default();
    Stripe::of("  ", role)
        .cell(&SafeText::own(source.name()), 7, Align::Left, role)
        .and(format!("{trouble}{}", spent.words()), role)
}

/// Says whether a request brought no answer. A trace that is not there is an answer.
fn is_failed(exchange: &Exchange) -> bool {
    let status = exchange.status.as_str();
    !(status == "ok" || status.starts_with('2') || status.starts_with("404"))
}

fn stripe(exchange: &Exchange) -> Stripe {
    let role = if is_failed(exchange) { Role::Error } else { Role::Text };
    // One role for the whole line: a page of these goes over slow links.
    Stripe::of(if is_failed(exchange) { "E " } else { "  " }, role)
        .cell(&SafeText::own(exchange.source.name()), 7, Align::Left, role)
        .cell(&exchange.took.human().into(), 7, Align::Right, role)
        .cell(&format!("{} rows", exchange.rows).into(), 11, Align::Right, role)
        .cell(&format!("{} B", exchange.bytes).into(), 11, Align::Right, role)
        .and("  ", role)
        .and(exchange.status.clone(), role)
        .and("  ", role)
        .and(exchange.request.clone(), role)
}

fn whole(facts: &Facts, exchange: &Exchange) -> Vec<Stripe> {
    vec![
        describe::title(format!("{} request", exchange.source.name())),
        Stripe::of(exchange.request.clone(), Role::Text),
        describe::field("sent", exchange.at.date_clock(&facts.zone)),
        describe::field("took", exchange.took.human()),
        describe::field(
            "answer",
            format!("{}, {} bytes, {} rows", exchange.status.as_str(), exchange.bytes, exchange.rows),
        ),
    ]
}
