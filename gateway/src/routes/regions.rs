//! The platforms that agents choose between before they sign in: `/v1/regions`.

use crate::extract::Json;
use crate::state::AppState;
use crate::wire::Items;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// A platform that people may sign in at.
#[derive(Serialize, ToSchema)]
pub struct Region {
    /// What people call it.
    name: String,
    /// Where browsers reach it.
    url: String,
    /// Whether it is this one.
    here: bool,
}

/// Regions
///
/// The platforms that the operator names, for the choice before signing in; none where there is only this one.
#[utoipa::path(
    get, path = "/v1/regions", tag = "session", security(()),
    responses((status = 200, body = Items<Region>))
)]
pub async fn list(State(app): State<AppState>) -> Json<Items<Region>> {
    let here = |url: &str| app.config.public_url.as_deref() == Some(url);
    let items = app.config.regions.as_slice().iter();
    let items = items.map(|it| Region { name: it.name.clone(), url: it.url.clone(), here: here(&it.url) });
    Json(Items { items: items.collect() })
}
