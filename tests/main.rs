//! All in-process tests in one binary.

mod laws;
mod tidy;
mod world;
