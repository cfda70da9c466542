//! Jaeger's query service over HTTP, in its two dialects.
//!
//! Owns which dialect a server speaks (found out once), the routes and parameters of each, and what their refusals
//! mean. It must not know what spans mean: it hands the bytes to `decode` while they arrive and returns rows.
//!
//! Reads are always raw, since a server otherwise rewrites ids, order and times. Version 3 searches are sent only to
//! servers that honour attributes (2.19 and later), and what they return is checked on the spans.
//!
//! Copy this folder when adding a source that speaks HTTP.

mod answer;
mod client;
mod doctor;

pub use client::Jaeger;
