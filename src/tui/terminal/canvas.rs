//! Turns what a stage draws into the bytes that change the screen.

use super::encode::Encoder;
use crate::tui::stage::Stage;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

/// From this size on, in bytes, a frame asks the terminal to show it at once (DEC mode 2026). Smaller ones are read in
/// one go anyway, and 16 bytes would be much for them.
const LARGE: usize = 1024;

/// A screen of one size, and what is on it.
///
/// A new size and a full repaint both take a new canvas: `Terminal::clear` would ask the terminal for its cursor and
/// wait for the answer.
pub(super) struct Canvas {
    terminal: Terminal<Encoder>,
}

impl Canvas {
    /// Begins with an empty screen, which its first frame clears after writing `before`.
    pub(super) fn new(size: (u16, u16), before: &[u8]) -> Self {
        let mut encoder = Encoder::new(size.0, size.1);
        encoder.push(before);
        encoder.push(b"\x1b[0m\x1b[2J");
        let viewport = Viewport::Fixed(Rect::new(0, 0, size.0, size.1));
        let terminal = Terminal::with_options(encoder, TerminalOptions { viewport })
            .expect("a fixed viewport asks nothing of the terminal");
        Self { terminal }
    }

    /// Lets the stage draw and returns the bytes that bring the screen there.
    pub(super) fn draw(&mut self, stage: &mut impl Stage) -> Vec<u8> {
        self.terminal.draw(|frame| stage.draw(frame)).expect("a buffer takes every byte");
        let bytes = self.terminal.backend_mut().take();
        if bytes.len() > LARGE { [b"\x1b[?2026h", bytes.as_slice(), b"\x1b[?2026l"].concat() } else { bytes }
    }
}
