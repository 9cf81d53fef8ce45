//! `cargo +nightly fuzz run contents_index`: see `clew_eventstore::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clew_eventstore::fuzz::run("contents_index", bytes));
