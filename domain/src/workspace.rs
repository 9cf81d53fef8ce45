//! The workspace: everything that is set up rather than worked on. There is one, with the nil id.
//! Its state is the settings view that a gateway holds in memory and asks who may do what.

mod attribute;
mod decide;
mod event;
mod evolve;
mod redactions;
mod state;
mod team;
#[cfg(test)]
mod tests;

pub use attribute::VALUE_CHARACTERS_MAX;
pub use decide::{
    CALENDARS_MAX, CHANNELS_MAX, Command, REDACTION_PATTERNS_MAX, Rejection, SLA_POLICIES_MAX, TEAMS_MAX,
    TOKENS_PER_ACCOUNT_MAX, Thing, Workspace,
};
pub use event::*;
pub use redactions::{Redaction, Redactions};
pub use state::{Account, Attribute, Catalog, Channel, Named, Team, Token, WorkspaceState};
