//! Draws safe text in cells.

use super::depth::Depth;
use super::theme::{Role, Theme};
use crate::model::SafeText;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A piece of text with its role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What is said.
    pub text: SafeText,
    /// What it is.
    pub role: Role,
}

/// One line of pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stripe(pub Vec<Piece>);

/// Where a text stands in its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// At the right.
    Right,
}

/// The signs beside text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// Marks what is cut off.
    pub more: &'static str,
    /// Line down.
    pub down: &'static str,
    /// Line across.
    pub across: &'static str,
    /// A point on a lane.
    pub point: &'static str,
    /// An empty lane.
    pub lane: &'static str,
    /// Between parts of a line.
    pub dot: &'static str,
    /// The cursor of a prompt.
    pub bar: &'static str,
}

impl Signs {
    /// For terminals that show Unicode.
    pub const UNICODE: Self =
        Self { more: "…", down: "│", across: "─", point: "●", lane: "┊", dot: "·", bar: "▏" };
    /// For the others.
    pub const ASCII: Self = Self { more: "~", down: "|", across: "-", point: "o", lane: ":", dot: "-", bar: "_" };
}

/// Draws with a theme at a depth.
#[derive(Clone, Debug)]
pub struct Pen {
    styles: Vec<Style>,
    /// The signs.
    pub signs: Signs,
}

impl Pen {
    /// Returns a pen.
    pub fn new(theme: &Theme, depth: Depth, signs: Signs) -> Self {
        Self { styles: Role::ALL.iter().map(|(role, _)| theme.style(*role, depth)).collect(), signs }
    }

    /// Returns the style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// Says whether only ASCII is shown.
    pub fn is_ascii(&self) -> bool {
        self.signs == Signs::ASCII
    }

    /// Draws a stripe into one row of cells from the left; what does not fit is cut and marked.
    pub fn stripe(&self, buffer: &mut Buffer, place: Rect, stripe: &Stripe) {
        let mut x = place.x;
        for piece in &stripe.0 {
            let room = place.right().saturating_sub(x);
            if room == 0 {
                break;
            }
            x += self.put(buffer, x, place.y, room, &piece.text, piece.role);
        }
    }

    /// Draws text at a cell and returns the cells used.
    pub fn put(&self, buffer: &mut Buffer, x: u16, y: u16, room: u16, text: &SafeText, role: Role) -> u16 {
        let area = buffer.area;
        if y < area.y || y >= area.bottom() || x >= area.right() {
            return 0;
        }
        let room = room.min(area.right() - x);
        // Most text is ASCII, and safe text holds no control characters: a byte is a cell.
        if text.as_str().is_ascii() && text.as_str().len() <= usize::from(room) {
            let style = self.style(role);
            for (cell, byte) in (x..).zip(text.as_str().bytes()) {
                buffer[(cell, y)].set_char(char::from(byte)).set_style(style);
            }
            return text.as_str().len() as u16;
        }
        let cut = text.cut_with(usize::from(room), self.signs.more);
        let shown = self.shown(cut.as_str());
        buffer.set_string(x, y, &shown, self.style(role));
        shown.width() as u16
    }

    /// Draws the same sign, one cell wide, into every cell of a place.
    pub fn fill(&self, buffer: &mut Buffer, place: Rect, sign: &'static str, role: Role) {
        let (shown, style) = (self.shown(sign), self.style(role));
        for position in place.intersection(buffer.area).positions() {
            buffer[position].set_symbol(&shown).set_style(style);
        }
    }

    /// Lays a role's look over cells that are drawn already.
    pub fn lay(&self, buffer: &mut Buffer, place: Rect, role: Role) {
        let style = self.style(role);
        let shown = place.intersection(buffer.area);
        // Signs keep their weight below the cursor, but not their colours: those were chosen for another background.
        for y in shown.top()..shown.bottom() {
            for x in shown.left()..shown.right() {
                if let Some(cell) = buffer.cell_mut((x, y)) {
                    cell.set_style(style);
                }
            }
        }
    }

    fn shown<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        if !self.is_ascii() || text.is_ascii() {
            return text.into();
        }
        let mut out = String::with_capacity(text.len());
        for cluster in text.graphemes(true) {
            match cluster {
                plain if plain.is_ascii() => out.push_str(plain),
                "µ" => out.push('u'),
                "…" => out.push('~'),
                "·" => out.push('-'),
                "×" => out.push('x'),
                other => out.extend(std::iter::repeat_n('?', other.width())),
            }
        }
        out.into()
    }
}

impl Stripe {
    /// Returns a stripe of one piece.
    pub fn of(text: impl Into<SafeText>, role: Role) -> Self {
        Self(vec![Piece { text: text.into(), role }])
    }

    /// Adds a piece.
    #[must_use]
    pub fn and(mut self, text: impl Into<SafeText>, role: Role) -> Self {
        self.push(text, role);
        self
    }

    /// Adds a piece.
    pub fn push(&mut self, text: impl Into<SafeText>, role: Role) {
        self.0.push(Piece { text: text.into(), role });
    }

    /// Adds a piece that takes exactly so many cells.
    #[must_use]
    pub fn cell(mut self, text: &SafeText, cells: usize, align: Align, role: Role) -> Self {
        let cut = text.cut(cells);
        let gap = " ".repeat(cells.saturating_sub(cut.width()));
        let padded = match align {
            Align::Left => format!("{}{gap}", cut.as_str()),
            Align::Right => format!("{gap}{}", cut.as_str()),
        };
        self.0.push(Piece { text: padded.into(), role });
        self
    }

    /// Returns the width in cells.
    pub fn width(&self) -> usize {
        self.0.iter().map(|piece| piece.text.width()).sum()
    }

    /// Returns the text without roles.
    pub fn text(&self) -> String {
        self.0.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// Breaks at spaces into stripes of at most `width` cells; those that follow are indented. A word that is too long
    /// is broken anywhere.
    pub fn wrapped(&self, width: usize, indent: usize) -> Vec<Self> {
        let width = width.max(indent + 4);
        let (mut lines, mut line, mut used) = (Vec::new(), Vec::<(String, Role)>::new(), 0);
        for piece in &self.0 {
            for word in piece.text.as_str().split_inclusive(' ') {
                if used + word.trim_end_matches(' ').width() > width && used > indent {
                    lines.push(std::mem::replace(&mut line, vec![(" ".repeat(indent), piece.role)]));
                    used = indent;
                }
                for cluster in word.graphemes(true) {
                    if used + cluster.width() > width {
                        if cluster == " " {
                            continue;
                        }
                        lines.push(std::mem::replace(&mut line, vec![(" ".repeat(indent), piece.role)]));
                        used = indent;
                    }
                    match line.last_mut() {
                        Some((text, role)) if *role == piece.role => text.push_str(cluster),
                        Some(_) | None => line.push((cluster.to_owned(), piece.role)),
                    }
                    used += cluster.width();
                }
            }
        }
        lines.push(line);
        let whole = |(text, role): (String, Role)| Piece { text: text.into(), role };
        lines.into_iter().map(|line| Self(line.into_iter().map(whole).collect())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrapping_breaks_at_spaces_and_indents() {
        let wrapped = Stripe::of("one two three four", Role::Text).wrapped(9, 2);
        let told: Vec<String> = wrapped.iter().map(|line| line.text().trim_end().to_owned()).collect();
        assert_eq!(told, ["one two", "  three", "  four"]);
    }

    proptest! {
        #[test]
        fn wrapping_fits_and_loses_nothing(text in "[a-z ü日]{0,80}", width in 8usize..40) {
            let wrapped = Stripe::of(text.as_str(), Role::Text).wrapped(width, 2);
            for line in &wrapped {
                prop_assert!(line.width() <= width + 1, "{:?}", line.text());
            }
            let solid = |text: &str| text.split_whitespace().collect::<String>();
            let all: String = wrapped.iter().map(Stripe::text).collect();
            prop_assert_eq!(solid(&all), solid(&text));
        }
    }
}
