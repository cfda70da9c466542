//! Families of headers that tell what happened to a record before: retries, dead letters, and the trace it belongs to.
//!
//! Owns names and encodings, one file and one line per family. A value is decoded by its name and its length, never by
//! what its bytes look like: four bytes `00 00 00 02` are valid UTF-8 too. What does not fit is left undecoded, since a
//! wrong number is worse than none. Where a header repeats, the family says which one is the newest.
//! Must not know: records of other topics, journeys, topic names. Copy `connect.rs` when adding a family.

mod camel;
mod connect;
mod custom;
mod homegrown;
mod identity;
mod karafka;
mod masstransit;
mod nservicebus;
pub mod propagation;
mod read;
mod rebus;
mod redpanda;
pub mod schema;
mod share;
mod smallrye;
mod spring;
mod streams;
mod uforwarder;
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
    /// First line of the exception's message, or what is told instead of one.
    pub reason: Option<SmolStr>,
    /// The topic it came from, where no whole coordinate is told.
    pub topic: Option<SmolStr>,
    /// Time of the first record, or of its first handling.
    pub first_seen: Option<Timestamp>,
    /// When handling failed.
    pub failed: Option<Timestamp>,
    /// Message id.
    pub message: Option<MessageName>,
    /// Correlation id, else conversation id.
    pub correlation: Option<SmolStr>,
    /// What the hops before told, the oldest first; empty where the family does not repeat.
    pub hops: Vec<Hop>,
    /// Headers of the family whose bytes do not fit what it writes.
    pub undecoded: Vec<Undecoded>,
}

/// A message id with what it is unique within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageName {
    /// Source of events; empty where the id is unique by itself.
    pub source: SmolStr,
    /// The id.
    pub id: SmolStr,
}

/// One hop to a retry topic or a dead-letter topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// As [`Trail::attempt`].
    pub attempt: Option<u32>,
    /// As [`Trail::due`].
    pub due: Option<Timestamp>,
}

/// A header that its family writes otherwise: a wrong number is worse than none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecoded {
    /// Name of the header.
    pub name: SmolStr,
    /// Its first bytes in hexadecimal.
    pub hex: SmolStr,
    /// How many bytes it has.
    pub length: usize,
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
    uforwarder::FAMILY,
    redpanda::FAMILY,
    camel::FAMILY,
    homegrown::FAMILY,
];

/// Reads a record's headers: the first family that names an origin, else the first that tells anything of the past, else
/// what could not be decoded. Message and correlation may come from other headers, since frameworks add theirs.
pub fn trail(record: &Record) -> Trail {
    let own = record.mapping.as_deref().map(|map| {
        let headers = Headers::new(record, if map.is_newest_first { Newest::First } else { Newest::Last });
        let told = custom::read(&headers, map);
        (custom::NAME, told, headers.undecoded())
    });
    let said = own.as_ref().map(|(_, told, _)| (told.message.clone(), told.correlation.clone())).unwrap_or_default();
    let families = FAMILIES.iter().map(|family| {
        let headers = Headers::new(record, family.newest);
        let told = (family.read)(&headers);
        (family.name, told, headers.undecoded())
    });
    let mut best = Trail::default();
    for (family, told, undecoded) in own.into_iter().chain(families) {
        let tells = told != Trail::default();
        if !tells && undecoded.is_empty() {
            continue;
        }
        let mut told = Trail { family, undecoded, ..told };
        // A record that names itself as its origin points nowhere.
        told.origin = told.origin.filter(|origin| *origin != record.coordinate);
        told.topic = told.topic.filter(|_| told.origin.is_none());
        let better = best.family.is_empty() || tells && !best.tells();
        if told.origin.is_some() {
            best = told;
            break;
        }
        if better {
            best = told;
        }
    }
    best.message = said.0.or(best.message);
    best.correlation = said.1.or(best.correlation);
    let names = identity::read(&Headers::new(record, Newest::Last));
    best.message = best.message.or(names.0);
    best.correlation = best.correlation.or(names.1);
    best
}

impl Trail {
    /// Says whether anything was decoded.
    fn tells(&self) -> bool {
        let bare = Self { family: self.family, undecoded: self.undecoded.clone(), ..Self::default() };
        *self != bare
    }
}

/// Returns the names of all families.
pub fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|family| family.name)
}

#[cfg(test)]
mod tests;
