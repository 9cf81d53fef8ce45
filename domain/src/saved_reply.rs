//! A collection of saved replies: a team's, or an agent's own.

mod decide;
mod event;
mod state;
#[cfg(test)]
mod tests;

pub use decide::{Collection, Command, REPLIES_MAX, Rejection};
pub use event::*;
pub use state::CollectionState;
