//! Tests against real servers.

fn main() {}
