//! The rows of a story: kept in 32 bytes each, with texts that are put together when a row is shown.

use super::journey::{Fact, Mark, RowKind};
use super::lines::LineRow;
use super::spans::{SpanRow, SpanStore};
use super::text::SafeText;
use super::time::{Nanos, Timestamp};
use super::verdict::Tier;
use super::words::{Word, Words};
use std::cmp::Ordering;

/// Stands for "no fact".
const NONE: u32 = u32::MAX;
/// In `more`, counted down from the largest number: the grounds that need nothing more.
const SPAN: u32 = u32::MAX;
const CLIENT: u32 = u32::MAX - 1;
const SERVER: u32 = u32::MAX - 2;
const WRITE: u32 = u32::MAX - 3;
/// A reason that is the span's.
const AS_SPAN: Word = Word(u32::MAX);

/// Everything of a journey down the time axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    kept: Vec<Kept>,
    more: Vec<More>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    at: Timestamp,
    lane: Word,
    head: Word,
    tail: Word,
    fact: u32,
    /// Place in `more`, or one of the grounds above.
    more: u32,
    depth: u16,
    kind: RowKind,
    /// Mark, tier and kind of fact, two to three bits each.
    bits: u8,
}

impl Kept {
    fn what(&self) -> Option<Fact> {
        match self.bits >> 5 {
            0 => Some(Fact::Span(SpanRow(self.fact))),
            1 => Some(Fact::Line(LineRow(self.fact))),
            2 => Some(Fact::Record(self.fact)),
            _ => (self.fact != NONE).then_some(Fact::Queue),
        }
    }
}

/// What only few rows have.
#[derive(Clone, Copy, Debug, PartialEq)]
struct More {
    duration: Option<Nanos>,
    why: Word,
    follow: Word,
}

/// Why a row is there, how long it took and what can be followed from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ground {
    /// Work of its span.
    Span,
    /// A call, told by its client span.
    Client,
    /// A run, told by its server span.
    Server,
    /// The effect of a writing call, without a length of its own.
    Write,
    /// Work of its span, on a record.
    Record {
        /// The record's coordinate.
        follow: Word,
    },
    /// Anything else.
    Told {
        /// How long it took.
        duration: Option<Nanos>,
        /// The edge that joined it.
        why: Word,
        /// The identity that can be followed; empty for none.
        follow: Word,
    },
}

/// A row to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Indentation: the causal depth.
    pub depth: u16,
    /// The service or queue it happens in.
    pub lane: Word,
    /// What it is.
    pub kind: RowKind,
    /// Begin of what is said.
    pub head: Word,
    /// End of what is said, right behind the begin.
    pub tail: Word,
    /// How it is marked.
    pub mark: Mark,
    /// How it was joined.
    pub tier: Tier,
    /// The row of the store it shows.
    pub fact: Option<Fact>,
    /// Why it is there.
    pub ground: Ground,
}

/// One line of the story, as it is shown.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    kept: &'a Kept,
    from: Story<'a>,
    /// When.
    pub at: Timestamp,
    /// Indentation: the causal depth.
    pub depth: u16,
    /// What it is.
    pub kind: RowKind,
    /// How it is marked.
    pub mark: Mark,
    /// How it was joined.
    pub tier: Tier,
    /// The row of the store it shows.
    pub fact: Option<Fact>,
    /// How long, when it has a length.
    pub duration: Option<Nanos>,
}

/// All rows, with what their texts are made of.
#[derive(Clone, Copy)]
pub struct Story<'a> {
    rows: &'a Rows,
    words: &'a Words,
    spans: &'a SpanStore,
}

impl Rows {
    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Makes room for further rows.
    pub fn reserve(&mut self, count: usize) {
        self.kept.reserve_exact(count);
    }

    /// Gives up the room that no row has taken.
    pub fn settle(&mut self) {
        self.kept.shrink_to_fit();
        self.more.shrink_to_fit();
    }

    /// Returns the time of the last row.
    pub fn end(&self) -> Option<Timestamp> {
        self.kept.iter().map(|row| row.at).max()
    }

    /// Adds a row.
    pub fn push(&mut self, entry: Entry) {
        let more = match entry.ground {
            Ground::Span => SPAN,
            Ground::Client => CLIENT,
            Ground::Server => SERVER,
            Ground::Write => WRITE,
            Ground::Record { follow } => self.add(More { duration: None, why: AS_SPAN, follow }),
            Ground::Told { duration, why, follow } => self.add(More { duration, why, follow }),
        };
        let (tag, fact) = match entry.fact {
            Some(Fact::Span(row)) => (0, row.0),
            Some(Fact::Line(row)) => (1, row.0),
            Some(Fact::Record(at)) => (2, at),
            Some(Fact::Queue) => (3, 0),
            None => (3, NONE),
        };
        let Entry { at, depth, lane, kind, head, tail, .. } = entry;
        let bits = entry.mark as u8 | (entry.tier as u8) << 3 | tag << 5;
        if self.kept.len() == self.kept.capacity() {
            // Doubling would keep as much again for nothing: what comes behind the reserved room is little.
            self.kept.reserve_exact(self.kept.len() / 8 + 64);
        }
        self.kept.push(Kept { at, lane, head, tail, fact, more, depth, kind, bits });
    }

    fn add(&mut self, more: More) -> u32 {
        self.more.push(more);
        self.more.len() as u32 - 1
    }

    /// Orders the rows by time, causes before effects of the same instant, then by what they say.
    pub fn sort(&mut self, words: &Words) {
        let text = |row: &Kept| words.text(row.head).bytes().chain(words.text(row.tail).bytes());
        let compared = |a: &Kept, b: &Kept| {
            (a.at, a.depth, a.kind)
                .cmp(&(b.at, b.depth, b.kind))
                .then_with(
                    || {
                        if a.lane == b.lane { Ordering::Equal } else { words.text(a.lane).cmp(words.text(b.lane)) }
                    },
                )
                .then_with(|| if (a.head, a.tail) == (b.head, b.tail) { Ordering::Equal } else { text(a).cmp(text(b)) })
        };
        // Numbers are sorted in place of rows: a stable sort would take the memory of all rows again.
        let mut order: Vec<u32> = (0..self.kept.len() as u32).collect();
        let kept = &mut self.kept;
        order.sort_unstable_by(|a, b| compared(&kept[*a as usize], &kept[*b as usize]).then(a.cmp(b)));
        // Each circle of places is walked once: a row moves to its own place, and the first of them to the last place.
        for begin in 0..order.len() {
            let (first, mut place) = (self.kept[begin], begin);
            while order[place] as usize != place {
                let from = std::mem::replace(&mut order[place], place as u32) as usize;
                self.kept[place] = if from == begin { first } else { self.kept[from] };
                place = from;
            }
        }
    }

    /// Marks rows that rest on less than they seem to: no row is surer than the path that leads to it.
    pub fn weaken(&mut self, tier_of: impl Fn(Fact) -> Option<Tier>) {
        for kept in &mut self.kept {
            let known = kept.bits >> 3 & 3;
            if let Some(tier) = kept.what().and_then(&tier_of).filter(|tier| *tier as u8 > known) {
                kept.bits = kept.bits & !(3 << 3) | (tier as u8) << 3;
            }
        }
    }

    /// Returns the rows as they are shown.
    pub fn story<'a>(&'a self, words: &'a Words, spans: &'a SpanStore) -> Story<'a> {
        Story { rows: self, words, spans }
    }
}

impl<'a> Story<'a> {
    /// Returns how many rows there are.
    pub fn len(self) -> usize {
        self.rows.len()
    }

    /// Says whether there are none.
    pub fn is_empty(self) -> bool {
        self.rows.is_empty()
    }

    /// Returns all rows in their order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Row<'a>> + DoubleEndedIterator + Clone {
        self.rows.kept.iter().map(move |kept| Row::of(kept, self))
    }

    /// Returns a row by its place.
    pub fn get(self, place: usize) -> Option<Row<'a>> {
        self.rows.kept.get(place).map(|kept| Row::of(kept, self))
    }

    /// Returns the services and queues in order of their first row, the empty one left out.
    pub fn lanes(self) -> Vec<SafeText> {
        let mut seen = indexmap::IndexSet::<Word>::new();
        // One by one: they are few, and to extend makes room for as many as there are rows.
        self.rows.kept.iter().for_each(|row| _ = seen.insert(row.lane));
        seen.into_iter().filter(|lane| *lane != Word::default()).map(|lane| self.words.safe(lane)).collect()
    }
}

impl<'a> Row<'a> {
    fn of(kept: &'a Kept, from: Story<'a>) -> Self {
        const MARKS: [Mark; 8] =
            [Mark::Plain, Mark::Ok, Mark::Wait, Mark::Warn, Mark::Error, Mark::Unknown, Mark::Unknown, Mark::Unknown];
        const TIERS: [Tier; 4] = [Tier::Exact, Tier::Scoped, Tier::Inferred, Tier::Inferred];
        let fact = kept.what();
        let duration = match (kept.more, fact) {
            (SERVER.., Some(Fact::Span(row))) => Some(from.spans.span(row).duration()),
            (WRITE.., _) => None,
            (more, Some(Fact::Span(row))) if from.rows.more[more as usize].why == AS_SPAN => {
                Some(from.spans.span(row).duration())
            }
            (more, _) => from.rows.more[more as usize].duration,
        };
        Self {
            kept,
            from,
            at: kept.at,
            depth: kept.depth,
            kind: kept.kind,
            mark: MARKS[usize::from(kept.bits & 7)],
            tier: TIERS[usize::from(kept.bits >> 3 & 3)],
            fact,
            duration,
        }
    }

    /// Returns the service or queue it happens in; empty for none.
    pub fn lane(self) -> &'a str {
        self.from.words.text(self.kept.lane)
    }

    /// Returns begin and end of what is said, to be read as one text.
    pub fn parts(self) -> [&'a str; 2] {
        [self.from.words.text(self.kept.head), self.from.words.text(self.kept.tail)]
    }

    /// Returns what is said.
    pub fn text(self) -> SafeText {
        match self.parts() {
            [head, ""] => SafeText::new(head),
            [head, tail] => SafeText::new(&smol_str::format_smolstr!("{head}{tail}")),
        }
    }

    /// Returns why it is here: the edge that joined it, with the field or header.
    pub fn why(self) -> SafeText {
        let span = |what: &str| match self.fact {
            Some(Fact::Span(row)) => {
                let span = self.from.spans.span(row);
                SafeText::new(&format!("{what}span {} of trace {}", span.id(), span.trace()))
            }
            _ => SafeText::default(),
        };
        match self.kept.more {
            SPAN => span(""),
            CLIENT => span("client "),
            SERVER => SafeText::own("server span under the call"),
            WRITE => SafeText::own("a writing call that succeeded"),
            more => match self.from.rows.more[more as usize].why {
                AS_SPAN => span(""),
                why => self.from.words.safe(why),
            },
        }
    }

    /// Returns the identity that can be followed from here, as a text that `follow` takes.
    pub fn follow(self) -> Option<SafeText> {
        match (self.kept.more, self.fact) {
            (SERVER.., Some(Fact::Span(row))) => Some(SafeText::new(&self.from.spans.span(row).trace().to_string())),
            (WRITE.., _) => None,
            (more, _) => Some(self.from.words.safe(self.from.rows.more[more as usize].follow))
                .filter(|follow| !follow.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_kept_in_32_bytes_and_comes_back_whole() {
        assert!(size_of::<Kept>() <= 32, "{}", size_of::<Kept>());
        let (mut rows, mut words) = (Rows::default(), Words::default());
        let told = |why, follow| Ground::Told { duration: Some(Nanos(7)), why, follow };
        let facts = [Some(Fact::Record(9)), Some(Fact::Queue), None, Some(Fact::Line(LineRow(3)))];
        let marks = [Mark::Plain, Mark::Ok, Mark::Wait, Mark::Warn, Mark::Error, Mark::Unknown];
        for (at, mark) in marks.into_iter().enumerate() {
            let entry = Entry {
                at: Timestamp(10 - at as i64),
                depth: at as u16,
                lane: words.add("orders"),
                kind: RowKind::Line,
                head: words.add("said\u{1b}"),
                tail: words.add(": twice"),
                mark,
                tier: [Tier::Exact, Tier::Scoped, Tier::Inferred][at % 3],
                fact: facts[at % 4],
                ground: told(words.add("a header"), if at == 0 { words.add("ord-1") } else { Word::default() }),
            };
            rows.push(entry);
        }
        rows.sort(&words);
        let spans = SpanStore::default();
        let story = rows.story(&words, &spans);
        let last = story.iter().next_back().expect("rows");
        assert_eq!((last.text().as_str(), last.why().as_str()), ("said^[: twice", "a header"));
        assert_eq!((last.follow(), last.duration), (Some("ord-1".into()), Some(Nanos(7))));
        let back: Vec<_> = story.iter().rev().map(|row| (row.mark, row.fact, row.depth)).collect();
        let gone: Vec<_> = marks.iter().enumerate().map(|(at, mark)| (*mark, facts[at % 4], at as u16)).collect();
        assert_eq!(back, gone);
        assert_eq!(story.lanes(), ["orders".into()]);
    }

    #[test]
    fn rows_are_ordered_by_time_and_equal_ones_stay_as_they_came() {
        let (mut rows, mut words) = (Rows::default(), Words::default());
        let times: Vec<i64> = (0..500).map(|at| at * 7919 % 97).chain((0..50).rev()).chain(0..50).collect();
        for (at, time) in times.iter().enumerate() {
            rows.push(Entry {
                at: Timestamp(*time),
                depth: 0,
                lane: Word::default(),
                kind: RowKind::Work,
                head: words.add("step"),
                tail: Word::default(),
                mark: Mark::Plain,
                tier: Tier::Exact,
                fact: Some(Fact::Record(at as u32)),
                ground: Ground::Span,
            });
        }
        rows.sort(&words);
        let mut wanted: Vec<(i64, u32)> = times.into_iter().zip(0..).collect();
        wanted.sort_unstable();
        let got: Vec<(i64, u32)> = rows.kept.iter().map(|row| (row.at.0, row.fact)).collect();
        assert_eq!(got, wanted);
    }
}
