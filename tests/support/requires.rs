//! Surroundings that some tests need. Where they are missing the test says so and counts as skipped; with
//! `CLEW_TESTS_NO_SKIP=1` it fails instead.

use std::path::Path;

/// Whether this file is there.
pub(crate) fn file(path: &Path) -> bool {
    met(path.is_file(), &format!("{} is not there", path.display()))
}

/// Whether a condition of the surroundings is met; `why_not` says what is missing.
#[track_caller]
pub(crate) fn met(met: bool, why_not: &str) -> bool {
    if !met {
        assert!(std::env::var_os("CLEW_TESTS_NO_SKIP").is_none_or(|value| value != "1"), "can't be skipped: {why_not}");
        println!("skipped: {why_not}");
    }
    met
}
