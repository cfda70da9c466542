//! Half-done additions are refused: a file that says it is a rule, a family, a screen, a format, a source or a theme
//! must stand in the list of them, and a list must not name the same one twice.

use super::{files, refuse, root};
use std::fs;

/// One list of things that are added by one file and one line.
struct Registry {
    /// Folder of the files.
    folder: &'static str,
    extension: &'static str,
    /// Text that makes a file one of them; with nothing, every file is one.
    marker: &'static str,
    /// File that holds the list.
    list: &'static str,
    /// The line of the list, with `*` for the file's name (a folder's name for `mod.rs` and `client.rs` and the like).
    line: &'static str,
    /// How many there are at least: an empty folder would pass everything.
    at_least: usize,
}

const REGISTRIES: &[Registry] = &[
    Registry {
        folder: "src/diagnose/rules",
        extension: "rs",
        marker: "pub const RULE: Rule",
        list: "src/diagnose/mod.rs",
        line: "rules::*::RULE,",
        at_least: 6,
    },
    Registry {
        folder: "src/decode/headers",
        extension: "rs",
        marker: "const FAMILY: Family",
        list: "src/decode/headers/mod.rs",
        line: " *::FAMILY,",
        at_least: 11,
    },
    Registry {
        folder: "src/tui/screens",
        extension: "rs",
        marker: "impl Screen for ",
        list: "src/tui/screens/mod.rs",
        line: "&*::",
        at_least: 4,
    },
    Registry {
        folder: "src/export",
        extension: "rs",
        marker: "\npub fn story(",
        list: "src/export/format.rs",
        line: " *::story(",
        at_least: 1,
    },
    Registry {
        folder: "src/tui/keys/presets",
        extension: "toml",
        marker: "",
        list: "src/tui/keys/presets.rs",
        line: "(\"*\", include_str!(\"presets/*.toml\"))",
        at_least: 3,
    },
    Registry {
        folder: "themes",
        extension: "toml",
        marker: "",
        list: "src/tui/look/themes.rs",
        line: "(\"*\", include_str!(\"../../../themes/*.toml\"))",
        at_least: 4,
    },
];

/// Returns the lists that a file is missing from.
fn missing(registry: &Registry, name: &str, list: &str) -> Option<String> {
    let line = registry.line.replace('*', name);
    match list.matches(&line).count() {
        1 => None,
        0 => Some(format!(
            "{}/{name}.{} is not in {}: `{line}` is missing",
            registry.folder, registry.extension, registry.list
        )),
        more => Some(format!("`{line}` stands {more} times in {}", registry.list)),
    }
}

#[test]
fn what_is_added_is_in_its_list() {
    let mut offences = Vec::new();
    for registry in REGISTRIES {
        let list = fs::read_to_string(root().join(registry.list)).expect("the list is there");
        let mut found = Vec::new();
        files(&root().join(registry.folder), registry.extension, &mut found);
        let mut seen = 0;
        for path in found {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("names are UTF-8");
            if name == "mod" || !text.contains(registry.marker) {
                continue;
            }
            seen += 1;
            offences.extend(missing(registry, name, &list));
        }
        if seen < registry.at_least {
            offences.push(format!("{}: only {seen} files look like `{}`", registry.folder, registry.marker));
        }
    }
    refuse(&offences);
}

#[test]
fn a_file_outside_its_list_is_seen() {
    let rules = &REGISTRIES[0];
    let list = "rules::known::RULE,\nrules::twice::RULE,\nrules::twice::RULE,";
    assert_eq!(missing(rules, "known", list), None);
    assert!(missing(rules, "forgotten", list).is_some_and(|what| what.contains("rules/forgotten.rs")));
    assert!(missing(rules, "twice", list).is_some_and(|what| what.contains("2 times")));
}

/// A source is a folder, so its line is looked for by the type that it exports.
#[test]
fn every_source_can_be_opened() {
    let open = fs::read_to_string(root().join("src/investigate/sources.rs")).expect("the list is there");
    let mut found = Vec::new();
    files(&root().join("src/sources"), "rs", &mut found);
    let mut seen = Vec::new();
    for path in found {
        let text = fs::read_to_string(&path).expect("sources are UTF-8");
        let names = text.lines().filter_map(|line| line.strip_prefix("impl Source for ")?.split([' ', '<']).next());
        seen.extend(names.map(str::to_owned));
    }
    assert!(seen.len() >= 3, "{seen:?}");
    let closed = seen.iter().filter(|name| !open.contains(&format!("{name}::")));
    refuse(
        &closed.map(|name| format!("source `{name}` is not opened in src/investigate/sources.rs")).collect::<Vec<_>>(),
    );
}
