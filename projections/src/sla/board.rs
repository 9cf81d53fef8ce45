//! The clocks that run, in the order of their due instants, in memory: made from the rows, following each save. After
//! an edit of the rules that applies to open clocks they are put in order anew, beside those that are read meanwhile.

use super::query::Scope;
use super::row::{Row, stored_rows};
use super::{row_id, timeline_key};
use crate::derived::Derived;
use crate::priority::readers;
use crate::projection::FoldError;
use crate::table::{Change, Table};
use clew_domain::ids::{ChannelId, ConversationId, SlaPolicyId, TeamId};
use clew_domain::sla::Timeline;
use clew_domain::time::Timestamp;
use clew_eventstore::msgpack;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use uuid::Uuid;

/// An edit over no more conversations than this is done before anybody can read.
const MOVED_BEFORE_READS_MAX: usize = 500;

/// A clock in the order of due instants; ties by conversation, the resolution before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) due: Timestamp,
    pub(super) conversation: ConversationId,
    pub(super) answer: bool,
}

/// Clocks that have all of these in common; what is asked for is always a set of such cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cell {
    pub(super) pending: bool,
    pub(super) channel: ChannelId,
    pub(super) team: Option<TeamId>,
    pub(super) policy: SlaPolicyId,
}

/// Where a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cell: Cell,
    pub(super) due: Timestamp,
    /// Whether its breach is not seen yet by the fold, so that its due instant is waited for.
    pub(super) awaited: bool,
}

/// The places of the clocks of a conversation: for an answer, for the resolution.
type Places = [Option<Place>; 2];

/// A place, with the number of its cell.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    cell: u32,
    due: Timestamp,
    awaited: bool,
}

#[derive(Default)]
struct Clocks {
    awaited: BTreeSet<Entry>,
    broken: BTreeSet<Entry>,
}

/// Ids of conversations are the outcome of a keyed hash: a part of them is as good as another hash of them.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type ById<T> = HashMap<Uuid, T, BuildHasherDefault<IdHasher>>;

#[derive(Default)]
pub(super) struct Inner {
    timeline: Arc<Timeline>,
    numbers: HashMap<Cell, u32>,
    cells: Vec<(Cell, Clocks)>,
    slots: ById<[Option<Slot>; 2]>,
}

/// An edit of the rules on its way.
#[derive(Default)]
struct Edit {
    /// Whether somebody moves clocks.
    under_way: bool,
    /// Whether another edit came since it began.
    again: bool,
    /// Conversations that a save has moved meanwhile.
    moved: HashSet<Uuid, BuildHasherDefault<IdHasher>>,
}

/// The clocks that run, by due instant.
pub(super) struct Board {
    shared: Arc<Shared>,
}

struct Shared {
    table: Table,
    inner: RwLock<Inner>,
    edit: Mutex<Edit>,
}

impl Board {
    /// The clocks of the rows of a table.
    pub(super) fn derive(table: &Table) -> Result<Arc<dyn Derived>, FoldError> {
        let inner = RwLock::new(Inner::of(table, timeline_in(table)?)?);
        Ok(Arc::new(Self { shared: Arc::new(Shared { table: table.clone(), inner, edit: Mutex::default() }) }))
    }

    pub(super) fn read<R>(&self, question: impl FnOnce(&Inner) -> R) -> R {
        question(&self.shared.inner.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn timeline_in(table: &Table) -> Result<Arc<Timeline>, FoldError> {
    let Some(bytes) = table.get(timeline_key().as_ref())? else { return Ok(Arc::default()) };
    decode(timeline_key().as_ref(), &bytes)
}

fn decode<T: serde::de::DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, FoldError> {
    msgpack::from_slice(bytes).map_err(|error| FoldError::Damaged { table: key[0], what: error.to_string() })
}

impl Derived for Board {
    fn follow<'a>(&'a self, changes: &[Change]) -> Result<Box<dyn FnOnce() + 'a>, FoldError> {
        let edited = changes.iter().find(|(key, _)| key[..] == *timeline_key().as_ref());
        let edited = match edited {
            Some((key, Some(bytes))) => Some(decode::<Arc<Timeline>>(key, bytes)?),
            Some((_, None)) | None => None,
        };
        let timeline = edited.clone().unwrap_or_else(|| self.read(|inner| Arc::clone(&inner.timeline)));
        let mut moves = Vec::new();
        for (key, value) in changes {
            let Some(conversation) = row_id(key) else { continue };
            let row = value.as_deref().map(|bytes| decode::<Row>(key, bytes)).transpose()?;
            moves.push((conversation, row.map_or([None; 2], |row| row.places(&timeline))));
        }
        Ok(Box::new(move || self.take(edited, moves)))
    }
}

impl Board {
    fn take(&self, edited: Option<Arc<Timeline>>, moves: Vec<(ConversationId, Places)>) {
        let mut edit = self.shared.edit();
        let mut inner = self.shared.inner.write().unwrap_or_else(PoisonError::into_inner);
        if edit.under_way {
            edit.moved.extend(moves.iter().map(|(conversation, _)| conversation.0));
        }
        for (conversation, places) in moves {
            inner.move_to(conversation, places);
        }
        let Some(timeline) = edited else { return };
        let applies = timeline.edits() != inner.timeline.edits();
        inner.timeline = timeline;
        let few = inner.slots.len() <= MOVED_BEFORE_READS_MAX;
        drop(inner);
        if !applies {
            return;
        }
        edit.again = true;
        if edit.under_way {
            return;
        }
        edit.under_way = true;
        drop(edit);
        let shared = Arc::clone(&self.shared);
        let beside = std::thread::Builder::new().name("sla-edit".to_owned());
        if few || beside.spawn(move || shared.carry_out()).is_err() {
            self.shared.carry_out();
        }
    }
}

impl Board {
    /// Whether every clock is where the rules put it.
    pub(super) fn is_settled(&self) -> bool {
        !self.shared.edit().under_way
    }
}

impl Shared {
    fn edit(&self) -> MutexGuard<'_, Edit> {
        self.edit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts every clock where the rules put it now, until no further edit came meanwhile.
    fn carry_out(&self) {
        loop {
            {
                let mut edit = self.edit();
                edit.moved = HashSet::default();
                if !std::mem::take(&mut edit.again) {
                    edit.under_way = false;
                    return;
                }
            }
            let timeline = Arc::clone(&self.inner.read().unwrap_or_else(PoisonError::into_inner).timeline);
            match Inner::of(&self.table, timeline) {
                Ok(inner) => self.replace(inner),
                // A row that can't be read halts the fold, or whoever asks for it; the clocks stay where they are.
                Err(error) => tracing::error!(%error, "an edit of service levels can't move the clocks that run"),
            }
        }
    }

    /// What was saved since the rows were read stays as it is.
    fn replace(&self, mut with: Inner) {
        let edit = self.edit();
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        for id in &edit.moved {
            with.move_to(ConversationId(*id), inner.places_of(*id));
        }
        with.timeline = Arc::clone(&inner.timeline);
        let before = std::mem::replace(&mut *inner, with);
        drop(inner);
        drop(edit);
        drop(before);
    }
}

impl Inner {
    /// The clocks of the rows of a table, under these rules. The rows are read by as many threads as there are cores.
    fn of(table: &Table, timeline: Arc<Timeline>) -> Result<Self, FoldError> {
        let parts = readers();
        let read = |part| {
            let rows = stored_rows(table, part, parts);
            rows.map(|stored| stored.map(|(conversation, row)| (conversation, row.places(&timeline)))).collect()
        };
        let found: Vec<Vec<(ConversationId, Places)>> = std::thread::scope(|scope| {
            let beside: Vec<_> = (1..parts).map(|part| scope.spawn(move || read(part))).collect();
            let first = read(0);
            let rest = beside.into_iter().map(|part| part.join().unwrap_or(Err(FoldError::Panicked)));
            std::iter::once(first).chain(rest).collect::<Result<_, FoldError>>()
        })?;
        let mut inner = Self { timeline, ..Self::default() };
        inner.slots.reserve(found.iter().map(Vec::len).sum());
        let mut lists = Vec::<[Vec<Entry>; 2]>::new();
        for (conversation, places) in found.into_iter().flatten() {
            let slots = places.map(|place| place.map(|place| inner.slot(place)));
            for (slot, answer) in slots.into_iter().zip([true, false]) {
                let Some(Slot { cell, due, awaited }) = slot else { continue };
                lists.resize_with(inner.cells.len(), Default::default);
                lists[cell as usize][usize::from(awaited)].push(Entry { due, conversation, answer });
            }
            if slots != [None; 2] {
                inner.slots.insert(conversation.0, slots);
            }
        }
        for ((_, clocks), [broken, awaited]) in inner.cells.iter_mut().zip(lists) {
            *clocks = Clocks { awaited: awaited.into_iter().collect(), broken: broken.into_iter().collect() };
        }
        Ok(inner)
    }

    /// Where the clocks of a conversation stand.
    fn places_of(&self, conversation: Uuid) -> Places {
        let slots = self.slots.get(&conversation).copied().unwrap_or_default();
        let place = |slot: Slot| Place { cell: self.cells[slot.cell as usize].0, due: slot.due, awaited: slot.awaited };
        slots.map(|slot| slot.map(place))
    }

    /// The rules through time, as the rows tell.
    pub(super) fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    fn move_to(&mut self, conversation: ConversationId, places: Places) {
        let after = places.map(|place| place.map(|it| self.slot(it)));
        let before = match after {
            [None, None] => self.slots.remove(&conversation.0),
            _ => self.slots.insert(conversation.0, after),
        };
        let before = before.unwrap_or_default();
        for (answer, (before, after)) in [true, false].into_iter().zip(before.into_iter().zip(after)) {
            if before == after {
                continue;
            }
            let entry = |slot: Slot| Entry { due: slot.due, conversation, answer };
            if let Some(slot) = before {
                self.cells[slot.cell as usize].1.of(slot.awaited).remove(&entry(slot));
            }
            if let Some(slot) = after {
                self.cells[slot.cell as usize].1.of(slot.awaited).insert(entry(slot));
            }
        }
    }

    fn slot(&mut self, place: Place) -> Slot {
        let next = u32::try_from(self.cells.len()).expect("there are fewer channels, teams and policies");
        let cell = *self.numbers.entry(place.cell).or_insert(next);
        if cell == next {
            self.cells.push((place.cell, Clocks::default()));
        }
        Slot { cell, due: place.due, awaited: place.awaited }
    }

    fn cells_of(&self, scope: Scope) -> impl Iterator<Item = &Clocks> {
        let is_in = move |cell: &Cell| match scope {
            Scope::All => true,
            Scope::Channel(channel) => cell.channel == channel,
            Scope::Team(team) => cell.team == Some(team),
            Scope::Policy(policy) => cell.policy == policy,
            Scope::New => !cell.pending,
            Scope::Pending => cell.pending,
        };
        self.cells.iter().filter(move |(cell, _)| is_in(cell)).map(|(_, clocks)| clocks)
    }

    /// The clocks of a scope from one entry on, in order.
    pub(super) fn from(&self, scope: Scope, from: Entry) -> impl Iterator<Item = Entry> {
        let lists = self.cells_of(scope).flat_map(|clocks| [&clocks.awaited, &clocks.broken]);
        Merge::of(lists.map(|list| list.range(from..)))
    }

    /// How many clocks of a scope stand from one entry on and before another; at most so many are counted.
    pub(super) fn count(&self, scope: Scope, from: Entry, to: Entry, at_most: usize) -> usize {
        let lists = self.cells_of(scope).flat_map(|clocks| [&clocks.awaited, &clocks.broken]);
        lists.flat_map(|list| list.range(from..to)).take(at_most).count()
    }

    /// The clocks whose due instant is waited for, in order.
    pub(super) fn awaited(&self) -> impl Iterator<Item = Entry> {
        Merge::of(self.cells.iter().map(|(_, clocks)| clocks.awaited.range(..)))
    }
}

impl Clocks {
    fn of(&mut self, awaited: bool) -> &mut BTreeSet<Entry> {
        if awaited { &mut self.awaited } else { &mut self.broken }
    }
}

impl Entry {
    /// Before all that are due at an instant.
    pub(super) fn at(due: Timestamp) -> Self {
        Self { due, conversation: ConversationId(Uuid::nil()), answer: false }
    }
}

/// Sorted lists as one.
struct Merge<I> {
    lists: Vec<I>,
    heads: BinaryHeap<Reverse<(Entry, usize)>>,
}

impl<'a, I: Iterator<Item = &'a Entry>> Merge<I> {
    fn of(lists: impl Iterator<Item = I>) -> Self {
        let mut lists: Vec<I> = lists.collect();
        let heads = lists.iter_mut().enumerate().filter_map(|(at, list)| Some(Reverse((*list.next()?, at)))).collect();
        Self { lists, heads }
    }
}

impl<'a, I: Iterator<Item = &'a Entry>> Iterator for Merge<I> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let Reverse((entry, at)) = self.heads.pop()?;
        if let Some(next) = self.lists[at].next() {
            self.heads.push(Reverse((*next, at)));
        }
        Some(entry)
    }
}
