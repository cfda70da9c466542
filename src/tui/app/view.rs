//! The list of one screen: which items are shown, where the cursor is, what is scrolled away.

use crate::model::Timestamp;
use crate::model::journey::Mark;
use crate::tui::facts::Facts;
use crate::tui::filter::Filter;
use crate::tui::screens::{Item, Room, Screen};

/// A list with its cursor.
#[derive(Clone, Debug, Default)]
pub struct View {
    items: Vec<Item>,
    shown: Vec<u32>,
    /// For each place in `shown`, how many rows that are no headings stand there or above.
    rows: Vec<u32>,
    /// Place of the cursor in `shown`.
    cursor: usize,
    /// First visible place.
    top: usize,
    /// Whether the person has moved the cursor; until then it stays on the first row.
    moved: bool,
    /// What is typed behind `/`.
    pub filter: Filter,
    /// Whether only faults are shown.
    pub faults: bool,
    /// Place of the order in what the screen offers.
    pub order: usize,
}

/// Which rows a jump looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Down.
    Next,
    /// Up.
    Previous,
}

impl View {
    /// Takes the items of newer facts. The cursor stays on the thing it is on.
    pub fn renew(&mut self, screen: &dyn Screen, facts: &Facts, room: Room) {
        let kept = self.item().map(|item| item.key).filter(|_| self.moved);
        let before = self.cursor;
        self.items = screen.items(facts);
        self.sift(screen, facts, room);
        let place = kept.and_then(|key| self.shown.iter().position(|at| self.items[*at as usize].key == key));
        if let Some(place) = place {
            // The cursor stays on its line of the screen, whatever came or went above it.
            self.top = (self.top + place).saturating_sub(before);
        }
        self.cursor = place.or_else(|| screen.first(&self.items, &self.shown)).unwrap_or(0);
        self.settle(Way::Next);
    }

    /// Puts the cursor on the item of a key; says whether it is shown.
    pub fn seek(&mut self, key: u64) -> bool {
        let place = self.shown.iter().position(|at| self.items[*at as usize].key == key);
        self.put(place)
    }

    /// Puts the cursor on the earliest item at or after a time; says whether there is one.
    pub fn seek_time(&mut self, time: Timestamp) -> bool {
        let at = |place: &usize| self.items[self.shown[*place] as usize].at;
        let place = (0..self.shown.len()).filter(|place| at(place) >= time && at(place) != Timestamp(0)).min_by_key(at);
        self.put(place)
    }

    fn put(&mut self, place: Option<usize>) -> bool {
        if let Some(place) = place {
            (self.cursor, self.moved) = (place, true);
            self.settle(Way::Next);
        }
        place.is_some()
    }

    /// Applies filter and faults again.
    pub fn sift(&mut self, screen: &dyn Screen, facts: &Facts, room: Room) {
        let kept = self.shown.get(self.cursor).copied();
        self.shown.clear();
        let passes = self.filter.test();
        let wide = Room { width: 1_000, lanes: false, ..room };
        let mut heading = None;
        for (at, item) in self.items.iter().enumerate() {
            if item.is_heading() {
                heading = Some(at as u32);
                continue;
            }
            let is_fault = matches!(item.mark, Mark::Warn | Mark::Error);
            let is_near = facts.zoom.is_none_or(|zoom| {
                item.at == Timestamp(0) || item.at <= zoom.until && item.at.plus(item.length) >= zoom.from
            });
            let fits = (!self.faults || is_fault)
                && is_near
                && (self.filter.is_empty() || passes(&screen.stripe(facts, item, wide).text()));
            if fits {
                self.shown.extend(heading.take());
                self.shown.push(at as u32);
            }
        }
        self.rows.clear();
        let mut rows = 0;
        for at in &self.shown {
            rows += u32::from(!self.items[*at as usize].is_heading());
            self.rows.push(rows);
        }
        self.cursor = kept.map_or(0, |kept| self.shown.partition_point(|at| *at < kept));
        self.settle(Way::Next);
    }

    /// Says whether there are no rows at all, filtered or not.
    pub fn is_blank(&self) -> bool {
        self.items.is_empty()
    }

    /// Says whether the filter left nothing.
    pub fn is_sifted_away(&self) -> bool {
        !self.items.is_empty() && self.shown.is_empty()
    }

    /// Returns the item under the cursor.
    pub fn item(&self) -> Option<&Item> {
        self.shown.get(self.cursor).map(|at| &self.items[*at as usize]).filter(|item| !item.is_heading())
    }

    /// Returns all items.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Returns row numbers for people: the cursor's and how many there are, without headings.
    pub fn counts(&self) -> (usize, usize) {
        let rows = |row: Option<&u32>| row.map_or(0, |row| *row as usize);
        (rows(self.rows.get(self.cursor)), rows(self.rows.last()))
    }

    /// Returns the visible items, and which of them has the cursor.
    pub fn visible(&mut self, height: usize) -> impl Iterator<Item = (&Item, bool)> {
        if height > 0 {
            // A heading above the first row stays in sight.
            let first = if self.cursor == 1 { 0 } else { self.cursor };
            self.top = self.top.min(first).max((self.cursor + 1).saturating_sub(height));
            self.top = self.top.min(self.shown.len().saturating_sub(height));
        }
        let (top, cursor, items) = (self.top, self.cursor, &self.items);
        let visible = self.shown.iter().enumerate().skip(top).take(height);
        visible.map(move |(place, at)| (&items[*at as usize], place == cursor))
    }

    /// Says whether the last row is among those that are visible.
    pub fn shows_its_end(&self, height: usize) -> bool {
        self.top + height >= self.shown.len()
    }

    /// Moves by so many rows.
    pub fn step(&mut self, by: isize) {
        self.moved = true;
        let last = self.shown.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
        self.settle(if by < 0 { Way::Previous } else { Way::Next });
    }

    /// Moves to the next or previous item that fits; says whether there was one.
    pub fn jump(&mut self, way: Way, fits: impl Fn(&Item) -> bool) -> bool {
        let fits = |place: &usize| {
            let item = &self.items[self.shown[*place] as usize];
            !item.is_heading() && fits(item)
        };
        let found = match way {
            Way::Next => (self.cursor + 1..self.shown.len()).find(fits),
            Way::Previous => (0..self.cursor.min(self.shown.len())).rev().find(fits),
        };
        if let Some(place) = found {
            self.moved = true;
            self.cursor = place;
        }
        found.is_some()
    }

    /// Leaves headings.
    fn settle(&mut self, way: Way) {
        self.cursor = self.cursor.min(self.shown.len().saturating_sub(1));
        let is_row = |place: &usize| !self.items[self.shown[*place] as usize].is_heading();
        let down = (self.cursor..self.shown.len()).find(is_row);
        let up = (0..self.cursor.min(self.shown.len())).rev().find(is_row);
        self.cursor = match way {
            Way::Next => down.or(up),
            Way::Previous => {
                if self.shown.get(self.cursor).is_some() && is_row(&self.cursor) {
                    Some(self.cursor)
                } else {
                    up.or(down)
                }
            }
        }
        .unwrap_or(0);
    }
}
