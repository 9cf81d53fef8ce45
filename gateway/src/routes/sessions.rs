//! Signing in and out: `/v1/sessions`.

use super::me::{Me, describe};
use crate::auth::passwords::Password;
use crate::auth::{Caller, Credential, cookies};
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, ClientAddress, Json};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::IntoResponse;
use clew_domain::agent::{self, Agent, SignOutCause};
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{AgentId, CommandId, SessionId};
use clew_domain::name;
use clew_domain::plaintext::Secret;
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Login and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The account's login, whatever its case.
    login: String,
    /// Its password.
    password: Password,
}

/// Sign in
///
/// Answers with a session cookie. After too many failures with one login or from one address there is a pause.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "session", security(()),
    responses((status = 201, description = "Signed in", body = Me))
)]
pub async fn sign_in(
    State(app): State<AppState>,
    ClientAddress(address): ClientAddress,
    Json(wanted): Json<SignIn>,
) -> Result<impl IntoResponse, Problem> {
    let agent = authenticate(&app, address, wanted).await?;
    let session = SessionId(Uuid::new_v4());
    let meta = CommandMeta::first(
        CommandId(Uuid::new_v4()),
        Actor::Agent(agent),
        app.clock.now(),
        app.directory.settings().version,
    );
    let done = app.act::<Agent>(agent.into(), &meta, &agent::Command::SignIn { session }, Vec::new()).await?;
    let cookie = cookies::give(
        &app.cookie_key.seal(agent, session),
        app.cookies_are_secure(),
        u64::from(app.config.session_hours) * 3600,
    );
    let caller = Caller::signed_in(&app.directory.settings(), agent, session).ok_or(&kinds::SIGN_IN_FAILED)?;
    let me = describe(&app, &caller)?;
    Ok((StatusCode::CREATED, AtPosition(done.position, ([(SET_COOKIE, cookie)], Json(me)))))
}

/// Whose login and password these are.
async fn authenticate(app: &AppState, address: IpAddr, wanted: SignIn) -> Result<AgentId, Problem> {
    let login = name::folded(&wanted.login);
    let now = Instant::now();
    let pause = app.failures_by_login.pause(&login, now).max(app.failures_by_address.pause(&address, now));
    if let Some(pause) = pause {
        return Err(Problem::new(&kinds::TOO_MANY_ATTEMPTS).retry_after(pause));
    }
    let settings = app.directory.settings();
    let account = settings.workspace.account_by_login(&wanted.login);
    let hash = match account.and_then(|(_, account)| account.password) {
        Some(content) => app.open::<Secret>(content).await?.map(|secret| Zeroizing::new(secret.secret)),
        None => None,
    };
    let is_right = app.passwords.check(wanted.password, hash).await?;
    if let (true, Some((agent, _))) = (is_right, account) {
        app.failures_by_login.clear(&login);
        return Ok(agent);
    }
    app.failures_by_login.count(login, now);
    app.failures_by_address.count(address, now);
    app.metrics.sign_ins_failed.inc();
    Err(Problem::new(&kinds::SIGN_IN_FAILED))
}

/// Sign out
#[utoipa::path(
    delete, path = "/v1/sessions/current", tag = "session",
    responses((status = 204, description = "Signed out, now or before"))
)]
pub async fn sign_out(State(app): State<AppState>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    let Credential::Session(session) = caller.credential else {
        return Err(Problem::new(&kinds::FORBIDDEN).detail("a token is revoked, not signed out"));
    };
    let meta = CommandMeta::first(
        CommandId(Uuid::new_v4()),
        Actor::Agent(caller.agent),
        app.clock.now(),
        caller.settings_version,
    );
    let command = agent::Command::SignOut { session, cause: SignOutCause::ByHand };
    let done = app.act::<Agent>(caller.agent.into(), &meta, &command, Vec::new()).await?;
    let cookie = cookies::take_back(app.cookies_are_secure());
    Ok((StatusCode::NO_CONTENT, AtPosition(done.position, [(SET_COOKIE, cookie)])))
}
