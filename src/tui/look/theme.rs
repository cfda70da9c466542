//! Themes: a style for each role, read from TOML.

use super::depth::{Depth, Shades};
use crate::config::Mistake;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What something is, for its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// Text of less weight.
    Dim,
    /// Lines between panes.
    Border,
    /// Headings.
    Title,
    /// What has the keys.
    Focus,
    /// The row under the cursor.
    Selection,
    /// What the filter matched.
    Matched,
    /// Harm is done.
    Critical,
    /// Failed.
    Error,
    /// Strange.
    Warn,
    /// Worth knowing.
    Info,
    /// Went well.
    Ok,
    /// Not known.
    Unknown,
}

impl Role {
    /// All roles with their names in theme files.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::Text, "text"),
        (Self::Dim, "dim"),
        (Self::Border, "border"),
        (Self::Title, "title"),
        (Self::Focus, "focus"),
        (Self::Selection, "selection"),
        (Self::Matched, "matched"),
        (Self::Critical, "critical"),
        (Self::Error, "error"),
        (Self::Warn, "warn"),
        (Self::Info, "info"),
        (Self::Ok, "ok"),
        (Self::Unknown, "unknown"),
    ];

    /// Returns the name in theme files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).expect("ALL holds every role").1
    }
}

/// One role's look in all depths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dress {
    /// Text colour.
    pub fg: Option<Shades>,
    /// Background.
    pub bg: Option<Shades>,
    /// Always.
    pub modifiers: Modifier,
    /// Only where no colour is shown.
    pub plain: Modifier,
}

/// A theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Name.
    pub name: String,
    /// What background it is made for.
    pub appearance: Appearance,
    dresses: BTreeMap<Role, Dress>,
}

/// The background that a theme is made for; it never paints one itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Appearance {
    /// Dark.
    Dark,
    /// Light.
    Light,
    /// Any.
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    name: String,
    appearance: Appearance,
    #[serde(default)]
    palette: BTreeMap<String, Tint>,
    roles: BTreeMap<String, Wear>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tint {
    Text(String),
    Each(Each),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Each {
    rgb: String,
    c256: u8,
    c16: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wear {
    Fg(String),
    Full(Full),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    mods: Vec<String>,
    #[serde(default)]
    plain: Vec<String>,
}

const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

impl Theme {
    /// Reads a theme; `place` names it in mistakes.
    pub fn parse(place: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            let what = error.message().lines().next().unwrap_or("it cannot be read").to_owned();
            vec![Mistake::new(&format!("{place}:{line}"), &what, "compare with themes/dark.toml of the sources")]
        })?;
        let mut mistakes = Vec::new();
        let mut wrong = |field: &str, what: &str, fix: &str| {
            mistakes.push(Mistake::new(&format!("{place}: {field}"), what, fix));
        };
        if file.schema != 1 {
            wrong("schema", &format!("{} is not known", file.schema), "write schema = 1");
        }
        let mut palette = BTreeMap::new();
        for (name, tint) in &file.palette {
            match read_tint(tint) {
                Ok(shades) => drop(palette.insert(name.as_str(), shades)),
                Err(what) => wrong(&format!("palette.{name}"), &what, COLOUR_FIX),
            }
        }
        let mut dresses = BTreeMap::new();
        for (role, name) in Role::ALL {
            match file.roles.get(name) {
                None => {
                    wrong(&format!("roles.{name}"), "it is missing", "every role needs a style; {} is the plain one");
                }
                Some(wear) => match read_wear(wear, &palette) {
                    Ok(dress) => drop(dresses.insert(role, dress)),
                    Err(what) => wrong(&format!("roles.{name}"), &what, COLOUR_FIX),
                },
            }
        }
        for name in file.roles.keys().filter(|name| Role::ALL.iter().all(|(_, known)| known != name)) {
            let known: Vec<&str> = Role::ALL.iter().map(|(_, name)| *name).collect();
            wrong(&format!("roles.{name}"), "there is no such role", &format!("known are {}", known.join(", ")));
        }
        if mistakes.is_empty() {
            Ok(Self { name: file.name, appearance: file.appearance, dresses })
        } else {
            Err(mistakes)
        }
    }

    /// Returns a role's look in all depths.
    pub fn dress(&self, role: Role) -> Dress {
        self.dresses[&role]
    }

    /// Returns a role's style at a depth.
    pub fn style(&self, role: Role, depth: Depth) -> Style {
        let dress = self.dress(role);
        let shown = |shades: Option<Shades>| {
            shades.map(|shades| depth.colour(shades)).filter(|colour| depth != Depth::None || *colour != Color::Reset)
        };
        let mut modifiers = dress.modifiers;
        if depth == Depth::None {
            modifiers |= dress.plain;
        }
        Style { fg: shown(dress.fg), bg: shown(dress.bg), add_modifier: modifiers, ..Style::default() }
    }
}

const COLOUR_FIX: &str = "write \"#rrggbb\", \"default\", a colour of the palette or of the sixteen (\"bright-blue\"); \
                          mods are bold, italic, underlined, reversed";

fn read_tint(tint: &Tint) -> Result<Shades, String> {
    match tint {
        Tint::Text(text) => colour(text, &BTreeMap::new()),
        Tint::Each(each) => {
            let rgb = hex(&each.rgb).ok_or_else(|| format!("`{}` is not #rrggbb", each.rgb))?;
            let sixteen = sixteen(&each.c16).ok_or_else(|| format!("`{}` is none of the sixteen", each.c16))?;
            Ok(Shades { rgb: Some(rgb), palette: Some(each.c256), sixteen: Some(sixteen) })
        }
    }
}

fn read_wear(wear: &Wear, palette: &BTreeMap<&str, Shades>) -> Result<Dress, String> {
    let (fg, bg, mods, plain) = match wear {
        Wear::Fg(text) => (Some(text), None, &[][..], &[][..]),
        Wear::Full(full) => (full.fg.as_ref(), full.bg.as_ref(), &full.mods[..], &full.plain[..]),
    };
    let read = |text: Option<&String>| text.map(|text| colour(text, palette)).transpose();
    Ok(Dress { fg: read(fg)?, bg: read(bg)?, modifiers: modifiers(mods)?, plain: modifiers(plain)? })
}

fn modifiers(names: &[String]) -> Result<Modifier, String> {
    names.iter().try_fold(Modifier::empty(), |all, name| {
        Ok(all
            | match name.as_str() {
                "bold" => Modifier::BOLD,
                "italic" => Modifier::ITALIC,
                "underlined" => Modifier::UNDERLINED,
                "reversed" => Modifier::REVERSED,
                _ => return Err(format!("`{name}` is no way to draw text")),
            })
    })
}

fn colour(text: &str, palette: &BTreeMap<&str, Shades>) -> Result<Shades, String> {
    if let Some(shades) = palette.get(text) {
        return Ok(*shades);
    }
    if text == "default" {
        return Ok(Shades { rgb: None, palette: None, sixteen: None });
    }
    if let Some(index) = sixteen(text) {
        return Ok(Shades { rgb: None, palette: None, sixteen: Some(index) });
    }
    let rgb = hex(text).ok_or_else(|| format!("`{text}` is no colour"))?;
    Ok(Shades { rgb: Some(rgb), palette: Some(nearest(rgb)), sixteen: Some(nearest_sixteen(rgb)) })
}

fn sixteen(name: &str) -> Option<u8> {
    NAMES.iter().position(|known| *known == name).map(|index| index as u8)
}

fn hex(text: &str) -> Option<(u8, u8, u8)> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some((part(0)?, part(2)?, part(4)?))
}

/// Levels of the colour cube of the 256.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let part = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    part(a.0, b.0) + part(a.1, b.1) + part(a.2, b.2)
}

fn nearest(rgb: (u8, u8, u8)) -> u8 {
    let cube = (0..216u8).map(|n| {
        let level = |n: u8| LEVELS[usize::from(n % 6)];
        (n + 16, (level(n / 36), level(n / 6), level(n)))
    });
    let greys = (0..24u8).map(|n| (n + 232, (8 + n * 10, 8 + n * 10, 8 + n * 10)));
    cube.chain(greys).min_by_key(|(_, known)| distance(rgb, *known)).map_or(7, |(index, _)| index)
}

fn nearest_sixteen(rgb: (u8, u8, u8)) -> u8 {
    const ANSI: [(u8, u8, u8); 16] = [
        (0, 0, 0),
        (170, 0, 0),
        (0, 170, 0),
        (170, 85, 0),
        (0, 0, 170),
        (170, 0, 170),
        (0, 170, 170),
        (170, 170, 170),
        (85, 85, 85),
        (255, 85, 85),
        (85, 255, 85),
        (255, 255, 85),
        (85, 85, 255),
        (255, 85, 255),
        (85, 255, 255),
        (255, 255, 255),
    ];
    (0..16u8).min_by_key(|index| distance(rgb, ANSI[usize::from(*index)])).unwrap_or(7)
}
