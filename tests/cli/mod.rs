//! The program as scripts see it: exit codes, stdout, stderr.

mod dead;
mod demo;
mod keys;
mod logs;
mod profiles;
mod theme;

use serde_json::Value;
use std::fs;
use std::process::{Command, Output};
use tempfile::TempDir;

const CANARY: &str = "canary-7f3a9c";

/// Runs the program with an environment of its own.
fn run(home: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command.env_clear().env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path()).args(arguments);
    command.envs(variables.iter().copied()).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn config(home: &TempDir, content: &str) {
    let folder = home.path().join("hopscope");
    fs::create_dir_all(&folder).expect("the folder is ours");
    fs::write(folder.join("config.toml"), content).expect("the folder is ours");
}

/// An address on loopback that refuses: the port was free a moment ago.
fn refused() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("it listens").to_string()
}

#[test]
fn usage_mistakes_say_where_and_what_to_do() {
    let home = TempDir::new().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["--no-such-flag"], "--no-such-flag"),
        (&["follow"], "<ID>"),
        (&["follow", "orders@x", "--as", "record", "--jaeger", "http://127.0.0.1:1"], "topic-partition@offset"),
        (&["now", "--since", "yesterday", "--jaeger", "http://127.0.0.1:1"], "--since"),
        (&["now", "--jaeger", "127.0.0.1:16686"], "--jaeger"),
        (&["now", "--tz", "Mars/Base", "--jaeger", "http://127.0.0.1:1"], "--tz"),
        (&["now", "--profile", "nowhere"], "nowhere"),
        (&["now"], "hopscope demo"),
        (&["orders", "now"], "orders"),
        (&["now", "--config", "does-not-exist.toml"], "does-not-exist.toml"),
    ];
    for (arguments, word) in cases {
        let plain = run(&home, arguments, &[]);
        assert_eq!(plain.status.code(), Some(2), "{arguments:?}");
        assert!(plain.stdout.is_empty(), "{arguments:?}: stdout is for data");
        assert!(text(&plain.stderr).contains(word), "{arguments:?}: {}", text(&plain.stderr));

        let coded = run(&home, &[arguments, &["-o", "json"][..]].concat(), &[]);
        let document: Value =
            serde_json::from_slice(&coded.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        assert_eq!((&document["schema"], &document["exit"]), (&"hopscope/error/1".into(), &2.into()), "{arguments:?}");
        assert!(document["errors"][0]["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{arguments:?}");
    }
}

#[test]
fn a_bad_file_is_reported_as_a_whole() {
    let home = TempDir::new().unwrap();
    config(&home, "colour = \"red\"\n\n[profile.a.jaeger]\nurl = \"ftp://a\"\n[limits]\nrequests = 0\n");
    let checked = run(&home, &["config", "check"], &[]);
    assert_eq!(checked.status.code(), Some(2));
    for place in ["config.toml:1:1", "config.toml:4:7", "config.toml:6:12"] {
        assert!(text(&checked.stderr).contains(place), "{place} in {}", text(&checked.stderr));
    }
}

#[test]
fn sources_that_refuse_are_no_answer_and_say_what_to_check() {
    let home = TempDir::new().unwrap();
    let (jaeger, loki, kafka) = (format!("http://{}", refused()), format!("http://{}", refused()), refused());
    let sources = ["--jaeger", &jaeger, "--loki", &loki, "--kafka", &kafka, "--timeout", "5s"];
    for verb in [&["now"][..], &["follow", "orders-7@88213"], &["follow", "4bf92f3577b34da6a3ce929d0e0e4736"]] {
        let coded = run(&home, &[verb, &sources[..], &["-o", "json"]].concat(), &[]);
        let document: Value = serde_json::from_slice(&coded.stdout).unwrap();
        assert_eq!((coded.status.code(), &document["exit"]), (Some(5), &5.into()), "{verb:?}: {document}");
        let plain = run(&home, &[verb, &sources[..]].concat(), &[]);
        assert_eq!(plain.status.code(), Some(5), "{verb:?}");
        assert!(text(&plain.stdout).contains("not reachable"), "{verb:?}: {}", text(&plain.stdout));
        assert!(text(&plain.stdout).contains("check "), "{verb:?}: {}", text(&plain.stdout));
    }
    let lag = run(&home, &["queue", "lag", "--kafka", &refused(), "-o", "json"], &[]);
    assert_eq!(lag.status.code(), Some(5));
    let document: Value = serde_json::from_slice(&lag.stdout).unwrap();
    assert_eq!((&document["schema"], &document["exit"]), (&"hopscope/error/1".into(), &5.into()), "{document}");
}

#[test]
fn settings_name_their_origin_and_keep_their_secrets() {
    let home = TempDir::new().unwrap();
    let loki = format!("http://{}", refused());
    config(
        &home,
        &format!(
            "[profile.prod.jaeger]\nurl = \"http://jaeger:16686\"\ntoken_env = \"TOKEN\"\n\
             [profile.prod.loki]\nurl = \"{loki}\"\nheaders = {{ X-Key = \"{CANARY}\" }}\n"
        ),
    );
    let variables = [("TOKEN", CANARY), ("HOPSCOPE_JAEGER_URL", "http://127.0.0.1:9")];
    let shown = run(&home, &["config", "show"], &variables);
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
    assert!(text(&shown.stdout).contains("environment HOPSCOPE_JAEGER_URL"), "{}", text(&shown.stdout));
    assert!(text(&shown.stdout).contains("config.toml:6"), "{}", text(&shown.stdout));
    let runs: &[&[&str]] = &[
        &["config", "show"],
        &["config", "show", "-o", "json"],
        &["now", "-v", "--source", "loki", "--timeout", "5s"],
        &["now", "-v", "-o", "json", "--source", "jaeger,loki", "--timeout", "5s"],
        &["config", "check", "--profile", "missing"],
    ];
    for arguments in runs {
        let ran = run(&home, arguments, &variables);
        assert!(!text(&ran.stdout).contains(CANARY) && !text(&ran.stderr).contains(CANARY), "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_answers() {
    let home = TempDir::new().unwrap();
    for arguments in [&["--help"][..], &["--version"], &["follow", "--help"]] {
        let ran = run(&home, arguments, &[]);
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}");
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_layers_of_the_settings_are_told() {
    let home = TempDir::new().expect("a temporary folder");
    let told = |arguments: &[&str]| text(&run(&home, arguments, &[("HOPSCOPE_LOKI_URL", "http://loki:1")]).stdout);
    let bare = told(&["config", "sources"]);
    assert!(bare.contains("config.toml (the user's own): not there"), "{bare}");
    config(&home, "[profile.a.jaeger]\nurl = \"http://a\"\n[profile.b.jaeger]\nurl = \"http://b\"\n");
    let all = told(&["config", "sources", "--profile", "b", "--kafka", "k:9"]);
    for line in [
        "profile b\n",
        "config.toml (the user's own): 1 settings\n",
        "environment HOPSCOPE_LOKI_URL sets loki.url\n",
        "flag        --kafka sets kafka.bootstrap\n",
        "profiles    a, b\n",
    ] {
        assert!(all.contains(line), "{line} in {all}");
    }
}

#[test]
fn a_budget_is_set_for_one_question() {
    let home = TempDir::new().expect("a temporary folder");
    let shown = run(&home, &["config", "show", "--budget", "requests=7,timeout=5s"], &[]);
    let all = text(&shown.stdout);
    for name in ["limits.requests", "limits.timeout"] {
        let line = all.lines().find(|line| line.starts_with(name)).expect("it is listed");
        assert!(line.ends_with("(--budget)"), "{line}");
    }
    for (budget, said) in [("rows=5,requests", "requests"), ("requests=0", "above zero"), ("bytes=lots", "size")] {
        let refused = run(&home, &["now", "--budget", budget], &[]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(said), "{}", text(&refused.stderr));
    }
}
