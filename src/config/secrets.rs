//! Where a secret comes from, and how files that hold one are opened.

use secrecy::{ExposeSecret, SecretString};
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// Bytes of a secret.
pub const MOST: u64 = 64 << 10;

/// A secret, or the way to get it.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The secret itself; it stays what it is.
    Text(SecretString),
    /// A file that holds it. It is read when the secret is first needed, and again when a server refuses what it held.
    File(SecretFile),
    /// A program that prints it. It runs when the secret is first needed.
    Command(Program),
}

/// A file that holds nothing but a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// Its path.
    pub path: String,
    /// Whether its group may read it, too.
    pub allow_group: bool,
}

/// A program that prints a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments; there is no shell between.
    pub words: Vec<String>,
    /// Variables that hold secrets of sources, which the program does not get to see.
    pub hidden: Vec<String>,
}

impl Program {
    /// Returns a program that sees the whole environment.
    pub fn new(words: Vec<String>) -> Self {
        Self { words, hidden: Vec::new() }
    }
}

impl SecretFile {
    /// Returns a file that only its owner may read.
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), allow_group: false }
    }

    /// Reads the secret. The error says what is wrong, and what to do.
    pub fn read(&self) -> Result<SecretString, (String, &'static str)> {
        const READ: &str = "check the path and that you may read it";
        let path = &self.path;
        // A link could lead to a file that somebody else chose.
        let flags = rustix::fs::OFlags::NOFOLLOW;
        let (file, about) = open(path, flags).map_err(|error| {
            if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
                return (format!("the secret file {path} is a symbolic link"), "name the file that it leads to");
            }
            (format!("cannot read the secret file {path}: {error}"), READ)
        })?;
        let (refused, fix) = if self.allow_group {
            (0o037, "run chmod 640 on it")
        } else {
            (0o077, "run chmod 600 on it, or set allow_group = true if only its group may read it")
        };
        if about.mode() & refused != 0 {
            let what = format!("the secret file {path} can be read by others (mode {:03o})", about.mode() & 0o777);
            return Err((what, fix));
        }
        let own = rustix::process::geteuid().as_raw();
        if about.uid() != own && about.uid() != 0 {
            let what = format!("the secret file {path} belongs to somebody else (user {})", about.uid());
            return Err((what, "make a copy of your own with mode 600"));
        }
        let bytes =
            capped(file, MOST).map_err(|error| (format!("cannot read the secret file {path}: {error}"), READ))?;
        let secret = String::from_utf8(bytes)
            .map_err(|_| (format!("the secret file {path} holds something that is no text"), READ))?;
        let secret = one_line(&secret);
        if secret.expose_secret().trim().is_empty() {
            Err((format!("the secret file {path} is empty"), READ))
        } else {
            Ok(secret)
        }
    }
}

/// Takes the line end off that programs and editors leave.
pub fn one_line(secret: &str) -> SecretString {
    SecretString::from(secret.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a regular file of at most `most` bytes. Pipes and devices, on which a read can wait for ever, are refused.
pub fn regular(path: &str, most: u64) -> std::io::Result<(Vec<u8>, Metadata)> {
    let (file, about) = open(path, rustix::fs::OFlags::empty())?;
    Ok((capped(file, most)?, about))
}

fn open(path: &str, flags: rustix::fs::OFlags) -> std::io::Result<(File, Metadata)> {
    // Opening a pipe waits for its other end, unless told not to.
    let flags = flags | rustix::fs::OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    // The open file is asked, not the path, so that nobody can swap it between the two.
    let about = file.metadata()?;
    if about.is_file() { Ok((file, about)) } else { Err(std::io::Error::other("it is not a regular file")) }
}

fn capped(file: File, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(std::io::Error::other(format!("it is larger than {} KiB", most >> 10)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn read(path: &std::path::Path, allow_group: bool) -> Result<SecretString, (String, &'static str)> {
        SecretFile { path: path.to_str().unwrap().to_owned(), allow_group }.read()
    }

    #[test]
    fn a_secret_that_others_can_read_or_choose_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("secret"), folder.path().join("link"));
        std::fs::write(&path, "token\n").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for (mode, alone, with_group) in [
            (0o600, true, true),
            (0o400, true, true),
            (0o640, false, true),
            (0o644, false, false),
            (0o660, false, false),
        ] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let taken = (read(&path, false).is_ok(), read(&path, true).is_ok());
            assert_eq!(taken, (alone, with_group), "{mode:03o}");
        }
        assert!(read(&path, false).unwrap_err().0.contains("mode 660"));
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path, false).unwrap().expose_secret(), "token");
        assert!(read(&link, false).unwrap_err().0.contains("symbolic link"));
        assert!(read(folder.path(), false).unwrap_err().0.contains("not a regular file"));
        std::fs::write(&path, "\n").unwrap();
        assert!(read(&path, false).unwrap_err().0.contains("is empty"));
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(read(&path, false).unwrap_err().0.contains("larger than 64 KiB"));
    }
}
