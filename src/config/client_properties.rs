//! Kafka's `client.properties`, as its own tools read it: which properties are ours, which are not used, and which cannot be.

use super::kafka::{Mechanism, PROTOCOLS};
use super::keys;
use super::mistake::Mistake;
use super::properties::{self, Entry};
use super::secrets;
use super::security::Pem;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use url::Url;

/// Bytes of a file; certificates can stand in it.
const MOST: u64 = 1 << 20;

/// What a properties file can say of ours.
#[derive(Clone, Debug, Default)]
pub(super) struct FromFile {
    pub(super) bootstrap: Option<Vec<(String, u16)>>,
    pub(super) protocol: Option<String>,
    pub(super) mechanism: Option<Mechanism>,
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) token_endpoint: Option<Url>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    pub(super) scope: Option<String>,
    pub(super) is_encoded: bool,
    pub(super) aws_profile: Option<String>,
    pub(super) ca: Option<Pem>,
    pub(super) identity: Option<(Pem, Pem)>,
    /// Whether the name in a certificate does not matter.
    pub(super) any_name: bool,
    /// What is not used.
    pub(super) ignored: Vec<Mistake>,
}

/// Reads a file. All that is wrong with it comes at once.
pub(super) fn read(path: &str) -> Result<FromFile, Vec<Mistake>> {
    let failed = |what: String, fix: &str| vec![Mistake::new(path, &what, fix)];
    let check = "check the path and that you may read it";
    let (text, about) =
        secrets::regular(path, MOST).map_err(|error| failed(format!("cannot read it: {error}"), check))?;
    // The format is Latin-1 by definition; UTF-8 is what people write.
    let text = String::from_utf8(text).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    let entries = properties::entries(&text);
    let is_secret = |key: &str| ["password", "secret", "jaas", "keystore.key"].iter().any(|part| key.contains(part));
    if entries.iter().any(|(_, key, _)| is_secret(key)) && about.mode() & 0o007 != 0 {
        let what = format!("it holds a secret and can be read by everybody (mode {:03o})", about.mode() & 0o777);
        return Err(failed(what, "run chmod 600 on it"));
    }
    understand(path, &entries)
}

/// What a file has said so far.
struct Reading<'a> {
    path: &'a str,
    all: FromFile,
    /// Names, lines and values of what only makes sense together.
    stores: BTreeMap<&'a str, (usize, &'a str)>,
    mistakes: Vec<Mistake>,
}

/// Reads a file's text. `path` is only for the places of mistakes.
pub(super) fn judge(path: &str, text: &str) -> Vec<Mistake> {
    understand(path, &properties::entries(text)).err().unwrap_or_default()
}

fn understand(path: &str, entries: &[Entry]) -> Result<FromFile, Vec<Mistake>> {
    let mut reading = Reading { path, all: FromFile::default(), stores: BTreeMap::new(), mistakes: Vec::new() };
    for (line, name, value) in entries {
        // Kafka trims values, too.
        reading.take(*line, name, value.trim());
    }
    reading.trust();
    reading.identity();
    if reading.mistakes.is_empty() { Ok(reading.all) } else { Err(reading.mistakes) }
}

impl<'a> Reading<'a> {
    fn mistake(&mut self, line: usize, what: &str, fix: &str) {
        self.mistakes.push(Mistake::new(&format!("{}:{line}", self.path), what, fix));
    }

    fn take(&mut self, line: usize, name: &'a str, value: &'a str) {
        let is_ours = name.starts_with("ssl.") || name.starts_with("sasl.") || name == "bootstrap.servers";
        if is_ours && value.contains("${") {
            let what = format!("`{name}` refers to a config provider, which is not supported");
            return self.mistake(line, &what, "write the value itself, or set it in the profile");
        }
        match name {
            "bootstrap.servers" => match keys::brokers(value) {
                Ok(list) => self.all.bootstrap = Some(list),
                Err((what, fix)) => self.mistake(line, &what, fix),
            },
            "security.protocol" => {
                let known = PROTOCOLS.iter().find(|one| one.eq_ignore_ascii_case(value));
                self.all.protocol = known.map(|one| (*one).to_owned());
                if known.is_none() {
                    let fix = "use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL";
                    self.mistake(line, "there is no such security.protocol", fix);
                }
            }
            "sasl.mechanism" => self.mechanism(line, value),
            "sasl.jaas.config" => self.login(line, value),
            "sasl.oauthbearer.token.endpoint.url" => match keys::url(value) {
                Ok(url) => self.all.token_endpoint = Some(url),
                Err((what, fix)) => self.mistake(line, &what, fix),
            },
            // Names of Kafka 4.1 (KIP-1139); older clients have them in sasl.jaas.config.
            "sasl.oauthbearer.client.credentials.client.id" => self.all.client_id = Some(value.to_owned()),
            "sasl.oauthbearer.client.credentials.client.secret" => {
                self.all.client_secret = Some(value.to_owned().into());
            }
            "sasl.oauthbearer.scope" => self.all.scope = Some(value.to_owned()),
            "sasl.oauthbearer.header.urlencode" => self.all.is_encoded = value.eq_ignore_ascii_case("true"),
            // They say what the mechanism and the login module say already.
            "sasl.login.callback.handler.class" | "sasl.client.callback.handler.class"
                if value.ends_with("OAuthBearerLoginCallbackHandler")
                    || value.ends_with("IAMClientCallbackHandler") => {}
            "ssl.endpoint.identification.algorithm" if value.is_empty() => self.all.any_name = true,
            "ssl.endpoint.identification.algorithm" if value.eq_ignore_ascii_case("https") => {}
            "ssl.truststore.location"
            | "ssl.truststore.type"
            | "ssl.truststore.certificates"
            | "ssl.keystore.location"
            | "ssl.keystore.type"
            | "ssl.keystore.certificate.chain"
            | "ssl.keystore.key"
            | "ssl.key.password" => {
                self.stores.insert(name, (line, value));
            }
            // PEM files have no password of their own; that of a Java store is of no use without the store.
            _ => {
                let place = format!("{}:{line}", self.path);
                let what = format!("`{name}` is not used");
                self.all.ignored.push(Mistake::new(&place, &what, "it is for programs that do more than read"));
            }
        }
    }

    fn mechanism(&mut self, line: usize, value: &str) {
        match Mechanism::named(value) {
            Some(one) => self.all.mechanism = Some(one),
            None if value.eq_ignore_ascii_case("GSSAPI") => self.mistake(
                line,
                "Kerberos (GSSAPI) is not supported: it needs the host's own libraries",
                "use a listener with SCRAM, OAUTHBEARER or client certificates",
            ),
            None => {
                let known = Mechanism::ALL.map(Mechanism::name).join(", ");
                self.mistake(line, "this sasl.mechanism is not known", &format!("use one of {known}"));
            }
        }
    }

    fn login(&mut self, line: usize, value: &str) {
        let (class, options) = properties::jaas(value);
        let of = |name: &str| options.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        match class.as_str() {
            "PlainLoginModule" | "ScramLoginModule" => {
                (self.all.user, self.all.password) = (of("username"), of("password").map(SecretString::from));
                if self.all.user.is_none() || self.all.password.is_none() {
                    let fix = "write username=\"...\" password=\"...\" behind the module";
                    self.mistake(line, "its login module has no username and password", fix);
                }
            }
            "OAuthBearerLoginModule" => {
                if options.iter().any(|(name, _)| name.starts_with("unsecuredLogin")) {
                    let fix = "use a token endpoint with clientId and clientSecret, or token_command in the profile";
                    return self.mistake(line, "unsecured tokens, which anybody can make, are not supported", fix);
                }
                self.all.client_id = of("clientId").or(self.all.client_id.take());
                self.all.client_secret = of("clientSecret").map(SecretString::from).or(self.all.client_secret.take());
                self.all.scope = of("scope").or(self.all.scope.take());
            }
            "IAMLoginModule" if of("awsRoleArn").is_some() => self.mistake(
                line,
                "taking over a role (awsRoleArn) is not done here",
                "make a profile with that role for the AWS CLI and set aws_credentials_command = [\"aws\", \"configure\", \"export-credentials\", \"--profile\", \"NAME\"]",
            ),
            "IAMLoginModule" => self.all.aws_profile = of("awsProfileName"),
            "Krb5LoginModule" => self.mistake(
                line,
                "Kerberos (GSSAPI) is not supported: it needs the host's own libraries",
                "use a listener with SCRAM, OAUTHBEARER or client certificates",
            ),
            _ => self.mistake(
                line,
                "this login module is not known",
                "known are PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule and IAMLoginModule",
            ),
        }
    }

    /// Says whether a store is of PEM files; a Java store is a mistake with the command that converts it.
    fn is_pem(&mut self, location: &'static str, kind: &'static str, command: &str) -> bool {
        let Some(&(line, path)) = self.stores.get(location) else { return false };
        if self.stores.get(kind).is_some_and(|(_, value)| value.eq_ignore_ascii_case("PEM")) {
            return true;
        }
        let what = format!("{location} is a Java key store (JKS or PKCS12), which is not read");
        let fix = format!("run {}, name the new file here and set {kind}=PEM", command.replace("STORE", path));
        self.mistake(line, &what, &fix);
        false
    }

    fn inline(&self, name: &str) -> Option<Pem> {
        let (line, text) = self.stores.get(name)?;
        Some(Pem::Text { place: format!("{}:{line}", self.path), text: SecretString::from((*text).to_owned()) })
    }

    fn trust(&mut self) {
        let command = "keytool -list -rfc -keystore STORE > ca.pem";
        let is_file = self.is_pem("ssl.truststore.location", "ssl.truststore.type", command);
        let file = self.stores.get("ssl.truststore.location").filter(|_| is_file);
        let file = file.map(|(_, path)| Pem::File(PathBuf::from(path)));
        self.all.ca = self.inline("ssl.truststore.certificates").or(file);
    }

    fn identity(&mut self) {
        let command = "keytool -importkeystore -srckeystore STORE -destkeystore me.p12 -deststoretype PKCS12, then openssl pkcs12 -in me.p12 -nodes -out me.pem";
        let is_file = self.is_pem("ssl.keystore.location", "ssl.keystore.type", command);
        if let Some((line, password)) = self.stores.get("ssl.key.password").copied()
            && !password.is_empty()
            && (is_file || self.stores.contains_key("ssl.keystore.key"))
        {
            let fix = "run openssl pkcs8 -in KEY -out plain.pem with mode 600, use that file, and remove the line";
            self.mistake(line, "a key that is itself encrypted is not read", fix);
        }
        let file = self.stores.get("ssl.keystore.location").filter(|_| is_file);
        let file = file.map(|(_, path)| Pem::File(PathBuf::from(path)));
        let (chain, key) = (self.inline("ssl.keystore.certificate.chain"), self.inline("ssl.keystore.key"));
        self.all.identity = match (chain, key) {
            (Some(chain), Some(key)) => Some((chain, key)),
            (None, None) => file.clone().zip(file),
            (chain, _) => {
                let (there, missing) = if chain.is_some() {
                    ("ssl.keystore.certificate.chain", "ssl.keystore.key")
                } else {
                    ("ssl.keystore.key", "ssl.keystore.certificate.chain")
                };
                let line = self.stores.get(there).map_or(0, |(line, _)| *line);
                self.mistake(line, &format!("there is no {missing} beside it"), "write both");
                None
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn of(text: &str) -> Result<FromFile, Vec<Mistake>> {
        understand("client.properties", &properties::entries(text))
    }

    #[test]
    fn a_file_of_kafkas_own_tools_is_read() {
        let all = of("# login\nsecurity.protocol = SASL_SSL \nsasl.mechanism: SCRAM-SHA-512\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n  username=\"reader\" \\\n  password=\"p\\\\\"w=;\";\nssl.truststore.location=/etc/ca.pem\nssl.truststore.type=PEM\nssl.endpoint.identification.algorithm=\nbootstrap.servers a:9092,b:9093\nacks=all\n").unwrap();
        assert_eq!(all.protocol.as_deref(), Some("SASL_SSL"));
        assert_eq!((all.mechanism, all.user.as_deref()), (Some(Mechanism::ScramSha512), Some("reader")));
        assert_eq!(all.password.unwrap().expose_secret(), "p\"w=;");
        assert_eq!(all.ca.unwrap().to_string(), "/etc/ca.pem");
        assert_eq!((all.bootstrap.unwrap().len(), all.any_name), (2, true));
        let ignored: Vec<String> = all.ignored.iter().map(ToString::to_string).collect();
        assert_eq!(ignored, ["client.properties:11: `acks` is not used; it is for programs that do more than read"]);
    }

    #[test]
    fn certificates_and_keys_can_stand_in_the_file() {
        let all = of("ssl.truststore.type=PEM\nssl.truststore.certificates=-----BEGIN\\n\\\n  AB\nssl.keystore.type=PEM\nssl.keystore.certificate.chain=C\nssl.keystore.key=K\n").unwrap();
        let Some(Pem::Text { place, text }) = &all.ca else { panic!("a text") };
        assert_eq!((place.as_str(), text.expose_secret()), ("client.properties:2", "-----BEGIN\nAB"));
        let (chain, key) = all.identity.unwrap();
        assert_eq!((chain.to_string(), key.to_string()), ("client.properties:5".into(), "client.properties:6".into()));
    }

    #[test]
    fn client_credentials_stand_in_the_login_module_or_beside_it() {
        let old = "sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://id.test/token\nsasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler\nsasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId='me' clientSecret='hush' scope='kafka';\n";
        let new = "sasl.oauthbearer.client.credentials.client.id=me\nsasl.oauthbearer.client.credentials.client.secret=hush\nsasl.oauthbearer.scope=kafka\nsasl.oauthbearer.token.endpoint.url=https://id.test/token\n";
        for text in [old, new] {
            let all = of(text).unwrap();
            assert_eq!((all.client_id.as_deref(), all.scope.as_deref()), (Some("me"), Some("kafka")));
            assert_eq!(all.client_secret.unwrap().expose_secret(), "hush");
            assert_eq!(all.token_endpoint.unwrap().as_str(), "https://id.test/token");
            assert!(all.ignored.is_empty(), "{:?}", all.ignored);
        }
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_line_and_a_remedy() {
        for (text, line, fix) in [
            ("sasl.mechanism=GSSAPI", 1, "SCRAM"),
            ("\nssl.truststore.location=/etc/ca.jks", 2, "keytool -list -rfc -keystore /etc/ca.jks"),
            ("ssl.keystore.type=PKCS12\nssl.keystore.location=/me.p12", 2, "openssl pkcs12"),
            ("security.protocol=TLS", 1, "SASL_SSL"),
            ("sasl.jaas.config=a.Krb5LoginModule required useKeyTab=true;", 1, "SCRAM"),
            ("sasl.jaas.config=a.PlainLoginModule required username=\"u\";", 1, "password="),
            ("sasl.jaas.config=my.own.Module required;", 1, "ScramLoginModule"),
            (
                "sasl.jaas.config=s.IAMLoginModule required awsRoleArn=\"arn:aws:iam::1:role/x\";",
                1,
                "export-credentials",
            ),
            (
                "sasl.jaas.config=a.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"x\";",
                1,
                "token_command",
            ),
            ("sasl.jaas.config=${file:/etc/secrets:login}", 1, "the value itself"),
            ("ssl.keystore.key=K\nssl.keystore.certificate.chain=C\nssl.key.password=p", 3, "openssl pkcs8"),
            ("ssl.keystore.key=K", 1, "both"),
            ("bootstrap.servers=kafka", 1, "host:9092"),
        ] {
            let mistakes = of(text).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
            assert_eq!(mistakes[0].place.as_str(), format!("client.properties:{line}"), "{text}");
            assert!(mistakes[0].fix.as_str().contains(fix), "{text}: {}", mistakes[0]);
        }
    }
}
