//! Holds the tty: takes it, gives it back exactly once, and lets only the holder write.

use super::fitness::Unfit;
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{QueueSelector, tcflush, tcgetwinsize, ttyname};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Alternate screen, cleared (GNU screen has none by default, and the old text would shine through), cursor hidden,
/// bracketed paste.
pub(super) const ENTER: &[u8] = b"\x1b[?1049h\x1b[2J\x1b[?25l\x1b[?2004h";

/// Takes back whatever may be on, also in the middle of a sequence that was cut (CAN). Clears before leaving, so that
/// nothing of an incident stays on a screen without an alternate one.
pub(super) const RESTORE: &[u8] = b"\x18\x1b[?2026l\x1b[?2004l\x1b[0m\x1b[r\x1b[2J\x1b[?1049l\x1b[?25h";

/// Tries to get the restore sequence through a full line before it is given up, and the pause between them.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(10);

/// The time the last lines may take on a slow line.
const LINES_DEADLINE: Duration = Duration::from_secs(2);

/// What became of a piece of a frame.
pub(super) enum Piece {
    /// So many bytes are written.
    Written(usize),
    /// The line is full.
    Full,
    /// The frame belongs to an earlier turn: nothing may be written.
    Stale,
}

/// The terminal as long as the process lives.
pub(super) struct Guard {
    tty: OwnedFd,
    held: Mutex<Held>,
    playing: AtomicBool,
}

/// Whether the terminal is ours now, and how often it was.
struct Held {
    ours: bool,
    /// Something was written in this turn: until then the screen is still the shell's, and must not be cleared.
    touched: bool,
    turn: u64,
}

impl Guard {
    /// Opens the terminal a second time, without blocking. The flag belongs to the opened file, so the shell's own
    /// descriptor stays as it is.
    pub(super) fn open() -> Result<Arc<Self>, Unfit> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let own = ttyname(std::io::stdout(), Vec::new()).ok();
        // After `su` the own name may not be opened; the controlling terminal always may.
        let names = own.into_iter().chain([CString::from(c"/dev/tty")]);
        let mut refused = Errno::NOTTY;
        for name in names {
            match rustix::fs::open(name, flags, Mode::empty()) {
                Ok(tty) => {
                    let held = Mutex::new(Held { ours: false, touched: false, turn: 0 });
                    return Ok(Arc::new(Self { tty, held, playing: AtomicBool::new(false) }));
                }
                Err(error) => refused = error,
            }
        }
        Err(Unfit::Refused(refused.to_string()))
    }

    /// Returns the screen's size in cells; a terminal that knows none gets the classic one.
    pub(super) fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.tty) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            Ok(_) | Err(_) => (80, 24),
        }
    }

    /// Takes the terminal, or takes it again after somebody else had it. Returns the turn that frames must carry; the
    /// first of them begins with [`ENTER`].
    pub(super) fn enter(&self) -> std::io::Result<u64> {
        let mut held = self.lock();
        // crossterm (0.29) remembers that it is in raw mode and then does nothing, even when a shell has reset the
        // terminal while the process was stopped.
        disable_raw_mode()?;
        enable_raw_mode()?;
        held.ours = true;
        held.touched = false;
        held.turn += 1;
        self.playing.store(true, Ordering::SeqCst);
        Ok(held.turn)
    }

    /// Gives the terminal back. Does nothing when it is not ours, so everybody may call it. Never blocks for long: when
    /// the line is full, what waits in it belongs to a screen that is about to vanish, and is thrown away.
    pub(super) fn leave(&self) {
        let mut held = self.lock();
        if !std::mem::replace(&mut held.ours, false) {
            return;
        }
        if held.touched {
            self.restore();
        }
        let _gone = disable_raw_mode();
    }

    fn restore(&self) {
        for _ in 0..TRIES {
            match rustix::io::write(&self.tty, RESTORE) {
                Ok(count) if count == RESTORE.len() => break,
                // The sequence is harmless when repeated, so a piece of it is followed by all of it.
                Ok(_) | Err(Errno::AGAIN) => {
                    let _flushed = tcflush(&self.tty, QueueSelector::OFlush);
                    self.wait_writable(PAUSE);
                }
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
    }

    /// Says that nothing is played any more: a panic is the caller's matter again.
    pub(super) fn finish(&self) {
        self.leave();
        self.playing.store(false, Ordering::SeqCst);
    }

    /// Gives the terminal back and ends the process, whatever its other threads are waiting for.
    pub(super) fn force(&self, code: i32) -> ! {
        self.leave();
        crate::investigate::end_programs();
        signal_hook::low_level::exit(code)
    }

    /// Writes as much as the line takes, if the frame is of this turn. An error means that the terminal is gone.
    pub(super) fn write(&self, turn: u64, bytes: &[u8]) -> Result<Piece, Errno> {
        let mut held = self.lock();
        if !held.ours || held.turn != turn {
            return Ok(Piece::Stale);
        }
        match rustix::io::write(&self.tty, bytes) {
            Ok(count) => {
                held.touched = true;
                Ok(Piece::Written(count))
            }
            Err(Errno::AGAIN) => Ok(Piece::Full),
            Err(Errno::INTR) => Ok(Piece::Written(0)),
            Err(error) => Err(error),
        }
    }

    /// Writes text on the normal screen, as far as the line takes it in time.
    pub(super) fn print(&self, text: &str) {
        let deadline = Instant::now() + LINES_DEADLINE;
        let mut rest = text.as_bytes();
        while !rest.is_empty() && Instant::now() < deadline {
            match rustix::io::write(&self.tty, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::AGAIN) => self.wait_writable(PAUSE),
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Waits until the line takes something again. Returns early when the terminal is gone.
    pub(super) fn wait_writable(&self, at_most: Duration) {
        let timeout = Timespec::try_from(at_most).expect("short durations fit");
        let _woken = poll(&mut [PollFd::new(&self.tty, PollFlags::OUT)], Some(&timeout));
    }

    /// Restores the terminal before a panic is printed, and ends the process after it: a console that has lost one of
    /// its tasks would show a state that no longer changes.
    pub(super) fn restore_on_panic(self: &Arc<Self>) {
        let guard = Arc::clone(self);
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let playing = guard.playing.load(Ordering::SeqCst);
            guard.leave();
            print(panic);
            if playing {
                signal_hook::low_level::exit(101);
            }
        }));
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Guard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tty.as_fd()
    }
}
