//! Tests that need a real pseudo terminal.
