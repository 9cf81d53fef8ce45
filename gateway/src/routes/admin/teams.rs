//! Teams, who is in them, what they serve and may do: `/v1/admin/teams`.

use super::{Admin, AdminCommand, Changed, Made, change, make};
use crate::extract::{Json, Path, Receipt};
use crate::state::AppState;
use crate::wire::{AgentRef, Created, Items, Naming};
use axum::extract::State;
use clew_domain::ids::{AgentId, TeamId};
use clew_domain::workspace::{Command, TeamSettings};
use serde::Serialize;
use utoipa::ToSchema;

/// A team, closed or not.
#[derive(Serialize, ToSchema)]
pub struct TeamSetup {
    id: TeamId,
    name: String,
    members: Vec<AgentRef>,
    settings: TeamSettings,
    /// Whether it is no more.
    closed: bool,
}

/// Teams, closed ones too
#[utoipa::path(get, path = "/v1/admin/teams", tag = "admin", responses((status = 200, body = Items<TeamSetup>)))]
pub async fn list(Admin(caller): Admin) -> Json<Items<TeamSetup>> {
    let workspace = &caller.workspace;
    let teams = workspace.teams.iter().map(|(id, team)| TeamSetup {
        id: *id,
        name: team.name.clone(),
        members: team.members.iter().map(|agent| AgentRef::of(workspace, *agent)).collect(),
        settings: team.settings.clone(),
        closed: team.closed,
    });
    Json(Items { items: teams.collect() })
}

/// Make a team
#[utoipa::path(post, path = "/v1/admin/teams", tag = "admin", responses((status = 201, body = Created)))]
pub async fn create(State(app): State<AppState>, command: AdminCommand, Json(wanted): Json<Naming>) -> Made {
    make(&app, command, |id| Command::CreateTeam { team: TeamId(id), name: wanted.name }).await
}

/// Rename a team
#[utoipa::path(put, path = "/v1/admin/teams/{team}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn rename(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(team): Path<TeamId>,
    Json(wanted): Json<Naming>,
) -> Changed {
    change(&app, command, Command::RenameTeam { team, name: wanted.name }).await
}

/// Close a team
#[utoipa::path(delete, path = "/v1/admin/teams/{team}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn close(State(app): State<AppState>, command: AdminCommand, Path(team): Path<TeamId>) -> Changed {
    change(&app, command, Command::CloseTeam { team }).await
}

/// Say what a team serves, sees and may do
#[utoipa::path(
    put, path = "/v1/admin/teams/{team}/settings", tag = "admin", request_body = TeamSettings,
    responses((status = 200, body = Receipt))
)]
pub async fn change_settings(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(team): Path<TeamId>,
    Json(settings): Json<TeamSettings>,
) -> Changed {
    change(&app, command, Command::ChangeTeamSettings { team, settings }).await
}

/// Put an agent into a team
#[utoipa::path(
    put, path = "/v1/admin/teams/{team}/members/{agent}", tag = "admin",
    responses((status = 200, body = Receipt))
)]
pub async fn add_member(
    State(app): State<AppState>,
    command: AdminCommand,
    Path((team, agent)): Path<(TeamId, AgentId)>,
) -> Changed {
    change(&app, command, Command::AddTeamMember { team, agent }).await
}

/// Take an agent out of a team
#[utoipa::path(
    delete, path = "/v1/admin/teams/{team}/members/{agent}", tag = "admin",
    responses((status = 200, body = Receipt))
)]
pub async fn remove_member(
    State(app): State<AppState>,
    command: AdminCommand,
    Path((team, agent)): Path<(TeamId, AgentId)>,
) -> Changed {
    change(&app, command, Command::RemoveTeamMember { team, agent }).await
}
