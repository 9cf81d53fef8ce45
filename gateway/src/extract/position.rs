//! Read your writes: what a command answers with, and what a read waits for.

use crate::error::Problem;
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
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

/// The one place that the position of a thing names, as [`position_of`] wrote it.
pub fn place_of(position: &Cursor) -> Option<Position> {
    (0..position.partitions()).map(|partition| position.position(partition)).find(|place| place.sequence > 0)
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
///
/// The query parameter is taken out of the address, so that no handler has to know it.
pub async fn wait_for_position(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    match wanted(&mut request) {
        Err(problem) => return problem.into_response(),
        Ok(Some(cursor)) => {
            if let Err(behind) = app.wait_for(&cursor, WAIT_MAX).await {
                return behind.into_response();
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

fn wanted(request: &mut Request) -> Result<Option<Cursor>, Problem> {
    let parameter = take_parameter(request.uri_mut());
    let header = request.headers().get(MIN_POSITION).map(|value| value.to_str().unwrap_or("?").to_owned());
    match header.or(parameter) {
        None => Ok(None),
        Some(text) => Ok(Some(text.parse()?)),
    }
}

/// Takes `min_position` out of the address. A position holds nothing that would have to be escaped.
fn take_parameter(uri: &mut Uri) -> Option<String> {
    const NAME: &str = "min_position=";
    let query = uri.query()?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(NAME))?.to_owned();
    let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with(NAME)).collect();
    let separator = if rest.is_empty() { "" } else { "?" };
    let target = format!("{}{separator}{}", uri.path(), rest.join("&"));
    *uri = target.parse().expect("an address without one of its parameters is an address");
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_is_taken_out_and_the_others_stay() {
        for (before, after) in [
            ("/v1/me?min_position=p1", "/v1/me"),
            ("/v1/agents?name=a&min_position=p1&x=%20", "/v1/agents?name=a&x=%20"),
        ] {
            let mut uri: Uri = before.parse().expect("an address");
            assert_eq!(take_parameter(&mut uri).as_deref(), Some("p1"));
            assert_eq!(uri.to_string(), after);
        }
        let mut uri: Uri = "/v1/me?a=b".parse().expect("an address");
        assert_eq!(take_parameter(&mut uri), None);
        assert_eq!(uri.to_string(), "/v1/me?a=b");
    }
}
