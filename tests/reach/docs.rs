//! Every setting stands in the documentation.

use hopscope::config::keys::KEYS;
use std::collections::BTreeSet;

/// Names that have a place of their own, by section (`jaeger`, `limits`): in the first cell of a table's row, or as a line
/// of a file that is shown. A heading or a section's line says whose they are; those of `Secrets`, `TLS` and the like are
/// everybody's.
fn documented(text: &str) -> BTreeSet<(String, String)> {
    let sections = ["jaeger", "tempo", "grafana", "loki", "kafka", "kafka_rest", "headers", "limits", "keys"];
    let (mut found, mut of, mut in_code) = (BTreeSet::new(), Vec::new(), false);
    for line in text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        let heading = line.strip_prefix("## ").map(str::to_ascii_lowercase);
        if let Some(heading) = heading {
            let own: Vec<&str> = sections.into_iter().filter(|section| heading == *section).collect();
            of = if own.is_empty() { sections.to_vec() } else { own };
        }
        if in_code && line.starts_with('[') {
            of = sections.into_iter().filter(|section| line.contains(section)).collect();
        }
        let names: Vec<&str> = if in_code {
            line.split_once(" = ").map(|(name, _)| name).into_iter().filter(|name| !name.contains(' ')).collect()
        } else {
            let cell = line.strip_prefix("| ").and_then(|row| row.split(" | ").next()).unwrap_or_default();
            cell.split('`').skip(1).step_by(2).collect()
        };
        for name in names {
            found.extend(of.iter().map(|section| ((*section).to_owned(), name.to_owned())));
        }
    }
    found
}

#[test]
fn every_setting_has_a_line_of_its_own_in_the_documentation() {
    let text = include_str!("../../docs/connecting.md");
    let found = documented(text);
    let missing: Vec<&str> = KEYS
        .iter()
        .map(|key| key.name)
        .filter(|name| {
            let parts: Vec<&str> =
                name.trim_start_matches("profile.*.").split('.').filter(|part| *part != "*").collect();
            match parts[..] {
                // Those of the top level stand above the first section.
                [name] => !text.lines().any(|line| line.starts_with(&format!("{name} = "))),
                [section, name, ..] => !found.contains(&(section.to_owned(), name.to_owned())),
                [] => true,
            }
        })
        .collect();
    assert!(missing.is_empty(), "not in docs/connecting.md: {missing:?}");
}

#[test]
fn a_name_in_a_sentence_is_no_documentation() {
    let text = "## Jaeger\nSet `url` and `tenant`.\n| `user`, `token_file` | x `url` |\n## Limits\n| `bytes` | y |\n";
    let pair = |section: &str, name: &str| (section.to_owned(), name.to_owned());
    let wanted = [pair("jaeger", "token_file"), pair("jaeger", "user"), pair("limits", "bytes")];
    assert_eq!(documented(text), BTreeSet::from(wanted));
}
