//! Embedded endpoints that speak the protocols of Jaeger, Loki and Kafka and show a [`crate::world`] on loopback.
