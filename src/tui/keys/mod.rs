//! Keys: how they are written, and which command each one gives.

mod map;
pub mod presets;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
pub use map::{KeyMap, RESERVED, Row};
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
        Self::read(text).ok()
    }

    /// Reads a key, or says what is wrong and what to do.
    pub fn read(text: &str) -> Result<Self, (String, String)> {
        let (ctrl, key) = match text.get(..5).filter(|head| head.eq_ignore_ascii_case("Ctrl-")) {
            Some(_) if text.len() > 5 => (true, &text[5..]),
            Some(_) | None => (false, text),
        };
        let special = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, code)| *code);
        let mut characters = key.chars();
        let single = characters.next().filter(|c| characters.next().is_none() && !c.is_control());
        // A terminal sends the same byte for Ctrl with a capital letter.
        let single = single.map(|c| KeyCode::Char(if ctrl { c.to_ascii_lowercase() } else { c }));
        if let Some(code) = special.or(single) {
            return Ok(Self { code, ctrl });
        }
        let fix = if text.starts_with("Alt-") {
            "Alt is an escape sequence, which a slow line tears apart: take another key".to_owned()
        } else if let Some(name) = nearest(key, NAMES.iter().map(|(name, _)| *name)) {
            format!("did you mean `{}{name}`?", if ctrl { "Ctrl-" } else { "" })
        } else {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("write one character, Ctrl-d, or one of {}", names.join(", "))
        };
        Err((format!("there is no key `{text}`"), fix))
    }

    /// Returns the press of an event of the terminal.
    pub fn of(event: &KeyEvent) -> Self {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        // What these keys send is read as a digit.
        let code = match event.code {
            KeyCode::Char('4') if ctrl => KeyCode::Char('\\'),
            KeyCode::Char('5') if ctrl => KeyCode::Char(']'),
            KeyCode::Char('6') if ctrl => KeyCode::Char('^'),
            KeyCode::Char('7') if ctrl => KeyCode::Char('_'),
            code => code,
        };
        Self { code, ctrl }
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

/// Returns the one of `known` that is most like `typed`, if any is.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let like = |name: &str| strsim::jaro_winkler(&typed, &name.to_lowercase());
    known
        .map(|name| (like(name), name))
        .filter(|(like, _)| *like > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
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
        for text in ["", "jj", "Ctrl-", "F1", "Alt-x", "\n"] {
            assert!(Press::parse(text).is_none(), "{text:?}");
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
    fn a_key_that_is_not_there_is_told_with_its_nearest() {
        for (text, fix) in
            [("PgDwn", "`PgDn`"), ("Ctrl-Entr", "`Ctrl-Enter`"), ("Alt-x", "Alt"), ("F13", "one character")]
        {
            let (what, told) = Press::read(text).expect_err("no such key");
            assert!(what.contains(text) && told.contains(fix), "{what}: {told}");
        }
        assert_eq!(Press::parse("Ctrl-D"), Press::parse("ctrl-d"));
        let sent = KeyEvent::new(KeyCode::Char('5'), KeyModifiers::CONTROL);
        assert_eq!(Some(Press::of(&sent)), Press::parse("Ctrl-]"));
    }

    #[test]
    fn no_key_gives_two_commands() {
        KeyMap::of(&crate::config::Bindings::default()).expect("the built-in keys have no mistakes");
    }
}
