//! The live map: which command each key gives, and where that was said.

use super::presets::{self, PRESETS};
use super::{Press, nearest};
use crate::config::bindings::{self, Place};
use crate::config::{Bindings, Mistake};
use crate::model::SafeText;
use crate::tui::command::{COMMANDS, Command, Entry};

/// Keys that terminals, multiplexers and shells take for themselves or cannot tell from others.
pub const RESERVED: &[&str] =
    &["Ctrl-s", "Ctrl-q", "Ctrl-a", "Ctrl-b", "Ctrl-h", "Ctrl-j", "Ctrl-i", "Ctrl-m", "Ctrl-[", "Ctrl-\\"];

/// The keys of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The command.
    pub entry: &'static Entry,
    /// Its keys, the first one is shown in the bottom line.
    pub presses: Vec<Press>,
    /// Where that was said: `built in`, `preset vim`, or file and line.
    pub origin: SafeText,
    /// The exact place, unless it is built in.
    place: Option<SafeText>,
}

/// Which command each press gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMap(Vec<Row>);

impl Default for KeyMap {
    fn default() -> Self {
        let press = |key: &&str| Press::parse(key).expect("the table names keys that exist");
        let row = |entry: &'static Entry| Row {
            entry,
            presses: entry.keys.iter().map(press).collect(),
            origin: SafeText::own("built in"),
            place: None,
        };
        Self(COMMANDS.iter().map(row).collect())
    }
}

impl KeyMap {
    /// Returns the map that bindings make, or all that is wrong with them.
    pub fn of(bindings: &Bindings) -> Result<Self, Vec<Mistake>> {
        let (mut map, mut mistakes) = (Self::default(), Vec::new());
        if let Some((name, place)) = &bindings.preset {
            if let Some(text) = presets::text(name) {
                let preset = bindings::read(&format!("preset {name}"), text);
                map.bind(&preset, |_| SafeText::new(&format!("preset {name}")), &mut mistakes);
            } else {
                let known: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
                let fix = format!("known are {}", known.join(", "));
                mistakes.push(Mistake::new(place.exact.as_str(), &format!("there is no preset `{name}`"), &fix));
            }
        }
        map.bind(bindings, |place| SafeText::new(&place.origin.to_string()), &mut mistakes);
        map.judge(&mut mistakes);
        if mistakes.is_empty() { Ok(map) } else { Err(mistakes) }
    }

    /// Returns the keys of all commands, in the order of the help screen.
    pub fn rows(&self) -> &[Row] {
        &self.0
    }

    /// Returns the command of a press.
    pub fn command(&self, press: Press) -> Option<Command> {
        self.0.iter().find(|row| row.presses.contains(&press)).map(|row| row.entry.command)
    }

    /// Returns the presses of a command.
    pub fn presses(&self, command: Command) -> impl Iterator<Item = Press> + '_ {
        self.0.iter().filter(move |row| row.entry.command == command).flat_map(|row| row.presses.iter().copied())
    }

    /// Puts the keys of a layer in place of those below it.
    fn bind(&mut self, layer: &Bindings, origin: impl Fn(&Place) -> SafeText, mistakes: &mut Vec<Mistake>) {
        for binding in &layer.commands {
            let place = binding.place.exact.as_str();
            let Some(row) = self.0.iter_mut().find(|row| row.entry.name == binding.command) else {
                let near = nearest(&binding.command, COMMANDS.iter().map(|entry| entry.name));
                let near = near.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
                let what = format!("there is no command `{}`", binding.command);
                mistakes.push(Mistake::new(place, &what, &format!("{near}`hopscope keys` prints all commands")));
                continue;
            };
            let mut presses = Vec::new();
            let is_unbound = binding.keys == ["none"];
            for key in binding.keys.iter().filter(|_| !is_unbound) {
                match Press::read(key) {
                    Ok(press) if presses.contains(&press) => {}
                    Ok(press) => presses.push(press),
                    Err((what, fix)) => mistakes.push(Mistake::new(place, &what, &fix)),
                }
            }
            (row.presses, row.origin, row.place) = (presses, origin(&binding.place), Some(binding.place.exact.clone()));
        }
    }

    /// Finds what makes the map unusable as a whole.
    fn judge(&self, mistakes: &mut Vec<Mistake>) {
        let is_reserved = |press: &Press| RESERVED.contains(&press.to_string().as_str());
        for (at, row) in self.0.iter().enumerate() {
            for press in &row.presses {
                let Some(other) = self.0[..at].iter().find(|other| other.presses.contains(press)) else { continue };
                // The one that was written is told; of two, the second.
                let (said, kept) = if row.place.is_some() { (row, other) } else { (other, row) };
                let place = said.place.as_ref().map_or("keys", SafeText::as_str);
                let (said, kept, origin) = (said.entry.name, kept.entry.name, kept.origin.as_str());
                let what = format!("`{press}` is bound to `{said}`, and to `{kept}` ({origin})");
                let fix = format!("take another key, or give `{kept}` one of its own: {kept} = \"none\" takes it away");
                mistakes.push(Mistake::new(place, &what, &fix));
            }
            if !row.presses.is_empty() && row.presses.iter().all(is_reserved) {
                let place = row.place.as_ref().map_or("keys", SafeText::as_str);
                let keys: Vec<String> = row.presses.iter().map(ToString::to_string).collect();
                let what = format!("`{}` can only be reached with {}", row.entry.name, keys.join(" and "));
                let fix = "terminals and multiplexers keep such keys for themselves: add another key";
                mistakes.push(Mistake::new(place, &what, fix));
            }
        }
        let ways = [Command::Quit, Command::QuitShowing, Command::Cancel];
        let mut rows = self.0.iter().filter(|row| ways.contains(&row.entry.command));
        if rows.clone().all(|row| row.presses.iter().all(is_reserved)) {
            let place = rows.find_map(|row| row.place.as_ref()).map_or("keys", SafeText::as_str);
            let fix = "leave a key to `quit`, `quit-showing` or `cancel`";
            mistakes.push(Mistake::new(place, "no key leads out of the console", fix));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Result<KeyMap, Vec<String>> {
        let mistakes = |all: Vec<Mistake>| all.iter().map(ToString::to_string).collect();
        KeyMap::of(&bindings::read("c.toml", text)).map_err(mistakes)
    }

    #[test]
    fn every_preset_is_right_and_leaves_no_command_unreachable_by_accident() {
        for (name, text) in PRESETS {
            let map = of(&format!("keys = \"{name}\"\n")).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"));
            let own = bindings::read(name, text).commands;
            assert!(own.len() >= 5, "{name} changes next to nothing");
            for binding in own {
                let default = KeyMap::default();
                let row =
                    |map: &KeyMap| map.0.iter().find(|row| row.entry.name == binding.command).unwrap().presses.clone();
                assert_ne!(row(&map), row(&default), "{name}: {} says what holds anyway", binding.command);
            }
            assert!(map.0.iter().any(|row| row.origin.as_str() == format!("preset {name}")));
        }
    }

    #[test]
    fn a_binding_replaces_the_keys_of_its_command_alone() {
        let map = of("[keys]\nfollow = [\"F\", \"Ctrl-g\"]\nfold = \"none\"\n").expect("no mistakes");
        let command = |key: &str| map.command(Press::parse(key).unwrap());
        assert_eq!((command("F"), command("Ctrl-g")), (Some(Command::Follow), Some(Command::Follow)));
        assert_eq!((command("f"), command("x"), command("d")), (None, None, Some(Command::Describe)));
        let row = |name: &str| map.0.iter().find(|row| row.entry.name == name).unwrap().origin.as_str().to_owned();
        assert_eq!((row("follow").as_str(), row("describe").as_str()), ("c.toml:2", "built in"));
    }

    #[test]
    fn all_mistakes_come_at_once_each_with_place_and_fix() {
        let text = "[keys]\npreset = \"emacs\"\nfolow = \"f\"\nfold = \"F13\"\ndescribe = \"f\"\nrefresh = \"Ctrl-s\"\n\
                    quit = \"none\"\nquit-showing = \"none\"\ncancel = \"none\"\nlast = \"Alt-x\"\nopen = \"PgDwn\"\n";
        let mistakes = of(text).expect_err("nothing but mistakes");
        for (place, word) in [
            ("c.toml:2:10: ", "known are k9s, lnav, vim"),
            ("c.toml:3:9: ", "did you mean `follow`?"),
            ("c.toml:4:8: ", "there is no key `F13`"),
            ("c.toml:5:12: ", "and to `follow` (built in)"),
            ("c.toml:6:11: ", "only be reached with Ctrl-s"),
            ("", "no key leads out"),
            ("c.toml:10:8: ", "Alt"),
            ("c.toml:11:8: ", "`PgDn`"),
        ] {
            let found = mistakes.iter().any(|mistake| mistake.starts_with(place) && mistake.contains(word));
            assert!(found, "{place}{word} is not in {mistakes:#?}");
        }
        assert_eq!(mistakes.len(), 8, "{mistakes:#?}");
    }

    proptest! {
        #[test]
        fn a_map_without_mistakes_gives_each_press_one_command_and_a_way_out(
            pairs in proptest::collection::btree_map(0..COMMANDS.len(), "[a-zA-Z/?0-9]|Enter|Ctrl-[a-z]|none", 0..4),
        ) {
            let line = |(at, key): (&usize, &String)| format!("{} = \"{key}\"\n", COMMANDS[*at].name);
            let text: String = pairs.iter().map(line).collect();
            if let Ok(map) = of(&format!("[keys]\n{text}")) {
                let all: Vec<Press> = map.0.iter().flat_map(|row| row.presses.clone()).collect();
                for (at, press) in all.iter().enumerate() {
                    prop_assert!(!all[..at].contains(press));
                }
                let ways = [Command::Quit, Command::QuitShowing, Command::Cancel];
                prop_assert!(ways.iter().any(|way| map.presses(*way).next().is_some()));
                for (at, key) in &pairs {
                    let wanted = Press::parse(key).filter(|_| key != "none");
                    prop_assert_eq!(map.presses(COMMANDS[*at].command).next(), wanted);
                }
            }
        }
    }
}
