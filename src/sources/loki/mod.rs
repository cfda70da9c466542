//! Loki over HTTP: finds the lines that hold an id, in the line or as structured metadata, and reads a person's query.
//!
//! Owns selectors, filters, paging, slices of time and the words of Loki's refusals. It must not know what lines mean:
//! bytes go to `decode` while they arrive. Only reading routes are asked.
//!
//! A page that is full never proves the end, and a page edge never loses a line: the edge instant is read again and
//! repeats are counted, so that identical lines, which are legal, all stay. Limits are read where the server tells them,
//! and learned from refusals where it does not: smaller pages, shorter slices. What was not searched is said.

mod client;
mod doctor;
mod instant;
mod limits;
mod pages;
pub mod query;
mod refusal;
mod search;
mod selector;
mod slices;
pub mod tail;

pub use client::Loki;

/// Reads a server's words about its limits, from a document or from a refusal, and writes down what was understood. For
/// tests on words from anywhere.
#[doc(hidden)]
pub fn judge_limits(words: &str) -> String {
    format!("{:?} {:?}", limits::Limits::read(words), refusal::allowed(words))
}
