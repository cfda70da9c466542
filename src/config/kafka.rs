//! Kafka's part of a profile: brokers, protection, login, and the properties file that Kafka's own tools use.

use super::aws::{self, Aws};
use super::client_properties::{self, FromFile};
use super::keys;
use super::profile::HttpEndpoint;
use super::secrets::Credential;
use super::security::{Checks, Pem, Section, Tls};
use crate::model::record::HeaderMap;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// A Kafka cluster.
#[derive(Clone, Debug, Default)]
pub struct KafkaEndpoint {
    /// Bootstrap addresses, host and port.
    pub bootstrap: Vec<(String, u16)>,
    /// TLS, when the listener speaks it.
    pub tls: Option<Tls>,
    /// Login, when the listener wants one.
    pub login: Option<Login>,
    /// The HTTP or SOCKS5 proxy that leads to the brokers; loopback is always direct.
    pub proxy: Option<Url>,
    /// What the headers of its records mean, where the profile says so.
    pub headers: Option<Arc<HeaderMap>>,
}

/// A SASL login.
#[derive(Clone, Debug)]
pub struct Login {
    /// How.
    pub mechanism: Mechanism,
    /// User name; empty for tokens.
    pub user: String,
    /// What proves it.
    pub proof: Proof,
}

/// What proves who logs in.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A password, or a token that is there already.
    Secret(Credential),
    /// A token that an endpoint gives to those who show their own secret.
    ClientCredentials(Box<ClientCredentials>),
    /// A signature with keys of AWS.
    Aws(Aws),
}

/// The OAuth grant of that name (RFC 6749, section 4.4).
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub endpoint: HttpEndpoint,
    /// Who asks.
    pub client_id: String,
    /// What proves it.
    pub client_secret: Credential,
    /// What for, if that must be said.
    pub scope: Option<String>,
    /// Whether both are percent-encoded before they are put together, as RFC 6749 says and not all endpoints expect.
    pub is_encoded: bool,
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
    /// A signed request, as Amazon MSK wants it.
    AwsMskIam,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OauthBearer, Self::AwsMskIam];

    /// Returns its name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
            Self::AwsMskIam => "AWS_MSK_IAM",
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
    let file = match section.text("properties_file").map(client_properties::read) {
        None => FromFile::default(),
        Some(Ok(read)) => read,
        Some(Err(mistakes)) => {
            section.mistakes.extend(mistakes);
            return None;
        }
    };
    section.ignored.extend(file.ignored.iter().cloned());
    let written = section.text("bootstrap").and_then(|list| keys::brokers(list).ok());
    let bootstrap = written.or_else(|| file.bootstrap.clone());
    let given = |field: &str| section.text(field);
    let protocol = given("security_protocol").map(str::to_ascii_uppercase).or_else(|| file.protocol.clone());
    let mechanism = given("sasl_mechanism").and_then(Mechanism::named).or(file.mechanism);
    let written = section.tls();
    let tls = Tls {
        ca: written.ca.or_else(|| file.ca.clone()),
        identity: written.identity.or_else(|| file.identity.clone()),
        checks: if written.checks == Checks::Full && file.any_name { Checks::Chain } else { written.checks },
        server_name: written.server_name,
    };
    let wants_login = protocol.as_ref().is_some_and(|name| name.starts_with("SASL_"));
    // Certificates and logins say what is meant, where nobody says it. Amazon's listeners for signatures all speak TLS.
    let is_meant = tls.is_set() || mechanism == Some(Mechanism::AwsMskIam);
    let is_encrypted = protocol.as_ref().map_or(is_meant, |name| name.ends_with("SSL"));
    let login = match (wants_login || protocol.is_none() && mechanism.is_some(), mechanism) {
        (false, _) => None,
        (true, Some(mechanism)) => login(&mut section, &file, mechanism),
        (true, None) => {
            let known = Mechanism::ALL.map(Mechanism::name).join(", ");
            let what = "the protocol wants a login, and no sasl_mechanism is set";
            section.mistake("security_protocol", what, &format!("set sasl_mechanism to one of {known}"));
            None
        }
    };
    let proxy = match section.text("proxy").map(keys::proxy) {
        Some(Ok(Some(proxy))) if proxy.scheme() == "https" => {
            let what = "brokers cannot be reached through a proxy that speaks TLS";
            section.mistake("proxy", what, "name an http, socks5 or socks5h proxy");
            None
        }
        Some(Ok(proxy)) => proxy,
        None | Some(Err(_)) => None,
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
    bootstrap.map(|bootstrap| KafkaEndpoint {
        bootstrap,
        tls: is_encrypted.then_some(tls),
        login,
        proxy,
        headers: None,
    })
}

fn login(section: &mut Section<'_>, file: &FromFile, mechanism: Mechanism) -> Option<Login> {
    if mechanism == Mechanism::AwsMskIam {
        let aws = aws::keys(section, file.aws_profile.as_deref())?;
        return Some(Login { mechanism, user: String::new(), proof: Proof::Aws(aws) });
    }
    if mechanism == Mechanism::OauthBearer
        && let Some(url) = token_endpoint(section, file)
    {
        let proof = Proof::ClientCredentials(Box::new(client_credentials(section, file, url)?));
        return Some(Login { mechanism, user: String::new(), proof });
    }
    let user = section.text("user").map(str::to_owned).or_else(|| file.user.clone()).unwrap_or_default();
    let password = section.credential("password");
    let secret = password.or_else(|| section.credential("token"));
    let Some(secret) = secret.or_else(|| file.password.clone().map(Credential::Text)) else {
        let what = format!("{} needs a secret", mechanism.name());
        let fix = if mechanism == Mechanism::OauthBearer {
            "set token_file, token_command, token_env or oidc_token_endpoint"
        } else {
            "set password_file, password_command or password_env"
        };
        section.mistake("sasl_mechanism", &what, fix);
        return None;
    };
    if user.is_empty() && mechanism != Mechanism::OauthBearer {
        section.mistake("sasl_mechanism", &format!("{} needs a user", mechanism.name()), "add user = \"name\"");
    }
    Some(Login { mechanism, user, proof: Proof::Secret(secret) })
}

fn token_endpoint(section: &Section<'_>, file: &FromFile) -> Option<Url> {
    let written = section.text("oidc_token_endpoint").and_then(|url| keys::url(url).ok());
    written.or_else(|| file.token_endpoint.clone())
}

/// Reads how to fetch a token.
fn client_credentials(section: &mut Section<'_>, file: &FromFile, url: Url) -> Option<ClientCredentials> {
    let given = |field: &str| section.text(field).map(str::to_owned);
    let client_id = given("oidc_client_id").or_else(|| file.client_id.clone());
    let scope = given("oidc_scope").or_else(|| file.scope.clone());
    let ca = given("oidc_ca_file").map(|path| Pem::File(PathBuf::from(path)));
    let written = section.credential("oidc_client_secret");
    let client_secret = written.or_else(|| file.client_secret.clone().map(Credential::Text));
    let missing = match (&client_id, &client_secret) {
        (None, _) => Some(("there is a token endpoint and no client", "set oidc_client_id")),
        (_, None) => Some((
            "there is a token endpoint and no secret of the client",
            "set oidc_client_secret_file, oidc_client_secret_command or oidc_client_secret_env",
        )),
        _ => None,
    };
    if let Some((what, fix)) = missing {
        section.mistake("oidc_token_endpoint", what, fix);
    }
    let endpoint = HttpEndpoint { tls: Tls { ca, ..Tls::default() }, ..HttpEndpoint::new(url) };
    let is_encoded = file.is_encoded;
    let (client_id, client_secret) = client_id.zip(client_secret)?;
    Some(ClientCredentials { endpoint, client_id, client_secret, scope, is_encoded })
}
