//! What can happen to a collection of saved replies.

use crate::content::{ContentId, ContentRef};
use crate::ids::{AgentId, SavedReplyId, TeamId};
use serde::{Deserialize, Serialize};

/// An event of a saved-reply collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CollectionEvent {
    /// A collection was made.
    CollectionCreated {
        /// Whose it is.
        owner: CollectionOwner,
        /// Its name.
        name: String,
    },
    /// Its name changed.
    CollectionRenamed {
        /// The new name.
        name: String,
    },
    /// The collection and all its replies are gone.
    CollectionDeleted {
        /// What is erased.
        erased: Vec<ContentId>,
    },
    /// A reply was saved.
    SavedReplyAdded {
        /// The reply.
        reply: SavedReplyId,
        /// Its title and text; a [`crate::plaintext::SavedReply`].
        content: ContentRef,
    },
    /// A reply was rewritten.
    SavedReplyEdited {
        /// The reply.
        reply: SavedReplyId,
        /// Its new title and text.
        content: ContentRef,
        /// What is erased.
        erased: ContentId,
    },
    /// A reply was deleted.
    SavedReplyDeleted {
        /// The reply.
        reply: SavedReplyId,
        /// What is erased.
        erased: ContentId,
    },
}

/// Whose a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum CollectionOwner {
    /// A team's: its members use it.
    Team(TeamId),
    /// An agent's own.
    Agent(AgentId),
}
