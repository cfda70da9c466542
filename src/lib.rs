//! hopscope: follows one message or request across traces, logs and queues.
//!
//! Rooms, in the order in which they may use each other (see `docs/architecture.md`): [`model`] holds what things are
//! and is used by all; [`config`], [`decode`], [`correlate`], [`diagnose`] and [`export`] are pure; [`sources`] and
//! [`investigate`] wait for the outside; [`tui`] and [`cli`] face people. [`demo`] shows a [`world`] on loopback and
//! knows none of the other rooms.

#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod correlate;
pub mod decode;
pub mod demo;
pub mod diagnose;
pub mod export;
pub mod investigate;
pub mod model;
pub mod sources;
pub mod tui;
pub mod world;
