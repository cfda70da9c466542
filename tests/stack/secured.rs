//! A real broker that wants logins and certificates, and allows little: what is permitted is served, what is not is named,
//! and nothing there is changed by looking.

use super::Stack;
use std::path::Path;
use std::process::{Command, Output};

/// Ways in: section of the configuration file, and how far it may look.
const PROFILES: &str = r#"
[profile.plain.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SASL_SSL"
sasl_mechanism = "PLAIN"
user = "reader"
password_env = "READER"
ca_file = "@TLS@/ca.pem"

[profile.scram256.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SASL_SSL"
sasl_mechanism = "SCRAM-SHA-256"
user = "reader"
password_command = ["cat", "@FOLDER@/password"]
ca_file = "@TLS@/ca.pem"

[profile.properties.kafka]
properties_file = "@FOLDER@/client.properties"

[profile.mutual.kafka]
bootstrap = "@MUTUAL@"
ca_file = "@TLS@/ca.pem"
client_cert = "@TLS@/client.crt"
client_key = "@TLS@/client.key"

[profile.describer.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SASL_SSL"
sasl_mechanism = "PLAIN"
user = "describer"
password_env = "DESCRIBER"
ca_file = "@TLS@/ca.pem"

[profile.auditor.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SASL_SSL"
sasl_mechanism = "PLAIN"
user = "auditor"
password_env = "AUDITOR"
ca_file = "@TLS@/ca.pem"

[profile.nobody.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SASL_SSL"
sasl_mechanism = "PLAIN"
user = "nobody"
password_env = "NOBODY"
ca_file = "@TLS@/ca.pem"

[profile.unchecked.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SASL_SSL"
sasl_mechanism = "PLAIN"
user = "reader"
password_env = "READER"
insecure = true

[profile.wrong-password.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SASL_SSL"
sasl_mechanism = "SCRAM-SHA-512"
user = "reader"
password_env = "NOBODY"
ca_file = "@TLS@/ca.pem"

[profile.wrong-mechanism.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SASL_SSL"
sasl_mechanism = "OAUTHBEARER"
token_env = "READER"
ca_file = "@TLS@/ca.pem"

[profile.no-login.kafka]
bootstrap = "@LOGIN@"
security_protocol = "SSL"
ca_file = "@TLS@/ca.pem"

[profile.no-tls.kafka]
bootstrap = "@LOGIN@"

[profile.tls-to-plaintext.kafka]
bootstrap = "@PLAINTEXT@"
security_protocol = "SSL"
ca_file = "@TLS@/ca.pem"

[profile.unknown-authority.kafka]
bootstrap = "@MUTUAL@"
security_protocol = "SSL"

[profile.no-certificate.kafka]
bootstrap = "@MUTUAL@"
security_protocol = "SSL"
ca_file = "@TLS@/ca.pem"
"#;

struct Secured {
    stack: Stack,
    folder: tempfile::TempDir,
}

impl Secured {
    fn open() -> Self {
        let (stack, folder) = (Stack::open(), tempfile::tempdir().unwrap());
        let places = [
            ("@LOGIN@", stack.get("KAFKA_LOGIN")),
            ("@MUTUAL@", stack.get("KAFKA_MUTUAL")),
            ("@PLAINTEXT@", stack.get("KAFKA")),
            ("@TLS@", stack.get("KAFKA_TLS")),
            ("@FOLDER@", folder.path().to_str().unwrap()),
        ];
        let filled = |text: &str| places.iter().fold(text.to_owned(), |text, (mark, place)| text.replace(mark, place));
        let properties = "bootstrap.servers=@LOGIN@\nsecurity.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n\
            sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n  username=\"reader\" \\\n  \
            password=\"reader-secret\";\nssl.truststore.type=PEM\nssl.truststore.location=@TLS@/ca.pem\n";
        write(&folder.path().join("config.toml"), &filled(PROFILES));
        write(&folder.path().join("password"), "reader-secret\n");
        write(&folder.path().join("client.properties"), &filled(properties));
        Self { stack, folder }
    }

    fn run(&self, profile: &str, verb: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_hopscope"))
            .args(["--profile", profile, "--config"])
            .arg(self.folder.path().join("config.toml"))
            .args(verb)
            .env_clear()
            .envs([("READER", "reader-secret"), ("DESCRIBER", "describer-secret")])
            .envs([("AUDITOR", "auditor-secret"), ("NOBODY", "nobody-secret")])
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, said) = (text(stdout), text(stderr));
        for secret in ["reader-secret", "describer-secret", "auditor-secret", "nobody-secret"] {
            assert!(!out.contains(secret) && !said.contains(secret), "{profile}: a secret is shown");
        }
        (status.code().unwrap(), out, said)
    }
}

fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn every_way_in_sees_what_the_open_listener_shows() {
    let secured = Secured::open();
    let kafka = secured.stack.get("KAFKA");
    let open = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(["queue", "lag", "--kafka", kafka])
        .env_clear()
        .output()
        .unwrap();
    let open = String::from_utf8(open.stdout).unwrap();
    let before = secured.stack.state();
    for profile in ["plain", "scram256", "properties", "mutual", "unchecked"] {
        let (code, out, said) = secured.run(profile, &["queue", "lag"]);
        assert_eq!((code, &out), (0, &open), "{profile}: {said}");
    }
    // The whole story of an order that ended as a dead letter, records included, with rights to read.
    let written = secured.stack.told("publish", secured.stack.get("ORDER_POISONED")).next();
    let at = super::coordinate(written.expect("a record was written"));
    let (code, out, said) = secured.run("scram256", &["follow", &at]);
    assert!(out.contains(&format!("{at} written")), "{code} {out} {said}");
    let (_, out, _) = secured.run("unchecked", &["now"]);
    assert!(out.contains("not checked"), "{out}");
    assert_eq!(secured.stack.state(), before, "looking changed nothing");
}

#[test]
fn rights_to_describe_show_lag_and_name_what_may_not_be_read() {
    let secured = Secured::open();
    let (_, open, _) = secured.run("plain", &["queue", "lag"]);
    let (code, out, said) = secured.run("describer", &["queue", "lag"]);
    assert_eq!((code, out), (0, open), "{said}");
    let topic = secured.stack.get("REFUNDS_TOPIC");
    let (code, out, said) = secured.run("describer", &["follow", &format!("{topic}-0@0"), "-o", "json"]);
    assert!(out.contains("not-permitted") && out.contains(topic), "{code} {out} {said}");
    assert!([3, 4].contains(&code), "{code} {out}");
}

#[test]
fn every_verb_serves_what_is_permitted_names_what_is_not_and_changes_nothing() {
    let secured = Secured::open();
    let before = secured.stack.state();
    assert!(before.contains("__consumer_offsets:") && before.contains("orders-"), "{before}");
    let written = secured.stack.told("publish", secured.stack.get("ORDER_POISONED")).next();
    let at = super::coordinate(written.expect("a record was written"));
    let (group, topic) = (secured.stack.get("REFUND_GROUP"), secured.stack.get("REFUNDS_TOPIC"));
    let refused = format!("{topic}-0@0");
    let missing = "there-is-no-such-topic-0@0";
    let cases: &[(&str, &[&str], i32, &str)] = &[
        ("scram256", &["queue", "groups"], 0, group),
        ("scram256", &["queue", "lag", "--times"], 0, group),
        ("scram256", &["queue", "record", &at], 0, "order_id"),
        ("scram256", &["queue", "record", missing], 1, "visible to this user"),
        ("scram256", &["queue", "topics"], 4, "needs DescribeConfigs"),
        // Exactly the rights that docs/connecting.md names.
        ("auditor", &["queue", "groups"], 0, group),
        ("auditor", &["queue", "lag", "--times"], 0, group),
        ("auditor", &["queue", "record", &at], 0, "order_id"),
        ("auditor", &["queue", "topics"], 0, topic),
        ("describer", &["queue", "groups"], 0, group),
        ("describer", &["queue", "lag", "--times"], 4, "not permitted"),
        ("describer", &["queue", "record", &refused], 4, topic),
        ("describer", &["queue", "topics"], 4, topic),
        ("nobody", &["queue", "lag"], 4, "visible to this user"),
        ("nobody", &["queue", "topics"], 4, "no topic is visible to this user"),
        ("nobody", &["queue", "record", &refused], 1, "visible to this user"),
    ];
    for (profile, verb, code, words) in cases {
        let (found, out, said) = secured.run(profile, verb);
        assert!(out.contains(words) || said.contains(words), "{profile} {verb:?}: {out} {said}");
        assert_eq!(found, *code, "{profile} {verb:?}: {out} {said}");
    }
    assert_eq!(secured.stack.state(), before, "looking changed nothing");
}

#[test]
fn without_rights_nothing_is_visible_which_is_not_nothing() {
    let secured = Secured::open();
    let (code, out, said) = secured.run("nobody", &["now"]);
    assert!(out.contains("topics visible: 0"), "{code} {out} {said}");
    assert!(out.contains("visible to this user"), "{out}");
    assert_ne!(code, 0, "nothing seen is not nothing wrong: {out}");
}

#[test]
fn what_does_not_fit_is_said_in_words() {
    let secured = Secured::open();
    for (profile, code, words) in [
        ("wrong-password", 3, "invalid credentials"),
        ("wrong-mechanism", 3, "does not take OAUTHBEARER; it takes PLAIN"),
        ("no-login", 5, "wants a login"),
        ("no-tls", 5, "speaks TLS"),
        ("tls-to-plaintext", 5, "plaintext"),
        ("unknown-authority", 5, "not trusted here"),
        ("no-certificate", 5, "certificate of ours"),
    ] {
        let (found, out, said) = secured.run(profile, &["queue", "lag"]);
        assert!(said.contains(words), "{profile}: {out} {said}");
        assert_eq!(found, code, "{profile}: {said}");
    }
}
