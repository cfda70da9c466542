//! Keys as a person binds them: `[keys]` of the file, command to key. Which commands and which keys there are is for the
//! console to say.

use super::file::{self, Written};
use super::load::Origin;
use crate::model::SafeText;

/// The section's own setting; everything else in it is a command.
const PRESET: &str = "preset";

/// What a file says about keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Name of the preset that they build on.
    pub preset: Option<(String, Place)>,
    /// Commands with their keys, in the order of their names.
    pub commands: Vec<Binding>,
}

/// One command with its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Name of the command, as written.
    pub command: String,
    /// Keys, as written; `none` alone takes all keys away.
    pub keys: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// Where a binding stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `file:line:column`, for mistakes.
    pub exact: SafeText,
    /// File and line, for lists of settings.
    pub origin: Origin,
}

/// Reads the bindings of a file's text. What is wrong with the file itself is told where its settings are loaded.
pub fn read(path: &str, text: &str) -> Bindings {
    of(path, &file::read(path, text).0)
}

/// Returns the bindings among what a file sets.
pub(super) fn of(path: &str, entries: &file::Entries) -> Bindings {
    let place = |written: &Written| Place {
        exact: SafeText::new(&format!("{path}:{}:{}", written.line, written.column)),
        origin: Origin::File(SafeText::new(path), written.line),
    };
    let mut found = Bindings::default();
    for (name, written) in entries {
        let Some(command) = name.strip_prefix("keys.") else { continue };
        let place = place(written);
        if command == PRESET {
            found.preset = Some((written.value.clone(), place));
            continue;
        }
        let keys = serde_json::from_str(&written.value).expect("keys were checked when the file was read");
        found.commands.push(Binding { command: command.to_owned(), keys, place });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_and_several_are_read_with_their_places() {
        let found = read("c.toml", "[keys]\npreset = \"vim\"\nfollow = \"F\"\nopen = [\"Enter\", \"l\"]\n");
        assert_eq!(found.preset.map(|(name, place)| (name, place.exact)), Some(("vim".into(), "c.toml:2:10".into())));
        let told: Vec<(&str, usize, &str)> = found
            .commands
            .iter()
            .map(|binding| (binding.command.as_str(), binding.keys.len(), binding.place.exact.as_str()))
            .collect();
        assert_eq!(told, [("follow", 1, "c.toml:3:10"), ("open", 2, "c.toml:4:8")]);
        assert_eq!(read("c.toml", "keys = \"lnav\"\n").preset.map(|(name, _)| name).as_deref(), Some("lnav"));
    }
}
