//! Embedded Kafka brokers: the read part of the wire protocol, several brokers with real leaders and coordinators.
//!
//! The codec of requests and answers is the `kafka-protocol` crate's; record batches are encoded here, because that
//! crate cannot write a header twice. What a release offers and how it errs follows Apache Kafka 4.3.1.
//!
//! What the brokers answer from is a [`Brokers`]: a world on stage, or [`many`], a cluster of any size that is a function
//! of names and offsets.

pub mod batch;
pub mod cluster;
pub mod codec;
pub mod connection;
pub mod fetch;
pub mod groups;
pub mod logic;
pub mod many;
pub mod offsets;
pub mod topics;

pub use cluster::Cluster;
pub use connection::serve;
pub use logic::{Brokers, Habit};
