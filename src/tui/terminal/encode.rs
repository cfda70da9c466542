//! Cells that changed, as few bytes: over a slow link the bytes of a key are what its user waits for.
//!
//! Three savings over writing cell by cell: what is not seen (the colour of a blank) is not sent, a run of blanks is
//! erased in one sequence (ECH and EL of ECMA-48), and the cursor moves along its row by the distance.

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use std::convert::Infallible;
use std::io::Write as _;
use unicode_width::UnicodeWidthStr;

/// Bytes of erasing to the end of a row.
const TO_THE_END: usize = 3;
/// Modifiers that are seen on a blank, too.
const SEEN_ON_BLANK: Modifier = Modifier::REVERSED
    .union(Modifier::UNDERLINED)
    .union(Modifier::CROSSED_OUT)
    .union(Modifier::SLOW_BLINK)
    .union(Modifier::RAPID_BLINK);

/// Collects the bytes that bring a terminal of one size from one frame to the next. Asks the terminal nothing.
#[derive(Debug)]
pub struct Encoder {
    size: Size,
    bytes: Vec<u8>,
    /// Which cells of the screen are blanks of the terminal's own colour, row by row; it begins cleared.
    blanks: Vec<bool>,
}

/// Blanks that take fewer bytes, or as many, when they are written again instead of passed over.
const PASSED: u16 = 3;

/// How the terminal writes at present.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Style {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Style = Style { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

impl Encoder {
    /// Returns an encoder for a terminal of that many columns and rows.
    pub fn new(columns: u16, rows: u16) -> Self {
        let blanks = vec![true; usize::from(columns) * usize::from(rows)];
        Self { size: Size::new(columns, rows), bytes: Vec::new(), blanks }
    }

    /// Takes the bytes so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Adds bytes of the caller's own.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn print(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.bytes.write_fmt(arguments).expect("a vector takes every byte");
    }

    /// The places of cells from `x` on in a row.
    fn places(&self, (x, y): (u16, u16), cells: usize) -> std::ops::Range<usize> {
        let row = usize::from(y) * usize::from(self.size.width);
        let end = row + usize::from(self.size.width);
        let first = row + usize::from(x);
        first.min(self.blanks.len())..(first + cells).min(end).min(self.blanks.len())
    }

    /// Says whether so few blanks lie between that writing them in this style again is the shortest way.
    fn is_gap(&self, from: Position, to: Position, style: Style) -> bool {
        let is_unseen = style.bg == Color::Reset && !style.modifier.intersects(SEEN_ON_BLANK);
        let gap = to.x.saturating_sub(from.x);
        is_unseen && gap <= PASSED && self.are_blank((from.x, from.y), gap.into())
    }

    /// Says whether so many cells from a place on are blanks of the terminal's own colour.
    fn are_blank(&self, at: (u16, u16), cells: usize) -> bool {
        self.blanks[self.places(at, cells)].iter().all(|blank| *blank)
    }

    fn go(&mut self, from: Option<Position>, to: Position, style: Style) {
        match from {
            Some(from) if from == to => {}
            Some(from) if from.y == to.y && from.x < to.x && self.is_gap(from, to, style) => {
                self.bytes.extend(std::iter::repeat_n(b' ', usize::from(to.x - from.x)));
            }
            Some(from) if from.y == to.y && from.x + 1 == to.x => self.push(b"\x1b[C"),
            Some(from) if from.y == to.y && from.x < to.x => self.print(format_args!("\x1b[{}C", to.x - from.x)),
            // No row follows the last one, so nothing scrolls.
            Some(from) if from.y + 1 == to.y && to.x == 0 => self.push(b"\r\n"),
            Some(_) | None if to.x == 0 => self.print(format_args!("\x1b[{}H", to.y + 1)),
            Some(_) | None => self.print(format_args!("\x1b[{};{}H", to.y + 1, to.x + 1)),
        }
    }

    fn dress(&mut self, from: Style, to: Style) {
        if from == to {
            return;
        }
        if to == PLAIN {
            self.push(b"\x1b[m");
            return;
        }
        let mut codes: Vec<String> = Vec::new();
        let mut base = from;
        // There is a code to end each modifier, but bold and dim share theirs, so all ends at once.
        if !to.modifier.contains(from.modifier) {
            codes.push("0".to_owned());
            base = PLAIN;
        }
        let begins = to.modifier.difference(base.modifier);
        codes.extend(MODIFIERS.iter().filter(|(one, _)| begins.contains(*one)).map(|(_, code)| (*code).to_owned()));
        if to.fg != base.fg {
            codes.push(colour(to.fg, 30));
        }
        if to.bg != base.bg {
            codes.push(colour(to.bg, 40));
        }
        self.print(format_args!("\x1b[{}m", codes.join(";")));
    }
}

/// Returns text in a style, for output that is no screen.
pub fn styled(text: &str, style: ratatui::style::Style) -> String {
    let shown = |colour: Option<Color>| colour.unwrap_or(Color::Reset);
    let style = Style { fg: shown(style.fg), bg: shown(style.bg), modifier: style.add_modifier };
    let mut encoder = Encoder::new(0, 0);
    encoder.dress(PLAIN, style);
    encoder.push(text.as_bytes());
    encoder.dress(style, PLAIN);
    String::from_utf8(encoder.take()).expect("text and ASCII around it")
}

const MODIFIERS: [(Modifier, &str); 9] = [
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::SLOW_BLINK, "5"),
    (Modifier::RAPID_BLINK, "6"),
    (Modifier::REVERSED, "7"),
    (Modifier::HIDDEN, "8"),
    (Modifier::CROSSED_OUT, "9"),
];

/// Returns the code of a colour; `base` is 30 for the text and 40 for what is behind it.
fn colour(colour: Color, base: u8) -> String {
    let dark = |number: u8| (base + number).to_string();
    let bright = |number: u8| (base + 60 + number).to_string();
    match colour {
        Color::Reset => dark(9),
        Color::Black => dark(0),
        Color::Red => dark(1),
        Color::Green => dark(2),
        Color::Yellow => dark(3),
        Color::Blue => dark(4),
        Color::Magenta => dark(5),
        Color::Cyan => dark(6),
        Color::Gray => dark(7),
        Color::DarkGray => bright(0),
        Color::LightRed => bright(1),
        Color::LightGreen => bright(2),
        Color::LightYellow => bright(3),
        Color::LightBlue => bright(4),
        Color::LightMagenta => bright(5),
        Color::LightCyan => bright(6),
        Color::White => bright(7),
        Color::Indexed(number) => format!("{};5;{number}", base + 8),
        Color::Rgb(red, green, blue) => format!("{};2;{red};{green};{blue}", base + 8),
    }
}

/// Says whether nothing of a cell is seen but what is behind it.
fn is_blank(cell: &Cell) -> bool {
    cell.symbol() == " " && !cell.modifier.intersects(SEEN_ON_BLANK)
}

impl Backend for Encoder {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut cells = content.peekable();
        let (mut style, mut at): (Style, Option<Position>) = (PLAIN, None);
        while let Some((x, y, cell)) = cells.next() {
            self.go(at, Position { x, y }, style);
            at = Some(Position { x, y });
            let blank = is_blank(cell);
            let wanted = Style { fg: cell.fg, bg: cell.bg, modifier: cell.modifier };
            // Of a blank only the background is seen.
            let wanted = if blank && !style.modifier.intersects(SEEN_ON_BLANK) {
                Style { bg: cell.bg, ..style }
            } else {
                wanted
            };
            let mut run = 1;
            // Blanks that are there already may be blanked again.
            let is_erasable = blank && cell.bg == Color::Reset;
            while blank
                && let Some((next, _, _)) = cells.next_if(|(next, row, other)| {
                    *row == y && is_blank(other) && other.bg == cell.bg && {
                        let gap = usize::from(*next) - usize::from(x) - run;
                        gap == 0 || is_erasable && self.are_blank((x + run as u16, y), gap)
                    }
                })
            {
                debug_assert!(next > x, "cells come in order");
                run = usize::from(next - x) + 1;
            }
            let rest = usize::from(self.size.width).saturating_sub(usize::from(x) + run);
            if is_erasable
                && cells.peek().is_none_or(|(_, row, _)| *row != y)
                && self.are_blank((x + run as u16, y), rest)
            {
                run += rest;
            }
            self.dress(style, wanted);
            style = wanted;
            let cells = if blank { run } else { cell.symbol().width().max(1) };
            let places = self.places((x, y), cells);
            self.blanks[places].fill(blank && cell.bg == Color::Reset);
            // Erased cells have the terminal's own background, whatever colour is set, in terminals without `bce`.
            if blank && cell.bg == Color::Reset {
                let is_end = usize::from(x) + run == usize::from(self.size.width);
                if is_end && run > TO_THE_END {
                    self.push(b"\x1b[K");
                    continue;
                }
                // The cursor stays, so that a move comes after it, as long as what erases.
                if !is_end && run > 2 * (3 + run.to_string().len()) {
                    self.print(format_args!("\x1b[{run}X"));
                    continue;
                }
            }
            if blank {
                self.bytes.extend(std::iter::repeat_n(b' ', run));
                at = Some(Position { x: x + run as u16, y });
            } else {
                self.push(cell.symbol().as_bytes());
                // Terminals disagree on what is wide, so behind anything unusual the place is not known.
                at = (cell.symbol().width() == 1).then_some(Position { x: x + 1, y });
            }
            // Behind the last column a terminal waits with the cursor on it: only the row is known, for the next one.
        }
        self.dress(style, PLAIN);
        Ok(())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.push(b"\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        self.push(b"\x1b[?25h");
        Ok(())
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.go(None, position.into(), PLAIN);
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        self.push(b"\x1b[2J");
        self.blanks.fill(true);
        Ok(())
    }

    fn clear_region(&mut self, _region: ClearType) -> Result<(), Infallible> {
        self.clear()
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
