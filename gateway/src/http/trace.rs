//! The outermost layer: gives each request an id, logs and measures its answer, turns a panic into a problem.
//! Neither addresses' query strings nor bodies nor header values are logged.

use crate::auth::{Credential, Identity};
use crate::error::{Kind, Problem, REQUEST, kinds};
use crate::state::AppState;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// The header that carries the id of the request in its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who a request turned out to come from; what inner layers tell this one.
#[derive(Clone)]
pub struct Answered(pub Identity);

/// Runs the request under an id of its own.
pub async fn trace(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let id = Uuid::new_v4();
    let began = Instant::now();
    let method = request.method().clone();
    // The template of the address: ids in it name things, and things that nobody may name are not logged.
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %id, %method, route);
    let answer = AssertUnwindSafe(REQUEST.scope(id, next.run(request).instrument(span.clone()))).catch_unwind();
    let mut response = match answer.await {
        Ok(response) => response,
        // The payload may hold anything, so it is not logged; the panic hook names the place.
        Err(_) => REQUEST.sync_scope(id, || Problem::new(&kinds::INTERNAL).into_response()),
    };
    let value = HeaderValue::try_from(id.to_string()).expect("a UUID is visible ASCII");
    response.headers_mut().insert(REQUEST_ID, value);
    let took = began.elapsed();
    app.metrics.answered(method.as_str(), &route, response.status().as_u16(), took);
    let caller = response.extensions().get::<Answered>().and_then(|answered| caller_of(&answered.0));
    let problem = response.extensions().get::<&'static Kind>().map(|kind| kind.slug);
    span.in_scope(|| {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = response.status().as_u16(), took_ms, caller, problem, "answered");
    });
    response
}

fn caller_of(identity: &Identity) -> Option<String> {
    let Identity::Caller(caller) = identity else { return None };
    Some(match &caller.credential {
        Credential::Session(_) => format!("agent {}", caller.agent),
        Credential::Token { token, .. } => format!("agent {} by token {token}", caller.agent),
    })
}
