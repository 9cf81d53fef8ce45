//! Every address of the API on one screen. A handler's `#[utoipa::path]` holds its method and address, so this list
//! and the OpenAPI document can't differ.

use crate::extract::wait_for_position;
use crate::http::{guard, headers, trace};
use crate::openapi::{self, Document};
use crate::routes::{docs, fallback, health, metrics, problems};
use crate::state::AppState;
use crate::ui;
use axum::middleware::from_fn_with_state;
use axum::routing::{Router, get};
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The whole application.
pub fn build(app: AppState) -> Router {
    let (api, document) = api().split_for_parts();
    let document = openapi::finish(document);
    let api = api
        .layer(from_fn_with_state(app.clone(), wait_for_position))
        .layer(from_fn_with_state(app.clone(), guard::bound))
        .layer(from_fn_with_state(app.clone(), guard::identify));
    Router::new()
        .merge(api)
        .merge(pages(document))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(app.clone(), headers::secure))
        .layer(from_fn_with_state(app.clone(), trace::trace))
        .with_state(app)
}

/// The OpenAPI document of the whole application.
pub fn document() -> utoipa::openapi::OpenApi {
    openapi::finish(api().split_for_parts().1)
}

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
}

/// Pages and files, which are no part of the API.
fn pages(document: utoipa::openapi::OpenApi) -> Router<AppState> {
    Router::new()
        .route("/openapi.json", get(docs::openapi(document)))
        .route("/docs", get(docs::page))
        .route("/docs/{file}", get(docs::file))
        .route("/problems/{slug}", get(problems::explain))
        .route("/", get(ui::index))
        .route("/ui/{*path}", get(ui::file))
}
