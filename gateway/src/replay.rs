//! A conversation replayed from the log alone: each of its facts, and how the conversation stood after it. What was
//! masked since is masked in every step, for it is gone.

use crate::error::{Problem, kinds};
use crate::reader::Reader;
use crate::state::AppState;
use crate::wire::{ActorRef, AgentRef, Ref};
use clew_domain::content::ContentRef;
use clew_domain::conversation::{Conversation, ConversationEvent as E, Queue, Started, State};
use clew_domain::decider::Decider;
use clew_domain::fact::{Aggregate, Fact};
use clew_domain::ids::{CommandId, ConversationId, CorrelationId, EventId, MessageId, NoteId, StreamId};
use clew_domain::plaintext;
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::cursor::Cursor;
use clew_projections::action::Action;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;

/// A conversation, step by step.
#[derive(Serialize, ToSchema)]
pub struct Replay {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Up to which instant; none for all there is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// What was recorded of it, in order.
    pub steps: Vec<Step>,
}

/// One fact of a conversation and what it led to.
#[derive(Serialize, ToSchema)]
pub struct Step {
    /// Where the fact stands in the log; its receipt is had by it.
    pub position: String,
    /// The version of the conversation that it made, counted from 1.
    pub version: u64,
    /// The fact's id.
    pub event_id: EventId,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Timestamp,
    /// Who did it.
    pub actor: ActorRef,
    /// What was done, as the audit trail calls it.
    pub action: String,
    /// The fact that led to it.
    pub cause: Option<EventId>,
    /// What it belongs to.
    pub correlation: CorrelationId,
    /// The command that it followed from.
    pub command: CommandId,
    /// The version of the settings under which it was decided.
    pub settings_version: u64,
    /// The event as it was recorded.
    #[schema(value_type = Object)]
    pub event: Value,
    /// What was written with it, if something was.
    pub said: Option<Said>,
    /// What it changed of the state.
    pub changes: Vec<StateChange>,
    /// How the conversation stood after it.
    pub state: Standing,
}

/// What was written.
#[derive(Serialize, ToSchema)]
pub struct Said {
    /// The text; none if it is gone.
    pub text: Option<String>,
    /// Whether it was masked since.
    pub masked: bool,
    /// Files that came with it.
    pub attachments: usize,
}

/// A part of the state that a step changed.
#[derive(Serialize, ToSchema)]
pub struct StateChange {
    /// Which part.
    pub field: String,
    /// What it was.
    #[schema(value_type = Object)]
    pub before: Value,
    /// What it became.
    #[schema(value_type = Object)]
    pub after: Value,
}

/// How a conversation stands. Names are those of now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Standing {
    /// In which queue.
    pub queue: Queue,
    /// When a pending one comes back by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pended_until: Option<Timestamp>,
    /// Who owns it.
    pub agent: Option<AgentRef>,
    /// The team that has it.
    pub team: Option<Ref>,
    /// Who has it open.
    pub lock: Option<AgentRef>,
    /// What it is about.
    pub topics: Vec<Ref>,
    /// How urgent it is.
    pub priority: i16,
    /// Whether further messages of the thread are refused.
    pub blocked: bool,
    /// Messages, in and out.
    pub messages: usize,
    /// Messages that are masked.
    pub masked: usize,
    /// Notes that are there.
    pub notes: usize,
    /// Service levels that were missed.
    pub breaches: usize,
}

/// The facts of a conversation, with what is known of it now.
pub struct Recorded {
    conversation: ConversationId,
    facts: Vec<Fact>,
    now: State,
}

impl Recorded {
    /// Reads a conversation from the log; a problem if there is none.
    pub async fn read(app: &AppState, conversation: ConversationId) -> Result<Self, Problem> {
        let facts = app.store.read_stream(StreamId::from(conversation), 0).await?;
        let now = Conversation::fold(facts.iter().filter_map(|fact| Conversation::unwrap(&fact.event)));
        Ok(Self { conversation, facts, now })
    }

    /// How it began, and who has it now; a problem if it is not there.
    pub fn started(&self) -> Result<(Started, &State), Problem> {
        let started = self.now.started.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
        Ok((started, &self.now))
    }

    /// Replays what was recorded up to `at`; a problem if it had not begun by then.
    pub async fn replay(
        &self,
        app: &AppState,
        workspace: &Arc<WorkspaceState>,
        at: Option<Timestamp>,
    ) -> Result<Replay, Problem> {
        let mut reader = Reader::new(app, Arc::clone(workspace));
        let mut state = State::default();
        let mut before = Map::new();
        let mut steps = Vec::new();
        for fact in self.facts.iter().take_while(|fact| at.is_none_or(|at| fact.recorded_at <= at)) {
            let Some(event) = Conversation::unwrap(&fact.event) else { continue };
            Conversation::evolve(&mut state, event);
            let standing = Standing::of(&state, &reader);
            let after = fields(&standing);
            steps.push(Step {
                position: Cursor::at(fact.position).to_string(),
                version: fact.version,
                event_id: fact.id,
                at: fact.occurred_at,
                recorded_at: fact.recorded_at,
                actor: reader.actor(fact.actor).await?,
                action: Action::of(&fact.event).slug().to_owned(),
                cause: fact.causation,
                correlation: fact.correlation,
                command: fact.command,
                settings_version: fact.settings_version,
                event: serde_json::to_value(event).expect("an event is plain data"),
                said: self.said(&reader, event).await?,
                changes: differing(&before, &after),
                state: standing,
            });
            before = after;
        }
        if steps.is_empty() {
            let why = "the conversation had not begun at that instant";
            return Err(Problem::new(&kinds::NOT_FOUND).detail(why));
        }
        Ok(Replay { conversation: self.conversation, at, steps })
    }

    /// What was written with the event, as far as it is still there.
    async fn said(&self, reader: &Reader<'_>, event: &E) -> Result<Option<Said>, Problem> {
        let (content, masked, attachments) = match event {
            E::MessageReceived(it) => (it.content, self.is_masked(it.message), it.attachments.len()),
            E::ReplySent(it) => (it.content, self.is_masked(it.reply), it.attachments.len()),
            E::NoteAdded { note, content, .. } | E::NoteEdited { note, content, .. } => {
                return self.noted(reader, *note, *content).await.map(Some);
            }
            _ => return Ok(None),
        };
        let text = if masked { None } else { reader.open::<plaintext::Message>(content).await? };
        Ok(Some(Said { masked: masked || text.is_none(), text: text.map(|said| said.text), attachments }))
    }

    /// A note that was rewritten or deleted since is gone without having been masked.
    async fn noted(&self, reader: &Reader<'_>, note: NoteId, content: ContentRef) -> Result<Said, Problem> {
        let known = self.now.notes.get(&note).filter(|known| known.content == content);
        let text = match known {
            Some(known) if !known.masked => reader.open::<plaintext::Note>(content).await?,
            Some(_) | None => None,
        };
        let masked = known.is_some_and(|known| known.masked || text.is_none());
        Ok(Said { masked, text: text.map(|said| said.text), attachments: 0 })
    }

    fn is_masked(&self, message: MessageId) -> bool {
        self.now.messages.get(&message).is_some_and(|known| known.masked)
    }
}

impl Standing {
    fn of(state: &State, reader: &Reader<'_>) -> Self {
        Self {
            queue: state.queue,
            pended_until: state.pended_until,
            agent: state.agent.map(|agent| reader.agent(agent)),
            team: state.team.map(|team| reader.team(team)),
            lock: state.lock.map(|agent| reader.agent(agent)),
            topics: state.topics.iter().map(|topic| reader.topic(*topic)).collect(),
            priority: state.priority,
            blocked: state.blocked,
            messages: state.messages.len(),
            masked: state.messages.values().filter(|message| message.masked).count(),
            notes: state.notes.len(),
            breaches: state.breaches.len(),
        }
    }
}

fn fields(standing: &Standing) -> Map<String, Value> {
    match serde_json::to_value(standing).expect("a standing is plain data") {
        Value::Object(fields) => fields,
        other => Map::from_iter([("state".to_owned(), other)]),
    }
}

/// What is not as it was; nothing for the first step, which begins all of it.
fn differing(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<StateChange> {
    let change = |(field, after): (&String, &Value)| {
        let before = before.get(field)?;
        let changed = || StateChange { field: field.clone(), before: before.clone(), after: after.clone() };
        (before != after).then(changed)
    };
    after.iter().filter_map(change).collect()
}

impl Step {
    /// The step for people, on a few lines.
    pub fn lines(&self) -> String {
        let actor = self.actor.name.clone().unwrap_or_else(|| format!("{:?}", self.actor.kind).to_lowercase());
        let mut lines = vec![format!("{:>4}  {}  {actor}  {}", self.version, self.recorded_at, self.action)];
        if let Some(said) = &self.said {
            let gone = if said.masked { "[masked]" } else { "[rewritten or deleted since]" };
            let text = said.text.as_deref().unwrap_or(gone);
            lines.extend(text.lines().map(|line| format!("      | {line}")));
        }
        let change = |change: &StateChange| {
            format!("      {}: {} -> {}", change.field, plain(&change.before), plain(&change.after))
        };
        lines.extend(self.changes.iter().map(change));
        lines.join("\n")
    }
}

impl Standing {
    /// The state for people, on a few lines.
    pub fn lines(&self) -> String {
        let shown = |(field, value): (&String, &Value)| format!("      {field}: {}", plain(value));
        fields(self).iter().map(shown).collect::<Vec<_>>().join("\n")
    }
}

/// A value for people: names instead of what they are the names of.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields.get("name").map_or_else(|| value.to_string(), plain),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
