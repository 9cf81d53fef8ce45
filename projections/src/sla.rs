//! Which promises of service levels are broken or due, and how many were kept: the breach view. The rules of the
//! clocks are the domain's (`docs/sla.md`); to append a breach as a fact is the gateway's.

mod index;
mod query;
mod row;

pub use query::{Colour, Scope, SlaReader, Standing, Tally};
pub use row::Breached;

use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::rows::Rows;
use clew_domain::contact::ContactEvent;
use clew_domain::conversation::ConversationEvent as E;
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{ContactId, ConversationId, GroupId};
use clew_domain::sla::{Surroundings, Timeline};
use row::Row;
use std::sync::Arc;

/// The projection.
pub struct Sla;

fn timeline_key() -> Key {
    Key::of(b'T')
}

fn groups_key(contact: ContactId) -> Key {
    Key::of(b'G').id(contact.0)
}

fn row_key(conversation: ConversationId) -> Key {
    Key::of(b'R').id(conversation.0)
}

impl Projection for Sla {
    const NAME: &'static str = "sla";
    const VERSION: u32 = 1;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        match &fact.event {
            Event::Conversation(event) if moves_clocks(event) => converse(rows, ConversationId(fact.stream.id), fact),
            Event::Contact(event) => regroup(rows, ContactId(fact.stream.id), event),
            Event::Workspace(_) => resettle(rows, fact),
            Event::Conversation(_) | Event::Agent(_) | Event::Collection(_) | Event::Installation(_) => Ok(()),
        }
    }
}

fn converse(rows: &mut Rows, conversation: ConversationId, fact: &Fact) -> Result<(), FoldError> {
    let timeline = timeline(rows)?;
    let row = rows.take::<Row>(&row_key(conversation))?.unwrap_or_default();
    let groups = match row.clocks.contact() {
        Some(contact) => rows.get::<Vec<GroupId>>(&groups_key(contact))?.unwrap_or_default(),
        None => Vec::new(),
    };
    let around = Surroundings { timeline: &timeline, groups: &groups };
    let mut after = row.clone();
    let ended = after.clocks.apply(fact, &around);
    if let Event::Conversation(E::SlaBreached(breach)) = &fact.event {
        after.told.push((breach.clock, breach.is_of_answer()));
        rows.delete(&index::untold_key(conversation, breach));
    }
    index::move_on(rows, conversation, &row, &mut after, &ended)?;
    rows.put(&row_key(conversation), after);
    Ok(())
}

fn timeline(rows: &mut Rows) -> Result<Arc<Timeline>, FoldError> {
    Ok(rows.get::<Arc<Timeline>>(&timeline_key())?.unwrap_or_default())
}

fn regroup(rows: &mut Rows, contact: ContactId, event: &ContactEvent) -> Result<(), FoldError> {
    let key = groups_key(contact);
    match event {
        ContactEvent::GroupJoined { group } => {
            let mut groups = rows.take::<Vec<GroupId>>(&key)?.unwrap_or_default();
            groups.push(*group);
            rows.put(&key, groups);
        }
        ContactEvent::GroupLeft { group } => {
            let mut groups = rows.take::<Vec<GroupId>>(&key)?.unwrap_or_default();
            groups.retain(|known| known != group);
            rows.put(&key, groups);
        }
        ContactEvent::FirstSeen { .. }
        | ContactEvent::IdentityChanged { .. }
        | ContactEvent::AttributeSet { .. }
        | ContactEvent::AttributeRemoved { .. }
        | ContactEvent::Blocked
        | ContactEvent::Unblocked
        | ContactEvent::MessageRefused { .. }
        | ContactEvent::Forgotten { .. } => {}
    }
    Ok(())
}

/// Takes an edit of policies and calendars in. One that applies to open clocks judges every one of them anew.
fn resettle(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
    let mut timeline = timeline(rows)?;
    let edited = Arc::make_mut(&mut timeline).take(fact);
    rows.put(&timeline_key(), Arc::clone(&timeline));
    let Some(at) = edited else { return Ok(()) };
    for conversation in index::with_clocks(rows)? {
        let key = row_key(conversation);
        let row = rows.take::<Row>(&key)?.ok_or(FoldError::Unexpected("a clock of an unknown conversation"))?;
        let mut after = row.clone();
        after.clocks.judge_until(at, &timeline);
        index::move_on(rows, conversation, &row, &mut after, &[])?;
        rows.put(&key, after);
    }
    Ok(())
}

/// Whether an event may start, stop, move or tell of a clock.
fn moves_clocks(event: &E) -> bool {
    match event {
        E::Started(_)
        | E::MessageReceived(_)
        | E::ReplySent(_)
        | E::Assigned { .. }
        | E::Unassigned { .. }
        | E::Pended { .. }
        | E::Resolved { .. }
        | E::ReturnedToNew { .. }
        | E::ThreadBlocked
        | E::ThreadUnblocked
        | E::TopicAdded { .. }
        | E::TopicRemoved { .. }
        | E::SlaBreached(_) => true,
        E::MessageRefused { .. }
        | E::MessageRedacted { .. }
        | E::DeliveryAccepted { .. }
        | E::DeliveryFailed { .. }
        | E::DeliveryRetried { .. }
        | E::NoteAdded { .. }
        | E::NoteEdited { .. }
        | E::NoteDeleted { .. }
        | E::MessageMasked { .. }
        | E::NoteMasked { .. }
        | E::AttachmentMasked { .. }
        | E::MessageLiked { .. }
        | E::MessageUnliked { .. }
        | E::PriorityChanged { .. }
        | E::Locked { .. }
        | E::LockReleased { .. }
        | E::LockTakenOver { .. }
        | E::RuleApplied { .. }
        | E::RuleHeldBack { .. } => false,
    }
}

#[cfg(test)]
mod tests;
