//! The program of a schema to come, for tests of upgrades; never in a release.

include!("main.rs");
