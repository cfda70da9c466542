//! Themes: a style for each role.

use super::depth::{Depth, Shades};
use ratatui::style::{Color, Modifier, Style};
use serde::Serialize;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Appearance {
    /// Dark.
    Dark,
    /// Light.
    Light,
    /// Any.
    Any,
}

impl Appearance {
    /// All, with their names in theme files.
    pub const ALL: [(Self, &'static str); 3] = [(Self::Dark, "dark"), (Self::Light, "light"), (Self::Any, "any")];

    /// Returns the name in theme files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).expect("ALL holds every one").1
    }
}

impl Theme {
    /// Returns a theme of these looks; `None` when a role has none.
    pub(super) fn of(name: String, appearance: Appearance, dresses: BTreeMap<Role, Dress>) -> Option<Self> {
        let is_whole = Role::ALL.iter().all(|(role, _)| dresses.contains_key(role));
        is_whole.then_some(Self { name, appearance, dresses })
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
