//! Truth-first model of incidents: what really happened, and what each source would show of it.
//!
//! Owns the scenario format (`scenario`), the event-by-event simulation (`engine`, `calls`, `requests`,
//! `consume`, `batch`), the truth it
//! leaves behind (`truth`, `journey`, `queue`) and the projections of it into spans, log lines and records (`project`).
//! Must not know anything of the client: no model, decoder, correlation or rule, no clock, no input or output.
//! It is written from the protocols and from observed instrumentation, so that a mistake of the client shows.
//! Same scenario, same beginning, same truth: all chance comes from the scenario's seed, time is an argument.
//! To add an incident: write a scenario file like `checkout.toml`. To add an instrumentation: copy `project/go.rs`.

pub mod batch;
pub mod calls;
pub mod consume;
pub mod engine;
pub mod examples;
pub mod fault;
pub mod headers;
pub mod journey;
pub mod manner;
pub mod project;
pub mod queue;
pub mod random;
pub mod requests;
pub mod rng;
pub mod scenario;
pub mod truth;

pub use engine::World;
pub use examples::Example;
pub use scenario::{Scenario, ScenarioError};
