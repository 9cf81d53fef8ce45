//! Clew's log: facts, contents, keys and proofs. `store.rs` states what a store promises; `backends/`
//! are the stores; nothing here knows HTTP or what a queue is.

pub mod backends;
pub mod backup;
pub mod codec;
#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
pub mod cursor;
pub mod erasure;
#[cfg(any(test, feature = "test-util"))]
pub mod fuzz;
pub mod msgpack;
pub mod observer;
pub mod proofs;
pub mod sealed;
pub mod snapshot;
pub mod store;
pub mod transact;
pub mod vault;
