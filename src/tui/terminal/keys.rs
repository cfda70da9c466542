//! The thread that reads keys.

use super::run::Event;
use std::io::ErrorKind;
use std::sync::mpsc::Sender;

/// Starts the thread. It lives as long as the process: a read cannot be called off.
///
/// When the terminal goes away, crossterm (0.29, issue 793) reads for ever without waiting and without an error. The
/// signal thread sees the same and ends the process.
pub(super) fn start(events: Sender<Event>) {
    std::thread::spawn(move || {
        loop {
            let event = match crossterm::event::read() {
                Ok(event) => Event::Read(event),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Event::Gone,
            };
            let last = matches!(event, Event::Gone);
            if events.send(event).is_err() || last {
                return;
            }
        }
    });
}
