//! Why a clock says what it says: every interval since it started, each with the event or the calendar rule by which
//! it counts or does not.

use super::clock::{Clock, Promise, Standstill, Terms};
use super::clocks::{Clocks, End, Ended, Surroundings};
use super::policy::{Counting, Metric, Subject};
use super::schedule::{Rule, Schedule};
use super::timeline::Timeline;
use crate::fact::Fact;
use crate::ids::{CalendarId, ContactId, EventId, GroupId, SlaPolicyId};
use crate::time::Timestamp;
use serde::Serialize;

/// Why a clock says what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// What is measured.
    pub metric: Metric,
    /// The policy that promises it.
    pub policy: SlaPolicyId,
    /// How long it may take, in seconds.
    pub target_s: u32,
    /// Which time counts.
    pub counting: Counting,
    /// The calendar by which it counts, if by one.
    pub calendar: Option<CalendarId>,
    /// Since when the clock runs.
    pub started_at: Timestamp,
    /// The fact that started it.
    pub started_by: EventId,
    /// How it ended, if it did.
    pub ended: Option<Ending>,
    /// When it turns orange; none while it stands still.
    pub warned_at: Option<Timestamp>,
    /// The last instant at which the promise is kept; none while it stands still.
    pub due_at: Option<Timestamp>,
    /// By what it breached, if it did: possibly under a policy before an edit that applies to open clocks.
    pub breach: Option<Breach>,
    /// How much counted, in microseconds.
    pub counted_us: i64,
    /// All time since it started, without a gap.
    pub intervals: Vec<Interval>,
}

/// How a clock ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ending {
    /// When.
    pub at: Timestamp,
    /// By which fact.
    pub by: EventId,
    /// In which way.
    pub how: End,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Breach {
    /// What was measured.
    pub metric: Metric,
    /// The policy that promised it.
    pub policy: SlaPolicyId,
    /// The last instant at which it would have been kept.
    pub due: Timestamp,
}

/// A stretch of time and how a clock took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Interval {
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// How it was taken.
    #[serde(flatten)]
    pub taken: Taken,
}

/// How a clock takes a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "taken", content = "because")]
pub enum Taken {
    /// It counts: every hour does.
    Counted,
    /// It counts: the calendar has it open.
    CountedOpen(Rule),
    /// It does not count: the calendar has it closed.
    Closed(Rule),
    /// It does not count: the conversation was pended by this fact.
    Paused(EventId),
    /// It does not count: the thread was blocked by this fact.
    Blocked(EventId),
}

impl Taken {
    /// Whether the time counts.
    pub fn counts(&self) -> bool {
        match self {
            Self::Counted | Self::CountedOpen(_) => true,
            Self::Closed(_) | Self::Paused(_) | Self::Blocked(_) => false,
        }
    }
}

impl Breach {
    /// What of a broken promise is told.
    pub fn of(promise: Promise) -> Option<Self> {
        promise.due_at.map(|due| Self { metric: promise.metric, policy: promise.policy, due })
    }
}

/// Explains every clock of a conversation that something was promised for, up to `now`, from all facts of the
/// workspace and of the conversation: each of the conversation behind those of the workspace that its writer had seen.
///
/// `groups_at` tells the groups that a contact was in when a message came in that does not say it.
pub fn explain<'a>(
    facts: impl IntoIterator<Item = &'a Fact>,
    groups_at: impl Fn(ContactId, &Fact) -> Vec<GroupId>,
    now: Timestamp,
) -> Vec<Explanation> {
    let (mut timeline, mut clocks, mut explained) = (Timeline::default(), Clocks::default(), Vec::new());
    for fact in facts {
        timeline.take(fact);
        let groups = clocks.contact().map_or_else(Vec::new, |contact| groups_at(contact, fact));
        let ended = clocks.apply(fact, &Surroundings { timeline: &timeline, groups: &groups });
        explained.extend(ended.iter().filter_map(|ended| of_ended(ended, &timeline, &clocks.subject()?)));
    }
    clocks.judge_until(now, &timeline);
    let running = clocks.running().filter_map(|clock| {
        of_clock(clock, clocks.standstills(), clock.judged_until.max(now), None, &timeline, &clocks.subject()?)
    });
    explained.extend(running);
    explained.sort_by_key(|it| it.started_at);
    explained
}

fn of_ended(ended: &Ended, timeline: &Timeline, subject: &Subject<'_>) -> Option<Explanation> {
    let ending = Ending { at: ended.at, by: ended.by, how: ended.how };
    of_clock(&ended.clock, &ended.standstills, ended.at, Some(ending), timeline, subject)
}

fn of_clock(
    clock: &Clock,
    standstills: &[Standstill],
    until: Timestamp,
    ended: Option<Ending>,
    timeline: &Timeline,
    subject: &Subject<'_>,
) -> Option<Explanation> {
    let rules = timeline.rules(clock.settings_version, clock.edits);
    let terms = Terms::of(clock.of, rules, &Subject { groups: &clock.groups, ..*subject })?;
    let intervals = intervals(&terms, clock.started_at, until, standstills);
    let counted = intervals.iter().filter(|it| it.taken.counts()).map(|it| it.to.micros() - it.from.micros());
    Some(Explanation {
        metric: terms.metric,
        policy: terms.id,
        target_s: terms.target.seconds,
        counting: terms.target.counting,
        calendar: terms.calendar.map(|(id, _)| id),
        started_at: clock.started_at,
        started_by: clock.started_by,
        ended,
        warned_at: clock.promise.and_then(|promise| promise.warned_at),
        due_at: clock.promise.and_then(|promise| promise.due_at),
        breach: clock.breach.and_then(Breach::of),
        counted_us: counted.sum(),
        intervals,
    })
}

fn intervals(terms: &Terms<'_>, from: Timestamp, until: Timestamp, standstills: &[Standstill]) -> Vec<Interval> {
    let (mut all, mut at) = (Vec::new(), from);
    for still in standstills.iter().filter(|still| still.is_left_out(terms.policy)) {
        let (begins, ends) = (still.from.max(at).min(until), still.to.unwrap_or(until).max(at).min(until));
        going_on(terms, at, begins, &mut all);
        let taken = match (still.blocked_by, still.pended_by) {
            (Some(by), _) => Taken::Blocked(by),
            (None, Some(by)) => Taken::Paused(by),
            (None, None) => Taken::Counted,
        };
        push(&mut all, begins, ends, taken);
        at = ends;
    }
    going_on(terms, at, until, &mut all);
    all
}

/// Adds the time in which the clock goes on: counted, or closed by the calendar.
fn going_on(terms: &Terms<'_>, from: Timestamp, to: Timestamp, all: &mut Vec<Interval>) {
    let Some((_, schedule)) = terms.calendar else { return push(all, from, to, Taken::Counted) };
    let mut at = from;
    for (opens, closes) in schedule.spans(from, to) {
        closed(schedule, at, opens, all);
        push(all, opens, closes, Taken::CountedOpen(schedule.rule_at(opens)));
        at = closes;
    }
    closed(schedule, at, to, all);
}

/// Adds time that the calendar has closed, day by day where the reason differs.
fn closed(schedule: &Schedule, from: Timestamp, to: Timestamp, all: &mut Vec<Interval>) {
    let mut at = from;
    while at < to {
        let end = schedule.day_ends(at).min(to);
        push(all, at, end, Taken::Closed(schedule.rule_at(at)));
        at = end;
    }
}

/// Adds an interval, to the last one if that was taken in the same way.
fn push(all: &mut Vec<Interval>, from: Timestamp, to: Timestamp, taken: Taken) {
    if from >= to {
        return;
    }
    match all.last_mut() {
        Some(last) if last.to == from && last.taken == taken => last.to = to,
        _ => all.push(Interval { from, to, taken }),
    }
}
