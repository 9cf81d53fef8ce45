//! Fills what `view.rs` shapes: names from the workspace, texts from the vault. One reader answers one request; what
//! it opened is forgotten with it.

use crate::error::{Problem, kinds};
use crate::state::AppState;
use crate::view::ContactRef;
use crate::wire::{ActorRef, AgentRef, ChannelRef, Ref};
use clew_domain::content::ContentRef;
use clew_domain::fact::Actor;
use clew_domain::ids::{AgentId, ChannelId, ContactId, GroupId, TeamId, TopicId};
use clew_domain::plaintext::ContactIdentity;
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::vault::OpenError;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;

/// Looks up names and opens texts for one answer.
pub struct Reader<'a> {
    app: &'a AppState,
    workspace: Arc<WorkspaceState>,
    contacts: HashMap<ContactId, ContactRef>,
}

impl<'a> Reader<'a> {
    /// Names as this workspace has them.
    pub fn new(app: &'a AppState, workspace: Arc<WorkspaceState>) -> Self {
        Self { app, workspace, contacts: HashMap::new() }
    }

    /// The value of a content; none if it was erased.
    pub async fn open<T: DeserializeOwned>(&self, content: ContentRef) -> Result<Option<T>, Problem> {
        let Some(sealed) = self.app.store.read_content(content.id).await? else { return Ok(None) };
        match self.app.vault.open_value(&sealed, &content.commitment) {
            Ok(value) => Ok(Some(value)),
            Err(OpenError::Erased(_)) => Ok(None),
            Err(error) => Err(error.into()),
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
        let identity = match row.as_ref().and_then(|row| row.identity) {
            Some(content) => self.open::<ContactIdentity>(content).await?,
            None => None,
        };
        let contact = ContactRef {
            id,
            name: identity.as_ref().and_then(|identity| identity.name.clone()),
            handle: identity.map(|identity| identity.handle),
            forgotten: row.as_ref().is_some_and(|row| row.forgotten),
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
}
