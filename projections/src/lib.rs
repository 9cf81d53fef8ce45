//! Clew's read models: each a pure fold of the log into rows that answer one question. What may happen is the
//! domain's to say; names and texts are looked up and opened by the gateway, and never stand in a row.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod action;
pub mod agents;
pub mod audit;
pub mod bench;
mod catalogue;
pub mod contacts;
pub mod conversation;
pub mod derived;
mod engine;
mod examine;
pub mod feed;
pub mod floor;
mod generation;
pub mod histories;
mod key;
pub mod notifications;
pub mod outbox;
mod packed;
pub mod page;
pub mod past;
mod priority;
pub mod projection;
pub mod queues;
pub mod reader;
pub mod rebuild;
pub mod registry;
pub mod rows;
mod runner;
pub mod saved_replies;
pub mod settings;
pub mod sla;
pub mod status;
pub mod table;
#[cfg(test)]
mod tests;
pub mod thread;

pub use examine::{Examined, examine};
pub use projection::{FoldError, Projection};
pub use reader::{QueryError, Reader};
pub use registry::{OpenError, Options, Projections};
pub use status::{Behind, State, Status};
