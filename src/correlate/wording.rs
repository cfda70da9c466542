//! What spans say, as words: each text is written once, however many rows tell it.

use super::reads;
use crate::model::journey::{AttemptResult, Word, Words};
use crate::model::spans::SpanView;
use crate::model::symbols::Sym;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Writes words and remembers those that come again and again.
#[derive(Debug, Default)]
pub(super) struct Wording {
    pub words: Words,
    /// Names and services, by their symbols in the span store.
    symbols: HashMap<Sym, Word, FixedState>,
    codes: HashMap<i64, Word, FixedState>,
    endings: HashMap<(u32, u32, Word), Word, FixedState>,
    effects: HashMap<Word, Word, FixedState>,
}

impl Wording {
    pub fn name(&mut self, span: SpanView<'_>) -> Word {
        *self.symbols.entry(span.name_symbol()).or_insert_with(|| self.words.add(span.name()))
    }

    pub fn service(&mut self, span: SpanView<'_>) -> Word {
        *self.symbols.entry(span.service_symbol()).or_insert_with(|| self.words.add(span.service()))
    }

    /// How a span ended, in its own words: a status code, an error's class, `ok`.
    pub fn ending(&mut self, span: SpanView<'_>) -> (AttemptResult, Word) {
        let result = reads::result(span);
        let status = match (reads::status_code(span), result) {
            (Some(code), _) => {
                let words = &mut self.words;
                *self.codes.entry(code).or_insert_with(|| words.add(&code.to_string()))
            }
            (None, AttemptResult::Succeeded) => self.words.add("ok"),
            (None, _) => match reads::error(span) {
                Some(error) => {
                    let class = error.split(':').next().unwrap_or_default();
                    self.words.add(class.rsplit('.').next().unwrap_or_default())
                }
                None => self.words.add("error"),
            },
        };
        (result, status)
    }

    /// The end of a row about a try: ` (attempt 2 of 3): 503`; without the number when `count` is 1.
    pub fn end_of(&mut self, ordinal: u32, count: u32, status: Word) -> Word {
        let key = if count > 1 { (ordinal, count, status) } else { (0, 0, status) };
        let words = &mut self.words;
        *self.endings.entry(key).or_insert_with(|| {
            let number = if count > 1 { format!(" (attempt {ordinal} of {count})") } else { String::new() };
            let text = format!("{number}: {}", words.text(status));
            words.add(&text)
        })
    }

    /// The end of a row about an effect.
    pub fn done_at(&mut self, peer: Word) -> Word {
        let words = &mut self.words;
        *self.effects.entry(peer).or_insert_with(|| {
            let text = format!(" done at {}", words.text(peer));
            words.add(&text)
        })
    }
}
