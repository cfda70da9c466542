//! hopscope: follows one message or request across traces, logs and queues.

pub mod demo;
pub mod world;
