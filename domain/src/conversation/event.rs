//! What can happen to a conversation.

use crate::content::{Commitment, ContentId, ContentRef};
use crate::derive;
use crate::ids::{
    AgentId, AttachmentId, BulkId, ChannelId, CommandId, ContactId, ConversationId, EventId, GroupId, MessageId,
    NoteId, PublicRootId, RuleId, SlaPolicyId, TeamId, ThreadId, TopicId,
};
use crate::sla::Metric;
use crate::tagged::tagged;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An event of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConversationEvent {
    /// A contact wrote where no conversation was open, or an agent took up a resolved one again.
    Started(Started),
    /// A message of the contact came in.
    MessageReceived(MessageReceived),
    /// A message of the blocked thread was not taken in; the channel may show it all the same.
    MessageRefused {
        /// The message.
        message: MessageId,
    },
    /// A rule replaced parts of an inbound message before it was stored.
    MessageRedacted {
        /// The message.
        message: MessageId,
        /// By which rule; none for the built-in one for payment card numbers.
        rule: Option<RuleId>,
        /// How many places were replaced.
        places: u32,
    },
    /// We answered.
    ReplySent(ReplySent),
    /// The channel took a reply.
    DeliveryAccepted {
        /// The reply.
        reply: MessageId,
        /// What the channel calls it, and its public link; a [`crate::plaintext::Delivery`].
        receipt: Option<ContentRef>,
    },
    /// The channel did not take a reply.
    DeliveryFailed {
        /// The reply.
        reply: MessageId,
        /// Why.
        cause: DeliveryFailure,
    },
    /// A reply that the channel did not take is to be delivered again.
    DeliveryRetried {
        /// The reply.
        reply: MessageId,
    },
    /// An agent or a team was given the conversation.
    Assigned {
        /// To whom.
        to: Assignee,
        /// How it came about.
        cause: AssignmentCause,
    },
    /// Nobody has the conversation any more.
    Unassigned {
        /// How it came about.
        cause: UnassignmentCause,
    },
    /// It waits, for the contact or for work of ours.
    Pended {
        /// When to bring it back, if the contact does not write before.
        until: Option<Timestamp>,
    },
    /// It is done.
    Resolved {
        /// Why.
        reason: ResolveReason,
        /// The bulk act that this is a line of.
        bulk: Option<BulkId>,
    },
    /// It needs us again.
    ReturnedToNew {
        /// How it came about.
        cause: ReturnCause,
    },
    /// A note was written.
    NoteAdded {
        /// The note.
        note: NoteId,
        /// Its text; a [`crate::plaintext::Note`].
        content: ContentRef,
        /// The message that it stands at, if at one.
        on: Option<MessageId>,
    },
    /// A note was rewritten; what it said before is erased.
    NoteEdited {
        /// The note.
        note: NoteId,
        /// Its new text.
        content: ContentRef,
        /// What is erased.
        erased: ContentId,
    },
    /// A note was deleted; what it said is erased.
    NoteDeleted {
        /// The note.
        note: NoteId,
        /// What is erased.
        erased: ContentId,
    },
    /// A message was masked: its content is erased for good.
    MessageMasked {
        /// The message.
        message: MessageId,
        /// What is erased: its text and link, the names and bytes of its attachments.
        erased: Vec<ContentSpan>,
    },
    /// A note was masked: its content is erased, its place stays.
    NoteMasked {
        /// The note.
        note: NoteId,
        /// What is erased.
        erased: ContentId,
    },
    /// One attachment was masked, the rest of its message stays.
    AttachmentMasked {
        /// The message that it belongs to.
        message: MessageId,
        /// The attachment.
        attachment: AttachmentId,
        /// What is erased: its name and bytes.
        erased: Vec<ContentSpan>,
    },
    /// A public message was liked in the channel's name.
    MessageLiked {
        /// The message.
        message: MessageId,
    },
    /// The like was taken back.
    MessageUnliked {
        /// The message.
        message: MessageId,
    },
    /// Further messages of the thread are refused.
    ThreadBlocked,
    /// Messages of the thread are taken in again.
    ThreadUnblocked,
    /// A topic was added, by a person or a rule.
    TopicAdded {
        /// The topic.
        topic: TopicId,
    },
    /// A topic was removed, by a person or a rule.
    TopicRemoved {
        /// The topic.
        topic: TopicId,
    },
    /// How urgent it is changed.
    PriorityChanged {
        /// The new priority; higher comes first, 0 is ordinary.
        priority: i16,
        /// The one before.
        before: i16,
    },
    /// A service level was missed. It occurred at the due instant, whenever it was noticed.
    SlaBreached(SlaBreach),
    /// An agent has it open; others can't reply.
    Locked {
        /// The agent.
        agent: AgentId,
    },
    /// The agent no longer has it open.
    LockReleased {
        /// The agent.
        agent: AgentId,
        /// How it came about.
        cause: ReleaseCause,
    },
    /// Another agent has it open now.
    LockTakenOver {
        /// Who had it.
        from: AgentId,
        /// Who has it.
        to: AgentId,
    },
    /// A rule, which is the actor, was for this conversation; what it did follows.
    RuleApplied {
        /// The fact that set it off.
        trigger: EventId,
    },
    /// A rule would have answered, and was held back: one has, and no person since. So two programs can't go on
    /// answering each other.
    RuleHeldBack {
        /// The fact that set it off.
        trigger: EventId,
    },
}

/// A service level that was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaBreach {
    /// What was measured.
    pub metric: Metric,
    /// The policy that promised it.
    pub policy: SlaPolicyId,
    /// The last instant at which it would have been kept.
    pub due: Timestamp,
    /// The fact that started the clock; a clock breaches once.
    pub clock: EventId,
}

impl SlaBreach {
    /// Whether it was the wait for an answer that took too long; else for the resolution. One fact may start a clock
    /// of either kind.
    pub fn is_of_answer(&self) -> bool {
        match self.metric {
            Metric::FirstResponse | Metric::NextResponse => true,
            Metric::Resolution => false,
        }
    }

    /// The command that records it: the same whoever gives it, so that it is recorded once.
    pub fn command(&self, conversation: ConversationId) -> CommandId {
        let purpose = if self.is_of_answer() { "breach of the answer" } else { "breach of the resolution" };
        derive::consequence(self.clock.0, purpose, conversation.0)
    }
}

/// How a conversation began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// With whom.
    pub contact: ContactId,
    /// On which channel.
    pub channel: ChannelId,
    /// Which thread it continues.
    pub thread: ThreadId,
    /// The public thread that it is part of, which other contacts may share; none in private.
    pub root: Option<PublicRootId>,
    /// Its number in the thread, counted from 1.
    pub number: u32,
    /// The one before it in the thread.
    pub previous: Option<ConversationId>,
    /// Whether others can read it.
    pub visibility: Visibility,
}

/// A message of the contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReceived {
    /// Its id, derived from the channel's own.
    pub message: MessageId,
    /// What it says; a [`crate::plaintext::Message`].
    pub content: ContentRef,
    /// What kind of message it is on its channel.
    pub kind: MessageKind,
    /// The message that it answers, where the channel tells; possibly one that we never saw.
    pub answers: Option<MessageId>,
    /// What came with it.
    pub attachments: Vec<Attachment>,
    /// The groups that the contact was in, with those that rules put them into for it; none where it was not noted. Service
    /// levels go by it: the contact's own facts may lie in another partition, where nothing says which came first.
    #[serde(default)]
    pub groups: Option<Vec<GroupId>>,
}

/// A message of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplySent {
    /// Its id.
    pub reply: MessageId,
    /// What it says; a [`crate::plaintext::Message`].
    pub content: ContentRef,
    /// What kind of message it is on its channel.
    pub kind: MessageKind,
    /// The account that it leaves by.
    pub channel: ChannelId,
    /// Plain, to one message, or quoting one.
    pub mode: ReplyMode,
    /// What goes with it.
    pub attachments: Vec<Attachment>,
    /// Where it was written: here, or outside and told to us.
    pub origin: ReplyOrigin,
}

/// A run of content numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContentSpan {
    /// The first.
    pub first: ContentId,
    /// How many.
    pub count: u32,
}

/// A file that belongs to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// Its name, media type and size; a [`crate::plaintext::AttachmentLabel`].
    pub label: ContentRef,
    /// Its bytes in sealed chunks, which have successive numbers.
    pub body: ContentSpan,
    /// What the chunks' commitments hash to, one after the other (SHA-256).
    pub commitment: Commitment,
}

/// Who can read a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Anyone.
    Public,
    /// The contact and we.
    Private,
}

/// What a message is on its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A message of a channel that has no kind of its own here, seen by the two sides only.
    PrivateMessage,
    /// A message of a channel that has no kind of its own here, seen by anyone.
    PublicPost,
    /// A public post on X (Twitter).
    Tweet,
    /// A direct message on X (Twitter).
    TwitterDirectMessage,
    /// A post on a Facebook page.
    FacebookPost,
    /// A comment on a Facebook post.
    FacebookComment,
    /// A Facebook Messenger message.
    FacebookMessage,
    /// A comment on an Instagram post.
    InstagramComment,
    /// An Instagram direct message.
    InstagramDirectMessage,
    /// A `WhatsApp` message.
    WhatsApp,
    /// A text message.
    Sms,
    /// An e-mail.
    Email,
    /// A message from the chat on a web site.
    WebChat,
}

impl MessageKind {
    /// Who can read a message of this kind.
    pub fn visibility(self) -> Visibility {
        match self {
            Self::PublicPost | Self::Tweet | Self::FacebookPost | Self::FacebookComment | Self::InstagramComment => {
                Visibility::Public
            }
            Self::PrivateMessage
            | Self::TwitterDirectMessage
            | Self::FacebookMessage
            | Self::InstagramDirectMessage
            | Self::WhatsApp
            | Self::Sms
            | Self::Email
            | Self::WebChat => Visibility::Private,
        }
    }
}

/// How a reply refers to what was written before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", content = "message")]
pub enum ReplyMode {
    /// To the conversation as a whole.
    Plain,
    /// To one message.
    To(MessageId),
    /// Quoting one message.
    Quoting(MessageId),
}

tagged!(ReplyMode: kind, message { Plain } { To(MessageId), Quoting(MessageId) });

/// Where a reply was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplyOrigin {
    /// Here; it has to be delivered.
    Desk,
    /// On the channel itself; we were told.
    Channel,
    /// By a rule; it has to be delivered.
    Automation,
}

/// Why a channel did not take a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryFailure {
    /// The channel could not be reached; trying again may help.
    Unreachable,
    /// The channel refused the content.
    Refused,
    /// The contact can't be written to (any more).
    ContactUnavailable,
    /// Our account on the channel may not write.
    NotAuthorized,
    /// The channel's window for answers is over.
    WindowClosed,
    /// The channel asked us to slow down; trying again later may help.
    RateLimited,
}

/// Who is given a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Assignee {
    /// An agent.
    Agent(AgentId),
    /// A team.
    Team(TeamId),
}

/// How an assignment came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AssignmentCause {
    /// Somebody chose it.
    ByHand,
    /// The agent was available and it was the first that waited.
    Distribution,
    /// The agent answered first.
    FirstResponse,
    /// A rule decided it.
    Rule,
    /// The channel gives new conversations to this team.
    Channel,
    /// The agent who had it left; it is the team's again.
    AgentLeft,
}

/// How an assignment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnassignmentCause {
    /// Somebody chose it.
    ByHand,
    /// Resolving ends ownership.
    Resolved,
    /// The agent left.
    AgentLeft,
    /// A rule decided it.
    Rule,
}

/// Why a conversation is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResolveReason {
    /// The contact has an answer.
    Answered,
    /// It needs none.
    NoReplyNeeded,
    /// It is spam.
    Spam,
    /// Nothing happened for as long as the channel allows.
    Inactive,
}

/// How a conversation came back to New.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReturnCause {
    /// The contact wrote while it was pending.
    ContactReplied,
    /// Somebody chose it.
    ByHand,
    /// The contact wrote after it was resolved, and the channel reopens.
    Reopened,
    /// The time that was set when pending has come.
    TimeCame,
}

/// How a lock ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReleaseCause {
    /// The agent left the conversation.
    Left,
    /// It was pended or resolved.
    StateChanged,
    /// It was given to somebody else.
    Reassigned,
    /// The agent's connection was lost for longer than the workspace allows.
    ConnectionLost,
    /// The agent signed out.
    SignedOut,
}
