//! Copies text out of the console: always into a file, and by the way that the terminal offers into its clipboard.
//!
//! A terminal does not say whether it took the text, so nobody claims that it did. The clipboard is never read.

use crate::model::SafeText;
use rustix::fs::{Mode, OFlags};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Bytes of a copy that a terminal is given; terminals drop or cut more.
const MOST: usize = 64 << 10;
/// Bytes of one piece through GNU screen, which drops longer ones (between 500 and 760 in 4.09).
const PIECE: usize = 240;

/// How a text reaches the terminal's clipboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clipboard {
    /// By the sequence OSC 52.
    Osc52,
    /// The same in pieces that GNU screen hands on.
    Screen,
    /// By `tmux load-buffer -w`, which tmux hands on whatever its settings for programs.
    Tmux,
    /// Not at all: only the file.
    File,
}

impl Clipboard {
    /// Names of the setting `clipboard`.
    pub const NAMES: [(&'static str, Option<Self>); 5] = [
        ("auto", None),
        ("osc52", Some(Self::Osc52)),
        ("tmux", Some(Self::Tmux)),
        ("screen", Some(Self::Screen)),
        ("file", Some(Self::File)),
    ];

    /// Returns the way of a setting; `auto` reads `TMUX` and `STY`.
    pub fn of(setting: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let named = Self::NAMES.iter().find(|(name, _)| Some(*name) == setting).and_then(|(_, way)| *way);
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        named.unwrap_or(match (is_set("TMUX"), is_set("STY")) {
            (true, _) => Self::Tmux,
            (_, true) => Self::Screen,
            (false, false) => Self::Osc52,
        })
    }
}

/// What became of a copy: what the terminal is to be sent, and what the person is told.
pub(super) struct Copied {
    pub(super) bytes: Vec<u8>,
    pub(super) said: SafeText,
}

/// Copies lines. One line has no line feed behind it: pasted into a shell, it would run.
pub(super) fn copy(lines: &[SafeText], way: Clipboard, folder: &Path) -> Copied {
    let text = lines.iter().map(SafeText::as_str).collect::<Vec<_>>().join("\n");
    let (file, written) = (folder.join("copied"), keep(folder, &text));
    let mut bytes = Vec::new();
    let sent = match way {
        _ if text.len() > MOST => " are too many for a clipboard".to_owned(),
        Clipboard::File => String::new(),
        Clipboard::Osc52 => {
            bytes = sequence(&text);
            " sent to the terminal".to_owned()
        }
        Clipboard::Screen => {
            for piece in sequence(&text).chunks(PIECE) {
                bytes.extend([b"\x1bP", piece, b"\x1b\\"].concat());
            }
            " sent to the terminal through screen".to_owned()
        }
        Clipboard::Tmux => match tmux(&text) {
            Ok(()) => " given to tmux".to_owned(),
            Err(error) => format!(" could not be given to tmux ({error})"),
        },
    };
    let kept = match written {
        Ok(()) => format!("they are in {}", file.display()),
        Err(error) => format!("{} could not be written ({error})", file.display()),
    };
    Copied { bytes, said: format!("{} bytes{sent}; {kept}", text.len()).into() }
}

/// The person's own folder for things that last no longer than the session.
pub(super) fn folder() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let user = rustix::process::getuid().as_raw();
    own.map_or_else(|| std::env::temp_dir().join(format!("hopscope-{user}")), |own| own.join("hopscope"))
}

fn sequence(text: &str) -> Vec<u8> {
    format!("\x1b]52;c;{}\x07", crate::export::json::base64(text.as_bytes())).into_bytes()
}

/// Writes the file in a folder that only its owner may enter; what somebody else put there is not followed.
fn keep(folder: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = std::fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(std::io::Error::other("the folder is not the user's own"));
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder.join("copied"), flags, Mode::RUSR | Mode::WUSR)?;
    std::fs::File::from(opened).write_all(text.as_bytes())
}

/// Gives the text to tmux. What it does with it is waited for elsewhere: keys go on meanwhile.
fn tmux(text: &str) -> std::io::Result<()> {
    let mut child = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let (input, text) = (child.stdin.take(), text.to_owned());
    std::thread::Builder::new().spawn(move || {
        if let Some(mut input) = input {
            input.write_all(text.as_bytes()).ok();
        }
        child.wait().ok();
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_way_is_the_one_that_is_set_or_that_the_multiplexer_needs() {
        let with =
            |setting, set: &'static [&str]| Clipboard::of(setting, |name| set.contains(&name).then(|| "1".to_owned()));
        assert_eq!(with(None, &[]), Clipboard::Osc52);
        assert_eq!(with(Some("auto"), &["TMUX", "STY"]), Clipboard::Tmux);
        assert_eq!(with(None, &["STY"]), Clipboard::Screen);
        assert_eq!(with(Some("file"), &["TMUX"]), Clipboard::File);
    }

    #[test]
    fn a_copy_is_in_the_file_and_in_the_sequence() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let own = folder.path().join("own");
        let copied = copy(&["ord-17".into()], Clipboard::Osc52, &own);
        assert_eq!(copied.bytes, b"\x1b]52;c;b3JkLTE3\x07");
        assert!(copied.said.as_str().contains("6 bytes sent to the terminal"), "{:?}", copied.said);
        assert_eq!(std::fs::read_to_string(own.join("copied")).expect("it is there"), "ord-17");
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&own), mode(&own.join("copied"))), (0o700, 0o600));
        let long = copy(&["x".repeat(MOST + 1).into()], Clipboard::Osc52, &own);
        assert!(long.bytes.is_empty() && long.said.as_str().contains("too many"), "refused, not cut");
    }

    #[test]
    fn screen_gets_pieces_that_it_hands_on() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let copied = copy(&["y".repeat(900).into()], Clipboard::Screen, &folder.path().join("own"));
        let pieces: Vec<&[u8]> = copied.bytes.split(|byte| *byte == 0x9c).collect();
        assert_eq!(pieces.len(), 1, "only seven-bit ends");
        let text = String::from_utf8(copied.bytes).expect("ASCII");
        let inner: Vec<&str> = text.split("\x1b\\").filter(|part| !part.is_empty()).collect();
        assert!(inner.len() > 3 && inner.iter().all(|part| part.len() <= PIECE + 2), "{}", inner.len());
        let whole: String = inner.iter().map(|part| part.strip_prefix("\x1bP").expect("each is a DCS")).collect();
        assert!(whole.starts_with("\x1b]52;c;") && whole.ends_with('\x07'));
    }

    #[test]
    fn a_folder_of_somebody_else_is_not_used() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let open = folder.path().join("open");
        std::fs::create_dir(&open).expect("ours");
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("ours");
        let copied = copy(&["a".into()], Clipboard::File, &open);
        assert!(copied.said.as_str().contains("not the user's own"), "{:?}", copied.said);
        let real = folder.path().join("real");
        std::fs::create_dir(&real).expect("ours");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), real.join("copied")).expect("ours");
        assert!(copy(&["a".into()], Clipboard::File, &real).said.as_str().contains("could not be written"));
        assert!(!folder.path().join("elsewhere").exists());
    }
}
