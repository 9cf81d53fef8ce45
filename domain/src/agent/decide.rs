//! What may be asked of an agent at work, and what follows. Whether the account is open and an away state can
//! be chosen is the workspace's to say: see [`crate::workspace::WorkspaceState`].

use super::bulk::{BULK_CONVERSATIONS_MAX, BULKS_MAX, BulkAct, BulkEnd};
use super::event::{AgentEvent, Availability, AvailabilityCause, ClaimCause, FreeCause, Preferences, SignOutCause};
use super::state::AgentState;
use crate::decider::Decider;
use crate::fact::CommandMeta;
use crate::ids::{AwayStatusId, BulkId, ConversationId, SessionId};
use std::collections::BTreeSet;

/// The open sessions of one agent at most.
pub const SESSIONS_MAX: usize = 50;

/// What may be asked of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open a session. The first one sets the availability that the agent prefers.
    SignIn {
        /// A fresh id.
        session: SessionId,
    },
    /// End a session. With the last one the agent is away.
    SignOut {
        /// The session.
        session: SessionId,
        /// How it came about.
        cause: SignOutCause,
    },
    /// End all sessions, as when the account is closed.
    SignOutEverywhere {
        /// How it came about.
        cause: SignOutCause,
    },
    /// Take conversations from now on, or not.
    SetAvailability {
        /// The new availability.
        availability: Availability,
    },
    /// Leave an away state that can't be chosen any more, now and as what a sign-in sets.
    LeaveRetiredStatus {
        /// The state.
        status: AwayStatusId,
    },
    /// Prefer this from now on.
    ChangePreferences {
        /// All preferences.
        preferences: Preferences,
    },
    /// Count the notifications up to here as read; what was read stays read.
    ReadNotifications {
        /// The sequence of the last notification read, by partition.
        up_to: Vec<u64>,
    },
    /// Be given a conversation by distribution.
    Claim {
        /// The conversation.
        conversation: ConversationId,
        /// The conversations in New that the workspace gives an agent at most.
        held_max: usize,
    },
    /// Count a conversation in New that the agent owns, however many there are.
    Count {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Count a conversation no longer.
    Free {
        /// The conversation.
        conversation: ConversationId,
        /// Why.
        cause: FreeCause,
    },
    /// Take nothing any more, because nobody is at the screen.
    LoseConnection,
    /// Be at the screen again.
    RestoreConnection,
    /// Begin a bulk act.
    BeginBulk {
        /// The act.
        bulk: BulkId,
        /// What is done to each conversation.
        act: BulkAct,
        /// To which; one that is named twice counts once.
        conversations: Vec<ConversationId>,
    },
    /// Say that a bulk act is over; said of one that is not under way, it changes nothing.
    EndBulk {
        /// The act.
        bulk: BulkId,
        /// How it ended.
        end: BulkEnd,
    },
}

/// Why what was asked of an agent may not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Who is not there takes no conversations.
    #[error("an agent who is not signed in can't be available; sign in first")]
    NotSignedIn,
    /// More sessions than anyone needs.
    #[error("{SESSIONS_MAX} sessions are open already; sign out of one first")]
    TooManySessions,
    /// They take no conversations now.
    #[error("the agent is not available")]
    NotAvailable,
    /// A bulk act of nothing, or of more than one takes.
    #[error("a bulk act takes 1 to {BULK_CONVERSATIONS_MAX} conversations; narrow the selection")]
    BulkOutOfBounds,
    /// More bulk acts than one agent can look after.
    #[error("{BULKS_MAX} bulk acts are under way; wait for one of them, or cancel it")]
    TooManyBulks,
    /// They have as many as they are given at most.
    #[error("the agent has as many conversations in New as the workspace gives at most")]
    NoRoom,
}

/// The rules of an agent.
pub struct Agent;

impl Decider for Agent {
    type State = AgentState;
    type Command = Command;
    type Event = AgentEvent;
    type Rejection = Rejection;

    fn decide(state: &AgentState, _: &CommandMeta, command: &Command) -> Result<Vec<AgentEvent>, Rejection> {
        Ok(match command {
            Command::SignIn { session } => return sign_in(state, *session),
            Command::SignOut { session, cause } if state.sessions.contains(session) => {
                sign_out(state, [*session], *cause)
            }
            Command::SignOutEverywhere { cause } => sign_out(state, state.sessions.iter().copied(), *cause),
            Command::SetAvailability { availability: Availability::Available } if state.sessions.is_empty() => {
                return Err(Rejection::NotSignedIn);
            }
            Command::SetAvailability { availability } => {
                availability_changes(state, *availability, AvailabilityCause::ByHand).into_iter().collect()
            }
            Command::LeaveRetiredStatus { status } => leave_retired(state, *status),
            Command::ChangePreferences { preferences } if *preferences != state.preferences => {
                vec![AgentEvent::PreferencesChanged { preferences: preferences.clone() }]
            }
            Command::ReadNotifications { up_to } => read(state, up_to).into_iter().collect(),
            Command::Claim { conversation, held_max } => return claim(state, *conversation, *held_max),
            Command::Count { conversation } => counts(state, *conversation, ClaimCause::Owned).into_iter().collect(),
            Command::Free { conversation, cause } if state.holds.contains(conversation) => {
                vec![AgentEvent::ConversationFreed { conversation: *conversation, cause: *cause }]
            }
            Command::LoseConnection if !state.lost && !state.sessions.is_empty() => lose_connection(state),
            Command::BeginBulk { bulk, act, conversations } => return begin_bulk(state, *bulk, *act, conversations),
            Command::EndBulk { bulk, end } if state.bulks.contains_key(bulk) => {
                vec![AgentEvent::BulkEnded { bulk: *bulk, end: *end }]
            }
            Command::RestoreConnection if state.lost => vec![AgentEvent::ConnectionRestored],
            Command::SignOut { .. }
            | Command::ChangePreferences { .. }
            | Command::Free { .. }
            | Command::LoseConnection
            | Command::RestoreConnection
            | Command::EndBulk { .. } => Vec::new(),
        })
    }

    fn evolve(state: &mut AgentState, event: &AgentEvent) {
        state.take(event);
    }
}

/// A second session, on another screen, leaves alone what the agent chose in the first.
fn sign_in(state: &AgentState, session: SessionId) -> Result<Vec<AgentEvent>, Rejection> {
    if state.sessions.contains(&session) {
        return Ok(Vec::new());
    }
    if state.sessions.len() >= SESSIONS_MAX {
        return Err(Rejection::TooManySessions);
    }
    let mut events = vec![AgentEvent::SignedIn { session }];
    if state.sessions.is_empty() {
        events.extend(availability_changes(state, state.preferences.default_availability, AvailabilityCause::SignIn));
    }
    Ok(events)
}

/// `sessions` are open.
fn sign_out(state: &AgentState, sessions: impl IntoIterator<Item = SessionId>, cause: SignOutCause) -> Vec<AgentEvent> {
    let mut events: Vec<_> = sessions.into_iter().map(|session| AgentEvent::SignedOut { session, cause }).collect();
    if !events.is_empty() && events.len() == state.sessions.len() {
        events.extend(availability_changes(state, Availability::Away, AvailabilityCause::SignOut));
    }
    events
}

fn lose_connection(state: &AgentState) -> Vec<AgentEvent> {
    let takes = state.availability == Availability::Available;
    let away =
        AgentEvent::AvailabilityChanged { availability: Availability::Away, cause: AvailabilityCause::ConnectionLost };
    std::iter::once(AgentEvent::ConnectionLost).chain(takes.then_some(away)).collect()
}

fn availability_changes(
    state: &AgentState,
    availability: Availability,
    cause: AvailabilityCause,
) -> Option<AgentEvent> {
    (state.availability != availability).then_some(AgentEvent::AvailabilityChanged { availability, cause })
}

fn claim(state: &AgentState, conversation: ConversationId, held_max: usize) -> Result<Vec<AgentEvent>, Rejection> {
    let claimed = counts(state, conversation, ClaimCause::Distribution);
    if claimed.is_some() && state.availability != Availability::Available {
        return Err(Rejection::NotAvailable);
    }
    if claimed.is_some() && state.holds.len() >= held_max {
        return Err(Rejection::NoRoom);
    }
    Ok(claimed.into_iter().collect())
}

fn counts(state: &AgentState, conversation: ConversationId, cause: ClaimCause) -> Option<AgentEvent> {
    let held = state.holds.contains(&conversation);
    (!held).then_some(AgentEvent::ConversationClaimed { conversation, cause })
}

fn begin_bulk(
    state: &AgentState,
    bulk: BulkId,
    act: BulkAct,
    conversations: &[ConversationId],
) -> Result<Vec<AgentEvent>, Rejection> {
    if state.bulks.contains_key(&bulk) {
        return Ok(Vec::new());
    }
    let mut seen = BTreeSet::new();
    let once: Vec<_> = conversations.iter().copied().filter(|conversation| seen.insert(*conversation)).collect();
    if once.is_empty() || once.len() > BULK_CONVERSATIONS_MAX {
        return Err(Rejection::BulkOutOfBounds);
    }
    if state.bulks.len() >= BULKS_MAX {
        return Err(Rejection::TooManyBulks);
    }
    Ok(vec![AgentEvent::BulkBegun { bulk, act, conversations: once }])
}

fn leave_retired(state: &AgentState, status: AwayStatusId) -> Vec<AgentEvent> {
    let retired = Availability::AwayFor(status);
    let mut events = Vec::new();
    if state.availability == retired {
        events.extend(availability_changes(state, Availability::Away, AvailabilityCause::StatusRetired));
    }
    if state.preferences.default_availability == retired {
        let preferences = Preferences { default_availability: Availability::Away, ..state.preferences.clone() };
        events.push(AgentEvent::PreferencesChanged { preferences });
    }
    events
}

fn read(state: &AgentState, up_to: &[u64]) -> Option<AgentEvent> {
    // What was read when the log had another number of partitions says nothing of this one's positions.
    let before: &[u64] = if state.read_up_to.len() == up_to.len() { &state.read_up_to } else { &[] };
    let at = |list: &[u64], index: usize| list.get(index).copied().unwrap_or(0);
    let furthest: Vec<u64> = (0..up_to.len()).map(|index| at(before, index).max(at(up_to, index))).collect();
    let moved = (0..furthest.len()).any(|index| at(before, index) < furthest[index]);
    moved.then_some(AgentEvent::NotificationsRead { up_to: furthest })
}
