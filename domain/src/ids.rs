//! Identifiers: one newtype a thing, so that a team can't be passed for a topic.
//! How derived identifiers come about stands in `derive.rs`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

ids! {
    /// A conversation; also the id of its stream. Derived from its thread and its number in it.
    ConversationId;
    /// (channel, contact, public root if any): what successive conversations share.
    ThreadId;
    /// A public thread on a channel, whoever writes in it. Derived from the channel's own id of it.
    PublicRootId;
    /// A contact; also the id of its stream. Derived from the channel and the handle, through a keyed hash.
    ContactId;
    /// An agent, and the account that signs in; also the id of its stream.
    AgentId;
    /// A team of agents.
    TeamId;
    /// An account by which contacts reach us.
    ChannelId;
    /// A label that says what a conversation is about.
    TopicId;
    /// A group of contacts, such as VIP.
    GroupId;
    /// An away state that the organisation defined.
    AwayStatusId;
    /// A collection of saved replies; also the id of its stream.
    CollectionId;
    /// A saved reply inside a collection.
    SavedReplyId;
    /// A message in or out. Inbound: derived from the channel and the channel's own message id.
    MessageId;
    /// An internal note.
    NoteId;
    /// An attachment of a message.
    AttachmentId;
    /// A command; given twice, it does nothing the second time.
    CommandId;
    /// A fact. Derived from its command and its place in what the command led to.
    EventId;
    /// A service level policy.
    SlaPolicyId;
    /// A calendar of business hours.
    CalendarId;
    /// A rule of the workspace.
    RuleId;
    /// A bearer token for programs.
    TokenId;
    /// A sign-in of an agent.
    SessionId;
    /// One bulk act; every line of it carries this id.
    BulkId;
    /// What belongs together: all that followed from one first cause.
    CorrelationId;
}

/// Which aggregate a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum StreamKind {
    /// A conversation.
    Conversation = 1,
    /// A contact.
    Contact = 2,
    /// An agent.
    Agent = 3,
    /// The workspace: there is one, with the nil id.
    Workspace = 4,
    /// A saved-reply collection.
    Collection = 5,
    /// The installation itself: there is one, with the nil id.
    Installation = 6,
}

impl StreamKind {
    /// The kind that a stored byte names, if any.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Conversation),
            2 => Some(Self::Contact),
            3 => Some(Self::Agent),
            4 => Some(Self::Workspace),
            5 => Some(Self::Collection),
            6 => Some(Self::Installation),
            _ => None,
        }
    }
}

/// The identity of one stream of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId {
    /// Which aggregate.
    pub kind: StreamKind,
    /// Which one of it.
    pub id: Uuid,
}

impl StreamId {
    /// The workspace's own stream.
    pub const WORKSPACE: Self = Self { kind: StreamKind::Workspace, id: Uuid::nil() };
    /// The installation's own stream.
    pub const INSTALLATION: Self = Self { kind: StreamKind::Installation, id: Uuid::nil() };
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            StreamKind::Conversation => "conversation",
            StreamKind::Contact => "contact",
            StreamKind::Agent => "agent",
            StreamKind::Workspace => "workspace",
            StreamKind::Collection => "collection",
            StreamKind::Installation => "installation",
        };
        write!(f, "{kind}/{}", self.id)
    }
}

macro_rules! streams {
    ($($id:ident => $kind:ident),*) => {$(
        impl From<$id> for StreamId {
            fn from(id: $id) -> Self {
                Self { kind: StreamKind::$kind, id: id.0 }
            }
        }
    )*};
}

streams! {
    ConversationId => Conversation,
    ContactId => Contact,
    AgentId => Agent,
    CollectionId => Collection
}
