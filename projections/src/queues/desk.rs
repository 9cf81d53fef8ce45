//! The open conversations in memory, in each order in which a list shows them, and counted: made from the rows and
//! following each save. Resolved ones are many and seldom asked for; theirs are entries on disk (`index.rs`).

use super::index::{Cell, Scope};
use super::list::{List, Walk};
use super::query::{Filter, Order, Owner};
use super::row::Row;
use crate::derived::Derived;
use crate::key::ascending;
use crate::priority::readers;
use crate::projection::FoldError;
use crate::table::{Change, Table};
use clew_domain::conversation::Queue;
use clew_domain::ids::ConversationId;
use clew_eventstore::msgpack;
use hashbrown::HashTable;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use uuid::Uuid;

/// Where a conversation stands in a list: how urgent it is (0 where the list does not say), since when, which one.
pub(super) type Place = (u16, u64, Uuid);

/// Of an open conversation what lists and counts follow from. Other ids than its own are numbered.
#[derive(Debug, PartialEq, Eq)]
struct Slot {
    id: Uuid,
    since: u64,
    updated: u64,
    urgency: u16,
    queue: Queue,
    channel: u32,
    team: Option<u32>,
    agent: Option<u32>,
    topics: Box<[u32]>,
}

/// A list of the conversations of a queue, in one of two orders.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ListOf {
    by_priority: bool,
    pending: bool,
    scope: Numbered,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Numbered {
    All,
    Channel(u32),
    Team(u32),
    Agent(Option<u32>),
    Topic(u32),
}

/// An agent, or nobody.
type Agent = Option<u32>;

/// A counter: the conversations of a queue for which all that is given holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct CountOf {
    pending: bool,
    channel: Option<u32>,
    team: Option<u32>,
    owner: Option<Agent>,
    topic: Option<u32>,
}

/// Numbers for ids of channels, teams, agents and topics; there are few of them.
#[derive(Default)]
struct Numbers(HashMap<Uuid, u32>);

impl Numbers {
    fn give(&mut self, id: Uuid) -> u32 {
        let next = u32::try_from(self.0.len()).expect("there are fewer channels, teams, agents and topics");
        *self.0.entry(id).or_insert(next)
    }

    fn get(&self, id: Uuid) -> Option<u32> {
        self.0.get(&id).copied()
    }
}

#[derive(Default)]
pub(super) struct Inner {
    numbers: Numbers,
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_id: HashTable<u32>,
    lists: HashMap<ListOf, List>,
    counts: HashMap<CountOf, u32>,
}

/// The open conversations.
pub(super) struct Desk(RwLock<Inner>);

fn hash(id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    (high ^ low.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn damaged(what: &str) -> FoldError {
    FoldError::Damaged { table: super::OPEN, what: what.to_owned() }
}

/// Which conversation a key of an open row names.
fn id_in(key: &[u8]) -> Option<Uuid> {
    let (table, id) = key.split_first()?;
    (*table == super::OPEN).then(|| Uuid::from_slice(id).ok())?
}

fn row_in(value: &[u8]) -> Result<Row, FoldError> {
    msgpack::from_slice(value).map_err(|error| damaged(&error.to_string()))
}

/// What is seen of an open row.
struct Seen {
    id: Uuid,
    since: u64,
    updated: u64,
    urgency: u16,
    queue: Queue,
    channel: Uuid,
    team: Option<Uuid>,
    agent: Option<Uuid>,
    topics: Box<[Uuid]>,
}

impl Seen {
    /// Nothing of a resolved one.
    fn of(row: &Row) -> Option<Self> {
        (row.queue != Queue::Resolved).then(|| Self {
            id: row.id.0,
            since: ascending(row.waiting_since.unwrap_or(row.queued_at)),
            updated: ascending(row.updated_at),
            // Higher priorities come first.
            urgency: !(row.priority.cast_unsigned() ^ 0x8000),
            queue: row.queue,
            channel: row.channel.0,
            team: row.team.map(|team| team.0),
            agent: row.agent.map(|agent| agent.0),
            topics: row.topics.iter().map(|topic| topic.0).collect(),
        })
    }
}

/// What is seen of the open rows of one part of the ids.
fn seen_in(table: &Table, part: usize, parts: usize) -> Result<Vec<Seen>, FoldError> {
    let bound = |part: usize| match u8::try_from(part * 256 / parts) {
        Ok(byte) => vec![super::OPEN, byte],
        Err(_) => vec![super::OPEN + 1],
    };
    let rows = table.range(&bound(part), Some(&bound(part + 1)), false);
    rows.filter_map(|entry| match entry.map_err(FoldError::from).and_then(|(_, value)| row_in(&value)) {
        Ok(row) => Seen::of(&row).map(Ok),
        Err(error) => Some(Err(error)),
    })
    .collect()
}

impl Desk {
    /// All open rows are read, by as many threads as there are cores.
    pub(super) fn derive(table: &Table) -> Result<Arc<dyn Derived>, FoldError> {
        let parts = readers();
        let found: Vec<Vec<Seen>> = std::thread::scope(|scope| {
            let beside: Vec<_> = (1..parts).map(|part| scope.spawn(move || seen_in(table, part, parts))).collect();
            let first = seen_in(table, 0, parts);
            let rest = beside.into_iter().map(|part| part.join().unwrap_or(Err(FoldError::Panicked)));
            std::iter::once(first).chain(rest).collect::<Result<_, FoldError>>()
        })?;
        let mut inner = Inner::default();
        for seen in found.into_iter().flatten() {
            let slot = inner.slot_of(&seen);
            inner.add(slot.counters(), 1);
            inner.keep(slot);
        }
        inner.order_all();
        Ok(Arc::new(Self(RwLock::new(inner))))
    }

    pub(super) fn read<R>(&self, question: impl FnOnce(&Inner) -> R) -> R {
        question(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Derived for Desk {
    fn follow<'a>(&'a self, changes: &[Change]) -> Result<Box<dyn FnOnce() + 'a>, FoldError> {
        let mut moves = Vec::new();
        for (key, value) in changes {
            let Some(id) = id_in(key) else { continue };
            let row = value.as_deref().map(row_in).transpose()?;
            moves.push((id, row.as_ref().and_then(Seen::of)));
        }
        Ok(Box::new(move || {
            let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
            for (id, seen) in moves {
                inner.move_to(id, seen.as_ref());
            }
        }))
    }
}

impl Slot {
    fn place(&self, by_priority: bool) -> Place {
        if by_priority { (self.urgency, self.since, self.id) } else { (0, self.updated, self.id) }
    }

    fn scopes(&self) -> impl Iterator<Item = Numbered> {
        [Numbered::All, Numbered::Channel(self.channel), Numbered::Agent(self.agent)]
            .into_iter()
            .chain(self.team.map(Numbered::Team))
            .chain(self.topics.iter().copied().map(Numbered::Topic))
    }

    fn counters(&self) -> Vec<CountOf> {
        let pending = self.queue == Queue::Pending;
        let mut counters = Vec::with_capacity(8 * (1 + self.topics.len()));
        for topic in std::iter::once(None).chain(self.topics.iter().copied().map(Some)) {
            for channel in [None, Some(self.channel)] {
                for owner in [None, Some(self.agent)] {
                    counters.push(CountOf { pending, channel, team: None, owner, topic });
                    if self.team.is_some() {
                        counters.push(CountOf { pending, channel, team: self.team, owner, topic });
                    }
                }
            }
        }
        counters
    }

    fn counts_as(&self, other: &Self) -> bool {
        (self.queue, self.channel, self.team, self.agent) == (other.queue, other.channel, other.team, other.agent)
            && self.topics == other.topics
    }
}

impl Inner {
    fn slot_of(&mut self, seen: &Seen) -> Slot {
        let Seen { id, since, updated, urgency, queue, .. } = *seen;
        Slot {
            id,
            since,
            updated,
            urgency,
            queue,
            channel: self.numbers.give(seen.channel),
            team: seen.team.map(|team| self.numbers.give(team)),
            agent: seen.agent.map(|agent| self.numbers.give(agent)),
            topics: seen.topics.iter().map(|topic| self.numbers.give(*topic)).collect(),
        }
    }

    fn keep(&mut self, slot: Slot) -> u32 {
        let hashed = hash(slot.id);
        let number = if let Some(number) = self.free.pop() {
            self.slots[number as usize] = slot;
            number
        } else {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 conversations are open")
        };
        let slots = &self.slots;
        self.by_id.insert_unique(hashed, number, |number| hash(slots[*number as usize].id));
        number
    }

    /// Puts every conversation into its lists: sorted once for each order, not once for each list.
    fn order_all(&mut self) {
        for by_priority in [true, false] {
            let mut order: Vec<(Place, u32)> =
                (0..).zip(&self.slots).map(|(number, slot)| (slot.place(by_priority), number)).collect();
            order.sort_unstable();
            for (_, number) in order {
                let slot = &self.slots[number as usize];
                let pending = slot.queue == Queue::Pending;
                for scope in slot.scopes() {
                    self.lists.entry(ListOf { by_priority, pending, scope }).or_default().push(number);
                }
            }
        }
    }

    fn unlist(&mut self, number: u32) {
        let slot = &self.slots[number as usize];
        let slots = &self.slots;
        for by_priority in [true, false] {
            let place_of = |number: u32| slots[number as usize].place(by_priority);
            for scope in slot.scopes() {
                let of = ListOf { by_priority, pending: slot.queue == Queue::Pending, scope };
                if let Some(list) = self.lists.get_mut(&of) {
                    list.remove(&slot.place(by_priority), place_of);
                    if list.is_empty() {
                        self.lists.remove(&of);
                    }
                }
            }
        }
    }

    fn list(&mut self, number: u32) {
        let slots = &self.slots;
        let slot = &slots[number as usize];
        for by_priority in [true, false] {
            let place_of = |number: u32| slots[number as usize].place(by_priority);
            for scope in slot.scopes() {
                let of = ListOf { by_priority, pending: slot.queue == Queue::Pending, scope };
                self.lists.entry(of).or_default().insert(number, place_of);
            }
        }
    }

    /// A conversation is as its row says now; without one it is not open.
    fn move_to(&mut self, id: Uuid, seen: Option<&Seen>) {
        let now = seen.map(|seen| self.slot_of(seen));
        let slots = &self.slots;
        let found = self.by_id.find(hash(id), |number| slots[*number as usize].id == id).copied();
        match (found, now) {
            (None, None) => {}
            (None, Some(now)) => {
                self.add(now.counters(), 1);
                let number = self.keep(now);
                self.list(number);
            }
            (Some(number), None) => {
                self.unlist(number);
                self.forget(number);
            }
            (Some(number), Some(now)) => {
                if self.slots[number as usize] == now {
                    return;
                }
                self.unlist(number);
                let before = std::mem::replace(&mut self.slots[number as usize], now);
                self.list(number);
                let now = &self.slots[number as usize];
                if !before.counts_as(now) {
                    let counters = (before.counters(), now.counters());
                    self.add(counters.0, -1);
                    self.add(counters.1, 1);
                }
            }
        }
    }

    fn add(&mut self, counters: Vec<CountOf>, delta: i32) {
        for counter in counters {
            let count = self.counts.entry(counter).or_default();
            *count = count.wrapping_add_signed(delta);
            if *count == 0 {
                self.counts.remove(&counter);
            }
        }
    }

    fn forget(&mut self, number: u32) {
        let counters = self.slots[number as usize].counters();
        self.add(counters, -1);
        let slots = &self.slots;
        let hashed = hash(slots[number as usize].id);
        if let Ok(entry) = self.by_id.find_entry(hashed, |it| *it == number) {
            entry.remove();
        }
        self.slots[number as usize].topics = Box::default();
        self.free.push(number);
    }

    fn numbered(&self, scope: Scope) -> Option<Numbered> {
        Some(match scope {
            Scope::All => Numbered::All,
            Scope::Channel(channel) => Numbered::Channel(self.numbers.get(channel.0)?),
            Scope::Team(team) => Numbered::Team(self.numbers.get(team.0)?),
            Scope::Agent(None) => Numbered::Agent(None),
            Scope::Agent(Some(agent)) => Numbered::Agent(Some(self.numbers.get(agent.0)?)),
            Scope::Topic(topic) => Numbered::Topic(self.numbers.get(topic.0)?),
        })
    }

    /// How many conversations a counter of an open queue holds.
    pub(super) fn counted(&self, queue: Queue, cell: Cell) -> u64 {
        self.counter(queue, cell).and_then(|of| self.counts.get(&of)).map_or(0, |count| u64::from(*count))
    }

    /// None where something is asked for that no conversation has.
    fn counter(&self, queue: Queue, cell: Cell) -> Option<CountOf> {
        let number = |id: Uuid| self.numbers.get(id);
        Some(CountOf {
            pending: queue == Queue::Pending,
            channel: cell.channel.map(|it| number(it.0).ok_or(())).transpose().ok()?,
            team: cell.team.map(|it| number(it.0).ok_or(())).transpose().ok()?,
            owner: match cell.owner.map(Owner::agent) {
                None => None,
                Some(None) => Some(None),
                Some(Some(agent)) => Some(Some(number(agent.0)?)),
            },
            topic: cell.topic.map(|it| number(it.0).ok_or(())).transpose().ok()?,
        })
    }

    /// The conversations of the given lists that match, from behind a place on, in order.
    pub(super) fn walk<'a>(
        &'a self,
        queue: Queue,
        order: Order,
        scopes: &[Scope],
        after: Option<Place>,
    ) -> impl Iterator<Item = u32> + 'a {
        let (by_priority, backwards) = (order == Order::Priority, order == Order::Newest);
        let place_of = move |number: u32| self.slots[number as usize].place(by_priority);
        let pending = queue == Queue::Pending;
        let lists = scopes.iter().filter_map(|scope| {
            let of = ListOf { by_priority, pending, scope: self.numbered(*scope)? };
            self.lists.get(&of)
        });
        let mut walks: Vec<Walk<'a>> = lists.map(|list| list.walk(after.as_ref(), backwards, place_of)).collect();
        std::iter::from_fn(move || {
            let heads = walks.iter().enumerate().filter_map(|(at, walk)| Some((place_of(walk.head()?), at)));
            let (_, at) = if backwards { heads.max() } else { heads.min() }?;
            walks[at].next()
        })
    }

    pub(super) fn id(&self, number: u32) -> ConversationId {
        ConversationId(self.slots[number as usize].id)
    }

    pub(super) fn place(&self, number: u32, order: Order) -> Place {
        self.slots[number as usize].place(order == Order::Priority)
    }

    /// The filter, with numbers for ids; none if it asks for something that no conversation has.
    pub(super) fn matcher<'a>(&'a self, filter: &Filter) -> Option<impl Fn(u32) -> bool + use<'a>> {
        let number = |id: Uuid| self.numbers.get(id);
        let channels: Option<Vec<u32>> =
            filter.channels.as_ref().map(|channels| channels.iter().filter_map(|it| number(it.0)).collect());
        let team = filter.team.map(|it| number(it.0).ok_or(())).transpose().ok()?;
        let topic = filter.topic.map(|it| number(it.0).ok_or(())).transpose().ok()?;
        // An agent without a number owns nothing.
        let numbered = |owner: Owner| match owner.agent() {
            None => Some(None),
            Some(agent) => number(agent.0).map(Some),
        };
        let owners: Option<Vec<Agent>> = filter.owners().map(|it| it.into_iter().filter_map(numbered).collect());
        Some(move |number: u32| {
            let slot = &self.slots[number as usize];
            channels.as_ref().is_none_or(|channels| channels.contains(&slot.channel))
                && team.is_none_or(|team| slot.team == Some(team))
                && owners.as_ref().is_none_or(|owners| owners.contains(&slot.agent))
                && topic.is_none_or(|topic| slot.topics.contains(&topic))
        })
    }
}
