//! Setting up the workspace: `/v1/admin/...`, for admins. What is retired or closed stays listed here, marked so.

pub mod accounts;
pub mod attributes;
pub mod catalogs;
pub mod channels;
pub mod projections;
pub mod redactions;
pub mod rules;
pub mod settings;
pub mod sla;
pub mod teams;
pub mod tokens;

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Receipt, position_of};
use crate::state::AppState;
use crate::wire::Created;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use clew_domain::fact::Position;
use clew_domain::ids::StreamId;
use clew_domain::workspace::{self, Workspace};
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::transact::Effect;
use uuid::Uuid;

/// A caller who may set up the workspace.
pub struct Admin(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.require(Permission::Administer)?;
        Ok(Self(caller))
    }
}

/// A command of a caller who may set up the workspace.
pub struct AdminCommand(pub Command);

impl FromRequestParts<AppState> for AdminCommand {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let command = Command::from_request_parts(parts, app).await?;
        command.caller.require(Permission::Administer)?;
        Ok(Self(command))
    }
}

type Changed = Result<AtPosition<Json<Receipt>>, Problem>;
type Made = Result<(StatusCode, AtPosition<Json<Created>>), Problem>;

async fn act(
    app: &AppState,
    command: &Command,
    wanted: workspace::Command,
    contents: Vec<SealedContent>,
) -> Result<Option<Position>, Problem> {
    let done = app.act::<Workspace>(StreamId::WORKSPACE, &command.meta, &wanted, contents).await?;
    Ok(done.position)
}

/// As [`act`], for what is shown once: a repetition has nothing to show.
async fn act_once(
    app: &AppState,
    command: &Command,
    wanted: workspace::Command,
    contents: Vec<SealedContent>,
) -> Result<Option<Position>, Problem> {
    let done = app.act::<Workspace>(StreamId::WORKSPACE, &command.meta, &wanted, contents).await?;
    if done.effect == Effect::Repeated {
        return Err(Problem::new(&kinds::SHOWN_ONCE));
    }
    Ok(done.position)
}

/// Carries a change out.
async fn change(app: &AppState, AdminCommand(command): AdminCommand, wanted: workspace::Command) -> Changed {
    let position = act(app, &command, wanted, Vec::new()).await?;
    Ok(AtPosition(position, Json(Receipt { position: position_of(position) })))
}

/// Makes something under a fresh id, which a repetition of the command comes to again.
async fn make(
    app: &AppState,
    AdminCommand(command): AdminCommand,
    wanted: impl FnOnce(Uuid) -> workspace::Command,
) -> Made {
    let id = command.fresh("admin");
    let position = act(app, &command, wanted(id), Vec::new()).await?;
    Ok((StatusCode::CREATED, AtPosition(position, Json(Created { id, position: position_of(position) }))))
}
