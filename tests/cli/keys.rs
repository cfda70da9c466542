//! Keys as a person binds them, and how they are told.

use super::{config, run, text};
use hopscope::cli::keys::markdown;
use hopscope::tui::keys::KeyMap;
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn the_page_of_the_documentation_is_the_built_in_map() {
    let page = include_str!("../../docs/keys.md");
    assert_eq!(page, markdown(&KeyMap::default()), "write it again: hopscope keys -o md > docs/keys.md");
    let home = TempDir::new().unwrap();
    assert_eq!(page, text(&run(&home, &["keys", "-o", "md"], &[]).stdout));
}

#[test]
fn the_live_map_says_where_each_binding_comes_from() {
    let home = TempDir::new().unwrap();
    config(&home, "[keys]\npreset = \"vim\"\nfollow = \"Ctrl-g\"\ndoctor = \"none\"\n");
    let plain = text(&run(&home, &["keys"], &[]).stdout);
    let line =
        |word: &str| plain.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word} in {plain}"));
    assert!(line(" follow ").starts_with("Ctrl-g ") && line(" follow ").contains("config.toml:3"), "{plain}");
    assert!(line(" doctor ").starts_with("none "), "{plain}");
    assert!(line(" page-down ").ends_with("(preset vim)"), "{plain}");
    assert!(!line(" fold ").contains('('), "what is built in needs no place: {plain}");
    let document: Value = serde_json::from_slice(&run(&home, &["keys", "-o", "json"], &[]).stdout).unwrap();
    let origin = |name: &str| {
        let rows = document["commands"].as_array().unwrap();
        rows.iter().find(|row| row["command"] == name).unwrap()["origin"].as_str().unwrap().to_owned()
    };
    assert_eq!((origin("older").as_str(), origin("fold").as_str()), ("preset vim", "built in"));
    assert!(origin("follow").ends_with("config.toml:3"));
}

#[test]
fn mistakes_in_keys_come_together_with_those_of_the_rest() {
    let home = TempDir::new().unwrap();
    config(&home, "[keys]\nfolow = \"F\"\nopen = 3\n[profile.a.jaeger]\nurl = \"ftp://a\"\n");
    for arguments in [&["keys"][..], &["config", "check"], &["now"]] {
        let ran = run(&home, arguments, &[]);
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        for word in ["config.toml:2:9", "did you mean `follow`?", "config.toml:3:8", "config.toml:5:7"] {
            assert!(text(&ran.stderr).contains(word), "{word} in {}", text(&ran.stderr));
        }
    }
}

#[test]
fn the_console_obeys_the_live_map_and_shows_it() {
    let home = TempDir::new().unwrap();
    config(&home, "[keys]\nhelp = \"V\"\n");
    let shown = |keys: &str| {
        let asked = ["--print", "text", "--kafka", "127.0.0.1:1", "--keys", keys];
        text(&run(&home, &asked, &[]).stdout)
    };
    assert!(shown("V").contains("[0 Help]") && shown("V").contains("V help"), "{}", shown("V"));
    assert!(shown("?").contains("has no meaning here; V shows the keys"), "{}", shown("?"));
}

#[test]
fn the_example_of_the_documentation_has_no_mistakes() {
    let text = include_str!("../../docs/connecting.md");
    let blocks = text.split("```toml\n").filter_map(|block| block.split("```").next());
    let example = blocks.into_iter().find(|block| block.starts_with("[keys]")).expect("there is one");
    let map = KeyMap::of(&hopscope::config::bindings::read("example", example));
    assert!(map.is_ok_and(|map| map != KeyMap::default()), "{example}");
}
