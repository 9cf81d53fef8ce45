//! Answers to addresses and methods that there are not.

use crate::error::{Problem, kinds};

/// The address names nothing.
pub async fn not_found() -> Problem {
    Problem::new(&kinds::NOT_FOUND)
}

/// The address takes other methods; axum adds them as `Allow`.
pub async fn method_not_allowed() -> Problem {
    Problem::new(&kinds::METHOD_NOT_ALLOWED)
}
