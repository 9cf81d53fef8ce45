//! Everything that routing knows, kept up fact by fact, and the work that follows from it: what to give to whom,
//! what to take back from who left, what to bring back to New. Carrying it out is not done here.

mod saved;

pub use saved::Saved;

use super::quiet::Silence;
use super::{Board, Class, Offer, Tracked};
use crate::agent::{Agent, AgentEvent, AgentState, AvailabilityCause, ClaimCause};
use crate::automation::Rule;
use crate::conversation::{ConversationEvent as E, Queue, ReleaseCause};
use crate::decider::Decider;
use crate::fact::{Event, Fact};
use crate::ids::{AgentId, ChannelId, ConversationId, EventId, RuleId};
use crate::time::Timestamp;
use crate::workspace::{WhenAgentLeaves, Workspace, WorkspaceEvent as W, WorkspaceState};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// How long a claim stands before it is taken for one whose assignment a crash kept away, in microseconds.
const ASSIGNED_WITHIN: i64 = 5_000_000;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Give a conversation to an agent, because of its last fact.
    Give(Offer, EventId),
    /// Have the agent's own stream say whether the conversation counts.
    Count(AgentId, ConversationId),
    /// Take the conversation from an agent who left, because of its last fact.
    Release(AgentId, ConversationId, EventId),
    /// Have an agent who is no longer there have it open no longer, because of its last fact.
    Unlock(AgentId, ConversationId, ReleaseCause, EventId),
    /// Bring a pending one back at this instant, which that fact set.
    Return(ConversationId, Timestamp, EventId),
    /// Do what a rule asks of a conversation in which nothing happened.
    Rule(Box<Ruling>),
}

/// A rule that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// In which conversation.
    pub conversation: ConversationId,
    /// On which channel it is.
    pub channel: ChannelId,
    /// Its version for which it is due.
    pub version: u64,
    /// Which rule, as it was when the conversation began.
    pub rule: (RuleId, Rule),
    /// When it is due.
    pub due: Timestamp,
    /// The last thing that a person or a channel did.
    pub active: EventId,
}

/// All that routing knows.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    settings_version: u64,
    agents: HashMap<AgentId, (u64, AgentState)>,
    /// Agents whose last session ended, or whose connection was lost.
    gone: HashSet<AgentId>,
    /// Conversations that are not resolved.
    conversations: HashMap<ConversationId, Tracked>,
    /// What each agent owns in New.
    owned: HashMap<AgentId, BTreeSet<ConversationId>>,
    /// Where what an agent owns and what their stream counts may differ.
    uncounted: BTreeSet<(AgentId, ConversationId)>,
    /// Claims whose assignments are not known here, with the times until which they may come: where agent and conversation
    /// lie in different partitions, each is a commit of its own.
    unassigned: BTreeMap<(AgentId, ConversationId), Timestamp>,
    left: BTreeMap<ConversationId, AgentId>,
    /// What each agent has open.
    opened: HashMap<AgentId, BTreeSet<ConversationId>>,
    unlocking: BTreeMap<ConversationId, (AgentId, ReleaseCause)>,
    returning: BTreeSet<(Timestamp, ConversationId)>,
    /// Conversations that are worked on; they are in no line.
    in_hand: HashSet<ConversationId>,
    board: Board,
    silence: Silence,
}

impl Floor {
    /// Takes a fact into account; one that was, changes nothing. Facts of one stream come in order. The answer names a
    /// conversation that is to be read from its start, because a resolved one was reopened.
    pub fn take(&mut self, fact: &Fact) -> Option<ConversationId> {
        match &fact.event {
            Event::Workspace(event) if fact.version > self.settings_version => {
                self.board.change_workspace(|workspace| Workspace::evolve(workspace, event));
                self.settings_version = fact.version;
                if matches!(event, W::RuleSet { .. } | W::RulesOrdered { .. } | W::RuleRemoved { .. }) {
                    self.set_rules(fact.version);
                }
                None
            }
            Event::Agent(event) => {
                self.take_agent(AgentId(fact.stream.id), event, fact);
                None
            }
            Event::Conversation(event) => self.take_conversation(ConversationId(fact.stream.id), event, fact),
            Event::Workspace(_) | Event::Contact(_) | Event::Collection(_) | Event::Installation(_) => None,
        }
    }

    /// The rules are others from this version of the settings on.
    fn set_rules(&mut self, version: u64) {
        self.silence.set_rules(version, &self.board.workspace().automation);
        if self.silence.is_ahead_of(version) {
            for (id, tracked) in self.conversations.iter().filter(|(_, it)| it.settings_version >= version) {
                self.silence.watch(*id, Some(tracked));
            }
        }
    }

    fn take_agent(&mut self, agent: AgentId, event: &AgentEvent, fact: &Fact) {
        let (known, state) = self.agents.entry(agent).or_default();
        if fact.version <= *known {
            return;
        }
        *known = fact.version;
        Agent::evolve(state, event);
        let closed = if matches!(event, AgentEvent::SignedOut { .. }) && state.sessions.is_empty() {
            Some(ReleaseCause::SignedOut)
        } else {
            matches!(event, AgentEvent::ConnectionLost).then_some(ReleaseCause::ConnectionLost)
        };
        let left = match event {
            AgentEvent::SignedOut { .. } => state.sessions.is_empty(),
            AgentEvent::ConnectionLost
            | AgentEvent::AvailabilityChanged { cause: AvailabilityCause::ConnectionLost, .. } => true,
            AgentEvent::ConnectionRestored
            | AgentEvent::SignedIn { .. }
            | AgentEvent::AvailabilityChanged {
                cause: AvailabilityCause::ByHand | AvailabilityCause::SignIn | AvailabilityCause::StatusRetired,
                ..
            } => {
                self.gone.remove(&agent);
                false
            }
            AgentEvent::ConversationClaimed { conversation, cause } => {
                self.uncounted.insert((agent, *conversation));
                let is_owned = self.owned.get(&agent).is_some_and(|owned| owned.contains(conversation));
                if *cause == ClaimCause::Distribution && !is_owned {
                    self.unassigned.insert((agent, *conversation), fact.occurred_at.plus_micros(ASSIGNED_WITHIN));
                }
                false
            }
            AgentEvent::ConversationFreed { conversation, .. } => {
                self.uncounted.insert((agent, *conversation));
                self.unassigned.remove(&(agent, *conversation));
                false
            }
            AgentEvent::AvailabilityChanged { cause: AvailabilityCause::SignOut, .. }
            | AgentEvent::PreferencesChanged { .. }
            | AgentEvent::BulkBegun { .. }
            | AgentEvent::BulkEnded { .. }
            | AgentEvent::NotificationsRead { .. } => false,
        };
        self.board.set_agent(agent, state);
        if let Some(cause) = closed {
            let opened = self.opened.get(&agent).into_iter().flatten();
            self.unlocking.extend(opened.map(|conversation| (*conversation, (agent, cause))));
        }
        if left {
            self.gone.insert(agent);
            let owned = self.owned.get(&agent).into_iter().flatten();
            self.left.extend(owned.map(|conversation| (*conversation, agent)));
        }
    }

    fn take_conversation(&mut self, id: ConversationId, event: &E, fact: &Fact) -> Option<ConversationId> {
        if let Some(tracked) = self.conversations.get_mut(&id) {
            if fact.version <= tracked.version {
                return None;
            }
            let (owner, returns, lock) = (owner_in_new(tracked), tracked.returns, tracked.lock);
            tracked.take(event, fact);
            if tracked.lock != lock {
                if let Some(before) = lock {
                    self.opened.entry(before).or_default().remove(&id);
                }
                if let Some(now) = tracked.lock {
                    self.opened.entry(now).or_default().insert(id);
                }
            }
            if let Some((at, _)) = returns {
                self.returning.remove(&(at, id));
            }
            self.moved(id, owner);
            if matches!(event, E::ReturnedToNew { .. }) {
                self.returned_to_its_owner(id);
            }
            return None;
        }
        if let (E::Started(started), 1) = (event, fact.version) {
            self.conversations.insert(id, Tracked::begun(started, fact));
            self.moved(id, None);
        }
        // What else happens to a resolved one is of no concern.
        matches!(event, E::ReturnedToNew { .. }).then_some(id)
    }

    /// After a conversation changed that `owner` had in New before.
    fn moved(&mut self, id: ConversationId, owner: Option<AgentId>) {
        let tracked = self.conversations.get(&id).expect("it was just changed").clone();
        self.returning.extend(tracked.returns.map(|(at, _)| (at, id)));
        let now = owner_in_new(&tracked);
        if now != owner {
            self.left.remove(&id);
            if let Some(owner) = owner {
                self.owned.entry(owner).or_default().remove(&id);
                self.uncounted.insert((owner, id));
            }
            if let Some(owner) = now {
                self.owned.entry(owner).or_default().insert(id);
                self.uncounted.insert((owner, id));
                self.unassigned.remove(&(owner, id));
            }
        }
        if tracked.queue == Queue::Resolved {
            if let Some(agent) = tracked.lock {
                self.opened.entry(agent).or_default().remove(&id);
            }
            self.conversations.remove(&id);
        }
        self.silence.watch(id, self.conversations.get(&id));
        self.line_up(id);
    }

    fn returned_to_its_owner(&mut self, id: ConversationId) {
        let owner = self.conversations.get(&id).and_then(owner_in_new);
        if let Some(owner) = owner.filter(|owner| self.gone.contains(owner)) {
            self.left.insert(id, owner);
        }
    }

    fn line_up(&mut self, id: ConversationId) {
        let tracked = self.conversations.get(&id);
        let place = tracked.and_then(|it| it.place(id).map(|place| (it.class, place)));
        match place.filter(|_| !self.in_hand.contains(&id)) {
            Some((class, place)) => self.board.put(class, place),
            None => self.board.remove(id),
        }
    }

    /// The next work to be done at `now`. What it is about is in hand until [`Self::done`].
    pub fn next_work(&mut self, now: Timestamp) -> Option<Work> {
        if let Some(work) = self
            .next_release()
            .or_else(|| self.next_unlock())
            .or_else(|| self.next_count(now))
            .or_else(|| self.next_return(now))
            .or_else(|| self.next_ruling(now))
        {
            return Some(work);
        }
        while let Some(offer) = self.board.next_offer() {
            if let Some(tracked) = self.conversations.get(&offer.conversation) {
                self.in_hand.insert(offer.conversation);
                return Some(Work::Give(offer, tracked.last));
            }
            self.board.settle(offer.agent);
        }
        None
    }

    fn next_release(&mut self) -> Option<Work> {
        while let Some((id, agent)) = self.left.pop_first() {
            let when_agent_leaves = self.board.workspace().settings.when_agent_leaves;
            let still = self.gone.contains(&agent) && when_agent_leaves == WhenAgentLeaves::HandOver;
            if let Some(tracked) = self.conversations.get(&id).filter(|it| still && owner_in_new(it) == Some(agent)) {
                return Some(Work::Release(agent, id, tracked.last));
            }
        }
        None
    }

    fn next_unlock(&mut self) -> Option<Work> {
        while let Some((id, (agent, cause))) = self.unlocking.pop_first() {
            if let Some(tracked) = self.conversations.get(&id).filter(|it| it.lock == Some(agent)) {
                return Some(Work::Unlock(agent, id, cause, tracked.last));
            }
        }
        None
    }

    fn next_count(&mut self, now: Timestamp) -> Option<Work> {
        let uncounted = &mut self.uncounted;
        self.unassigned.retain(|claim, until| {
            let stands_alone = *until <= now;
            if stands_alone {
                uncounted.insert(*claim);
            }
            !stands_alone
        });
        while let Some((agent, id)) = self.uncounted.pop_first() {
            if self.unassigned.contains_key(&(agent, id)) {
                continue;
            }
            let counts = self.agents.get(&agent).is_some_and(|(_, state)| state.holds.contains(&id));
            let owned = self.owned.get(&agent).is_some_and(|owned| owned.contains(&id));
            if counts != owned {
                return Some(Work::Count(agent, id));
            }
        }
        None
    }

    fn next_return(&mut self, now: Timestamp) -> Option<Work> {
        while let Some((due, id)) = self.returning.first().copied().filter(|(at, _)| *at <= now) {
            self.returning.remove(&(due, id));
            let returns = self.conversations.get(&id).and_then(|it| it.returns);
            if let Some((at, fact)) = returns.filter(|(at, _)| *at == due) {
                return Some(Work::Return(id, at, fact));
            }
        }
        None
    }

    fn next_ruling(&mut self, now: Timestamp) -> Option<Work> {
        while let Some((due, conversation, rule)) = self.silence.next(now) {
            let Some(tracked) = self.conversations.get(&conversation) else { continue };
            let Some(definition) = self.silence.rule(tracked.settings_version, rule) else { continue };
            return Some(Work::Rule(Box::new(Ruling {
                conversation,
                channel: tracked.class.channel,
                version: tracked.version,
                rule: (rule, definition.clone()),
                due,
                active: tracked.active.1,
            })));
        }
        None
    }

    /// When the next thing is to be done that only has to be waited for.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        let returns = self.returning.first().map(|(at, _)| *at);
        let unassigned = self.unassigned.values().min().copied();
        returns.into_iter().chain(self.silence.next_at()).chain(unassigned).min()
    }

    /// Work was done, or could not be; the facts that it led to, or that spoke against it, were taken before.
    pub fn done(&mut self, work: &Work) {
        match work {
            Work::Give(offer, _) => {
                // No assignment follows any more if none did.
                let claim = (offer.agent, offer.conversation);
                if self.unassigned.remove(&claim).is_some() {
                    self.uncounted.insert(claim);
                }
                self.put_back(*offer);
            }
            Work::Count(..) | Work::Release(..) | Work::Unlock(..) | Work::Return(..) => {}
            // If more happened before it could be done, it may be due another time.
            Work::Rule(ruling) => {
                let id = ruling.conversation;
                self.silence.watch(id, self.conversations.get(&id));
            }
        }
    }

    /// Work could not be done for now and is to be done later. Call it instead of [`Self::done`].
    pub fn again(&mut self, work: &Work) {
        match work {
            Work::Give(offer, _) => self.put_back(*offer),
            Work::Rule(_) => self.done(work),
            Work::Count(agent, conversation) => {
                self.uncounted.insert((*agent, *conversation));
            }
            Work::Release(agent, conversation, _) => {
                self.left.insert(*conversation, *agent);
            }
            Work::Unlock(agent, conversation, cause, _) => {
                self.unlocking.insert(*conversation, (*agent, *cause));
            }
            Work::Return(conversation, at, _) => {
                self.returning.insert((*at, *conversation));
            }
        }
    }

    fn put_back(&mut self, offer: Offer) {
        self.in_hand.remove(&offer.conversation);
        self.board.settle(offer.agent);
        self.line_up(offer.conversation);
    }

    /// The settings in force, and their version.
    pub fn settings(&self) -> (Arc<WorkspaceState>, u64) {
        (Arc::clone(self.board.workspace()), self.settings_version)
    }

    /// An agent as known here, with the version of their stream.
    pub fn agent(&self, agent: AgentId) -> (u64, AgentState) {
        self.agents.get(&agent).cloned().unwrap_or_default()
    }

    /// The version up to which a conversation is known here; 0 if it is not.
    pub fn version_of(&self, conversation: ConversationId) -> u64 {
        self.conversations.get(&conversation).map_or(0, |it| it.version)
    }

    /// A conversation's class, if it is not resolved.
    pub fn class_of(&self, conversation: ConversationId) -> Option<Class> {
        self.conversations.get(&conversation).map(|it| it.class)
    }

    /// How many conversations wait for an agent.
    pub fn waiting(&self) -> usize {
        self.board.waiting()
    }
}

fn owner_in_new(tracked: &Tracked) -> Option<AgentId> {
    tracked.agent.filter(|_| tracked.queue == Queue::New)
}
