//! Settings and profiles as scripts see them.

use super::{config, run, text};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const TWO: &str = "# mine\n[profile.a.loki]\nurl = \"http://127.0.0.1:9\"\n[profile.b.kafka]\nbootstrap = \"k:9092\"\n";

fn json(home: &TempDir, arguments: &[&str]) -> Value {
    let ran = run(home, &[arguments, &["-o", "json"]].concat(), &[("HOPSCOPE_JAEGER_URL", "http://127.0.0.1:9")]);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

#[test]
fn the_layers_are_told_as_json() {
    let home = TempDir::new().unwrap();
    config(&home, TWO);
    let told = json(&home, &["config", "sources", "--profile", "a"]);
    assert_eq!(told["schema"], "hopscope/config-sources/1");
    let layers = told["layers"].as_array().unwrap();
    let of = |layer: &str| layers.iter().find(|one| one["layer"] == layer).unwrap();
    assert_eq!(of("file")["settings"], serde_json::json!(["loki.url"]));
    assert_eq!((&of("environment")["from"], &of("file")["is_there"]), (&"HOPSCOPE_JAEGER_URL".into(), &true.into()));
}

#[test]
fn a_file_that_is_named_is_checked_with_all_its_profiles() {
    let home = TempDir::new().unwrap();
    config(&home, "[profile.x.loki]\nurl = \"ftp://no\"\n");
    let other = home.path().join("other.toml");
    std::fs::write(&other, TWO.replace("k:9092", "k:9092\"\nuser = \"u\"\nsasl_mechanism = \"PLAIN")).unwrap();
    let ran = run(&home, &["config", "check", other.to_str().unwrap()], &[]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(text(&ran.stderr).contains("PLAIN needs a secret"), "{}", text(&ran.stderr));
    std::fs::write(&other, TWO).unwrap();
    assert_eq!(run(&home, &["config", "check", other.to_str().unwrap()], &[]).status.code(), Some(0));
}

#[test]
fn properties_that_are_not_used_are_listed() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("client.properties");
    std::fs::write(&file, "bootstrap.servers=k:9092\nacks=all\n").unwrap();
    config(&home, &format!("[profile.a.kafka]\nproperties_file = \"{}\"\n", file.display()));
    let told = json(&home, &["config", "check"]);
    assert_eq!(told["ignored"][0]["what"], "`acks` is not used");
    assert!(told["ignored"][0]["place"].as_str().unwrap().ends_with("client.properties:2"));
    assert!(text(&run(&home, &["config", "check"], &[]).stdout).contains("client.properties:2: `acks` is not used"));
}

#[test]
fn a_profile_is_made_the_default_and_the_rest_of_the_file_stays() {
    let home = TempDir::new().unwrap();
    config(&home, TWO);
    let path = home.path().join("hopscope").join("config.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(text(&run(&home, &["profile", "list"], &[]).stdout), "  a  loki\n  b  kafka\n");
    assert_eq!(run(&home, &["profile", "use", "c"], &[]).status.code(), Some(2));
    assert_eq!(run(&home, &["profile", "use", "b"], &[]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("default_profile = \"b\"\n{TWO}"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(text(&run(&home, &["profile", "list"], &[]).stdout), "  a  loki\n* b  kafka\n");
    assert_eq!(json(&home, &["profile", "list"])["profiles"][1]["is_used"], true);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
}
