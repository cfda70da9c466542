//! The entry of libFuzzer: `tests/fuzz/run` builds it and runs each target.
//!
//! The library stays without unsafe code; an exported symbol is how libFuzzer finds what to call.

#![no_main]
#![allow(unsafe_code, improper_ctypes_definitions, reason = "libFuzzer calls this symbol with a slice")]

mod targets;

// Its own `main` runs the loop.
use libfuzzer_sys as _;
use std::sync::LazyLock;

/// The target that the environment names.
static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("HOPSCOPE_FUZZ").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("HOPSCOPE_FUZZ={name} names no target of tests/fuzz/targets.rs")).1
});

#[unsafe(no_mangle)]
extern "C" fn rust_fuzzer_test_input(bytes: &[u8]) -> i32 {
    TARGET(bytes);
    0
}
