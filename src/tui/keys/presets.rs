//! The presets that are part of the program: keys after the habits of another one.

/// Name, text and what it is after, of each preset. The text is the `[keys]` section of a configuration file.
pub const PRESETS: &[(&str, &str)] = &[
    ("k9s", include_str!("presets/k9s.toml")),
    ("lnav", include_str!("presets/lnav.toml")),
    ("vim", include_str!("presets/vim.toml")),
];

/// Returns the text of a preset.
pub fn text(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
