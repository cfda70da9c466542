//! Embedded endpoints that speak the protocols of Jaeger, Tempo, Loki and Kafka and show a [`crate::world`] on loopback.
//!
//! Owns the servers (`jaeger`, `tempo`, `loki`, `kafka`), the hand that starts and stops them (`serve`), and the one place
//! where the world meets a clock (`stage`).
//! Must not know anything of the client: it answers any program that speaks the protocol, with the envelopes, error
//! texts and habits of the products, so that the console can be tried and tested with nothing installed.
//! Only reads are served: a write request closes its connection and is counted.
//! To add an endpoint, copy the shape of `loki`: a `mod.rs` that routes, one file per question.

pub mod duration;
pub mod http;
pub mod jaeger;
pub mod kafka;
pub mod loki;
pub mod serve;
pub mod stage;
pub mod tempo;

pub use jaeger::Release as JaegerRelease;
pub use loki::{Habits as LokiHabits, Release as LokiRelease};
pub use serve::{Options, Running, serve_forever, start};
pub use stage::Clock;
pub use tempo::{Habits as TempoHabits, Release as TempoRelease};
