//! All in-process tests in one binary.

mod cli;
mod tidy;
mod world;
