//! Turns what a stage draws into the bytes that change the screen.

use crate::tui::stage::Stage;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

/// From this size on, in bytes, a frame asks the terminal to show it at once (DEC mode 2026). Smaller ones are read in
/// one go anyway, and 16 bytes would be much for them.
const LARGE: usize = 1024;

/// Collects what the backend writes.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A screen of one size, and what is on it.
///
/// A new size and a full repaint both take a new canvas: `Terminal::clear` would ask the terminal for its cursor and
/// wait for the answer.
pub(super) struct Canvas {
    terminal: Terminal<CrosstermBackend<Sink>>,
    sink: Sink,
}

impl Canvas {
    /// Begins with an empty screen, which its first frame clears after writing `before`.
    pub(super) fn new(size: (u16, u16), before: &[u8]) -> Self {
        let sink = Sink::default();
        sink.0.borrow_mut().extend_from_slice(before);
        sink.0.borrow_mut().extend_from_slice(b"\x1b[0m\x1b[2J");
        let viewport = Viewport::Fixed(Rect::new(0, 0, size.0, size.1));
        let terminal = Terminal::with_options(CrosstermBackend::new(sink.clone()), TerminalOptions { viewport })
            .expect("a fixed viewport asks nothing of the terminal");
        Self { terminal, sink }
    }

    /// Lets the stage draw and returns the bytes that bring the screen there.
    pub(super) fn draw(&mut self, stage: &mut impl Stage) -> Vec<u8> {
        self.terminal.draw(|frame| stage.draw(frame)).expect("a buffer takes every byte");
        let bytes = std::mem::take(&mut *self.sink.0.borrow_mut());
        if bytes.len() > LARGE { [b"\x1b[?2026h", bytes.as_slice(), b"\x1b[?2026l"].concat() } else { bytes }
    }
}
