//! Accounts: opened, renamed, closed, and what they may do.

use super::{Decision, Rejection, Thing, channels, only};
use crate::content::ContentRef;
use crate::ids::{AgentId, ChannelId};
use crate::name::{self, NAME_CHARACTERS_MAX};
use crate::workspace::event::{ChannelRight, Role, WorkspaceEvent};
use crate::workspace::state::{Account, WorkspaceState};
use std::collections::BTreeSet;

/// The account, if it is not closed.
pub(super) fn opened(state: &WorkspaceState, agent: AgentId) -> Result<&Account, Rejection> {
    match state.accounts.get(&agent) {
        None => Err(Rejection::Unknown(Thing::Account(agent))),
        Some(it) if it.closed => Err(Rejection::Gone(Thing::Account(agent))),
        Some(it) => Ok(it),
    }
}

pub(super) fn open(
    state: &WorkspaceState,
    agent: AgentId,
    login: &str,
    name: &str,
    roles: &BTreeSet<Role>,
) -> Decision {
    let login = sound_login(login)?;
    let name = name::tidy(name)?;
    if roles.is_empty() {
        return Err(Rejection::NoRole);
    }
    if let Some(there) = state.accounts.get(&agent) {
        let same = !there.closed && there.login == login && there.name == name && there.roles == *roles;
        return if same { Ok(Vec::new()) } else { Err(Rejection::Exists(Thing::Account(agent))) };
    }
    if let Some((other, _)) = state.account_by_login(&login) {
        return Err(Rejection::LoginTaken(other));
    }
    Ok(vec![WorkspaceEvent::AccountOpened { agent, login, name, roles: roles.clone() }])
}

fn sound_login(login: &str) -> Result<String, Rejection> {
    let login = login.trim();
    let fits = !login.is_empty() && login.chars().count() <= NAME_CHARACTERS_MAX;
    let sound = fits && !login.contains(|c: char| c.is_whitespace() || c.is_control());
    if sound { Ok(login.to_owned()) } else { Err(Rejection::NotALogin) }
}

pub(super) fn rename(state: &WorkspaceState, agent: AgentId, name: &str) -> Decision {
    let before = &opened(state, agent)?.name;
    let name = name::tidy(name)?;
    only(*before != name, || WorkspaceEvent::AccountRenamed { agent, name })
}

pub(super) fn change_roles(state: &WorkspaceState, agent: AgentId, roles: &BTreeSet<Role>) -> Decision {
    let before = &opened(state, agent)?.roles;
    if roles.is_empty() {
        return Err(Rejection::NoRole);
    }
    if !roles.contains(&Role::Admin) {
        keep_an_admin(state, agent)?;
    }
    only(before != roles, || WorkspaceEvent::RolesChanged { agent, roles: roles.clone(), before: before.clone() })
}

/// Refused if `agent` alone is admin.
fn keep_an_admin(state: &WorkspaceState, agent: AgentId) -> Result<(), Rejection> {
    let another = state.accounts.keys().any(|other| *other != agent && state.has_role(*other, Role::Admin));
    if another || !state.has_role(agent, Role::Admin) { Ok(()) } else { Err(Rejection::LastAdmin) }
}

pub(super) fn set_password(state: &WorkspaceState, agent: AgentId, hash: ContentRef) -> Decision {
    let before = opened(state, agent)?.password;
    let erased = before.map(|it| it.id);
    only(before != Some(hash), || WorkspaceEvent::PasswordSet { agent, hash, erased })
}

pub(super) fn close(state: &WorkspaceState, agent: AgentId) -> Decision {
    let account = state.accounts.get(&agent).ok_or(Rejection::Unknown(Thing::Account(agent)))?;
    if account.closed {
        return Ok(Vec::new());
    }
    keep_an_admin(state, agent)?;
    let tokens = state.tokens.iter().filter(|(_, it)| it.agent == agent && !it.revoked);
    let revoked = tokens.map(|(token, _)| WorkspaceEvent::TokenRevoked { token: *token });
    let left = state.teams_of(agent).map(|(team, _)| WorkspaceEvent::TeamMemberRemoved { team, agent });
    Ok(revoked.chain(left).chain([WorkspaceEvent::AccountClosed { agent }]).collect())
}

pub(super) fn set_right(state: &WorkspaceState, agent: AgentId, channel: ChannelId, right: ChannelRight) -> Decision {
    let account = opened(state, agent)?;
    channels::connected(state, channel)?;
    let before = account.rights.get(&channel).copied();
    only(before != Some(right), || WorkspaceEvent::ChannelRightSet { agent, channel, right, before })
}

pub(super) fn clear_right(state: &WorkspaceState, agent: AgentId, channel: ChannelId) -> Decision {
    let before = opened(state, agent)?.rights.get(&channel).copied();
    if !state.channels.contains_key(&channel) {
        return Err(Rejection::Unknown(Thing::Channel(channel)));
    }
    let cleared = before.map(|before| WorkspaceEvent::ChannelRightCleared { agent, channel, before });
    Ok(cleared.into_iter().collect())
}
