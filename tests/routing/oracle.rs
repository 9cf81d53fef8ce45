//! Judges distribution by the log alone, with an account of its own of who waits, who has room and who may serve what;
//! nothing of it is routing's.

use clew_domain::agent::{AgentEvent, Availability, AvailabilityCause, ClaimCause};
use clew_domain::conversation::{Assignee, AssignmentCause, ConversationEvent as E, Queue, Started};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{AgentId, ChannelId, ConversationId, SessionId};
use clew_domain::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Whether the agent may answer on the channel, and how much they may be given.
pub(super) struct Rights {
    pub(super) serves: fn(AgentId, ChannelId) -> bool,
    pub(super) limit: fn(AgentId) -> u16,
}

/// Before whom a conversation waits: the urgent first, then who has waited longest.
type Turn = (Reverse<i16>, Timestamp, ConversationId);

pub(super) struct Oracle {
    rights: Rights,
    step: u32,
    pub(super) conversations: BTreeMap<ConversationId, Seen>,
    agents: BTreeMap<AgentId, Desk>,
    waiting: BTreeMap<ChannelId, BTreeSet<Turn>>,
    /// What was given in this step, and when its turn was.
    given: Vec<(AgentId, Turn)>,
    pub(super) tally: Tally,
}

/// How much was judged.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) arrived: usize,
    pub(super) given: usize,
    pub(super) waiting_most: usize,
    pub(super) at_work_most: usize,
}

/// A conversation as the log tells it.
pub(super) struct Seen {
    pub(super) started: Started,
    queue: Queue,
    owner: Option<AgentId>,
    lock: Option<AgentId>,
    priority: i16,
    unanswered_since: Option<Timestamp>,
    entered: Timestamp,
    /// In which step its turn last changed.
    moved: u32,
}

/// An agent as the log tells it.
#[derive(Default)]
pub(super) struct Desk {
    sessions: BTreeSet<SessionId>,
    lost: bool,
    available: bool,
    holds: BTreeSet<ConversationId>,
    owns: BTreeSet<ConversationId>,
    open: BTreeSet<ConversationId>,
}

impl Desk {
    fn is_there(&self) -> bool {
        !self.sessions.is_empty() && !self.lost
    }
}

impl Seen {
    fn begun(started: Started, entered: Timestamp) -> Self {
        let (owner, lock, unanswered_since) = (None, None, None);
        Self { started, queue: Queue::New, owner, lock, priority: 0, unanswered_since, entered, moved: 0 }
    }

    /// Whose it is among what needs an answer.
    fn owner_in_new(&self) -> Option<AgentId> {
        self.owner.filter(|_| self.queue == Queue::New)
    }

    fn turn(&self, id: ConversationId) -> Option<Turn> {
        let waits = self.queue == Queue::New && self.owner.is_none() && self.lock.is_none();
        waits.then(|| (Reverse(self.priority), self.unanswered_since.unwrap_or(self.entered), id))
    }
}

impl Oracle {
    pub(super) fn new(rights: Rights) -> Self {
        let (conversations, agents, waiting) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { rights, step: 0, conversations, agents, waiting, given: Vec::new(), tally: Tally::default() }
    }

    pub(super) fn all_in(&self, queue: Queue) -> Vec<ConversationId> {
        self.conversations.iter().filter(|(_, it)| it.queue == queue).map(|(id, _)| *id).collect()
    }

    pub(super) fn all_there(&self) -> Vec<AgentId> {
        self.agents.iter().filter(|(_, desk)| desk.is_there()).map(|(id, _)| *id).collect()
    }

    fn waits(&self) -> usize {
        self.waiting.values().map(BTreeSet::len).sum()
    }

    /// Takes what a step led to, when nothing more is to be done, and judges it.
    pub(super) fn judge(&mut self, facts: &[Fact]) {
        self.step += 1;
        for fact in facts {
            match &fact.event {
                Event::Conversation(event) => self.converse(ConversationId(fact.stream.id), event, fact),
                Event::Agent(event) => self.attend(AgentId(fact.stream.id), event),
                _ => {}
            }
        }
        self.in_turn();
        self.at_rest();
    }

    fn attend(&mut self, id: AgentId, event: &AgentEvent) {
        let limit = (self.rights.limit)(id);
        let desk = self.agents.entry(id).or_default();
        match event {
            AgentEvent::SignedIn { session } => {
                desk.sessions.insert(*session);
                desk.lost = false;
            }
            AgentEvent::SignedOut { session, .. } => {
                desk.sessions.remove(session);
            }
            AgentEvent::AvailabilityChanged { availability, cause } => {
                desk.available = *availability == Availability::Available;
                desk.lost &= *cause != AvailabilityCause::ByHand;
            }
            AgentEvent::ConnectionLost => desk.lost = true,
            AgentEvent::ConnectionRestored => desk.lost = false,
            AgentEvent::ConversationFreed { conversation, .. } => {
                desk.holds.remove(conversation);
            }
            AgentEvent::ConversationClaimed { conversation, cause } => {
                desk.holds.insert(*conversation);
                if *cause == ClaimCause::Distribution {
                    assert!(desk.available && desk.is_there(), "{id} is given something and is not at work");
                    assert!(desk.holds.len() <= usize::from(limit), "{id} is given more than {limit}");
                }
            }
            _ => {}
        }
    }

    fn converse(&mut self, id: ConversationId, event: &E, fact: &Fact) {
        if let E::Started(started) = event {
            self.conversations.insert(id, Seen::begun(*started, fact.occurred_at));
            self.tally.arrived += 1;
        }
        let it = self.conversations.get_mut(&id).expect("it began");
        let (before, owner, lock) = (it.turn(id), it.owner_in_new(), it.lock);
        match event {
            E::MessageReceived(_) => {
                it.unanswered_since.get_or_insert(fact.occurred_at);
            }
            E::ReplySent(_) => it.unanswered_since = None,
            E::Assigned { to, cause } => {
                if let (Assignee::Agent(to), AssignmentCause::Distribution) = (to, cause) {
                    assert_eq!(it.owner, None, "{id} is given to {to} and taken from another");
                    assert!(
                        (self.rights.serves)(*to, it.started.channel),
                        "{id} is given to {to}, who may not answer there"
                    );
                    // It may have been opened for them in the same commit.
                    let turn = (Reverse(it.priority), it.unanswered_since.unwrap_or(it.entered), id);
                    self.given.push((*to, turn));
                }
                it.owner = if let Assignee::Agent(to) = to { Some(*to) } else { None };
            }
            E::Unassigned { .. } => it.owner = None,
            E::Pended { .. } => it.queue = Queue::Pending,
            E::Resolved { .. } => (it.queue, it.unanswered_since) = (Queue::Resolved, None),
            E::ReturnedToNew { .. } => (it.queue, it.entered) = (Queue::New, fact.occurred_at),
            E::PriorityChanged { priority, .. } => it.priority = *priority,
            E::Locked { agent } | E::LockTakenOver { to: agent, .. } => it.lock = Some(*agent),
            E::LockReleased { .. } => it.lock = None,
            _ => {}
        }
        let (after, now_owner) = (it.turn(id), it.owner_in_new());
        let (channel, now_lock) = (it.started.channel, it.lock);
        if before != after {
            it.moved = self.step;
        }
        let line = self.waiting.entry(channel).or_default();
        if let Some(turn) = before {
            line.remove(&turn);
        }
        line.extend(after);
        self.moves(id, (owner, now_owner), |desk| &mut desk.owns);
        self.moves(id, (lock, now_lock), |desk| &mut desk.open);
    }

    fn moves(
        &mut self,
        id: ConversationId,
        (from, to): (Option<AgentId>, Option<AgentId>),
        what: fn(&mut Desk) -> &mut BTreeSet<ConversationId>,
    ) {
        if let Some(from) = from {
            what(self.agents.entry(from).or_default()).remove(&id);
        }
        if let Some(to) = to {
            what(self.agents.entry(to).or_default()).insert(id);
        }
    }

    /// Nobody was given anything while something that they may answer, and that waited in its place all the time, had
    /// its turn before.
    fn in_turn(&mut self) {
        let stayed = |turn: &&Turn| self.conversations[&turn.2].moved < self.step;
        for (agent, turn) in &self.given {
            for (channel, line) in self.waiting.iter().filter(|(channel, _)| (self.rights.serves)(*agent, **channel)) {
                let first = line.iter().find(stayed);
                assert!(first.is_none_or(|first| turn <= first), "{agent} got {turn:?} before {first:?} on {channel}");
            }
        }
        self.tally.given += self.given.len();
        self.given.clear();
    }

    fn at_rest(&mut self) {
        let at_work = self.agents.values().filter(|desk| desk.available).count();
        self.tally.at_work_most = self.tally.at_work_most.max(at_work);
        self.tally.waiting_most = self.tally.waiting_most.max(self.waits());
        for (id, desk) in &self.agents {
            assert_eq!(desk.holds, desk.owns, "what {id} holds is not what they own in New");
            assert!(desk.is_there() || (desk.owns.is_empty() && desk.open.is_empty()), "{id} is gone and has work");
            if desk.available && desk.owns.len() < usize::from((self.rights.limit)(*id)) {
                let serves = |channel: &ChannelId| (self.rights.serves)(*id, *channel);
                let left = self.waiting.iter().find(|(channel, line)| serves(channel) && !line.is_empty());
                assert!(left.is_none(), "something waits on {left:?} while {id} has room");
            }
        }
    }
}
