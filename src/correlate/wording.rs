//! What spans say, as words: each text is written once, however many rows tell it.

use super::reads;
use crate::model::journey::{Attempt, AttemptResult, Count, Word, Words};
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
    endings: HashMap<(Part, Word), Word, FixedState>,
    effects: HashMap<Word, Word, FixedState>,
}

/// Which part of a whole a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// An attempt of that many.
    Of(u32, u32),
    /// An attempt of at least that many.
    OfAtLeast(u32, u32),
    /// An attempt of that many that were seen; there may have been more.
    OfSeen(u32, u32),
    /// A request that was sent before, for whatever reason.
    Sent(u32),
    /// An attempt beside another one.
    Hedge,
    /// A run under an attempt of a proxy.
    HiddenRun(u32, u32),
    /// One of several runs at the same time.
    ParallelRun(u32, u32),
}

impl Part {
    /// Which part of its operation an attempt is.
    pub fn of(attempt: &Attempt<'_>, count: Count) -> Self {
        let number = attempt.number.unwrap_or(attempt.ordinal);
        if attempt.hedge {
            Self::Hedge
        } else if count.is_short() {
            Self::OfAtLeast(number, count.at_least)
        } else if number > count.seen {
            Self::Sent(number)
        } else if count.seen == 1 {
            Self::Whole
        } else if count.is_exact() {
            Self::Of(number, count.seen)
        } else {
            Self::OfSeen(attempt.ordinal, count.seen)
        }
    }
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

    /// The end of a row about a try: ` (attempt 2 of 3): 503`.
    pub fn end_of(&mut self, part: Part, status: Word) -> Word {
        let words = &mut self.words;
        *self.endings.entry((part, status)).or_insert_with(|| {
            let part = match part {
                Part::Whole => String::new(),
                Part::Of(number, count) => format!(" (attempt {number} of {count})"),
                Part::OfAtLeast(number, count) => format!(" (attempt {number} of at least {count})"),
                Part::OfSeen(number, count) => format!(" (attempt {number} of {count}+)"),
                Part::Sent(number) => format!(" (sent as number {number})"),
                Part::Hedge => " (hedge)".to_owned(),
                Part::HiddenRun(number, count) => {
                    format!(" (run {number} of {count}: hidden retry or fan-out by a proxy)")
                }
                Part::ParallelRun(number, count) => {
                    format!(" (run {number} of {count} at the same time: mirrored, fanned out or retried)")
                }
            };
            let text = format!("{part}: {}", words.text(status));
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
