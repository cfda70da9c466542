//! Secrets reach the source that they are for, and nothing else: each is a canary that no output may hold.

use super::peer::{Act, Framing, Peer};
use super::{TRACE, run, run_at, text};
use crate::manners::server::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Each has a sign that percent, JSON and HTML forms write differently.
pub(super) const HEADER: &str = "canary-header-51d0c7";
pub(super) const VARIABLE: &str = "canary-variable-9be214";
pub(super) const FILE: &str = "canary-file-e03a6f";
const OTHER_FILE: &str = "canary-other-file-77c1d8";
const ADDRESS: &str = "canary-address-2f60ab";
const COMMAND: &str = "canary&command/4d17e2";
const PASSWORD_FILE: &str = "canary/password+file-0a9c4e";
pub(super) const PASSWORD_VARIABLE: &str = "canary\"password=variable-66d1";
const PASSWORD_COMMAND: &str = "canary password?command-b31f";
const HEADER_FILE: &str = "canary-header-file-c8e55a";
const HEADER_VARIABLE: &str = "canary-header-variable-1f09";
const HEADER_COMMAND: &str = "canary-header-command-92ab";
const CLIENT: &str = "canary/client secret-5e90b2";
const TOKEN: &str = "canary-fetched-token-a41d";
const KEY: &str = "canary/aws+key-70c3f8";
const SESSION: &str = "canary/aws+session==2b6d";
pub(super) const ALL: [&str; 16] = [
    HEADER,
    VARIABLE,
    FILE,
    OTHER_FILE,
    ADDRESS,
    COMMAND,
    PASSWORD_FILE,
    PASSWORD_VARIABLE,
    PASSWORD_COMMAND,
    HEADER_FILE,
    HEADER_VARIABLE,
    HEADER_COMMAND,
    CLIENT,
    TOKEN,
    KEY,
    SESSION,
];

/// The forms of a canary that no output may hold: as it is, as JSON writes it, percent-encoded, and in base64 alone, behind
/// a user, and as SASL sends it.
pub(super) fn forms(canary: &str) -> Vec<String> {
    let percent: String = canary
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let encoded =
        [canary.to_owned(), format!("reader:{canary}"), format!("\0reader\0{canary}")].map(|text| BASE64.encode(text));
    let json = serde_json::to_string(canary).unwrap();
    let mut all = vec![canary.to_owned(), json.trim_matches('"').to_owned(), percent.to_lowercase(), percent];
    // The last group may hold other bytes behind it.
    all.extend(encoded.map(|text| text[..text.len() - 4].to_owned()));
    // Behind other bytes it begins at one of three places of a group; only groups of its own bytes alone are certain.
    all.extend((1..3).map(|shift| {
        let text = BASE64.encode([&vec![b' '; shift][..], canary.as_bytes()].concat());
        text[4..text.len() - 4].to_owned()
    }));
    all
}

/// Says which canary stands in a text, and where.
pub(super) fn found(text: &str) -> Option<(&'static str, String)> {
    ALL.into_iter().find_map(|canary| {
        let form = forms(canary).into_iter().find(|form| text.contains(form.as_str()))?;
        let line = text.lines().find(|line| line.contains(&form)).unwrap_or_default();
        Some((canary, line.to_owned()))
    })
}

/// What a server does about a request.
pub(super) type Manner = (&'static str, fn(&[u8]) -> Vec<Act>);

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

pub(super) const MANNERS: &[Manner] = &[
    ("answers", |_| answer("200 OK", "", r#"{"data":["shop"],"status":"success"}"#)),
    ("repeats the headers of what it refuses", |request| echo("401 Unauthorized", request)),
    ("repeats the headers of what it cannot do", |request| echo("500 Internal Server Error", request)),
    ("repeats the headers in a good answer", |request| echo("200 OK", request)),
    ("repeats them in base64", |request| answer("403 Forbidden", "", &BASE64.encode(request))),
    ("repeats them percent-encoded", |request| {
        let all = request.iter().fold(String::new(), |all, byte| all + &format!("%{byte:02x}"));
        let plain = String::from_utf8_lossy(request).replace('/', "%2F").replace('"', "%22").replace(['\r', '\n'], " ");
        answer("400 Bad Request", "", &format!("{plain} {all}"))
    }),
    ("repeats them as JSON", |request| {
        let words = serde_json::to_string(&String::from_utf8_lossy(request)).unwrap();
        answer("401 Unauthorized", "", &format!("{{\"error\":{words}}}"))
    }),
    ("repeats them as an error in a good answer", |request| {
        let words = serde_json::to_string(&String::from_utf8_lossy(request)).unwrap();
        answer(
            "200 OK",
            "",
            &format!(
                "{{\"data\":null,\"errors\":[{{\"code\":500,\"msg\":{words}}}],\"status\":\"error\",\"error\":{words}}}"
            ),
        )
    }),
    ("leads elsewhere with them", |request| {
        let secret = String::from_utf8_lossy(request)
            .lines()
            .find_map(|line| {
                line.split_once(": ")
                    .filter(|(name, _)| *name == "authorization" || *name == "x-api-key")
                    .map(|(_, value)| value.to_owned())
            })
            .unwrap_or_default();
        answer(
            "302 Found",
            &format!("location: http://127.0.0.1:1/login/{}?t={secret}\r\n", secret.replace(' ', "/")),
            "",
        )
    }),
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
    &["logs", "query", "{app=\"x\"}", "-v"],
    &["doctor", "-v"],
    &["doctor", "-o", "json"],
    &["--print", "text", "--keys", "<Enter>"],
];
/// Verbs that only look at the settings.
const LOOKING: &[&[&str]] = &[
    &["config", "show"],
    &["config", "show", "-o", "json"],
    &["config", "sources", "-o", "json"],
    &["config", "check"],
    &["profile", "list", "-o", "json"],
    &["now", "--profile", "nobody"],
    &["now", "--profile", "nobody", "-o", "json"],
];

/// Runs every verb and returns the outputs, and the files left behind, that hold a canary.
pub(super) fn leaks(name: &str, config: &str, variables: &[(&str, &str)], verbs: &[&[&str]]) -> Vec<String> {
    let mut leaks = Vec::new();
    for verb in verbs {
        let home = TempDir::new().unwrap();
        let ran = run_at(&home, verb, config, variables);
        let all = text(&ran.stdout) + &text(&ran.stderr);
        assert!(!all.is_empty(), "{name}: {verb:?} says something");
        leaks.extend(found(&all).map(|(canary, line)| format!("{name}: {verb:?} shows {canary}: {line}")));
        let written = files(home.path()).into_iter().filter(|path| !path.ends_with("config.toml"));
        for path in written {
            let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            leaks.extend(found(&content).map(|(canary, line)| format!("{name}: {verb:?} writes {canary}: {line}")));
        }
    }
    leaks
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn secret_file(home: &TempDir, name: &str, content: &str) -> String {
    let path = home.path().join(name);
    let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path).unwrap();
    writeln!(file, "{content}").unwrap();
    path.to_str().unwrap().to_owned()
}

/// A canary, the lines of a source's section that bring it, and the environment.
type Way = (&'static str, String, Vec<(String, String)>);

/// Verbs that ask a proxy for Kafka.
const ASKING_QUEUES: &[&[&str]] = &[
    &["now", "-v"],
    &["now", "-v", "-o", "json"],
    &["queue", "lag", "-v"],
    &["queue", "lag", "-o", "json"],
    &["doctor", "-v"],
    &["doctor", "-o", "json"],
    &["--print", "text", "--keys", "<Enter>"],
];

/// A section of a profile, and the verbs that ask its source.
#[derive(Clone, Copy)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) asking: &'static [&'static [&'static str]],
}

pub(super) const JAEGER: Section = Section { name: "jaeger", asking: ASKING };
pub(super) const TEMPO: Section = Section { name: "tempo", asking: ASKING };
pub(super) const LOKI: Section = Section { name: "loki", asking: ASKING };
pub(super) const REST: Section = Section { name: "kafka_rest", asking: ASKING_QUEUES };

/// Every way in which a secret can be given to one kind of source.
fn ways(section: Section, home: &TempDir) -> Vec<Way> {
    let variable = format!("HOPSCOPE_{}_TOKEN_FILE", section.name.to_uppercase());
    let other = secret_file(home, "other", OTHER_FILE);
    let none = Vec::new;
    let printed = |name: &str, canary: &str| {
        let path = secret_file(home, name, canary);
        format!("[\"cat\", \"{path}\"]")
    };
    let user = |lines: String| format!("user = \"reader\"\n{lines}");
    let exported = |canary: &str| vec![("SHOP_SECRET".to_owned(), canary.to_owned())];
    let mut all = vec![
        (HEADER, format!("headers = {{ X-Api-Key = \"{HEADER}\" }}"), none()),
        (VARIABLE, "token_env = \"SHOP_SECRET\"".to_owned(), exported(VARIABLE)),
        (FILE, format!("token_file = \"{}\"", secret_file(home, "token", FILE)), none()),
        (COMMAND, format!("token_command = {}", printed("c", COMMAND)), none()),
        (PASSWORD_FILE, user(format!("password_file = \"{}\"", secret_file(home, "p", PASSWORD_FILE))), none()),
        (PASSWORD_VARIABLE, user("password_env = \"SHOP_SECRET\"".to_owned()), exported(PASSWORD_VARIABLE)),
        (PASSWORD_COMMAND, user(format!("password_command = {}", printed("q", PASSWORD_COMMAND))), none()),
    ];
    if section.name == REST.name {
        return all;
    }
    all.extend([
        (OTHER_FILE, String::new(), vec![(variable, other)]),
        (HEADER_FILE, format!("headers_file = {{ X-Api-Key = \"{}\" }}", secret_file(home, "h", HEADER_FILE)), none()),
        (HEADER_VARIABLE, "headers_env = { X-Api-Key = \"SHOP_SECRET\" }".to_owned(), exported(HEADER_VARIABLE)),
        (HEADER_COMMAND, format!("headers_command = {{ X-Api-Key = {} }}", printed("k", HEADER_COMMAND)), none()),
    ]);
    all
}

/// Every way meets every server, and every server every verb: which verb it is goes round.
fn check(section: Section) {
    let home = TempDir::new().unwrap();
    let wrong = Mutex::new(Vec::new());
    let ways = ways(section, &home);
    assert!(ways.len() >= section.asking.len(), "else some server would not meet some verb");
    // Most of the time is spent in waiting for another try.
    std::thread::scope(|scope| {
        for (number, way) in ways.iter().enumerate() {
            let wrong = &wrong;
            scope.spawn(move || {
                let found = check_way(section, number, way);
                wrong.lock().unwrap().extend(found);
            });
        }
    });
    super::none(&wrong.into_inner().unwrap());
}

fn check_way(section: Section, number: usize, (canary, lines, variables): &Way) -> Vec<String> {
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let source = section.name;
    let settings = |address: &str| format!("[profile.shop.{source}]\nurl = \"http://{address}\"\n{lines}\n");
    let looking = [LOOKING[0], LOOKING[1 + number % (LOOKING.len() - 1)]];
    let mut wrong = leaks("settings", &settings("127.0.0.1:9"), &variables, &looking);
    for (turn, (name, manner)) in MANNERS.iter().enumerate() {
        let peer = Peer::start(Framing::Http, Arc::new(move |_, request| manner(request)));
        let verb = section.asking[(number + turn) % section.asking.len()];
        wrong.extend(leaks(&format!("{source} that {name}"), &settings(&peer.address), &variables, &[verb]));
        let texts = peer.texts();
        let basic = BASE64.encode(format!("reader:{canary}"));
        let came = |request: &String| request.contains(canary) || request.contains(&basic);
        // Logs are asked of Loki alone. The probe for TLS is no request.
        let is_asked = source == LOKI.name || verb[0] != "logs";
        let arrived = is_asked != texts.is_empty() && texts.iter().filter(|text| text.contains("HTTP/1.1")).all(came);
        if !arrived {
            wrong.push(format!("{source} that {name}: {canary} did not come with each request of {verb:?}: {texts:?}"));
        }
    }
    wrong
}

#[test]
fn jaeger_gets_its_secrets_and_nobody_else_does() {
    check(JAEGER);
}

#[test]
fn tempo_gets_its_secrets_and_nobody_else_does() {
    check(TEMPO);
}

#[test]
fn a_rest_proxy_gets_its_secrets_and_nobody_else_does() {
    check(REST);
}

#[test]
fn loki_gets_its_secrets_and_nobody_else_does() {
    check(LOKI);
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

/// A program that prints a secret sees no other secret: neither in its environment nor in its arguments.
#[test]
fn programs_see_no_secret_of_others() {
    let home = TempDir::new().unwrap();
    let seen = home.path().join("seen");
    let script = secret_file(
        &home,
        "script",
        &format!(
            "tr '\\0' '\\n' < /proc/self/environ >> '{0}'; cat /proc/$$/cmdline /proc/$PPID/cmdline >> '{0}'; echo {COMMAND}",
            seen.display()
        ),
    );
    let peer = Peer::start(Framing::Http, Arc::new(|_: usize, _: &[u8]| answer("200 OK", "", r#"{"data":[]}"#)));
    let config = format!(
        "[profile.shop.jaeger]\nurl = \"http://{0}\"\ntoken_command = [\"sh\", \"{script}\"]\n\
         [profile.shop.loki]\nurl = \"http://{0}\"\ntoken_env = \"SHOP_SECRET\"\nheaders_env = {{ X-Key = \"OTHER_SECRET\" }}\n\
         [profile.later.kafka]\nbootstrap = \"a:1\"\npassword_env = \"THIRD_SECRET\"\n[limits]\nrequests = 9\n",
        peer.address
    );
    let config = config.replace("[limits]\nrequests = 9\n", "");
    let variables = [
        ("SHOP_SECRET", VARIABLE),
        ("OTHER_SECRET", HEADER_VARIABLE),
        ("THIRD_SECRET", PASSWORD_FILE),
        ("PATH", "/usr/bin:/bin"),
    ];
    run(&["now", "--profile", "shop"], &config, &variables);
    let seen = String::from_utf8_lossy(&std::fs::read(seen).unwrap()).into_owned();
    assert!(seen.contains("PATH="), "{seen}");
    assert_eq!(found(&seen), None);
}

/// A broker that repeats what it was sent, in the words and in the bytes of its refusal.
#[test]
fn kafka_gets_its_secrets_and_nobody_else_does() {
    let home = TempDir::new().unwrap();
    let file = secret_file(&home, "file", PASSWORD_FILE);
    let shell = secret_file(&home, "printed", PASSWORD_COMMAND);
    let token = secret_file(&home, "token", FILE);
    let properties = secret_file(
        &home,
        "client.properties",
        &format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=a.PlainLoginModule required username=\"reader\" password=\"{OTHER_FILE}\";\n"
        ),
    );
    let plain = "security_protocol = \"SASL_PLAINTEXT\"\nsasl_mechanism = \"PLAIN\"\nuser = \"reader\"\n";
    let bearer = "security_protocol = \"SASL_PLAINTEXT\"\nsasl_mechanism = \"OAUTHBEARER\"\n";
    let ways = [
        (PASSWORD_FILE, format!("{plain}password_file = \"{file}\"\n")),
        (PASSWORD_COMMAND, format!("{plain}password_command = [\"cat\", \"{shell}\"]\n")),
        (PASSWORD_VARIABLE, format!("{plain}password_env = \"SHOP_SECRET\"\n")),
        (FILE, format!("{bearer}token_file = \"{token}\"\n")),
        (OTHER_FILE, format!("properties_file = \"{properties}\"\n")),
    ];
    let mut wrong = Vec::new();
    for (canary, lines) in ways {
        let peer =
            Peer::start(Framing::Kafka, Arc::new(|_: usize, request: &[u8]| super::kafka::repeats_logins(request)));
        let config = format!("[profile.shop.kafka]\nbootstrap = \"{}\"\n{lines}", peer.address);
        let variables = [("SHOP_SECRET", PASSWORD_VARIABLE), ("PATH", "/usr/bin:/bin")];
        let verbs: &[&[&str]] = &[&["now", "-v"], &["now", "-v", "-o", "json"], &["doctor"], &["queue", "lag", "-v"]];
        wrong.extend(leaks(canary, &config, &variables, verbs));
        wrong.extend(leaks(canary, &config, &variables, LOOKING));
        let arrived = peer.texts().iter().any(|request| request.contains(canary));
        if !arrived {
            wrong.push(format!("{canary} did not come"));
        }
    }
    super::none(&wrong);
}

/// Lines of a section, variables, and what reaches the broker.
type Login<'a> = (String, Vec<(&'a str, &'a str)>, &'a str);

/// Logins with a part of their own between the secret and the broker: a token endpoint, or a signature.
#[test]
fn secrets_behind_a_kafka_login_are_not_shown() {
    let home = TempDir::new().unwrap();
    let echo = |request: &crate::manners::server::Request| {
        serde_json::to_string(&format!("{} {} {}", request.line, request.headers.join(" "), request.body)).unwrap()
    };
    let refusing = Server::start(move |_, request| {
        let body = format!(r#"{{"error":"invalid_client","error_description":{}}}"#, echo(request));
        crate::manners::server::answer("401 Unauthorized", "", &body)
    });
    let giving = Server::start(|_, _| {
        let body = format!(r#"{{"access_token":"{TOKEN}","expires_in":600}}"#);
        crate::manners::server::answer("200 OK", "", &body)
    });
    let file = secret_file(&home, "client", CLIENT);
    let from_file = format!("oidc_client_secret_file = \"{file}\"");
    let from_program = format!("oidc_client_secret_command = [\"cat\", \"{file}\"]");
    let oidc = |server: &Server, secret: &str| {
        let url = &server.url;
        format!(
            "sasl_mechanism = \"OAUTHBEARER\"\noidc_token_endpoint = \"{url}\"\noidc_client_id = \"reader\"\n{secret}\n"
        )
    };
    let properties = format!(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url={}\nsasl.jaas.config=\
         a.OAuthBearerLoginModule required clientId=\"reader\" clientSecret=\"{CLIENT}\";\n",
        refusing.url
    );
    let properties = secret_file(&home, "client.properties", &properties);
    let keys =
        format!("[default]\naws_access_key_id = AKID\naws_secret_access_key = {KEY}\naws_session_token = {SESSION}");
    let keys = secret_file(&home, "credentials", &keys);
    let printed =
        format!(r#"{{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"{KEY}","SessionToken":"{SESSION}"}}"#);
    let printed = secret_file(&home, "printed", &printed);
    let aws = "sasl_mechanism = \"AWS_MSK_IAM\"\naws_region = \"eu-west-1\"\n";
    let ways: Vec<Login<'_>> = vec![
        (oidc(&refusing, &from_file), vec![], ""),
        (oidc(&refusing, &from_program), vec![], ""),
        (oidc(&refusing, "oidc_client_secret_env = \"SHOP_SECRET\""), vec![("SHOP_SECRET", CLIENT)], ""),
        (oidc(&giving, &from_file), vec![], TOKEN),
        (format!("properties_file = \"{properties}\"\n"), vec![], ""),
        (aws.to_owned(), vec![("AWS_SHARED_CREDENTIALS_FILE", &keys)], SESSION),
        (
            aws.to_owned(),
            vec![("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", KEY), ("AWS_SESSION_TOKEN", SESSION)],
            SESSION,
        ),
        (format!("{aws}aws_credentials_command = [\"cat\", \"{printed}\"]\n"), vec![], SESSION),
    ];
    let mut wrong = Vec::new();
    for (lines, mut variables, shown) in ways {
        let peer =
            Peer::start(Framing::Kafka, Arc::new(|_: usize, request: &[u8]| super::kafka::repeats_logins(request)));
        let protocol = if lines.contains("properties_file") { "" } else { "security_protocol = \"SASL_PLAINTEXT\"\n" };
        let config = format!("[profile.shop.kafka]\nbootstrap = \"{}\"\n{protocol}{lines}", peer.address);
        variables.push(("PATH", "/usr/bin:/bin"));
        let verbs: &[&[&str]] = &[&["now", "-v", "-o", "json"], &["queue", "lag", "-v"], &["doctor"]];
        wrong.extend(leaks(&lines, &config, &variables, verbs));
        wrong.extend(leaks(&lines, &config, &variables, &LOOKING[..4]));
        // A token endpoint that refuses leaves nothing to show.
        let logins = peer.texts();
        if !shown.is_empty() && !logins.iter().any(|login| login.contains(shown)) {
            wrong.push(format!("{shown} did not come: {lines}"));
        }
        if logins.iter().any(|login| login.contains(CLIENT) || login.contains(KEY)) {
            wrong.push(format!("the broker was shown what is not for it: {lines}"));
        }
    }
    let basic = format!("authorization: Basic {}", BASE64.encode(format!("reader:{CLIENT}")));
    let came =
        |server: &Server| !server.seen().is_empty() && server.seen().iter().all(|one| one.headers.contains(&basic));
    assert!(came(&refusing) && came(&giving), "the client's secret goes to the token endpoint");
    super::none(&wrong);
}

/// A pipe in the place of a file could be waited for without end.
#[test]
fn a_pipe_is_no_secret_file() {
    let home = TempDir::new().unwrap();
    let pipe = home.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let pipe = pipe.display();
    for (source, line) in [
        ("jaeger", format!("url = \"http://127.0.0.1:9\"\ntoken_file = \"{pipe}\"")),
        ("loki", format!("url = \"http://127.0.0.1:9\"\nuser = \"u\"\npassword_file = \"{pipe}\"")),
        ("loki", format!("url = \"http://127.0.0.1:9\"\nheaders_file = {{ X-A = \"{pipe}\" }}")),
        (
            "kafka",
            format!(
                "bootstrap = \"127.0.0.1:9\"\nsasl_mechanism = \"PLAIN\"\nuser = \"u\"\npassword_file = \"{pipe}\""
            ),
        ),
        ("kafka", format!("bootstrap = \"127.0.0.1:9\"\nproperties_file = \"{pipe}\"")),
    ] {
        let ran = run(&["config", "check"], &format!("[profile.a.{source}]\n{line}\n"), &[]);
        assert_eq!(ran.status.code(), Some(2), "{line}");
        assert!(text(&ran.stderr).contains("not a regular file"), "{line}: {}", text(&ran.stderr));
    }
}
