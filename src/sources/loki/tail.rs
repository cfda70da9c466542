//! Following a query without a WebSocket: the last seconds are read again and again, and what was seen is counted.
//!
//! Loki's own tail is best effort: it drops what a slow reader does not take, ends after an hour, and serves one tenant
//! (Loki 3.7). Reading ranges loses nothing that arrives within the overlap.

use crate::model::{LineStore, Nanos, Timestamp, Window};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far behind the newest instant a line may arrive and still be seen.
pub const OVERLAP: Nanos = Nanos::from_secs(15);
/// The shortest wait between two reads.
pub const BUSY: Duration = Duration::from_secs(1);
/// The longest wait between two reads, while nothing comes.
pub const IDLE: Duration = Duration::from_secs(8);

/// Where a tail stands.
#[derive(Debug)]
pub struct Cursor {
    /// Up to where the last read reached.
    read: Timestamp,
    /// Nothing before this is shown.
    begin: Timestamp,
    /// What was shown of the overlap: by instant and fingerprint, how often.
    shown: BTreeMap<(Timestamp, u64), u32>,
    wait: Duration,
}

impl Cursor {
    /// Starts at an instant.
    pub fn new(begin: Timestamp) -> Self {
        Self { read: begin, begin, shown: BTreeMap::new(), wait: BUSY }
    }

    /// Returns the window to read at `now`: from the overlap on, so that late lines are seen.
    pub fn window(&self, now: Timestamp) -> Window {
        let from = self.read.plus(Nanos(-OVERLAP.0)).max(self.begin);
        Window { from, until: now.max(from.plus(Nanos(1))) }
    }

    /// Takes what was read of a window that [`Cursor::window`] gave, and returns the rows that are new, by time.
    ///
    /// Of lines that are equal, as many are new as there are more of than were shown.
    pub fn take(&mut self, lines: &LineStore, window: &Window) -> Vec<crate::model::lines::LineRow> {
        let mut here: BTreeMap<(Timestamp, u64), u32> = BTreeMap::new();
        let mut fresh = Vec::new();
        for line in lines.iter().filter(|line| window.contains(line.at())) {
            let key = (line.at(), line.fingerprint());
            let count = here.entry(key).or_default();
            *count += 1;
            if *count > self.shown.get(&key).copied().unwrap_or(0) {
                self.shown.insert(key, *count);
                fresh.push(line.row());
            }
        }
        fresh.sort_by_key(|row| lines.line(*row).at());
        self.read = self.read.max(window.until);
        let oldest = self.read.plus(Nanos(-OVERLAP.0));
        self.shown = self.shown.split_off(&(oldest, 0));
        self.wait = if fresh.is_empty() { (self.wait * 2).min(IDLE) } else { BUSY };
        fresh
    }

    /// Notes that a read failed: the same window is read again, later.
    pub fn fail(&mut self) {
        self.wait = (self.wait * 2).min(IDLE);
    }

    /// Returns how long to wait before the next read.
    pub fn wait(&self) -> Duration {
        self.wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn store(lines: &[(i64, u8)]) -> LineStore {
        let mut store = LineStore::default();
        let stream = store.stream(&[("app", "a")]);
        for (at, text) in lines {
            store.push(stream, Timestamp(*at), &text.to_string(), &[], 0);
        }
        store
    }

    #[test]
    fn reads_slow_down_while_nothing_comes() {
        let mut cursor = Cursor::new(Timestamp(0));
        let mut waits = Vec::new();
        for lines in [&[][..], &[], &[], &[], &[(5 * SECOND, 1)]] {
            let window = cursor.window(Timestamp(9 * SECOND));
            cursor.take(&store(lines), &window);
            waits.push(cursor.wait().as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 8, 1]);
    }

    proptest! {
        /// Lines are written at their time and arrive up to an overlap later; reads come at any pace.
        #[test]
        fn every_line_that_arrives_within_the_overlap_is_shown_once(
            lines in prop::collection::vec((0..60i64, 0..14i64, 0..3u8), 0..60),
            reads in prop::collection::vec(1..9i64, 1..40),
        ) {
            let (mut cursor, mut now, mut shown) = (Cursor::new(Timestamp(0)), 0, Vec::new());
            for step in reads.into_iter().chain([100]) {
                now += step;
                let window = cursor.window(Timestamp(now * SECOND));
                let there: Vec<(i64, u8)> = lines
                    .iter()
                    .filter(|(at, late, _)| at + late < now && window.contains(Timestamp(at * SECOND)))
                    .map(|(at, _, text)| (at * SECOND, *text))
                    .collect();
                let page = store(&there);
                let fresh = cursor.take(&page, &window);
                shown.extend(fresh.into_iter().map(|row| (page.line(row).at().0, page.line(row).text().to_owned())));
            }
            let mut all: Vec<_> = lines.iter().map(|(at, _, text)| (at * SECOND, text.to_string())).collect();
            all.sort();
            shown.sort();
            prop_assert_eq!(shown, all);
        }
    }
}
