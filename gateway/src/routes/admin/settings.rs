//! Settings of the workspace: `/v1/admin/settings`.

use super::{Admin, AdminCommand, Changed, change};
use crate::extract::{Json, Receipt};
use crate::state::AppState;
use axum::extract::State;
use clew_domain::workspace::{Command, Settings};

/// Settings
#[utoipa::path(get, path = "/v1/admin/settings", tag = "admin", responses((status = 200, body = Settings)))]
pub async fn show(Admin(caller): Admin) -> Json<Settings> {
    Json(caller.workspace.settings.clone())
}

/// Change the settings
#[utoipa::path(
    put, path = "/v1/admin/settings", tag = "admin", request_body = Settings,
    responses((status = 200, body = Receipt))
)]
pub async fn replace(State(app): State<AppState>, command: AdminCommand, Json(settings): Json<Settings>) -> Changed {
    change(&app, command, Command::ChangeSettings { settings }).await
}
