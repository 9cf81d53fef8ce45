//! Bearer tokens for programs: issued and revoked.

use super::{Decision, Rejection, TOKENS_PER_ACCOUNT_MAX, Thing, accounts, only};
use crate::ids::{AgentId, TokenId};
use crate::name;
use crate::time::Timestamp;
use crate::workspace::event::{Scope, TokenHash, WorkspaceEvent};
use crate::workspace::state::{Token, WorkspaceState};
use std::collections::BTreeSet;

/// The token that is asked for.
pub(super) struct Wanted<'a> {
    pub(super) token: TokenId,
    pub(super) agent: AgentId,
    pub(super) name: &'a str,
    pub(super) hash: TokenHash,
    pub(super) scopes: &'a BTreeSet<Scope>,
    pub(super) expires_at: Option<Timestamp>,
}

pub(super) fn issue(state: &WorkspaceState, at: Timestamp, wanted: &Wanted<'_>) -> Decision {
    let Wanted { token, agent, hash, expires_at, .. } = *wanted;
    accounts::opened(state, agent)?;
    let (name, scopes) = (name::tidy(wanted.name)?, wanted.scopes.clone());
    let fresh = Token { agent, name: name.clone(), hash, scopes: scopes.clone(), expires_at, revoked: false };
    match state.tokens.get(&token) {
        Some(there) if *there == fresh => return Ok(Vec::new()),
        Some(_) => return Err(Rejection::Exists(Thing::Token(token))),
        None => {}
    }
    if scopes.is_empty() {
        return Err(Rejection::NoScope);
    }
    if expires_at.is_some_and(|end| end <= at) {
        return Err(Rejection::ExpiresInThePast);
    }
    if let Some(other) = state.token_hashes.get(&hash) {
        return Err(Rejection::TokenTaken(*other));
    }
    let usable = |it: &&Token| it.agent == agent && !it.revoked && it.expires_at.is_none_or(|end| end > at);
    if state.tokens.values().filter(usable).count() >= TOKENS_PER_ACCOUNT_MAX {
        return Err(Rejection::TooMany { what: "usable tokens of this account", max: TOKENS_PER_ACCOUNT_MAX });
    }
    Ok(vec![WorkspaceEvent::TokenIssued { token, agent, name, hash, scopes, expires_at }])
}

pub(super) fn revoke(state: &WorkspaceState, token: TokenId) -> Decision {
    let it = state.tokens.get(&token).ok_or(Rejection::Unknown(Thing::Token(token)))?;
    only(!it.revoked, || WorkspaceEvent::TokenRevoked { token })
}
