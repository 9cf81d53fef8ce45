//! What may be asked of a conversation, and what follows. Who may ask is the gateway's to check, with the
//! roles and rights of the workspace; what stands here holds for everyone.

mod messages;

use super::event::{
    Assignee, AssignmentCause, ConversationEvent, DeliveryFailure, MessageReceived, ReleaseCause, ReplySent,
    ResolveReason, ReturnCause, SlaBreach, Started, UnassignmentCause, Visibility,
};
use super::state::{Direction, KnownMessage, KnownNote, Queue, State, attachment_contents};
use crate::content::ContentRef;
use crate::decider::Decider;
use crate::fact::CommandMeta;
use crate::ids::{AgentId, AttachmentId, BulkId, MessageId, NoteId, RuleId, TeamId, TopicId};
use crate::time::Timestamp;
use ConversationEvent as E;

/// The rules of a conversation.
pub struct Conversation;

/// What may be asked of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take in a message of the contact.
    Receive(Receive),
    /// Take note of a reply that was written on the channel itself.
    RecordReply {
        /// How the conversation begins, if this is its first message.
        opening: Opening,
        /// The reply; its origin is the channel.
        reply: ReplySent,
    },
    /// Answer.
    SendReply(SendReply),
    /// Say what the channel made of a reply.
    ReportDelivery {
        /// The reply.
        reply: MessageId,
        /// What the channel made of it.
        outcome: Outcome,
    },
    /// Have a reply that the channel did not take delivered again.
    RetryDelivery {
        /// The reply.
        reply: MessageId,
    },
    /// Give the conversation to an agent or a team.
    Assign {
        /// To whom.
        to: Assignee,
        /// How it comes about.
        cause: AssignmentCause,
    },
    /// Take the conversation from whoever has it.
    Unassign {
        /// How it comes about.
        cause: UnassignmentCause,
    },
    /// Give it to an agent because it is the first that waits, open for writing.
    Distribute {
        /// To whom.
        agent: AgentId,
    },
    /// Take it from an agent who left: it is its team's again, or nobody's. Asked for another's, it changes nothing.
    Release {
        /// Who left.
        agent: AgentId,
    },
    /// Let it wait.
    Pend {
        /// Until when, if not only for the contact.
        until: Option<Timestamp>,
    },
    /// Close it.
    Resolve {
        /// Why.
        reason: ResolveReason,
        /// The bulk act that asks it.
        bulk: Option<BulkId>,
    },
    /// Bring a pending one back to New.
    ReturnToNew {
        /// How it comes about.
        cause: ReturnCause,
    },
    /// Begin the next conversation of a thread without a message of the contact.
    FollowUp(Started),
    /// Write a note.
    AddNote {
        /// Its id.
        note: NoteId,
        /// Its text.
        content: ContentRef,
        /// The message that it stands at, if at one.
        on: Option<MessageId>,
    },
    /// Rewrite a note.
    EditNote {
        /// The note.
        note: NoteId,
        /// Its new text.
        content: ContentRef,
    },
    /// Delete a note.
    DeleteNote {
        /// The note.
        note: NoteId,
    },
    /// Erase what a note says.
    MaskNote {
        /// The note.
        note: NoteId,
    },
    /// Erase what a message says and what came with it.
    MaskMessage {
        /// The message.
        message: MessageId,
    },
    /// Erase one attachment.
    MaskAttachment {
        /// The message that it belongs to.
        message: MessageId,
        /// The attachment.
        attachment: AttachmentId,
    },
    /// Like a public message of the contact.
    Like {
        /// The message.
        message: MessageId,
    },
    /// Take a like back.
    Unlike {
        /// The message.
        message: MessageId,
    },
    /// Refuse further messages of a public thread.
    BlockThread,
    /// Take messages of the thread in again.
    UnblockThread,
    /// Add a topic.
    AddTopic {
        /// The topic.
        topic: TopicId,
    },
    /// Remove a topic.
    RemoveTopic {
        /// The topic.
        topic: TopicId,
    },
    /// Say how urgent it is.
    SetPriority {
        /// Higher comes first, 0 is ordinary.
        priority: i16,
    },
    /// Record that a service level was missed; given at the due instant.
    RecordBreach(SlaBreach),
    /// Open it for writing.
    Lock {
        /// Who opens it.
        agent: AgentId,
    },
    /// Open it for writing, whoever has it open.
    TakeOverLock {
        /// Who takes it.
        agent: AgentId,
    },
    /// No longer have it open; asked for one who has not, it changes nothing.
    ReleaseLock {
        /// Who had it.
        agent: AgentId,
        /// How it comes about.
        cause: ReleaseCause,
    },
}

/// A message of the contact, and what its channel's settings say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receive {
    /// How the conversation begins, if this is its first message.
    pub opening: Opening,
    /// The message.
    pub message: MessageReceived,
    /// What was replaced in it before it was sealed: by which rule, in how many places.
    pub redactions: Vec<(Option<RuleId>, u32)>,
    /// Whether a resolved conversation is reopened by it.
    pub reopens: bool,
}

/// How a conversation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its first event.
    pub started: Started,
    /// The team that its channel gives new conversations to.
    pub team: Option<TeamId>,
}

/// An answer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendReply {
    /// The reply.
    pub reply: ReplySent,
    /// Who writes it, and what they have seen.
    pub context: ReplyContext,
    /// What happens to the conversation with it.
    pub then: Then,
}

/// Who writes a reply, and against what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyContext {
    /// The agent who writes; none for a rule.
    pub agent: Option<AgentId>,
    /// The version of the conversation that the writer had before them.
    pub seen: u64,
    /// Whether the writer becomes the owner of a conversation that no agent owns.
    pub first_response_assigns: bool,
}

/// What happens to a conversation when a reply is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// It stays where it is.
    #[default]
    Stay,
    /// It is pended.
    Pend(Option<Timestamp>),
    /// It is resolved.
    Resolve(ResolveReason),
}

/// What a channel made of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took it.
    Accepted {
        /// What it calls it, and its link.
        receipt: Option<ContentRef>,
    },
    /// It did not.
    Failed(DeliveryFailure),
}

/// Why something may not happen to a conversation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such conversation.
    #[error("there is no such conversation")]
    NotStarted,
    /// It is resolved, and what was asked needs an open one.
    #[error("the conversation is resolved; start a follow-up to go on with the contact")]
    AlreadyResolved,
    /// The contact wrote after what the writer had seen.
    #[error("the contact wrote in the meantime; read the newer messages, then send again")]
    NewerMessages(Vec<MessageId>),
    /// Another agent has it open.
    #[error("another agent has the conversation open; take it over to reply")]
    LockedByOther(AgentId),
    /// There is no such message in it.
    #[error("there is no such message in this conversation")]
    UnknownMessage(MessageId),
    /// The message is masked: nothing refers to it any more.
    #[error("the message is masked; nothing can be done with it any more")]
    MaskedMessage(MessageId),
    /// There is no such attachment at the message.
    #[error("the message has no such attachment, or it is masked")]
    UnknownAttachment(AttachmentId),
    /// There is no such note in it.
    #[error("there is no such note in this conversation, or it was deleted")]
    UnknownNote(NoteId),
    /// The note is masked.
    #[error("the note is masked; it can only be deleted")]
    MaskedNote(NoteId),
    /// Only public messages can be liked.
    #[error("only public messages can be liked or quoted in public")]
    NotPublic(MessageId),
    /// Only public threads can be blocked.
    #[error("only public threads can be blocked; in private, block the contact")]
    ThreadNotPublic,
    /// It was written by us.
    #[error("this works for messages of the contact only")]
    NotFromContact(MessageId),
    /// A message of ours was meant.
    #[error("this works for our own replies only")]
    NotAReply(MessageId),
    /// The reply was not refused by the channel.
    #[error("the reply did not fail; there is nothing to deliver again")]
    NothingToRetry(MessageId),
    /// The instant to wait for is not ahead.
    #[error("the instant to wait for has passed; choose one that lies ahead")]
    UntilNotAhead,
    /// It is already going on.
    #[error("the conversation has already begun")]
    AlreadyStarted,
    /// A message of another contact came for a thread that is not blocked.
    #[error("the thread is not blocked; the message belongs to its own contact's conversation")]
    BelongsElsewhere,
    /// It needs nobody now, or has somebody.
    #[error("the conversation does not wait for an agent")]
    NotWaiting,
}

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
            Command::FollowUp(started) => follow_up(state, *started),
            Command::SendReply(send) => messages::send_reply(state, meta, send),
            Command::ReportDelivery { reply, outcome } => messages::report_delivery(state, *reply, *outcome),
            Command::RetryDelivery { reply } => messages::retry_delivery(state, *reply),
            Command::Assign { to, cause } => assign(state, *to, *cause),
            Command::Unassign { cause } => Ok(unassign(state, *cause)),
            Command::Distribute { agent } => distribute(state, *agent),
            Command::Release { agent } => Ok(release(state, *agent)),
            Command::Pend { until } => pend(state, meta, *until),
            Command::Resolve { reason, bulk } => Ok(resolve(state, *reason, *bulk)),
            Command::ReturnToNew { cause } => return_to_new(state, meta, *cause),
            Command::AddNote { note, content, on } => add_note(state, *note, *content, *on),
            Command::EditNote { note, content } => edit_note(state, *note, *content),
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
            Command::MaskAttachment { message, attachment } => mask_attachment(state, *message, *attachment),
            Command::Like { message } => like(state, *message, true),
            Command::Unlike { message } => like(state, *message, false),
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
            Command::Lock { agent } => lock(state, *agent),
            Command::TakeOverLock { agent } => take_over(state, *agent),
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

fn follow_up(state: &State, started: Started) -> Decision {
    match state.started {
        None => Ok(vec![E::Started(started)]),
        Some(known) if known == started => Ok(Vec::new()),
        Some(_) => Err(Rejection::AlreadyStarted),
    }
}

fn assign(state: &State, to: Assignee, cause: AssignmentCause) -> Decision {
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

fn unassign(state: &State, cause: UnassignmentCause) -> Vec<ConversationEvent> {
    only_if(state.is_owned(), E::Unassigned { cause })
}

fn distribute(state: &State, agent: AgentId) -> Decision {
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

fn release(state: &State, agent: AgentId) -> Vec<ConversationEvent> {
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

fn release_lock(state: &State, cause: ReleaseCause) -> Option<ConversationEvent> {
    state.lock.map(|agent| E::LockReleased { agent, cause })
}

fn pend(state: &State, meta: &CommandMeta, until: Option<Timestamp>) -> Decision {
    open(state)?;
    if until.is_some_and(|until| until <= meta.at) {
        return Err(Rejection::UntilNotAhead);
    }
    if state.queue == Queue::Pending && state.pended_until == until {
        return Ok(Vec::new());
    }
    let release = release_lock(state, ReleaseCause::StateChanged);
    Ok(std::iter::once(E::Pended { until }).chain(release).collect())
}

fn resolve(state: &State, reason: ResolveReason, bulk: Option<BulkId>) -> Vec<ConversationEvent> {
    if state.queue == Queue::Resolved {
        return Vec::new();
    }
    let mut events = vec![E::Resolved { reason, bulk }];
    events.extend(unassign(state, UnassignmentCause::Resolved));
    events.extend(release_lock(state, ReleaseCause::StateChanged));
    events
}

fn return_to_new(state: &State, meta: &CommandMeta, cause: ReturnCause) -> Decision {
    if cause == ReturnCause::TimeCame && state.pended_until.is_none_or(|until| until > meta.at) {
        return Ok(Vec::new());
    }
    open(state)?;
    Ok(only_if(state.queue == Queue::Pending, E::ReturnedToNew { cause }))
}

fn add_note(state: &State, note: NoteId, content: ContentRef, on: Option<MessageId>) -> Decision {
    if let Some(message) = on {
        unmasked_message(state, message)?;
    }
    Ok(only_if(!state.notes.contains_key(&note), E::NoteAdded { note, content, on }))
}

fn edit_note(state: &State, note: NoteId, content: ContentRef) -> Decision {
    let known = known_note(state, note)?;
    if known.masked {
        return Err(Rejection::MaskedNote(note));
    }
    let event = E::NoteEdited { note, content, erased: known.content.id };
    Ok(only_if(known.content != content, event))
}

fn mask_attachment(state: &State, message: MessageId, attachment: AttachmentId) -> Decision {
    let known = unmasked_message(state, message)?;
    let found = known.attachments.iter().find(|found| found.id == attachment);
    let found = found.ok_or(Rejection::UnknownAttachment(attachment))?;
    Ok(vec![E::AttachmentMasked { message, attachment, erased: attachment_contents(found).to_vec() }])
}

fn like(state: &State, message: MessageId, liked: bool) -> Decision {
    let known = unmasked_message(state, message)?;
    if known.direction != Direction::In {
        return Err(Rejection::NotFromContact(message));
    }
    if known.visibility != Visibility::Public {
        return Err(Rejection::NotPublic(message));
    }
    let event = if liked { E::MessageLiked { message } } else { E::MessageUnliked { message } };
    Ok(only_if(known.liked != liked, event))
}

fn lock(state: &State, agent: AgentId) -> Decision {
    open(state)?;
    match state.lock {
        None => Ok(vec![E::Locked { agent }]),
        Some(holder) if holder == agent => Ok(Vec::new()),
        Some(holder) => Err(Rejection::LockedByOther(holder)),
    }
}

fn take_over(state: &State, agent: AgentId) -> Decision {
    open(state)?;
    Ok(match state.lock {
        None => vec![E::Locked { agent }],
        Some(from) => only_if(from != agent, E::LockTakenOver { from, to: agent }),
    })
}
