//! The questions to the queues: counts, and pages in order.

use super::desk::{Desk, Inner, Place};
use super::index::{self, Cell, Scope};
use super::{QueueReader, Row, open_key, resolved_key};
use crate::page::{self, PAGE_ENTRIES_MAX, PAGE_SCANNED_MAX, Page};
use crate::reader::{QueryError, View};
use crate::table::Range;
use clew_domain::conversation::Queue;
use clew_domain::ids::{AgentId, ChannelId, ConversationId, TeamId, TopicId};
use clew_eventstore::cursor::Cursor;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a list is narrowed to; what is not given does not narrow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// On one of these channels; none of them gives an empty list.
    pub channels: Option<Vec<ChannelId>>,
    /// Assigned to this team.
    pub team: Option<TeamId>,
    /// Owned by this agent, or by no agent.
    pub owner: Option<Owner>,
    /// With this topic.
    pub topic: Option<TopicId>,
    /// Nobody's or this agent's, whoever else is asked for.
    pub free_or_of: Option<AgentId>,
}

impl Filter {
    /// Whose conversations match; `None` for everybody's.
    pub(super) fn owners(&self) -> Option<Vec<Owner>> {
        let seen = self.free_or_of.map(|agent| vec![Owner::Nobody, Owner::Agent(agent)]);
        match (self.owner, seen) {
            (None, seen) => seen,
            (Some(owner), None) => Some(vec![owner]),
            (Some(owner), Some(seen)) => Some(seen.into_iter().filter(|it| *it == owner).collect()),
        }
    }

    /// Whether the row matches.
    pub fn takes(&self, row: &Row) -> bool {
        let Self { channels, team, owner: _, topic, free_or_of: _ } = self;
        channels.as_ref().is_none_or(|channels| channels.contains(&row.channel))
            && team.is_none_or(|team| row.team == Some(team))
            && self.owners().is_none_or(|owners| owners.iter().any(|owner| owner.agent() == row.agent))
            && topic.is_none_or(|topic| row.topics.contains(&topic))
    }
}

/// Whose conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// No agent's, whether a team has them or not.
    Nobody,
    /// This agent's.
    Agent(AgentId),
}

impl Owner {
    pub(super) fn agent(self) -> Option<AgentId> {
        match self {
            Self::Nobody => None,
            Self::Agent(agent) => Some(agent),
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The most urgent first, among equals who has waited longest. Resolved ones are listed newest first instead.
    #[default]
    Priority,
    /// What changed last first.
    Newest,
    /// What has not changed for longest first.
    Oldest,
}

/// How many conversations there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub total: u64,
    /// Those that no agent owns.
    pub unassigned: u64,
    /// Those that the asked-for agent owns.
    pub mine: u64,
}

impl QueueReader {
    /// The row of a conversation.
    pub fn row(&self, conversation: ConversationId) -> Result<Option<Row>, QueryError> {
        self.read(|view| row(view, conversation))
    }

    /// The rows of these conversations; those that are not known are left out.
    pub fn rows(&self, conversations: impl IntoIterator<Item = ConversationId>) -> Result<Vec<Row>, QueryError> {
        self.read(|view| {
            let rows = conversations.into_iter().filter_map(|id| row(view, id).transpose());
            rows.collect()
        })
    }

    /// The rows of these conversations, all of them at the place in the log that is given with them.
    pub fn rows_at(
        &self,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Result<(Vec<Row>, Cursor), QueryError> {
        self.read(|view| {
            let rows = conversations.into_iter().filter_map(|id| row(view, id).transpose());
            Ok((rows.collect::<Result<_, _>>()?, view.cursor().clone()))
        })
    }

    /// How many conversations of a queue match; exact.
    pub fn count(&self, queue: Queue, filter: &Filter) -> Result<u64, QueryError> {
        self.read(|view| count(view, queue, filter))
    }

    /// How many conversations of a queue match, how many of them no agent owns, how many `me` owns; exact.
    pub fn counts(&self, queue: Queue, filter: &Filter, me: AgentId) -> Result<Counts, QueryError> {
        self.read(|view| counts(view, queue, filter, me))
    }

    /// A page of a queue, and how many there are on all pages.
    pub fn page(
        &self,
        queue: Queue,
        filter: &Filter,
        order: Order,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Page<Row>, u64), QueryError> {
        let order = if queue == Queue::Resolved && order == Order::Priority { Order::Newest } else { order };
        let after = after.map(|text| page::from_text(text, place_bytes(order))).transpose()?;
        let (after, limit) = (after.as_deref(), limit.clamp(1, PAGE_ENTRIES_MAX));
        self.read(|view| {
            let total = count(view, queue, filter)?;
            let lists = Lists::narrowest(view, queue, filter, order)?;
            let page = if queue == Queue::Resolved {
                lists.page_of_resolved(view, after, limit)
            } else {
                let after = after.map(|after| to_place(after, order).ok_or_else(|| view.damaged())).transpose()?;
                view.derived::<Desk>()?.read(|desk| lists.page_of_open(view, desk, after, limit))
            };
            Ok((page?, total))
        })
    }
}

fn row(view: &View<'_>, conversation: ConversationId) -> Result<Option<Row>, QueryError> {
    match view.get(open_key(conversation))? {
        None => view.get(resolved_key(conversation)),
        found => Ok(found),
    }
}

/// Bytes of a place in a list.
fn place_bytes(order: Order) -> usize {
    match order {
        Order::Priority => 2 + index::PLACE_BYTES,
        Order::Newest | Order::Oldest => index::PLACE_BYTES,
    }
}

fn from_place(place: Place, order: Order) -> Vec<u8> {
    let (urgency, at, id) = place;
    let urgency: &[u8] = if order == Order::Priority { &urgency.to_be_bytes() } else { &[] };
    [urgency, &at.to_be_bytes(), id.as_bytes()].concat()
}

fn to_place(bytes: &[u8], order: Order) -> Option<Place> {
    let (urgency, rest) = if order == Order::Priority {
        let (urgency, rest) = bytes.split_first_chunk()?;
        (u16::from_be_bytes(*urgency), rest)
    } else {
        (0, bytes)
    };
    let (at, id) = rest.split_first_chunk()?;
    Some((urgency, u64::from_be_bytes(*at), Uuid::from_slice(id).ok()?))
}

fn counted(view: &View<'_>, queue: Queue, cell: Cell) -> Result<u64, QueryError> {
    if queue == Queue::Resolved {
        view.count(cell.key())
    } else {
        Ok(view.derived::<Desk>()?.read(|desk| desk.counted(queue, cell)))
    }
}

fn count(view: &View<'_>, queue: Queue, filter: &Filter) -> Result<u64, QueryError> {
    let of_owner = |owner: Option<Owner>| {
        let cell = Cell { channel: None, team: filter.team, owner, topic: filter.topic };
        match &filter.channels {
            None => counted(view, queue, cell),
            Some(channels) => {
                let of = |channel: &ChannelId| counted(view, queue, Cell { channel: Some(*channel), ..cell });
                channels.iter().map(of).sum()
            }
        }
    };
    match filter.owners() {
        None => of_owner(None),
        Some(owners) => owners.into_iter().map(|owner| of_owner(Some(owner))).sum(),
    }
}

fn counts(view: &View<'_>, queue: Queue, filter: &Filter, me: AgentId) -> Result<Counts, QueryError> {
    let owned_by = |owner: Owner| match filter.owner {
        Some(asked) if asked != owner => Ok(0),
        Some(_) | None => count(view, queue, &Filter { owner: Some(owner), ..filter.clone() }),
    };
    Ok(Counts {
        total: count(view, queue, filter)?,
        unassigned: owned_by(Owner::Nobody)?,
        mine: owned_by(Owner::Agent(me))?,
    })
}

/// The index lists to walk, and what is still to be checked of each conversation in them.
struct Lists<'a> {
    queue: Queue,
    scopes: Vec<Scope>,
    order: Order,
    filter: &'a Filter,
}

impl<'a> Lists<'a> {
    /// Of the things that the list is narrowed to, the one with the fewest conversations.
    fn narrowest(view: &View<'_>, queue: Queue, filter: &'a Filter, order: Order) -> Result<Self, QueryError> {
        let mut choices: Vec<(Filter, Vec<Scope>)> = Vec::new();
        if let Some(channels) = &filter.channels {
            let only = Filter { channels: filter.channels.clone(), ..Filter::default() };
            let mut scopes: Vec<Scope> = channels.iter().copied().map(Scope::Channel).collect();
            scopes.sort_unstable();
            scopes.dedup();
            choices.push((only, scopes));
        }
        if let Some(team) = filter.team {
            choices.push((Filter { team: Some(team), ..Filter::default() }, vec![Scope::Team(team)]));
        }
        if let Some(owners) = filter.owners() {
            let only = Filter { owner: filter.owner, free_or_of: filter.free_or_of, ..Filter::default() };
            choices.push((only, owners.into_iter().map(|owner| Scope::Agent(owner.agent())).collect()));
        }
        if let Some(topic) = filter.topic {
            choices.push((Filter { topic: Some(topic), ..Filter::default() }, vec![Scope::Topic(topic)]));
        }
        let mut best = None;
        for (alone, scopes) in choices {
            let size = count(view, queue, &alone)?;
            if best.as_ref().is_none_or(|(least, _)| size < *least) {
                best = Some((size, scopes));
            }
        }
        let scopes = best.map_or_else(|| vec![Scope::All], |(_, scopes)| scopes);
        Ok(Self { queue, scopes, order, filter })
    }

    fn page_of_open(
        &self,
        view: &View<'_>,
        desk: &Inner,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Page<Row>, QueryError> {
        let mut page = Page::empty();
        let Some(matches) = desk.matcher(self.filter) else { return Ok(page) };
        let mut last = None;
        for (scanned, number) in desk.walk(self.queue, self.order, &self.scopes, after).enumerate() {
            if page.items.len() == limit || scanned == PAGE_SCANNED_MAX {
                let place = last.map(|number| from_place(desk.place(number, self.order), self.order));
                page.next = place.map(|place| page::to_text(&place));
                return Ok(page);
            }
            last = Some(number);
            if matches(number) {
                page.items.push(view.get(open_key(desk.id(number)))?.ok_or_else(|| view.damaged())?);
            }
        }
        Ok(page)
    }

    fn page_of_resolved(&self, view: &View<'_>, after: Option<&[u8]>, limit: usize) -> Result<Page<Row>, QueryError> {
        let backwards = self.order == Order::Newest;
        let mut walks = Vec::with_capacity(self.scopes.len());
        for scope in &self.scopes {
            let prefix = index::prefix(*scope);
            walks.push(Walk::begin(view, prefix.as_ref(), after, backwards)?);
        }
        let mut page = Page::empty();
        let mut last = None;
        for _ in 0..PAGE_SCANNED_MAX {
            let heads = walks.iter().enumerate().filter_map(|(at, walk)| walk.head.as_ref().map(|head| (head, at)));
            let next = if backwards { heads.max() } else { heads.min() };
            let Some((_, at)) = next else { return Ok(page) };
            if page.items.len() == limit {
                page.next = last;
                return Ok(page);
            }
            let place = walks[at].step(view)?;
            let id = index::conversation_at(&place).ok_or_else(|| view.damaged())?;
            let row: Row = view.get(resolved_key(id))?.ok_or_else(|| view.damaged())?;
            last = Some(page::to_text(&place));
            if self.filter.takes(&row) {
                page.items.push(row);
            }
        }
        page.next = last;
        Ok(page)
    }
}

/// A walk along one list.
struct Walk {
    entries: Range,
    /// The place that comes next.
    head: Option<Vec<u8>>,
}

impl Walk {
    fn begin(view: &View<'_>, prefix: &[u8], after: Option<&[u8]>, backwards: bool) -> Result<Self, QueryError> {
        let at = after.map(|after| [prefix, after].concat());
        let end = crate::key::behind(prefix);
        let entries = match (at, backwards) {
            (None, _) => view.prefix(prefix, backwards),
            (Some(at), true) => view.range(prefix, Some(&at), true),
            (Some(mut at), false) => {
                // The smallest key behind `at`.
                at.push(0);
                view.range(&at, end.as_deref(), false)
            }
        };
        let mut walk = Self { entries, head: None };
        walk.step_to_next(view)?;
        Ok(walk)
    }

    /// The place that came next; the walk moves on behind it.
    fn step(&mut self, view: &View<'_>) -> Result<Vec<u8>, QueryError> {
        let place = self.head.take();
        self.step_to_next(view)?;
        Ok(place.expect("only a walk that has a head is stepped"))
    }

    fn step_to_next(&mut self, view: &View<'_>) -> Result<(), QueryError> {
        self.head = match self.entries.next() {
            None => None,
            Some(entry) => {
                let (key, _) = entry?;
                Some(index::place_in(&key).ok_or_else(|| view.damaged())?.to_vec())
            }
        };
        Ok(())
    }
}
