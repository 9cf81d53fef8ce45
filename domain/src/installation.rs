//! The installation: what was done with the log itself. There is one, with the nil id.

mod decide;
mod event;
mod state;
#[cfg(test)]
mod tests;

pub use decide::{Command, Installation, Rejection};
pub use event::*;
pub use state::InstallationState;
