//! Reads a settings file, which may be a pipe: `--config <(decrypt settings)`.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a pipe is waited for: a program behind it may ask a vault.
pub const WAIT: Duration = Duration::from_secs(10);
/// Bytes of settings.
const MOST: usize = 4 << 20;

/// Reads all of it. What is no regular file is waited for at most `wait`: nobody may ever write to a pipe.
pub fn text(path: &Path, wait: Duration) -> Result<String> {
    // Opening a pipe waits for its other end, unless told not to.
    let mut file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    let (may_wait, until) = (!file.metadata()?.is_file(), Instant::now() + wait);
    let (mut all, mut piece) = (Vec::new(), [0; 8 << 10]);
    loop {
        if may_wait && !is_ready(&file, until.saturating_duration_since(Instant::now()))? {
            let what = format!("it is no regular file, and nothing came from it within {} s", wait.as_secs_f32());
            return Err(Error::new(ErrorKind::TimedOut, what));
        }
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if all.len() > MOST {
            return Err(Error::other(format!("it is larger than {} MiB", MOST >> 20)));
        }
    }
    String::from_utf8(all).map_err(|_| Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))
}

fn is_ready(file: &File, wait: Duration) -> Result<bool> {
    let wait = Timespec::try_from(wait).map_err(Error::other)?;
    match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&wait)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::io::Write;

    #[test]
    fn a_pipe_is_read_to_its_end_and_not_waited_for_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let short = Duration::from_millis(20);
        assert!(text(&pipe, short).unwrap_err().to_string().contains("nothing came from it"));
        // Who opens it and says nothing more is not waited for either.
        let open = |path| File::options().read(true).write(true).open(path).unwrap();
        let mut silent = open(&pipe);
        silent.write_all(b"[limits]\n").unwrap();
        assert_eq!(text(&pipe, short).unwrap_err().kind(), ErrorKind::TimedOut);
        drop(silent);
        // More than fits into a pipe at once.
        let written = "# settings\n".repeat(20_000);
        let (to, all) = (pipe.clone(), written.clone());
        let writer = std::thread::spawn(move || std::fs::write(to, all).unwrap());
        assert_eq!(text(&pipe, Duration::from_mins(10)).unwrap(), written);
        writer.join().unwrap();
    }

    #[test]
    fn what_has_no_end_and_what_is_no_text_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"a = \xff").unwrap();
        for (path, words) in [(Path::new("/dev/zero"), "larger than 4 MiB"), (file.path(), "no text in UTF-8")] {
            assert!(text(path, WAIT).unwrap_err().to_string().contains(words), "{}", path.display());
        }
        assert_eq!(text(Path::new("/dev/null"), WAIT).unwrap(), "");
        assert_eq!(text(&file.path().join("missing"), WAIT).unwrap_err().kind(), ErrorKind::NotADirectory);
    }
}
