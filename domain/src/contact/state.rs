//! What is known of a contact, by folding their events.

use super::event::{AttributeKey, ContactEvent};
use crate::content::{ContactNumber, ContentRef};
use crate::ids::{ChannelId, GroupId};
use std::collections::{BTreeMap, BTreeSet};

/// A contact as the facts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactState {
    /// Who they are; none before they were first seen.
    pub known: Option<Known>,
    /// The name and handle; none before they were first seen and after they were forgotten.
    pub identity: Option<ContentRef>,
    /// The filled attributes; none after they were forgotten.
    pub attributes: BTreeMap<AttributeKey, ContentRef>,
    /// The groups that they are in.
    pub groups: BTreeSet<GroupId>,
    /// Whether further messages of theirs are refused.
    pub blocked: bool,
    /// Whether all their contents are erased for good.
    pub forgotten: bool,
}

/// What never changes about a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The number under which their contents are sealed.
    pub number: ContactNumber,
    /// On which channel they write.
    pub channel: ChannelId,
    /// How often a contact with this handle was forgotten before.
    pub generation: u32,
}

impl ContactState {
    pub(super) fn take(&mut self, event: &ContactEvent) {
        match event {
            ContactEvent::FirstSeen { number, channel, generation, identity } => {
                self.known = Some(Known { number: *number, channel: *channel, generation: *generation });
                self.identity = Some(*identity);
            }
            ContactEvent::IdentityChanged { identity, erased: _ } => self.identity = Some(*identity),
            ContactEvent::AttributeSet { key, value, erased: _ } => {
                self.attributes.insert(key.clone(), *value);
            }
            ContactEvent::AttributeRemoved { key, erased: _ } => {
                self.attributes.remove(key);
            }
            ContactEvent::GroupJoined { group } => {
                self.groups.insert(*group);
            }
            ContactEvent::GroupLeft { group } => {
                self.groups.remove(group);
            }
            ContactEvent::Blocked => self.blocked = true,
            ContactEvent::Unblocked => self.blocked = false,
            ContactEvent::MessageRefused { message: _ } => {}
            ContactEvent::Forgotten { number: _ } => {
                self.forgotten = true;
                self.identity = None;
                self.attributes.clear();
            }
        }
    }
}
