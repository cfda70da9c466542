//! SIGINT, SIGTERM, SIGQUIT and SIGHUP: the first cancels what is under way, the second ends at once.

use super::exit::Exit;
use crate::sources::secret;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
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
            0 => otherwise,
            signal => Exit::of_signal(signal),
        }
    }
}

/// Listens on a thread of its own. Where signals cannot be listened to, their defaults end the program.
pub fn listen(cancel: CancellationToken) -> Caught {
    let caught = Caught::default();
    let hangs_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGQUIT].into_iter().chain(hangs_up)) {
        let known = caught.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if known.0.swap(signal, Ordering::Relaxed) != 0 {
                    secret::end_all();
                    std::process::exit(i32::from(known.or(Exit::Interrupted).code()));
                }
                cancel.cancel();
            }
        });
    }
    caught
}

/// Says whether a signal was ignored when the program began, as `nohup` arranges it for SIGHUP.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
