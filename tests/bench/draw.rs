//! Frame bench.

fn main() {}
