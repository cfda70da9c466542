//! The two prompts: `/` filters, `:` goes to an identity or runs a command.

use crate::model::SafeText;
use crate::model::id::recognise;
use crate::tui::command::{COMMANDS, Command};
use crate::tui::filter::closest;
use crossterm::event::KeyCode;
use tui_input::{Input, InputRequest};

use crate::tui::keys::Press;

/// Choices that are offered at once.
pub const OFFERED: usize = 6;

/// Which prompt has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/`.
    Filter,
    /// `:`.
    Go,
    /// A note for a pin.
    Note,
    /// A time to go to.
    Time,
}

/// A prompt. What was typed stays when it is left, and is there again when it is opened.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Which.
    pub kind: Kind,
    /// What is typed.
    pub input: Input,
    /// What `:` offers.
    pub choices: Vec<Choice>,
    /// The offered choice that Enter takes; 0 for what is typed.
    pub chosen: usize,
}

/// Something that `:` can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is shown.
    pub label: SafeText,
    /// What is matched: the label and what is said beside it.
    pub words: String,
    /// What is said beside it.
    pub about: SafeText,
    /// What it does.
    pub act: Act,
}

impl Choice {
    /// Returns a choice.
    pub fn new(label: SafeText, about: SafeText, act: Act) -> Self {
        let words = format!("{} {}", label.as_str(), about.as_str());
        Self { label, words, about, act }
    }
}

/// What a choice does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Runs a command.
    Run(Command),
    /// Follows an identity.
    Follow(SafeText),
    /// Changes limits.
    Adjust(SafeText),
    /// Adds a hypothesis.
    Suppose(SafeText),
    /// Tails a query.
    Tail(SafeText),
}

/// What a key did to a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Changed or moved.
    On,
    /// Enter.
    Done,
    /// Esc.
    Left,
}

impl Prompt {
    /// Returns a prompt with what was typed before.
    pub fn new(kind: Kind, draft: &str, choices: Vec<Choice>) -> Self {
        Self { kind, input: Input::new(draft.to_owned()), choices, chosen: 0 }
    }

    /// Takes a key.
    pub fn take(&mut self, press: Press) -> Typed {
        let request = match (press.code, press.ctrl) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => return Typed::Left,
            (KeyCode::Enter, _) => return Typed::Done,
            (KeyCode::Tab | KeyCode::Down, _) => {
                let offered = self.offered().len();
                self.chosen = if self.chosen < offered { self.chosen + 1 } else { 0 };
                return Typed::On;
            }
            (KeyCode::Up, _) => {
                self.chosen = self.chosen.checked_sub(1).unwrap_or_else(|| self.offered().len());
                return Typed::On;
            }
            (KeyCode::Backspace, _) => InputRequest::DeletePrevChar,
            (KeyCode::Delete, _) => InputRequest::DeleteNextChar,
            (KeyCode::Left, _) => InputRequest::GoToPrevChar,
            (KeyCode::Right, _) => InputRequest::GoToNextChar,
            (KeyCode::Home, _) => InputRequest::GoToStart,
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => InputRequest::GoToEnd,
            (KeyCode::Char('u'), true) => InputRequest::DeleteLine,
            (KeyCode::Char('w'), true) => InputRequest::DeletePrevWord,
            (KeyCode::Char('k'), true) => InputRequest::DeleteTillEnd,
            (KeyCode::Char(character), false) => InputRequest::InsertChar(character),
            _ => return Typed::On,
        };
        self.input.handle(request);
        self.chosen = 0;
        Typed::On
    }

    /// Takes pasted text; line feeds and other controls are left out, so that nothing pasted acts as a key.
    pub fn paste(&mut self, text: &str) {
        for character in text.trim().chars().filter(|character| !character.is_control()) {
            self.input.handle(InputRequest::InsertChar(character));
        }
        self.chosen = 0;
    }

    /// Returns what `:` offers for what is typed.
    pub fn offered(&self) -> Vec<&Choice> {
        if self.kind != Kind::Go {
            return Vec::new();
        }
        let typed = self.input.value().trim();
        let mut offered = closest(typed, &self.choices, |choice| choice.words.as_str());
        offered.truncate(OFFERED);
        offered
    }

    /// Returns what Enter would do, or nothing when nothing is typed.
    pub fn act(&self) -> Option<Act> {
        let typed = self.input.value().trim();
        if self.chosen > 0 {
            return self.offered().get(self.chosen - 1).map(|choice| choice.act.clone());
        }
        if let Some(entry) = COMMANDS.iter().find(|entry| entry.name == typed) {
            return Some(Act::Run(entry.command));
        }
        if let Some(limits) = typed.strip_prefix("budget ").map(str::trim).filter(|limits| !limits.is_empty()) {
            return Some(Act::Adjust(SafeText::new(limits)));
        }
        if let Some(hypothesis) = typed.strip_prefix("hypothesis ").map(str::trim).filter(|text| !text.is_empty()) {
            return Some(Act::Suppose(SafeText::new(hypothesis)));
        }
        if let Some(query) = typed.strip_prefix("tail ").map(str::trim).filter(|query| !query.is_empty()) {
            return Some(Act::Tail(SafeText::new(query)));
        }
        let id = typed.strip_prefix("follow ").unwrap_or(typed);
        (!id.is_empty()).then(|| Act::Follow(SafeText::new(id)))
    }

    /// Says what Enter would do.
    pub fn says(&self) -> String {
        match self.act() {
            None => "type an ID or a command; Tab chooses".to_owned(),
            Some(Act::Run(command)) => format!("Enter: {}", command.entry().does),
            Some(Act::Adjust(_)) => "Enter: change the budget (requests, bytes, rows, time; loki.requests)".to_owned(),
            Some(Act::Tail(_)) => "Enter: show lines of this query as they come".to_owned(),
            Some(Act::Suppose(_)) => "Enter: add this hypothesis to the evidence".to_owned(),
            Some(Act::Follow(id)) => match recognise(id.as_str()) {
                Some(anchor) => format!("Enter: follow this {}", anchor.kind),
                None => "nothing to follow".to_owned(),
            },
        }
    }
}

/// Returns the commands as choices.
pub fn commands() -> impl Iterator<Item = Choice> {
    COMMANDS
        .iter()
        .filter(|entry| entry.command != Command::Go)
        .map(|entry| Choice::new(SafeText::own(entry.name), SafeText::own(entry.does), Act::Run(entry.command)))
}
