//! Themes as a person chooses, writes and checks them.

use super::{config, run, text};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// Puts a theme among the person's own.
fn own(home: &TempDir, name: &str, contents: &str) {
    let folder = home.path().join("hopscope/themes");
    fs::create_dir_all(&folder).expect("the folder is ours");
    fs::write(folder.join(format!("{name}.toml")), contents).expect("the folder is ours");
}

const MINE: &str = "schema = 1\nname = \"mine\"\ninherits = \"dark\"\n[roles]\nok = \"#123456\"\n";

/// The styles of a printed console: what it draws itself with.
fn styles(home: &TempDir, more: &[&str], variables: &[(&str, &str)]) -> String {
    let asked = ["--print", "styles", "--color", "true", "--kafka", "127.0.0.1:1"];
    let printed = run(home, &[&asked[..], more].concat(), variables);
    assert_eq!(printed.status.code(), Some(0), "{}", text(&printed.stderr));
    text(&printed.stdout)
}

#[test]
fn eight_themes_and_those_of_the_person_are_listed() {
    let home = TempDir::new().unwrap();
    own(&home, "mine", MINE);
    own(&home, "broken", "schema = 1\nname = \"broken\"\ninherits = \"dark\"\n[roles]\nokay = \"red\"\n");
    let listed = run(&home, &["theme", "list", "-o", "json"], &[]);
    let document: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let themes = document["themes"].as_array().unwrap();
    assert_eq!((listed.status.code(), themes.len()), (Some(0), 10), "{document}");
    let of = |name: &str| themes.iter().find(|theme| theme["name"] == name).unwrap();
    assert_eq!((&of("mine")["appearance"], &of("dark")["origin"]), (&"dark".into(), &"built in".into()));
    assert!(of("mine")["origin"].as_str().unwrap().ends_with("hopscope/themes/mine.toml"));
    let mistake = &of("broken")["mistakes"][0];
    assert!(mistake["place"].as_str().unwrap().ends_with("broken.toml:5:1"), "{mistake}");
    let plain = run(&home, &["theme", "list"], &[]);
    assert!(text(&plain.stdout).contains("broken\t(mistakes)\t") && text(&plain.stderr).contains("okay"));
}

#[test]
fn a_check_tells_mistakes_with_their_lines_and_what_cannot_be_seen() {
    let home = TempDir::new().unwrap();
    own(&home, "mine", MINE);
    let code = |arguments: &[&str]| run(&home, arguments, &[]).status.code();
    for name in ["dark", "light", "ansi16", "mono", "colorblind-light", "high-contrast-dark"] {
        assert_eq!(code(&["theme", "check", name]), Some(0), "{name}");
    }
    let checked = run(&home, &["theme", "check", "mine", "-o", "json"], &[]);
    let document: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let ok = document["contrast"].as_array().unwrap().iter().find(|row| row["role"] == "ok").unwrap();
    assert_eq!((checked.status.code(), &document["exit"]), (Some(1), &1.into()), "dark blue on dark grey: {document}");
    assert!(ok["reached"].as_f64() < ok["wanted"].as_f64(), "{ok}");
    let wrong = run(&home, &["theme", "check", "no-such"], &[]);
    assert!(wrong.status.code() == Some(2) && text(&wrong.stderr).contains("high-contrast-light"));
    let file = home.path().join("a.toml");
    fs::write(&file, "schema = 1\nname = \"a\"\ninherits = \"dark\"\n[roles]\nok = \"sea\"\nwarn = 1000\n").unwrap();
    let wrong = run(&home, &["theme", "check", file.to_str().unwrap()], &[]);
    let told = text(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && told.contains("a.toml:5:") && told.contains("a.toml:6:"), "{told}");
}

#[test]
fn what_is_shown_is_a_theme_that_can_be_begun_with() {
    let home = TempDir::new().unwrap();
    let shown = text(&run(&home, &["theme", "show", "dark"], &[]).stdout);
    own(&home, "mine", &shown.replace("name = \"dark\"", "name = \"mine\""));
    assert_eq!(run(&home, &["theme", "check", "mine"], &[]).status.code(), Some(0));
}

#[test]
fn a_preview_has_a_line_for_each_role_in_as_many_colours_as_are_shown() {
    let home = TempDir::new().unwrap();
    for (depth, has, has_not) in [("true", "38;2;", "38;5;"), ("256", "38;5;", "38;2;"), ("never", "\x1b[1m", "38;")] {
        let shown = text(&run(&home, &["theme", "preview", "dark", "--color", depth], &[]).stdout);
        assert!(shown.lines().count() == 14 && shown.contains(has) && !shown.contains(has_not), "{depth}: {shown:?}");
    }
}

#[test]
fn the_file_the_environment_and_the_flag_choose_in_this_order() {
    let home = TempDir::new().unwrap();
    own(&home, "mine", &MINE.replace("[roles]", "[palette]\nblue = \"#abcdef\"\n[roles]"));
    let is_mine = |printed: &str| printed.to_lowercase().contains("abcdef");
    assert!(!is_mine(&styles(&home, &[], &[])));
    config(&home, "theme = \"mine\"\n");
    assert!(is_mine(&styles(&home, &[], &[])), "{}", styles(&home, &[], &[]));
    assert!(!is_mine(&styles(&home, &[], &[("HOPSCOPE_THEME", "light")])));
    assert!(is_mine(&styles(&home, &["--theme", "mine"], &[("HOPSCOPE_THEME", "light")])));
    config(&home, "theme = \"nowhere\"\n");
    let refused = run(&home, &["--print", "text", "--kafka", "127.0.0.1:1"], &[]);
    assert!(
        refused.status.code() == Some(2) && text(&refused.stderr).contains("config.toml:1"),
        "{}",
        text(&refused.stderr)
    );
}
