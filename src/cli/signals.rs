//! SIGINT, SIGTERM, SIGQUIT and SIGHUP: the first cancels what is under way, the second ends at once.

use super::exit::Exit;
use crate::sources::secret;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, mpsc};
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

/// Listens on a thread of its own. Where there can be none, or signals cannot be listened to, their defaults end the program.
pub fn listen(cancel: CancellationToken) -> Caught {
    let caught = Caught::default();
    let (known, (give, take)) = (caught.clone(), mpsc::channel::<Signals>());
    let listening = std::thread::Builder::new().spawn(move || {
        let Ok(mut signals) = take.recv() else { return };
        for signal in signals.forever() {
            if known.0.swap(signal, Ordering::Relaxed) != 0 {
                secret::end_all();
                std::process::exit(i32::from(known.or(Exit::Interrupted).code()));
            }
            cancel.cancel();
        }
    });
    let hangs_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    // What is listened to has no default any more, so somebody must hear it.
    if listening.is_ok()
        && let Ok(signals) = Signals::new([SIGINT, SIGTERM, SIGQUIT].into_iter().chain(hangs_up))
    {
        give.send(signals).unwrap_or_default();
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
