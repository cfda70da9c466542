//! SIGINT and SIGTERM: the first cancels what is under way, the second ends at once.

use super::exit::Exit;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use tokio_util::sync::CancellationToken;

/// The signal that came, if any.
#[derive(Clone, Debug, Default)]
pub struct Caught(Arc<AtomicI32>);

impl Caught {
    /// Returns the exit code of the signal, or `otherwise`.
    pub fn or(&self, otherwise: Exit) -> Exit {
        match self.0.load(Ordering::Relaxed) {
            SIGINT => Exit::Interrupted,
            SIGTERM => Exit::Terminated,
            _ => otherwise,
        }
    }
}

/// Listens on a thread of its own. Where signals cannot be listened to, their defaults end the program.
pub fn listen(cancel: CancellationToken) -> Caught {
    let caught = Caught::default();
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) {
        let known = caught.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if known.0.swap(signal, Ordering::Relaxed) != 0 {
                    std::process::exit(i32::from(known.or(Exit::Interrupted).code()));
                }
                cancel.cancel();
            }
        });
    }
    caught
}
