//! Reads a configuration file into dotted names with places, and reports all that is wrong with it.

use super::keys::{self, Kind};
use super::mistake::Mistake;
use crate::model::SourceKind;
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// A value as the file spells it, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The value as text.
    pub value: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What a file sets: dotted name to value.
pub type Entries = BTreeMap<String, Written>;

/// Reads a file's text. `path` is only for the places of mistakes. Entries that are right are returned also when others
/// are wrong.
pub fn read(path: &str, text: &str) -> (Entries, Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut walk = Walk { path, text, entries: Entries::new(), mistakes: Vec::new() };
    for error in errors {
        let place = walk.place(error.span().map_or(0, |span| span.start));
        walk.mistake(
            place,
            &format!("not TOML: {}", error.message()),
            "see `sample.toml` in the repository for the form",
        );
    }
    walk.table("", table.get_ref());
    (walk.entries, walk.mistakes)
}

/// Returns the text with `default_profile` set, and nothing else changed.
pub fn with_default_profile(text: &str, name: &str) -> Result<String, String> {
    let table = DeTable::parse(text).map_err(|error| format!("not TOML: {}", error.message()))?;
    let value = toml::Value::String(name.to_owned()).to_string();
    let mut changed = text.to_owned();
    match table.get_ref().iter().find(|(key, _)| key.get_ref() == "default_profile") {
        Some((_, written)) => changed.replace_range(written.span(), &value),
        // Settings of the top level stand before the first table.
        None => changed.insert_str(0, &format!("default_profile = {value}\n")),
    }
    Ok(changed)
}

struct Walk<'a> {
    path: &'a str,
    text: &'a str,
    entries: Entries,
    mistakes: Vec<Mistake>,
}

impl Walk<'_> {
    fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn mistake(&mut self, (line, column): (usize, usize), what: &str, fix: &str) {
        self.mistakes.push(Mistake::new(&format!("{}:{line}:{column}", self.path), what, fix));
    }

    fn table(&mut self, name: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let full = if name.is_empty() { key.get_ref().to_string() } else { format!("{name}.{}", key.get_ref()) };
            let here = self.place(key.span().start);
            if let DeValue::Table(inner) = value.get_ref() {
                if keys::below(&full).is_empty() || keys::find(&full).is_some() {
                    self.unknown(here, name, key.get_ref());
                } else {
                    self.table(&full, inner);
                }
                continue;
            }
            // `keys = "vim"` is short for the section with its preset alone.
            let is_preset = full == "keys" && matches!(value.get_ref(), DeValue::String(_));
            let full = if is_preset { "keys.preset".to_owned() } else { full };
            let Some(known) = keys::find(&full) else {
                self.unknown(here, name, key.get_ref());
                continue;
            };
            let there = self.place(value.span().start);
            let raw = match value.get_ref() {
                DeValue::String(text) if known.kind == Kind::Keys => {
                    serde_json::to_string(&[text]).expect("texts can be written")
                }
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 && matches!(known.kind, Kind::Count | Kind::Bytes) => {
                    number.as_str().to_owned()
                }
                DeValue::Boolean(flag) if known.kind == Kind::Flag => flag.to_string(),
                DeValue::Array(words) if matches!(known.kind, Kind::Command | Kind::Keys) => {
                    let words: Vec<Option<&str>> = words.iter().map(|word| word.get_ref().as_str()).collect();
                    serde_json::to_string(&words).expect("texts can be written")
                }
                other => {
                    let what = format!("`{full}` is a {} where a text is needed", other.type_str());
                    self.mistake(there, &what, "put the value in quotes");
                    continue;
                }
            };
            match keys::check(known.kind, &raw) {
                Ok(()) => {
                    self.entries.insert(full, Written { value: raw, line: there.0, column: there.1 });
                }
                Err((what, fix)) => self.mistake(there, &format!("`{full}`: {what}"), fix),
            }
        }
    }

    fn unknown(&mut self, place: (usize, usize), table: &str, key: &str) {
        let at = if table.is_empty() { "the top level".to_owned() } else { format!("[{table}]") };
        let fix = match keys::below(table) {
            names if names.is_empty() => "remove it".to_owned(),
            names => {
                let star = if table == "limits" || table.ends_with(".limits") {
                    SourceKind::ALL.map(SourceKind::name).join(", ")
                } else {
                    "any name".to_owned()
                };
                format!("known here: {}", names.join(", ").replace('*', &star))
            }
        };
        self.mistake(place, &format!("unknown key `{key}` in {at}"), &fix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_profile_is_set_and_nothing_else() {
        let cases = [
            ("# mine\n[profile.a.loki]\n", "default_profile = \"b\"\n# mine\n[profile.a.loki]\n"),
            ("x = 1\ndefault_profile = 'a' # why\n[t]\n", "x = 1\ndefault_profile = \"b\" # why\n[t]\n"),
            ("[t]\ndefault_profile = \"a\"\n", "default_profile = \"b\"\n[t]\ndefault_profile = \"a\"\n"),
        ];
        for (text, wanted) in cases {
            assert_eq!(with_default_profile(text, "b").as_deref(), Ok(wanted));
        }
        assert!(with_default_profile("= broken", "b").is_err());
    }
}
