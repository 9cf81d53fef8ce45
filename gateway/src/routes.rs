//! The handlers, a file for each resource. Which address each has stands in its `#[utoipa::path]`.

pub mod admin;
pub mod agents;
pub mod catalogs;
pub mod channels;
pub mod conversations;
pub mod docs;
pub mod fallback;
pub mod health;
pub mod inbound;
pub mod me;
pub mod metrics;
pub mod outbox;
pub mod problems;
pub mod queues;
pub mod sessions;
pub mod teams;
