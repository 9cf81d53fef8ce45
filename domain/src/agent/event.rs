//! What can happen to an agent at work. Accounts, roles and rights are the workspace's.

use crate::ids::{AwayStatusId, SessionId};
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
        /// The sequence of the last notification read, by partition.
        up_to: Vec<u64>,
    },
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
