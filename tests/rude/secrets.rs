//! Secrets reach the source that they are for, and nothing else: each is a canary that no output may hold.

use super::peer::{Act, Framing, Peer};
use super::{TRACE, run, text};
use hopscope::model::SourceKind;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use tempfile::TempDir;

const HEADER: &str = "canary-header-51d0c7";
const VARIABLE: &str = "canary-variable-9be214";
const FILE: &str = "canary-file-e03a6f";
const OTHER_FILE: &str = "canary-other-file-77c1d8";
const ADDRESS: &str = "canary-address-2f60ab";
const ALL: [&str; 5] = [HEADER, VARIABLE, FILE, OTHER_FILE, ADDRESS];

/// What a server does about a request.
type Manner = (&'static str, fn(&[u8]) -> Vec<Act>);

fn answer(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    vec![Act::Send(head.into_bytes())]
}

/// Servers that refuse like to say what they refused.
fn echo(status: &str, request: &[u8]) -> Vec<Act> {
    let request = String::from_utf8_lossy(request).into_owned();
    let (_, headers) = request.split_once("\r\n").expect("a request has a head");
    answer(status, "", &headers.replace("\r\n", " "))
}

const MANNERS: &[Manner] = &[
    ("answers", |_| answer("200 OK", "", r#"{"data":["shop"],"status":"success"}"#)),
    ("repeats the headers of what it refuses", |request| echo("401 Unauthorized", request)),
    ("repeats the headers of what it cannot do", |request| echo("500 Internal Server Error", request)),
    ("repeats the headers in a good answer", |request| echo("200 OK", request)),
    ("leads elsewhere", |_| answer("302 Found", "location: http://127.0.0.1:1/login\r\n", "")),
    ("closes at once", |_| Vec::new()),
    ("sends noise", |_| vec![Act::Send(b"\x00\x01\x02 noise".to_vec())]),
];

/// Verbs that ask the source.
const ASKING: &[&[&str]] = &[
    &["now", "-v"],
    &["now", "-v", "-o", "json"],
    &["follow", TRACE, "-v"],
    &["follow", TRACE, "-v", "-o", "json"],
    &["follow", "order-4711", "-v", "-o", "json"],
];
/// Verbs that only look at the settings.
const LOOKING: &[&[&str]] = &[
    &["config", "show"],
    &["config", "show", "-o", "json"],
    &["config", "check"],
    &["now", "--profile", "nobody"],
    &["now", "--profile", "nobody", "-o", "json"],
];

/// Runs every verb and returns the outputs that hold a canary.
fn leaks(name: &str, config: &str, variables: &[(&str, &str)], verbs: &[&[&str]]) -> Vec<String> {
    let mut leaks = Vec::new();
    for verb in verbs {
        let ran = run(verb, config, variables);
        let all = text(&ran.stdout) + &text(&ran.stderr);
        assert!(!all.is_empty(), "{name}: {verb:?} says something");
        leaks.extend(ALL.iter().filter(|canary| all.contains(**canary)).map(|found| {
            let line = all.lines().find(|line| line.contains(found)).unwrap_or_default();
            format!("{name}: {verb:?} shows {found}: {line}")
        }));
    }
    leaks
}

fn secret_file(home: &TempDir, name: &str, content: &str) -> String {
    let path = home.path().join(name);
    let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path).unwrap();
    writeln!(file, "{content}").unwrap();
    path.to_str().unwrap().to_owned()
}

/// A canary, the lines of a source's section that bring it, and the environment.
type Way = (&'static str, String, Vec<(String, String)>);

/// Every way in which a secret can be given to one kind of source.
fn ways(source: SourceKind, home: &TempDir) -> Vec<Way> {
    let variable = format!("HOPSCOPE_{}_TOKEN_FILE", source.name().to_uppercase());
    let other = secret_file(home, "other", OTHER_FILE);
    vec![
        (HEADER, format!("headers = {{ X-Api-Key = \"{HEADER}\" }}"), Vec::new()),
        (VARIABLE, "token_env = \"SHOP_TOKEN\"".to_owned(), vec![("SHOP_TOKEN".to_owned(), VARIABLE.to_owned())]),
        (FILE, format!("token_file = \"{}\"", secret_file(home, "token", FILE)), Vec::new()),
        (OTHER_FILE, String::new(), vec![(variable, other)]),
    ]
}

fn check(source: SourceKind) {
    let home = TempDir::new().unwrap();
    let mut wrong = Vec::new();
    for (canary, lines, variables) in ways(source, &home) {
        for (name, manner) in MANNERS {
            let peer = Peer::start(Framing::Http, Arc::new(move |_, request| manner(request)));
            let config = format!("[profile.shop.{source}]\nurl = \"http://{}\"\n{lines}\n", peer.address);
            let variables: Vec<(&str, &str)> =
                variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            wrong.extend(leaks(&format!("{source} that {name}"), &config, &variables, ASKING));
            if *name == MANNERS[0].0 {
                wrong.extend(leaks("settings", &config, &variables, LOOKING));
            }
            let texts = peer.texts();
            let arrived = !texts.is_empty() && texts.iter().all(|request| request.contains(canary));
            if !arrived {
                wrong.push(format!("{source} that {name}: {canary} did not come with each request: {texts:?}"));
            }
        }
    }
    super::none(&wrong);
}

#[test]
fn jaeger_gets_its_secrets_and_nobody_else_does() {
    check(SourceKind::Jaeger);
}

#[test]
fn loki_gets_its_secrets_and_nobody_else_does() {
    check(SourceKind::Loki);
}

/// One source's secret does not go to the other.
#[test]
fn secrets_stay_with_their_source() {
    let script = |_: usize, _: &[u8]| answer("200 OK", "", r#"{"data":["shop"],"status":"success"}"#);
    let (jaeger, loki) = (Peer::start(Framing::Http, Arc::new(script)), Peer::start(Framing::Http, Arc::new(script)));
    let config = format!(
        "[profile.shop.jaeger]\nurl = \"http://{}\"\nheaders = {{ X-Key = \"{HEADER}\" }}\n\
         [profile.shop.loki]\nurl = \"http://{}\"\ntoken_env = \"SHOP_TOKEN\"\n",
        jaeger.address, loki.address
    );
    super::none(&leaks("both", &config, &[("SHOP_TOKEN", VARIABLE)], ASKING));
    let (jaeger, loki) = (jaeger.texts(), loki.texts());
    assert!(!jaeger.is_empty() && jaeger.iter().all(|one| one.contains(HEADER) && !one.contains(VARIABLE)));
    assert!(!loki.is_empty() && loki.iter().all(|one| one.contains(VARIABLE) && !one.contains(HEADER)));
}

/// A secret where none may stand is a mistake, and the mistake does not repeat it.
#[test]
fn a_secret_in_the_wrong_place_is_refused_without_repeating_it() {
    let in_flags: &[&[&str]] = &[
        &["now", "--jaeger", "http://user:canary-address-2f60ab@127.0.0.1:9"],
        &["now", "--jaeger", "http://canary-address-2f60ab@127.0.0.1:9"],
        &["now", "--loki", "http://127.0.0.1:9/?token=canary-address-2f60ab"],
        &["now", "--loki", "http://127.0.0.1:9/#canary-address-2f60ab"],
        &["now", "--loki", "canary-address-2f60ab:9"],
        &["now", "--kafka", "user:canary-address-2f60ab@127.0.0.1:9092"],
    ];
    let mut wrong = Vec::new();
    for verb in in_flags {
        for form in [&[][..], &["-o", "json"]] {
            let verb = [verb, form].concat();
            assert_eq!(run(&verb, "", &[]).status.code(), Some(2), "{verb:?}");
            wrong.extend(leaks("flags", "", &[], &[&verb]));
        }
    }
    let variables = [
        ("HOPSCOPE_JAEGER_URL", "http://user:canary-address-2f60ab@127.0.0.1:9"),
        ("HOPSCOPE_LOKI_URL", "http://127.0.0.1:9/?token=canary-address-2f60ab"),
        ("HOPSCOPE_KAFKA", "user:canary-address-2f60ab@127.0.0.1:9092"),
    ];
    for variable in variables {
        assert_eq!(run(&["config", "check"], "", &[variable]).status.code(), Some(2), "{variable:?}");
        wrong.extend(leaks("environment", "", &[variable], LOOKING));
    }
    let in_files = [
        "[profile.a.jaeger]\nurl = \"http://user:canary-address-2f60ab@127.0.0.1:9\"\n",
        "[profile.a.loki]\nurl = \"http://127.0.0.1:9/?token=canary-address-2f60ab\"\n",
        "[profile.a.kafka]\nbootstrap = \"user:canary-address-2f60ab@127.0.0.1:9092\"\n",
        "[profile.a.jaeger]\nurl = \"http://127.0.0.1:9\"\ntoken = \"canary-address-2f60ab\"\n",
        "[profile.a.jaeger]\nurl = \"http://127.0.0.1:9\"\nheaders = \"X-Key: canary-address-2f60ab\"\n",
        "[profile.a.jaeger]\nurl = \"http://127.0.0.1:9\"\nheaders = { X-Key = [\"canary-address-2f60ab\"] }\n",
        "[profile.a.jaeger]\nurl = \"http://127.0.0.1:9\"\nheaders = { X-Key = \"canary-address-2f60ab\n",
        "[profile.a.jaeger]\nurl = \"http://127.0.0.1:9\"\nheaders = { X-Key = canary-address-2f60ab }\n",
        "[profile.a.jaeger]\nurl = \"http://127.0.0.1:9\"\ntoken_env = \"canary-address-2f60ab\"\n",
    ];
    for config in in_files {
        assert_eq!(run(&["config", "check"], config, &[]).status.code(), Some(2), "{config}");
        wrong.extend(leaks(config, config, &[], LOOKING));
    }
    super::none(&wrong);
}
