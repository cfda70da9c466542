//! How a person would ask the same with Kafka's own tools or kcat, with the same protection and login.

use crate::config::{Checks, KafkaEndpoint, Pem, Proof};
use crate::model::SafeText;
use crate::sources::shell::word;
use std::fmt::Write as _;

/// What command lines need besides the question.
#[derive(Debug, Default)]
pub(super) struct Repeat {
    /// For kcat: librdkafka's names.
    kcat: String,
    /// For Kafka's own tools: the file with protection and login.
    tools: &'static str,
    /// Who logs in, and how.
    login: Option<SafeText>,
}

impl Repeat {
    pub(super) fn of(endpoint: &KafkaEndpoint) -> Self {
        let protocol = match (&endpoint.tls, &endpoint.login) {
            (None, None) => return Self::default(),
            (Some(_), None) => "SSL",
            (None, Some(_)) => "SASL_PLAINTEXT",
            (Some(_), Some(_)) => "SASL_SSL",
        };
        let mut kcat = String::new();
        let mut set = |name: &str, value: &str| {
            write!(kcat, " -X {}", word(&format!("{name}={value}"))).expect("a string takes any text");
        };
        set("security.protocol", protocol);
        if let Some(login) = &endpoint.login {
            set("sasl.mechanisms", login.mechanism.name());
            match &login.proof {
                Proof::Secret(_) if login.user.is_empty() => set("sasl.oauthbearer.config", "***"),
                Proof::Secret(_) => {
                    set("sasl.username", &login.user);
                    set("sasl.password", "***");
                }
                Proof::ClientCredentials(asked) => {
                    set("sasl.oauthbearer.method", "oidc");
                    set("sasl.oauthbearer.token.endpoint.url", asked.endpoint.url.as_str());
                    set("sasl.oauthbearer.client.id", &asked.client_id);
                    set("sasl.oauthbearer.client.secret", "***");
                }
                // kcat cannot sign.
                Proof::Aws(_) => {}
            }
        }
        if let Some(tls) = &endpoint.tls {
            if let Some(Pem::File(file)) = &tls.ca {
                set("ssl.ca.location", &file.to_string_lossy());
            }
            if let Some((Pem::File(cert), Pem::File(key))) = &tls.identity {
                set("ssl.certificate.location", &cert.to_string_lossy());
                set("ssl.key.location", &key.to_string_lossy());
            }
            match tls.checks {
                Checks::Full => {}
                Checks::Chain => set("ssl.endpoint.identification.algorithm", "none"),
                Checks::None => set("enable.ssl.certificate.verification", "false"),
            }
        }
        let login = endpoint.login.as_ref().map(|login| {
            let who = if login.user.is_empty() { String::new() } else { format!(" as {}", login.user) };
            SafeText::from(format!("{}{who}", login.mechanism.name()))
        });
        Self { kcat, tools: " --command-config client.properties", login }
    }

    /// Returns who logs in, and how.
    pub(super) fn login(&self) -> SafeText {
        self.login.clone().unwrap_or(SafeText::own("no login is configured"))
    }

    /// Adds to a line what the tool that it names needs.
    pub(super) fn line(&self, shown: &str) -> SafeText {
        let more = if shown.starts_with("kcat") { self.kcat.as_str() } else { self.tools };
        SafeText::from(format!("{shown}{more}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Credential, Login, Mechanism, Tls};

    #[test]
    fn each_tool_gets_what_it_needs_and_no_secret() {
        let secret = Credential::Text("hush-hush".to_owned().into());
        let login =
            Some(Login { mechanism: Mechanism::ScramSha512, user: "the reader".into(), proof: Proof::Secret(secret) });
        let tls = Some(Tls { ca: Some(Pem::File("/etc/ca.pem".into())), ..Tls::default() });
        let plain = Repeat::of(&KafkaEndpoint::default());
        assert_eq!(plain.line("kcat -L -b a:1").as_str(), "kcat -L -b a:1");
        let repeat = Repeat::of(&KafkaEndpoint { tls, login, ..KafkaEndpoint::default() });
        let line = repeat.line("kcat -L -b a:1");
        let wanted = "kcat -L -b a:1 -X security.protocol=SASL_SSL -X sasl.mechanisms=SCRAM-SHA-512 \
                      -X 'sasl.username=the reader' -X 'sasl.password=***' -X ssl.ca.location=/etc/ca.pem";
        assert_eq!(line.as_str(), wanted);
        let line = repeat.line("kafka-get-offsets --bootstrap-server a:1");
        assert!(line.as_str().ends_with(" --command-config client.properties"), "{line}");
        assert!(!format!("{repeat:?}").contains("hush"));
    }
}
