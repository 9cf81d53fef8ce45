//! What can happen to an agent at work. Accounts, roles and rights are the workspace's.

use super::bulk::{BulkAct, BulkEnd};
use crate::ids::{AwayStatusId, BulkId, ConversationId, SessionId};
use crate::tagged::tagged;
use serde::{Deserialize, Serialize};

/// An event of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentEvent {
    /// The agent signed in.
    SignedIn {
        /// The new session.
        session: SessionId,
    },
    /// A session of the agent ended.
    SignedOut {
        /// The session.
        session: SessionId,
        /// How it came about.
        cause: SignOutCause,
    },
    /// The agent takes conversations, or not.
    AvailabilityChanged {
        /// The new availability.
        availability: Availability,
        /// How it came about.
        cause: AvailabilityCause,
    },
    /// The agent's preferences are now these.
    PreferencesChanged {
        /// All of them.
        preferences: Preferences,
    },
    /// The agent has read what was notified up to here.
    NotificationsRead {
        /// The sequence of the last notification read, by partition: as many as the log had when this was written. Once
        /// it has another number, they name places of a log that was (ADR 0014).
        up_to: Vec<u64>,
    },
    /// The agent has a conversation in New: it counts against what they are given at most.
    ConversationClaimed {
        /// The conversation.
        conversation: ConversationId,
        /// How it came about.
        cause: ClaimCause,
    },
    /// A conversation counts against the agent's limit no longer.
    ConversationFreed {
        /// The conversation.
        conversation: ConversationId,
        /// How it came about.
        cause: FreeCause,
    },
    /// No screen of the agent was connected for longer than the workspace allows.
    ConnectionLost,
    /// A screen of the agent is connected again.
    ConnectionRestored,
    /// The agent began a bulk act; its lines stand in the conversations and name it.
    BulkBegun {
        /// The act.
        bulk: BulkId,
        /// What is done to each conversation.
        act: BulkAct,
        /// To which, in order.
        conversations: Vec<ConversationId>,
    },
    /// A bulk act is over.
    BulkEnded {
        /// The act.
        bulk: BulkId,
        /// How it ended.
        end: BulkEnd,
    },
}

/// How an agent came to have a conversation in New.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClaimCause {
    /// They were available, and it was the first that waited: it was given to them in the same commit.
    Distribution,
    /// They own it for another reason: by hand, by answering first, or because theirs came back to New.
    Owned,
}

/// Why a conversation counts no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FreeCause {
    /// It waits for the contact, or for work of ours.
    Pended,
    /// It is done.
    Resolved,
    /// Nobody or somebody else owns it now.
    Reassigned,
}

/// Whether an agent takes conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", content = "status")]
pub enum Availability {
    /// Takes conversations.
    Available,
    /// Takes none.
    #[default]
    Away,
    /// Takes none, for a reason that the organisation defined.
    AwayFor(AwayStatusId),
}

tagged!(Availability: kind, status { Available, Away } { AwayFor(AwayStatusId) });

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignOutCause {
    /// The agent signed out.
    ByHand,
    /// The session expired.
    Expired,
    /// An administrator ended it, or closed the account.
    Revoked,
    /// The connection was lost for longer than the workspace allows.
    ConnectionLost,
}

/// How an availability came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AvailabilityCause {
    /// The agent, or a supervisor, chose it.
    ByHand,
    /// The agent's default at sign-in.
    SignIn,
    /// The agent's last session ended.
    SignOut,
    /// The away state that the agent was in was retired.
    StatusRetired,
    /// The agent's connection was lost for longer than the workspace allows.
    ConnectionLost,
}

/// What an agent prefers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Preferences {
    /// The availability that a sign-in sets.
    pub default_availability: Availability,
    /// The language of the screen; none for the browser's.
    pub language: Option<Language>,
    /// The colours of the screen.
    pub theme: Theme,
    /// Whether the desktop may show notifications.
    pub desktop_notifications: bool,
    /// Whether the audit trail is shown in conversations.
    pub show_audit_trail: bool,
}

/// A language of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
}

/// Colours of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// What the desktop prefers.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}
