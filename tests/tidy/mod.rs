//! House rules as tests: arrows between rooms, sizes of files, marks of unfinished work, paths of machines.

mod registries;

use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms a room may use. `docs/architecture.md` shows the same table.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["model"]),
    ("decode", &["model"]),
    ("sources", &["model", "config", "decode"]),
    ("correlate", &["model", "decode"]),
    ("diagnose", &["model", "decode"]),
    ("investigate", &["model", "config", "sources", "correlate", "diagnose"]),
    ("export", &["model"]),
    ("tui", &["model", "config", "export", "investigate"]),
    ("cli", &["model", "config", "sources", "correlate", "diagnose", "investigate", "export", "tui", "demo", "world"]),
    ("world", &[]),
    ("demo", &["world"]),
];

/// Rooms without waiting, input, output and clocks.
const PURE: &[&str] = &["model", "decode", "correlate", "diagnose", "export", "world"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&root().join(folder), "rs", &mut found);
    let name = |path: &Path| path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).expect("sources are UTF-8"))).collect()
}

fn refuse(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

/// Code lines with their numbers; comments are left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let mut offences = Vec::new();
    for (room, allowed) in ARROWS {
        let all = sources(&format!("src/{room}"));
        assert!(!all.is_empty(), "room {room} is empty");
        for (file, text) in all {
            for (at, line) in code(&text) {
                for used in line.split("crate::").skip(1) {
                    let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let is_room = ARROWS.iter().any(|(name, _)| *name == used);
                    if is_room && used != *room && !allowed.contains(&used.as_str()) {
                        offences.push(format!("{file}:{at}: `{room}` may not use `{used}`"));
                    }
                }
            }
        }
    }
    refuse(&offences);
}

#[test]
fn pure_rooms_neither_wait_nor_look_at_a_clock() {
    let forbidden =
        ["async ", "tokio::", "std::net", "std::fs", "Instant::now", "SystemTime::now", "Timestamp::now", "std::env"];
    let mut offences = Vec::new();
    for room in PURE {
        for (file, text) in sources(&format!("src/{room}")) {
            for (at, line) in code(&text) {
                for word in forbidden.iter().filter(|word| line.contains(**word)) {
                    offences.push(format!("{file}:{at}: `{word}` in a pure room"));
                }
            }
        }
    }
    refuse(&offences);
}

#[test]
fn no_file_is_over_the_wall() {
    let all = sources("src").into_iter().chain(sources("tests"));
    let long = all.map(|(file, text)| (file, text.lines().count())).filter(|(_, lines)| *lines > 600);
    refuse(&long.map(|(file, lines)| format!("{file}: {lines} lines, split it")).collect::<Vec<_>>());
}

#[test]
fn the_top_level_is_what_it_is() {
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "install.sh",
        "src",
        "themes",
        "tests",
        "docs",
        "target",
        "proptest-regressions",
    ];
    let entries = fs::read_dir(root()).expect("the root can be read").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let strange = names.filter(|name| !name.starts_with('.') && !known.contains(&name.as_str()));
    refuse(&strange.map(|name| format!("{name}: belongs below one of the folders that there are")).collect::<Vec<_>>());
}

#[test]
fn nothing_unfinished_and_no_machine_path_is_kept() {
    // Written in halves so that this file does not refuse itself.
    let marks = [["TO", "DO"], ["FIX", "ME"], ["todo", "!("], ["unimplemented", "!("], ["#[ign", "ore"]]
        .map(|half| half.concat());
    let paths = [["/wo", "rk/"], ["/ro", "ot/"], ["/tmp", "/wt"], ["/ho", "me/"]].map(|half| half.concat());
    let mut offences = Vec::new();
    for (file, text) in sources("src").into_iter().chain(sources("tests")) {
        for (at, line) in text.lines().enumerate() {
            for word in marks.iter().chain(&paths).filter(|word| line.contains(word.as_str())) {
                offences.push(format!("{file}:{}: `{word}`", at + 1));
            }
        }
    }
    refuse(&offences);
}

#[test]
fn every_room_says_what_it_owns() {
    let mut offences = Vec::new();
    for (room, _) in ARROWS {
        let text = fs::read_to_string(root().join(format!("src/{room}/mod.rs"))).expect("a room has a mod.rs");
        if text.lines().take_while(|line| line.starts_with("//!")).count() == 0 {
            offences.push(format!("src/{room}/mod.rs: begins without saying what the room owns"));
        }
    }
    refuse(&offences);
}
