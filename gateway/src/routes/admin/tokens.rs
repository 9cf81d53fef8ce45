//! Bearer tokens for programs: `/v1/admin/tokens`. A token is shown once, when it is issued.

use super::{Admin, AdminCommand, Changed, act_once, change};
use crate::auth::tokens;
use crate::error::Problem;
use crate::extract::{AtPosition, Json, Path, Receipt, position_of};
use crate::state::AppState;
use crate::wire::{AgentRef, Items};
use axum::extract::State;
use axum::http::StatusCode;
use clew_domain::ids::{AgentId, TokenId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{Command, Scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A token, revoked or not, without the token itself.
#[derive(Serialize, ToSchema)]
pub struct TokenSetup {
    id: TokenId,
    name: String,
    /// The account that it acts for.
    account: AgentRef,
    scopes: BTreeSet<Scope>,
    expires_at: Option<Timestamp>,
    revoked: bool,
}

/// Tokens, revoked ones too
#[utoipa::path(get, path = "/v1/admin/tokens", tag = "admin", responses((status = 200, body = Items<TokenSetup>)))]
pub async fn list(Admin(caller): Admin) -> Json<Items<TokenSetup>> {
    let workspace = &caller.workspace;
    let tokens = workspace.tokens.iter().map(|(id, token)| TokenSetup {
        id: *id,
        name: token.name.clone(),
        account: AgentRef::of(workspace, token.agent),
        scopes: token.scopes.clone(),
        expires_at: token.expires_at,
        revoked: token.revoked,
    });
    Json(Items { items: tokens.collect() })
}

/// The token to issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The account that it acts for.
    account: AgentId,
    /// What it is called.
    name: String,
    /// What it may be used for, within what the account may do.
    scopes: BTreeSet<Scope>,
    /// When it expires, if ever.
    expires_at: Option<Timestamp>,
}

/// A token, shown this once.
#[derive(Serialize, ToSchema)]
pub struct ShownToken {
    /// Its id.
    id: TokenId,
    /// The token: send it as `Authorization: Bearer`.
    #[schema(example = "clew_...")]
    token: String,
    /// What to wait for before reading.
    position: Option<String>,
}

/// Issue a token
///
/// A repetition under the same `Idempotency-Key` issues nothing and is refused: the token was shown before.
#[utoipa::path(post, path = "/v1/admin/tokens", tag = "admin", responses((status = 201, body = ShownToken)))]
pub async fn issue(
    State(app): State<AppState>,
    AdminCommand(command): AdminCommand,
    Json(wanted): Json<NewToken>,
) -> Result<(StatusCode, AtPosition<Json<ShownToken>>), Problem> {
    let token = tokens::draw();
    let id = TokenId(command.fresh("token"));
    let NewToken { account, name, scopes, expires_at } = wanted;
    let issue = Command::IssueToken { token: id, agent: account, name, hash: tokens::hash(&token), scopes, expires_at };
    let position = act_once(&app, &command, issue, Vec::new()).await?;
    let shown = ShownToken { id, token: token.to_string(), position: position_of(position) };
    Ok((StatusCode::CREATED, AtPosition(position, Json(shown))))
}

/// Revoke a token
#[utoipa::path(delete, path = "/v1/admin/tokens/{token}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn revoke(State(app): State<AppState>, command: AdminCommand, Path(token): Path<TokenId>) -> Changed {
    change(&app, command, Command::RevokeToken { token }).await
}
