//! Kafka's `client.properties`, as its own tools read it: Java properties with the login in `sasl.jaas.config`.

use super::kafka::{FromFile, Mechanism, PROTOCOLS};
use super::keys;
use super::mistake::Mistake;
use super::security::Credential;
use secrecy::SecretString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// What was read.
pub(super) type Properties = FromFile;

/// One property and its line, from 1.
type Entry = (usize, String, String);

/// Reads a file. All that is wrong with it comes at once.
pub(super) fn read(path: &str) -> Result<Properties, Vec<Mistake>> {
    let failed = |what: String, fix: &str| vec![Mistake::new(path, &what, fix)];
    let check = "check the path and that you may read it";
    let text = std::fs::read(path).map_err(|error| failed(format!("cannot read it: {error}"), check))?;
    // The format is Latin-1 by definition; UTF-8 is what people write.
    let text = String::from_utf8(text).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    let entries = entries(&text);
    let holds_secret = entries.iter().any(|(_, key, _)| key == "sasl.jaas.config" || key.contains("password"));
    let mode = std::fs::metadata(path).map_or(0, |about| about.mode());
    if holds_secret && mode & 0o007 != 0 {
        let what = format!("it holds a password and can be read by everybody (mode {:03o})", mode & 0o777);
        return Err(failed(what, "run chmod 600 on it"));
    }
    understand(path, &entries)
}

/// Splits a text into properties: `#` and `!` begin comments, a `\` at the end of a line continues it, `=`, `:` or blanks
/// end the key (java.util.Properties, Java 17).
fn entries(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let mut whole = line.trim_start().to_owned();
        if whole.is_empty() || whole.starts_with(['#', '!']) {
            continue;
        }
        while (whole.len() - whole.trim_end_matches('\\').len()) % 2 == 1 {
            whole.pop();
            let Some((_, more)) = lines.next() else { break };
            whole.push_str(more.trim_start());
        }
        let mut escaped = false;
        let end = whole.char_indices().find(|(_, c)| {
            let ends = !escaped && (c.is_whitespace() || matches!(c, '=' | ':'));
            escaped = !escaped && *c == '\\';
            ends
        });
        let end = end.map_or(whole.len(), |(end, _)| end);
        let (key, rest) = whole.split_at(end);
        let rest = rest.trim_start();
        let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
        found.push((at + 1, unescaped(key), unescaped(value)));
    }
    found
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\x0c'),
            Some('u') => {
                let code: String = rest.by_ref().take(4).collect();
                out.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

fn understand(path: &str, entries: &[Entry]) -> Result<Properties, Vec<Mistake>> {
    let (mut all, mut mistakes) = (Properties::default(), Vec::new());
    let (mut certificate, mut key) = (None, None);
    let mut stores = Vec::new();
    for (line, name, value) in entries {
        let mut mistake = |what: String, fix: &str| mistakes.push(Mistake::new(&format!("{path}:{line}"), &what, fix));
        match name.as_str() {
            "bootstrap.servers" => match keys::brokers(value) {
                Ok(list) => all.bootstrap = Some(list),
                Err((what, fix)) => mistake(what, fix),
            },
            "security.protocol" => {
                let known = PROTOCOLS.iter().find(|one| one.eq_ignore_ascii_case(value));
                match known {
                    Some(one) => all.protocol = Some((*one).to_owned()),
                    None => mistake(
                        "there is no such security.protocol".into(),
                        "use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
                    ),
                }
            }
            "sasl.mechanism" => match Mechanism::named(value) {
                Some(one) => all.mechanism = Some(one),
                None if value.eq_ignore_ascii_case("GSSAPI") => mistake(
                    "Kerberos (GSSAPI) is not supported: it needs the host's own libraries".into(),
                    "use a listener with SCRAM, OAUTHBEARER or client certificates",
                ),
                None => mistake(
                    "this sasl.mechanism is not known".into(),
                    "use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
                ),
            },
            "sasl.jaas.config" => {
                let options = jaas(value);
                let of = |name: &str| options.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
                all.user = of("username");
                all.secret = of("password").map(|secret| Credential::Text(SecretString::from(secret)));
                if all.secret.is_none() {
                    mistake(
                        "its login module has no username and password".into(),
                        "write PlainLoginModule or ScramLoginModule with both, or use token_command for OAUTHBEARER",
                    );
                }
            }
            "ssl.truststore.location" => all.ca_file = Some(PathBuf::from(value)),
            "ssl.keystore.location" => (certificate, key) = (Some(PathBuf::from(value)), Some(PathBuf::from(value))),
            "ssl.truststore.type" | "ssl.keystore.type" => stores.push((*line, name.as_str(), value.as_str())),
            "ssl.endpoint.identification.algorithm" if value.is_empty() => mistake(
                "host names cannot go unchecked alone".into(),
                "remove the line, or set insecure = true in the profile, which checks nothing",
            ),
            "ssl.truststore.certificates" | "ssl.keystore.certificate.chain" | "ssl.keystore.key" => mistake(
                format!("{name} inside the file is not read"),
                "put the PEM into a file and name it with ca_file, client_cert and client_key in the profile",
            ),
            // Everything else is for programs that produce, consume or administer.
            _ => {}
        }
    }
    let is_pem = |name: &str| stores.iter().any(|(_, known, kind)| *known == name && kind.eq_ignore_ascii_case("PEM"));
    for (file, name) in [(&all.ca_file, "ssl.truststore"), (&certificate, "ssl.keystore")] {
        if file.is_some() && !is_pem(&format!("{name}.type")) {
            let line =
                entries.iter().find(|(_, key, _)| *key == format!("{name}.location")).map_or(0, |(line, ..)| *line);
            let fix = "convert it: keytool -importkeystore -deststoretype PKCS12, then openssl pkcs12 -nodes, and set the type to PEM";
            mistakes.push(Mistake::new(
                &format!("{path}:{line}"),
                &format!("{name}.location is a Java key store (JKS or PKCS12), which is not read"),
                fix,
            ));
        }
    }
    all.identity = certificate.zip(key);
    if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
}

/// Reads the options of the first login module: `class required name="value" other='value';`.
fn jaas(text: &str) -> Vec<(String, String)> {
    let mut options = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let name = rest[..at].split_ascii_whitespace().next_back().unwrap_or_default().to_owned();
        let value = rest[at + 1..].trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            let end = value.find([' ', ';']).unwrap_or(value.len());
            options.push((name, value[..end].to_owned()));
            rest = &value[end..];
            continue;
        };
        let (mut held, mut escaped, mut end) = (String::new(), false, value.len());
        for (at, c) in value.char_indices().skip(1) {
            if escaped {
                held.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                end = at + 1;
                break;
            } else {
                held.push(c);
            }
        }
        options.push((name, held));
        rest = &value[end..];
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn of(text: &str) -> Result<Properties, Vec<Mistake>> {
        understand("client.properties", &entries(text))
    }

    #[test]
    fn a_file_of_kafkas_own_tools_is_read() {
        let all = of("# login\nsecurity.protocol = SASL_SSL\nsasl.mechanism: SCRAM-SHA-512\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n  username=\"reader\" \\\n  password=\"p\\\\\"w=;\";\nssl.truststore.location=/etc/ca.pem\nssl.truststore.type=PEM\nbootstrap.servers a:9092,b:9093\nacks=all\n").unwrap();
        assert_eq!(all.protocol.as_deref(), Some("SASL_SSL"));
        assert_eq!((all.mechanism, all.user.as_deref()), (Some(Mechanism::ScramSha512), Some("reader")));
        let Some(Credential::Text(secret)) = &all.secret else { panic!("a password") };
        assert_eq!(secret.expose_secret(), "p\"w=;");
        assert_eq!(all.ca_file, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(all.bootstrap.unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_line() {
        let mistakes =
            of("sasl.mechanism=GSSAPI\n\nssl.truststore.location=/etc/ca.jks\nsecurity.protocol=TLS\n").unwrap_err();
        let places: Vec<&str> = mistakes.iter().map(|mistake| mistake.place.as_str()).collect();
        assert_eq!(places, ["client.properties:1", "client.properties:4", "client.properties:3"]);
    }

    #[test]
    fn lines_are_those_of_java() {
        let text = "  a\\ b = c\\u0041\n!no\n#no\nd\ne\\\n   f : g\\\\\nh   i\n";
        let found: Vec<(String, String)> = entries(text).into_iter().map(|(_, key, value)| (key, value)).collect();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(found, [pair("a b", "cA"), pair("d", ""), pair("ef", "g\\"), pair("h", "i")]);
    }
}
