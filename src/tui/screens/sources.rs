//! Sources: health of each, and every request that was made.

use super::{Item, Room, Screen, Subject, describe, hash};
use crate::model::journey::Mark;
use crate::model::{Exchange, SafeText};
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
        let of_now = facts.now.iter().flat_map(|now| &now.exchanges);
        let of_story = facts.story.iter().flat_map(|story| &story.exchanges);
        let (mut requests, mut bytes, mut failed) = (0u64, 0u64, 0u64);
        for exchange in of_now.chain(of_story) {
            requests += 1;
            bytes += exchange.bytes;
            failed += u64::from(is_failed(exchange));
        }
        let (word, role) = match (facts.is_reading || facts.is_following, requests, failed) {
            (true, ..) => ("waiting", Role::Info),
            (false, 0, _) => ("no answer", Role::Error),
            (false, _, 0) => ("complete", Role::Ok),
            (false, all, failed) if all == failed => ("no answer", Role::Error),
            (false, ..) => ("partial", Role::Warn),
        };
        let told = format!("  {requests} requests, {bytes} bytes received, {failed} failed");
        vec![Stripe::of(word, role).and(told, Role::Dim)]
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let mut items = Vec::new();
        if let Some(now) = &facts.now {
            items.extend(
                super::now::Now.items(facts).into_iter().filter(|item| matches!(item.subject, Subject::Lamp(_))),
            );
            items.insert(0, Item::heading("health"));
            exchanges(&now.exchanges, "requests for Now", Subject::PresentExchange, &mut items);
        }
        if let Some(story) = &facts.story {
            exchanges(&story.exchanges, "requests for the story", Subject::StoryExchange, &mut items);
        }
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        let of_now = |at: usize| facts.now.as_ref().and_then(|now| now.exchanges.get(at));
        let of_story = |at: usize| facts.story.as_ref().and_then(|story| story.exchanges.get(at));
        match item.subject {
            Subject::Lamp(_) => super::now::Now.stripe(facts, item, room),
            Subject::Heading(text) => Stripe::of(text, Role::Title),
            Subject::PresentExchange(at) => of_now(at).map_or_else(Stripe::default, stripe),
            Subject::StoryExchange(at) => of_story(at).map_or_else(Stripe::default, stripe),
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        match item.subject {
            Subject::Lamp(_) => describe::present(facts, item.subject),
            _ => describe::exchange(facts, item.subject),
        }
    }

    fn blank(&self, _: &Facts) -> &'static str {
        "no request was made yet"
    }
}

fn exchanges(exchanges: &[Exchange], title: &'static str, subject: fn(usize) -> Subject, items: &mut Vec<Item>) {
    if exchanges.is_empty() {
        return;
    }
    items.push(Item::heading(title));
    for (at, exchange) in exchanges.iter().enumerate() {
        let mark = if is_failed(exchange) { Mark::Error } else { Mark::Plain };
        items.push(Item { mark, ..Item::of(subject(at), hash(&(title, at))) });
    }
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
