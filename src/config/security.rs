//! How a connection is protected, and who logs in: what the settings of one source say, read and checked together.

use super::load::{Origin, Values};
use super::mistake::Mistake;
use secrecy::{ExposeSecret, SecretString};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

/// TLS of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authorities that are trusted, instead of the host's.
    pub ca_file: Option<PathBuf>,
    /// PEM files of our own certificate with its chain, and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether certificates are checked.
    pub checks: Checks,
}

/// Whether the other side's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checks {
    /// It is.
    #[default]
    Full,
    /// It is not: anybody on the way can read along, and the console says so.
    None,
}

/// A secret, or the way to get it.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The secret itself.
    Text(SecretString),
    /// A program with its arguments that prints it. It runs when the secret is first needed.
    Command(Vec<String>),
}

/// The settings of one source while they are read.
pub(super) struct Section<'a> {
    /// `jaeger`, `loki`, `kafka`.
    pub(super) source: &'static str,
    pub(super) values: &'a Values,
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
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
        let field = |way: &str| format!("{name}_{way}");
        if let Some(command) = self.text(&field("command")) {
            return serde_json::from_str(command).ok().map(Credential::Command);
        }
        if let Some(path) = self.text(&field("file")) {
            return match secret_file(path) {
                Ok(secret) => Some(Credential::Text(secret)),
                Err((what, fix)) => {
                    self.mistake(&field("file"), &what, fix);
                    None
                }
            };
        }
        let variable = self.text(&field("env"))?;
        let found = (self.variable)(variable).filter(|secret| !secret.is_empty());
        if found.is_none() {
            // Somebody may have written the secret itself where its name belongs, so it is not repeated.
            let what = format!("the environment variable that {name}_env names is not set");
            self.mistake(
                &field("env"),
                &what,
                &format!("write the variable's name and export it, or remove {name}_env"),
            );
        }
        found.map(|secret| Credential::Text(one_line(&secret)))
    }

    /// Reads `ca_file`, `client_cert`, `client_key` and `insecure`. The files are opened when they are needed.
    pub(super) fn tls(&mut self) -> Tls {
        let path = |field: &str| self.text(field).map(PathBuf::from);
        let identity = match (path("client_cert"), path("client_key")) {
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
        let ca_file = self.text("ca_file").map(PathBuf::from);
        Tls { ca_file, identity, checks }
    }
}

/// Takes the line end off that programs and editors leave.
fn one_line(secret: &str) -> SecretString {
    SecretString::from(secret.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a secret from a file that only its owner can read.
pub fn secret_file(path: &str) -> Result<SecretString, (String, &'static str)> {
    const READ: &str = "check the path and that you may read it";
    let failed = |error: std::io::Error| (format!("cannot read the secret file {path}: {error}"), READ);
    // A link could lead to a file that somebody else chose.
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(|error| {
        if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            return (format!("the secret file {path} is a symbolic link"), "name the file that it leads to");
        }
        failed(error)
    })?;
    // The open file is asked, not the path, so that nobody can swap it between the two.
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err((format!("{path} is not a regular file"), READ));
    }
    if about.mode() & 0o077 != 0 {
        let what = format!("the secret file {path} can be read by others (mode {:03o})", about.mode() & 0o777);
        return Err((what, "run chmod 600 on it"));
    }
    let own = rustix::process::geteuid().as_raw();
    if about.uid() != own && about.uid() != 0 {
        let what = format!("the secret file {path} belongs to somebody else (user {})", about.uid());
        return Err((what, "make a copy of your own with mode 600"));
    }
    let mut secret = String::new();
    file.read_to_string(&mut secret).map_err(failed)?;
    let secret = one_line(&secret);
    if secret.expose_secret().trim().is_empty() {
        Err((format!("the secret file {path} is empty"), READ))
    } else {
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_that_others_can_read_or_choose_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("secret"), folder.path().join("link"));
        std::fs::write(&path, "token\n").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let read = |path: &std::path::Path| secret_file(path.to_str().unwrap());
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(read(&path).unwrap_err().0.contains("mode 640"));
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap().expose_secret(), "token");
        assert!(read(&link).unwrap_err().0.contains("symbolic link"));
        assert!(read(folder.path()).unwrap_err().0.contains("not a regular file"));
        std::fs::write(&path, "\n").unwrap();
        assert!(read(&path).unwrap_err().0.contains("is empty"));
    }
}
