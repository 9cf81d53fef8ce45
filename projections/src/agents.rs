//! Who is at work: availability, sessions, preferences, and how many conversations each agent has open. Names,
//! roles and teams are settings.

use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::reader::{QueryError, Reader};
use crate::rows::Rows;
use clew_domain::agent::{AgentEvent, Availability, Preferences};
use clew_domain::conversation::{Assignee, ConversationEvent as E, Queue};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{AgentId, ConversationId, SessionId};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The projection.
pub struct Agents;

/// Answers who is at work; cheap to clone.
pub type AgentReader = Reader<Agents>;

/// An agent at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Which agent.
    pub id: AgentId,
    /// Whether they take conversations.
    pub availability: Availability,
    /// Since when; none if it never changed.
    pub since: Option<Timestamp>,
    /// Their sessions and when each began.
    pub sessions: BTreeMap<SessionId, Timestamp>,
    /// What they prefer.
    pub preferences: Preferences,
    /// The version of their stream.
    pub version: u64,
}

/// How many conversations an agent owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// In New.
    pub new: u64,
    /// In Pending.
    pub pending: u64,
}

impl Load {
    /// Those that are not resolved.
    pub fn open(self) -> u64 {
        self.new + self.pending
    }
}

/// Whose a conversation is, and where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Owned {
    agent: Option<AgentId>,
    queue: Queue,
}

fn agent_key(agent: AgentId) -> Key {
    Key::of(b'A').id(agent.0)
}

fn owned_key(conversation: ConversationId) -> Key {
    Key::of(b'C').id(conversation.0)
}

fn load_key(agent: AgentId, queue: Queue) -> Key {
    let queue = match queue {
        Queue::New => 0,
        Queue::Pending => 1,
        Queue::Resolved => 2,
    };
    Key::of(b'L').id(agent.0).byte(queue)
}

impl Projection for Agents {
    const NAME: &'static str = "agents";
    const VERSION: u32 = 1;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        match &fact.event {
            Event::Agent(event) => of_agent(rows, AgentId(fact.stream.id), event, fact),
            Event::Conversation(event) => of_conversation(rows, ConversationId(fact.stream.id), event),
            Event::Contact(_) | Event::Workspace(_) | Event::Collection(_) | Event::Installation(_) => Ok(()),
        }
    }
}

fn unknown(id: AgentId) -> Agent {
    Agent {
        id,
        availability: Availability::default(),
        since: None,
        sessions: BTreeMap::new(),
        preferences: Preferences::default(),
        version: 0,
    }
}

fn of_agent(rows: &mut Rows, id: AgentId, event: &AgentEvent, fact: &Fact) -> Result<(), FoldError> {
    let key = agent_key(id);
    let mut agent = rows.take::<Agent>(&key)?.unwrap_or_else(|| unknown(id));
    agent.version = fact.version;
    match event {
        AgentEvent::SignedIn { session } => {
            agent.sessions.insert(*session, fact.occurred_at);
        }
        AgentEvent::SignedOut { session, .. } => {
            agent.sessions.remove(session);
        }
        AgentEvent::AvailabilityChanged { availability, .. } => {
            agent.availability = *availability;
            agent.since = Some(fact.occurred_at);
        }
        AgentEvent::PreferencesChanged { preferences } => agent.preferences = preferences.clone(),
        AgentEvent::NotificationsRead { .. }
        | AgentEvent::ConversationClaimed { .. }
        | AgentEvent::ConversationFreed { .. }
        | AgentEvent::ConnectionLost
        | AgentEvent::ConnectionRestored
        | AgentEvent::BulkBegun { .. }
        | AgentEvent::BulkEnded { .. } => {}
    }
    rows.put(&key, agent);
    Ok(())
}

fn of_conversation(rows: &mut Rows, id: ConversationId, event: &E) -> Result<(), FoldError> {
    match event {
        E::Assigned { to: Assignee::Agent(agent), .. } => change(rows, id, |it| it.agent = Some(*agent)),
        E::Assigned { to: Assignee::Team(_), .. } | E::Unassigned { .. } => change(rows, id, |it| it.agent = None),
        E::Pended { .. } => change(rows, id, |it| it.queue = Queue::Pending),
        E::Resolved { .. } => change(rows, id, |it| it.queue = Queue::Resolved),
        E::ReturnedToNew { .. } => change(rows, id, |it| it.queue = Queue::New),
        E::Started(_)
        | E::MessageReceived(_)
        | E::MessageRefused { .. }
        | E::MessageRedacted { .. }
        | E::ReplySent(_)
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
        | E::PriorityChanged { .. }
        | E::SlaBreached(_)
        | E::Locked { .. }
        | E::LockReleased { .. }
        | E::LockTakenOver { .. }
        | E::RuleApplied { .. }
        | E::RuleHeldBack { .. } => Ok(()),
    }
}

fn change(rows: &mut Rows, id: ConversationId, change: impl FnOnce(&mut Owned)) -> Result<(), FoldError> {
    let key = owned_key(id);
    let before = rows.take::<Owned>(&key)?.unwrap_or_default();
    let mut now = before;
    change(&mut now);
    if now != before {
        if let Some(agent) = before.agent {
            rows.add(&load_key(agent, before.queue), -1)?;
        }
        if let Some(agent) = now.agent {
            rows.add(&load_key(agent, now.queue), 1)?;
        }
    }
    // What nobody owns and is New is as if it had never been touched.
    if now == Owned::default() {
        rows.delete(&key);
    } else {
        rows.put(&key, now);
    }
    Ok(())
}

impl AgentReader {
    /// The agent; one who never signed in is away.
    pub fn agent(&self, agent: AgentId) -> Result<Agent, QueryError> {
        self.read(|view| Ok(view.get(agent_key(agent))?.unwrap_or_else(|| unknown(agent))))
    }

    /// How many conversations the agent owns.
    pub fn load(&self, agent: AgentId) -> Result<Load, QueryError> {
        self.read(|view| {
            let of = |queue| view.count(load_key(agent, queue));
            Ok(Load { new: of(Queue::New)?, pending: of(Queue::Pending)? })
        })
    }
}
