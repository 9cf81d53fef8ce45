//! Read your writes: what a command answers with, and what a read waits for.

use crate::error::{Problem, kinds};
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clew_domain::fact::Position;
use clew_eventstore::cursor::Cursor;
use serde::Serialize;
use std::time::Duration;

/// The header of an answer that says how far into the log it reaches.
pub const POSITION: HeaderName = HeaderName::from_static("clew-position");
/// The header of a read that says what it must have seen.
pub const MIN_POSITION: HeaderName = HeaderName::from_static("clew-min-position");
/// How long a read waits.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What a command answers with when there is nothing else to tell.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Receipt {
    /// What to wait for before reading what the command did; absent if nothing was ever written there.
    #[schema(example = "p2a")]
    pub position: Option<String>,
}

/// The text of a position, as answers carry it.
pub fn position_of(position: Option<Position>) -> Option<String> {
    position.map(|position| Cursor::at(position).to_string())
}

/// An answer with the header that says how far it reaches.
pub struct AtPosition<T>(pub Option<Position>, pub T);

impl<T: IntoResponse> IntoResponse for AtPosition<T> {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        if let Some(text) = position_of(self.0) {
            let value = HeaderValue::try_from(text).expect("a cursor's text is visible ASCII");
            response.headers_mut().insert(POSITION, value);
        }
        response
    }
}

/// Lets a read wait until the views have seen what its caller has, and tells how far it reaches.
pub async fn wait_for_position(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    match wanted(&request) {
        Err(problem) => return problem.into_response(),
        Ok(Some(cursor)) => {
            if tokio::time::timeout(WAIT_MAX, app.wait_for(&cursor)).await.is_err() {
                return Problem::new(&kinds::PROJECTION_BEHIND).retry_after(Duration::from_secs(1)).into_response();
            }
        }
        Ok(None) => {}
    }
    let seen = app.seen();
    let mut response = next.run(request).await;
    let value = HeaderValue::try_from(seen.to_string()).expect("a cursor's text is visible ASCII");
    response.headers_mut().entry(POSITION).or_insert(value);
    response
}

fn wanted(request: &Request) -> Result<Option<Cursor>, Problem> {
    let header = request.headers().get(MIN_POSITION).map(|value| value.to_str().unwrap_or("?"));
    let query = request.uri().query().unwrap_or_default();
    let parameter = query.split('&').find_map(|pair| pair.strip_prefix("min_position="));
    match header.or(parameter) {
        None => Ok(None),
        Some(text) => Ok(Some(text.parse()?)),
    }
}
