//! What the API shows of conversations, contacts and who acts on them. How it is filled is `reader.rs`'s.

use crate::wire::{ActorRef, AgentRef, ChannelRef, Ref};
use clew_domain::conversation::{DeliveryFailure, Direction, MessageKind, Queue, ReplyMode, ResolveReason, Visibility};
use clew_domain::ids::{AttachmentId, ContactId, ConversationId, MessageId, NoteId};
use clew_domain::sla::Metric;
use clew_domain::time::Timestamp;
use clew_projections::sla::Colour;
use serde::Serialize;
use utoipa::ToSchema;

/// A contact by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactRef {
    /// Which contact.
    pub id: ContactId,
    /// How the channel shows them; none if it does not, or if they were forgotten.
    pub name: Option<String>,
    /// By what the channel knows them; none if they were forgotten.
    pub handle: Option<String>,
    /// Whether all about them was erased.
    pub forgotten: bool,
    /// Whether their messages are refused.
    pub blocked: bool,
}

/// Who owns a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Owner {
    /// The agent.
    pub agent: Option<AgentRef>,
    /// The team.
    pub team: Option<Ref>,
}

/// A conversation as a row of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Row {
    /// Which conversation.
    pub id: ConversationId,
    /// Where it stands.
    pub queue: Queue,
    /// With whom.
    pub contact: ContactRef,
    /// On which channel.
    pub channel: ChannelRef,
    /// What it is about.
    pub topics: Vec<Ref>,
    /// Who owns it.
    pub assignee: Owner,
    /// Who has it open.
    pub lock: Option<AgentRef>,
    /// How urgent it is; higher comes first.
    pub priority: i16,
    /// Since when the contact waits for us.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub waiting_since: Option<Timestamp>,
    /// When something last happened.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// The last message.
    pub last_message: Option<LastMessage>,
    /// Messages of the contact that nobody answered.
    pub unanswered: u32,
    /// The promise that is due first, if one is running.
    pub sla: Option<SlaView>,
    /// The version of the conversation that this row shows.
    pub version: u64,
}

/// A promised answer or solution whose clock is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SlaView {
    /// What is measured.
    pub metric: Metric,
    /// When it turns from grey to orange.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub warn_at: Option<Timestamp>,
    /// The last instant at which the promise is kept; none while the clock stands still.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// How urgent it is at the instant of the answer.
    #[schema(value_type = String)]
    pub state: Colour,
}

/// The last message of a conversation, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LastMessage {
    /// Which message.
    pub id: MessageId,
    /// Which way it went.
    pub direction: Direction,
    /// What kind of message.
    pub kind: MessageKind,
    /// Its beginning; none if it is masked.
    pub preview: Option<String>,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether it is masked.
    pub masked: bool,
}

/// A conversation with all that was said in it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConversationView {
    /// Which conversation.
    pub id: ConversationId,
    /// The version that this shows; to be sent as seen with a reply.
    pub version: u64,
    /// Where it stands.
    pub queue: Queue,
    /// With whom.
    pub contact: ContactRef,
    /// On which channel.
    pub channel: ChannelRef,
    /// Who can read it.
    pub visibility: Visibility,
    /// What it is about.
    pub topics: Vec<Ref>,
    /// The groups that the contact is in.
    pub groups: Vec<Ref>,
    /// Who owns it.
    pub assignee: Owner,
    /// Who has it open.
    pub lock: Option<AgentRef>,
    /// How urgent it is; higher comes first.
    pub priority: i16,
    /// Whether further messages of the thread are refused.
    pub blocked: bool,
    /// When a pending one comes back, if at a set time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pended_until: Option<Timestamp>,
    /// Why a resolved one is done.
    pub resolve_reason: Option<ResolveReason>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// The one before it in the thread.
    pub previous: Option<ConversationId>,
    /// Other conversations with the contact, newest first.
    pub earlier: Vec<EarlierConversation>,
    /// Messages and notes, oldest first.
    pub entries: Vec<Entry>,
    /// What the caller may do.
    pub may: May,
    /// The accounts that a reply can leave by; the active one first.
    pub reply_channels: Vec<ReplyChannel>,
}

/// Another conversation with the contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EarlierConversation {
    /// Which conversation.
    pub id: ConversationId,
    /// Where it stands.
    pub queue: Queue,
    /// On which channel.
    pub channel: ChannelRef,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
}

/// What a caller may do with a conversation.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct May {
    /// Reply, note, assign, pend, resolve.
    pub work: bool,
    /// Mask messages and notes.
    pub mask: bool,
}

/// An account that a reply can leave by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplyChannel {
    /// The account.
    #[serde(flatten)]
    pub channel: ChannelRef,
    /// Whether replies leave by it unless another is chosen.
    pub active: bool,
    /// Characters in one reply at most.
    pub reply_characters_max: Option<u32>,
}

/// Something that was written.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    /// A message, in or out.
    Message(Box<MessageView>),
    /// A note.
    Note(NoteView),
}

impl Entry {
    /// What entries are sorted by: when they were written, then how they came to us.
    pub fn order(&self) -> (Timestamp, u64) {
        match self {
            Self::Message(message) => (message.at, message.version),
            Self::Note(note) => (note.at, note.version),
        }
    }
}

/// A message, in or out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MessageView {
    /// Which message.
    pub id: MessageId,
    /// Which way it went.
    pub direction: Direction,
    /// What kind of message.
    pub kind: MessageKind,
    /// Who wrote it.
    pub sender: ActorRef,
    /// When it was written, by the channel's clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it came into the log.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Timestamp,
    /// Where it can be read in public.
    pub link: Option<String>,
    /// What it says; none if it is masked.
    pub text: Option<String>,
    /// Who masked it and when.
    pub masked: Option<MaskView>,
    /// Whether we like it.
    pub liked: bool,
    /// In how many places something was replaced before it was stored.
    pub redacted: u32,
    /// How a reply refers to what was written before.
    pub mode: Option<ReplyMode>,
    /// The message that it answers, as far as the channel tells.
    pub answers: Option<MessageId>,
    /// What it refers to, for context.
    pub quoted: Option<QuotedMessage>,
    /// What came with it.
    pub attachments: Vec<AttachmentView>,
    /// How the delivery of a reply stands.
    pub delivery: Option<DeliveryView>,
    /// The version of the conversation that it made.
    pub version: u64,
}

/// Who masked something and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MaskView {
    /// Who; none if it went with all that was known of its contact.
    pub by: Option<ActorRef>,
    /// When; none if it went with all that was known of its contact.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
}

/// A message that another refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuotedMessage {
    /// Which message.
    pub id: MessageId,
    /// Who wrote it.
    pub sender: ActorRef,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What it says; none if it is masked.
    pub text: Option<String>,
    /// Whether it is masked.
    pub masked: bool,
}

/// A file that belongs to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttachmentView {
    /// Which attachment.
    pub id: AttachmentId,
    /// The file's name; none if it is masked.
    pub name: Option<String>,
    /// Its media type; none if it is masked.
    pub media_type: Option<String>,
    /// Its size; none if it is masked.
    pub size_bytes: Option<u64>,
    /// Where it can be fetched.
    pub url: Option<String>,
    /// Whether it is masked.
    pub masked: bool,
}

/// How the delivery of a reply stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryView {
    /// How it stands.
    pub state: DeliveryState,
    /// Why it failed.
    pub cause: Option<DeliveryFailure>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// How the delivery of a reply stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not yet told.
    Pending,
    /// The channel took it.
    Accepted,
    /// The channel did not take it.
    Failed,
}

/// An internal note.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NoteView {
    /// Which note.
    pub id: NoteId,
    /// Who wrote it.
    pub author: ActorRef,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it was last rewritten.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// What it says; none if it is masked.
    pub text: Option<String>,
    /// The message that it stands at, if at one.
    pub on: Option<MessageId>,
    /// The version of the conversation that it made.
    pub version: u64,
    /// Who masked it and when.
    pub masked: Option<MaskView>,
}
