//! The handlers, a file for each resource. Which address each has stands in its `#[utoipa::path]`.

pub mod docs;
pub mod fallback;
pub mod health;
pub mod metrics;
pub mod problems;
