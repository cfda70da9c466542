//! All in-process tests in one binary.

mod cli;
mod laws;
mod scenarios;
mod screens;
mod tidy;
mod world;
