//! Causes: in what each call of a story was made, so that two calls can be told to be one wish or two.
//!
//! Two calls of one caller may be two things that were wanted. Two calls to one address that were made in two attempts of
//! one call, or in two deliveries of one message, are one thing that was wanted once.

use crate::model::journey::{Grouping, Operation};
use crate::model::{Case, SpanRow};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use std::hash::BuildHasher;

/// Stands for "nothing".
const NONE: u32 = u32::MAX;

/// In what a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// In a run, an attempt or a delivery: its span.
    Inside(SpanRow),
    /// In what began the trace of this number.
    Trace(u32),
    /// In a span that is missing from the trace of this number.
    Missing(u32),
}

/// A span in which calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// An attempt or a run of the operation of this number.
    Operation(u32),
    /// A delivery of the message of this number, and the number of its reader.
    Delivery(u32, u32),
}

/// What is kept of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    /// Equal for calls that are one wish, if they were wanted once in each of their places.
    pub wish: u32,
    /// In what it was made.
    pub place: Place,
    /// Whether something around it is one operation by its shape alone.
    pub is_weak: bool,
}

/// The causes of all calls of a case, by number of the operation.
pub(crate) struct Causes {
    around: HashMap<u32, Around, FixedState>,
    causes: Vec<Cause>,
}

/// What a wish is told by: that of what is around it, the caller, the callee and what was called.
type Wish<'a> = (Above, &'a str, &'a str, &'a str);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Above {
    Wish(u32),
    Delivery(u32, u32),
    Place(Place),
}

impl Causes {
    /// Finds the causes, in one pass over spans and operations.
    pub fn of(case: &Case) -> Self {
        let operations: Vec<Operation<'_>> = case.operations().collect();
        let around = around(case, &operations);
        let parents = parents(case);
        let nearest = nearest(&parents, &around);
        let mut found = Self { around, causes: Vec::with_capacity(operations.len()) };
        let blank = Cause { wish: NONE, place: Place::Trace(NONE), is_weak: false };
        found.causes.resize(operations.len(), blank);
        let mut wishes: HashMap<Wish<'_>, u32, FixedState> = HashMap::default();
        let (mut open, mut seen) = (Vec::new(), vec![false; operations.len()]);
        for number in 0..operations.len() {
            // Those around it first.
            let mut at = number as u32;
            while found.causes[at as usize].wish == NONE {
                let place = place(case, operations[at as usize], &parents, &nearest);
                found.causes[at as usize].place = place;
                seen[at as usize] = true;
                open.push(at);
                match found.around(place) {
                    // Parents may run in a circle.
                    Some(Around::Operation(above)) if !seen[above as usize] => at = above,
                    _ => break,
                }
            }
            while let Some(at) = open.pop() {
                let operation = operations[at as usize];
                let place = found.causes[at as usize].place;
                let above = match found.around(place) {
                    Some(Around::Operation(above)) => {
                        let outer = found.causes[above as usize];
                        let shape = operations[above as usize];
                        let is_weak = shape.is_retried() && shape.grouping() == Grouping::Possible;
                        found.causes[at as usize].is_weak = outer.is_weak || is_weak;
                        Above::Wish(outer.wish)
                    }
                    Some(Around::Delivery(message, reader)) => Above::Delivery(message, reader),
                    None => Above::Place(place),
                };
                let next = wishes.len() as u32;
                let wish = (above, operation.caller(), operation.peer(), operation.name());
                found.causes[at as usize].wish = *wishes.entry(wish).or_insert(next);
            }
        }
        found
    }

    /// Returns the cause of the operation of this number.
    pub fn cause(&self, operation: u32) -> Cause {
        self.causes[operation as usize]
    }

    /// Returns what the span of a place is.
    pub fn around(&self, place: Place) -> Option<Around> {
        match place {
            Place::Inside(row) => self.around.get(&row.0).copied(),
            Place::Trace(_) | Place::Missing(_) => None,
        }
    }
}

/// Returns the spans in which calls are made.
fn around(case: &Case, operations: &[Operation<'_>]) -> HashMap<u32, Around, FixedState> {
    let mut around = HashMap::default();
    for (number, operation) in operations.iter().enumerate() {
        for attempt in operation.attempts() {
            let rows = attempt.span.into_iter().chain(attempt.executions().map(|run| run.span));
            around.extend(rows.map(|row| (row.0, Around::Operation(number as u32))));
        }
    }
    let mut readers: HashMap<&str, u32, FixedState> = HashMap::default();
    for (number, message) in case.journey.messages.iter().enumerate() {
        for delivery in &message.deliveries {
            let next = readers.len() as u32;
            let reader = *readers.entry(delivery.reader().as_str()).or_insert(next);
            // Of the messages of a batch, the first.
            if let Some(row) = delivery.span {
                around.entry(row.0).or_insert(Around::Delivery(number as u32, reader));
            }
        }
    }
    around
}

/// Returns for each span the nearest one of those, itself included.
fn nearest(parents: &[u32], around: &HashMap<u32, Around, FixedState>) -> Vec<u32> {
    let count = parents.len();
    let mut nearest = vec![NONE; count];
    let (mut seen, mut path) = (vec![false; count], Vec::new());
    for row in 0..count as u32 {
        let mut at = row;
        while at != NONE && !seen[at as usize] {
            seen[at as usize] = true;
            path.push(at);
            at = if around.contains_key(&at) { NONE } else { parents[at as usize] };
        }
        // Known from another row; or parents run in a circle, and nothing is above.
        let mut above = if at == NONE { NONE } else { nearest[at as usize] };
        for row in path.drain(..).rev() {
            if around.contains_key(&row) {
                above = row;
            }
            nearest[row as usize] = above;
        }
    }
    nearest
}

/// Returns the row of the parent of each span.
pub(crate) fn parents(case: &Case) -> Vec<u32> {
    // Row numbers alone: a map with the ids would take as much memory again as the story.
    let hasher = FixedState::default();
    let key = |row: u32| {
        let span = case.spans.span(SpanRow(row));
        (span.trace_number(), span.id())
    };
    let mut known: HashTable<u32> = HashTable::with_capacity(case.spans.len());
    for row in 0..case.spans.len() as u32 {
        // Of several spans with one id, the last.
        match known.find_mut(hasher.hash_one(key(row)), |other| key(*other) == key(row)) {
            Some(other) => *other = row,
            None => drop(known.insert_unique(hasher.hash_one(key(row)), row, |row| hasher.hash_one(key(*row)))),
        }
    }
    let parent = |row: u32| {
        let span = case.spans.span(SpanRow(row));
        let wanted = (span.trace_number(), span.parent()?);
        known.find(hasher.hash_one(wanted), |row| key(*row) == wanted).copied()
    };
    (0..case.spans.len() as u32).map(|row| parent(row).filter(|parent| *parent != row).unwrap_or(NONE)).collect()
}

/// Returns in what a call was made: what is around the first of its attempts that has a span.
fn place(case: &Case, operation: Operation<'_>, parents: &[u32], nearest: &[u32]) -> Place {
    let Some(row) = operation.attempts().find_map(|attempt| attempt.span) else {
        let run = operation.first().executions().next();
        return Place::Missing(run.map_or(NONE, |run| case.spans.span(run.span).trace_number()));
    };
    let around = |row: u32| nearest.get(row as usize).copied().filter(|row| *row != NONE);
    match around(parents[row.0 as usize]) {
        Some(row) => Place::Inside(SpanRow(row)),
        None => Place::Trace(case.spans.span(row).trace_number()),
    }
}
