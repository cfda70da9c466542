//! Texts that a journey tells, each kept once.

use super::symbols::{Sym, Symbols};
use super::text::SafeText;
use std::fmt;

/// The number of a text in [`Words`]; meaningless in any other. Zero is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Word(pub(super) u32);

/// Safe texts, each kept once: what many rows of a story say in the same way costs four bytes a row.
#[derive(Clone, Default)]
pub struct Words(Symbols);

impl Words {
    /// Returns a store without any text.
    pub(super) fn none() -> &'static Self {
        static NONE: std::sync::LazyLock<Words> = std::sync::LazyLock::new(Words::default);
        &NONE
    }

    /// Returns the number of a text, which is made safe before.
    pub fn add(&mut self, text: &str) -> Word {
        if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Word(self.0.add(text).0);
        }
        self.add_safe(&SafeText::new(text))
    }

    /// Returns the number of a text that is safe already.
    pub fn add_safe(&mut self, text: &SafeText) -> Word {
        Word(self.0.add(text.as_str()).0)
    }

    /// Returns a text.
    pub fn text(&self, word: Word) -> &str {
        self.0.text(Sym(word.0))
    }

    /// Returns a text as one that can be shown.
    pub fn safe(&self, word: Word) -> SafeText {
        SafeText::new(self.text(word))
    }

    /// Gives up what is needed only for adding.
    pub fn settle(&mut self) {
        self.0.settle();
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        (0..self.0.len() as u32).map(|number| self.0.text(Sym(number)))
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.all().eq(other.all())
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}
