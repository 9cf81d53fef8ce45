//! Definitions of contact attributes: `/v1/admin/attributes`.

use super::{Admin, AdminCommand, Changed, change};
use crate::extract::{Json, Path, Receipt};
use crate::state::AppState;
use crate::wire::Items;
use axum::extract::State;
use clew_domain::contact::AttributeKey;
use clew_domain::workspace::{AttributeDefinition, Command};
use serde::Serialize;
use utoipa::ToSchema;

/// An attribute, retired or not.
#[derive(Serialize, ToSchema)]
pub struct AttributeSetup {
    key: AttributeKey,
    definition: AttributeDefinition,
    /// Whether it can't be filled any more.
    retired: bool,
}

/// Attributes, retired ones too
#[utoipa::path(get, path = "/v1/admin/attributes", tag = "admin", responses((status = 200, body = Items<AttributeSetup>)))]
pub async fn list(Admin(caller): Admin) -> Json<Items<AttributeSetup>> {
    let attributes = caller.workspace.attributes.iter().map(|(key, it)| AttributeSetup {
        key: key.clone(),
        definition: it.definition.clone(),
        retired: it.retired,
    });
    Json(Items { items: attributes.collect() })
}

/// Define an attribute, or define it anew
#[utoipa::path(
    put, path = "/v1/admin/attributes/{key}", tag = "admin", params(("key" = String, Path)),
    request_body = AttributeDefinition, responses((status = 200, body = Receipt))
)]
pub async fn define(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(key): Path<AttributeKey>,
    Json(definition): Json<AttributeDefinition>,
) -> Changed {
    change(&app, command, Command::DefineAttribute { key, definition }).await
}

/// Retire an attribute: what it holds stays
#[utoipa::path(
    delete, path = "/v1/admin/attributes/{key}", tag = "admin", params(("key" = String, Path)),
    responses((status = 200, body = Receipt))
)]
pub async fn retire(State(app): State<AppState>, command: AdminCommand, Path(key): Path<AttributeKey>) -> Changed {
    change(&app, command, Command::RetireAttribute { key }).await
}
