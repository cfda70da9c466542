//! Evidence: hypotheses with what speaks for and against them, and pinned rows.

use super::describe::{field, title};
use super::{Item, Room, Screen, Subject, hash};
use crate::model::Timestamp;
use crate::model::journey::Mark;
use crate::tui::evidence::Pin;
use crate::tui::facts::Facts;
use crate::tui::look::{Role, Stripe};

/// The screen.
pub struct Evidence;

impl Screen for Evidence {
    fn digit(&self) -> char {
        '8'
    }

    fn name(&self) -> &'static str {
        "Evidence"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        let (pins, hypotheses) = (facts.evidence.pins.len(), facts.evidence.hypotheses.len());
        let told =
            Stripe::of(format!("{pins} pins"), Role::Title).and(format!(", {hypotheses} hypotheses"), Role::Text);
        let keys = "{hypothesis} adds one, {speaks-for} and {speaks-against} say what a pin speaks for and against; {copy} copies all";
        let kept = match &facts.not_kept {
            None => "; kept beyond the console's end".to_owned(),
            Some(why) => format!("; {}", why.as_str()),
        };
        vec![told.and(kept, Role::Dim), Stripe::of(facts.told(keys), Role::Dim)]
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let mut items = Vec::new();
        let item = |(at, pin): (usize, &Pin), mark| Item {
            mark,
            follow: pin.identity.clone(),
            at: pin.at,
            ..Item::of(Subject::Pinned(at), hash(&("pin", pin.lens, pin.key, pin.text.as_str())))
        };
        for (at, hypothesis) in facts.evidence.hypotheses.iter().enumerate() {
            items.push(Item::of(Subject::Hypothesis(at), hash(&("hypothesis", hypothesis.as_str()))));
            items.extend(facts.evidence.of(at, true).map(|pin| item(pin, Mark::Ok)));
            items.extend(facts.evidence.of(at, false).map(|pin| item(pin, Mark::Error)));
        }
        if !facts.evidence.hypotheses.is_empty() && facts.evidence.loose().next().is_some() {
            items.push(Item::heading("pinned"));
        }
        items.extend(facts.evidence.loose().map(|pin| item(pin, Mark::Plain)));
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, _: Room) -> Stripe {
        match item.subject {
            Subject::Heading(text) => Stripe::of(text, Role::Title),
            Subject::Hypothesis(at) => {
                let Some(hypothesis) = facts.evidence.hypotheses.get(at) else { return Stripe::default() };
                Stripe::of(hypothesis.clone(), Role::Title)
                    .and("  ", Role::Dim)
                    .and(facts.evidence.stands(at), Role::Info)
            }
            Subject::Pinned(at) => {
                let Some(pin) = facts.evidence.pins.get(at) else { return Stripe::default() };
                let (sign, role) = match pin.speaks {
                    Some((_, true)) => ("  for     ", Role::Ok),
                    Some((_, false)) => ("  against ", Role::Error),
                    None => ("  ", Role::Dim),
                };
                let mut stripe = Stripe::of(sign, role);
                if !pin.note.is_empty() {
                    stripe.push(pin.note.clone(), Role::Info);
                    stripe.push(": ", Role::Dim);
                }
                stripe.and(pin.text.clone(), Role::Text)
            }
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        match item.subject {
            Subject::Hypothesis(at) => {
                let name = facts.evidence.hypotheses.get(at).cloned().unwrap_or_default();
                vec![
                    title(name),
                    field("stands", facts.evidence.stands(at)),
                    Stripe::of("what is pinned is not all there is: nothing here proves it", Role::Dim),
                ]
            }
            Subject::Pinned(at) => {
                let Some(pin) = facts.evidence.pins.get(at) else { return Vec::new() };
                let mut lines = vec![title(pin.text.clone())];
                if pin.at != Timestamp(0) {
                    lines.push(field("at", pin.at.date_clock(&facts.zone)));
                }
                if let Some(id) = &pin.identity {
                    lines.push(field("follow", id.clone()));
                }
                if !pin.note.is_empty() {
                    lines.push(field("note", pin.note.clone()));
                }
                if let Some((hypothesis, is_for)) = pin.speaks {
                    let name = facts.evidence.hypotheses.get(hypothesis).cloned().unwrap_or_default();
                    lines.push(field(if is_for { "for" } else { "against" }, name));
                }
                lines.push(field("seen on", pin.lens.to_string()));
                lines.push(field("again", pin.command.clone()));
                lines
            }
            _ => Vec::new(),
        }
    }

    fn blank(&self, _: &Facts) -> &'static str {
        "nothing is pinned yet: {pin} pins the row under the cursor, {pin-note} with a note"
    }
}
