//! A conversation as text, to be copied and used elsewhere.

use super::view;
use crate::auth::Caller;
use crate::error::{Problem, kinds};
use crate::extract::{Path, Query};
use crate::state::AppState;
use crate::transcript;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use clew_domain::agent::Language;
use clew_domain::ids::ConversationId;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// In which words, and by which clock.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// The time zone of the times (IANA); UTC, if absent.
    tz: Option<String>,
    /// The language of what is not the messages' own; English, if absent.
    #[param(value_type = Option<String>)]
    language: Option<Language>,
    /// What the answer must have seen.
    #[allow(dead_code, reason = "read by the layer that waits, named here so that it is not refused")]
    min_position: Option<String>,
}

/// All messages of a conversation as text; attachments are named, not copied.
#[utoipa::path(get, path = "/v1/conversations/{conversation}/transcript", tag = "conversations",
    params(("conversation" = ConversationId, Path), Wanted),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn read(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let zone = match &wanted.tz {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|_| {
            Problem::new(&kinds::INVALID_QUERY).detail("tz is not a time zone; give one such as Europe/Paris")
        })?,
    };
    let shown = view::show(&app, Some(&caller), conversation, None).await?;
    let text = transcript::text(&shown, wanted.language.unwrap_or(Language::En), &zone);
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
