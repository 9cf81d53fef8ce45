//! Who writes to us: what is known of each contact, by reference, and their conversations.

use crate::key::{Key, ascending};
use crate::page::{self, PAGE_ENTRIES_MAX, PAGE_SCANNED_MAX, Page};
use crate::projection::{FoldError, Projection};
use crate::reader::{QueryError, Reader, View};
use crate::rows::Rows;
use clew_domain::contact::{AttributeKey, ContactEvent as E};
use clew_domain::content::{ContactNumber, ContentRef};
use clew_domain::conversation::ConversationEvent;
use clew_domain::fact::{Actor, Event, Fact};
use clew_domain::ids::{ChannelId, ContactId, ConversationId, GroupId};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The projection.
pub struct Contacts;

/// Answers who writes to us; cheap to clone.
pub type ContactReader = Reader<Contacts>;

/// A contact, without what is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Which contact.
    pub id: ContactId,
    /// The number under which their contents are sealed.
    pub number: ContactNumber,
    /// On which channel.
    pub channel: ChannelId,
    /// How often a contact with this handle was forgotten before.
    pub generation: u32,
    /// Their handle and name.
    pub identity: ContentRef,
    /// When they first wrote.
    pub first_seen_at: Timestamp,
    /// Whether further messages of theirs are refused.
    pub blocked: bool,
    /// Whether all their contents are erased.
    pub forgotten: Option<Timestamp>,
    /// What we know of them.
    pub attributes: BTreeMap<AttributeKey, Attribute>,
    /// The groups that they are in.
    pub groups: BTreeSet<GroupId>,
    /// The version of their stream.
    pub version: u64,
}

/// What is known of a contact under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The value.
    pub value: ContentRef,
    /// When it was set.
    pub set_at: Timestamp,
    /// Who set it.
    pub set_by: Actor,
}

/// Which contacts to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// On this channel.
    pub channel: Option<ChannelId>,
    /// In this group.
    pub group: Option<GroupId>,
}

/// Lists, by when the contact was first seen.
#[derive(Clone, Copy)]
enum List {
    All,
    Channel(ChannelId),
    Group(GroupId),
}

fn contact_key(contact: ContactId) -> Key {
    Key::of(b'C').id(contact.0)
}

fn list_key(list: List) -> Key {
    match list {
        List::All => Key::of(b'A'),
        List::Channel(channel) => Key::of(b'H').id(channel.0),
        List::Group(group) => Key::of(b'G').id(group.0),
    }
}

fn list_entry(list: List, contact: &Contact) -> Key {
    list_key(list).u64(!ascending(contact.first_seen_at)).id(contact.id.0)
}

/// Bytes of what an entry's key says beyond its list.
const PLACE_BYTES: usize = 8 + 16;

fn conversation_entry(contact: ContactId, started_at: Timestamp, conversation: ConversationId) -> Key {
    Key::of(b'V').id(contact.0).u64(!ascending(started_at)).id(conversation.0)
}

impl Projection for Contacts {
    const NAME: &'static str = "contacts";
    const VERSION: u32 = 1;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        match &fact.event {
            // The conversation may lie in another partition than its contact: it is listed apart from their row.
            Event::Conversation(ConversationEvent::Started(started)) => {
                let conversation = ConversationId(fact.stream.id);
                rows.mark(conversation_entry(started.contact, fact.occurred_at, conversation));
                Ok(())
            }
            Event::Contact(event) => of_contact(rows, ContactId(fact.stream.id), event, fact),
            Event::Conversation(_)
            | Event::Agent(_)
            | Event::Workspace(_)
            | Event::Collection(_)
            | Event::Installation(_) => Ok(()),
        }
    }
}

fn of_contact(rows: &mut Rows, id: ContactId, event: &E, fact: &Fact) -> Result<(), FoldError> {
    let key = contact_key(id);
    if let E::FirstSeen { number, channel, generation, identity } = event {
        let contact = Contact {
            id,
            number: *number,
            channel: *channel,
            generation: *generation,
            identity: *identity,
            first_seen_at: fact.occurred_at,
            blocked: false,
            forgotten: None,
            attributes: BTreeMap::new(),
            groups: BTreeSet::new(),
            version: fact.version,
        };
        rows.mark(list_entry(List::All, &contact));
        rows.mark(list_entry(List::Channel(*channel), &contact));
        rows.put(&key, contact);
        return Ok(());
    }
    let mut contact = rows.take::<Contact>(&key)?.ok_or(FoldError::Unexpected("a contact that was not seen before"))?;
    contact.version = fact.version;
    match event {
        E::FirstSeen { .. } | E::MessageRefused { .. } => {}
        E::IdentityChanged { identity, .. } => contact.identity = *identity,
        E::AttributeSet { key, value, .. } => {
            let attribute = Attribute { value: *value, set_at: fact.occurred_at, set_by: fact.actor };
            contact.attributes.insert(key.clone(), attribute);
        }
        E::AttributeRemoved { key, .. } => {
            contact.attributes.remove(key);
        }
        E::GroupJoined { group } => {
            contact.groups.insert(*group);
            rows.mark(list_entry(List::Group(*group), &contact));
        }
        E::GroupLeft { group } => {
            contact.groups.remove(group);
            rows.unmark(list_entry(List::Group(*group), &contact));
        }
        E::Blocked => contact.blocked = true,
        E::Unblocked => contact.blocked = false,
        E::Forgotten { .. } => contact.forgotten = Some(fact.occurred_at),
    }
    rows.put(&key, contact);
    Ok(())
}

impl ContactReader {
    /// The contact.
    pub fn contact(&self, contact: ContactId) -> Result<Option<Contact>, QueryError> {
        self.read(|view| view.get(contact_key(contact)))
    }

    /// Their conversations, the newest first, at most so many.
    pub fn conversations(&self, contact: ContactId, limit: usize) -> Result<Vec<ConversationId>, QueryError> {
        self.read(|view| {
            let entries = view.prefix(Key::of(b'V').id(contact.0), false).take(limit);
            entries.map(|entry| last_id(view, &entry?.0).map(ConversationId)).collect()
        })
    }

    /// A page of contacts, who was first seen last first.
    pub fn list(&self, filter: Filter, after: Option<&str>, limit: usize) -> Result<Page<Contact>, QueryError> {
        let list = match filter {
            Filter { group: Some(group), .. } => List::Group(group),
            Filter { channel: Some(channel), .. } => List::Channel(channel),
            Filter { .. } => List::All,
        };
        let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
        let prefix = list_key(list).done();
        let from = match after {
            None => prefix.clone(),
            Some(after) => [&prefix[..], &page::from_text(after, PLACE_BYTES)?, &[0]].concat(),
        };
        let end = crate::key::behind(&prefix);
        self.read(|view| {
            let mut page = Page::empty();
            for (scanned, entry) in view.range(&from, end.as_deref(), false).enumerate() {
                if page.items.len() == limit || scanned == PAGE_SCANNED_MAX {
                    return Ok(page);
                }
                let (key, _) = entry?;
                let id = ContactId(last_id(view, &key)?);
                let contact: Contact = view.get(contact_key(id))?.ok_or_else(|| view.damaged())?;
                page.next = Some(page::to_text(&key[prefix.len()..]));
                if filter.channel.is_none_or(|channel| contact.channel == channel) {
                    page.items.push(contact);
                }
            }
            page.next = None;
            Ok(page)
        })
    }
}

fn last_id(view: &View<'_>, key: &[u8]) -> Result<uuid::Uuid, QueryError> {
    let bytes = key.len().checked_sub(16).map(|at| &key[at..]);
    bytes.and_then(|bytes| uuid::Uuid::from_slice(bytes).ok()).ok_or_else(|| view.damaged())
}
