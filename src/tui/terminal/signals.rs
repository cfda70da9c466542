//! The thread that listens to signals and watches the terminal. It depends on no other thread, so it can end the
//! process when they are stuck.

use super::guard::Guard;
use super::run::Event;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What the loop gets to end by itself after a signal.
const GRACE: Duration = Duration::from_millis(1500);

/// How often to look for a terminal that went away. Linux reports it, so there is no need to wake up.
const LOOK: Option<Duration> = if cfg!(target_os = "linux") { None } else { Some(Duration::from_millis(500)) };

/// Starts the thread. It lives as long as the process.
pub(super) fn start(guard: Arc<Guard>, events: Sender<Event>) -> io::Result<()> {
    let (read, write) = UnixStream::pair()?;
    let signals = [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH];
    let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, signals)?;
    std::thread::spawn(move || Watch { guard, events, delivery, asked: None }.run());
    Ok(())
}

struct Watch {
    guard: Arc<Guard>,
    events: Sender<Event>,
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    /// The signal that asked for the end, and when patience is over.
    asked: Option<(i32, Instant)>,
}

impl Watch {
    fn run(mut self) {
        loop {
            if self.wait() {
                self.guard.force(128 + SIGHUP);
            }
            for signal in self.delivery.pending() {
                self.take(signal);
            }
            if let Some((signal, deadline)) = self.asked
                && Instant::now() >= deadline
            {
                self.guard.force(128 + signal);
            }
        }
    }

    /// Waits for a signal, the deadline or the terminal's end. Returns whether the terminal is gone.
    fn wait(&self) -> bool {
        let left = self.asked.map(|(_, deadline)| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.or(LOOK).map(|time| Timespec::try_from(time).expect("short durations fit"));
        let mut watched = [
            PollFd::new(self.delivery.get_read(), PollFlags::IN),
            // Asking for nothing still reports the end.
            PollFd::new(&*self.guard, PollFlags::empty()),
        ];
        let _woken = poll(&mut watched, timeout.as_ref());
        watched[1].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    fn take(&mut self, signal: i32) {
        match signal {
            // The loop may be gone already: a stop or another size is then nobody's matter.
            SIGTSTP => drop(self.events.send(Event::Stop)),
            SIGCONT => drop(self.events.send(Event::Continued)),
            // crossterm listens to it too, but only from its first read on: a change during the start would be lost.
            SIGWINCH => drop(self.events.send(Event::Resized)),
            SIGHUP => self.guard.force(128 + SIGHUP),
            _ if self.asked.is_some() || self.events.send(Event::Signal(signal)).is_err() => {
                self.guard.force(128 + signal);
            }
            _ => self.asked = Some((signal, Instant::now() + GRACE)),
        }
    }
}
