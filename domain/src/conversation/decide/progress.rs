//! Where a conversation stands: begun again, pended, resolved, back in New.

use super::{Decision, Rejection, only_if, open, ownership};
use crate::conversation::event::{
    ConversationEvent, ConversationEvent as E, ReleaseCause, ResolveReason, ReturnCause, Started, UnassignmentCause,
};
use crate::conversation::state::{Queue, State};
use crate::fact::CommandMeta;
use crate::ids::BulkId;
use crate::time::Timestamp;

pub(super) fn follow_up(state: &State, started: Started) -> Decision {
    match state.started {
        None => Ok(vec![E::Started(started)]),
        Some(known) if known == started => Ok(Vec::new()),
        Some(_) => Err(Rejection::AlreadyStarted),
    }
}

pub(super) fn pend(state: &State, meta: &CommandMeta, until: Option<Timestamp>) -> Decision {
    open(state)?;
    if until.is_some_and(|until| until <= meta.at) {
        return Err(Rejection::UntilNotAhead);
    }
    if state.queue == Queue::Pending && state.pended_until == until {
        return Ok(Vec::new());
    }
    let release = ownership::release_lock(state, ReleaseCause::StateChanged);
    Ok(std::iter::once(E::Pended { until }).chain(release).collect())
}

pub(super) fn resolve(state: &State, reason: ResolveReason, bulk: Option<BulkId>) -> Vec<ConversationEvent> {
    if state.queue == Queue::Resolved {
        return Vec::new();
    }
    let mut events = vec![E::Resolved { reason, bulk }];
    events.extend(ownership::unassign(state, UnassignmentCause::Resolved));
    events.extend(ownership::release_lock(state, ReleaseCause::StateChanged));
    events
}

pub(super) fn return_to_new(state: &State, meta: &CommandMeta, cause: ReturnCause) -> Decision {
    if cause == ReturnCause::TimeCame && state.pended_until.is_none_or(|until| until > meta.at) {
        return Ok(Vec::new());
    }
    open(state)?;
    Ok(only_if(state.queue == Queue::Pending, E::ReturnedToNew { cause }))
}
