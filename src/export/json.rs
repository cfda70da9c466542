//! JSON that is safe to `cat`: whatever a terminal would obey or hide is written as `\uXXXX`.

use serde::Serialize;
use std::io::{self, BufWriter, Write};

/// Bytes that are looked at and handed on at once.
const PIECE: usize = 32 << 10;

/// Writes a document with a line break at its end.
pub fn write<T: Serialize>(document: &T) -> String {
    let mut out = Vec::new();
    write_to(document, &mut out).expect("memory takes any text, and reports have text keys");
    String::from_utf8(out).expect("only whole characters are written")
}

/// Writes a document with a line break at its end, piece by piece.
pub fn write_to<T: Serialize>(document: &T, out: &mut dyn Write) -> io::Result<()> {
    let mut pieces = BufWriter::with_capacity(PIECE, Shown { out, cut: Vec::new() });
    serde_json::to_writer_pretty(&mut pieces, document)?;
    pieces.write_all(b"\n")?;
    pieces.flush()
}

/// Escapes DEL, C1, bidi controls and invisible characters. They can only stand inside of strings, since JSON's own
/// signs are ASCII; C0 was escaped by the serializer.
struct Shown<'a> {
    out: &'a mut dyn Write,
    /// The begin of a character whose end is in the next piece.
    cut: Vec<u8>,
}

impl Write for Shown<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.cut.is_empty() && piece.iter().all(|byte| *byte < 0x7f) {
            self.out.write_all(piece)?;
            return Ok(piece.len());
        }
        let mut bytes = std::mem::take(&mut self.cut);
        bytes.extend_from_slice(piece);
        let whole = match std::str::from_utf8(&bytes) {
            Ok(all) => all,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        };
        let mut plain = 0;
        for (at, c) in whole.char_indices().filter(|(_, c)| is_hidden(*c)) {
            self.out.write_all(&whole.as_bytes()[plain..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(self.out, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        self.out.write_all(&whole.as_bytes()[plain..])?;
        self.cut = bytes[whole.len()..].to_vec();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn is_hidden(c: char) -> bool {
    matches!(u32::from(c),
        0x7f..=0x9f | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
        | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
        | 0xfff0..=0xfffb | 0xe0000..=0xe0fff | 0xf0000..=0x0010_ffff)
}

/// Returns bytes as base64 with padding (RFC 4648, section 4).
pub fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { char::from(sign) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_of_the_rfc() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_and_nothing_hidden_is_written(raw in any::<String>()) {
            let written = write(&raw);
            prop_assert!(!written.trim_end().chars().any(|c| is_hidden(c) || c.is_control()));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), raw);
        }
    }
}
