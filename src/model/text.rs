//! Text that is safe to show: the only kind that widgets and text exports take.

use serde::Serialize;
use smol_str::SmolStr;
use std::fmt::{self, Write as _};
use unicode_segmentation::UnicodeSegmentation;

/// Combining marks kept after one base character; Thai, Hebrew and Vietnamese need up to three.
const MARKS: usize = 4;
/// Tab stops.
const TAB: usize = 8;

/// One line of text without anything that a terminal would obey or that would hide or reorder what is read.
///
/// Controls are shown in caret notation (`^[`), DEL, C1, bidirectional and invisible characters by their number
/// (`<9B>`, `<U+202E>`), bytes that are not UTF-8 as `\xNN`, tabs as spaces. Line feeds are shown as `^J`: split text
/// into lines before (see [`lines`]). Sanitising twice changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SafeText(SmolStr);

impl SafeText {
    /// Makes text from outside safe.
    pub fn new(text: &str) -> Self {
        if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Self(SmolStr::new(text));
        }
        Self(SmolStr::from(sanitise(text)))
    }

    /// Makes bytes from outside safe; each byte that is not UTF-8 is shown as `\xNN`.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                write!(text, "\\x{byte:02X}").expect("a string takes any text");
            }
        }
        Self::new(&text)
    }

    /// Takes a text of the program's own, known when it was compiled.
    pub const fn own(text: &'static str) -> Self {
        Self(SmolStr::new_static(text))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the width in terminal cells.
    pub fn width(&self) -> usize {
        // Of ASCII only printable characters are left, each a cell wide.
        if self.0.is_ascii() {
            return self.0.len();
        }
        unicode_width::UnicodeWidthStr::width(self.as_str())
    }

    /// Returns at most `cells` cells of the text; what is cut off is marked by `…` (or by `.` when `cells` is 1 in the
    /// ASCII form chosen by the caller, see [`SafeText::cut_with`]).
    #[must_use]
    pub fn cut(&self, cells: usize) -> Self {
        self.cut_with(cells, "…")
    }

    /// Like [`SafeText::cut`] with another mark.
    #[must_use]
    pub fn cut_with(&self, cells: usize, mark: &'static str) -> Self {
        if self.width() <= cells {
            return self.clone();
        }
        let mark_width = unicode_width::UnicodeWidthStr::width(mark);
        let Some(room) = cells.checked_sub(mark_width) else { return Self::default() };
        if self.0.is_ascii() {
            return Self(smol_str::format_smolstr!("{}{mark}", &self.0[..room]));
        }
        let (mut out, mut used) = (String::new(), 0);
        for cluster in self.0.graphemes(true) {
            let width = unicode_width::UnicodeWidthStr::width(cluster);
            if used + width > room {
                break;
            }
            out.push_str(cluster);
            used += width;
        }
        out.push_str(mark);
        Self(SmolStr::from(out))
    }
}

impl SafeText {
    /// Returns at most `cells` cells of the text; when it is longer, a part in the middle gives way to `…`, so that both
    /// ends stay.
    #[must_use]
    pub fn cut_middle(&self, cells: usize) -> Self {
        if self.width() <= cells {
            return self.clone();
        }
        let head = self.cut_with(cells * 2 / 5 + 1, "…");
        let room = cells.saturating_sub(head.width());
        let (mut tail, mut used) = (Vec::new(), 0);
        for cluster in self.0.graphemes(true).rev() {
            used += unicode_width::UnicodeWidthStr::width(cluster);
            if used > room {
                break;
            }
            tail.push(cluster);
        }
        Self(std::iter::once(head.as_str()).chain(tail.into_iter().rev()).collect())
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for SafeText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for SafeText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

/// Splits text from outside into safe lines, on LF and CRLF only.
pub fn lines(text: &str) -> impl Iterator<Item = SafeText> + '_ {
    text.split('\n').map(|line| SafeText::new(line.strip_suffix('\r').unwrap_or(line)))
}

/// Says whether a character must never reach a terminal as itself: controls, bidirectional controls, default-ignorable
/// and invisible characters, private use, noncharacters.
fn is_shown_by_number(c: char) -> bool {
    matches!(u32::from(c),
        0x00..=0x1f | 0x7f..=0x9f | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5
        | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164
        | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
        | 0xe0000..=0xe0fff | 0xf0000..=0x0010_ffff)
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Zero-width characters that ride on the one before, once those of [`is_shown_by_number`] are out.
fn is_mark(c: char) -> bool {
    unicode_width::UnicodeWidthChar::width(c) == Some(0)
}

fn sanitise(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut column, mut marks) = (0usize, 0usize);
    let flush = |out: &mut String, marks: &mut usize| {
        if *marks > MARKS {
            write!(out, "<+{} marks>", *marks - MARKS).expect("a string takes any text");
        }
        *marks = 0;
    };
    for c in text.chars() {
        // The numbered ones come first: U+FE0F and U+034F are combining marks too.
        if is_shown_by_number(c) {
            flush(&mut out, &mut marks);
            let before = out.len();
            match u32::from(c) {
                0x09 => out.extend(std::iter::repeat_n(' ', TAB - column % TAB)),
                code @ 0x00..=0x1f => out.extend(['^', char::from(code as u8 + 0x40)]),
                0x7f => out.push_str("^?"),
                code @ 0x80..=0x9f => write!(out, "<{code:02X}>").expect("a string takes any text"),
                code => write!(out, "<U+{code:04X}>").expect("a string takes any text"),
            }
            column += out.len() - before;
        } else if is_mark(c) && column > 0 {
            marks += 1;
            if marks <= MARKS {
                out.push(c);
            }
        } else if is_mark(c) {
            // A mark without a base would ride on whatever the screen shows before this text.
            write!(out, "<U+{:04X}>", u32::from(c)).expect("a string takes any text");
            column += 8;
        } else {
            flush(&mut out, &mut marks);
            out.push(c);
            column += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        }
    }
    flush(&mut out, &mut marks);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(raw: &str, shown: &str) {
        assert_eq!(SafeText::new(raw).as_str(), shown, "{raw:?}");
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        check("plain text", "plain text");
        check("\x1b[2J\x1b]52;c;eA==\x07", "^[[2J^[]52;c;eA==^G");
        check("good\rEVIL", "good^MEVIL");
        check("a\tb", "a       b");
        check("\u{9b}2J\u{7f}", "<9B>2J^?");
        check("user\u{202e}gpj.exe", "user<U+202E>gpj.exe");
        check("zero\u{200b}width\u{feff}", "zero<U+200B>width<U+FEFF>");
        check("\u{301}x", "<U+0301>x");
        check(&format!("e{}", "\u{301}".repeat(9)), &format!("e{}<+5 marks>", "\u{301}".repeat(4)));
        check("日本語 ok", "日本語 ok");
        assert_eq!(SafeText::from_bytes(b"a\xff\xfeb").as_str(), "a\\xFF\\xFEb");
    }

    #[test]
    fn a_cut_never_exceeds_its_cells() {
        for cells in 0..12 {
            assert!(SafeText::new("日本語 and more").cut(cells).width() <= cells);
        }
        assert_eq!(SafeText::new("abcdef").cut(4).as_str(), "abc…");
        for cells in 1..24 {
            assert!(SafeText::new("日本語 and more 日本語").cut_middle(cells).width() <= cells);
        }
        assert_eq!(SafeText::new("POST payments: 503").cut_middle(12).as_str(), "POST…ts: 503");
    }

    proptest! {
        #[test]
        fn sanitised_text_holds_nothing_dangerous_and_stays_the_same(raw in any::<String>()) {
            let safe = SafeText::new(&raw);
            prop_assert!(!safe.as_str().chars().any(is_shown_by_number));
            prop_assert_eq!(SafeText::new(safe.as_str()), safe);
        }

        #[test]
        fn any_bytes_become_safe_text(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(!SafeText::from_bytes(&raw).as_str().chars().any(is_shown_by_number));
        }
    }
}
