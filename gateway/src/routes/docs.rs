//! The OpenAPI document and a page to browse it. The page is ours: no third-party code, no inline script.

use crate::error::{Problem, kinds};
use crate::extract::{Json, Path};
use crate::ui::{self, Asset};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use std::future::ready;
use std::sync::Arc;

static PAGE: Asset = Asset::text("index.html", include_str!("../../docs/index.html"));
static FILES: &[Asset] = &[
    Asset::text("docs.css", include_str!("../../docs/docs.css")),
    Asset::text("docs.js", include_str!("../../docs/docs.js")),
];

/// Answers with the document, which is made once.
pub fn openapi(
    document: utoipa::openapi::OpenApi,
) -> impl Fn() -> std::future::Ready<Json<Arc<utoipa::openapi::OpenApi>>> + Clone + Send + Sync + 'static {
    let document = Arc::new(document);
    move || ready(Json(Arc::clone(&document)))
}

/// The page.
pub async fn page(headers: HeaderMap) -> Response {
    ui::serve(&PAGE, &headers)
}

/// Its style and script.
pub async fn file(Path(file): Path<String>, headers: HeaderMap) -> Response {
    match FILES.iter().find(|asset| asset.path == file) {
        Some(asset) => ui::serve(asset, &headers),
        None => Problem::new(&kinds::NOT_FOUND).into_response(),
    }
}
