//! Kafka's part of a profile: brokers, protection, login, and the properties file that Kafka's own tools use.

use super::keys;
use super::properties::{self, Properties};
use super::security::{Checks, Credential, Section, Tls};
use std::path::PathBuf;

/// A Kafka cluster.
#[derive(Clone, Debug, Default)]
pub struct KafkaEndpoint {
    /// Bootstrap addresses, host and port.
    pub bootstrap: Vec<(String, u16)>,
    /// TLS, when the listener speaks it.
    pub tls: Option<Tls>,
    /// Login, when the listener wants one.
    pub login: Option<Login>,
}

/// A SASL login.
#[derive(Clone, Debug)]
pub struct Login {
    /// How.
    pub mechanism: Mechanism,
    /// User name; empty for tokens.
    pub user: String,
    /// Password or token.
    pub secret: Credential,
}

/// SASL mechanisms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Name and password as they are.
    Plain,
    /// RFC 5802 with SHA-256 (RFC 7677).
    ScramSha256,
    /// RFC 5802 with SHA-512.
    ScramSha512,
    /// A bearer token (RFC 7628).
    OauthBearer,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OauthBearer];

    /// Returns its name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }

    /// Finds one by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }
}

/// Names of `security.protocol`.
pub(super) const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// Reads the cluster of a profile. A setting of the profile wins over the same one in the properties file.
pub(super) fn endpoint(mut section: Section<'_>) -> Option<KafkaEndpoint> {
    let file = match section.text("properties_file") {
        None => Properties::default(),
        Some(path) => match properties::read(path) {
            Ok(properties) => properties,
            Err(mistakes) => {
                section.mistakes.extend(mistakes);
                return None;
            }
        },
    };
    let written = section.text("bootstrap").and_then(|list| keys::brokers(list).ok());
    let bootstrap = written.or_else(|| file.bootstrap.clone());
    let given = |field: &str| section.text(field);
    let protocol = given("security_protocol").map(str::to_ascii_uppercase).or_else(|| file.protocol.clone());
    let mechanism = given("sasl_mechanism").and_then(Mechanism::named).or(file.mechanism);
    let user = given("user").map(str::to_owned).or_else(|| file.user.clone()).unwrap_or_default();
    let written = section.tls();
    let tls = Tls {
        ca_file: written.ca_file.or_else(|| file.ca_file.clone()),
        identity: written.identity.or_else(|| file.identity.clone()),
        checks: written.checks,
    };
    let password = section.credential("password");
    let secret = password.or_else(|| section.credential("token")).or_else(|| file.secret.clone());
    let wants_login = protocol.as_ref().is_some_and(|name| name.starts_with("SASL_"));
    // Certificates and logins say what is meant, where nobody says it.
    let is_encrypted = protocol.as_ref().map_or(tls != Tls::default(), |name| name.ends_with("SSL"));
    let login = match (wants_login || protocol.is_none() && mechanism.is_some(), mechanism, secret) {
        (false, ..) => None,
        (true, Some(mechanism), Some(secret)) => {
            if user.is_empty() && mechanism != Mechanism::OauthBearer {
                section.mistake("sasl_mechanism", &format!("{} needs a user", mechanism.name()), "add user = \"name\"");
            }
            Some(Login { mechanism, user, secret })
        }
        (true, None, _) => {
            let known = Mechanism::ALL.map(Mechanism::name).join(", ");
            let what = "the protocol wants a login, and no sasl_mechanism is set";
            section.mistake("security_protocol", what, &format!("set sasl_mechanism to one of {known}"));
            None
        }
        (true, Some(mechanism), None) => {
            let what = format!("{} needs a secret", mechanism.name());
            section.mistake(
                "sasl_mechanism",
                &what,
                "set password_file, password_command or password_env (token_... for OAUTHBEARER)",
            );
            None
        }
    };
    if !is_encrypted && tls.checks == Checks::None {
        section.mistake(
            "insecure",
            "there is no TLS that could go unchecked",
            "remove insecure, or set security_protocol to SSL or SASL_SSL",
        );
    }
    let is_named = section.values.keys().any(|name| name.starts_with("kafka."));
    if bootstrap.is_none() && is_named && section.at("bootstrap").is_none() {
        section.mistake("", "there are settings but no bootstrap address", "add bootstrap = \"host:9092\"");
    }
    bootstrap.map(|bootstrap| KafkaEndpoint { bootstrap, tls: is_encrypted.then_some(tls), login })
}

/// What a properties file can say of ours.
#[derive(Clone, Debug, Default)]
pub(super) struct FromFile {
    pub(super) bootstrap: Option<Vec<(String, u16)>>,
    pub(super) protocol: Option<String>,
    pub(super) mechanism: Option<Mechanism>,
    pub(super) user: Option<String>,
    pub(super) secret: Option<Credential>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}
