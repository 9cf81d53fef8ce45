//! The agents of the workspace: `/v1/agents`. Their accounts are `admin/accounts.rs`'s.

use super::me::change_availability;
use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Path, Query, Receipt};
use crate::past::{Moment, Then};
use crate::state::AppState;
use crate::wire::{ByName, Items, Ref};
use axum::extract::State;
use clew_domain::agent::Availability;
use clew_domain::ids::AgentId;
use clew_domain::time::Timestamp;
use clew_domain::workspace::{Account, Role, WorkspaceState};
use clew_projections::agents::AgentReader;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// An agent at work.
#[derive(Serialize, ToSchema)]
pub struct AgentAtWork {
    /// Their id.
    id: AgentId,
    /// How they are shown.
    name: String,
    /// What they sign in with.
    login: String,
    /// Their roles.
    roles: BTreeSet<Role>,
    /// Whether they take conversations.
    availability: Availability,
    /// Since when.
    since: Option<Timestamp>,
    /// Whether they are signed in.
    signed_in: bool,
    /// The teams that they are in.
    teams: Vec<Ref>,
    /// Conversations that they own and that are not resolved.
    open_conversations: u64,
}

fn describe(
    app: &AppState,
    workspace: &WorkspaceState,
    id: AgentId,
    account: &Account,
) -> Result<AgentAtWork, Problem> {
    let record = app.directory.agent(id);
    Ok(AgentAtWork {
        id,
        name: account.name.clone(),
        login: account.login.clone(),
        roles: account.roles.clone(),
        availability: record.state.availability,
        since: record.since,
        signed_in: record.sessions.values().any(|since| !app.session_is_over(*since)),
        teams: workspace.teams_of(id).map(|(id, team)| Ref::new(id, &team.name)).collect(),
        open_conversations: app.open_conversations(id)?,
    })
}

/// An agent as they were then.
fn describe_then(
    app: &AppState,
    then: &Then,
    agents: &AgentReader,
    id: AgentId,
    account: &Account,
) -> Result<AgentAtWork, Problem> {
    let known = agents.agent(id)?;
    let session_s = i64::from(app.config.session_hours) * 3600;
    Ok(AgentAtWork {
        id,
        name: account.name.clone(),
        login: account.login.clone(),
        roles: account.roles.clone(),
        availability: known.availability,
        since: known.since,
        signed_in: known.sessions.values().any(|since| since.plus_secs(session_s) > then.instant),
        teams: then.workspace.teams_of(id).map(|(id, team)| Ref::new(id, &team.name)).collect(),
        open_conversations: agents.load(id)?.open(),
    })
}

/// Which agents to list, and when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Part of the name, whatever its case.
    name: Option<String>,
    /// Show them as they were at this instant, or at this position of the log, instead of as they are now.
    #[param(value_type = Option<String>, example = "2026-01-31T08:00:00Z")]
    at: Option<Moment>,
}

/// Agents, by name
#[utoipa::path(
    get, path = "/v1/agents", tag = "workspace", params(Wanted),
    responses((status = 200, body = Items<AgentAtWork>))
)]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(Wanted { name, at }): Query<Wanted>,
) -> Result<Json<Items<AgentAtWork>>, Problem> {
    let wanted = ByName { name };
    let then = match &at {
        None => None,
        Some(moment) => Some(Then::find(&app, moment).await?),
    };
    let workspace = then.as_ref().map_or(&caller.workspace, |then| &then.workspace);
    let mut found: Vec<_> = workspace
        .accounts
        .iter()
        .filter(|(_, account)| !account.closed && (wanted.takes(&account.name) || wanted.takes(&account.login)))
        .collect();
    found.sort_by_key(|(id, account)| (account.name.to_lowercase(), **id));
    let agents = match &then {
        None => None,
        Some(then) => Some((then, then.view(&app).await?)),
    };
    let items = found.into_iter().map(|(id, account)| match &agents {
        None => describe(&app, workspace, *id, account),
        Some((then, agents)) => describe_then(&app, then, agents, *id, account),
    });
    Ok(Json(Items { items: items.collect::<Result<_, _>>()? }))
}

/// An agent
#[utoipa::path(get, path = "/v1/agents/{agent}", tag = "workspace", responses((status = 200, body = AgentAtWork)))]
pub async fn show(
    State(app): State<AppState>,
    caller: Caller,
    Path(agent): Path<AgentId>,
) -> Result<Json<AgentAtWork>, Problem> {
    let account = caller.workspace.open_account(agent).ok_or(&kinds::NOT_FOUND)?;
    describe(&app, &caller.workspace, agent, account).map(Json)
}

/// Change whether another agent takes conversations
#[utoipa::path(
    put, path = "/v1/agents/{agent}/availability", tag = "workspace", request_body = Availability,
    responses((status = 200, body = Receipt))
)]
pub async fn set_availability(
    State(app): State<AppState>,
    command: Command,
    Path(agent): Path<AgentId>,
    Json(availability): Json<Availability>,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    if agent != command.caller.agent {
        command.caller.require(Permission::SeeEveryone)?;
    }
    command.caller.workspace.open_account(agent).ok_or(&kinds::NOT_FOUND)?;
    change_availability(&app, &command, agent, availability).await
}
