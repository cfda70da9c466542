//! The themes that are part of the program.

use super::read;
use super::theme::Theme;
use crate::config::Mistake;

/// Name and text of each theme.
pub const THEMES: &[(&str, &str)] = &[
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("ansi16", include_str!("../../../themes/ansi16.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
    ("high-contrast-dark", include_str!("../../../themes/high-contrast-dark.toml")),
    ("high-contrast-light", include_str!("../../../themes/high-contrast-light.toml")),
    ("colorblind-dark", include_str!("../../../themes/colorblind-dark.toml")),
    ("colorblind-light", include_str!("../../../themes/colorblind-light.toml")),
];

/// Returns the text of a theme of the program.
pub fn text(name: &str) -> Option<&'static str> {
    THEMES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Returns a theme of the program; `None` when there is none of that name.
pub fn built_in(name: &str) -> Option<Theme> {
    let read = parse(&format!("theme {name}"), text(name)?);
    Some(read.expect("the themes of the program are right"))
}

/// Reads a theme; `place` names it in mistakes. It may inherit from those of the program.
pub fn parse(place: &str, contents: &str) -> Result<Theme, Vec<Mistake>> {
    read::read(place, contents, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::look::Depth;
    use crate::tui::look::theme::{Appearance, Role};
    use crate::tui::look::vision::{self, APART};

    fn all() -> impl Iterator<Item = (&'static str, Theme)> {
        THEMES.iter().map(|(name, _)| (*name, built_in(name).unwrap()))
    }

    #[test]
    fn every_theme_can_be_read_and_seen() {
        for (name, theme) in all() {
            assert_eq!(theme.name, name);
            let contrasts = vision::contrasts(&theme);
            assert_eq!(contrasts.is_empty(), theme.appearance == Appearance::Any, "{name}");
            for found in contrasts {
                let wanted =
                    if name.starts_with("high-contrast") && found.role != Role::Border { 7.0 } else { found.wanted };
                assert!(found.reached >= wanted, "{name} {:?} reaches {:.1} of {wanted}", found.role, found.reached);
            }
        }
    }

    #[test]
    fn severities_are_told_apart_with_every_kind_of_colour_vision() {
        let tuned = ["dark", "light", "colorblind-dark", "colorblind-light"];
        for (name, theme) in all().filter(|(name, _)| tuned.contains(name)) {
            let found = vision::differences(&theme);
            assert_eq!(found.len(), 4, "{name}");
            for (kind, difference) in found {
                assert!(difference >= APART, "{name}: {difference:.1} of {APART} with {kind}");
            }
        }
        // Two of solarized's own accents, as a check that the measure can fail.
        let text = text("dark").unwrap().replace("#0e9d72", "#859900").replace("#dd6705", "#cb4b16");
        let found = vision::differences(&parse("solarized", &text).unwrap());
        assert!(found.iter().any(|(_, difference)| *difference < APART), "{found:?}");
    }

    #[test]
    fn without_colour_weight_is_still_seen() {
        for (name, theme) in all() {
            for role in [Role::Selection, Role::Error, Role::Critical, Role::Title, Role::Unknown] {
                let style = theme.style(role, Depth::None);
                assert!(style.fg.is_none() && style.bg.is_none(), "{name} {role:?} has a colour");
                assert!(!style.add_modifier.is_empty(), "{name} {role:?} looks like plain text");
            }
        }
    }

    #[test]
    fn in_sixteen_colours_no_text_has_the_colour_of_its_ground() {
        for (name, theme) in all() {
            for (role, _) in Role::ALL {
                let style = theme.style(role, Depth::Sixteen);
                assert!(style.fg.is_none() || style.fg != style.bg, "{name} {role:?}");
            }
        }
    }

    #[test]
    fn what_is_not_written_is_inherited_and_what_is_changed_changes_everywhere() {
        let base = built_in("dark").unwrap();
        let mine = parse("mine", "schema = 1\nname = \"mine\"\ninherits = \"dark\"\n[palette]\norange = \"#ff0000\"\n")
            .unwrap();
        assert_eq!((mine.name.as_str(), mine.appearance), ("mine", Appearance::Dark));
        for (role, _) in Role::ALL {
            let is_red = mine.dress(role).fg.and_then(|shades| shades.rgb) == Some((255, 0, 0));
            assert_eq!(is_red, [Role::Error, Role::Critical].contains(&role), "{role:?}");
            assert!(is_red || mine.dress(role) == base.dress(role), "{role:?}");
        }
    }

    #[test]
    fn a_wrong_theme_is_refused_with_its_places() {
        let check = |text: &str, wanted: &[(&str, &str)]| {
            let told: Vec<String> =
                parse("my.toml", text).expect_err("it is wrong").iter().map(ToString::to_string).collect();
            for (place, what) in wanted {
                assert!(
                    told.iter().any(|told| told.starts_with(place) && told.contains(what)),
                    "{place} {what}: {told:?}"
                );
            }
            assert_eq!(told.len(), wanted.len(), "{told:?}");
        };
        let dark = text("dark").unwrap();
        let line = |part: &str| {
            let at = dark.find(part).unwrap();
            format!("my.toml:{}:", dark[..at].matches('\n').count() + 1)
        };
        let at = |part| line(part);
        check(
            "schema = 1\nname = \n",
            &[
                ("my.toml:2:", "not TOML"),
                ("my.toml:1:1", "`appearance`"),
                ("my.toml:2:", "`name`"),
                ("my.toml:3:1", "no style"),
            ],
        );
        check(&dark.replace("ok = \"green\"", "okay = \"green\""), &[(&at("ok = \"green\""), "no role `okay`")]);
        check(&dark.replace("ok = \"green\"\n", ""), &[("my.toml:", "no style: ok")]);
        let broken = dark.replace("\"#5cc4ff\"", "\"#5cc4f\"").replace("\"underlined\"]", "\"blinking\"]");
        let sky = at("sky = {");
        check(
            &broken.replace("schema = 1", "schema = 2"),
            &[
                ("my.toml:1:", "schema"),
                (&sky, "each depth"),
                (&at("matched ="), "blinking"),
                (&at("info = \"sky\""), "`sky` is no colour"),
                (&at("unknown = {"), "`sky` is no colour"),
                (&at("unknown = {"), "blinking"),
            ],
        );
        check(
            "schema = 1\nname = \"a\"\ninherits = \"blue\"\nsize = 2\n",
            &[("my.toml:3:", "no theme `blue`"), ("my.toml:4:", "no `size`")],
        );
        check("schema = 1\nname = \"a\"\ninherits = \"colorblind-dark\"\n", &[("my.toml:3:", "inherits itself")]);
        check(
            "schema = 1\nname = \"a\"\ninherits = \"dark\"\n[roles]\nok = 300\ninfo = { ink = 1 }\n",
            &[("my.toml:5:", "no colour"), ("my.toml:6:", "no `ink`")],
        );
    }
}
