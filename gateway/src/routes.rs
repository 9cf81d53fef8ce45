//! The handlers, a file for each resource. Which address each has stands in its `#[utoipa::path]`.

pub mod admin;
pub mod agent_times;
pub mod agents;
pub mod audit;
pub mod audit_proofs;
pub mod bulks;
pub mod catalogs;
pub mod channels;
pub mod contacts;
pub mod conversations;
pub mod docs;
pub mod fallback;
pub mod feed;
pub mod health;
pub mod inbound;
pub mod me;
pub mod metrics;
pub mod notifications;
pub mod outbox;
pub mod problems;
pub mod queues;
pub mod regions;
pub mod saved_replies;
pub mod sessions;
pub mod sla;
pub mod teams;
