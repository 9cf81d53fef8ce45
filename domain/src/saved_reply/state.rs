//! What is known of a collection, by folding its events.

use super::event::{CollectionEvent, CollectionOwner};
use crate::content::ContentRef;
use crate::ids::SavedReplyId;
use std::collections::BTreeMap;

/// A collection as the facts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionState {
    /// Whose it is; none before it was made.
    pub owner: Option<CollectionOwner>,
    /// Its name.
    pub name: String,
    /// Its replies.
    pub replies: BTreeMap<SavedReplyId, ContentRef>,
    /// Whether it is gone for good.
    pub deleted: bool,
}

impl CollectionState {
    pub(super) fn take(&mut self, event: &CollectionEvent) {
        match event {
            CollectionEvent::CollectionCreated { owner, name } => {
                self.owner = Some(*owner);
                self.name.clone_from(name);
            }
            CollectionEvent::CollectionRenamed { name } => self.name.clone_from(name),
            CollectionEvent::CollectionDeleted { erased: _ } => {
                self.deleted = true;
                self.replies.clear();
            }
            CollectionEvent::SavedReplyAdded { reply, content }
            | CollectionEvent::SavedReplyEdited { reply, content, erased: _ } => {
                self.replies.insert(*reply, *content);
            }
            CollectionEvent::SavedReplyDeleted { reply, erased: _ } => {
                self.replies.remove(reply);
            }
        }
    }
}
