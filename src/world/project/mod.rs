//! Projections: what each source would show of the truth.
//!
//! `spans` and `lines` turn journeys into spans and log lines; one file per instrumentation
//! knows the attribute names, types and habits of that stack, its defects among them: `java`, `python` and
//! `go` as observed on real servers, the others as their sources and documents say.
//! Must not know how a product puts these facts on its wire: that is the business of `demo`.
//! To add an instrumentation, copy `go.rs` and name it in `spans`.

pub mod aiokafka;
pub mod batches;
pub mod dotnet;
pub mod envoy;
pub mod faststream;
pub mod go;
pub mod grpc;
pub mod java;
pub mod kafkajs;
pub mod lines;
pub mod observation;
pub mod python;
pub mod quarkus;
pub mod sarama;
pub mod shown;
pub mod span;
pub mod spans;

pub use lines::Line;
pub use shown::Shown;
pub use span::{Event, Kind, Link, Span, Value};
