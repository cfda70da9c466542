//! Where the console meets a terminal: what goes in, what is drawn, what the console wishes of its terminal.

use crate::model::SafeText;
use crossterm::event::KeyEvent;
use ratatui::Frame;
use std::sync::Arc;

/// Tells the loop that there is something new to draw. Cheap, callable from any thread, and harmless when repeated.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// What reaches the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed (or repeats).
    Key(KeyEvent),
    /// Text was pasted; data, never keys.
    Paste(String),
    /// The screen has another size now, in cells.
    Resized {
        /// Cells across.
        columns: u16,
        /// Cells down.
        rows: u16,
    },
    /// The bell was rung: a source has answered.
    Rang,
    /// What became of a wish.
    Said(SafeText),
}

/// What the console wishes of its terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To end; the lines are left on the normal screen, below the command that started the console.
    End(Vec<SafeText>),
    /// To be stopped like any job of the shell, and to go on later.
    Suspend,
    /// To have lines copied; what became of it is an [`Input::Said`].
    Copy(Vec<SafeText>),
    /// To have every cell sent again, because something else has written on the screen.
    Repaint,
}

/// Something that can be shown on a terminal and driven by its keys. It never blocks.
pub trait Stage {
    /// Takes one input. All inputs that wait are taken before the next drawing.
    fn take(&mut self, input: Input);

    /// Says whether anything visible changed since the last drawing.
    fn needs_drawing(&self) -> bool;

    /// Draws everything.
    fn draw(&mut self, frame: &mut Frame<'_>);

    /// Returns what is wished since the last call.
    fn wish(&mut self) -> Option<Wish>;
}
