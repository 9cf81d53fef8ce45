//! The rows of a conversation.

use clew_domain::content::{Commitment, ContentRef};
use clew_domain::conversation::{
    ContentSpan, DeliveryFailure, Direction, MessageKind, Queue, ReplyMode, ReplyOrigin, ResolveReason, Started,
};
use clew_domain::fact::Actor;
use clew_domain::ids::{AgentId, AttachmentId, ChannelId, ConversationId, MessageId, NoteId, TeamId, TopicId};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a conversation is about, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Which conversation.
    pub id: ConversationId,
    /// Its version.
    pub version: u64,
    /// How it began.
    pub started: Started,
    /// When it began.
    pub started_at: Timestamp,
    /// Where it stands.
    pub queue: Queue,
    /// When a pending one is to come back, if at a set time.
    pub pended_until: Option<Timestamp>,
    /// Why it was resolved, if it is.
    pub resolve_reason: Option<ResolveReason>,
    /// When it was resolved, if it is.
    pub resolved_at: Option<Timestamp>,
    /// The agent who owns it.
    pub agent: Option<AgentId>,
    /// The team that it is assigned to.
    pub team: Option<TeamId>,
    /// Who has it open.
    pub lock: Option<AgentId>,
    /// Its topics, in order of their ids.
    pub topics: Vec<TopicId>,
    /// How urgent it is.
    pub priority: i16,
    /// Whether further messages of the thread are refused.
    pub blocked: bool,
    /// Messages that were not taken in because it is blocked.
    pub refused: u32,
}

/// A message or a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A message.
    Message(Message),
    /// A note.
    Note(Note),
}

/// Who masked something, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Masked {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A message, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Which message.
    pub id: MessageId,
    /// The version of the conversation that it made.
    pub version: u64,
    /// Which way it went.
    pub direction: Direction,
    /// What it is on its channel.
    pub kind: MessageKind,
    /// Who wrote it.
    pub sender: Actor,
    /// When it was written, by the channel's clock for what came in.
    pub at: Timestamp,
    /// When we wrote it down.
    pub recorded_at: Timestamp,
    /// Its text and link.
    pub content: ContentRef,
    /// What the channel said when it took it; may hold a link.
    pub receipt: Option<ContentRef>,
    /// The channel that it left by; none for what came in.
    pub channel: Option<ChannelId>,
    /// How it refers to what was written before; plain for what came in.
    pub mode: ReplyMode,
    /// The message that it answers, where the channel tells; possibly one that is not here.
    pub answers: Option<MessageId>,
    /// Where it was written, if by us.
    pub origin: Option<ReplyOrigin>,
    /// What came with it.
    pub attachments: Vec<ShownAttachment>,
    /// Whether it is masked.
    pub masked: Option<Masked>,
    /// Whether we like it.
    pub liked: bool,
    /// How many places of it were replaced by rules before it was stored.
    pub redacted: u32,
    /// How its delivery stands; none for what needs no delivery.
    pub delivery: Option<Delivery>,
}

/// A file that belongs to a message, without its name and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownAttachment {
    /// Which attachment.
    pub id: AttachmentId,
    /// Its name, media type and size.
    pub label: ContentRef,
    /// Its bytes.
    pub body: ContentSpan,
    /// What its bytes' commitments hash to.
    pub commitment: Commitment,
    /// Whether it is masked, by itself or with its message.
    pub masked: Option<Masked>,
}

/// How the delivery of a reply stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What is known.
    pub state: DeliveryState,
    /// Since when.
    pub at: Timestamp,
}

/// What is known of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// Nothing yet.
    Pending,
    /// The channel took it.
    Accepted,
    /// The channel did not take it.
    Failed(DeliveryFailure),
}

/// A note, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Which note.
    pub id: NoteId,
    /// The version of the conversation that it made.
    pub version: u64,
    /// Who wrote it.
    pub author: Actor,
    /// When it was written.
    pub at: Timestamp,
    /// When it was rewritten last, and by whom.
    pub edited: Option<(Timestamp, Actor)>,
    /// Its text.
    pub content: ContentRef,
    /// The message that it stands at, if at one.
    pub on: Option<MessageId>,
    /// Whether it is masked.
    pub masked: Option<Masked>,
}
