//! What is kept of a conversation: its clocks, and which of their breaches are told.

use super::board::{Cell, Place};
use super::row_id;
use crate::projection::FoldError;
use crate::table::Table;
use clew_domain::conversation::SlaBreach;
use clew_domain::ids::{ConversationId, EventId};
use clew_domain::sla::{Clock, Clocks, Ended, Promise, Timeline, Wait};
use clew_eventstore::msgpack;
use serde::{Deserialize, Serialize};

/// The clocks of a conversation, and the breaches that its stream tells of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) clocks: Clocks,
    /// Of clocks that run: which breaches are facts already, by the fact that started the clock and whether it measures
    /// the wait for an answer.
    pub(super) told: Vec<(EventId, bool)>,
}

/// A breach that is not yet a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breached {
    /// In which conversation.
    pub conversation: ConversationId,
    /// What is to be told.
    pub breach: SlaBreach,
}

/// What a clock is shown by: the promise that it broke, or else the one it is under.
pub(super) fn shown(clock: &Clock) -> Option<Promise> {
    clock.breach.or(clock.promise)
}

pub(super) fn is_answer(clock: &Clock) -> bool {
    match clock.of {
        Wait::Answer { .. } => true,
        Wait::Resolution => false,
    }
}

/// How it is told that a clock broke a promise.
pub(super) fn told_of(clock: &Clock, broken: Option<Promise>) -> Option<SlaBreach> {
    let broken = broken?;
    Some(SlaBreach { metric: broken.metric, policy: broken.policy, due: broken.due_at?, clock: clock.started_by })
}

/// The rows of a table, or one part of so many: ids are spread evenly, so that parts are about equally large.
pub(super) fn stored_rows(
    table: &Table,
    part: usize,
    parts: usize,
) -> impl Iterator<Item = Result<(ConversationId, Row), FoldError>> {
    let bound = |part: usize| match u8::try_from(part * 256 / parts) {
        Ok(byte) => vec![b'R', byte],
        Err(_) => vec![b'R' + 1],
    };
    table.range(&bound(part), Some(&bound(part + 1)), false).map(|entry| {
        let (key, value) = entry?;
        let damaged = |what: String| FoldError::Damaged { table: b'R', what };
        let conversation = row_id(&key).ok_or_else(|| damaged("its key holds no id".to_owned()))?;
        Ok((conversation, msgpack::from_slice(&value).map_err(|error| damaged(error.to_string()))?))
    })
}

impl Row {
    /// Judges its clocks by the edits of the rules that apply to open clocks and came since it was written. Only to be
    /// looked at, never to be saved.
    pub(super) fn catch_up(&mut self, timeline: &Timeline) {
        if !self.clocks.is_current(timeline) {
            self.clocks.judge_until(timeline.edited_at(), timeline);
        }
    }

    /// Where its clocks stand in the order of due instants: the one for an answer, the one for the resolution.
    pub(super) fn places(&self, timeline: &Timeline) -> [Option<Place>; 2] {
        let seen = self.broken();
        if self.clocks.is_current(timeline) {
            return self.places_now(seen);
        }
        let mut row = self.clone();
        row.catch_up(timeline);
        row.places_now(seen)
    }

    fn places_now(&self, seen: [Option<(EventId, bool)>; 2]) -> [Option<Place>; 2] {
        let mut places = [None; 2];
        for clock in self.clocks.running() {
            let (answer, Some(channel)) = (is_answer(clock), self.clocks.channel()) else { continue };
            let Some(promise) = shown(clock) else { continue };
            let place = |due| Place {
                cell: Cell {
                    pending: self.clocks.is_pending(),
                    channel,
                    team: self.clocks.team(),
                    policy: promise.policy,
                },
                due,
                awaited: !seen.contains(&Some((clock.started_by, answer))),
            };
            places[usize::from(!answer)] = promise.due_at.map(place);
        }
        places
    }

    /// Its running clocks whose breach the fold has seen.
    pub(super) fn broken(&self) -> [Option<(EventId, bool)>; 2] {
        let mut broken = [None; 2];
        for clock in self.clocks.running().filter(|clock| clock.breach.is_some()) {
            let answer = is_answer(clock);
            broken[usize::from(!answer)] = Some((clock.started_by, answer));
        }
        broken
    }

    /// What was told of clocks that have ended is not needed any more.
    pub(super) fn forget_told(&mut self) {
        let Self { clocks, told, .. } = self;
        told.retain(|it| clocks.running().any(|clock| (clock.started_by, is_answer(clock)) == *it));
    }

    /// Every breach that the fold has seen: of clocks that run, and of those that just ended.
    pub(super) fn breaches<'a>(&'a self, ended: &'a [Ended]) -> impl Iterator<Item = SlaBreach> + 'a {
        self.clocks.running().chain(ended.iter().map(|it| &it.clock)).filter_map(|it| told_of(it, it.breach))
    }
}
