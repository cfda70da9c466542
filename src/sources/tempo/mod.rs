//! Grafana Tempo over HTTP.
//!
//! Owns the routes of Tempo 2 and 3, TraceQL and how values are written in it, and what Tempo's limits and refusals mean.
//! It must not know what spans mean: bytes go to `decode` while they arrive, and rows come back.
//!
//! A search tells ids and a few spans of each trace; the traces are then read whole. It returns the traces found first, not
//! the newest, so a full answer is a note.

mod client;
mod doctor;
mod query;
mod search;

pub use client::Tempo;
