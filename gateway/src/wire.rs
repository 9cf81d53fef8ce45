//! The shapes that several resources share in requests and answers: references by id and name.

use clew_domain::conversation::Visibility;
use clew_domain::fact::Actor;
use clew_domain::fold;
use clew_domain::ids::{AgentId, ChannelId};
use clew_domain::workspace::{ChannelKind, WorkspaceState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that has a name: a team, a topic, a group, an away state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ref {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

impl Ref {
    /// The thing with this id and name.
    pub fn new(id: impl Into<RefId>, name: &str) -> Self {
        Self { id: id.into().0, name: name.to_owned() }
    }
}

/// An id of any kind.
pub struct RefId(Uuid);

macro_rules! ref_ids {
    ($($id:ident),*) => {$(
        impl From<clew_domain::ids::$id> for RefId {
            fn from(id: clew_domain::ids::$id) -> Self {
                Self(id.0)
            }
        }
    )*};
}

ref_ids!(TeamId, TopicId, GroupId, AwayStatusId, ChannelId, RuleId, CollectionId);

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentRef {
    /// Their id.
    pub id: AgentId,
    /// How they are shown.
    pub name: String,
}

impl AgentRef {
    /// The agent as the workspace knows them; an account that was closed keeps its name.
    pub fn of(workspace: &WorkspaceState, agent: AgentId) -> Self {
        let name = workspace.accounts.get(&agent).map(|account| account.name.clone()).unwrap_or_default();
        Self { id: agent, name }
    }
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChannelRef {
    /// Its id.
    pub id: ChannelId,
    /// Its name.
    pub name: String,
    /// What kind of account it is.
    pub kind: ChannelKind,
    /// Whether what is written there can be read by anyone.
    pub visibility: Visibility,
}

impl ChannelRef {
    /// The channel as the workspace knows it, connected or not.
    pub fn of(workspace: &WorkspaceState, channel: ChannelId) -> Option<Self> {
        let profile = &workspace.channels.get(&channel)?.profile;
        Some(Self { id: channel, name: profile.name.clone(), kind: profile.kind, visibility: profile.visibility })
    }
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActorRef {
    /// What they are.
    pub kind: ActorKind,
    /// Their id; none for Clew itself.
    pub id: Option<Uuid>,
    /// How they are shown; none for Clew itself, for rules that are no more, and for contacts where names are not opened.
    pub name: Option<String>,
}

/// What somebody who does something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// An agent.
    Agent,
    /// A contact.
    Contact,
    /// A rule.
    Rule,
    /// Clew itself, or its operator.
    System,
    /// A program that carries messages.
    Connector,
}

impl ActorRef {
    /// The actor; `contact_name` is asked for where it is a contact.
    pub fn of(workspace: &WorkspaceState, actor: Actor, contact_name: Option<String>) -> Self {
        let (kind, id, name) = match actor {
            Actor::Agent(agent) => (ActorKind::Agent, Some(agent.0), Some(AgentRef::of(workspace, agent).name)),
            Actor::Contact(contact) => (ActorKind::Contact, Some(contact.0), contact_name),
            Actor::Rule(rule) => {
                let name = workspace.automation.rule(rule).map(|rule| rule.name.clone());
                (ActorKind::Rule, Some(rule.0), name)
            }
            Actor::System => (ActorKind::System, None, None),
            Actor::Connector(channel) => {
                let name = ChannelRef::of(workspace, channel).map(|channel| channel.name);
                (ActorKind::Connector, Some(channel.0), name)
            }
        };
        Self { kind, id, name }
    }
}

/// A list that is answered whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct Items<T> {
    /// What is in it.
    pub items: Vec<T>,
}

/// Something was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Created {
    /// Its id.
    pub id: Uuid,
    /// What to wait for before reading it.
    pub position: Option<String>,
}

/// A new name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Naming {
    /// The name: 1 to 100 characters.
    pub name: String,
}

/// Filters a list by name.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ByName {
    /// Part of the name, whatever its case and accents.
    pub name: Option<String>,
}

impl ByName {
    /// Whether something of this name is asked for.
    pub fn takes(&self, name: &str) -> bool {
        let wanted = fold::plain(self.name.as_deref().unwrap_or_default().trim());
        fold::plain(name).contains(&wanted)
    }
}
