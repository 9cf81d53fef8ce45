//! Messages in and out: what comes from the contact, what we answer, what the channel makes of it.

use super::super::event::{
    Assignee, AssignmentCause, ConversationEvent as E, ReplyMode, ReplySent, ReturnCause, Visibility,
};
use super::super::state::{Delivery, Direction, Queue, State};
use super::progress::{pend, resolve};
use super::{Decision, Opening, Outcome, Receive, Rejection, SendReply, Then, known_message, open, unmasked_message};
use crate::fact::CommandMeta;
use crate::ids::MessageId;

pub(super) fn receive(state: &State, receive: &Receive) -> Decision {
    let message = receive.message.message;
    if state.messages.contains_key(&message) || state.refused.contains(&message) {
        return Ok(Vec::new());
    }
    if state.blocked {
        return Ok(vec![E::MessageRefused { message }]);
    }
    if state.started.is_some_and(|started| started.contact != receive.opening.started.contact) {
        return Err(Rejection::BelongsElsewhere);
    }
    if state.queue == Queue::Resolved && !receive.reopens {
        return Err(Rejection::AlreadyResolved);
    }
    let mut events = begin(state, receive.opening);
    events.push(E::MessageReceived(receive.message.clone()));
    let redactions = receive.redactions.iter();
    events.extend(redactions.map(|&(rule, places)| E::MessageRedacted { message, rule, places }));
    events.extend(match state.queue {
        Queue::New => None,
        Queue::Pending => Some(E::ReturnedToNew { cause: ReturnCause::ContactReplied }),
        Queue::Resolved => Some(E::ReturnedToNew { cause: ReturnCause::Reopened }),
    });
    Ok(events)
}

/// The events that begin a conversation which has not begun.
fn begin(state: &State, opening: Opening) -> Vec<E> {
    if state.started.is_some() {
        return Vec::new();
    }
    let assigned = |team| E::Assigned { to: Assignee::Team(team), cause: AssignmentCause::Channel };
    std::iter::once(E::Started(opening.started)).chain(opening.team.map(assigned)).collect()
}

pub(super) fn record_reply(state: &State, opening: Opening, reply: &ReplySent) -> Vec<E> {
    if state.messages.contains_key(&reply.reply) {
        return Vec::new();
    }
    let mut events = begin(state, opening);
    events.push(E::ReplySent(reply.clone()));
    events
}

pub(super) fn send_reply(state: &State, meta: &CommandMeta, send: &SendReply) -> Decision {
    let SendReply { reply, context, then } = send;
    if state.messages.contains_key(&reply.reply) {
        return Ok(Vec::new());
    }
    open(state)?;
    match (state.lock, context.agent) {
        (Some(holder), Some(writer)) if holder != writer => return Err(Rejection::LockedByOther(holder)),
        (Some(_) | None, _) => {}
    }
    match reply.mode {
        ReplyMode::Plain => {}
        ReplyMode::To(message) => {
            unmasked_message(state, message)?;
        }
        ReplyMode::Quoting(message) => {
            let quoted = unmasked_message(state, message)?;
            if quoted.visibility == Visibility::Private && reply.kind.visibility() == Visibility::Public {
                return Err(Rejection::NotPublic(message));
            }
        }
    }
    let newer = state.received_after(context.seen);
    if !newer.is_empty() {
        return Err(Rejection::NewerMessages(newer));
    }

    let mut events = vec![E::ReplySent(reply.clone())];
    let mut after = state.clone();
    if let (Some(agent), None, true) = (context.agent, state.agent, context.first_response_assigns) {
        events.push(E::Assigned { to: Assignee::Agent(agent), cause: AssignmentCause::FirstResponse });
        after.agent = Some(agent);
    }
    events.extend(match then {
        Then::Stay => Vec::new(),
        Then::Pend(until) => pend(&after, meta, *until)?,
        Then::Resolve(reason) => resolve(&after, *reason, None),
    });
    Ok(events)
}

pub(super) fn report_delivery(state: &State, reply: MessageId, outcome: Outcome) -> Decision {
    let known = known_message(state, reply)?;
    if known.direction != Direction::Out {
        return Err(Rejection::NotAReply(reply));
    }
    Ok(match outcome {
        Outcome::Accepted { .. } if known.delivery == Some(Delivery::Accepted) => Vec::new(),
        // What the channel says of a masked reply could give back its link.
        Outcome::Accepted { receipt } => {
            vec![E::DeliveryAccepted { reply, receipt: receipt.filter(|_| !known.masked) }]
        }
        Outcome::Failed(cause) if known.delivery == Some(Delivery::Failed(cause)) => Vec::new(),
        Outcome::Failed(cause) => vec![E::DeliveryFailed { reply, cause }],
    })
}

pub(super) fn retry_delivery(state: &State, reply: MessageId) -> Decision {
    match unmasked_message(state, reply)?.delivery {
        Some(Delivery::Failed(_)) => Ok(vec![E::DeliveryRetried { reply }]),
        Some(Delivery::Waiting) => Ok(Vec::new()),
        Some(Delivery::Accepted) | None => Err(Rejection::NothingToRetry(reply)),
    }
}
