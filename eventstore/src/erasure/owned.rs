//! Which contents belong to a contact, read from the log: those of the contact's own stream and of all of their
//! conversations. Forgetting is rare, so one pass over the log serves it and no index has to be kept true.

use super::FACTS_PER_READ;
use crate::store::{EventStore, StoreError};
use clew_domain::conversation::{ContentSpan, ConversationEvent};
use clew_domain::fact::{Event, Fact, Position};
use clew_domain::ids::{ContactId, StreamId};
use std::collections::{BTreeSet, HashMap};

/// The streams of some contacts and their conversations, as far as the log was read.
pub(super) struct Streams {
    contacts: BTreeSet<ContactId>,
    streams: HashMap<StreamId, ContactId>,
}

impl Streams {
    pub(super) fn of(contacts: BTreeSet<ContactId>) -> Self {
        let streams = contacts.iter().map(|contact| (StreamId::from(*contact), *contact)).collect();
        Self { contacts, streams }
    }

    /// Whose stream the fact is in, if it is in one of them. Facts come in the order of their stream: the start of a
    /// conversation says with whom it is.
    pub(super) fn whose(&mut self, fact: &Fact) -> Option<ContactId> {
        if let Event::Conversation(ConversationEvent::Started(started)) = &fact.event
            && self.contacts.contains(&started.contact)
        {
            self.streams.insert(fact.stream, started.contact);
        }
        self.streams.get(&fact.stream).copied()
    }
}

/// All contents that these contacts ever had.
pub(super) async fn contents_of(
    store: &dyn EventStore,
    contacts: &BTreeSet<ContactId>,
) -> Result<Vec<ContentSpan>, StoreError> {
    let mut streams = Streams::of(contacts.clone());
    let mut spans = Vec::new();
    for_each_fact(store, |fact| {
        if streams.whose(fact).is_some() {
            spans.extend(fact.event.brings_in().spans());
        }
    })
    .await?;
    Ok(spans)
}

/// Every fact that the log holds now, partition after partition.
pub(super) async fn for_each_fact(store: &dyn EventStore, mut see: impl FnMut(&Fact)) -> Result<(), StoreError> {
    let head = store.head();
    for partition in 0..store.partitions() {
        let mut after = Position { partition, sequence: 0 };
        while after.sequence < head.sequence(partition) {
            let facts = store.read_all(after, FACTS_PER_READ).await?;
            let Some(last) = facts.last() else { break };
            after = last.position;
            facts.iter().for_each(&mut see);
        }
    }
    Ok(())
}
