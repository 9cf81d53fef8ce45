//! `cargo +nightly fuzz run fact`: see `clew_eventstore::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clew_eventstore::fuzz::run("fact", bytes));
