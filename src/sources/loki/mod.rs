//! Loki over HTTP: finds the lines that hold an id, in the line or as structured metadata.
//!
//! Owns selectors, filters, paging and the words of Loki's refusals. It must not know what lines mean: bytes go to
//! `decode` while they arrive. Only `query_range`, `labels`, `series` and `buildinfo` are read.
//!
//! A page that is full never proves the end, and a page edge never loses a line: the edge instant is read again and
//! repeats are counted, so that identical lines, which are legal, all stay. Refusals that name a limit are learned from:
//! smaller pages, shorter slices.

mod client;
mod instant;
mod pages;
mod refusal;

pub use client::Loki;
