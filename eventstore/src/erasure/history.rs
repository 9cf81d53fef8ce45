//! Every erasure that the log orders, and whether it is completed: read from the facts, without keys.

use super::owned::for_each_fact;
use crate::store::{EventStore, StoreError};
use clew_domain::contact::ContactEvent;
use clew_domain::conversation::ConversationEvent;
use clew_domain::fact::{Actor, Event, Fact, Position};
use clew_domain::ids::{EventId, StreamId};
use clew_domain::installation::InstallationEvent;
use clew_domain::time::Timestamp;
use std::collections::HashMap;

/// An erasure that the log orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The fact that orders it.
    pub of: EventId,
    /// Where it stands.
    pub position: Position,
    /// In which stream.
    pub stream: StreamId,
    /// By whom.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What kind of act it was.
    pub act: Act,
    /// Contents that it names one by one.
    pub contents: u64,
    /// When its completion was recorded; none while it is pending.
    pub completed_at: Option<Timestamp>,
}

/// The kind of act that erases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Somebody masked a message, a note or an attachment.
    Masked,
    /// Somebody had a contact forgotten.
    Forgotten,
    /// Something was rewritten, deleted or emptied.
    Replaced,
}

/// All orders, those of each partition in the order of its log.
pub async fn orders(store: &dyn EventStore) -> Result<Vec<Order>, StoreError> {
    let mut orders = Vec::new();
    let mut completions = HashMap::new();
    for_each_fact(store, |fact| {
        if let Event::Installation(InstallationEvent::ErasureCompleted { of }) = &fact.event {
            completions.insert(*of, fact.recorded_at);
        }
        orders.extend(order(fact));
    })
    .await?;
    for order in &mut orders {
        order.completed_at = completions.get(&order.of).copied();
    }
    Ok(orders)
}

fn order(fact: &Fact) -> Option<Order> {
    let erasure = fact.event.erases();
    let act = match &fact.event {
        Event::Conversation(
            ConversationEvent::MessageMasked { .. }
            | ConversationEvent::NoteMasked { .. }
            | ConversationEvent::AttachmentMasked { .. },
        ) => Act::Masked,
        Event::Contact(ContactEvent::Forgotten { .. }) => Act::Forgotten,
        _ => Act::Replaced,
    };
    (!erasure.is_empty()).then(|| Order {
        of: fact.id,
        position: fact.position,
        stream: fact.stream,
        by: fact.actor,
        at: fact.recorded_at,
        act,
        contents: erasure.contents.iter().map(|span| u64::from(span.count)).sum(),
        completed_at: None,
    })
}
