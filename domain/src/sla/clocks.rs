//! The clocks of one conversation, as a fold of its facts. The table of rules stands in `docs/sla.md`.

use super::clock::{Clock, Promise, Standstill, Wait};
use super::policy::Subject;
use super::timeline::{Known, Timeline, instant_of};
use crate::conversation::{Assignee, ConversationEvent, ReplyOrigin, Visibility};
use crate::fact::{Event, Fact};
use crate::ids::{ChannelId, ContactId, EventId, GroupId, TeamId, TopicId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The clocks of one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    /// Where it takes place; none before it began.
    place: Option<Place>,
    topics: Vec<TopicId>,
    team: Option<TeamId>,
    /// The instant of the last fact: time does not go back within a conversation.
    instant: Timestamp,
    /// The latest version of the settings that a writer of its facts had seen: later edits are not taken into account yet.
    known: u64,
    /// The groups that the contact was in when they last wrote.
    groups: Box<[GroupId]>,
    answered: bool,
    resolved: bool,
    pended_by: Option<EventId>,
    blocked_by: Option<EventId>,
    /// When it stood still while a clock ran, in order; the last one may go on.
    standstills: Vec<Standstill>,
    answer: Option<Clock>,
    resolution: Option<Clock>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    contact: ContactId,
    channel: ChannelId,
    visibility: Visibility,
}

/// What the clocks of a conversation depend on beyond its own facts.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The rules through time, at least up to the version of the settings that the fact names.
    pub timeline: &'a Timeline,
    /// The groups that the contact is in, for a message that does not say it.
    pub groups: &'a [GroupId],
}

/// A clock that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The clock as it stood.
    pub clock: Clock,
    /// When it ended.
    pub at: Timestamp,
    /// The fact that ended it.
    pub by: EventId,
    /// How it ended.
    pub how: End,
    /// When it stood still.
    pub standstills: Vec<Standstill>,
}

/// How a clock ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// We answered.
    Answered,
    /// The conversation was resolved.
    Resolved,
}

impl Ended {
    /// What was promised, if anything was: the promise that was broken, or else the last one.
    pub fn promise(&self) -> Option<Promise> {
        self.clock.breach.or(self.clock.promise)
    }
}

impl Clocks {
    /// Takes a fact of the conversation into account and gives the clocks that it ended.
    pub fn apply(&mut self, fact: &Fact, around: &Surroundings<'_>) -> Vec<Ended> {
        let Event::Conversation(event) = &fact.event else { return Vec::new() };
        self.known = self.known.max(fact.settings_version);
        if let ConversationEvent::MessageReceived(message) = event {
            self.groups = message.groups.as_deref().unwrap_or(around.groups).into();
        }
        let timeline = around.timeline.known_at(self.known);
        if self.lacks_edits(timeline) {
            self.judge(timeline.edited_at(), timeline);
        }
        self.take(event, fact, timeline)
    }

    /// Whether every edit is taken into account that applies to what runs.
    pub fn is_current(&self, timeline: &Timeline) -> bool {
        !self.lacks_edits(timeline.whole())
    }

    fn lacks_edits(&self, timeline: Known<'_>) -> bool {
        self.running().any(|clock| timeline.next_edit(clock.settings_version, clock.edits).is_some())
    }

    /// The contact with whom it is.
    pub fn contact(&self) -> Option<ContactId> {
        self.place.map(|place| place.contact)
    }

    /// The channel on which it is.
    pub fn channel(&self) -> Option<ChannelId> {
        self.place.map(|place| place.channel)
    }

    /// The team that it is assigned to.
    pub fn team(&self) -> Option<TeamId> {
        self.team
    }

    /// Whether it is pending.
    pub fn is_pending(&self) -> bool {
        self.pended_by.is_some()
    }

    /// The clocks that run: for an answer, for the resolution.
    pub fn running(&self) -> impl Iterator<Item = &Clock> {
        self.answer.iter().chain(&self.resolution)
    }

    /// When it stood still while the clocks ran, in order.
    pub fn standstills(&self) -> &[Standstill] {
        &self.standstills
    }

    /// Judges the running clocks up to an instant, by every edit of the rules that applies to open clocks. What is judged
    /// so is to be shown, not kept: the next fact may come from a writer who had not seen all of them.
    pub fn judge_until(&mut self, until: Timestamp, timeline: &Timeline) {
        self.judge(until, timeline.whole());
    }

    fn judge(&mut self, until: Timestamp, timeline: Known<'_>) {
        let Some(place) = self.place else { return };
        let Self { topics, team, standstills, answer, resolution, .. } = self;
        let subject = subject(place, topics, *team);
        for clock in answer.iter_mut().chain(resolution) {
            clock.judge_until(until, timeline, &subject, standstills);
        }
    }

    /// What a policy is chosen by; the groups are a clock's own.
    pub(super) fn subject(&self) -> Option<Subject<'_>> {
        self.place.map(|place| subject(place, &self.topics, self.team))
    }

    // One arm an event: the length is the vocabulary's.
    #[allow(clippy::too_many_lines)]
    fn take(&mut self, event: &ConversationEvent, fact: &Fact, timeline: Known<'_>) -> Vec<Ended> {
        use ConversationEvent as E;
        let mut ended = Vec::new();
        match event {
            E::Started(started) => {
                let (contact, channel, visibility) = (started.contact, started.channel, started.visibility);
                self.place = Some(Place { contact, channel, visibility });
            }
            E::MessageReceived(_) => {
                self.move_on(fact, timeline);
                self.await_answer(fact, timeline);
                self.await_resolution(fact, timeline);
            }
            E::ReplySent(reply) => {
                self.move_on(fact, timeline);
                if reply.origin != ReplyOrigin::Automation || self.automatic_replies_count(fact, timeline) {
                    self.answered = true;
                    ended.extend(self.answer.take().map(|clock| self.ended(clock, fact, End::Answered)));
                }
            }
            E::Pended { .. } => {
                self.move_on(fact, timeline);
                self.pended_by = Some(fact.id);
                self.stand_still_or_go_on(timeline);
            }
            E::ReturnedToNew { .. } => {
                self.move_on(fact, timeline);
                self.pended_by = None;
                self.stand_still_or_go_on(timeline);
                if std::mem::take(&mut self.resolved) {
                    self.await_resolution(fact, timeline);
                }
            }
            E::Resolved { .. } => {
                self.move_on(fact, timeline);
                let clocks = [self.answer.take(), self.resolution.take()];
                ended.extend(clocks.into_iter().flatten().map(|clock| self.ended(clock, fact, End::Resolved)));
                self.resolved = true;
                self.pended_by = None;
                self.stand_still_or_go_on(timeline);
            }
            E::ThreadBlocked => {
                self.move_on(fact, timeline);
                self.blocked_by = Some(fact.id);
                self.stand_still_or_go_on(timeline);
            }
            E::ThreadUnblocked => {
                self.move_on(fact, timeline);
                self.blocked_by = None;
                self.stand_still_or_go_on(timeline);
            }
            E::TopicAdded { topic } => {
                self.move_on(fact, timeline);
                if !self.topics.contains(topic) {
                    self.topics.push(*topic);
                }
                self.promise_anew(timeline);
            }
            E::TopicRemoved { topic } => {
                self.move_on(fact, timeline);
                self.topics.retain(|known| known != topic);
                self.promise_anew(timeline);
            }
            E::SlaBreached(breach) => self.judge(breach.due.plus_micros(1), timeline),
            E::Assigned { to: Assignee::Team(team), .. } => self.assign(Some(*team), fact, timeline),
            E::Unassigned { .. } => self.assign(None, fact, timeline),
            E::Assigned { to: Assignee::Agent(_), .. }
            | E::MessageRefused { .. }
            | E::MessageRedacted { .. }
            | E::DeliveryAccepted { .. }
            | E::DeliveryFailed { .. }
            | E::DeliveryRetried { .. }
            | E::NoteAdded { .. }
            | E::NoteEdited { .. }
            | E::NoteDeleted { .. }
            | E::MessageMasked { .. }
            | E::NoteMasked { .. }
            | E::AttachmentMasked { .. }
            | E::MessageLiked { .. }
            | E::MessageUnliked { .. }
            | E::PriorityChanged { .. }
            | E::Locked { .. }
            | E::LockReleased { .. }
            | E::LockTakenOver { .. }
            | E::RuleApplied { .. }
            | E::RuleHeldBack { .. } => {}
        }
        ended
    }

    /// Brings time up to a fact: what was due before it and is not done is breached.
    fn move_on(&mut self, fact: &Fact, timeline: Known<'_>) {
        self.instant = self.instant.max(instant_of(fact));
        self.judge(self.instant, timeline);
    }

    fn await_answer(&mut self, fact: &Fact, timeline: Known<'_>) {
        if self.answer.is_none() {
            self.answer = self.started(Wait::Answer { first: !self.answered }, fact, timeline);
        }
    }

    fn await_resolution(&mut self, fact: &Fact, timeline: Known<'_>) {
        if self.resolution.is_none() {
            self.resolution = self.started(Wait::Resolution, fact, timeline);
        }
    }

    fn started(&mut self, of: Wait, fact: &Fact, timeline: Known<'_>) -> Option<Clock> {
        if self.answer.is_none() && self.resolution.is_none() {
            self.standstills.retain(|still| still.to.is_none());
        }
        let mut clock = Clock {
            started_at: self.instant,
            started_by: fact.id,
            of,
            promise: None,
            breach: None,
            settings_version: fact.settings_version,
            groups: self.groups.clone(),
            edits: timeline.edits_until(fact.settings_version, self.instant),
            judged_until: self.instant,
        };
        clock.promise_anew(timeline, &self.subject()?, &self.standstills);
        Some(clock)
    }

    fn ended(&self, clock: Clock, fact: &Fact, how: End) -> Ended {
        Ended { clock, at: self.instant, by: fact.id, how, standstills: self.standstills.clone() }
    }

    fn assign(&mut self, team: Option<TeamId>, fact: &Fact, timeline: Known<'_>) {
        self.move_on(fact, timeline);
        self.team = team;
        self.promise_anew(timeline);
    }

    /// Ends the standstill that goes on, and begins the one that the conversation is in now, if in any.
    fn stand_still_or_go_on(&mut self, timeline: Known<'_>) {
        let (pended_by, blocked_by) = (self.pended_by, self.blocked_by);
        if let Some(last) = self.standstills.last_mut().filter(|last| last.to.is_none()) {
            if (last.pended_by, last.blocked_by) == (pended_by, blocked_by) {
                return;
            }
            last.to = Some(self.instant);
        }
        if self.running().next().is_none() {
            self.standstills.clear();
        }
        if pended_by.is_some() || blocked_by.is_some() {
            self.standstills.push(Standstill { from: self.instant, to: None, pended_by, blocked_by });
        }
        self.promise_anew(timeline);
    }

    fn promise_anew(&mut self, timeline: Known<'_>) {
        let Some(place) = self.place else { return };
        let Self { topics, team, standstills, answer, resolution, .. } = self;
        let subject = subject(place, topics, *team);
        for clock in answer.iter_mut().chain(resolution) {
            clock.promise_anew(timeline, &subject, standstills);
        }
    }

    /// Whether what a rule sent is an answer, by the policy that the wait is under, or would be.
    fn automatic_replies_count(&self, fact: &Fact, timeline: Known<'_>) -> bool {
        let Some(subject) = self.subject() else { return false };
        let (rules, groups) = if let Some(clock) = &self.answer {
            (timeline.rules(clock.settings_version, clock.edits), &*clock.groups)
        } else {
            let edits = timeline.edits_until(fact.settings_version, self.instant);
            (timeline.rules(fact.settings_version, edits), &*self.groups)
        };
        rules.choose(&Subject { groups, ..subject }).is_some_and(|(_, policy)| policy.automatic_replies_count)
    }
}

fn subject(place: Place, topics: &[TopicId], team: Option<TeamId>) -> Subject<'_> {
    Subject { channel: place.channel, visibility: place.visibility, topics, groups: &[], team }
}
