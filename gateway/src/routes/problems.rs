//! What a problem's `type` leads to: its explanation.

use crate::error::{Problem, kinds};
use crate::extract::{Json, Path};
use serde_json::{Value, json};

/// Explains a type of problem; without a known slug, there is none.
pub async fn explain(Path(slug): Path<String>) -> Result<Json<Value>, Problem> {
    let kind = kinds::find(&slug).ok_or(&kinds::NOT_FOUND)?;
    Ok(Json(json!({
        "type": format!("/problems/{}", kind.slug),
        "status": kind.status.as_u16(),
        "title": kind.title,
        "meaning": kind.meaning,
    })))
}
