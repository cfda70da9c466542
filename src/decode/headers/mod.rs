//! Families of headers that tell what happened to a record before: retries, dead letters, and the trace it belongs to.
//!
//! Owns names and encodings, one file and one line per family. A value is decoded by its name and its length, never by
//! what its bytes look like: four bytes `00 00 00 02` are valid UTF-8 too. What does not fit is left undecoded, since a
//! wrong number is worse than none. Where a header repeats, the family says which one is the newest.
//! Must not know: records of other topics, journeys, topic names. Copy `connect.rs` when adding a family.

mod connect;
mod homegrown;
mod karafka;
mod masstransit;
mod nservicebus;
pub mod propagation;
mod read;
mod rebus;
mod share;
mod smallrye;
mod spring;
mod streams;
mod watermill;

use crate::model::{Coordinate, Record, Timestamp};
use smol_str::SmolStr;

use read::Headers;
pub use read::Newest;

/// What the headers of a record tell about its past and future.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// The family that told it; empty when none did.
    pub family: &'static str,
    /// The record that this one is a copy of.
    pub origin: Option<Coordinate>,
    /// The consumer group that gave up on the origin.
    pub group: Option<SmolStr>,
    /// Number of the attempt that this copy is for (retry topic) or that comes after the last one (dead letter): 2 on
    /// the first retry.
    pub attempt: Option<u32>,
    /// When the copy may be handled.
    pub due: Option<Timestamp>,
    /// Class of the exception, the handler's own where the family tells it apart from the framework's.
    pub exception: Option<SmolStr>,
}

/// One family.
struct Family {
    name: &'static str,
    newest: Newest,
    read: fn(&Headers<'_>) -> Trail,
}

/// All families, most telling first.
const FAMILIES: &[Family] = &[
    spring::FAMILY,
    connect::FAMILY,
    streams::FAMILY,
    share::FAMILY,
    smallrye::FAMILY,
    karafka::FAMILY,
    masstransit::FAMILY,
    nservicebus::FAMILY,
    rebus::FAMILY,
    watermill::FAMILY,
    homegrown::FAMILY,
];

/// Reads a record's headers: the first family that names an origin, else the first that tells anything at all.
pub fn trail(record: &Record) -> Trail {
    let mut best = Trail::default();
    for family in FAMILIES {
        let told = (family.read)(&Headers { record, newest: family.newest });
        if told == Trail::default() {
            continue;
        }
        let mut told = Trail { family: family.name, ..told };
        // A record that names itself as its origin points nowhere.
        told.origin = told.origin.filter(|origin| *origin != record.coordinate);
        if told.origin.is_some() {
            return told;
        }
        if best == Trail::default() {
            best = told;
        }
    }
    best
}

/// Returns the names of all families.
pub fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|family| family.name)
}

#[cfg(test)]
mod tests;
