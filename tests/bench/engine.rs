//! Parse-to-story bench.

fn main() {}
