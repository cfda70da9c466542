//! Writes what a case holds: text for people, versioned JSON for programs.
//!
//! Owns the report (the projection of a case that is a public contract with its own version) and the formats, one file
//! and one line each. It has no access to sources, reads no clock and knows no screen.
