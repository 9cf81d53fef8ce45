//! A command as a request gives it: who, when, under which settings, and under which name it may be repeated.

use crate::auth::Caller;
use crate::error::{Problem, kinds};
use crate::state::AppState;
use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::CommandId;
use uuid::Uuid;

/// The header that names a command, so that a repetition does nothing.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Characters of the key at most.
pub const IDEMPOTENCY_KEY_CHARACTERS_MAX: usize = 255;

/// A signed-in caller who may change things, and what their command brings along.
pub struct Command {
    /// Who gives it.
    pub caller: Caller,
    /// What it brings along.
    pub meta: CommandMeta,
}

impl FromRequestParts<AppState> for Command {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.require_writing()?;
        let id = command_id(parts, app, &caller)?;
        let meta = CommandMeta::first(id, Actor::Agent(caller.agent), app.clock.now(), caller.settings_version);
        Ok(Self { caller, meta })
    }
}

impl Command {
    /// The same caller's next command, where one request leads to two.
    #[must_use]
    pub fn following(&self, purpose: &str) -> Self {
        let id = clew_domain::derive::consequence(self.meta.id.0, purpose, Uuid::nil());
        Self { caller: self.caller.clone(), meta: CommandMeta { id, ..self.meta.clone() } }
    }

    /// A fresh id that a repetition of the command comes to again.
    pub fn fresh(&self, what: &str) -> Uuid {
        clew_domain::derive::consequence(self.meta.id.0, what, Uuid::nil()).0
    }
}

/// The same key for another method or address names another command.
fn command_id(parts: &Parts, app: &AppState, caller: &Caller) -> Result<CommandId, Problem> {
    let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else {
        return Ok(CommandId(Uuid::new_v4()));
    };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_CHARACTERS_MAX);
    let key = key.ok_or_else(|| {
        let bounds = format!("Idempotency-Key takes 1 to {IDEMPOTENCY_KEY_CHARACTERS_MAX} visible ASCII characters");
        Problem::new(&kinds::INVALID_HEADER).detail(bounds)
    })?;
    let named = format!("{} {} {key}", parts.method, parts.uri.path());
    Ok(app.ids.command(caller.agent.0, &named))
}
