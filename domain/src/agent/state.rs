//! What is known of an agent at work, by folding their events.

use super::bulk::Bulk;
use super::event::{AgentEvent, Availability, AvailabilityCause, Preferences};
use crate::ids::{BulkId, ConversationId, SessionId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An agent as the facts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Their bulk acts that are not over.
    pub bulks: BTreeMap<BulkId, Arc<Bulk>>,
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
            AgentEvent::AvailabilityChanged { availability, cause } => {
                self.availability = *availability;
                // Who chooses it is there.
                self.lost &= *cause != AvailabilityCause::ByHand;
            }
            AgentEvent::PreferencesChanged { preferences } => self.preferences = preferences.clone(),
            AgentEvent::NotificationsRead { up_to } => self.read_up_to.clone_from(up_to),
            AgentEvent::ConversationClaimed { conversation, cause: _ } => {
                self.holds.insert(*conversation);
            }
            AgentEvent::ConversationFreed { conversation, cause: _ } => {
                self.holds.remove(conversation);
            }
            AgentEvent::BulkBegun { bulk, act, conversations } => {
                let begun = Bulk { act: *act, conversations: conversations.clone() };
                self.bulks.insert(*bulk, Arc::new(begun));
            }
            AgentEvent::BulkEnded { bulk, end: _ } => {
                self.bulks.remove(bulk);
            }
            AgentEvent::ConnectionLost => self.lost = true,
            AgentEvent::ConnectionRestored => self.lost = false,
        }
    }
}
