//! What is known of an agent at work, by folding their events.

use super::event::{AgentEvent, Availability, Preferences};
use crate::ids::{ConversationId, SessionId};
use std::collections::BTreeSet;

/// An agent as the facts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentState {
    /// The sessions that are open.
    pub sessions: BTreeSet<SessionId>,
    /// Whether they take conversations.
    pub availability: Availability,
    /// What they prefer.
    pub preferences: Preferences,
    /// The sequence of the last notification that they read, by partition; what is missing at the end is 0.
    pub read_up_to: Vec<u64>,
    /// The conversations in New that count against what they are given at most.
    pub holds: BTreeSet<ConversationId>,
    /// Whether their connection was lost, and they have not been heard of since.
    pub lost: bool,
}

impl AgentState {
    pub(super) fn take(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::SignedIn { session } => {
                self.sessions.insert(*session);
                self.lost = false;
            }
            AgentEvent::SignedOut { session, cause: _ } => {
                self.sessions.remove(session);
            }
            AgentEvent::AvailabilityChanged { availability, cause: _ } => self.availability = *availability,
            AgentEvent::PreferencesChanged { preferences } => self.preferences = preferences.clone(),
            AgentEvent::NotificationsRead { up_to } => self.read_up_to.clone_from(up_to),
            AgentEvent::ConversationClaimed { conversation, cause: _ } => {
                self.holds.insert(*conversation);
            }
            AgentEvent::ConversationFreed { conversation, cause: _ } => {
                self.holds.remove(conversation);
            }
            AgentEvent::ConnectionLost => self.lost = true,
            AgentEvent::ConnectionRestored => self.lost = false,
        }
    }
}
