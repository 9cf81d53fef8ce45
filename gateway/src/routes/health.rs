//! `GET /health/live` and `/health/ready`: whether the process is alive, and whether it can do its work.

use crate::extract::Json;
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use clew_eventstore::store::Health;
use serde::Serialize;

/// Whether the server can do its work.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Readiness {
    /// Whether all of it can.
    pub ready: bool,
    /// Its parts.
    pub checks: Vec<Check>,
}

/// Whether one part can do its work.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Check {
    /// Which part.
    pub name: &'static str,
    /// Whether it can.
    pub ok: bool,
    /// What is the matter, in words for an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Check {
    fn of(name: &'static str, trouble: Option<String>) -> Self {
        Self { name, ok: trouble.is_none(), detail: trouble }
    }
}

/// Whether the process is alive
#[utoipa::path(get, path = "/health/live", tag = "operation", security(()), responses((status = 200, body = String)))]
pub async fn live() -> &'static str {
    "alive\n"
}

/// Whether the server can do its work
#[utoipa::path(
    get, path = "/health/ready", tag = "operation", security(()),
    responses((status = 200, body = Readiness), (status = 503, description = "Not now", body = Readiness))
)]
pub async fn ready(State(app): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let store = match app.store.health() {
        Health::Ready => None,
        Health::Failed(why) => Some(why),
    };
    let stopping = app.stopping.borrow().then(|| "the server is stopping".to_owned());
    let mut checks =
        vec![Check::of("server", stopping), Check::of("store", store), Check::of("settings", app.directory.stopped())];
    checks.extend(app.view_troubles().into_iter().map(|(name, trouble)| Check::of(name, trouble)));
    let ready = checks.iter().all(|check| check.ok);
    // The desk goes on working while its log is not signed; who watches sees it all the same.
    checks.push(Check::of("proofs", app.proofs.trouble()));
    let lost = app.vault.is_lost().then(|| "the keys are left alone: no content can be read or taken in".to_owned());
    checks.push(Check::of("keys", lost.or_else(|| app.vault.trouble())));
    checks.push(Check::of("digests", app.digests.trouble()));
    if !app.config.witnesses.is_empty() {
        checks.push(Check::of("witnesses", app.proofs.witness_trouble()));
    }
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, checks }))
}
