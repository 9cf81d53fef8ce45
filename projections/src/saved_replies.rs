//! Answers kept for later: collections by owner, with references to the replies in them.

use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::reader::{QueryError, Reader};
use crate::rows::Rows;
use clew_domain::content::ContentRef;
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{CollectionId, SavedReplyId};
use clew_domain::saved_reply::{CollectionEvent as E, CollectionOwner};
use serde::{Deserialize, Serialize};

/// The projection.
pub struct SavedReplies;

/// Answers what was kept for later; cheap to clone.
pub type SavedReplyReader = Reader<SavedReplies>;

/// A collection of saved replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Which collection.
    pub id: CollectionId,
    /// Whose it is.
    pub owner: CollectionOwner,
    /// Its name.
    pub name: String,
    /// Its replies, in the order in which they were added.
    pub replies: Vec<SavedReply>,
    /// The version of its stream.
    pub version: u64,
}

/// A saved reply, without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedReply {
    /// Which reply.
    pub id: SavedReplyId,
    /// Its title and text.
    pub content: ContentRef,
}

fn collection_key(collection: CollectionId) -> Key {
    Key::of(b'C').id(collection.0)
}

fn owner_key(owner: CollectionOwner) -> Key {
    match owner {
        CollectionOwner::Team(team) => Key::of(b'O').byte(b't').id(team.0),
        CollectionOwner::Agent(agent) => Key::of(b'O').byte(b'a').id(agent.0),
    }
}

impl Projection for SavedReplies {
    const NAME: &'static str = "saved_replies";
    const VERSION: u32 = 1;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        let Event::Collection(event) = &fact.event else { return Ok(()) };
        let id = CollectionId(fact.stream.id);
        let key = collection_key(id);
        if let E::CollectionCreated { owner, name } = event {
            rows.mark(owner_key(*owner).id(id.0));
            let (name, replies) = (name.clone(), Vec::new());
            rows.put(&key, Collection { id, owner: *owner, name, replies, version: fact.version });
            return Ok(());
        }
        let missing = FoldError::Unexpected("a collection that was not made, or is gone");
        let mut collection = rows.take::<Collection>(&key)?.ok_or(missing)?;
        collection.version = fact.version;
        match event {
            E::CollectionCreated { .. } => {}
            E::CollectionRenamed { name } => collection.name.clone_from(name),
            E::CollectionDeleted { .. } => {
                rows.unmark(owner_key(collection.owner).id(id.0));
                rows.delete(&key);
                return Ok(());
            }
            E::SavedReplyAdded { reply, content } => {
                collection.replies.push(SavedReply { id: *reply, content: *content });
            }
            E::SavedReplyEdited { reply, content, .. } => {
                for there in collection.replies.iter_mut().filter(|there| there.id == *reply) {
                    there.content = *content;
                }
            }
            E::SavedReplyDeleted { reply, .. } => collection.replies.retain(|there| there.id != *reply),
        }
        rows.put(&key, collection);
        Ok(())
    }
}

impl SavedReplyReader {
    /// A collection; none if it was deleted.
    pub fn collection(&self, collection: CollectionId) -> Result<Option<Collection>, QueryError> {
        self.read(|view| view.get(collection_key(collection)))
    }

    /// The collections of an owner.
    pub fn collections_of(&self, owner: CollectionOwner) -> Result<Vec<Collection>, QueryError> {
        self.read(|view| {
            let entries = view.prefix(owner_key(owner), false);
            let collection = |entry: crate::table::Entry| {
                let (key, _) = entry?;
                let id = key.get(18..34).and_then(|bytes| uuid::Uuid::from_slice(bytes).ok());
                let id = CollectionId(id.ok_or_else(|| view.damaged())?);
                view.get(collection_key(id))?.ok_or_else(|| view.damaged())
            };
            entries.map(collection).collect()
        })
    }

    /// All collections.
    pub fn collections(&self) -> Result<Vec<Collection>, QueryError> {
        self.read(|view| view.prefix(Key::of(b'C'), false).map(|entry| view.decode(&entry?.1)).collect())
    }
}
