//! All in-process tests in one binary.

mod cli;
mod laws;
mod rude;
mod tidy;
mod wire;
mod world;
