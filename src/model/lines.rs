//! Log lines in columns: text in one arena, labels once per stream, metadata as symbols.

use super::symbols::{Sym, Symbols};
use super::time::Timestamp;

/// Log lines of one or more answers.
#[derive(Clone, Debug, Default)]
pub struct LineStore {
    /// Label and metadata names and values.
    pub symbols: Symbols,
    text: String,
    text_end: Vec<u64>,
    at: Vec<i64>,
    stream: Vec<u32>,
    metadata_end: Vec<u32>,
    metadata: Vec<(Sym, Sym)>,
    exchange: Vec<u32>,
    streams: Vec<Vec<(Sym, Sym)>>,
    label_count: usize,
    /// Without categorised labels nearly every line is a stream of its own, so finding one must not be a walk.
    stream_of: hashbrown::HashMap<Vec<(Sym, Sym)>, u32, foldhash::fast::FixedState>,
    /// How often each line is here. Answers come page by page, and a page must not cost a walk over all before it.
    here: Counts,
    /// Lines from the first one on that stand in `here`.
    counted: usize,
}

/// Fingerprints of lines, and how often each was seen.
type Counts = hashbrown::HashMap<u64, u32, foldhash::fast::FixedState>;

/// Row number of a line in its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct LineRow(pub u32);

/// One line, borrowed from its store.
#[derive(Clone, Copy)]
pub struct LineView<'a> {
    store: &'a LineStore,
    row: usize,
}

impl LineStore {
    /// Returns how many lines there are.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// Adds a stream with its labels and returns its number. Equal label sets share one number.
    pub fn stream(&mut self, labels: &[(&str, &str)]) -> u32 {
        let mut set: Vec<(Sym, Sym)> =
            labels.iter().map(|(name, value)| (self.symbols.add(name), self.symbols.add(value))).collect();
        set.sort_unstable();
        if let Some(known) = self.stream_of.get(&set) {
            return *known;
        }
        let number = self.streams.len() as u32;
        self.label_count += set.len();
        self.stream_of.insert(set.clone(), number);
        self.streams.push(set);
        number
    }

    /// Adds one line of a stream. `metadata` is structured metadata and parsed fields, in the source's order.
    pub fn push(
        &mut self,
        stream: u32,
        at: Timestamp,
        text: &str,
        metadata: &[(&str, &str)],
        exchange: u32,
    ) -> LineRow {
        for (name, value) in metadata {
            let pair = (self.symbols.add(name), self.symbols.add(value));
            self.metadata.push(pair);
        }
        self.text.push_str(text);
        self.text_end.push(self.text.len() as u64);
        self.at.push(at.0);
        self.stream.push(stream);
        self.metadata_end.push(self.metadata.len() as u32);
        self.exchange.push(exchange);
        LineRow(self.at.len() as u32 - 1)
    }

    /// Copies the lines of another store that are not here yet. Lines are equal when instant, labels, metadata and text
    /// are; identical lines are legal, so as many are kept as the answer with the most of them holds.
    pub fn merge(&mut self, other: &Self) -> usize {
        self.count();
        let (mut met, mut added) = (Counts::default(), 0);
        for line in other.iter() {
            let print = line.fingerprint();
            let (met, here) = (met.entry(print).or_default(), self.here.entry(print).or_default());
            *met += 1;
            if *met <= *here {
                continue;
            }
            *here += 1;
            let stream = self.stream(&line.labels().collect::<Vec<_>>());
            self.push(stream, line.at(), line.text(), &line.metadata().collect::<Vec<_>>(), line.exchange());
            self.counted += 1;
            added += 1;
        }
        added
    }

    /// Counts the lines that were not counted yet, and returns how many those were.
    fn count(&mut self) -> usize {
        let first = self.counted;
        for row in first..self.len() {
            let print = LineView { store: self, row }.fingerprint();
            *self.here.entry(print).or_default() += 1;
        }
        self.counted = self.len();
        self.counted - first
    }

    /// Stamps every line with the exchange that brought it.
    pub fn stamp(&mut self, exchange: u32) {
        self.exchange.fill(exchange);
    }

    /// Returns one line.
    pub fn line(&self, row: LineRow) -> LineView<'_> {
        LineView { store: self, row: row.0 as usize }
    }

    /// Returns all lines in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = LineView<'_>> {
        (0..self.len()).map(|row| LineView { store: self, row })
    }

    /// Returns the bytes held in memory, about.
    pub fn bytes(&self) -> usize {
        self.symbols.bytes()
            + self.text.capacity()
            + self.at.capacity() * 32
            + self.metadata.capacity() * 8
            + self.label_count * 2 * 8
            + self.streams.capacity() * 80
            + self.here.capacity() * 17
    }
}

impl<'a> LineView<'a> {
    /// Returns its row number.
    pub fn row(self) -> LineRow {
        LineRow(self.row as u32)
    }

    /// Returns its instant as the log store has it.
    pub fn at(self) -> Timestamp {
        Timestamp(self.store.at[self.row])
    }

    /// Returns its text, raw: make it a [`super::SafeText`] before it is shown.
    pub fn text(self) -> &'a str {
        let end = &self.store.text_end;
        let from = if self.row == 0 { 0 } else { end[self.row - 1] };
        &self.store.text[from as usize..end[self.row] as usize]
    }

    /// Returns the labels of its stream.
    pub fn labels(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (symbols, set) = (&self.store.symbols, &self.store.streams[self.store.stream[self.row] as usize]);
        set.iter().map(|(name, value)| (symbols.text(*name), symbols.text(*value)))
    }

    /// Returns its structured metadata and parsed fields.
    pub fn metadata(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let end = &self.store.metadata_end;
        let from = if self.row == 0 { 0 } else { end[self.row - 1] as usize };
        let symbols = &self.store.symbols;
        self.store.metadata[from..end[self.row] as usize]
            .iter()
            .map(|(name, value)| (symbols.text(*name), symbols.text(*value)))
    }

    /// Returns a label or metadata value by name.
    pub fn field(self, name: &str) -> Option<&'a str> {
        self.metadata().chain(self.labels()).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Returns the service that wrote it, from the labels that log stores and collectors use for it.
    pub fn service(self) -> Option<&'a str> {
        ["service_name", "service", "app", "application", "job", "container"].iter().find_map(|name| self.field(name))
    }

    /// Returns the exchange that brought it.
    pub fn exchange(self) -> u32 {
        self.store.exchange[self.row]
    }

    /// Returns a number that is equal for equal lines: instant, text, and labels and metadata together, since a server may
    /// melt one into the other.
    pub fn fingerprint(self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        let mut state = foldhash::fast::FixedState::with_seed(11).build_hasher();
        state.write_i64(self.at().0);
        state.write(self.text().as_bytes());
        // Labels are sorted by symbol, and symbols differ between stores: combine them without an order.
        let pair = |(name, value): (&str, &str)| {
            let mut state = foldhash::fast::FixedState::with_seed(13).build_hasher();
            state.write(name.as_bytes());
            state.write_u8(0xff);
            state.write(value.as_bytes());
            state.finish()
        };
        state.write_u64(self.labels().chain(self.metadata()).map(pair).fold(0, u64::wrapping_add));
        state.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_legal_repeats_and_drops_what_is_there() {
        let mut page = LineStore::default();
        let orders = page.stream(&[("service_name", "orders"), ("env", "prod")]);
        page.push(orders, Timestamp(5), "charged", &[("trace_id", "a1")], 0);
        page.push(orders, Timestamp(5), "charged", &[("trace_id", "a1")], 0);
        let mut all = LineStore::default();
        assert_eq!((all.merge(&page), all.merge(&page)), (2, 0));
        let mut other = LineStore::default();
        let stream = other.stream(&[("env", "prod"), ("service_name", "orders")]);
        other.push(stream, Timestamp(5), "charged", &[("trace_id", "a1")], 3);
        other.push(stream, Timestamp(6), "charged", &[], 3);
        assert_eq!(all.merge(&other), 1);
        let last = all.line(LineRow(2));
        assert_eq!(
            (last.text(), last.service(), last.at(), last.exchange()),
            ("charged", Some("orders"), Timestamp(6), 3)
        );
    }
    /// A page is looked at once: what it brought needs no second look when the next one comes.
    #[test]
    fn merging_looks_at_each_line_once() {
        let mut all = LineStore::default();
        let first = all.stream(&[("app", "a")]);
        all.push(first, Timestamp(0), "page 0", &[], 0);
        for page in 1..50_i64 {
            let mut next = LineStore::default();
            let stream = next.stream(&[("app", "a")]);
            // The line at the edge comes twice.
            for at in [page - 1, page] {
                next.push(stream, Timestamp(at), &format!("page {at}"), &[], 0);
            }
            assert_eq!((all.count(), all.merge(&next), all.count()), (usize::from(page == 1), 1, 0), "page {page}");
        }
        assert_eq!(all.len(), 50);
        let last = all.stream(&[("app", "b")]);
        all.push(last, Timestamp(60), "pushed", &[], 0);
        assert_eq!((all.merge(&all.clone()), all.len()), (0, 51), "what was pushed in between counts as well");
    }
}
