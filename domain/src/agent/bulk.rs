//! A bulk act: one decision about many conversations. It stands in the stream of who asked it until it is over, so
//! that a server which stops in the middle knows what is left to do.

use crate::conversation::{Assignee, AssignmentCause, Command, ResolveReason, UnassignmentCause};
use crate::derive;
use crate::ids::{BulkId, CommandId, ConversationId, TopicId};
use serde::{Deserialize, Serialize};

/// The conversations of one bulk act at most.
pub const BULK_CONVERSATIONS_MAX: usize = 5_000;
/// The bulk acts that one agent has under way at most.
pub const BULKS_MAX: usize = 5;

/// What is done to each conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BulkAct {
    /// It is resolved.
    Resolve(ResolveReason),
    /// It is given to an agent or a team.
    Assign(Assignee),
    /// It is taken from whoever has it.
    Unassign,
    /// It is given a topic.
    AddTopic(TopicId),
    /// A topic is taken from it.
    RemoveTopic(TopicId),
}

/// A bulk act that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulk {
    /// What is done.
    pub act: BulkAct,
    /// To which conversations, in order.
    pub conversations: Vec<ConversationId>,
}

/// How a bulk act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkEnd {
    /// Whether it was cancelled before it was through.
    pub cancelled: bool,
    /// Conversations to which it was done.
    pub done: u32,
    /// Those that were as asked already.
    pub unchanged: u32,
    /// Those to which it could not be done.
    pub refused: u32,
}

impl BulkAct {
    /// What is asked of each conversation.
    pub fn command(self, bulk: BulkId) -> Command {
        match self {
            Self::Resolve(reason) => Command::Resolve { reason, bulk: Some(bulk) },
            Self::Assign(to) => Command::Assign { to, cause: AssignmentCause::ByHand },
            Self::Unassign => Command::Unassign { cause: UnassignmentCause::ByHand },
            Self::AddTopic(topic) => Command::AddTopic { topic },
            Self::RemoveTopic(topic) => Command::RemoveTopic { topic },
        }
    }

    /// The line of a conversation: the same whoever does it, so that it is done once.
    pub fn line(bulk: BulkId, conversation: ConversationId) -> CommandId {
        derive::consequence(bulk.0, "line", conversation.0)
    }
}
