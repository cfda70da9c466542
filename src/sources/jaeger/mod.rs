//! Jaeger's query service over HTTP, in its two dialects; `VictoriaTraces` speaks the older one.
//!
//! Owns which dialect a server speaks (`dialect`), the routes and parameters of each and what searches mean per backend
//! (`search`), and what the server's refusals and warnings mean. It must not know what spans mean: it hands the bytes to
//! `decode` while they arrive and returns rows.
//!
//! Reads are always raw, since a server otherwise rewrites ids, order and times. Version 3 searches are sent only to
//! servers that honour attributes (2.19 and later), and what any search returns is checked on the spans.
//!
//! Copy this folder when adding a source that speaks HTTP.

mod client;
mod dialect;
mod doctor;
mod search;
mod warnings;

pub use client::Jaeger;
