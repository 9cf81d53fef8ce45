//! `GET /metrics`: for Prometheus, from this machine or with a token of an operator.

use crate::auth::Identity;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::ClientAddress;
use crate::state::AppState;
use axum::Extension;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Metrics
///
/// In the OpenMetrics text form. Without a credential only from the machine that the server runs on.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, body = String)))]
pub async fn metrics(
    State(app): State<AppState>,
    Extension(identity): Extension<Identity>,
    address: ClientAddress,
) -> Result<impl IntoResponse, Problem> {
    if !address.0.is_loopback() {
        identity.caller()?.require(Permission::Operate)?;
    }
    app.metrics.take_down(&app.projections.status());
    let text = app.metrics.text().map_err(|_| Problem::new(&kinds::INTERNAL))?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
