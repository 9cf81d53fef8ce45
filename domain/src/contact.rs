//! A contact: who writes to us on a channel, what we know of them, and whether we take what they write.

mod decide;
mod event;
mod state;
#[cfg(test)]
mod tests;

pub use decide::{Command, Contact, Rejection};
pub use event::*;
pub use state::{ContactState, Known};
