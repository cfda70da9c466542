//! Evidence that survives the console: one file per profile in the user's state folder, for that user alone.
//!
//! It is written whole and put in place at once, so that a crash leaves the old one or the new one. Where it cannot be read or
//! written, the console says so and goes on; what it does not understand it leaves alone.

use crate::model::{SafeText, Timestamp};
use crate::tui::evidence::{Evidence, Pin};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The form of the file.
const FORM: &str = "hopscope/evidence/1";

#[derive(Serialize, Deserialize)]
struct Kept {
    schema: String,
    hypotheses: Vec<String>,
    pins: Vec<KeptPin>,
}

#[derive(Serialize, Deserialize)]
struct KeptPin {
    at: i64,
    identity: Option<String>,
    lens: char,
    key: u64,
    text: String,
    note: String,
    command: String,
    speaks: Option<(usize, bool)>,
}

/// Where evidence is kept while a console is open.
#[derive(Debug)]
pub struct Keeper {
    place: PathBuf,
    /// Held as long as the console is open: another one must not write over it.
    _lock: File,
}

/// Returns the file of a profile below the state folder (`$XDG_STATE_HOME`, else `~/.local/state`).
pub fn place(state: &Path, profile: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    state.join("hopscope").join(format!("evidence-{}.json", profile.chars().map(plain).collect::<String>()))
}

/// Opens what was kept; without a keeper nothing will be, for the reason that is returned beside it.
pub fn open_at(place: &Path) -> (Evidence, Result<Keeper, String>) {
    match locked(place) {
        Ok(lock) => match read(place) {
            Ok(evidence) => (evidence, Ok(Keeper { place: place.to_owned(), _lock: lock })),
            Err(why) => (Evidence::default(), Err(format!("{}: {why}; pins end with this console", place.display()))),
        },
        Err(error) => {
            let why = match error.kind() {
                io::ErrorKind::WouldBlock => "another console keeps the evidence of this profile".to_owned(),
                _ => format!("{}: {error}", place.display()),
            };
            // What the other one has kept can be seen all the same.
            (read(place).unwrap_or_default(), Err(format!("{why}; pins end with this console")))
        }
    }
}

fn locked(place: &Path) -> io::Result<File> {
    let folder = place.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = std::fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(io::Error::other("the folder is not the user's own"));
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let lock = open(place.with_extension("lock"), flags, Mode::RUSR | Mode::WUSR)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    Ok(lock.into())
}

fn read(place: &Path) -> Result<Evidence, String> {
    let text = match super::file::text(place, Duration::ZERO) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Evidence::default()),
        Err(error) => return Err(error.to_string()),
    };
    let kept: Kept =
        serde_json::from_str(&text).map_err(|error| format!("it is damaged ({error}); move it away to begin anew"))?;
    if kept.schema != FORM {
        return Err(format!("its form is `{}`, and this program knows {FORM}", SafeText::new(&kept.schema).as_str()));
    }
    let count = kept.hypotheses.len();
    let pin = |pin: KeptPin| Pin {
        at: Timestamp(pin.at),
        identity: pin.identity.as_deref().map(SafeText::new),
        lens: if pin.lens.is_ascii_digit() { pin.lens } else { '2' },
        key: pin.key,
        text: SafeText::new(&pin.text),
        note: SafeText::new(&pin.note),
        command: SafeText::new(&pin.command),
        speaks: pin.speaks.filter(|(hypothesis, _)| *hypothesis < count),
    };
    Ok(Evidence {
        pins: kept.pins.into_iter().map(pin).collect(),
        hypotheses: kept.hypotheses.iter().map(|text| SafeText::new(text)).collect(),
    })
}

impl Keeper {
    /// Writes everything, for the user alone.
    ///
    /// # Errors
    ///
    /// What the system said, and where.
    pub fn keep(&self, evidence: &Evidence) -> Result<(), String> {
        self.write(evidence).map_err(|error| format!("evidence is not kept: {}: {error}", self.place.display()))
    }

    fn write(&self, evidence: &Evidence) -> io::Result<()> {
        let text = |text: &SafeText| text.as_str().to_owned();
        let pin = |pin: &Pin| KeptPin {
            at: pin.at.0,
            identity: pin.identity.as_ref().map(text),
            lens: pin.lens,
            key: pin.key,
            text: text(&pin.text),
            note: text(&pin.note),
            command: text(&pin.command),
            speaks: pin.speaks,
        };
        let kept = Kept {
            schema: FORM.to_owned(),
            hypotheses: evidence.hypotheses.iter().map(text).collect(),
            pins: evidence.pins.iter().map(pin).collect(),
        };
        let beside = self.place.with_extension("new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(open(&beside, flags, Mode::RUSR | Mode::WUSR)?);
        serde_json::to_writer_pretty(&mut file, &kept).map_err(io::Error::other)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn some() -> Evidence {
        let pin = Pin {
            at: Timestamp(17),
            identity: Some("orders-7@88213".into()),
            lens: '5',
            key: u64::MAX,
            text: "audit-2 1097".into(),
            note: "stuck since 03:07".into(),
            command: "hopscope queue record orders-7@88213".into(),
            speaks: Some((0, false)),
        };
        Evidence { pins: vec![pin], hypotheses: vec!["the bank is down".into()] }
    }

    #[test]
    fn what_is_kept_is_there_again_for_its_user_alone() {
        let state = tempfile::tempdir().unwrap();
        let place = place(state.path(), "../prod eu");
        assert_eq!(place, state.path().join("hopscope/evidence-___prod_eu.json"));
        let (nothing, keeper) = open_at(&place);
        assert_eq!(nothing, Evidence::default());
        let keeper = keeper.unwrap();
        keeper.keep(&Evidence::default()).unwrap();
        keeper.keep(&some()).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(place.parent().unwrap())), (0o600, 0o700));
        let (seen, second) = open_at(&place);
        assert_eq!(seen, some(), "another console sees it");
        assert!(second.unwrap_err().contains("another console"));
        drop(keeper);
        let (again, keeper) = open_at(&place);
        assert_eq!(again, some());
        keeper.unwrap();
    }

    #[test]
    fn what_is_not_understood_is_said_and_left_alone() {
        let state = tempfile::tempdir().unwrap();
        let place = place(state.path(), "a");
        drop(open_at(&place));
        let hostile = serde_json::json!({ "schema": FORM, "hypotheses": [], "pins": [{ "at": 0, "identity": null,
            "lens": "x", "key": 1, "text": "a\u{1b}[2J", "note": "", "command": "", "speaks": [7, true] }] });
        for (text, words) in
            [("{", "it is damaged"), (r#"{"schema":"hopscope/evidence/9","hypotheses":[],"pins":[]}"#, "its form is")]
        {
            std::fs::write(&place, text).unwrap();
            let (nothing, keeper) = open_at(&place);
            assert_eq!(nothing, Evidence::default());
            assert!(keeper.unwrap_err().contains(words), "{text}");
            assert_eq!(std::fs::read_to_string(&place).unwrap(), text);
        }
        std::fs::write(&place, hostile.to_string()).unwrap();
        let (read, keeper) = open_at(&place);
        keeper.unwrap();
        assert_eq!((read.pins[0].text.as_str(), read.pins[0].speaks, read.pins[0].lens), ("a^[[2J", None, '2'));
    }
}
