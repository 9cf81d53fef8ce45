//! The fact: an event with the record of when, by whom and why it came to be.
//! How a fact becomes bytes is the store's to say.

use crate::agent::AgentEvent;
use crate::contact::ContactEvent;
use crate::conversation::ConversationEvent;
use crate::decider::Decider;
use crate::derive;
use crate::ids::{AgentId, ChannelId, CommandId, ContactId, CorrelationId, EventId, RuleId, StreamId, StreamKind};
use crate::installation::InstallationEvent;
use crate::saved_reply::CollectionEvent;
use crate::tagged::tagged;
use crate::time::Timestamp;
use crate::workspace::WorkspaceEvent;
use serde::{Deserialize, Serialize};

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Actor {
    /// An agent, in the UI or by a token of theirs.
    Agent(AgentId),
    /// A contact, by writing.
    Contact(ContactId),
    /// A rule of the workspace.
    Rule(RuleId),
    /// Clew itself, or its operator at the command line.
    System,
    /// What carries messages between a channel and us.
    Connector(ChannelId),
}

tagged!(Actor: kind, id { System } { Agent(AgentId), Contact(ContactId), Rule(RuleId), Connector(ChannelId) });

/// What every command brings along: who gives it, when, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandMeta {
    /// The command's own id.
    pub id: CommandId,
    /// Who gives it.
    pub actor: Actor,
    /// When what it tells of happened: now for an agent's act, the channel's time for a message.
    pub at: Timestamp,
    /// The fact that led to it, if one did.
    pub causation: Option<EventId>,
    /// What it belongs to; a command that starts something new carries its own id here.
    pub correlation: CorrelationId,
    /// The version of the workspace stream under which it is decided.
    pub settings_version: u64,
}

impl CommandMeta {
    /// A command that nothing led to.
    pub fn first(id: CommandId, actor: Actor, at: Timestamp, settings_version: u64) -> Self {
        let correlation = CorrelationId(id.0);
        Self { id, actor, at, causation: None, correlation, settings_version }
    }
}

/// An event of any aggregate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Of a conversation.
    Conversation(ConversationEvent),
    /// Of a contact.
    Contact(ContactEvent),
    /// Of an agent.
    Agent(AgentEvent),
    /// Of the workspace.
    Workspace(WorkspaceEvent),
    /// Of a saved-reply collection.
    Collection(CollectionEvent),
    /// Of the installation.
    Installation(InstallationEvent),
}

impl Event {
    /// The kind of stream that may hold it.
    pub fn stream_kind(&self) -> StreamKind {
        match self {
            Self::Conversation(_) => StreamKind::Conversation,
            Self::Contact(_) => StreamKind::Contact,
            Self::Agent(_) => StreamKind::Agent,
            Self::Workspace(_) => StreamKind::Workspace,
            Self::Collection(_) => StreamKind::Collection,
            Self::Installation(_) => StreamKind::Installation,
        }
    }
}

/// An event that was decided and is not yet in the log: the store gives it its place and recorded time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewFact {
    /// Its id.
    pub id: EventId,
    /// When it happened, by the channel's clock for what a contact did.
    pub occurred_at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The command that it followed from.
    pub command: CommandId,
    /// The fact that led to that command, if one did.
    pub causation: Option<EventId>,
    /// What it belongs to.
    pub correlation: CorrelationId,
    /// The version of the workspace stream under which it was decided.
    pub settings_version: u64,
    /// What happened.
    pub event: Event,
}

/// A fact's place in the log: strictly increasing within a partition, not promised dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Which partition; the embedded store has only 0.
    pub partition: u16,
    /// Which place in it, counted from 1.
    pub sequence: u64,
}

/// An event that is in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Its place in the log.
    pub position: Position,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in the stream, counted from 1 without a gap.
    pub version: u64,
    /// When it was written, by the writer's clock, which never goes back within a partition.
    pub recorded_at: Timestamp,
    /// What was decided.
    #[serde(flatten)]
    pub body: NewFact,
}

impl std::ops::Deref for Fact {
    type Target = NewFact;
    fn deref(&self) -> &NewFact {
        &self.body
    }
}

/// A decider whose events are facts of one kind of stream.
pub trait Aggregate: Decider {
    /// The kind of stream that holds its events.
    const STREAM: StreamKind;

    /// Its event as an event of the log.
    fn wrap(event: Self::Event) -> Event;

    /// An event of the log as its own; none for one of another aggregate.
    fn unwrap(event: &Event) -> Option<&Self::Event>;
}

macro_rules! aggregates {
    ($($aggregate:path => $kind:ident;)*) => {$(
        impl Aggregate for $aggregate {
            const STREAM: StreamKind = StreamKind::$kind;

            fn wrap(event: Self::Event) -> Event {
                Event::$kind(event)
            }

            fn unwrap(event: &Event) -> Option<&Self::Event> {
                if let Event::$kind(event) = event { Some(event) } else { None }
            }
        }
    )*};
}

aggregates! {
    crate::conversation::Conversation => Conversation;
    crate::contact::Contact => Contact;
    crate::agent::Agent => Agent;
    crate::workspace::Workspace => Workspace;
    crate::saved_reply::Collection => Collection;
    crate::installation::Installation => Installation;
}

/// The facts that a command leads to, from what was decided.
pub fn facts_of<A: Aggregate>(meta: &CommandMeta, events: Vec<A::Event>) -> Vec<NewFact> {
    let fact = |(index, event)| NewFact {
        id: derive::event(meta.id, index),
        occurred_at: meta.at,
        actor: meta.actor,
        command: meta.id,
        causation: meta.causation,
        correlation: meta.correlation,
        settings_version: meta.settings_version,
        event: A::wrap(event),
    };
    (0..).zip(events).map(fact).collect()
}
