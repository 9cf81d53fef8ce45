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
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The projection.
pub struct Sla;

fn timeline_key() -> Key {
    Key::of(b'T')
}

/// How far the settings are taken in, and what waits for more of them.
fn settings_key() -> Key {
    Key::of(b'V')
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
    const VERSION: u32 = 4;
    const DERIVE: Option<Derive> = Some(board::Board::derive);

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        match &fact.event {
            Event::Conversation(event) if moves_clocks(event) => {
                let mut settings = rows.get::<Settings>(&settings_key())?.unwrap_or_default();
                if settings.know(fact) {
                    return converse(rows, fact, event);
                }
                settings.awaited.push(fact.clone());
                rows.put(&settings_key(), settings);
                Ok(())
            }
            Event::Contact(event) => regroup(rows, ContactId(fact.stream.id), event),
            Event::Workspace(_) => {
                resettle(rows, fact)?;
                take_awaited(rows, fact.version)
            }
            Event::Conversation(_) | Event::Agent(_) | Event::Collection(_) | Event::Installation(_) => Ok(()),
        }
    }
}

/// How far the settings are taken in. The workspace may lie in another partition than a conversation, and be behind it:
/// what was decided under settings that are not there yet waits for them, and what follows in its conversation with it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Settings {
    version: u64,
    /// In the order in which they came.
    awaited: Vec<Fact>,
}

impl Settings {
    /// Whether all is there that a fact of a conversation was decided under.
    fn know(&self, fact: &Fact) -> bool {
        fact.settings_version <= self.version && self.awaited.iter().all(|it| it.stream != fact.stream)
    }
}

/// The settings are taken in up to this version: what waited for no more than that is taken in too.
fn take_awaited(rows: &mut Rows, version: u64) -> Result<(), FoldError> {
    let mut settings = rows.take::<Settings>(&settings_key())?.unwrap_or_default();
    settings.version = version;
    for fact in std::mem::take(&mut settings.awaited) {
        if let Event::Conversation(event) = &fact.event
            && settings.know(&fact)
        {
            converse(rows, &fact, event)?;
        } else {
            settings.awaited.push(fact);
        }
    }
    rows.put(&settings_key(), settings);
    Ok(())
}

fn converse(rows: &mut Rows, fact: &Fact, event: &E) -> Result<(), FoldError> {
    let conversation = ConversationId(fact.stream.id);
    let timeline = timeline(rows)?;
    let key = row_key(conversation);
    let begins = matches!(event, E::Started(_));
    let mut row = if begins { Row::default() } else { rows.take::<Row>(&key)?.unwrap_or_default() };
    let groups = match (row.clocks.contact(), event) {
        (Some(contact), E::MessageReceived(message)) if message.groups.is_none() => groups(rows, contact)?,
        _ => Vec::new(),
    };
    let (place, seen) = (tally::Place::of(&row.clocks), row.broken());
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

/// The groups of a contact whose message does not say them.
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

/// Takes an edit of policies and calendars in. Where it applies to open clocks, each of them takes it into account with
/// the first fact of its conversation whose writer had seen it; who reads meanwhile judges by it too.
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
