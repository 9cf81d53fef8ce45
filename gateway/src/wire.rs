//! The small shapes that many resources share in requests and answers: a reference by id and name, a list, a name.
//! What conversations show is `view.rs`'s.

use crate::view::AgentRef;
use clew_domain::ids::AgentId;
use clew_domain::workspace::WorkspaceState;
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

ref_ids!(TeamId, TopicId, GroupId, AwayStatusId);

/// The agent by name; an account that was closed keeps its name.
pub fn agent_ref(workspace: &WorkspaceState, agent: AgentId) -> AgentRef {
    let name = workspace.accounts.get(&agent).map(|account| account.name.clone()).unwrap_or_default();
    AgentRef { id: agent, name }
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
    /// Part of the name, whatever its case.
    pub name: Option<String>,
}

impl ByName {
    /// Whether something of this name is asked for.
    pub fn takes(&self, name: &str) -> bool {
        let wanted = self.name.as_deref().unwrap_or_default().trim().to_lowercase();
        name.to_lowercase().contains(&wanted)
    }
}
