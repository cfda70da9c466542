//! All in-process tests in one binary.

mod tidy;
mod world;
