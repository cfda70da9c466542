//! Now: a lamp per source, groups with their lag, recent traces with errors.

use super::{Item, Room, Screen, Subject, describe, hash};
use crate::export::present::light_word;
use crate::model::journey::Mark;
use crate::model::now::{ErrorTrace, GroupLag, Lamp, Light};
use crate::model::queue::GroupKind;
use crate::model::{self, SafeText};
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// The screen.
pub struct Now;

impl Screen for Now {
    fn digit(&self) -> char {
        '1'
    }

    fn name(&self) -> &'static str {
        "Now"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        let Some(now) = &facts.now else {
            return vec![Stripe::of("waiting", Role::Info).and("  asking the sources", Role::Dim)];
        };
        let (word, role) = state(now, facts.is_reading);
        let at = now.at.date_clock(&facts.zone);
        let mut head = vec![
            Stripe::of(word, role)
                .and(format!("  the last {} until {at}", now.window.length().human()), Role::Dim)
                .and(told(now), Role::Dim),
        ];
        if now.lamps.iter().any(Lamp::is_cut_by_budget) {
            head.push(super::spent(facts, "{refresh} reads everything again"));
        }
        head
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let Some(now) = &facts.now else { return Vec::new() };
        let mut items = vec![Item::heading("sources")];
        for (at, lamp) in now.lamps.iter().enumerate() {
            items.push(Item {
                mark: mark_of(lamp.light),
                ..Item::of(Subject::Lamp(at), hash(&("lamp", lamp.source.name())))
            });
        }
        items.push(Item::heading("consumer groups, worst first"));
        let asked = now.lamps.iter().find(|lamp| lamp.source == model::SourceKind::Kafka);
        if now.queues.is_none() {
            let waits = asked.is_some_and(|lamp| lamp.light == Light::Waiting);
            items.push(Item::of(
                Subject::Remark(if waits { "waiting for Kafka" } else { "cannot tell: Kafka did not answer" }),
                1,
            ));
        } else if now.groups.is_empty() {
            items.push(Item::of(Subject::Remark("no consumer group"), 2));
        }
        for (at, group) in now.groups.iter().enumerate() {
            let mark = match (group.fault.is_some(), group.lost > 0, group.lag > 0, group.unknown > 0) {
                (true, ..) | (_, true, ..) => Mark::Error,
                (_, _, true, _) => Mark::Warn,
                (.., true) => Mark::Unknown,
                (.., false) => Mark::Ok,
            };
            let key = hash(&("group", group.group.as_str()));
            items.push(Item { mark, follow: group.next.clone(), ..Item::of(Subject::Group(at), key) });
        }
        items.push(Item::heading("traces with errors, the newest of each service"));
        if now.errors.is_empty() {
            let lamp = now.worst(model::Signal::Traces);
            items.push(Item::of(
                Subject::Remark(match lamp.map(|lamp| (lamp.light, lamp.source)) {
                    Some((Light::Ok | Light::Partial, _)) => "none seen in this window",
                    Some((Light::Waiting, model::SourceKind::Tempo)) => "waiting for Tempo",
                    Some((Light::Waiting, _)) => "waiting for Jaeger",
                    Some((Light::Down | Light::Off, model::SourceKind::Tempo)) => "cannot tell: Tempo did not answer",
                    Some((Light::Down | Light::Off, _)) | None => "cannot tell: Jaeger did not answer",
                }),
                3,
            ));
        }
        for (at, trace) in now.errors.iter().enumerate() {
            let follow = Some(SafeText::new(&trace.trace.to_string()));
            items.push(Item {
                mark: Mark::Error,
                follow,
                ..Item::of(Subject::Trace(at), hash(&("trace", trace.trace.0)))
            });
        }
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        let Some(now) = &facts.now else { return Stripe::default() };
        match item.subject {
            Subject::Lamp(at) => now.lamps.get(at).map_or_else(Stripe::default, |row| lamp(row, facts)),
            Subject::Group(at) => now.groups.get(at).map_or_else(Stripe::default, |row| group(row, room)),
            Subject::Trace(at) => now.errors.get(at).map_or_else(Stripe::default, |row| trace(row, facts)),
            Subject::Heading(text) => Stripe::of(text, Role::Title),
            Subject::Remark(text) => Stripe::of(text, Role::Dim),
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        describe::present(facts, item.subject)
    }

    /// The lamps say little while they shine: the cursor stands on the worst thing that can be followed.
    fn first(&self, items: &[Item], shown: &[u32]) -> Option<usize> {
        shown.iter().position(|at| items[*at as usize].follow.is_some())
    }

    fn blank(&self, _: &Facts) -> &'static str {
        "waiting for the first source"
    }
}

/// Returns the state in one word.
fn state(now: &model::Now, is_reading: bool) -> (&'static str, Role) {
    let asked = || now.lamps.iter().filter(|lamp| lamp.light != Light::Off);
    if is_reading && asked().any(|lamp| lamp.light == Light::Waiting) {
        ("waiting", Role::Info)
    } else if asked().all(|lamp| lamp.light == Light::Down) {
        ("no answer", Role::Error)
    } else if asked().any(|lamp| lamp.light != Light::Ok) {
        ("partial", Role::Warn)
    } else {
        ("complete", Role::Ok)
    }
}

fn told(now: &model::Now) -> String {
    let lagging = now.groups.iter().filter(|group| group.lag > 0 || group.lost > 0).count();
    match (lagging, now.errors.len()) {
        (0, 0) => String::new(),
        (groups, traces) => format!("; {groups} groups lag, {traces} traces with errors"),
    }
}

const fn mark_of(light: Light) -> Mark {
    match light {
        Light::Ok => Mark::Ok,
        Light::Partial => Mark::Warn,
        Light::Down => Mark::Error,
        Light::Waiting => Mark::Wait,
        Light::Off => Mark::Plain,
    }
}

fn lamp(lamp: &Lamp, facts: &Facts) -> Stripe {
    let role = match lamp.light {
        Light::Ok => Role::Ok,
        Light::Partial => Role::Warn,
        Light::Down => Role::Error,
        Light::Waiting | Light::Off => Role::Dim,
    };
    let mut stripe = Stripe::of(format!("{} ", lamp.light.letter()), role)
        .cell(&SafeText::own(lamp.source.name()), 7, Align::Left, Role::Text)
        .and(light_word(lamp.light), role);
    // What happened since the reading counts, too.
    let newest = facts.dealings.each.iter().find(|(source, ..)| *source == lamp.source);
    let breaker = newest.map_or(lamp.breaker, |(_, _, breaker)| *breaker);
    if let Some(trouble) = breaker.trouble(|at| at.clock(&facts.zone)) {
        stripe.push(format!(", {trouble}"), if lamp.light == Light::Down { Role::Error } else { Role::Warn });
    }
    if !lamp.detail.is_empty() && lamp.detail.as_str() != light_word(lamp.light) {
        stripe.push("  ", Role::Dim);
        stripe.push(lamp.detail.clone(), if lamp.light == Light::Down { role } else { Role::Text });
    }
    if let (Light::Partial, Some(note)) = (lamp.light, lamp.notes.first()) {
        stripe.push("  ", Role::Dim);
        stripe.push(note.text.clone(), Role::Dim);
    }
    if !lamp.address.is_empty() {
        stripe.push("  ", Role::Dim);
        stripe.push(lamp.address.clone(), Role::Dim);
    }
    stripe
}

/// Returns the line of a group.
pub(super) fn group(row: &GroupLag, room: Room) -> Stripe {
    let role = if row.lag > 0 || row.lost > 0 { Role::Warn } else { Role::Ok };
    let name = (room.width / 3).clamp(14, 32);
    let lag = match (row.fault.is_some(), row.kind) {
        (true, _) => "?".to_owned(),
        (false, GroupKind::Share) if row.lag > 0 => format!("<={}", row.lag),
        (false, _) => row.lag.to_string(),
    };
    let mut stripe = Stripe::of(
        if row.fault.is_some() {
            "E "
        } else if row.lag > 0 {
            "W "
        } else {
            "+ "
        },
        role,
    )
    .cell(&row.group, name, Align::Left, Role::Text)
    .and(" lag ", Role::Text)
    .cell(&lag.into(), 7, Align::Right, role)
    .and("  ", Role::Dim);
    if let Some(fault) = &row.fault {
        return stripe.and(fault.clone(), Role::Error);
    }
    if let (Some((topic, partition, lag)), true) = (&row.worst, row.lag > 0) {
        stripe.push(format!("{}-{partition}", topic.as_str()), Role::Text);
        stripe.push(format!(" {lag}  "), role);
    }
    if row.lost > 0 {
        stripe.push(format!("{} lost to retention  ", row.lost), Role::Error);
    }
    if row.behind_transaction > 0 {
        stripe.push(format!("{} in a transaction  ", row.behind_transaction), Role::Warn);
    }
    if row.unknown > 0 {
        stripe.push(format!("{} partitions unknown  ", row.unknown), Role::Unknown);
    }
    // The classic protocol is what nearly all groups speak.
    let kind = if row.kind == GroupKind::Classic { String::new() } else { format!(" {}", row.kind.word()) };
    stripe.and(row.state.clone(), Role::Dim).and(format!("{kind}, {} members", row.members), Role::Dim)
}

fn trace(row: &ErrorTrace, facts: &Facts) -> Stripe {
    Stripe::of("E ", Role::Error)
        .and(row.start.clock(&facts.zone).split('.').next().unwrap_or_default(), Role::Dim)
        .and(" ", Role::Dim)
        .cell(&row.duration.human().into(), 7, Align::Right, Role::Dim)
        .and("  ", Role::Dim)
        .and(row.root.clone(), Role::Text)
        .and(format!("  {}/{} spans: ", row.errors, row.spans), Role::Text)
        .and(row.error.clone(), Role::Error)
}
