//! The scenario format refuses what it does not know.

use hopscope::world::Scenario;

const SMALL: &str = r#"
name = "small"
seed = 1
mean_gap_ms = 500
entry = "front GET /"
id_prefix = "job-"

[[service]]
name = "front"
stack = "go"
log = "plain"

[[operation]]
service = "front"
name = "GET /"
work_ms = [1, 2]
"#;

fn check_refused(addition: &str, says: &str) {
    let error = Scenario::from_toml(&format!("{SMALL}\n{addition}")).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}

#[test]
fn a_small_scenario_is_accepted() {
    assert_eq!(Scenario::from_toml(SMALL).unwrap().name, "small");
}

#[test]
fn an_unknown_field_is_refused_with_its_place() {
    check_refused("[[topic]]\nname = \"t\"\npartitions = 1\ncolour = 3\n", "colour");
}

#[test]
fn undefined_names_are_refused() {
    check_refused("[[fault]]\nname = \"f\"\nat = \"back GET /\"\n", "back GET /");
    let group = "[[group]]\nid = \"g\"\nservice = \"front\"\ntopic = \"nowhere\"\nwork_ms = [1, 2]\n";
    check_refused(group, "topic `nowhere`");
}
