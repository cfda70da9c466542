//! What a person has set: profiles of sources, budgets, keys and looks, and from which file and line each came.
//!
//! Owns the layers (built in, user file, project file, environment, flags) and their mistakes, all reported together
//! with place and fix. Knows no network and no screen: whether an address answers is for `sources` to find out. Nothing
//! here depends on the host, so the same files give the same settings everywhere. Secrets never have a `Display`.
//!
//! Copy `profile.rs` when adding a section.

pub mod profile;

pub use profile::{HttpEndpoint, KafkaEndpoint, Limits, Profile};
