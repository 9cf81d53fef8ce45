//! The teams of the workspace, as agents see them: `/v1/teams`.

use crate::auth::Caller;
use crate::extract::{Json, Query};
use crate::wire::{AgentRef, ByName, Items};
use clew_domain::ids::TeamId;
use clew_domain::workspace::TeamSettings;
use serde::Serialize;
use utoipa::ToSchema;

/// A team.
#[derive(Serialize, ToSchema)]
pub struct Team {
    /// Its id.
    id: TeamId,
    /// Its name.
    name: String,
    /// Who is in it.
    members: Vec<AgentRef>,
    /// What it serves, sees and may do.
    settings: TeamSettings,
}

/// Teams, by name
#[utoipa::path(get, path = "/v1/teams", tag = "workspace", responses((status = 200, body = Items<Team>)))]
pub async fn list(caller: Caller, Query(wanted): Query<ByName>) -> Json<Items<Team>> {
    let workspace = &caller.workspace;
    let open = workspace.teams.iter().filter(|(_, team)| !team.closed && wanted.takes(&team.name));
    let mut items: Vec<Team> = open
        .map(|(id, team)| Team {
            id: *id,
            name: team.name.clone(),
            members: team.members.iter().map(|agent| AgentRef::of(workspace, *agent)).collect(),
            settings: team.settings.clone(),
        })
        .collect();
    items.sort_by_key(|team| (team.name.to_lowercase(), team.id));
    Json(Items { items })
}
