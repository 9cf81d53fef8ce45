//! Which promises of service levels are broken or due, and how many were kept: the breach view. The rules of the
//! clocks are the domain's (`docs/sla.md`); to append a breach as a fact is the gateway's.

pub mod bench;
mod board;
mod query;
mod row;
mod tally;

pub use query::{Colour, Scope, SlaReader, Standing, Tally};
pub use row::Breached;

use crate::derived::Derive;
use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::rows::Rows;
use clew_domain::contact::ContactEvent;
use clew_domain::conversation::{ConversationEvent as E, SlaBreach};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{ContactId, ConversationId, GroupId};
use clew_domain::sla::{Surroundings, Timeline};
use row::{Row, shown};
use std::sync::Arc;
use uuid::Uuid;

/// The projection.
pub struct Sla;

fn timeline_key() -> Key {
    Key::of(b'T')
}

fn groups_key(contact: ContactId) -> Key {
    Key::of(b'G').id(contact.0)
}

/// How many memberships of groups there are.
fn memberships_key() -> Key {
    Key::of(b'N')
}

fn row_key(conversation: ConversationId) -> Key {
    Key::of(b'R').id(conversation.0)
}

/// Whose row has this key, if one has.
fn row_id(key: &[u8]) -> Option<ConversationId> {
    let id = key.strip_prefix(b"R")?;
    Uuid::from_slice(id).ok().map(ConversationId)
}

/// Breaches that are not told yet.
fn untold_list() -> Key {
    Key::of(b'U')
}

/// A clock breaches once, whatever it is told to have breached by.
fn untold_key(conversation: ConversationId, breach: &SlaBreach) -> Key {
    untold_list().id(conversation.0).id(breach.clock.0).byte(u8::from(breach.is_of_answer()))
}

impl Projection for Sla {
    const NAME: &'static str = "sla";
    const VERSION: u32 = 3;
    const DERIVE: Option<Derive> = Some(board::Board::derive);

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        match &fact.event {
            Event::Conversation(event) if moves_clocks(event) => {
                converse(rows, ConversationId(fact.stream.id), fact, event)
            }
            Event::Contact(event) => regroup(rows, ContactId(fact.stream.id), event),
            Event::Workspace(_) => resettle(rows, fact),
            Event::Conversation(_) | Event::Agent(_) | Event::Collection(_) | Event::Installation(_) => Ok(()),
        }
    }
}

fn converse(rows: &mut Rows, conversation: ConversationId, fact: &Fact, event: &E) -> Result<(), FoldError> {
    let timeline = timeline(rows)?;
    let key = row_key(conversation);
    let begins = matches!(event, E::Started(_));
    let mut row = if begins { Row::default() } else { rows.take::<Row>(&key)?.unwrap_or_default() };
    let groups = match row.clocks.contact() {
        Some(contact) if depends_on_groups(event) => groups(rows, contact)?,
        Some(_) | None => Vec::new(),
    };
    let (place, seen) = (tally::Place::of(&row.clocks), row.broken());
    row.catch_up(&timeline);
    let ended = row.clocks.apply(fact, &Surroundings { timeline: &timeline, groups: &groups });
    if let E::SlaBreached(breach) = event {
        row.told.push((breach.clock, breach.is_of_answer()));
        rows.delete(&untold_key(conversation, breach));
    }
    for breach in row.breaches(&ended) {
        let clock = (breach.clock, breach.is_of_answer());
        if seen.contains(&Some(clock)) {
            continue;
        }
        tally::count(rows, place, breach.due, (breach.policy, breach.metric), false)?;
        if !row.told.contains(&clock) {
            rows.put(&untold_key(conversation, &breach), Breached { conversation, breach });
        }
    }
    for it in ended.iter().filter(|it| it.clock.breach.is_none()) {
        if let Some(promise) = shown(&it.clock) {
            tally::count(rows, place, it.at, (promise.policy, promise.metric), true)?;
        }
    }
    row.forget_told();
    rows.put(&key, row);
    Ok(())
}

/// Whether a clock that it may start, or whether it is an answer, depends on the groups of the contact.
fn depends_on_groups(event: &E) -> bool {
    matches!(event, E::MessageReceived(_) | E::ReplySent(_) | E::ReturnedToNew { .. })
}

fn groups(rows: &mut Rows, contact: ContactId) -> Result<Vec<GroupId>, FoldError> {
    // Most desks have none; then no row is looked for that is not there.
    if rows.get::<i64>(&memberships_key())?.is_none() {
        return Ok(Vec::new());
    }
    Ok(rows.get::<Vec<GroupId>>(&groups_key(contact))?.unwrap_or_default())
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
            rows.add(&memberships_key(), 1)?;
        }
        ContactEvent::GroupLeft { group } => {
            let mut groups = rows.take::<Vec<GroupId>>(&key)?.unwrap_or_default();
            let before = groups.len();
            groups.retain(|known| known != group);
            let left = before - groups.len();
            rows.put(&key, groups);
            rows.add(&memberships_key(), -i64::try_from(left).unwrap_or(i64::MAX))?;
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

/// Takes an edit of policies and calendars in. Where it applies to open clocks, each of them catches up when its
/// conversation is next looked at: until then nothing happens in it that could tell the difference.
fn resettle(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
    let mut timeline = timeline(rows)?;
    Arc::make_mut(&mut timeline).take(fact);
    rows.put(&timeline_key(), timeline);
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
