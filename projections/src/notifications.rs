//! What an agent is told of: that somebody else gave them a conversation.

use crate::key::{Key, ascending};
use crate::page::{self, PAGE_ENTRIES_MAX, Page};
use crate::projection::{FoldError, Projection};
use crate::reader::{QueryError, Reader, View};
use crate::rows::Rows;
use clew_domain::agent::AgentEvent;
use clew_domain::conversation::{Assignee, AssignmentCause, ConversationEvent};
use clew_domain::fact::{Actor, Event, Fact, Position};
use clew_domain::ids::{AgentId, ConversationId};
use clew_domain::time::Timestamp;
use clew_eventstore::cursor::Cursor;
use serde::{Deserialize, Serialize};

/// The projection.
pub struct Notifications;

/// Answers what agents are told of; cheap to clone.
pub type NotificationReader = Reader<Notifications>;

/// Unread notifications counted at most: a larger number helps nobody.
pub const UNREAD_COUNTED_MAX: usize = 1_000;

/// A notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Where its fact stands.
    pub position: Position,
    /// When it happened.
    pub at: Timestamp,
    /// The conversation that was given to the agent.
    pub conversation: ConversationId,
    /// Who gave it.
    pub by: Actor,
    /// How it came about.
    pub cause: AssignmentCause,
}

/// A notification, and whether the agent has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The notification.
    pub notification: Notification,
    /// Whether the agent has read it.
    pub read: bool,
}

/// Up to where an agent has read, and when they last did.
#[derive(Default, Serialize, Deserialize)]
struct Read {
    up_to: Cursor,
    at: Timestamp,
}

impl Read {
    /// Whether the notification was read. What was read when the log had another number of partitions names no place in
    /// this one: then all that had come by that time counts as read.
    fn has(&self, notification: &Notification, partitions: u16) -> bool {
        if self.up_to.partitions() == partitions {
            self.up_to.has_seen(notification.position)
        } else {
            notification.at <= self.at
        }
    }
}

fn list_key(agent: AgentId) -> Key {
    Key::of(b'N').id(agent.0)
}

/// Bytes of an entry's key beyond its list.
const PLACE_BYTES: usize = 8 + 2 + 8;

fn read_key(agent: AgentId) -> Key {
    Key::of(b'R').id(agent.0)
}

impl Projection for Notifications {
    const NAME: &'static str = "notifications";
    const VERSION: u32 = 2;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        match &fact.event {
            Event::Conversation(ConversationEvent::Assigned { to: Assignee::Agent(agent), cause })
                if fact.actor != Actor::Agent(*agent) =>
            {
                let key = list_key(*agent).u64(!ascending(fact.recorded_at));
                let key = key.u16(fact.position.partition).u64(!fact.position.sequence);
                let notification = Notification {
                    position: fact.position,
                    at: fact.occurred_at,
                    conversation: ConversationId(fact.stream.id),
                    by: fact.actor,
                    cause: *cause,
                };
                rows.put(&key, notification);
            }
            Event::Agent(AgentEvent::NotificationsRead { up_to }) => {
                let key = read_key(AgentId(fact.stream.id));
                let before = rows.take::<Read>(&key)?.map(|read| read.up_to);
                let mut furthest = before.filter(|it| usize::from(it.partitions()) == up_to.len()).unwrap_or_default();
                for (partition, sequence) in (0..).zip(up_to) {
                    furthest.advance(Position { partition, sequence: *sequence });
                }
                rows.put(&key, Read { up_to: furthest, at: fact.occurred_at });
            }
            Event::Conversation(_)
            | Event::Contact(_)
            | Event::Agent(_)
            | Event::Workspace(_)
            | Event::Collection(_)
            | Event::Installation(_) => {}
        }
        Ok(())
    }
}

impl NotificationReader {
    /// A page of an agent's notifications, the newest first.
    pub fn page(&self, agent: AgentId, after: Option<&str>, limit: usize) -> Result<Page<Told>, QueryError> {
        let prefix = list_key(agent).done();
        let from = match after {
            None => prefix.clone(),
            Some(after) => [&prefix[..], &page::from_text(after, PLACE_BYTES)?, &[0]].concat(),
        };
        let end = crate::key::behind(&prefix);
        let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
        self.read(|view| {
            let (read, partitions) = (read_up_to(view, agent)?, view.cursor().partitions());
            let mut page = Page::empty();
            for entry in view.range(&from, end.as_deref(), false) {
                if page.items.len() == limit {
                    return Ok(page);
                }
                let (key, value) = entry?;
                let notification: Notification = view.decode(&value)?;
                page.items.push(Told { notification, read: read.has(&notification, partitions) });
                page.next = Some(page::to_text(&key[prefix.len()..]));
            }
            page.next = None;
            Ok(page)
        })
    }

    /// How many notifications the agent has not read, counted up to [`UNREAD_COUNTED_MAX`].
    pub fn unread(&self, agent: AgentId) -> Result<u64, QueryError> {
        self.read(|view| {
            let (read, partitions) = (read_up_to(view, agent)?, view.cursor().partitions());
            let mut unread = 0;
            for entry in view.prefix(list_key(agent), false).take(UNREAD_COUNTED_MAX) {
                let notification: Notification = view.decode(&entry?.1)?;
                unread += u64::from(!read.has(&notification, partitions));
            }
            Ok(unread)
        })
    }
}

fn read_up_to(view: &View<'_>, agent: AgentId) -> Result<Read, QueryError> {
    Ok(view.get(read_key(agent))?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::Spec;
    use crate::tests::folded;
    use clew_domain::fact::NewFact;
    use clew_domain::ids::{CommandId, CorrelationId, EventId, StreamId};
    use uuid::Uuid;

    const AGENT: AgentId = AgentId(Uuid::from_u128(7));

    fn fact(partition: u16, sequence: u64, second: i64, event: Event) -> Fact {
        let at = Timestamp::from_micros(second * 1_000_000);
        let id = Uuid::from_u64_pair(partition.into(), sequence);
        let is_agents = matches!(event, Event::Agent(_));
        let stream = if is_agents { StreamId::from(AGENT) } else { StreamId::from(ConversationId(id)) };
        let body = NewFact {
            id: EventId(id),
            occurred_at: at,
            actor: Actor::System,
            command: CommandId(id),
            causation: None,
            correlation: CorrelationId(id),
            settings_version: 0,
            event,
        };
        Fact { position: Position { partition, sequence }, stream, version: 1, recorded_at: at, body }
    }

    fn given(partition: u16, sequence: u64, second: i64) -> Fact {
        let assigned = ConversationEvent::Assigned { to: Assignee::Agent(AGENT), cause: AssignmentCause::ByHand };
        fact(partition, sequence, second, Event::Conversation(assigned))
    }

    fn read(sequence: u64, second: i64, up_to: &[u64]) -> Fact {
        fact(0, sequence, second, Event::Agent(AgentEvent::NotificationsRead { up_to: up_to.to_vec() }))
    }

    /// Which notifications are shown as read, the newest first.
    fn shown(facts: &[Fact], partitions: u16) -> Vec<bool> {
        let mut cursor = Cursor::start(partitions);
        for fact in facts {
            cursor.advance(fact.position);
        }
        let reader: NotificationReader = Reader::still(folded(Spec::of::<Notifications>(), facts), cursor);
        let page = reader.page(AGENT, None, 10).expect("a page");
        let shown: Vec<bool> = page.items.iter().map(|told| told.read).collect();
        let unread = shown.iter().filter(|read| !**read).count() as u64;
        assert_eq!(reader.unread(AGENT).expect("a number"), unread);
        shown
    }

    #[test]
    fn what_was_read_before_the_log_had_other_partitions_is_told_by_its_time() {
        // 500 facts of one partition, moved into two: what is given later stands at low positions.
        let mut facts = vec![given(0, 5, 10), given(1, 6, 20), read(7, 30, &[500])];
        assert_eq!(shown(&facts, 2), [true, true]);
        facts.extend([given(0, 8, 40), given(1, 9, 50)]);
        assert_eq!(shown(&facts, 2), [false, false, true, true], "what came since is new");
        facts.push(read(10, 60, &[8, 6]));
        assert_eq!(shown(&facts, 2), [false, true, true, true], "now it is told by positions again");
        facts.push(read(11, 70, &[8, 9]));
        assert_eq!(shown(&facts, 2), [true; 4]);
    }
}
