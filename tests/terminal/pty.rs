//! A program in a pseudo terminal, and what its screen shows.

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Nothing takes that long; a machine under load may be slow.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long nobody looks when the screen does not change.
const LOOK: Duration = Duration::from_millis(50);

/// What came from the program.
struct Seen {
    screen: vt100::Parser,
    bytes: usize,
    is_reading: bool,
    is_closed: bool,
}

pub struct Pty {
    master: RefCell<Option<Box<dyn MasterPty + Send>>>,
    writer: RefCell<Option<Box<dyn Write + Send>>>,
    pid: u32,
    code: Receiver<u32>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    modes_before: String,
}

/// How it ended.
pub struct Ended {
    pub code: u32,
    pub screen: String,
    /// Whether alternate screen, hidden cursor or bracketed paste are still on.
    pub is_taken: bool,
    pub modes: String,
    pub modes_before: String,
}

fn is_taken(screen: &vt100::Screen) -> bool {
    screen.alternate_screen() || screen.hide_cursor() || screen.bracketed_paste()
}

impl Pty {
    pub fn spawn(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")] {
            command.env(name, value);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        let modes_before = modes(&*pair.master);
        let mut child = pair.slave.spawn_command(command).unwrap();
        let pid = child.process_id().unwrap();
        let (ended, code) = channel();
        std::thread::spawn(move || ended.send(child.wait().unwrap().exit_code()));
        drop(pair.slave);
        let screen = vt100::Parser::new(cells(24), cells(80), 0);
        let seen = Seen { screen, bytes: 0, is_reading: true, is_closed: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            loop {
                let (lock, told) = &*shared;
                // Whoever stops reading lets the line fill up.
                drop(told.wait_while(lock.lock().unwrap(), |seen| !seen.is_reading).unwrap());
                let count = reader.read(&mut piece).unwrap_or(0);
                let mut seen = lock.lock().unwrap();
                seen.screen.process(&piece[..count]);
                seen.bytes += count;
                seen.is_closed |= count == 0;
                told.notify_all();
                if seen.is_closed {
                    return;
                }
            }
        });
        let writer = RefCell::new(Some(pair.master.take_writer().unwrap()));
        Self { master: RefCell::new(Some(pair.master)), writer, pid, code, seen, modes_before }
    }

    /// Waits until the screen shows what is wanted.
    pub fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let (lock, told) = &*self.seen;
        let deadline = Instant::now() + PATIENCE;
        let mut seen = lock.lock().unwrap();
        while !is_there(&seen.screen.screen().contents()) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} never came:\n{}", seen.screen.screen().contents());
            assert!(!seen.is_closed, "{what} never came, it ended:\n{}", seen.screen.screen().contents());
            // What is waited for need not be on the screen alone, so not only its changes wake.
            seen = told.wait_timeout(seen, left.min(LOOK)).unwrap().0;
        }
    }

    pub fn is_taken(&self) -> bool {
        is_taken(self.seen.0.lock().unwrap().screen.screen())
    }

    pub fn received(&self) -> usize {
        self.seen.0.lock().unwrap().bytes
    }

    pub fn send(&self, keys: &str) {
        let mut writer = self.writer.borrow_mut();
        let writer = writer.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid.cast_signed()).unwrap(), signal).unwrap();
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.seen.0.lock().unwrap().screen.screen_mut().set_size(cells(rows), cells(columns));
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.borrow().as_ref().unwrap().resize(size).unwrap();
    }

    pub fn stop_reading(&self) {
        self.seen.0.lock().unwrap().is_reading = false;
    }

    /// Closes the terminal, as a lost connection does, and waits for the program to end. The key must be answered: the
    /// thread that reads has to wake up to let its descriptor go.
    pub fn hang_up(self, key: &str) -> u32 {
        self.seen.0.lock().unwrap().is_closed = true;
        self.send(key);
        self.writer.borrow_mut().take();
        self.master.borrow_mut().take();
        self.wait()
    }

    /// Waits until the cells are as wanted.
    pub fn wait_for_cells(&self, what: &str, is_there: impl Fn(&vt100::Screen) -> bool) {
        let (lock, told) = &*self.seen;
        let waiting = told.wait_timeout_while(lock.lock().unwrap(), PATIENCE, |seen| !is_there(seen.screen.screen()));
        assert!(!waiting.unwrap().1.timed_out(), "{what} never came");
    }

    pub fn look(&self, see: impl FnOnce(&vt100::Screen)) {
        see(self.seen.0.lock().unwrap().screen.screen());
    }

    pub fn screen(&self) -> String {
        self.seen.0.lock().unwrap().screen.screen().contents()
    }

    fn wait(&self) -> u32 {
        self.code.recv_timeout(PATIENCE).expect("it ends")
    }

    /// Waits for the end.
    pub fn end(self) -> Ended {
        let code = self.wait();
        let modes = modes(&**self.master.borrow().as_ref().unwrap());
        let (lock, told) = &*self.seen;
        let mut seen = lock.lock().unwrap();
        seen.is_reading = true;
        told.notify_all();
        let seen = told.wait_while(seen, |seen| !seen.is_closed).unwrap();
        let screen = seen.screen.screen();
        let (modes_before, is_taken) = (self.modes_before.clone(), is_taken(screen));
        Ended { code, screen: screen.contents(), is_taken, modes, modes_before }
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

fn modes(master: &(dyn MasterPty + Send)) -> String {
    format!("{:?}", master.get_termios())
}
