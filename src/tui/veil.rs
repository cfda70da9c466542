//! The privacy mask: hides values on the screen, so that it can be shared. Equal values look equal below it.

use super::look::{Piece, Stripe};
use crate::model::SafeText;
use std::borrow::Cow;
use std::hash::BuildHasher;

/// Hides values. Without the key, nobody can tell a value from what is shown for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veil(u64);

impl Veil {
    /// Returns a veil with a key, which should be another one in every run.
    pub const fn new(key: u64) -> Self {
        Self(key)
    }

    /// Hides what names something or somebody: ids, coordinates, addresses, mail, numbers of seven digits and more, and
    /// the texts in `known`. Words, times, lengths of time and small numbers stay.
    pub fn ids(self, text: &SafeText, known: &[SafeText]) -> SafeText {
        let mut told: Cow<'_, str> = text.as_str().into();
        for secret in
            known.iter().filter(|secret| !secret.is_empty() && told.contains(secret.as_str())).collect::<Vec<_>>()
        {
            told = told.replace(secret.as_str(), &self.hidden(secret.as_str())).into();
        }
        self.words(&told, is_id)
    }

    /// Hides every word.
    pub fn whole(self, text: &SafeText) -> SafeText {
        self.words(text.as_str(), |word| word.chars().any(char::is_alphanumeric))
    }

    /// Hides the ids of a line.
    pub fn stripe(self, stripe: &Stripe, known: &[SafeText]) -> Stripe {
        let piece = |piece: &Piece| Piece { text: self.ids(&piece.text, known), role: piece.role };
        Stripe(stripe.0.iter().map(piece).collect())
    }

    /// Hides every word of a line.
    pub fn whole_stripe(self, stripe: &Stripe) -> Stripe {
        Stripe(stripe.0.iter().map(|piece| Piece { text: self.whole(&piece.text), role: piece.role }).collect())
    }

    fn words(self, text: &str, hides: impl Fn(&str) -> bool) -> SafeText {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let is_word = is_part(first);
            let end = rest.find(|c| is_part(c) != is_word).unwrap_or(rest.len());
            let word = &rest[..end];
            if is_word && !is_hidden(word) && hides(word) {
                out.push_str(&self.hidden(word));
            } else {
                out.push_str(word);
            }
            rest = &rest[end..];
        }
        SafeText::new(&out)
    }

    /// Sixteen bits are enough to tell values of one screen apart, and too few to find one by trying.
    fn hidden(self, word: &str) -> String {
        let number = foldhash::fast::FixedState::with_seed(self.0).hash_one(word) as u16;
        format!("*{number:04x}")
    }
}

/// Says whether a character belongs to a word; signs inside of ids and addresses do.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | ':' | '/' | '%' | '+' | '#' | '*')
}

/// Says whether a word is hidden already.
fn is_hidden(word: &str) -> bool {
    word.len() == 5 && word.starts_with('*') && word[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_id(word: &str) -> bool {
    let word = word.trim_matches(['.', ':', '/', '-', '+', '#']);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.chars().any(char::is_alphabetic);
    if word.contains('@') {
        return true;
    }
    match (digits, letters) {
        (0, _) => word.contains('.') && letters && word.matches('.').count() >= 2,
        (_, false) => !is_time(word) && (digits >= 7 || word.matches('.').count() >= 2),
        (_, true) => !is_measure(word),
    }
}

/// `2026-11-29`, `03:07:02.114`.
fn is_time(word: &str) -> bool {
    let parts: Vec<&str> = word.split(['-', ':', '.']).collect();
    let is_clock =
        word.contains(':') && (2..=4).contains(&parts.len()) && parts[..2].iter().all(|part| part.len() == 2);
    let is_date = parts.len() == 3 && parts[0].len() == 4 && word.matches('-').count() == 2;
    is_clock || is_date
}

/// `2.0s`, `64MiB`, `x412`, `R09`: a number with a unit or a sign.
fn is_measure(word: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let units = ["ns", "us", "µs", "ms", "s", "m", "h", "d", "B", "KiB", "MiB", "GiB"];
    let with_unit = units.iter().any(|unit| word.strip_suffix(unit).is_some_and(number));
    with_unit || ["x", "R", "Q"].iter().any(|sign| word.strip_prefix(sign).is_some_and(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VEIL: Veil = Veil::new(7);

    #[test]
    fn ids_are_hidden_and_words_times_and_counts_stay() {
        let told = |text: &str| VEIL.ids(&SafeText::new(text), &[]).as_str().to_owned();
        for kept in
            ["POST orders failed", "03:07:02.114", "2026-11-29 03:07", "2.0s x412 R09 64MiB", "lag 4112 of 90", "504"]
        {
            assert_eq!(told(kept), kept);
        }
        for hidden in
            ["ord-17", "orders-7@88213", "4bf92f3577b34da6", "jane@example.net", "10.0.0.7:9092", "5551234567"]
        {
            assert!(told(hidden).starts_with('*') && told(hidden).len() == 5, "{hidden}: {}", told(hidden));
        }
        assert_eq!(told("a ord-17 b ord-17"), format!("a {0} b {0}", told("ord-17")));
        assert_ne!(told("ord-17"), told("ord-18"));
        let jane = [SafeText::own("Jane")];
        assert!(!VEIL.ids(&SafeText::own("paid by Jane"), &jane).as_str().contains("Jane"));
        assert_eq!(VEIL.whole(&SafeText::own("{\"a b\"}")).as_str().matches('*').count(), 2);
    }

    #[test]
    fn another_run_shows_something_else() {
        let text = SafeText::own("ord-17 ord-18 ord-19");
        assert_ne!(VEIL.ids(&text, &[]), Veil::new(8).ids(&text, &[]));
    }

    proptest! {
        #[test]
        fn what_is_hidden_twice_is_hidden_once(text in "[a-z0-9@.:/ -]{0,60}") {
            let once = VEIL.ids(&SafeText::new(&text), &[]);
            prop_assert_eq!(VEIL.ids(&once, &[]), once);
        }

        #[test]
        fn no_letter_of_a_hidden_value_is_left(word in "[g-z]{3,20}") {
            let whole = VEIL.whole(&SafeText::new(&word));
            prop_assert!(!whole.as_str().contains(&word));
        }
    }
}
