//! How a connection is protected, and who logs in: what the settings of one source say, read and checked together.

use super::load::{Origin, Values};
use super::mistake::Mistake;
use super::secrets::{Credential, Program, SecretFile, one_line};
use rustls::pki_types::ServerName;
use secrecy::SecretString;
use std::fmt;
use std::path::PathBuf;

/// TLS of one source.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The authorities that are trusted, instead of the host's.
    pub ca: Option<Pem>,
    /// Our own certificate with its chain, and its key.
    pub identity: Option<(Pem, Pem)>,
    /// Whether certificates are checked.
    pub checks: Checks,
    /// The name that the certificate must be for, where it is another one than the address has.
    pub server_name: Option<String>,
}

impl Tls {
    /// Says whether anything is set.
    pub fn is_set(&self) -> bool {
        self.ca.is_some() || self.identity.is_some() || self.checks != Checks::Full || self.server_name.is_some()
    }
}

/// Whether the other side's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checks {
    /// It is.
    #[default]
    Full,
    /// Its authority and dates are; the name that it is for is not.
    Chain,
    /// It is not: anybody on the way can read along, and the console says so.
    None,
}

/// Certificates or a key in PEM form.
#[derive(Clone, Debug)]
pub enum Pem {
    /// In a file.
    File(PathBuf),
    /// In a property of a file that holds other things, too.
    Text {
        /// Where it stands, for words about it.
        place: String,
        /// What stands there.
        text: SecretString,
    },
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Text { place, .. } => f.write_str(place),
        }
    }
}

/// The settings of one source while they are read.
pub(super) struct Section<'a> {
    /// `jaeger`, `loki`, `kafka`.
    pub(super) source: &'static str,
    pub(super) values: &'a Values,
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Variables that hold secrets of any source.
    pub(super) hidden: &'a [String],
    /// What is not used, and why.
    pub(super) ignored: &'a mut Vec<Mistake>,
    pub(super) mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Section<'a> {
    /// Returns a setting and where it came from.
    pub(super) fn at(&self, field: &str) -> Option<&'a (String, Origin)> {
        self.values.get(&format!("{}.{field}", self.source))
    }

    /// Returns a setting.
    pub(super) fn text(&self, field: &str) -> Option<&'a str> {
        self.at(field).map(|(value, _)| value.as_str())
    }

    /// Says whether a setting is `true`.
    pub(super) fn is_on(&self, field: &str) -> bool {
        self.text(field) == Some("true")
    }

    pub(super) fn mistake(&mut self, field: &str, what: &str, fix: &str) {
        let place = self.at(field).map_or_else(|| self.source.to_owned(), |(_, origin)| origin.to_string());
        self.mistakes.push(Mistake::new(&place, what, fix));
    }

    /// Reads a secret: `NAME_command`, else `NAME_file`, else `NAME_env`.
    pub(super) fn credential(&mut self, name: &str) -> Option<Credential> {
        self.credential_at(&|way| format!("{name}_{way}"))
    }

    /// Reads `headers_command`, `headers_file` and `headers_env`: headers whose values are secrets from elsewhere.
    pub(super) fn secret_headers(&mut self) -> Vec<(String, Credential)> {
        let mut names = Vec::new();
        for way in ["command", "file", "env"] {
            let prefix = format!("{}.headers_{way}.", self.source);
            let found = self.values.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
            names.extend(found.map(|(name, _)| name[prefix.len()..].to_owned()).filter(|name| !name.is_empty()));
        }
        names.sort();
        names.dedup();
        let mut all = Vec::new();
        for name in names {
            if self.text(&format!("headers.{name}")).is_some() {
                let fix = "keep one of the two";
                self.mistake(&format!("headers.{name}"), "this header has a value of its own and a secret one", fix);
            }
            all.extend(self.credential_at(&|way| format!("headers_{way}.{name}")).map(|value| (name.clone(), value)));
        }
        all
    }

    /// Reads a secret from the first of its three settings that is there.
    fn credential_at(&mut self, field: &dyn Fn(&str) -> String) -> Option<Credential> {
        if let Some(program) = self.program(&field("command")) {
            return Some(Credential::Command(program));
        }
        if let Some(path) = self.text(&field("file")) {
            let file = SecretFile { path: path.to_owned(), allow_group: self.is_on("allow_group") };
            // Read now, so that a mistake is told together with all others.
            if let Err((what, fix)) = file.read() {
                self.mistake(&field("file"), &what, fix);
            }
            return Some(Credential::File(file));
        }
        let named = field("env");
        let variable = self.text(&named)?;
        let found = (self.variable)(variable).filter(|secret| !secret.is_empty());
        if found.is_none() {
            // Somebody may have written the secret itself where its name belongs, so it is not repeated.
            let what = format!("the environment variable that {named} names is not set");
            self.mistake(&named, &what, &format!("write the variable's name and export it, or remove {named}"));
        }
        found.map(|secret| Credential::Text(one_line(&secret)))
    }

    /// Reads a program with its arguments.
    pub(super) fn program(&self, field: &str) -> Option<Program> {
        let words = serde_json::from_str(self.text(field)?).ok()?;
        Some(Program { words, hidden: self.hidden.to_vec() })
    }

    /// Reads `ca_file`, `client_cert`, `client_key`, `server_name` and `insecure`. The files are opened when they are needed.
    pub(super) fn tls(&mut self) -> Tls {
        let pem = |field: &str| self.text(field).map(|path| Pem::File(PathBuf::from(path)));
        let ca = pem("ca_file");
        let identity = match (pem("client_cert"), pem("client_key")) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (cert, _) => {
                let (there, missing) =
                    if cert.is_some() { ("client_cert", "client_key") } else { ("client_key", "client_cert") };
                self.mistake(there, &format!("there is no {missing} beside it"), "name both PEM files");
                None
            }
        };
        let checks = if self.is_on("insecure") { Checks::None } else { Checks::Full };
        let server_name = self.text("server_name").map(str::to_owned);
        if let Some(name) = &server_name
            && ServerName::try_from(name.as_str()).is_err()
        {
            self.mistake(
                "server_name",
                "this is no name that a certificate can be for",
                "write a host name or an address",
            );
        }
        Tls { ca, identity, checks, server_name }
    }
}
