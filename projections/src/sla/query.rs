//! The questions that the breach view answers. What is due and what is breached depends on the instant of asking alone.

use super::board::{Board, Entry};
use super::row::{Breached, Row, is_answer, shown, told_of};
use super::{Sla, row_key, tally, untold_list};
use crate::key::Key;
use crate::page::{self, PAGE_ENTRIES_MAX, Page};
use crate::reader::{QueryError, Reader, View};
use clew_domain::ids::{ChannelId, ConversationId, EventId, SlaPolicyId, TeamId};
use clew_domain::sla::Metric;
use clew_domain::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
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
        let answer = self.metric != Metric::Resolution;
        let due = self.due_at.unwrap_or(Timestamp::MAX);
        place_of(Entry { due, conversation: self.conversation, answer })
    }
}

/// The bytes of a place: due instant, conversation, whether it waits for an answer.
const PLACE_BYTES: usize = 8 + 16 + 1;

fn place_of(entry: Entry) -> String {
    let Entry { due, conversation, answer } = entry;
    page::to_text(&Key::of(b'D').at(due).id(conversation.0).byte(u8::from(answer)).done()[1..])
}

fn entry_at(place: &str) -> Result<Entry, QueryError> {
    let bytes = page::from_text(place, PLACE_BYTES)?;
    let wrong = || QueryError::NotACursor(place.to_owned());
    let ascending = u64::from_be_bytes(bytes[..8].try_into().map_err(|_| wrong())?);
    let due = Timestamp::from_micros((ascending ^ (1 << 63)).cast_signed());
    let conversation = Uuid::from_slice(&bytes[8..24]).map_err(|_| wrong())?;
    Ok(Entry { due, conversation: ConversationId(conversation), answer: bytes[24] == 1 })
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
        self.page(scope, Timestamp::MIN, Timestamp::MAX, now, after, limit)
    }

    /// The clocks of a scope that are breached at `now`, the latest first by how late they are; a page of them.
    pub fn breached(
        &self,
        scope: Scope,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Standing>, QueryError> {
        self.page(scope, Timestamp::MIN, now, now, after, limit)
    }

    /// The clocks of a scope that are due from `now` on, the most urgent first; a page of them.
    pub fn due_next(
        &self,
        scope: Scope,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Standing>, QueryError> {
        self.page(scope, now, Timestamp::MAX, now, after, limit)
    }

    /// How the running clocks of a conversation stand, also those that stand still.
    pub fn of(&self, conversation: ConversationId, now: Timestamp) -> Result<Vec<Standing>, QueryError> {
        self.read(|view| {
            let Some(row) = row_of(view, conversation)? else { return Ok(Vec::new()) };
            Ok([true, false].into_iter().filter_map(|answer| standing(&row, conversation, answer, now)).collect())
        })
    }

    /// How many clocks of a scope are breached at `now`; at most so many are counted.
    pub fn breached_count(&self, scope: Scope, now: Timestamp, at_most: usize) -> Result<usize, QueryError> {
        self.due_count(scope, Timestamp::MIN, now, at_most)
    }

    /// How many clocks of a scope are due from an instant on and before another; at most so many are counted.
    pub fn due_count(
        &self,
        scope: Scope,
        from: Timestamp,
        until: Timestamp,
        at_most: usize,
    ) -> Result<usize, QueryError> {
        self.read(|view| {
            let board = view.derived::<Board>()?;
            Ok(board.read(|board| board.count(scope, Entry::at(from), Entry::at(until), at_most)))
        })
    }

    /// What was kept and broken on the days of UTC from the one of `from` to the one of `to`: a promise that was kept
    /// on the day on which its clock ended, a broken one on the day on which it was due. Promises that broke while
    /// nothing else happened count once they are told.
    pub fn history(&self, from: Timestamp, to: Timestamp) -> Result<BTreeMap<(TallyOf, u32), Tally>, QueryError> {
        let (first, last) = (tally::day_of(from), tally::day_of(to));
        let end = tally::list(last.saturating_add(1)).done();
        self.read(|view| {
            let mut tallies = BTreeMap::<_, Tally>::new();
            for entry in view.range(tally::list(first).as_ref(), Some(&end), false) {
                let (key, value) = entry?;
                let (of, day, kept) = tally::read(&key).ok_or_else(|| view.damaged())?;
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
            for entry in view.prefix(untold_list(), false).take(limit) {
                untold.push(view.decode::<Breached>(&entry?.1)?);
            }
            let wanted = limit.saturating_sub(untold.len());
            let overdue: Vec<Entry> = view
                .derived::<Board>()?
                .read(|board| board.awaited().take_while(|entry| entry.due < now).take(wanted).collect());
            for Entry { conversation, answer, .. } in overdue {
                let row = row_of(view, conversation)?.ok_or_else(|| view.damaged())?;
                let clock = row.clocks.running().find(|clock| is_answer(clock) == answer);
                let breach = clock.and_then(|clock| told_of(clock, shown(clock)));
                // While an edit moves clocks, one may not be where it is due by now.
                untold.extend(breach.filter(|it| it.due < now).map(|breach| Breached { conversation, breach }));
            }
            Ok(untold)
        })
    }

    /// The next instant at which a promise is still kept and after which it is broken, if nothing happens before.
    pub fn next_due(&self) -> Result<Option<Timestamp>, QueryError> {
        self.read(|view| Ok(view.derived::<Board>()?.read(|board| board.awaited().next().map(|entry| entry.due))))
    }

    fn page(
        &self,
        scope: Scope,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Standing>, QueryError> {
        let after = after.map(entry_at).transpose()?;
        let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
        let begin = after.map_or(Entry::at(from), |after| after.max(Entry::at(from)));
        self.read(|view| {
            let mut entries: Vec<Entry> = view.derived::<Board>()?.read(|board| {
                let entries = board.from(scope, begin).filter(|entry| Some(*entry) != after);
                entries.take_while(|entry| entry.due < until).take(limit + 1).collect()
            });
            let more = entries.len() > limit;
            entries.truncate(limit);
            let next = entries.last().filter(|_| more).map(|entry| place_of(*entry));
            let mut items = Vec::with_capacity(entries.len());
            for entry in entries {
                let row = row_of(view, entry.conversation)?.ok_or_else(|| view.damaged())?;
                items.extend(standing(&row, entry.conversation, entry.answer, now));
            }
            Ok(Page { items, next })
        })
    }
}

/// The row of a conversation, judged by every edit of the rules.
fn row_of(view: &View<'_>, conversation: ConversationId) -> Result<Option<Row>, QueryError> {
    let Some(mut row) = view.get::<Row>(row_key(conversation))? else { return Ok(None) };
    let timeline = view.derived::<Board>()?.read(|board| Arc::clone(board.timeline()));
    row.catch_up(&timeline);
    Ok(Some(row))
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
