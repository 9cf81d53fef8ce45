//! What may be asked of a collection, and what follows. Whether its owner is there is the workspace's to say.

use super::event::{CollectionEvent, CollectionOwner};
use super::state::CollectionState;
use crate::content::ContentRef;
use crate::decider::Decider;
use crate::fact::CommandMeta;
use crate::ids::SavedReplyId;
use crate::name::{self, NotAName};

/// The replies of one collection at most.
pub const REPLIES_MAX: usize = 1_000;

/// What may be asked of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make the collection.
    Create {
        /// Whose it is.
        owner: CollectionOwner,
        /// Its name.
        name: String,
    },
    /// Give it another name.
    Rename {
        /// The new name.
        name: String,
    },
    /// Do away with it and erase all its replies.
    Delete,
    /// Save a reply.
    AddReply {
        /// A fresh id.
        reply: SavedReplyId,
        /// Its title and text; a [`crate::plaintext::SavedReply`].
        content: ContentRef,
    },
    /// Rewrite a reply.
    EditReply {
        /// The reply.
        reply: SavedReplyId,
        /// Its new title and text.
        content: ContentRef,
    },
    /// Delete a reply and erase what it said.
    DeleteReply {
        /// The reply.
        reply: SavedReplyId,
    },
}

/// Why what was asked of a collection may not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such collection.
    #[error("there is no collection of saved replies with this id; check the id")]
    Unknown,
    /// The id is in use.
    #[error("a collection of saved replies has this id already; choose a fresh one")]
    Exists,
    /// The collection is gone.
    #[error("this collection of saved replies was deleted; use another one")]
    Deleted,
    /// The collection has no such reply.
    #[error("the collection has no saved reply {0}; check the id")]
    ReplyUnknown(SavedReplyId),
    /// The reply's id is in use.
    #[error("the collection has a saved reply {0} already; edit it, or choose a fresh id")]
    ReplyExists(SavedReplyId),
    /// The collection is full.
    #[error("the collection holds {REPLIES_MAX} saved replies already; delete one, or use another collection")]
    Full,
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NotAName),
}

/// The rules of a collection.
pub struct Collection;

impl Decider for Collection {
    type State = CollectionState;
    type Command = Command;
    type Event = CollectionEvent;
    type Rejection = Rejection;

    fn decide(state: &CollectionState, _: &CommandMeta, command: &Command) -> Result<Vec<CollectionEvent>, Rejection> {
        let event = match command {
            Command::Create { owner, name } => create(state, *owner, name)?,
            Command::Delete if state.deleted => None,
            _ => change(open(state)?, command)?,
        };
        Ok(event.into_iter().collect())
    }

    fn evolve(state: &mut CollectionState, event: &CollectionEvent) {
        state.take(event);
    }
}

fn open(state: &CollectionState) -> Result<&CollectionState, Rejection> {
    if state.owner.is_none() {
        return Err(Rejection::Unknown);
    }
    if state.deleted { Err(Rejection::Deleted) } else { Ok(state) }
}

fn create(state: &CollectionState, owner: CollectionOwner, name: &str) -> Result<Option<CollectionEvent>, Rejection> {
    let name = name::tidy(name)?;
    if state.owner.is_none() {
        return Ok(Some(CollectionEvent::CollectionCreated { owner, name }));
    }
    let same = !state.deleted && state.owner == Some(owner) && state.name == name;
    if same { Ok(None) } else { Err(Rejection::Exists) }
}

/// What a command does to a collection that is there.
fn change(state: &CollectionState, command: &Command) -> Result<Option<CollectionEvent>, Rejection> {
    let saved = |reply: &SavedReplyId| state.replies.get(reply).copied().ok_or(Rejection::ReplyUnknown(*reply));
    Ok(match command {
        Command::Create { .. } => None,
        Command::Rename { name } => {
            let name = name::tidy(name)?;
            (name != state.name).then_some(CollectionEvent::CollectionRenamed { name })
        }
        Command::Delete => {
            Some(CollectionEvent::CollectionDeleted { erased: state.replies.values().map(|it| it.id).collect() })
        }
        Command::AddReply { reply, content } => match state.replies.get(reply) {
            Some(there) if there == content => None,
            Some(_) => return Err(Rejection::ReplyExists(*reply)),
            None if state.replies.len() >= REPLIES_MAX => return Err(Rejection::Full),
            None => Some(CollectionEvent::SavedReplyAdded { reply: *reply, content: *content }),
        },
        Command::EditReply { reply, content } => {
            let erased = saved(reply)?;
            (erased != *content).then_some(CollectionEvent::SavedReplyEdited {
                reply: *reply,
                content: *content,
                erased: erased.id,
            })
        }
        Command::DeleteReply { reply } => {
            Some(CollectionEvent::SavedReplyDeleted { reply: *reply, erased: saved(reply)?.id })
        }
    })
}
