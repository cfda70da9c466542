//! One arena of repeated texts; a symbol is a number in it.

use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// The number of a text in a [`Symbols`]; meaningless in any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym(pub u32);

/// Symbols stop here: attribute keys keep the type of their value in the upper eight bits.
pub const SYMBOL_LIMIT: u32 = (1 << 24) - 1;

/// Texts that occur often, each kept once. Names, values and services repeat so much that 100,000 spans hold about
/// 28,000 different texts.
#[derive(Clone, Debug)]
pub struct Symbols {
    text: String,
    end: Vec<u32>,
    table: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
}

impl Default for Symbols {
    fn default() -> Self {
        // The empty text is symbol 0, so a column filled with zeros is a column of empty texts.
        let mut symbols = Self {
            text: String::new(),
            end: Vec::new(),
            table: HashTable::new(),
            hasher: foldhash::fast::FixedState::with_seed(7),
        };
        symbols.add("");
        symbols
    }
}

impl Symbols {
    /// Returns the symbol of `text`, adding it when new. When the arena is full (2^24 texts or 4 GiB) the answer is the
    /// symbol of the empty text; [`Symbols::is_full`] tells, so that the loss can be noted.
    pub fn add(&mut self, text: &str) -> Sym {
        if self.table.is_empty() {
            self.wake();
        }
        let hash = hash(&self.hasher, text);
        if let Some(&at) = self.table.find(hash, |&at| get(&self.text, &self.end, at) == text) {
            return Sym(at);
        }
        let Ok(end) = u32::try_from(self.text.len() + text.len()) else { return Sym(0) };
        let at = self.end.len() as u32;
        if at > SYMBOL_LIMIT {
            return Sym(0);
        }
        self.text.push_str(text);
        self.end.push(end);
        let (all, ends, hasher) = (&self.text, &self.end, &self.hasher);
        self.table.insert_unique(hash, at, |&at| self::hash(hasher, get(all, ends, at)));
        Sym(at)
    }

    /// Gives up what is needed only for adding texts, until the next one is added.
    pub fn settle(&mut self) {
        self.table = HashTable::new();
        self.text.shrink_to_fit();
        self.end.shrink_to_fit();
    }

    /// Finds all texts again, after [`Symbols::settle`].
    fn wake(&mut self) {
        let (all, ends, hasher) = (&self.text, &self.end, &self.hasher);
        self.table.reserve(ends.len(), |_| 0);
        for at in 0..ends.len() as u32 {
            let hash = |at: u32| hash(hasher, get(all, ends, at));
            self.table.insert_unique(hash(at), at, |&at| hash(at));
        }
    }

    /// Returns the text of a symbol of this arena; empty for a foreign number.
    pub fn text(&self, symbol: Sym) -> &str {
        if (symbol.0 as usize) < self.end.len() { get(&self.text, &self.end, symbol.0) } else { "" }
    }

    /// Returns how many different texts there are, the empty one included.
    pub fn len(&self) -> usize {
        self.end.len()
    }

    /// Says whether only the empty text is there.
    pub fn is_empty(&self) -> bool {
        self.end.len() <= 1
    }

    /// Says whether no further text fits.
    pub fn is_full(&self) -> bool {
        self.end.len() as u32 > SYMBOL_LIMIT || self.text.len() >= u32::MAX as usize - (1 << 20)
    }

    /// Returns the bytes this arena holds in memory, about.
    pub fn bytes(&self) -> usize {
        self.text.capacity() + self.end.capacity() * 4 + self.table.capacity() * 5
    }
}

fn hash(hasher: &foldhash::fast::FixedState, text: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(text.as_bytes());
    state.finish()
}

fn get<'a>(text: &'a str, end: &[u32], at: u32) -> &'a str {
    let at = at as usize;
    let from = if at == 0 { 0 } else { end[at - 1] as usize };
    &text[from..end[at] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_a_symbol_and_come_back_unchanged() {
        let mut symbols = Symbols::default();
        let words = ["", "orders", "é", "orders", "POST", "", "é"];
        let numbers: Vec<Sym> = words.iter().map(|word| symbols.add(word)).collect();
        for (word, number) in words.iter().zip(&numbers) {
            assert_eq!(symbols.text(*number), *word);
            assert_eq!(symbols.add(word), *number);
        }
        assert_eq!(symbols.len(), 4);
        symbols.settle();
        let again: Vec<Sym> = words.iter().map(|word| symbols.add(word)).collect();
        assert_eq!((again, symbols.len()), (numbers, 4));
        assert_eq!(symbols.text(Sym(999)), "");
    }
}
