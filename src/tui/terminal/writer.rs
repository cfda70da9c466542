//! The only thread that writes frames. A slow line holds up this thread and nobody else.

use super::guard::{Guard, Piece};
use super::run::Event;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How long one wait for room in the line lasts. Linux moves bytes out of a pseudo terminal's line without waking up
/// who waits for room, so the wait has an end.
const WAIT: Duration = Duration::from_millis(100);

/// The bytes of one frame.
pub(super) struct Sheet {
    /// The guard's turn they were made for.
    pub(super) turn: u64,
    /// What the terminal gets.
    pub(super) bytes: Vec<u8>,
}

/// Starts the thread. It answers each sheet with [`Event::Written`] or [`Event::Gone`]; whoever sends waits for the
/// answer before making another sheet, so a slow line skips frames and never queues them.
pub(super) fn start(guard: Arc<Guard>, events: Sender<Event>) -> SyncSender<Sheet> {
    let (sender, sheets) = sync_channel(1);
    std::thread::spawn(move || write(&guard, &sheets, &events));
    sender
}

fn write(guard: &Guard, sheets: &Receiver<Sheet>, events: &Sender<Event>) {
    for sheet in sheets {
        let begun = Instant::now();
        let mut rest = sheet.bytes.as_slice();
        let mut answer = None;
        while !rest.is_empty() && answer.is_none() {
            match guard.write(sheet.turn, rest) {
                Ok(Piece::Written(count)) => rest = &rest[count..],
                Ok(Piece::Full) => guard.wait_writable(WAIT),
                Ok(Piece::Stale) => rest = &[],
                Err(_) => answer = Some(Event::Gone),
            }
        }
        if events.send(answer.unwrap_or(Event::Written(begun.elapsed()))).is_err() {
            return;
        }
    }
}
