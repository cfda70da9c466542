//! Help: every key, with the reason where it cannot be used.

use super::{Item, Room, Screen, Subject};
use crate::tui::command::COMMANDS;
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// The screen.
pub struct Help;

impl Screen for Help {
    fn digit(&self) -> char {
        '0'
    }

    fn name(&self) -> &'static str {
        "Help"
    }

    fn head(&self, _: &Facts) -> Vec<Stripe> {
        vec![Stripe::of("the keys of the screen before this one; Enter runs the one under the cursor", Role::Dim)]
    }

    fn items(&self, _: &Facts) -> Vec<Item> {
        let key =
            |(at, entry): (usize, &super::super::command::Entry)| Item::of(Subject::Key(at), super::hash(&entry.name));
        COMMANDS.iter().enumerate().map(key).collect()
    }

    fn stripe(&self, facts: &Facts, item: &Item, _: Room) -> Stripe {
        let Subject::Key(at) = item.subject else { return Stripe::default() };
        let entry = &COMMANDS[at];
        let keys: Vec<String> = facts.keys.presses(entry.command).map(|press| press.to_string()).collect();
        let refusal = facts.refusals.iter().find(|(command, _)| *command == entry.command);
        let role = if refusal.is_some() { Role::Dim } else { Role::Text };
        let mut stripe = Stripe::default()
            .cell(&keys.join(" ").into(), 14, Align::Left, Role::Focus)
            .cell(&entry.name.into(), 17, Align::Left, role)
            .and(entry.does, role);
        if let Some((_, why)) = refusal {
            stripe.push(format!(" (not now: {})", facts.told(why)), Role::Dim);
        }
        stripe
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        vec![self.stripe(facts, item, Room { width: 200, lanes: false, signs: ("", "") })]
    }

    fn blank(&self, _: &Facts) -> &'static str {
        "no keys"
    }
}
