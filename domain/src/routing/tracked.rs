//! What routing needs to know of one conversation, by folding its facts; a small part of what its decider knows.

use super::Class;
use crate::conversation::{Assignee, ConversationEvent as E, Queue, ReplyOrigin, Started, Visibility};
use crate::fact::{Actor, Fact};
use crate::ids::{AgentId, ConversationId, EventId, RuleId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// A conversation as routing knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// Who may serve it.
    pub class: Class,
    /// Where it stands.
    pub queue: Queue,
    /// Who owns it.
    pub agent: Option<AgentId>,
    /// Who has it open.
    pub lock: Option<AgentId>,
    /// When a pending one is to come back, and the fact that says so.
    pub returns: Option<(Timestamp, EventId)>,
    /// The version of its stream.
    pub version: u64,
    /// Its last fact.
    pub last: EventId,
    /// Who can read it.
    pub visibility: Visibility,
    /// The version of the settings under which it began.
    pub settings_version: u64,
    /// When a person or a channel last did something, and the fact that says so.
    pub active: (Timestamp, EventId),
    /// The rules that applied since, because nothing happened.
    pub ruled: Vec<RuleId>,
    priority: i16,
    waiting_since: Option<Timestamp>,
    queued_at: Timestamp,
}

/// A place in the line: priority first, then the longest waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// How urgent it is.
    pub priority: Reverse<i16>,
    /// Since when the contact waits.
    pub since: Timestamp,
    /// The conversation.
    pub conversation: ConversationId,
}

impl Tracked {
    /// A conversation that begins with this fact.
    pub fn begun(started: &Started, fact: &Fact) -> Self {
        Self {
            class: Class { channel: started.channel, team: None },
            queue: Queue::New,
            agent: None,
            lock: None,
            returns: None,
            version: fact.version,
            last: fact.id,
            visibility: started.visibility,
            settings_version: fact.settings_version,
            active: (fact.occurred_at, fact.id),
            ruled: Vec::new(),
            priority: 0,
            waiting_since: None,
            queued_at: fact.occurred_at,
        }
    }

    /// Its place in the line, if it waits for an agent: in New, nobody's, and not open with anybody.
    pub fn place(&self, conversation: ConversationId) -> Option<Place> {
        let waits = self.queue == Queue::New && self.agent.is_none() && self.lock.is_none();
        let since = self.waiting_since.unwrap_or(self.queued_at);
        waits.then_some(Place { priority: Reverse(self.priority), since, conversation })
    }

    /// Takes its next fact into account.
    pub fn take(&mut self, event: &E, fact: &Fact) {
        self.version = fact.version;
        self.last = fact.id;
        self.stir(event, fact);
        match event {
            E::MessageReceived(_) => {
                let at = fact.occurred_at;
                self.waiting_since = Some(self.waiting_since.map_or(at, |since| since.min(at)));
            }
            // Whom a rule answered still waits for somebody.
            E::ReplySent(reply) if reply.origin == ReplyOrigin::Automation => {}
            E::ReplySent(_) => self.waiting_since = None,
            E::Assigned { to: Assignee::Agent(agent), .. } => self.agent = Some(*agent),
            E::Assigned { to: Assignee::Team(team), .. } => {
                self.agent = None;
                self.class.team = Some(*team);
            }
            E::Unassigned { .. } => {
                self.agent = None;
                self.class.team = None;
            }
            E::Pended { until } => {
                self.queue = Queue::Pending;
                self.returns = until.map(|until| (until, fact.id));
            }
            E::Resolved { .. } => self.enter(Queue::Resolved, fact),
            E::ReturnedToNew { .. } => self.enter(Queue::New, fact),
            E::PriorityChanged { priority, .. } => self.priority = *priority,
            E::Locked { agent } | E::LockTakenOver { to: agent, .. } => self.lock = Some(*agent),
            E::LockReleased { .. } => self.lock = None,
            E::Started(_)
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
            | E::ThreadBlocked
            | E::ThreadUnblocked
            | E::TopicAdded { .. }
            | E::TopicRemoved { .. }
            | E::SlaBreached(_)
            | E::RuleApplied { .. }
            | E::RuleHeldBack { .. } => {}
        }
    }

    /// Takes note of whether the fact is something that a person or a channel did, or of the rule that did it.
    fn stir(&mut self, event: &E, fact: &Fact) {
        let looked_at = matches!(
            event,
            E::Locked { .. }
                | E::LockReleased { .. }
                | E::LockTakenOver { .. }
                | E::DeliveryAccepted { .. }
                | E::DeliveryFailed { .. }
                | E::SlaBreached(_)
        );
        match fact.actor {
            Actor::Rule(rule) if matches!(event, E::RuleApplied { .. }) => self.ruled.push(rule),
            Actor::Agent(_) | Actor::Contact(_) | Actor::Connector(_) if !looked_at => {
                self.active = (self.active.0.max(fact.occurred_at), fact.id);
                self.ruled.clear();
            }
            Actor::Rule(_) | Actor::System | Actor::Agent(_) | Actor::Contact(_) | Actor::Connector(_) => {}
        }
    }

    fn enter(&mut self, queue: Queue, fact: &Fact) {
        self.queue = queue;
        self.returns = None;
        self.queued_at = fact.occurred_at;
        if queue == Queue::Resolved {
            self.waiting_since = None;
        }
    }
}
