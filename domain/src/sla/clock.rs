//! One clock: since when it runs, what it is due by, and whether it breached. When clocks start and stop is
//! `clocks.rs`'s.

use super::policy::{Metric, Policy, Subject, Target};
use super::rules::Rules;
use super::schedule::Schedule;
use super::timeline::Known;
use crate::ids::{CalendarId, EventId, GroupId, SlaPolicyId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A clock that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Since when it runs.
    pub started_at: Timestamp,
    /// The fact that started it, by which it is known.
    pub started_by: EventId,
    /// What it measures the time of.
    pub of: Wait,
    /// What it is due by; none where no policy promises anything.
    pub promise: Option<Promise>,
    /// The promise that it broke, if it did; that stays, whatever is promised later.
    pub breach: Option<Promise>,
    /// The version of the settings under which it started.
    pub(super) settings_version: u64,
    /// The groups of the contact when it started.
    pub(super) groups: Box<[GroupId]>,
    /// How many edits that apply to open clocks are taken into account.
    pub(super) edits: usize,
    /// Up to when it was judged.
    pub(super) judged_until: Timestamp,
}

/// What a clock measures the time of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Wait {
    /// The contact waits for an answer: the first of all, or not.
    Answer {
        /// Whether we never answered before.
        first: bool,
    },
    /// The contact waits for it to be resolved.
    Resolution,
}

/// What a clock is due by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// What is measured.
    pub metric: Metric,
    /// Which policy promises it.
    pub policy: SlaPolicyId,
    /// When the clock turns orange; none while it stands still, or if that time never comes.
    pub warned_at: Option<Timestamp>,
    /// The last instant at which the promise is kept; none while the clock stands still, or if it never comes.
    pub due_at: Option<Timestamp>,
}

/// A stretch in which the conversation was pending or blocked, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standstill {
    /// Since when.
    pub from: Timestamp,
    /// Until when, if it is over.
    pub to: Option<Timestamp>,
    /// The fact by which it was pended, if it was.
    pub pended_by: Option<EventId>,
    /// The fact by which its thread was blocked, if it was.
    pub blocked_by: Option<EventId>,
}

impl Standstill {
    /// Whether the time in it is left out under a policy.
    pub fn is_left_out(&self, policy: &Policy) -> bool {
        self.blocked_by.is_some() || (self.pended_by.is_some() && policy.pending_pauses)
    }
}

/// The terms under which a clock is judged: what a policy promises, and by which calendar it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) metric: Metric,
    pub(super) id: SlaPolicyId,
    pub(super) policy: &'a Policy,
    pub(super) target: Target,
    pub(super) calendar: Option<(CalendarId, &'a Schedule)>,
}

impl<'a> Terms<'a> {
    /// The terms for a wait under these rules; none where nothing is promised.
    pub(super) fn of(wait: Wait, rules: &'a Rules, subject: &Subject<'_>) -> Option<Self> {
        let (id, policy) = rules.choose(subject)?;
        let metric = match wait {
            Wait::Answer { first } => Metric::of_wait(policy, first),
            Wait::Resolution => Metric::Resolution,
        };
        let target = policy.targets.of(metric)?;
        let calendar = rules.schedule(policy, target, subject.channel).map(|(id, schedule)| (id, &**schedule));
        Some(Self { metric, id, policy, target, calendar })
    }

    fn promise(&self, from: Timestamp, standstills: &[Standstill]) -> Promise {
        let last_within = |micros| self.last_within(from, micros, standstills);
        Promise {
            metric: self.metric,
            policy: self.id,
            warned_at: last_within(self.policy.warning.micros_of(self.target)),
            due_at: last_within(self.target.micros()),
        }
    }

    /// The last instant up to which no more than `micros` counted since `from`.
    fn last_within(&self, from: Timestamp, micros: i64, standstills: &[Standstill]) -> Option<Timestamp> {
        let (mut at, mut left) = (from, micros);
        for still in standstills.iter().filter(|still| still.is_left_out(self.policy)) {
            if still.to.is_some_and(|to| to <= at) {
                continue;
            }
            let counted = self.counted_between(at, still.from.max(at));
            if counted > left {
                break;
            }
            left -= counted;
            at = still.to?;
        }
        match self.calendar {
            Some((_, schedule)) => schedule.last_within(at, left),
            None => Some(at.plus_micros(left)),
        }
    }

    /// How much counts between two instants, standstills aside.
    fn counted_between(&self, from: Timestamp, to: Timestamp) -> i64 {
        match self.calendar {
            Some((_, schedule)) => schedule.open_between(from, to),
            None => to.micros() - from.micros(),
        }
    }
}

impl Rules {
    /// What would be promised for a contact's first message at an instant, and for a later one, if nothing else
    /// happened: one promise for each metric that has a target.
    pub fn promises(&self, subject: &Subject<'_>, at: Timestamp) -> Vec<Promise> {
        let waits = [Wait::Answer { first: true }, Wait::Answer { first: false }, Wait::Resolution];
        let mut promises: Vec<Promise> = Vec::with_capacity(waits.len());
        for terms in waits.into_iter().filter_map(|wait| Terms::of(wait, self, subject)) {
            if promises.iter().all(|it| it.metric != terms.metric) {
                promises.push(terms.promise(at, &[]));
            }
        }
        promises
    }
}

impl Clock {
    /// Judges it up to an instant, by what held until then; an edit that applies to open clocks counts from its own
    /// instant on, or from where the clock was judged already.
    pub(super) fn judge_until(
        &mut self,
        until: Timestamp,
        timeline: Known<'_>,
        subject: &Subject<'_>,
        standstills: &[Standstill],
    ) {
        loop {
            let edit = timeline.next_edit(self.settings_version, self.edits).filter(|at| *at <= until);
            self.judged_until = self.judged_until.max(edit.unwrap_or(until));
            self.note_breach();
            if edit.is_none() {
                return;
            }
            self.edits += 1;
            self.promise_anew(timeline, subject, standstills);
        }
    }

    /// Takes what the rules promise now, for all the time since it started.
    pub(super) fn promise_anew(&mut self, timeline: Known<'_>, subject: &Subject<'_>, standstills: &[Standstill]) {
        let rules = timeline.rules(self.settings_version, self.edits);
        let subject = Subject { groups: &self.groups, ..*subject };
        let terms = Terms::of(self.of, rules, &subject);
        self.promise = terms.map(|terms| terms.promise(self.started_at, standstills));
        self.note_breach();
    }

    /// Breached is what passed its due instant, strictly.
    fn note_breach(&mut self) {
        if self.breach.is_none() && self.promise.is_some_and(|promise| promise.is_broken_at(self.judged_until)) {
            self.breach = self.promise;
        }
    }
}

impl Promise {
    /// Whether the promise is broken at an instant, if the clock runs until then.
    pub fn is_broken_at(&self, at: Timestamp) -> bool {
        self.due_at.is_some_and(|due| due < at)
    }
}
