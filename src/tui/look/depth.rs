//! How many colours a terminal shows, as far as its environment tells. No question is put to the terminal: over a slow
//! link the answer would arrive late, as keys.

use ratatui::style::Color;

/// Colours that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: bold, underline and reverse only.
    None,
    /// The terminal's own sixteen.
    Sixteen,
    /// The fixed palette of 256.
    Palette,
    /// 24 bits.
    True,
}

/// One colour in all depths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shades {
    /// 24 bits; `None` for the terminal's own default colour.
    pub rgb: Option<(u8, u8, u8)>,
    /// Index of the 256.
    pub palette: Option<u8>,
    /// Index of the sixteen.
    pub sixteen: Option<u8>,
}

impl Depth {
    /// Reads the environment: `NO_COLOR`, `TERM`, `COLORTERM`, `STY`. GNU screen mangles 24-bit colours, so it gets 256
    /// whatever `COLORTERM` says.
    pub fn of_environment(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        if set("NO_COLOR").is_some() || term.starts_with("vt") || term == "dumb" || term.ends_with("-m") {
            return Self::None;
        }
        let screen = set("STY").is_some() || term.starts_with("screen");
        if !screen && set("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit") {
            return Self::True;
        }
        if term.contains("256color") || term.contains("direct") { Self::Palette } else { Self::Sixteen }
    }

    /// Reads the flag's value.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "never" => Self::None,
            "16" => Self::Sixteen,
            "256" => Self::Palette,
            "true" => Self::True,
            _ => return None,
        })
    }

    /// Returns what is sent for a colour.
    pub fn colour(self, shades: Shades) -> Color {
        let indexed = |index: Option<u8>| index.map_or(Color::Reset, Color::Indexed);
        match self {
            Self::None => Color::Reset,
            Self::Sixteen => indexed(shades.sixteen),
            Self::Palette => indexed(shades.palette.or(shades.sixteen)),
            Self::True => match shades.rgb {
                Some((red, green, blue)) => Color::Rgb(red, green, blue),
                None => indexed(shades.sixteen),
            },
        }
    }
}

/// Says whether the environment's locale can show more than ASCII.
pub fn shows_unicode(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_the_depth() {
        let check = |variables: &[(&str, &str)], depth: Depth| {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Depth::of_environment(&variable), depth, "{variables:?}");
        };
        check(&[("TERM", "xterm-256color")], Depth::Palette);
        check(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Depth::True);
        check(&[("TERM", "screen.xterm-256color"), ("COLORTERM", "truecolor")], Depth::Palette);
        check(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("STY", "1.pts")], Depth::Palette);
        check(&[("TERM", "linux")], Depth::Sixteen);
        check(&[("TERM", "vt220")], Depth::None);
        check(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], Depth::None);
        check(&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Depth::Palette);
    }

    #[test]
    fn the_locale_decides_the_signs() {
        let check = |variables: &[(&str, &str)], unicode: bool| {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(shows_unicode(&variable), unicode, "{variables:?}");
        };
        check(&[("LANG", "en_GB.UTF-8")], true);
        check(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")], false);
        check(&[("LANG", "C"), ("LC_CTYPE", "C.utf8")], true);
        check(&[], false);
    }
}
