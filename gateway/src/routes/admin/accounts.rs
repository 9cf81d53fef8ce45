//! Accounts, their passwords and their rights on channels: `/v1/admin/accounts`.

use super::{Admin, AdminCommand, Changed, Made, act, change, make};
use crate::auth::passwords::Password;
use crate::error::{Problem, kinds};
use crate::extract::{Command as Given, Json, Path, Receipt};
use crate::routes::me::{give_password, receipt};
use crate::state::AppState;
use crate::wire::{Created, Items};
use axum::extract::State;
use clew_domain::agent::{self, Agent, SignOutCause};
use clew_domain::ids::{AgentId, ChannelId};
use clew_domain::workspace::{ChannelRight, Command, Role};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// An account, closed or not.
#[derive(Serialize, ToSchema)]
pub struct AccountSetup {
    id: AgentId,
    login: String,
    name: String,
    roles: BTreeSet<Role>,
    /// What the account may do on single channels, where that is set.
    #[schema(value_type = BTreeMap<String, ChannelRight>)]
    channel_rights: BTreeMap<ChannelId, ChannelRight>,
    /// Whether a password is set; without one nobody can sign in.
    has_password: bool,
    /// Whether it can't be used any more.
    closed: bool,
}

/// Accounts, closed ones too
#[utoipa::path(get, path = "/v1/admin/accounts", tag = "admin", responses((status = 200, body = Items<AccountSetup>)))]
pub async fn list(Admin(caller): Admin) -> Json<Items<AccountSetup>> {
    let accounts = caller.workspace.accounts.iter().map(|(id, account)| AccountSetup {
        id: *id,
        login: account.login.clone(),
        name: account.name.clone(),
        roles: account.roles.clone(),
        channel_rights: account.rights.clone(),
        has_password: account.password.is_some(),
        closed: account.closed,
    });
    Json(Items { items: accounts.collect() })
}

/// The account to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// What they sign in with, whatever its case.
    login: String,
    /// How they are shown.
    name: String,
    /// What they may do.
    roles: BTreeSet<Role>,
    /// The password; without one nobody can sign in until one is set.
    password: Option<Password>,
}

/// Open an account
#[utoipa::path(post, path = "/v1/admin/accounts", tag = "admin", responses((status = 201, body = Created)))]
pub async fn open(
    State(app): State<AppState>,
    AdminCommand(command): AdminCommand,
    Json(wanted): Json<NewAccount>,
) -> Made {
    let NewAccount { login, name, roles, password } = wanted;
    let second = command.following("password");
    let hashed = match password {
        Some(password) => Some(
            app.passwords
                .hash(password)
                .await?
                .map_err(|why| Problem::new(&kinds::INVALID_PASSWORD).detail(why.to_string()))?,
        ),
        None => None,
    };
    let made = make(&app, AdminCommand(command), |id| Command::OpenAccount { agent: AgentId(id), login, name, roles });
    let (status, mut answer) = made.await?;
    if let Some(hash) = hashed {
        let agent = AgentId(answer.1.0.id);
        let set = crate::routes::me::keep_password(&app, &second, agent, hash).await?;
        answer.0 = set.0;
        answer.1.0.position = set.1.0.position;
    }
    Ok((status, answer))
}

/// What is to change of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// The shown name, if it is to change.
    name: Option<String>,
    /// All roles, if they are to change.
    roles: Option<BTreeSet<Role>>,
}

/// Change an account's name or roles
#[utoipa::path(put, path = "/v1/admin/accounts/{account}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn replace(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(agent): Path<AgentId>,
    Json(wanted): Json<AccountChange>,
) -> Changed {
    match (wanted.name, wanted.roles) {
        (None, None) => Err(Problem::new(&kinds::INVALID_VALUE).detail("give a name or roles")),
        (Some(name), None) => change(&app, command, Command::RenameAccount { agent, name }).await,
        (None, Some(roles)) => change(&app, command, Command::ChangeRoles { agent, roles }).await,
        (Some(name), Some(roles)) => {
            let second = command.0.following("name");
            change(&app, command, Command::ChangeRoles { agent, roles }).await?;
            change(&app, AdminCommand(second), Command::RenameAccount { agent, name }).await
        }
    }
}

/// A password to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password.
    password: Password,
}

/// Set an account's password
#[utoipa::path(put, path = "/v1/admin/accounts/{account}/password", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn set_password(
    State(app): State<AppState>,
    AdminCommand(command): AdminCommand,
    Path(agent): Path<AgentId>,
    Json(wanted): Json<NewPassword>,
) -> Changed {
    give_password(&app, &command, agent, wanted.password).await
}

/// Close an account: its sessions end, its tokens are revoked, it leaves its teams
#[utoipa::path(delete, path = "/v1/admin/accounts/{account}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn close(
    State(app): State<AppState>,
    AdminCommand(command): AdminCommand,
    Path(agent): Path<AgentId>,
) -> Changed {
    let following = command.following("sign out");
    let position = act(&app, &command, Command::CloseAccount { agent }, Vec::new()).await?;
    let out = agent::Command::SignOutEverywhere { cause: SignOutCause::Revoked };
    let Given { meta, .. } = following;
    let mut done = app.act::<Agent>(agent.into(), &meta, &out, Vec::new()).await?;
    done.position = done.position.max(position);
    Ok(receipt(&done))
}

/// What an account may do on a channel.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRight {
    /// What it may do there.
    right: ChannelRight,
}

/// Set what an account may do on a channel
#[utoipa::path(
    put, path = "/v1/admin/accounts/{account}/channel-rights/{channel}", tag = "admin",
    responses((status = 200, body = Receipt))
)]
pub async fn set_right(
    State(app): State<AppState>,
    command: AdminCommand,
    Path((agent, channel)): Path<(AgentId, ChannelId)>,
    Json(wanted): Json<NewRight>,
) -> Changed {
    change(&app, command, Command::SetChannelRight { agent, channel, right: wanted.right }).await
}

/// Let an account's roles decide on a channel
#[utoipa::path(
    delete, path = "/v1/admin/accounts/{account}/channel-rights/{channel}", tag = "admin",
    responses((status = 200, body = Receipt))
)]
pub async fn clear_right(
    State(app): State<AppState>,
    command: AdminCommand,
    Path((agent, channel)): Path<(AgentId, ChannelId)>,
) -> Changed {
    change(&app, command, Command::ClearChannelRight { agent, channel }).await
}
