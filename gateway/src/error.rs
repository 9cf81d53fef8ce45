//! The one place where what went wrong becomes an HTTP answer: problem details (RFC 9457) with a stable `type`.
//! `kinds.rs` lists every type, `rejections.rs` says which one each refusal of the domain or the store is.

pub mod kinds;
mod rejections;

pub use kinds::Kind;

use axum::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;
use uuid::Uuid;

tokio::task_local! {
    /// The id of the request being answered; the answer's `instance` names it.
    pub(crate) static REQUEST: Uuid;
}

/// What a handler answers when it does not do what was asked.
///
/// `detail` and the extra members are shown to the client and logged: no plaintext may stand in them, other than
/// what the same request brought.
#[derive(Debug)]
pub struct Problem(Box<Particulars>);

#[derive(Debug)]
struct Particulars {
    kind: &'static Kind,
    detail: Option<String>,
    extras: Map<String, Value>,
    headers: HeaderMap,
}

/// A problem as OpenAPI shows it (RFC 9457). A type may bring further members.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct ProblemDetails {
    /// Which problem: `/problems/` and a slug that stays as it is. The address answers with an explanation.
    #[schema(example = "/problems/not-found")]
    pub r#type: String,
    /// What the type means, in short.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is the matter this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// This occurrence: the id of the request, which the log names too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Members of this type of problem.
    #[serde(flatten)]
    #[schema(ignore)]
    pub extras: Map<String, Value>,
}

impl Problem {
    /// A problem of this kind, without particulars.
    pub fn new(kind: &'static Kind) -> Self {
        Self(Box::new(Particulars { kind, detail: None, extras: Map::new(), headers: HeaderMap::new() }))
    }

    /// Says what is the matter this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a member that belongs to this type of problem.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("members of problems are plain data");
        self.0.extras.insert(name.to_owned(), value);
        self
    }

    /// Says when to try again, in full seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.0.headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Which kind it is.
    pub fn kind(&self) -> &'static Kind {
        self.0.kind
    }

    /// Its body, as a bulk act shows it for one of its lines.
    pub fn details(self) -> ProblemDetails {
        let Particulars { kind, detail, extras, headers: _ } = *self.0;
        ProblemDetails {
            r#type: format!("/problems/{}", kind.slug),
            title: kind.title.to_owned(),
            status: kind.status.as_u16(),
            detail,
            instance: REQUEST.try_with(|id| format!("urn:uuid:{id}")).ok(),
            extras,
        }
    }
}

impl From<&'static Kind> for Problem {
    fn from(kind: &'static Kind) -> Self {
        Self::new(kind)
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let kind = self.0.kind;
        if kind.status.is_server_error() {
            tracing::error!(problem = kind.slug, detail = self.0.detail.as_deref(), "the request failed");
        }
        let mut headers = std::mem::take(&mut self.0.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let body = serde_json::to_vec(&self.details()).expect("problem details are plain data");
        let mut response = (kind.status, headers, body).into_response();
        response.extensions_mut().insert(kind);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_full_seconds() {
        for (wait_ms, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2")] {
            let problem = Problem::new(&kinds::RATE_LIMITED).retry_after(Duration::from_millis(wait_ms));
            assert_eq!(problem.into_response().headers()[RETRY_AFTER], seconds);
        }
    }

    #[test]
    fn extra_members_stand_beside_the_standard_ones() {
        let details = Problem::new(&kinds::NOT_FOUND).detail("no such team").with("team", 7).details();
        let json = serde_json::to_value(details).expect("plain data");
        assert_eq!(json["type"], "/problems/not-found");
        assert_eq!(json["status"], 404);
        assert_eq!(json["detail"], "no such team");
        assert_eq!(json["team"], 7);
        assert!(json.get("instance").is_none());
    }
}
