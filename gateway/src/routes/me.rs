//! One's own account: `/v1/me` and what can be changed of it. Notifications are `notifications.rs`'s.

use crate::auth::Caller;
use crate::auth::passwords::Password;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Receipt, position_of};
use crate::state::AppState;
use crate::wire::{Naming, Ref};
use axum::extract::State;
use clew_domain::agent::{self, Agent, Availability, Preferences};
use clew_domain::content::ContactNumber;
use clew_domain::ids::{AgentId, StreamId};
use clew_domain::name;
use clew_domain::plaintext::Secret;
use clew_domain::workspace::{self, Role, Sees, Settings, Workspace, WorkspaceState};
use clew_eventstore::transact::Done;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Instant;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// One's own account.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// Who one is.
    agent: Own,
    /// One's roles.
    roles: BTreeSet<Role>,
    /// What one may do, wherever channels do not decide.
    permissions: BTreeSet<Permission>,
    /// Whether one takes conversations.
    availability: Availability,
    /// What one prefers.
    preferences: Preferences,
    /// The teams that one is in.
    teams: Vec<Ref>,
    /// What one's teams let one see, and how.
    rights: Rights,
    /// Notifications that one has not read.
    unread_notifications: u64,
    /// Where one works.
    workspace: Named,
    /// Settings of the workspace.
    settings: Settings,
}

/// What one's teams let one see of queues, and how.
#[derive(Serialize, ToSchema)]
pub struct Rights {
    /// Which conversations one sees, on the channels that one may read.
    sees: Sees,
    /// Whether one chooses the order of a queue.
    may_order: bool,
    /// Whether one narrows a queue to more than what is one's own or nobody's.
    may_filter: bool,
}

impl Rights {
    fn of(workspace: &WorkspaceState, agent: AgentId) -> Self {
        let sees = if workspace.sees_all(agent) { Sees::All } else { Sees::UnownedAndOwn };
        Self { sees, may_order: workspace.may_order(agent), may_filter: workspace.may_filter(agent) }
    }
}

/// Who one is.
#[derive(Serialize, ToSchema)]
pub struct Own {
    id: AgentId,
    name: String,
    login: String,
}

/// Something with a name.
#[derive(Serialize, ToSchema)]
pub struct Named {
    name: String,
}

/// The caller's account as it is now.
pub fn describe(app: &AppState, caller: &Caller) -> Result<Me, Problem> {
    let workspace = &caller.workspace;
    let account = workspace.open_account(caller.agent).ok_or(&kinds::SESSION_ENDED)?;
    let record = app.directory.agent(caller.agent);
    Ok(Me {
        agent: Own { id: caller.agent, name: account.name.clone(), login: account.login.clone() },
        roles: account.roles.clone(),
        permissions: caller.permissions.clone(),
        availability: record.state.availability,
        preferences: record.state.preferences.clone(),
        teams: workspace.teams_of(caller.agent).map(|(id, team)| Ref::new(id, &team.name)).collect(),
        rights: Rights::of(workspace, caller.agent),
        unread_notifications: 0,
        workspace: Named { name: workspace.name.clone().unwrap_or_default() },
        settings: workspace.settings.clone(),
    })
}

/// One's own account
#[utoipa::path(get, path = "/v1/me", tag = "session", responses((status = 200, body = Me)))]
pub async fn me(State(app): State<AppState>, caller: Caller) -> Result<Json<Me>, Problem> {
    describe(&app, &caller).map(Json)
}

/// Take conversations, or not
#[utoipa::path(
    put, path = "/v1/me/availability", tag = "session", request_body = Availability,
    responses((status = 200, body = Receipt))
)]
pub async fn set_availability(
    State(app): State<AppState>,
    command: Command,
    Json(availability): Json<Availability>,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    let agent = command.caller.agent;
    change_availability(&app, &command, agent, availability).await
}

/// Sets an agent's availability, one's own or as a supervisor.
pub async fn change_availability(
    app: &AppState,
    command: &Command,
    agent: AgentId,
    availability: Availability,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    usable(&command.caller, availability)?;
    let wanted = agent::Command::SetAvailability { availability };
    Ok(receipt(&app.act::<Agent>(agent.into(), &command.meta, &wanted, Vec::new()).await?))
}

/// Refuses an away state that can't be chosen.
fn usable(caller: &Caller, availability: Availability) -> Result<(), Problem> {
    match availability {
        Availability::AwayFor(status) if !caller.workspace.away_statuses.is_usable(status) => {
            Err(workspace::Rejection::Unknown(workspace::Thing::AwayStatus(status)).into())
        }
        Availability::Available | Availability::Away | Availability::AwayFor(_) => Ok(()),
    }
}

/// Change what one prefers
#[utoipa::path(
    put, path = "/v1/me/preferences", tag = "session", request_body = Preferences,
    responses((status = 200, body = Receipt))
)]
pub async fn set_preferences(
    State(app): State<AppState>,
    command: Command,
    Json(preferences): Json<Preferences>,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    usable(&command.caller, preferences.default_availability)?;
    let wanted = agent::Command::ChangePreferences { preferences };
    Ok(receipt(&app.act::<Agent>(command.caller.agent.into(), &command.meta, &wanted, Vec::new()).await?))
}

/// Change one's shown name
#[utoipa::path(
    put, path = "/v1/me/name", tag = "session", request_body = Naming,
    responses((status = 200, body = Receipt))
)]
pub async fn set_name(
    State(app): State<AppState>,
    command: Command,
    Json(Naming { name }): Json<Naming>,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    let wanted = workspace::Command::RenameAccount { agent: command.caller.agent, name };
    Ok(receipt(&app.act::<Workspace>(StreamId::WORKSPACE, &command.meta, &wanted, Vec::new()).await?))
}

/// The password that one has, and the one to have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The one now.
    current: Password,
    /// The one to be.
    new: Password,
}

/// Change one's password
#[utoipa::path(
    put, path = "/v1/me/password", tag = "session",
    responses((status = 200, body = Receipt))
)]
pub async fn set_password(
    State(app): State<AppState>,
    command: Command,
    Json(change): Json<PasswordChange>,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    let agent = command.caller.agent;
    let account = command.caller.workspace.open_account(agent);
    let (kept, login) = (account.and_then(|it| it.password), account.map(|it| it.login.clone()));
    let hash = match kept {
        Some(content) => app.open::<Secret>(content).await?.map(|secret| Zeroizing::new(secret.secret)),
        None => None,
    };
    let login = login.map(|login| name::folded(&login)).unwrap_or_default();
    if let Some(pause) = app.failures_by_login.pause(&login, Instant::now()) {
        return Err(Problem::new(&kinds::TOO_MANY_ATTEMPTS).retry_after(pause));
    }
    if !app.passwords.check(change.current, hash).await? {
        app.failures_by_login.count(login, Instant::now());
        return Err(Problem::new(&kinds::WRONG_PASSWORD));
    }
    give_password(&app, &command, agent, change.new).await
}

/// Sets an account's password, one's own or as an admin.
pub async fn give_password(
    app: &AppState,
    command: &Command,
    agent: AgentId,
    password: Password,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    let hash = app.passwords.hash(password).await?;
    let hash = hash.map_err(|why| Problem::new(&kinds::INVALID_PASSWORD).detail(why.to_string()))?;
    keep_password(app, command, agent, hash).await
}

/// Keeps the hash of an account's password, sealed.
pub async fn keep_password(
    app: &AppState,
    command: &Command,
    agent: AgentId,
    hash: String,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    let (sealed, hash) = app.seal(ContactNumber::WORKSPACE, &Secret { secret: hash })?;
    let wanted = workspace::Command::SetPassword { agent, hash };
    Ok(receipt(&app.act::<Workspace>(StreamId::WORKSPACE, &command.meta, &wanted, vec![sealed]).await?))
}

/// The answer to a command that has nothing else to tell.
pub fn receipt<S>(done: &Done<S>) -> AtPosition<Json<Receipt>> {
    AtPosition(done.position, Json(Receipt { position: position_of(done.position) }))
}
