//! What may be asked of a conversation. What follows is decided beside.

use crate::content::ContentRef;
use crate::conversation::event::{
    Assignee, AssignmentCause, DeliveryFailure, MessageReceived, ReleaseCause, ReplySent, ResolveReason, ReturnCause,
    SlaBreach, Started, UnassignmentCause,
};
use crate::ids::{AgentId, AttachmentId, BulkId, EventId, MessageId, NoteId, RuleId, TeamId, TopicId};
use crate::time::Timestamp;

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
    /// Do what a rule, which gives the command, asks.
    ApplyRule(RuleOrder),
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

/// What a rule asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOrder {
    /// The fact that set it off.
    pub trigger: EventId,
    /// The version of the conversation that the rule is for: if more has happened since, it is not.
    pub version: u64,
    /// What is to be done, in this order.
    pub acts: Vec<RuleAct>,
}

/// What a rule asks of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAct {
    /// Add a topic.
    AddTopic(TopicId),
    /// Remove a topic.
    RemoveTopic(TopicId),
    /// Assign it to a team, if no agent owns it.
    AssignTeam(TeamId),
    /// Say how urgent it is.
    SetPriority(i16),
    /// Answer, if no rule did since a person answered.
    Reply(ReplySent),
    /// Close it, because nobody did anything.
    Resolve,
    /// Bring it back to New, if it is pending.
    BringBack,
}
