//! Compare: two marked identities side by side, what differs first; then failing traces against healthy ones.

use super::describe::{field, title};
use super::{Item, Room, Screen, Subject, hash};
use crate::export::compare::{Difference, Line, Told, standing};
use crate::model::journey::Mark;
use crate::model::{Nanos, SafeText};
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// The screen.
pub struct Compare;

impl Screen for Compare {
    fn digit(&self) -> char {
        '7'
    }

    fn name(&self) -> &'static str {
        "Compare"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        let [a, b] = &facts.pair[..] else { return vec![Stripe::of("no two identities yet", Role::Dim)] };
        let side = |name: &str, side: &crate::tui::facts::Side| {
            let told = Stripe::of(format!("{name} "), Role::Focus).and(side.anchor.identity.to_string(), Role::Title);
            match &side.case {
                Some(case) if !case.is_found() => told.and(format!("  {}", standing(case)), Role::Warn),
                Some(case) if !case.is_complete() => told.and("  partial", Role::Warn),
                Some(_) => told.and("  complete", Role::Ok),
                None => told.and("  waiting", Role::Info),
            }
        };
        let mut head = vec![side("A", a), side("B", b)];
        if let Some(found) = facts.comparison() {
            let differ = found.lines.iter().filter(|line| !line.differs.is_empty()).count();
            let (failing, healthy) = (found.cohorts.failing, found.cohorts.healthy);
            let told =
                format!("{differ} of {} things differ; {failing} traces failed, {healthy} did not", found.lines.len());
            head.push(Stripe::of(told, Role::Text));
        }
        head
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let Some(found) = facts.comparison() else { return Vec::new() };
        let mut items = Vec::new();
        let mut heading = "";
        for (at, line) in found.lines.iter().enumerate() {
            let own = if line.differs.is_empty() { "equal in both" } else { "different" };
            if heading != own && line.part != crate::export::compare::Part::Outcome {
                items.push(Item::heading(own));
                heading = own;
            }
            let mark = if line.differs.is_empty() { Mark::Plain } else { Mark::Warn };
            items.push(Item { mark, ..Item::of(Subject::Pair(at), hash(&("pair", line.part, line.name.as_str()))) });
        }
        if !found.cohorts.differences.is_empty() {
            items.push(Item::heading("attributes of failing traces against healthy ones"));
        }
        for (at, one) in found.cohorts.differences.iter().enumerate() {
            let key = hash(&("attribute", one.name.as_str(), one.value.as_str()));
            items.push(Item::of(Subject::Attribute(at), key));
        }
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        let Some(found) = facts.comparison() else { return Stripe::default() };
        match item.subject {
            Subject::Heading(text) => Stripe::of(text, Role::Title),
            Subject::Pair(at) => found.lines.get(at).map_or_else(Stripe::default, |line| pair(line, item.mark, room)),
            Subject::Attribute(at) => {
                let Some(one) = found.cohorts.differences.get(at) else { return Stripe::default() };
                let value = (room.width / 2).saturating_sub(4);
                Stripe::of("  ", Role::Dim)
                    .cell(
                        &SafeText::new(&format!("{} = {}", one.name.as_str(), one.value.as_str())),
                        value,
                        Align::Left,
                        Role::Text,
                    )
                    .and(counts(one, facts), Role::Warn)
            }
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        let Some(found) = facts.comparison() else { return Vec::new() };
        match item.subject {
            Subject::Pair(at) => {
                let Some(line) = found.lines.get(at) else { return Vec::new() };
                let mut lines = vec![title(format!("{} {}", line.part.word(), line.name.as_str()))];
                let sides = facts.pair.iter().zip([&line.a, &line.b]).zip(["A", "B"]);
                for ((side, told), name) in sides {
                    lines.push(field(name, side.anchor.identity.to_string()));
                    lines.push(field("", told.as_ref().map_or_else(|| "knows nothing of it".into(), words)));
                }
                let differs = if line.differs.is_empty() { "nothing".to_owned() } else { line.differs.join(", ") };
                lines.push(field("differs", differs));
                lines
            }
            Subject::Attribute(at) => {
                let Some(one) = found.cohorts.differences.get(at) else { return Vec::new() };
                vec![
                    title(one.name.clone()),
                    field("value", one.value.clone()),
                    field("traces", counts(one, facts)),
                    Stripe::of("a difference is no cause: look at what else these traces share", Role::Dim),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn blank(&self, facts: &Facts) -> &'static str {
        if facts.pair.is_empty() {
            "mark two identities with {mark}, then {compare-marked} compares them"
        } else if facts.is_following {
            "waiting for both stories"
        } else {
            "one of the two stories could not be told; {sources} says why"
        }
    }
}

/// Counts with what they are counts of.
fn counts(one: &Difference, facts: &Facts) -> String {
    let Some(found) = facts.comparison() else { return String::new() };
    let (failing, healthy) = (found.cohorts.failing, found.cohorts.healthy);
    format!("{} of {failing} failing, {} of {healthy} healthy", one.failing, one.healthy)
}

fn pair(line: &Line, mark: Mark, room: Room) -> Stripe {
    let side = (room.width / 5).clamp(14, 30);
    let name = room.width.saturating_sub(2 * side + 13).max(12);
    let cell = |told: &Option<Told>| told.as_ref().map_or_else(|| SafeText::own("-"), words);
    let role = super::role_of(mark);
    Stripe::of(format!("{} ", mark.sign()), role)
        .cell(&SafeText::own(line.part.word()), 8, Align::Left, Role::Dim)
        .and(" ", Role::Dim)
        .cell(&line.name.cut_middle(name), name, Align::Left, Role::Text)
        .and(" ", Role::Dim)
        .cell(&cell(&line.a), side, Align::Left, role)
        .and(" ", Role::Dim)
        .cell(&cell(&line.b), side, Align::Left, role)
}

fn words(told: &Told) -> SafeText {
    if let Some(word) = &told.word {
        return word.clone();
    }
    let failed = if told.failed > 0 { format!(" E{}", told.failed) } else { String::new() };
    let took = if told.took > 0 { format!(" {}", Nanos(told.took).human()) } else { String::new() };
    format!("x{}{failed}{took}", told.times).into()
}
