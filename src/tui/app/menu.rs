//! A short list over the screen, from which one thing is taken.

use super::App;
use crate::model::SafeText;
use crate::tui::command::Command;
use crate::tui::engine::Engine;
use crate::tui::keys::Press;
use crate::tui::look::{Align, Role, Stripe};
use crate::tui::stage::Wish;
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A list with a cursor.
#[derive(Clone, Debug)]
pub struct Menu {
    /// What it is about.
    pub title: SafeText,
    /// What can be taken.
    pub choices: Vec<Pick>,
    /// Place of the cursor.
    pub chosen: usize,
}

/// One line of a menu.
#[derive(Clone, Debug)]
pub struct Pick {
    /// What it is.
    pub label: SafeText,
    /// What is said beside it.
    pub about: SafeText,
    /// What taking it does.
    pub does: Does,
}

/// What taking a line does.
#[derive(Clone, Debug)]
pub enum Does {
    /// Puts the cursor of a screen on the item of a key.
    Seek {
        /// Digit of the screen.
        lens: char,
        /// Key of the item.
        key: u64,
    },
    /// Follows an identity.
    Follow(SafeText),
    /// Copies lines.
    Copy(Vec<SafeText>),
    /// Nothing: the line is the answer.
    Nothing,
}

impl Pick {
    /// Returns a line.
    pub fn new(label: impl Into<SafeText>, about: impl Into<SafeText>, does: Does) -> Self {
        Self { label: label.into(), about: about.into(), does }
    }
}

impl<E: Engine> App<E> {
    /// Opens a menu.
    pub(super) fn offer(&mut self, title: impl Into<SafeText>, choices: Vec<Pick>) {
        self.menu = Some(Menu { title: title.into(), choices, chosen: 0 });
    }

    /// Takes a key while a menu is open: the console's own keys move in it, digits take a line at once.
    pub(super) fn press_in_menu(&mut self, mut menu: Menu, press: Press) {
        let last = menu.choices.len().saturating_sub(1);
        if let (KeyCode::Char(digit @ '1'..='9'), false) = (press.code, press.ctrl) {
            let place = digit as usize - '1' as usize;
            match menu.choices.get(place).cloned() {
                Some(pick) => self.pick(pick.does),
                None => self.menu = Some(menu),
            }
            return;
        }
        match (self.facts.keys.command(press), press.code) {
            (Some(Command::Down), _) | (_, KeyCode::Tab) => {
                menu.chosen = if menu.chosen < last { menu.chosen + 1 } else { 0 }
            }
            (Some(Command::Up), _) => menu.chosen = menu.chosen.checked_sub(1).unwrap_or(last),
            (Some(Command::Top | Command::PageUp | Command::HalfUp), _) => menu.chosen = 0,
            (Some(Command::Bottom | Command::PageDown | Command::HalfDown), _) => menu.chosen = last,
            (Some(Command::Open), _) | (_, KeyCode::Enter) => {
                if let Some(pick) = menu.choices.get(menu.chosen).cloned() {
                    self.pick(pick.does);
                }
                return;
            }
            (Some(Command::Escape | Command::Quit | Command::Cancel), _) | (_, KeyCode::Esc) => return,
            _ => self.tell("a list is open: {down} and {up} move, {open} takes, {back} closes it"),
        }
        self.menu = Some(menu);
    }

    pub(super) fn pick(&mut self, does: Does) {
        match does {
            Does::Seek { lens, key } => {
                self.lens(lens);
                if !self.views[self.screen].seek(key) {
                    self.tell("it is hidden by the filter or folded away: {back} shows everything, {fold} unfolds");
                }
            }
            Does::Follow(id) => self.follow_text(&id),
            Does::Copy(lines) => self.wish = Some(Wish::Copy(lines)),
            Does::Nothing => {}
        }
    }

    /// Draws the menu over the end of the body.
    pub(super) fn menu(&self, buffer: &mut Buffer, body: Rect) {
        let Some(menu) = &self.menu else { return };
        let rows = usize::from(body.height).saturating_sub(1);
        let shown = menu.choices.len().min(rows);
        let first = (menu.chosen + 1).saturating_sub(shown);
        let top = body.bottom() - shown as u16 - 1;
        let line = |down: usize| Rect { y: top + down as u16, height: 1, ..body };
        let blank = SafeText::new(&" ".repeat(usize::from(body.width)));
        for down in 0..=shown {
            self.pen.put(buffer, body.x, line(down).y, body.width, &blank, Role::Text);
        }
        self.draw_stripe(buffer, line(0), &Stripe::of(menu.title.clone(), Role::Title));
        let widest = menu.choices.iter().map(|pick| pick.label.width()).max().unwrap_or(0);
        let label = widest.min(usize::from(body.width) / 2);
        for (down, (place, pick)) in menu.choices.iter().enumerate().skip(first).take(shown).enumerate() {
            let digit = if place < 9 { (place + 1).to_string() } else { " ".to_owned() };
            let told = Stripe::of(format!(" {digit} "), Role::Focus)
                .cell(&pick.label, label, Align::Left, Role::Text)
                .and("  ", Role::Dim)
                .and(pick.about.clone(), Role::Dim);
            self.draw_stripe(buffer, line(down + 1), &told);
            if place == menu.chosen {
                self.pen.lay(buffer, line(down + 1), Role::Selection);
            }
        }
    }
}
