//! All promises of a log once more: as they were, or as they would have been under other rules. Where the facts come
//! from, and how outcomes are counted, is the caller's.

use super::clock::{Clock, Promise};
use super::clocks::{Clocks, Ended, Surroundings};
use super::policy::Metric;
use super::rules::Rules;
use super::timeline::Timeline;
use crate::contact::ContactEvent;
use crate::fact::{Event, Fact};
use crate::ids::{ChannelId, ContactId, ConversationId, EventId, GroupId, SlaPolicyId, StreamKind, TeamId};
use crate::time::Timestamp;
use serde::Serialize;
use std::collections::HashMap;

/// The groups that contacts are in, as a fold of the log.
#[derive(Clone, Debug, Default)]
pub struct Groups(HashMap<ContactId, Vec<GroupId>>);

impl Groups {
    /// Takes a fact into account.
    pub fn take(&mut self, fact: &Fact) {
        let contact = ContactId(fact.stream.id);
        match &fact.event {
            Event::Contact(ContactEvent::GroupJoined { group }) => self.0.entry(contact).or_default().push(*group),
            Event::Contact(ContactEvent::GroupLeft { group }) => {
                if let Some(groups) = self.0.get_mut(&contact) {
                    groups.retain(|known| known != group);
                }
            }
            Event::Contact(
                ContactEvent::FirstSeen { .. }
                | ContactEvent::IdentityChanged { .. }
                | ContactEvent::AttributeSet { .. }
                | ContactEvent::AttributeRemoved { .. }
                | ContactEvent::Blocked
                | ContactEvent::Unblocked
                | ContactEvent::MessageRefused { .. }
                | ContactEvent::Forgotten { .. },
            )
            | Event::Conversation(_)
            | Event::Workspace(_)
            | Event::Agent(_)
            | Event::Collection(_)
            | Event::Installation(_) => {}
        }
    }

    /// The groups that the contact is in.
    pub fn of(&self, contact: ContactId) -> &[GroupId] {
        self.0.get(&contact).map_or(&[], Vec::as_slice)
    }
}

/// Every clock of a log that something was promised for, as the facts are taken in one after the other.
#[derive(Debug)]
pub struct Replay {
    timeline: Timeline,
    /// Whether the rules are the log's own; else they hold for all of it.
    by_the_log: bool,
    conversations: HashMap<ConversationId, Clocks>,
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// In which conversation.
    pub conversation: ConversationId,
    /// On which channel.
    pub channel: ChannelId,
    /// Of which team, when it ended.
    pub team: Option<TeamId>,
    /// What was measured.
    pub metric: Metric,
    /// Which policy promised it.
    pub policy: SlaPolicyId,
    /// The fact that started the clock.
    pub clock: EventId,
    /// What became of it.
    pub fate: Fate,
    /// When: a broken promise at its due instant, a kept one when its clock ended, an open one when it is due.
    pub at: Option<Timestamp>,
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The clock ended in time.
    Kept,
    /// It was due before the clock ended.
    Breached,
    /// The clock runs.
    Open,
}

impl Replay {
    /// Under the rules that were in force.
    pub fn as_it_was() -> Self {
        Self { timeline: Timeline::default(), by_the_log: true, conversations: HashMap::new() }
    }

    /// Under these rules, as if they had always been in force.
    pub fn under(rules: Rules) -> Self {
        Self { timeline: Timeline::constant(rules), by_the_log: false, conversations: HashMap::new() }
    }

    /// Takes a fact into account, behind all of the workspace that its writer had seen; `groups` have seen all facts before
    /// it. `ended` is told of each clock that ended.
    pub fn take(&mut self, fact: &Fact, groups: &Groups, mut ended: impl FnMut(Outcome)) {
        if self.by_the_log {
            self.timeline.take(fact);
        }
        if fact.stream.kind != StreamKind::Conversation {
            return;
        }
        let conversation = ConversationId(fact.stream.id);
        let clocks = self.conversations.entry(conversation).or_default();
        let (channel, team) = (clocks.channel(), clocks.team());
        let groups = clocks.contact().map_or(&[] as &[_], |contact| groups.of(contact));
        for it in clocks.apply(fact, &Surroundings { timeline: &self.timeline, groups }) {
            let Some(channel) = channel else { continue };
            of_ended(&it, conversation, channel, team).into_iter().for_each(&mut ended);
        }
    }

    /// Judges what runs up to `now` and tells of each clock.
    pub fn end(self, now: Timestamp, mut running: impl FnMut(Outcome)) {
        for (conversation, mut clocks) in self.conversations {
            clocks.judge_until(now, &self.timeline);
            let Some(channel) = clocks.channel() else { continue };
            let outcomes = clocks.running().filter_map(|clock| {
                let (promise, fate) = match clock.breach {
                    Some(broken) => (broken, Fate::Breached),
                    None => (clock.promise?, Fate::Open),
                };
                Some(outcome(clock, promise, fate, promise.due_at, (conversation, channel, clocks.team())))
            });
            outcomes.for_each(&mut running);
        }
    }
}

fn of_ended(it: &Ended, conversation: ConversationId, channel: ChannelId, team: Option<TeamId>) -> Option<Outcome> {
    let place = (conversation, channel, team);
    match it.clock.breach {
        Some(broken) => Some(outcome(&it.clock, broken, Fate::Breached, broken.due_at, place)),
        None => Some(outcome(&it.clock, it.clock.promise?, Fate::Kept, Some(it.at), place)),
    }
}

fn outcome(
    clock: &Clock,
    promise: Promise,
    fate: Fate,
    at: Option<Timestamp>,
    (conversation, channel, team): (ConversationId, ChannelId, Option<TeamId>),
) -> Outcome {
    let Promise { metric, policy, .. } = promise;
    Outcome { conversation, channel, team, metric, policy, clock: clock.started_by, fate, at }
}
