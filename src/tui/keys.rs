//! Keys: how they are written, and which command each one gives.

use super::command::{COMMANDS, Command};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;

/// One press: a key with or without Ctrl. Shift is part of the character, Alt is not used (it is an escape sequence,
/// which a slow link tears apart).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Press {
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl was held.
    pub ctrl: bool,
}

/// Names of keys that are no character.
const NAMES: &[(&str, KeyCode)] = &[
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Space", KeyCode::Char(' ')),
];

impl Press {
    /// Reads `j`, `G`, `?`, `Enter`, `PgDn`, `Ctrl-d`.
    pub fn parse(text: &str) -> Option<Self> {
        let (ctrl, key) = match text.strip_prefix("Ctrl-") {
            Some(key) if !key.is_empty() => (true, key),
            Some(_) | None => (false, text),
        };
        let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, code)| *code);
        let mut characters = key.chars();
        let code = named.or_else(|| characters.next().filter(|_| characters.next().is_none()).map(KeyCode::Char))?;
        Some(Self { code, ctrl })
    }

    /// Returns the press of an event of the terminal.
    pub fn of(event: &KeyEvent) -> Self {
        Self { code: event.code, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) }
    }

    /// Returns the event that a terminal would send.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, if self.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE })
    }
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        match (NAMES.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(character)) => write!(f, "{character}"),
            (None, _) => f.write_str("?"),
        }
    }
}

/// Reads a script of keys: characters stand for themselves, `<Enter>`, `<Ctrl-d>` for keys by name, `<lt>` for `<`.
pub fn script(text: &str) -> Result<Vec<Press>, String> {
    let mut presses = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if character != '<' {
            presses.push(Press { code: KeyCode::Char(character), ctrl: false });
            rest = &rest[character.len_utf8()..];
            continue;
        }
        let end = rest.find('>').ok_or_else(|| format!("`{rest}` has no closing `>`"))?;
        let name = &rest[1..end];
        let press = if name == "lt" { Press::parse("<") } else { Press::parse(name).filter(|_| name.len() > 1) };
        presses.push(press.ok_or_else(|| format!("there is no key `<{name}>`"))?);
        rest = &rest[end + 1..];
    }
    Ok(presses)
}

/// Which command each press gives.
#[derive(Clone, Debug)]
pub struct KeyMap(Vec<(Press, Command)>);

impl Default for KeyMap {
    fn default() -> Self {
        let pairs = COMMANDS.iter().flat_map(|entry| {
            let press = |key: &&str| Press::parse(key).expect("the table names keys that exist");
            entry.keys.iter().map(move |key| (press(key), entry.command))
        });
        Self(pairs.collect())
    }
}

impl KeyMap {
    /// Returns the command of a press.
    pub fn command(&self, press: Press) -> Option<Command> {
        self.0.iter().find(|(known, _)| *known == press).map(|(_, command)| *command)
    }

    /// Returns the presses of a command.
    pub fn presses(&self, command: Command) -> impl Iterator<Item = Press> + '_ {
        self.0.iter().filter(move |(_, known)| *known == command).map(|(press, _)| *press)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for text in ["j", "G", "?", "Enter", "PgDn", "Ctrl-d", "Space", "<", "-", "日"] {
            let press = Press::parse(text).unwrap_or_else(|| panic!("{text} is a key"));
            assert_eq!(press.to_string(), text);
            assert_eq!(Press::of(&press.event()), press);
        }
        for text in ["", "jj", "Ctrl-", "F1", "Alt-x"] {
            assert!(Press::parse(text).is_none_or(|press| press.to_string() == text), "{text}");
        }
    }

    #[test]
    fn scripts_are_read() {
        let told = |text: &str| script(text).map(|presses| presses.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(told("j/a<Enter><Ctrl-c><lt>").expect("a script"), ["j", "/", "a", "Enter", "Ctrl-c", "<"]);
        assert!(told("<Nope>").expect_err("no such key").contains("Nope"));
        assert!(told("<Enter").expect_err("no end").contains("closing"));
    }

    #[test]
    fn no_key_gives_two_commands() {
        let map = KeyMap::default();
        for (at, (press, _)) in map.0.iter().enumerate() {
            assert!(!map.0[..at].iter().any(|(known, _)| known == press), "{press} is bound twice");
        }
        // Keys that terminals, multiplexers and shells take for themselves must not be the only way.
        for entry in COMMANDS {
            let reserved = ["Ctrl-s", "Ctrl-q", "Ctrl-a", "Ctrl-b", "Ctrl-h", "Ctrl-j", "Ctrl-i", "Ctrl-[", "Ctrl-\\"];
            assert!(entry.keys.iter().any(|key| !reserved.contains(key)), "{} has only reserved keys", entry.name);
        }
    }
}
