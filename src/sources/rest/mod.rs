//! Kafka through the Confluent REST Proxy, version 3: groups, their positions and lag, and topics. Only GET exists here; the
//! same API alters things by other methods, and none of them is on this path.
//!
//! Owns the way to the API below a base URL, the choice of a cluster, paging, and what a refusal means. It gives no records:
//! that is said as a fault, never as "none". Shapes are `decode::rest`'s. It must not know Kafka's own protocol.
//!
//! What it cannot tell stays unknown: starts of logs, open transactions, brokers, members without a partition.

mod client;
mod doctor;
mod pages;

pub use client::Rest;
