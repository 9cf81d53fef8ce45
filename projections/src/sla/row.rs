//! What is kept of a conversation: its clocks, and which of their breaches are told.

use clew_domain::conversation::SlaBreach;
use clew_domain::ids::{ChannelId, ConversationId, EventId, SlaPolicyId, TeamId};
use clew_domain::sla::{Clock, Clocks, Ended, Promise, Wait};
use clew_domain::time::Timestamp;
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

/// Where a running clock stands in the indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) due: Timestamp,
    pub(super) answer: bool,
    pub(super) channel: ChannelId,
    pub(super) team: Option<TeamId>,
    pub(super) policy: SlaPolicyId,
    pub(super) pending: bool,
    /// Whether the fold has not seen it breach, so that its due instant is waited for.
    pub(super) awaited: bool,
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

impl Row {
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.clocks.running().filter_map(|clock| {
            let promise = shown(clock)?;
            Some(Place {
                due: promise.due_at?,
                answer: is_answer(clock),
                channel: self.clocks.channel()?,
                team: self.clocks.team(),
                policy: promise.policy,
                pending: self.clocks.is_pending(),
                awaited: clock.breach.is_none(),
            })
        })
    }

    /// Every breach that the fold has seen: of clocks that run, and of those that just ended.
    pub(super) fn breaches<'a>(&'a self, ended: &'a [Ended]) -> impl Iterator<Item = SlaBreach> + 'a {
        self.clocks.running().chain(ended.iter().map(|it| &it.clock)).filter_map(|it| told_of(it, it.breach))
    }
}
