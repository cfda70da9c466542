//! Reads theme files. All mistakes come at once, each with its line.

use super::colours::{self, NAMES};
use super::depth::Shades;
use super::theme::{Appearance, Dress, Role, Theme};
use crate::config::Mistake;
use ratatui::style::Modifier;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const COLOUR_FIX: &str =
    "write \"#rrggbb\", 0 to 255, \"default\", a colour of the palette or of the sixteen (\"bright-blue\")";
const MODIFIERS: [(&str, Modifier); 4] = [
    ("bold", Modifier::BOLD),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];
const TOP: [&str; 6] = ["schema", "name", "appearance", "inherits", "palette", "roles"];

/// Reads a theme; `place` names it in mistakes. `base` gives the text of a theme that this one may inherit from: palette and
/// roles that are not written come from there, one level deep.
pub fn read(place: &str, text: &str, base: &dyn Fn(&str) -> Option<&'static str>) -> Result<Theme, Vec<Mistake>> {
    let mut reader = Reader { place, text, mistakes: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        reader.wrong(
            at,
            &format!("not TOML: {}", error.message()),
            "compare with what `hopscope theme show dark` prints",
        );
    }
    match reader.file(table.get_ref(), base) {
        Some(theme) if reader.mistakes.is_empty() => Ok(theme),
        _ => Err(reader.mistakes),
    }
}

struct Reader<'a> {
    place: &'a str,
    text: &'a str,
    mistakes: Vec<Mistake>,
}

type Table<'a> = DeTable<'a>;
type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn wrong(&mut self, at: usize, what: &str, fix: &str) {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or("");
        let column = before[before.rfind('\n').map_or(0, |end| end + 1)..].chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        self.mistakes.push(Mistake::new(&format!("{}:{line}:{column}", self.place), what, fix));
    }

    fn file(&mut self, table: &Table<'_>, base: &dyn Fn(&str) -> Option<&'static str>) -> Option<Theme> {
        for (key, _) in table.iter().filter(|(key, _)| !TOP.contains(&key.get_ref().as_ref())) {
            let what = format!("there is no `{}` in a theme", key.get_ref());
            self.wrong(key.span().start, &what, &format!("known are {}", TOP.join(", ")));
        }
        let schema = get(table, "schema");
        if schema.and_then(|value| value.get_ref().as_integer()).is_none_or(|number| number.as_str() != "1") {
            self.wrong(schema.map_or(0, |value| value.span().start), "the schema is not known", "write schema = 1");
        }
        let inherited = self.inherited(table, base);
        let base = inherited.as_ref().map(Spanned::get_ref);
        let name = self.text_of(table, "name", "write name = \"mine\"");
        if base.is_none() && get(table, "inherits").is_some() {
            // What is missing may be what was to be inherited.
            return None;
        }
        let appearance = match base.filter(|_| get(table, "appearance").is_none()) {
            Some(base) => self.appearance(base),
            None => self.appearance(table),
        };
        // Colours first: a theme that changes one changes it in the roles that it inherits, too.
        let (mut palette, mut dresses) = (BTreeMap::new(), BTreeMap::new());
        for table in base.into_iter().chain([table]) {
            let Some(written) = self.table_of(table, "palette") else { continue };
            for (key, value) in written {
                if let Some(shades) = self.shades(value, &format!("palette.{}", key.get_ref())) {
                    palette.insert(key.get_ref().to_string(), shades);
                }
            }
        }
        let before = self.mistakes.len();
        for table in base.into_iter().chain([table]) {
            if let Some(written) = self.table_of(table, "roles") {
                self.roles(written, &palette, &mut dresses);
            }
        }
        // A role that was written wrongly is not missing, too.
        if self.mistakes.len() == before {
            let absent = Role::ALL.iter().filter(|(role, _)| !dresses.contains_key(role)).map(|(_, name)| *name);
            let absent: Vec<&str> = absent.collect();
            if !absent.is_empty() {
                let at = get(table, "roles").map_or(self.text.len(), |roles| roles.span().start);
                let what = format!("roles that have no style: {}", absent.join(", "));
                self.wrong(at, &what, "give each a style ({} is the plain one), or inherit from another theme");
            }
        }
        Theme::of(name?, appearance?, dresses)
    }

    /// The theme that this one begins with.
    fn inherited(
        &mut self,
        table: &Table<'_>,
        base: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Spanned<Table<'static>>> {
        let value = get(table, "inherits")?;
        let at = value.span().start;
        let Some(name) = value.get_ref().as_str() else {
            self.wrong(at, "`inherits` is no text", "write inherits = \"dark\"");
            return None;
        };
        let Some(text) = base(name) else {
            self.wrong(
                at,
                &format!("there is no theme `{name}` to inherit from"),
                "name one that is built in, as \"dark\"",
            );
            return None;
        };
        let (found, _) = DeTable::parse_recoverable(text);
        if get(found.get_ref(), "inherits").is_some() {
            self.wrong(at, &format!("`{name}` inherits itself"), "inherit from a theme that does not");
            return None;
        }
        Some(found)
    }

    fn text_of(&mut self, table: &Table<'_>, name: &str, fix: &str) -> Option<String> {
        let value = get(table, name);
        let text = value.and_then(|value| value.get_ref().as_str()).filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong(value.map_or(0, |value| value.span().start), &format!("`{name}` is missing or no text"), fix);
        }
        text.map(str::to_owned)
    }

    fn appearance(&mut self, table: &Table<'_>) -> Option<Appearance> {
        const FIX: &str = "write appearance = \"dark\", \"light\" or \"any\": the background that it is made for";
        let text = self.text_of(table, "appearance", FIX)?;
        let found = Appearance::ALL.iter().find(|(_, name)| *name == text).map(|(found, _)| *found);
        if found.is_none() {
            let at = get(table, "appearance").map_or(0, |value| value.span().start);
            self.wrong(at, &format!("`{text}` is no appearance"), FIX);
        }
        found
    }

    fn table_of<'t, 'i>(&mut self, table: &'t Table<'i>, name: &str) -> Option<&'t Table<'i>> {
        let value = get(table, name)?;
        if let DeValue::Table(inner) = value.get_ref() {
            return Some(inner);
        }
        self.wrong(value.span().start, &format!("`{name}` is no table"), &format!("write [{name}]"));
        None
    }

    fn roles(&mut self, written: &Table<'_>, palette: &BTreeMap<String, Shades>, dresses: &mut BTreeMap<Role, Dress>) {
        for (key, value) in written {
            let name = key.get_ref().as_ref();
            let Some((role, _)) = Role::ALL.iter().find(|(_, known)| *known == name) else {
                let known: Vec<&str> = Role::ALL.iter().map(|(_, name)| *name).collect();
                let what = format!("there is no role `{name}`");
                self.wrong(key.span().start, &what, &format!("known are {}", known.join(", ")));
                continue;
            };
            if let Some(dress) = self.dress(value, name, palette) {
                dresses.insert(*role, dress);
            }
        }
    }

    fn dress(&mut self, value: &Value<'_>, role: &str, palette: &BTreeMap<String, Shades>) -> Option<Dress> {
        let plain = Dress { fg: None, bg: None, modifiers: Modifier::empty(), plain: Modifier::empty() };
        let DeValue::Table(table) = value.get_ref() else {
            return Some(Dress { fg: Some(self.colour(value, &format!("roles.{role}"), palette)?), ..plain });
        };
        let mut dress = plain;
        let before = self.mistakes.len();
        for (key, value) in table {
            let name = format!("roles.{role}.{}", key.get_ref());
            match key.get_ref().as_ref() {
                "fg" => dress.fg = self.colour(value, &name, palette),
                "bg" => dress.bg = self.colour(value, &name, palette),
                "mods" => dress.modifiers = self.modifiers(value, &name),
                "plain" => dress.plain = self.modifiers(value, &name),
                other => {
                    let what = format!("`roles.{role}` has no `{other}`");
                    self.wrong(
                        key.span().start,
                        &what,
                        "known are fg, bg, mods, plain (mods where no colour is shown)",
                    );
                }
            }
        }
        (self.mistakes.len() == before).then_some(dress)
    }

    fn modifiers(&mut self, value: &Value<'_>, name: &str) -> Modifier {
        const FIX: &str = "write a list of \"bold\", \"italic\", \"underlined\", \"reversed\"";
        let DeValue::Array(words) = value.get_ref() else {
            self.wrong(value.span().start, &format!("`{name}` is no list"), FIX);
            return Modifier::empty();
        };
        let mut all = Modifier::empty();
        for word in words {
            let text = word.get_ref().as_str().unwrap_or_default();
            match MODIFIERS.iter().find(|(known, _)| *known == text) {
                Some((_, one)) => all |= *one,
                None => self.wrong(word.span().start, &format!("`{name}`: `{text}` is no way to draw text"), FIX),
            }
        }
        all
    }

    /// A colour of the palette, or one that is spelled out.
    fn colour(&mut self, value: &Value<'_>, name: &str, palette: &BTreeMap<String, Shades>) -> Option<Shades> {
        match value.get_ref().as_str().and_then(|text| palette.get(text)) {
            Some(shades) => Some(*shades),
            None => self.shades(value, name),
        }
    }

    /// A colour that is spelled out: for all depths at once, or for each.
    fn shades(&mut self, value: &Value<'_>, name: &str) -> Option<Shades> {
        let found = match value.get_ref() {
            DeValue::String(text) => one(text),
            DeValue::Integer(number) => number.as_str().parse().ok().map(colours::of_palette),
            DeValue::Table(table) => return self.each(table, value.span().start, name),
            _ => None,
        };
        if found.is_none() {
            let shown = value.get_ref().as_str().map_or_else(|| "the value".to_owned(), |text| format!("`{text}`"));
            self.wrong(value.span().start, &format!("`{name}`: {shown} is no colour"), COLOUR_FIX);
        }
        found
    }

    fn each(&mut self, table: &Table<'_>, at: usize, name: &str) -> Option<Shades> {
        let rgb = get(table, "rgb").and_then(|value| value.get_ref().as_str()).and_then(colours::hex);
        let palette = get(table, "c256").and_then(|value| value.get_ref().as_integer()?.as_str().parse().ok());
        let sixteen = get(table, "c16").and_then(|value| value.get_ref().as_str()).and_then(colours::sixteen);
        if rgb.is_none() || palette.is_none() || sixteen.is_none() || table.len() != 3 {
            let fix = format!(
                "write {{ rgb = \"#rrggbb\", c256 = 0 to 255, c16 = \"NAME\" }}; names are {}",
                NAMES.join(", ")
            );
            self.wrong(at, &format!("`{name}` needs a colour for each depth"), &fix);
            return None;
        }
        Some(Shades { rgb, palette, sixteen })
    }
}

fn get<'t, 'i>(table: &'t Table<'i>, name: &str) -> Option<&'t Value<'i>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}

fn one(text: &str) -> Option<Shades> {
    if text == "default" {
        return Some(Shades { rgb: None, palette: None, sixteen: None });
    }
    match colours::sixteen(text) {
        Some(index) => Some(colours::of_palette(index)),
        None => colours::hex(text).map(colours::of_rgb),
    }
}
