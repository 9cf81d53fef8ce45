//! Who owns a conversation and who has it open: assigned, distributed, taken back, locked, taken over.

use super::{Decision, Rejection, only_if, open};
use crate::conversation::event::{
    Assignee, AssignmentCause, ConversationEvent, ConversationEvent as E, ReleaseCause, UnassignmentCause,
};
use crate::conversation::state::{Queue, State};
use crate::ids::AgentId;

pub(super) fn assign(state: &State, to: Assignee, cause: AssignmentCause) -> Decision {
    open(state)?;
    let (unchanged, keeps_lock) = match to {
        Assignee::Agent(agent) => (state.agent == Some(agent), state.lock == Some(agent)),
        Assignee::Team(team) => (state.agent.is_none() && state.team == Some(team), false),
    };
    if unchanged {
        return Ok(Vec::new());
    }
    let release = if keeps_lock { None } else { release_lock(state, ReleaseCause::Reassigned) };
    Ok(std::iter::once(E::Assigned { to, cause }).chain(release).collect())
}

pub(super) fn unassign(state: &State, cause: UnassignmentCause) -> Vec<ConversationEvent> {
    only_if(state.is_owned(), E::Unassigned { cause })
}

pub(super) fn distribute(state: &State, agent: AgentId) -> Decision {
    if state.agent == Some(agent) {
        return Ok(Vec::new());
    }
    if state.queue != Queue::New || state.agent.is_some() {
        return Err(Rejection::NotWaiting);
    }
    match state.lock {
        Some(holder) if holder != agent => return Err(Rejection::LockedByOther(holder)),
        Some(_) | None => {}
    }
    let assigned = E::Assigned { to: Assignee::Agent(agent), cause: AssignmentCause::Distribution };
    let locked = state.lock.is_none().then_some(E::Locked { agent });
    Ok(std::iter::once(assigned).chain(locked).collect())
}

pub(super) fn release(state: &State, agent: AgentId) -> Vec<ConversationEvent> {
    if state.agent != Some(agent) || state.queue == Queue::Resolved {
        return Vec::new();
    }
    let left = match state.team {
        Some(team) => E::Assigned { to: Assignee::Team(team), cause: AssignmentCause::AgentLeft },
        None => E::Unassigned { cause: UnassignmentCause::AgentLeft },
    };
    let unlocked = release_lock(state, ReleaseCause::Reassigned).filter(|_| state.lock == Some(agent));
    std::iter::once(left).chain(unlocked).collect()
}

pub(super) fn release_lock(state: &State, cause: ReleaseCause) -> Option<ConversationEvent> {
    state.lock.map(|agent| E::LockReleased { agent, cause })
}

pub(super) fn lock(state: &State, agent: AgentId) -> Decision {
    open(state)?;
    match state.lock {
        None => Ok(vec![E::Locked { agent }]),
        Some(holder) if holder == agent => Ok(Vec::new()),
        Some(holder) => Err(Rejection::LockedByOther(holder)),
    }
}

pub(super) fn take_over(state: &State, agent: AgentId) -> Decision {
    open(state)?;
    Ok(match state.lock {
        None => vec![E::Locked { agent }],
        Some(from) => only_if(from != agent, E::LockTakenOver { from, to: agent }),
    })
}
