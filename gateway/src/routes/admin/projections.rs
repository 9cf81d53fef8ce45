//! What operators do with projections: `/v1/operator/projections`. None of it changes the log; what was done is seen
//! in the projection itself.

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path};
use crate::operation::{ComparisonView, EstimateView, HowToRebuild, ProjectionView};
use crate::state::AppState;
use crate::wire::Items;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use clew_projections::rebuild::RebuildError;
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Differences told, if nothing else is asked for.
const DIFFERENCES: usize = 20;
/// Differences told at most.
const DIFFERENCES_MAX: usize = 1_000;
/// How long a comparison may take to be answered at once; after that it goes on, and the projection tells.
const COMPARED_WITHIN: Duration = Duration::from_secs(20);

/// A caller who may watch and run the installation.
pub struct Operator(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.require(Permission::Operate)?;
        Ok(Self(caller))
    }
}

/// Projections, and how each of them fares
#[utoipa::path(get, path = "/v1/operator/projections", tag = "operation",
    responses((status = 200, body = Items<ProjectionView>)))]
pub async fn list(State(app): State<AppState>, _: Operator) -> Result<Json<Items<ProjectionView>>, Problem> {
    let all = app.projections.all_details().await?;
    Ok(Json(Items { items: all.into_iter().map(ProjectionView::from).collect() }))
}

/// A projection, and how it fares
#[utoipa::path(get, path = "/v1/operator/projections/{projection}", tag = "operation",
    params(("projection" = String, Path)), responses((status = 200, body = ProjectionView)))]
pub async fn show(
    State(app): State<AppState>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<ProjectionView>, Problem> {
    view(&app, &name).await
}

async fn view(app: &AppState, name: &str) -> Result<Json<ProjectionView>, Problem> {
    Ok(Json(app.projections.details(name).await?.into()))
}

/// Rebuild a projection beside the one that is served
///
/// It begins, or goes on where it was interrupted; how far it is, the projection tells. With `dry_run` nothing begins,
/// and the answer tells what it would take.
#[utoipa::path(post, path = "/v1/operator/projections/{projection}/rebuild", tag = "operation",
    params(("projection" = String, Path)), request_body = HowToRebuild,
    responses((status = 202, body = ProjectionView), (status = 200, description = "With `dry_run`", body = EstimateView)))]
pub async fn rebuild(
    State(app): State<AppState>,
    _: Operator,
    Path(name): Path<String>,
    Json(how): Json<HowToRebuild>,
) -> Result<Response, Problem> {
    if how.dry_run {
        let estimate = app.projections.estimate(&name, how.options()).await?;
        return Ok(Json(EstimateView::from(estimate)).into_response());
    }
    app.projections.rebuild(&name, how.options())?;
    Ok((StatusCode::ACCEPTED, view(&app, &name).await?).into_response())
}

/// End a rebuild; the next one goes on from there
#[utoipa::path(delete, path = "/v1/operator/projections/{projection}/rebuild", tag = "operation",
    params(("projection" = String, Path)), responses((status = 200, body = ProjectionView)))]
pub async fn cancel(
    State(app): State<AppState>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<ProjectionView>, Problem> {
    app.projections.cancel_rebuild(&name)?;
    view(&app, &name).await
}

/// How much to tell of a comparison.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HowToCompare {
    /// Rows that differ, told at most; 20 if absent, never more than 1,000.
    shown_max: Option<usize>,
}

/// Compare what was rebuilt with what is served, row by row
///
/// A comparison that takes long answers 202; it goes on, and the projection tells what came out.
#[utoipa::path(post, path = "/v1/operator/projections/{projection}/compare", tag = "operation",
    params(("projection" = String, Path)), request_body = HowToCompare,
    responses((status = 200, body = ComparisonView), (status = 202, description = "It takes long", body = ProjectionView)))]
pub async fn compare(
    State(app): State<AppState>,
    _: Operator,
    Path(name): Path<String>,
    Json(how): Json<HowToCompare>,
) -> Result<Response, Problem> {
    let shown_max = how.shown_max.unwrap_or(DIFFERENCES).min(DIFFERENCES_MAX);
    let (projections, of) = (app.projections.clone(), name.clone());
    let comparing = tokio::spawn(async move { projections.compare(&of, shown_max).await });
    match tokio::time::timeout(COMPARED_WITHIN, comparing).await {
        Ok(Ok(compared)) => Ok(Json(ComparisonView::from(compared?)).into_response()),
        Ok(Err(_)) => Err(Problem::new(&kinds::INTERNAL)),
        Err(_) => Ok((StatusCode::ACCEPTED, view(&app, &name).await?).into_response()),
    }
}

/// Whether to swap all the same.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HowToSwap {
    /// Also if the two differ or were not compared.
    force: bool,
}

/// Serve what was rebuilt; what was served before is kept to go back to
#[utoipa::path(post, path = "/v1/operator/projections/{projection}/swap", tag = "operation",
    params(("projection" = String, Path)), request_body = HowToSwap, responses((status = 200, body = ProjectionView)))]
pub async fn swap(
    State(app): State<AppState>,
    _: Operator,
    Path(name): Path<String>,
    Json(how): Json<HowToSwap>,
) -> Result<Json<ProjectionView>, Problem> {
    app.projections.swap(&name, how.force).await?;
    view(&app, &name).await
}

/// Serve again what was served before the last swap
#[utoipa::path(post, path = "/v1/operator/projections/{projection}/rollback", tag = "operation",
    params(("projection" = String, Path)), responses((status = 200, body = ProjectionView)))]
pub async fn rollback(
    State(app): State<AppState>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<ProjectionView>, Problem> {
    app.projections.rollback(&name).await?;
    view(&app, &name).await
}

/// Delete all rows of a projection that are not served
#[utoipa::path(post, path = "/v1/operator/projections/{projection}/drop", tag = "operation",
    params(("projection" = String, Path)), responses((status = 200, body = ProjectionView)))]
pub async fn drop_old(
    State(app): State<AppState>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<ProjectionView>, Problem> {
    app.projections.drop_old(&name)?;
    view(&app, &name).await
}

/// Let a halted projection try again
#[utoipa::path(post, path = "/v1/operator/projections/{projection}/retry", tag = "operation",
    params(("projection" = String, Path)), responses((status = 200, body = ProjectionView)))]
pub async fn retry(
    State(app): State<AppState>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<ProjectionView>, Problem> {
    if !app.projections.retry(&name) {
        return Err(Problem::new(&kinds::NOT_FOUND));
    }
    view(&app, &name).await
}

impl From<RebuildError> for Problem {
    fn from(error: RebuildError) -> Self {
        let kind = match &error {
            RebuildError::Unknown => &kinds::NOT_FOUND,
            RebuildError::UnderWay => &kinds::REBUILD_UNDER_WAY,
            RebuildError::NothingRebuilt | RebuildError::NothingBefore | RebuildError::InMemory => {
                &kinds::NOTHING_REBUILT
            }
            RebuildError::NotTheSame | RebuildError::ServedBehind | RebuildError::OtherVersion => &kinds::ROWS_DIFFER,
            RebuildError::Store(_) => &kinds::STORE_UNAVAILABLE,
            RebuildError::Cancelled
            | RebuildError::Fold(_)
            | RebuildError::Table(_)
            | RebuildError::Directory(_)
            | RebuildError::Stopped => &kinds::VIEW_DAMAGED,
        };
        Self::new(kind).detail(error.to_string())
    }
}
