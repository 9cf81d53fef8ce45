//! The index of the queues: for each thing that a list can be narrowed to, its conversations in order; and a
//! counter for each combination of such things, so that no count is ever taken by walking.

use super::query::{Order, Owner};
use super::row::Row;
use crate::key::{Key, ascending};
use crate::projection::FoldError;
use crate::rows::Rows;
use clew_domain::conversation::Queue;
use clew_domain::ids::{AgentId, ChannelId, ConversationId, TeamId, TopicId};
use clew_domain::time::Timestamp;
use std::collections::BTreeSet;
use uuid::Uuid;

/// What one index lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    All,
    Channel(ChannelId),
    Team(TeamId),
    /// Of an agent, or of nobody.
    Agent(Option<AgentId>),
    Topic(TopicId),
}

impl Scope {
    fn tagged(self) -> (u8, Uuid) {
        match self {
            Self::All => (b'*', Uuid::nil()),
            Self::Channel(channel) => (b'c', channel.0),
            Self::Team(team) => (b't', team.0),
            Self::Agent(agent) => (b'a', agent.map_or(Uuid::nil(), |agent| agent.0)),
            Self::Topic(topic) => (b'p', topic.0),
        }
    }
}

pub(super) fn queue_byte(queue: Queue) -> u8 {
    match queue {
        Queue::New => 0,
        Queue::Pending => 1,
        Queue::Resolved => 2,
    }
}

/// Bytes of an entry's key before its order.
const PREFIX_BYTES: usize = 1 + 1 + 1 + 16;

/// Where a list of one scope begins.
pub(super) fn prefix(order: Order, queue: Queue, scope: Scope) -> Key {
    let table = match order {
        Order::Priority => b'P',
        Order::Newest | Order::Oldest => b'T',
    };
    let (tag, id) = scope.tagged();
    Key::of(table).byte(queue_byte(queue)).byte(tag).id(id)
}

/// What of an entry's key says its place in the list.
pub(super) fn place_in(key: &[u8]) -> Option<&[u8]> {
    key.get(PREFIX_BYTES..)
}

/// Which conversation stands at a place.
pub(super) fn conversation_at(place: &[u8]) -> Option<ConversationId> {
    let id = place.get(place.len().checked_sub(16)?..)?;
    Uuid::from_slice(id).ok().map(ConversationId)
}

/// Bytes of a place.
pub(super) fn place_bytes(order: Order) -> usize {
    match order {
        Order::Priority => 2 + 8 + 16,
        Order::Newest | Order::Oldest => 8 + 16,
    }
}

/// Of a row, what its index entries and counters follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    id: ConversationId,
    queue: Queue,
    channel: ChannelId,
    team: Option<TeamId>,
    agent: Option<AgentId>,
    topics: Vec<TopicId>,
    priority: i16,
    since: Timestamp,
    updated_at: Timestamp,
}

impl Place {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            id: row.id,
            queue: row.queue,
            channel: row.channel,
            team: row.team,
            agent: row.agent,
            topics: row.topics.clone(),
            priority: row.priority,
            since: row.waiting_since.unwrap_or(row.queued_at),
            updated_at: row.updated_at,
        }
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> {
        [Scope::All, Scope::Channel(self.channel), Scope::Agent(self.agent)]
            .into_iter()
            .chain(self.team.map(Scope::Team))
            .chain(self.topics.iter().copied().map(Scope::Topic))
    }

    /// Resolved conversations are many and nobody works them: they are listed by time alone.
    fn has_priority(&self) -> bool {
        self.queue != Queue::Resolved
    }

    fn entries(&self) -> BTreeSet<Vec<u8>> {
        // Higher priorities have smaller keys.
        let urgency = !(self.priority.cast_unsigned() ^ 0x8000);
        let by_priority = self.has_priority().then_some(Order::Priority);
        let entry = |order, scope| {
            let key = prefix(order, self.queue, scope);
            let key = match order {
                Order::Priority => key.u16(urgency).u64(ascending(self.since)),
                Order::Newest | Order::Oldest => key.u64(ascending(self.updated_at)),
            };
            key.id(self.id.0).done()
        };
        self.scopes()
            .flat_map(|scope| [by_priority, Some(Order::Newest)].map(|order| order.map(|order| entry(order, scope))))
            .flatten()
            .collect()
    }

    fn counters(&self) -> Vec<Key> {
        let cell = Cell { channel: None, team: None, owner: None, topic: None };
        let whose = self.agent.map_or(Owner::Nobody, Owner::Agent);
        let mut cells = Vec::with_capacity(8 * (1 + self.topics.len()));
        for topic in std::iter::once(None).chain(self.topics.iter().copied().map(Some)) {
            for channel in [None, Some(self.channel)] {
                for owner in [None, Some(whose)] {
                    cells.push(Cell { channel, owner, topic, ..cell });
                    if self.team.is_some() {
                        cells.push(Cell { channel, owner, topic, team: self.team });
                    }
                }
            }
        }
        cells.into_iter().map(|cell| cell.key(self.queue)).collect()
    }

    fn counts_as(&self, other: &Self) -> bool {
        self.queue == other.queue && self.team == other.team && self.agent == other.agent && self.topics == other.topics
    }
}

/// What a counter counts: the conversations of a queue for which all that is given holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) channel: Option<ChannelId>,
    pub(super) team: Option<TeamId>,
    pub(super) owner: Option<Owner>,
    pub(super) topic: Option<TopicId>,
}

impl Cell {
    pub(super) fn key(self, queue: Queue) -> Key {
        let given = |bit: u8, is: bool| if is { bit } else { 0 };
        let mask = given(1, self.channel.is_some())
            | given(2, self.team.is_some())
            | given(4, self.owner.is_some())
            | given(8, self.topic.is_some());
        let owner = self.owner.map(|owner| owner.agent().map_or(Uuid::nil(), |agent| agent.0));
        let ids = [self.channel.map(|it| it.0), self.team.map(|it| it.0), owner, self.topic.map(|it| it.0)];
        ids.into_iter().flatten().fold(Key::of(b'N').byte(queue_byte(queue)).byte(mask), Key::id)
    }
}

/// A conversation comes into the lists.
pub(super) fn enter(rows: &mut Rows, row: &Row) -> Result<(), FoldError> {
    let place = Place::of(row);
    for entry in place.entries() {
        rows.mark_bytes(entry);
    }
    place.counters().iter().try_for_each(|cell| rows.add(cell, 1))
}

/// A conversation stood at `before` and is now as its row says.
pub(super) fn move_on(rows: &mut Rows, before: &Place, row: &Row) -> Result<(), FoldError> {
    let now = Place::of(row);
    if now == *before {
        return Ok(());
    }
    let (old, new) = (before.entries(), now.entries());
    for gone in old.difference(&new) {
        rows.unmark_bytes(gone.clone());
    }
    for come in new.difference(&old) {
        rows.mark_bytes(come.clone());
    }
    if now.counts_as(before) {
        return Ok(());
    }
    before.counters().iter().try_for_each(|cell| rows.add(cell, -1))?;
    now.counters().iter().try_for_each(|cell| rows.add(cell, 1))
}
