//! The index of resolved conversations: for each thing that a list can be narrowed to, its conversations in order; and
//! a counter for each combination of such things, so that no count is ever taken by walking. Those that are open stand
//! in memory (`desk.rs`).

use super::query::Owner;
use super::row::Row;
use crate::key::Key;
use crate::projection::FoldError;
use crate::rows::Rows;
use clew_domain::conversation::Queue;
use clew_domain::ids::{AgentId, ChannelId, ConversationId, TeamId, TopicId};
use clew_domain::time::Timestamp;
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

/// Bytes of an entry's key before its order.
const PREFIX_BYTES: usize = 1 + 1 + 16;

/// Where the list of one scope begins.
pub(super) fn prefix(scope: Scope) -> Key {
    let (tag, id) = scope.tagged();
    Key::of(b'T').byte(tag).id(id)
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
pub(super) const PLACE_BYTES: usize = 8 + 16;

/// Of a resolved row, what its index entries and counters follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    id: ConversationId,
    channel: ChannelId,
    team: Option<TeamId>,
    agent: Option<AgentId>,
    topics: Vec<TopicId>,
    updated_at: Timestamp,
}

impl Place {
    /// None of one that is open.
    pub(super) fn of(row: &Row) -> Option<Self> {
        (row.queue == Queue::Resolved).then(|| Self {
            id: row.id,
            channel: row.channel,
            team: row.team,
            agent: row.agent,
            topics: row.topics.clone(),
            updated_at: row.updated_at,
        })
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> {
        [Scope::All, Scope::Channel(self.channel), Scope::Agent(self.agent)]
            .into_iter()
            .chain(self.team.map(Scope::Team))
            .chain(self.topics.iter().copied().map(Scope::Topic))
    }

    fn entries(&self) -> impl Iterator<Item = Key> {
        self.scopes().map(|scope| prefix(scope).at(self.updated_at).id(self.id.0))
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
        cells.into_iter().map(Cell::key).collect()
    }
}

/// What a counter counts: the resolved conversations for which all that is given holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) channel: Option<ChannelId>,
    pub(super) team: Option<TeamId>,
    pub(super) owner: Option<Owner>,
    pub(super) topic: Option<TopicId>,
}

impl Cell {
    pub(super) fn key(self) -> Key {
        let given = |bit: u8, is: bool| if is { bit } else { 0 };
        let mask = given(1, self.channel.is_some())
            | given(2, self.team.is_some())
            | given(4, self.owner.is_some())
            | given(8, self.topic.is_some());
        let owner = self.owner.map(|owner| owner.agent().map_or(Uuid::nil(), |agent| agent.0));
        let ids = [self.channel.map(|it| it.0), self.team.map(|it| it.0), owner, self.topic.map(|it| it.0)];
        ids.into_iter().flatten().fold(Key::of(b'N').byte(mask), Key::id)
    }
}

/// A conversation stood at `before` among the resolved ones, if it was one, and now stands at `now`.
pub(super) fn move_on(rows: &mut Rows, before: Option<&Place>, now: Option<&Place>) -> Result<(), FoldError> {
    if before == now {
        return Ok(());
    }
    for (place, delta) in [(before, -1), (now, 1)] {
        let Some(place) = place else { continue };
        for entry in place.entries() {
            if delta < 0 { rows.unmark(entry) } else { rows.mark(entry) }
        }
        place.counters().iter().try_for_each(|cell| rows.add(cell, delta))?;
    }
    Ok(())
}
