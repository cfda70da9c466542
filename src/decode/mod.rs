//! Turns bytes, attributes, headers and texts of the field into the words of `model`.
//!
//! Owns wire shapes (Jaeger's two dialects, Loki's answers, Kafka's record batches, the lists of the REST proxy), the table of attribute names over
//! all generations of the conventions, the families of retry and dead-letter headers, the recognition of ids in
//! rows and texts, and of lines that are signs of trouble. It does no IO, reads no clock, and never fails: broken input becomes a note with its place, the rest is
//! kept. It knows nothing of requests, journeys or screens.
//!
//! Each family of headers is one file in `headers` and one line in its list.

pub mod attributes;
pub mod batches;
pub mod headers;
pub mod ids;
pub mod instrumentation;
pub mod jaeger;
pub mod logline;
pub mod loki;
pub mod otlp;
pub mod rest;
pub mod signs;
pub mod stream;
pub mod tries;
