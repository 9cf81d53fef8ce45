//! Why something may not happen to a conversation.

use crate::ids::{AgentId, AttachmentId, MessageId, NoteId};

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
