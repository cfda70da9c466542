//! Drives a hunt against the configured sources under a budget, and publishes the case as it grows.
//!
//! Owns the order of asking, concurrency, cancelling and the reading behind the Now screen. It must not parse, draw or
//! judge: it moves queries to `sources`, replies to `correlate`, and the finished case to `diagnose`.
