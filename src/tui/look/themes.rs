//! The themes that are part of the program.

use super::theme::Theme;
use crate::config::Mistake;

/// Name and text of each theme.
pub const THEMES: &[(&str, &str)] = &[
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("ansi16", include_str!("../../../themes/ansi16.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
];

/// Returns a theme by name.
pub fn find(name: &str) -> Result<Theme, Vec<Mistake>> {
    let Some((name, text)) = THEMES.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = THEMES.iter().map(|(name, _)| *name).collect();
        let fix = format!("known are {}; a file of your own is named with its path", known.join(", "));
        return Err(vec![Mistake::new("--theme", &format!("there is no theme `{name}`"), &fix)]);
    };
    Theme::parse(&format!("theme {name}"), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::look::theme::{Appearance, Role};
    use crate::tui::look::{Depth, depth::Shades};

    /// Relative luminance, WCAG 2.
    fn luminance(rgb: (u8, u8, u8)) -> f64 {
        let part = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(rgb.0) + 0.7152 * part(rgb.1) + 0.0722 * part(rgb.2)
    }

    fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_theme_can_be_read_and_seen() {
        for (name, _) in THEMES {
            let theme = find(name).expect("a theme of the program is right");
            assert_eq!(theme.name, *name);
            let ground = match theme.appearance {
                Appearance::Dark => (0x10, 0x14, 0x18),
                Appearance::Light => (0xff, 0xff, 0xff),
                Appearance::Any => continue,
            };
            let rgb = |shades: Option<Shades>| shades.and_then(|shades| shades.rgb);
            for (role, role_name) in Role::ALL {
                let dress = theme.dress(role);
                let wanted = if role == Role::Border { 3.0 } else { 4.5 };
                if let Some(fg) = rgb(dress.fg) {
                    let reached = contrast(fg, rgb(dress.bg).unwrap_or(ground));
                    assert!(reached >= wanted, "{name}.{role_name} reaches {reached:.1} of {wanted}");
                }
            }
        }
    }

    #[test]
    fn without_colour_weight_is_still_seen() {
        for (name, _) in THEMES {
            let theme = find(name).expect("a theme of the program is right");
            for role in [Role::Selection, Role::Error, Role::Critical, Role::Title, Role::Unknown] {
                let style = theme.style(role, Depth::None);
                assert!(style.fg.is_none() && style.bg.is_none(), "{name} {role:?} has a colour");
                assert!(!style.add_modifier.is_empty(), "{name} {role:?} looks like plain text");
            }
        }
    }

    #[test]
    fn a_wrong_theme_is_refused_with_its_place() {
        let check = |text: &str, place: &str, what: &str| {
            let mistakes = Theme::parse("my.toml", text).expect_err("it is wrong");
            let told: Vec<String> = mistakes
                .iter()
                .map(|mistake| format!("{}: {}", mistake.place.as_str(), mistake.what.as_str()))
                .collect();
            assert!(told.iter().any(|told| told.contains(place) && told.contains(what)), "{told:?}");
        };
        let dark = THEMES[0].1;
        check("schema = 1\nname = \n", "my.toml:2", "");
        check(&dark.replace("ok = \"green\"", "okay = \"green\""), "roles.okay", "no such role");
        check(&dark.replace("ok = \"green\"", ""), "roles.ok", "missing");
        check(&dark.replace("\"#5cc4ff\"", "\"#5cc4f\""), "palette.sky", "#rrggbb");
        check(&dark.replace("\"underlined\"]", "\"blinking\"]"), "roles.matched", "blinking");
        check(&dark.replace("schema = 1", "schema = 2"), "schema", "2");
    }
}
