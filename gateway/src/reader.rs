//! Fills what `view.rs` shapes: names from the workspace, texts from the vault. One reader answers one request; what
//! it opened is forgotten with it.

use crate::error::{Problem, kinds};
use crate::state::AppState;
use crate::view::{ContactRef, LastMessage, Owner, Row, SlaView};
use crate::wire::{ActorRef, AgentRef, ChannelRef, Ref};
use clew_domain::content::{ContentId, ContentRef};
use clew_domain::fact::Actor;
use clew_domain::ids::{AgentId, ChannelId, ContactId, ConversationId, GroupId, TeamId, TopicId};
use clew_domain::plaintext::{self, ContactIdentity};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::sealed::SealedContent;
use clew_projections::queues;
use clew_projections::sla::SlaReader;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;

/// Characters of a preview at most.
const PREVIEW_CHARS_MAX: usize = 140;

/// Looks up names and opens texts for one answer.
pub struct Reader<'a> {
    app: &'a AppState,
    workspace: Arc<WorkspaceState>,
    contacts: HashMap<ContactId, ContactRef>,
    /// Contents that the store was asked for ahead, as it has them.
    fetched: HashMap<ContentId, Option<SealedContent>>,
    sla: SlaReader,
    now: Timestamp,
}

impl<'a> Reader<'a> {
    /// Names as this workspace has them.
    pub fn new(app: &'a AppState, workspace: Arc<WorkspaceState>) -> Self {
        let (contacts, fetched) = (HashMap::new(), HashMap::new());
        Self { app, workspace, contacts, fetched, sla: app.projections.sla(), now: app.clock.now() }
    }

    /// Clocks as this view has them at this instant.
    #[must_use]
    pub fn with_clocks(self, sla: SlaReader, now: Timestamp) -> Self {
        Self { sla, now, ..self }
    }

    /// Asks the store for what is opened next, all at once: each on its own would take a change of threads.
    pub async fn fetch(&mut self, contents: impl IntoIterator<Item = ContentRef>) -> Result<(), Problem> {
        let mut ids: Vec<_> = contents.into_iter().map(|it| it.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let read = self.app.store.read_contents(ids.clone()).await?;
        self.fetched = ids.into_iter().zip(read).collect();
        Ok(())
    }

    /// [`fetch`](Self::fetch) of what these rows show.
    pub async fn fetch_rows(&mut self, rows: &[queues::Row]) -> Result<(), Problem> {
        let mut contents = Vec::with_capacity(2 * rows.len());
        for row in rows {
            contents.extend(row.last_message.iter().filter(|it| !it.masked).map(|it| it.content));
            contents.extend(self.identity(row.contact)?);
        }
        self.fetch(contents).await
    }

    /// Where the name of a contact is, if it is not known yet and not forgotten.
    pub fn identity(&self, contact: ContactId) -> Result<Option<ContentRef>, Problem> {
        if self.contacts.contains_key(&contact) {
            return Ok(None);
        }
        let row = self.app.projections.contacts().contact(contact)?;
        Ok(row.filter(|row| row.forgotten.is_none()).map(|row| row.identity))
    }

    /// The value of a content; none if it was erased.
    pub async fn open<T: DeserializeOwned>(&self, content: ContentRef) -> Result<Option<T>, Problem> {
        match self.fetched.get(&content.id) {
            Some(sealed) => self.app.open_sealed(content, sealed.as_ref()),
            None => self.app.open(content).await,
        }
    }

    /// The agent, named.
    pub fn agent(&self, id: AgentId) -> AgentRef {
        AgentRef::of(&self.workspace, id)
    }

    /// The team; under its last name if it is closed.
    pub fn team(&self, id: TeamId) -> Ref {
        Ref::new(id, self.workspace.teams.get(&id).map_or("", |team| &team.name))
    }

    /// The topic; under its last name if it is retired.
    pub fn topic(&self, id: TopicId) -> Ref {
        Ref::new(id, self.workspace.topics.get(id).map_or("", |topic| &topic.name))
    }

    /// The group; under its last name if it is retired.
    pub fn group(&self, id: GroupId) -> Ref {
        Ref::new(id, self.workspace.groups.get(id).map_or("", |group| &group.name))
    }

    /// The channel, connected or not. A channel is never unlearned, so what a conversation names is there.
    pub fn channel(&self, id: ChannelId) -> Result<ChannelRef, Problem> {
        ChannelRef::of(&self.workspace, id).ok_or_else(|| Problem::new(&kinds::PROJECTION_BEHIND))
    }

    /// The contact; opened once for each answer.
    pub async fn contact(&mut self, id: ContactId) -> Result<ContactRef, Problem> {
        if let Some(known) = self.contacts.get(&id) {
            return Ok(known.clone());
        }
        let row = self.app.projections.contacts().contact(id)?;
        let identity = match &row {
            Some(row) if row.forgotten.is_none() => self.open::<ContactIdentity>(row.identity).await?,
            Some(_) | None => None,
        };
        let contact = ContactRef {
            id,
            name: identity.as_ref().and_then(|identity| identity.name.clone()),
            handle: identity.map(|identity| identity.handle),
            forgotten: row.as_ref().is_some_and(|row| row.forgotten.is_some()),
            blocked: row.is_some_and(|row| row.blocked),
        };
        self.contacts.insert(id, contact.clone());
        Ok(contact)
    }

    /// Who did something.
    pub async fn actor(&mut self, actor: Actor) -> Result<ActorRef, Problem> {
        let contact = match actor {
            Actor::Contact(contact) => {
                let known = self.contact(contact).await?;
                known.name.or(known.handle)
            }
            Actor::Agent(_) | Actor::Rule(_) | Actor::System | Actor::Connector(_) => None,
        };
        Ok(ActorRef::of(&self.workspace, actor, contact))
    }

    /// A conversation as a row of a list.
    pub async fn row(&mut self, row: &queues::Row) -> Result<Row, Problem> {
        let last_message = match &row.last_message {
            Some(message) => Some(self.last_message(message).await?),
            None => None,
        };
        Ok(Row {
            id: row.id,
            queue: row.queue,
            contact: self.contact(row.contact).await?,
            channel: self.channel(row.channel)?,
            topics: row.topics.iter().map(|topic| self.topic(*topic)).collect(),
            assignee: self.owner(row),
            lock: row.lock.map(|agent| self.agent(agent)),
            priority: row.priority,
            waiting_since: row.waiting_since,
            updated_at: row.updated_at,
            last_message,
            unanswered: row.unanswered,
            sla: self.sla(row.id)?,
            version: row.version,
        })
    }

    /// Who owns a conversation.
    pub fn owner(&self, row: &queues::Row) -> Owner {
        Owner { agent: row.agent.map(|agent| self.agent(agent)), team: row.team.map(|team| self.team(team)) }
    }

    /// The running clock that is due first.
    fn sla(&self, conversation: ConversationId) -> Result<Option<SlaView>, Problem> {
        let running = self.sla.of(conversation, self.now)?;
        let first = running.into_iter().min_by_key(|clock| (clock.due_at.is_none(), clock.due_at));
        Ok(first.map(|clock| SlaView {
            metric: clock.metric,
            warn_at: clock.warned_at,
            due_at: clock.due_at,
            state: clock.colour,
        }))
    }

    async fn last_message(&self, message: &queues::LastMessage) -> Result<LastMessage, Problem> {
        let said: Option<plaintext::Message> = if message.masked { None } else { self.open(message.content).await? };
        Ok(LastMessage {
            id: message.id,
            direction: message.direction,
            kind: message.kind,
            masked: said.is_none(),
            preview: said.map(|said| preview(&said.text)),
            at: message.at,
        })
    }
}

/// The beginning of a text, on one line.
fn preview(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(PREVIEW_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &one_line[..end]),
        None => one_line,
    }
}
