//! The loop: wait, take everything that waits, draw at most once, and do nothing at all when nothing happens.

use super::canvas::Canvas;
use super::clipboard::{self, Clipboard};
use super::fitness::{self, Link, Settings, Unfit};
use super::guard::{ENTER, Guard};
use super::writer::{self, Sheet};
use super::{keys, signals};
use crate::tui::stage::{Bell, Input, Stage, Wish};
use crossterm::event::{Event as Read, KeyEventKind};
use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
use signal_hook::consts::SIGHUP;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::time::{Duration, Instant};

/// The shortest time between two frames.
const PACE: Duration = Duration::from_millis(33);

/// By this part of it frames that answer keys are apart at least: 11 ms.
const KEYS: u32 = 3;
/// More keys than this between two frames were not typed one by one: they are answered together at the usual pace.
const BURST: u32 = 4;

/// The same on a remote line whose last write took longer than [`SLOW_WRITE`].
const SLOW_PACE: Duration = Duration::from_millis(100);
const SLOW_WRITE: Duration = Duration::from_millis(30);

/// How many events are taken before a drawing, so that a flood cannot hold it up.
const DRAIN: usize = 4096;

static PLAYED: AtomicBool = AtomicBool::new(false);

/// What the threads tell the loop.
pub(super) enum Event {
    /// The terminal has sent something.
    Read(Read),
    /// The stage's bell was rung.
    Rang,
    /// The writer is done with a sheet after this time.
    Written(Duration),
    /// The terminal is gone.
    Gone,
    /// The screen may have another size.
    Resized,
    /// A signal asks for the end.
    Signal(i32),
    /// A signal asks to stop like a job.
    Stop,
    /// The process goes on after a stop.
    Continued,
}

/// How a stage ended. The terminal is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The signal that ended it; without one, the stage wished to end. The process's exit code is 128 more.
    pub signal: Option<i32>,
}

/// Plays a stage on the terminal until it ends. `set_up` makes the stage before anything is written; its bell may be
/// rung from any thread.
///
/// From here on the process belongs to the stage: a panic in any thread, a terminal that goes away, and a signal to
/// which the stage does not react in time end the process (101, 129, 128 + signal) after the terminal was restored.
/// That also holds after the return, so the caller has little time left after a signal. Listen to no signals beside it.
///
/// # Panics
///
/// When a process plays a second time: the threads that read keys and signals cannot be called off.
pub fn play<S: Stage>(settings: &Settings, set_up: impl FnOnce(Bell) -> S) -> Result<Ended, Unfit> {
    fitness::check(settings)?;
    let guard = Guard::open()?;
    assert!(!PLAYED.swap(true, Ordering::SeqCst), "a process plays one stage");
    // crossterm (0.29) answers NO_COLOR with an empty parameter list, which also ends bold and reverse. Whether there
    // are colours is the stage's matter.
    crossterm::style::force_color_output(true);
    let (sender, events) = channel();
    let rang = Arc::new(AtomicBool::new(false));
    let stage = set_up(bell(&rang, &sender));
    let refused = |error: std::io::Error| Unfit::Refused(error.to_string());
    guard.restore_on_panic();
    signals::start(Arc::clone(&guard), sender.clone()).map_err(refused)?;
    let turn = guard.enter().map_err(refused)?;
    let sheets = writer::start(Arc::clone(&guard), sender.clone());
    keys::start(sender);
    let size = guard.size();
    let mut run = Run {
        stage,
        canvas: Canvas::new(size, ENTER),
        guard,
        sheets,
        rang,
        link: settings.link,
        clipboard: settings.clipboard,
        before: Vec::new(),
        turn,
        size,
        repaint: true,
        writing: false,
        asleep: false,
        next: Instant::now(),
        next_of_keys: Instant::now(),
        keys: 0,
        pace: PACE,
    };
    run.tell_size();
    let (signal, lines) = run.go(&events);
    run.guard.finish();
    run.guard.print(&lines);
    Ok(Ended { signal })
}

/// Makes a bell: however often it is rung, at most one ring waits.
fn bell(rang: &Arc<AtomicBool>, events: &Sender<Event>) -> Bell {
    let (rang, events) = (Arc::clone(rang), events.clone());
    Arc::new(move || {
        if !rang.swap(true, Ordering::SeqCst) {
            // Nobody listens any more once the stage has ended.
            drop(events.send(Event::Rang));
        }
    })
}

struct Run<S> {
    stage: S,
    guard: Arc<Guard>,
    canvas: Canvas,
    sheets: SyncSender<Sheet>,
    rang: Arc<AtomicBool>,
    link: Link,
    clipboard: Clipboard,
    /// Bytes that go out before the next frame.
    before: Vec<u8>,
    turn: u64,
    size: (u16, u16),
    /// Everything has to be drawn, whatever the stage says.
    repaint: bool,
    /// A sheet is with the writer.
    writing: bool,
    /// Stopped like a job: the terminal is somebody else's.
    asleep: bool,
    /// Before this there is no next frame, unless a key waits for it.
    next: Instant,
    /// Before this there is no next frame for the sake of a key: what sources send does not hold up who types, and who types
    /// without end does not draw without end.
    next_of_keys: Instant,
    /// Keys that no frame has answered yet.
    keys: u32,
    pace: Duration,
}

/// What ended the loop: a signal, and the lines that stay on the normal screen.
type End = (Option<i32>, String);

impl<S: Stage> Run<S> {
    fn go(&mut self, events: &Receiver<Event>) -> End {
        loop {
            if self.may_draw() && Instant::now() >= self.due() {
                self.draw();
            }
            let Some(first) = self.wait(events) else { continue };
            for event in std::iter::once(first).chain(events.try_iter().take(DRAIN)) {
                if let Some(signal) = self.take(event) {
                    return (Some(signal), String::new());
                }
            }
            while let Some(wish) = self.stage.wish() {
                match wish {
                    Wish::End(lines) => {
                        return (None, lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect());
                    }
                    Wish::Suspend => self.suspend(),
                    Wish::Repaint => self.restart_canvas(&[]),
                    Wish::Copy(lines) => {
                        let copied = clipboard::copy(&lines, self.clipboard, &clipboard::folder());
                        // It goes out with the frame that tells of it.
                        self.before.extend(copied.bytes);
                        self.stage.take(Input::Said(copied.said));
                    }
                }
            }
        }
    }

    fn may_draw(&self) -> bool {
        !self.writing && !self.asleep && (self.repaint || self.stage.needs_drawing())
    }

    /// When the next frame may be drawn.
    fn due(&self) -> Instant {
        if self.keys > 0 { self.next.min(self.next_of_keys) } else { self.next }
    }

    /// Waits for an event; until the next frame is due if there is something to draw, and else for ever.
    fn wait(&self, events: &Receiver<Event>) -> Option<Event> {
        let closed = "the loop's own writer holds a sender";
        if !self.may_draw() {
            return Some(events.recv().expect(closed));
        }
        match events.recv_timeout(self.due().saturating_duration_since(Instant::now())) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("{closed}"),
        }
    }

    /// Takes one event. Returns the signal that ends the loop.
    fn take(&mut self, event: Event) -> Option<i32> {
        match event {
            Event::Read(Read::Key(key)) if key.kind != KeyEventKind::Release => {
                self.keys += 1;
                self.stage.take(Input::Key(key));
            }
            Event::Read(Read::Paste(text)) => {
                self.keys += 1;
                self.stage.take(Input::Paste(text));
            }
            Event::Resized => self.resize(),
            Event::Read(Read::Key(_) | Read::Resize(..) | Read::Mouse(_) | Read::FocusGained | Read::FocusLost) => {}
            Event::Rang => {
                self.rang.store(false, Ordering::SeqCst);
                self.stage.take(Input::Rang);
            }
            Event::Written(took) => {
                self.writing = false;
                self.pace = if self.link == Link::Remote && took > SLOW_WRITE { SLOW_PACE } else { PACE };
            }
            Event::Gone => return Some(SIGHUP),
            Event::Signal(signal) => return Some(signal),
            Event::Stop => self.suspend(),
            Event::Continued => return self.wake(),
        }
        None
    }

    fn draw(&mut self) {
        let mut bytes = std::mem::take(&mut self.before);
        bytes.extend(self.canvas.draw(&mut self.stage));
        self.repaint = false;
        self.writing = true;
        self.next = Instant::now() + self.pace;
        match std::mem::take(&mut self.keys) {
            0 => {}
            1..=BURST => self.next_of_keys = Instant::now() + self.pace / KEYS,
            _ => self.next_of_keys = self.next,
        }
        self.sheets.send(Sheet { turn: self.turn, bytes }).expect("the writer lives as long as the loop");
    }

    fn restart_canvas(&mut self, before: &[u8]) {
        self.canvas = Canvas::new(self.size, before);
        self.repaint = true;
    }

    fn tell_size(&mut self) {
        self.stage.take(Input::Resized { columns: self.size.0, rows: self.size.1 });
    }

    /// Asks for the size instead of believing the event: of many changes only the last one counts.
    fn resize(&mut self) {
        let size = self.guard.size();
        if size != self.size && !self.asleep {
            self.size = size;
            self.restart_canvas(&[]);
            self.tell_size();
        }
    }

    /// Gives the terminal back and stops the whole job. Without a shell that could continue it (the process leads its
    /// session, or shares the group of the one that does) it would stay stopped for ever, so nothing is done.
    fn suspend(&mut self) {
        let job = getsid(None).is_ok_and(|session| session != getpgrp());
        if self.asleep || !job {
            return;
        }
        self.guard.leave();
        self.asleep = true;
        // SIGSTOP, as SIGTSTP is caught here and would come back.
        if kill_current_process_group(Signal::STOP).is_err() {
            self.wake();
        }
    }

    /// Takes the terminal again: after a stop nothing is known about it, even if nobody gave it back before.
    fn wake(&mut self) -> Option<i32> {
        let Ok(turn) = self.guard.enter() else { return Some(SIGHUP) };
        self.turn = turn;
        self.asleep = false;
        let size = self.guard.size();
        let changed = std::mem::replace(&mut self.size, size) != size;
        self.restart_canvas(ENTER);
        if changed {
            self.tell_size();
        }
        None
    }
}
