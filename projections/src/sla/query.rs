//! The questions that the breach view answers. What is due and what is breached depends on the instant of asking alone.

use super::index::{self, ENTRY_BYTES};
use super::row::{Breached, Row, is_answer, shown, told_of};
use super::{Sla, row_key};
use crate::key::{self, Key};
use crate::page::{self, PAGE_ENTRIES_MAX, Page};
use crate::reader::{QueryError, Reader, View};
use clew_domain::ids::{ChannelId, ConversationId, EventId, SlaPolicyId, TeamId};
use clew_domain::sla::Metric;
use clew_domain::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Answers which promises are broken or due; cheap to clone.
pub type SlaReader = Reader<Sla>;

/// The clocks that a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that run.
    All,
    /// On a channel.
    Channel(ChannelId),
    /// Of a team.
    Team(TeamId),
    /// Under a policy.
    Policy(SlaPolicyId),
    /// In the queue New.
    New,
    /// In the queue Pending.
    Pending,
}

/// How urgent a clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// There is time.
    Grey,
    /// Its warning has come.
    Orange,
    /// Its promise is broken.
    Red,
}

/// How a running clock stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// In which conversation.
    pub conversation: ConversationId,
    /// The fact that started it.
    pub clock: EventId,
    /// On which channel.
    pub channel: Option<ChannelId>,
    /// Of which team.
    pub team: Option<TeamId>,
    /// Whether the conversation is pending.
    pub pending: bool,
    /// What is measured.
    pub metric: Metric,
    /// Which policy promises it.
    pub policy: SlaPolicyId,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// When it turns orange.
    pub warned_at: Option<Timestamp>,
    /// The last instant at which the promise is kept; none while the clock stands still.
    pub due_at: Option<Timestamp>,
    /// How urgent it is.
    pub colour: Colour,
}

/// How many promises were kept and how many broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Clocks that ended in time.
    pub kept: u64,
    /// Clocks that breached, whether or not they ended.
    pub breached: u64,
}

impl Tally {
    /// The share of promises that were kept, in thousandths; none where there were none.
    pub fn attained_permille(self) -> Option<u64> {
        (self.kept * 1_000).checked_div(self.kept + self.breached)
    }
}

/// What a tally is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TallyOf {
    /// On which channel.
    pub channel: ChannelId,
    /// Of which team, if of one.
    pub team: Option<TeamId>,
    /// Under which policy.
    pub policy: SlaPolicyId,
    /// What was measured.
    pub metric: Metric,
}

impl Standing {
    /// Its place in the lists that are sorted by due instant: texts sort as the lists do, and continue
    /// [`SlaReader::by_due`] behind it.
    pub fn place(&self) -> String {
        let due = self.due_at.unwrap_or(Timestamp::MAX);
        let answer = u8::from(self.metric != Metric::Resolution);
        page::to_text(&index::place(self.conversation, due, answer))
    }
}

impl SlaReader {
    /// The clocks of a scope that have a due instant, in its order, breached or not; a page of them.
    pub fn by_due(
        &self,
        scope: Scope,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Standing>, QueryError> {
        let list = index::due_list(scope);
        let end = key::behind(list.as_ref());
        self.page(&list, list.clone().done(), end.as_deref(), now, after, limit)
    }

    /// The clocks of a scope that are breached at `now`, the latest first by how late they are; a page of them.
    pub fn breached(
        &self,
        scope: Scope,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Standing>, QueryError> {
        let list = index::due_list(scope);
        let (from, to) = (list.clone().done(), list.clone().at(now).done());
        self.page(&list, from, Some(&to), now, after, limit)
    }

    /// The clocks of a scope that are due from `now` on, the most urgent first; a page of them.
    pub fn due_next(
        &self,
        scope: Scope,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Standing>, QueryError> {
        let list = index::due_list(scope);
        let from = list.clone().at(now).done();
        self.page(&list, from, key::behind(list.as_ref()).as_deref(), now, after, limit)
    }

    /// How the running clocks of a conversation stand, also those that stand still.
    pub fn of(&self, conversation: ConversationId, now: Timestamp) -> Result<Vec<Standing>, QueryError> {
        self.read(|view| {
            let row = view.get::<Row>(row_key(conversation))?.unwrap_or_default();
            Ok([true, false].into_iter().filter_map(|answer| standing(&row, conversation, answer, now)).collect())
        })
    }

    /// How many clocks of a scope are breached at `now`; at most so many are counted.
    pub fn breached_count(&self, scope: Scope, now: Timestamp, at_most: usize) -> Result<usize, QueryError> {
        let list = index::due_list(scope);
        self.read(|view| {
            let entries = view.range(list.as_ref(), Some(list.clone().at(now).as_ref()), false).take(at_most);
            entries.map(|entry| entry.map(|_| 1).map_err(QueryError::from)).sum()
        })
    }

    /// How many clocks of a scope are due from `now` on and before `until`; at most so many are counted.
    pub fn due_count(
        &self,
        scope: Scope,
        now: Timestamp,
        until: Timestamp,
        at_most: usize,
    ) -> Result<usize, QueryError> {
        let (from, to) = (index::due_list(scope).at(now), index::due_list(scope).at(until));
        self.read(|view| {
            let entries = view.range(from.as_ref(), Some(to.as_ref()), false).take(at_most);
            entries.map(|entry| entry.map(|_| 1).map_err(QueryError::from)).sum()
        })
    }

    /// What was kept and broken on the days of UTC from the one of `from` to the one of `to`: a promise that was kept
    /// on the day on which its clock ended, a broken one on the day on which it was due. Promises that broke while
    /// nothing else happened count once they are told.
    pub fn history(&self, from: Timestamp, to: Timestamp) -> Result<BTreeMap<(TallyOf, u32), Tally>, QueryError> {
        let (first, last) = (index::day_of(from), index::day_of(to));
        let end = index::tally_list(last.saturating_add(1)).done();
        self.read(|view| {
            let mut tallies = BTreeMap::<_, Tally>::new();
            for entry in view.range(index::tally_list(first).as_ref(), Some(&end), false) {
                let (key, value) = entry?;
                let (of, day, kept) = tally_of(&key).ok_or_else(|| view.damaged())?;
                let count = u64::try_from(view.decode::<i64>(&value)?).map_err(|_| view.damaged())?;
                let tally = tallies.entry((of, day - first)).or_default();
                *(if kept { &mut tally.kept } else { &mut tally.breached }) += count;
            }
            Ok(tallies)
        })
    }

    /// Breaches at `now` that are not facts yet, the oldest first, at most so many.
    pub fn untold(&self, now: Timestamp, limit: usize) -> Result<Vec<Breached>, QueryError> {
        self.read(|view| {
            let mut untold = Vec::new();
            for entry in view.prefix(index::untold_list(), false).take(limit) {
                untold.push(view.decode::<Breached>(&entry?.1)?);
            }
            let awaited = index::awaited_list();
            let overdue = view.range(awaited.as_ref(), Some(awaited.clone().at(now).as_ref()), false);
            for entry in overdue.take(limit.saturating_sub(untold.len())) {
                let (conversation, answer) = clock_of(&entry?.0).ok_or_else(|| view.damaged())?;
                let row = view.get::<Row>(row_key(conversation))?.ok_or_else(|| view.damaged())?;
                let clock = row.clocks.running().find(|clock| is_answer(clock) == answer);
                let breach = clock.and_then(|clock| told_of(clock, shown(clock))).ok_or_else(|| view.damaged())?;
                untold.push(Breached { conversation, breach });
            }
            Ok(untold)
        })
    }

    /// The next instant at which a promise is still kept and after which it is broken, if nothing happens before.
    pub fn next_due(&self) -> Result<Option<Timestamp>, QueryError> {
        self.read(|view| {
            let first = view.prefix(index::awaited_list(), false).next().transpose()?;
            first.map(|(key, _)| index::due_of(&key).ok_or_else(|| view.damaged())).transpose()
        })
    }

    fn page(
        &self,
        list: &Key,
        from: Vec<u8>,
        to: Option<&[u8]>,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Standing>, QueryError> {
        let from = match after {
            None => from,
            Some(text) => {
                let passed = list.clone().bytes(&page::from_text(text, ENTRY_BYTES)?).byte(0).done();
                passed.max(from)
            }
        };
        let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
        self.read(|view| {
            let (mut items, mut shown_last, mut more) = (Vec::new(), None, false);
            for entry in view.range(&from, to, false) {
                let (key, _) = entry?;
                if items.len() == limit {
                    more = true;
                    break;
                }
                items.push(shown_at(view, &key, now)?);
                shown_last = Some(page::to_text(&key[list.as_ref().len()..]));
            }
            Ok(Page { items, next: shown_last.filter(|_| more) })
        })
    }
}

fn shown_at(view: &View<'_>, key: &[u8], now: Timestamp) -> Result<Standing, QueryError> {
    let (conversation, answer) = clock_of(key).ok_or_else(|| view.damaged())?;
    let row = view.get::<Row>(row_key(conversation))?.ok_or_else(|| view.damaged())?;
    standing(&row, conversation, answer, now).ok_or_else(|| view.damaged())
}

/// The conversation, and which of its clocks, at the end of an entry.
fn clock_of(key: &[u8]) -> Option<(ConversationId, bool)> {
    let tail = &key[key.len().checked_sub(17)?..];
    Some((ConversationId(Uuid::from_slice(&tail[..16]).ok()?), tail[16] == 1))
}

fn standing(row: &Row, conversation: ConversationId, answer: bool, now: Timestamp) -> Option<Standing> {
    let clock = row.clocks.running().find(|clock| is_answer(clock) == answer)?;
    let promise = shown(clock)?;
    let colour = if clock.breach.is_some() || promise.is_broken_at(now) {
        Colour::Red
    } else if promise.warned_at.is_some_and(|at| at <= now) {
        Colour::Orange
    } else {
        Colour::Grey
    };
    Some(Standing {
        conversation,
        clock: clock.started_by,
        channel: row.clocks.channel(),
        team: row.clocks.team(),
        pending: row.clocks.is_pending(),
        metric: promise.metric,
        policy: promise.policy,
        started_at: clock.started_at,
        warned_at: promise.warned_at,
        due_at: promise.due_at,
        colour,
    })
}

/// What the key of a tally says: of what, on which day, and whether of what was kept.
fn tally_of(key: &[u8]) -> Option<(TallyOf, u32, bool)> {
    let id = |at: usize| Uuid::from_slice(key.get(at..at + 16)?).ok();
    let day = u32::from_be_bytes(key.get(1..5)?.try_into().ok()?);
    let metric = [Metric::FirstResponse, Metric::NextResponse, Metric::Resolution];
    let metric = *metric.iter().find(|metric| Some(&index::metric_byte(**metric)) == key.get(53))?;
    let team = Some(id(21)?).filter(|team| !team.is_nil()).map(TeamId);
    let of = TallyOf { channel: ChannelId(id(5)?), team, policy: SlaPolicyId(id(37)?), metric };
    Some((of, day, *key.get(54)? == 1))
}
