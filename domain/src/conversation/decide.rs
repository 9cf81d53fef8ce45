//! What may be asked of a conversation, and what follows. Who may ask is the gateway's to check, with the
//! roles and rights of the workspace; what stands here holds for everyone.

mod command;
mod marks;
mod messages;
mod ownership;
mod progress;
mod rejection;
mod rules;

pub use command::{Command, Opening, Outcome, Receive, ReplyContext, RuleAct, RuleOrder, SendReply, Then};
pub use rejection::Rejection;

use super::event::ConversationEvent;
use super::state::{KnownMessage, KnownNote, Queue, State};
use crate::decider::Decider;
use crate::fact::CommandMeta;
use crate::ids::{MessageId, NoteId};
use ConversationEvent as E;

/// The rules of a conversation.
pub struct Conversation;

type Decision = Result<Vec<ConversationEvent>, Rejection>;

impl Decider for Conversation {
    type State = State;
    type Command = Command;
    type Event = ConversationEvent;
    type Rejection = Rejection;

    fn decide(state: &State, meta: &CommandMeta, command: &Command) -> Decision {
        let may_begin = matches!(command, Command::Receive(_) | Command::RecordReply { .. } | Command::FollowUp(_));
        if state.started.is_none() && !may_begin {
            return Err(Rejection::NotStarted);
        }
        match command {
            Command::Receive(receive) => messages::receive(state, receive),
            Command::RecordReply { opening, reply } => Ok(messages::record_reply(state, *opening, reply)),
            Command::FollowUp(started) => progress::follow_up(state, *started),
            Command::SendReply(send) => messages::send_reply(state, meta, send),
            Command::ReportDelivery { reply, outcome } => messages::report_delivery(state, *reply, *outcome),
            Command::RetryDelivery { reply } => messages::retry_delivery(state, *reply),
            Command::Assign { to, cause } => ownership::assign(state, *to, *cause),
            Command::Unassign { cause } => Ok(ownership::unassign(state, *cause)),
            Command::Distribute { agent } => ownership::distribute(state, *agent),
            Command::Release { agent } => Ok(ownership::release(state, *agent)),
            Command::Pend { until } => progress::pend(state, meta, *until),
            Command::Resolve { reason, bulk } => Ok(progress::resolve(state, *reason, *bulk)),
            Command::ReturnToNew { cause } => progress::return_to_new(state, meta, *cause),
            Command::AddNote { note, content, on } => marks::add_note(state, *note, *content, *on),
            Command::EditNote { note, content } => marks::edit_note(state, *note, *content),
            Command::DeleteNote { note } => {
                let erased = known_note(state, *note)?.content.id;
                Ok(vec![E::NoteDeleted { note: *note, erased }])
            }
            Command::MaskNote { note } => {
                let known = known_note(state, *note)?;
                let event = E::NoteMasked { note: *note, erased: known.content.id };
                Ok(only_if(!known.masked, event))
            }
            Command::MaskMessage { message } => {
                let known = known_message(state, *message)?;
                let event = E::MessageMasked { message: *message, erased: known.contents() };
                Ok(only_if(!known.masked, event))
            }
            Command::MaskAttachment { message, attachment } => marks::mask_attachment(state, *message, *attachment),
            Command::Like { message } => marks::like(state, *message, true),
            Command::Unlike { message } => marks::like(state, *message, false),
            Command::BlockThread if !state.is_public() => Err(Rejection::ThreadNotPublic),
            Command::BlockThread => Ok(only_if(!state.blocked, E::ThreadBlocked)),
            Command::UnblockThread => Ok(only_if(state.blocked, E::ThreadUnblocked)),
            Command::AddTopic { topic } => Ok(only_if(!state.topics.contains(topic), E::TopicAdded { topic: *topic })),
            Command::RemoveTopic { topic } => {
                Ok(only_if(state.topics.contains(topic), E::TopicRemoved { topic: *topic }))
            }
            Command::SetPriority { priority } => {
                let event = E::PriorityChanged { priority: *priority, before: state.priority };
                Ok(only_if(state.priority != *priority, event))
            }
            Command::RecordBreach(breach) => {
                let known = state.breaches.contains(&(breach.clock, breach.metric));
                Ok(only_if(!known, E::SlaBreached(*breach)))
            }
            Command::ApplyRule(order) => Ok(rules::apply(state, order)),
            Command::Lock { agent } => ownership::lock(state, *agent),
            Command::TakeOverLock { agent } => ownership::take_over(state, *agent),
            Command::ReleaseLock { agent, cause } => {
                let event = E::LockReleased { agent: *agent, cause: *cause };
                Ok(only_if(state.lock == Some(*agent), event))
            }
        }
    }

    fn evolve(state: &mut State, event: &ConversationEvent) {
        state.apply(event);
    }
}

fn only_if(changes: bool, event: ConversationEvent) -> Vec<ConversationEvent> {
    if changes { vec![event] } else { Vec::new() }
}

fn known_message(state: &State, message: MessageId) -> Result<&KnownMessage, Rejection> {
    state.messages.get(&message).ok_or(Rejection::UnknownMessage(message))
}

fn unmasked_message(state: &State, message: MessageId) -> Result<&KnownMessage, Rejection> {
    let known = known_message(state, message)?;
    if known.masked { Err(Rejection::MaskedMessage(message)) } else { Ok(known) }
}

fn known_note(state: &State, note: NoteId) -> Result<&KnownNote, Rejection> {
    state.notes.get(&note).ok_or(Rejection::UnknownNote(note))
}

fn open(state: &State) -> Result<(), Rejection> {
    if state.queue == Queue::Resolved { Err(Rejection::AlreadyResolved) } else { Ok(()) }
}
