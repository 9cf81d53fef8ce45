//! An agent at work: their sessions, whether they take conversations, what they prefer and have read.

mod bulk;
mod decide;
mod event;
mod state;
#[cfg(test)]
mod tests;
mod times;

pub use bulk::{BULK_CONVERSATIONS_MAX, BULKS_MAX, Bulk, BulkAct, BulkEnd};
pub use decide::{Agent, Command, Rejection, SESSIONS_MAX};
pub use event::*;
pub use state::AgentState;
pub use times::{Presence, times};
