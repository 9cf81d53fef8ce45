//! The stores that keep the contract of `store.rs`. None of them knows what an event means.

pub mod embedded;
pub mod jetstream;
pub mod memory;
pub mod transfer;
