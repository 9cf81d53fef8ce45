//! What a request meets before its handler: how many run at once, how long one may take, who calls, how often,
//! and whether the page that it came from is ours.

use super::trace::Answered;
use crate::auth::{Caller, Credential, Identity};
use crate::error::{Problem, kinds};
use crate::extract::ClientAddress;
use crate::state::{AppState, RateKey};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes on no more requests than the server can work on, and ends those that take too long.
pub async fn bound(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let Ok(_turn) = Arc::clone(&app.in_flight).try_acquire_owned() else {
        return Problem::new(&kinds::OVERLOADED).retry_after(Duration::from_secs(1)).into_response();
    };
    match tokio::time::timeout(app.config.request_timeout(), next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(&kinds::TIMED_OUT).retry_after(Duration::from_secs(1)).into_response(),
    }
}

/// Finds out who calls, and turns away who calls too often or from another site.
pub async fn identify(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(nowhere, |info| info.0);
    let address = ClientAddress::of(peer, request.headers(), app.config.trusted_proxies);
    let identity = Identity::of(&app, request.headers());
    let mut response = if let Err(problem) = admit(&app, &request, &identity, address) {
        problem.into_response()
    } else {
        request.extensions_mut().insert(address);
        request.extensions_mut().insert(identity.clone());
        next.run(request).await
    };
    response.extensions_mut().insert(Answered(identity));
    response
}

fn admit(app: &AppState, request: &Request, identity: &Identity, address: ClientAddress) -> Result<(), Problem> {
    let key = match identity {
        Identity::Caller(caller) => RateKey::Agent(caller.agent),
        Identity::Nobody | Identity::Refused(_) => RateKey::Address(address.0),
    };
    app.rate.take(key, Instant::now()).map_err(|wait| Problem::new(&kinds::RATE_LIMITED).retry_after(wait))?;
    let by_cookie = matches!(identity, Identity::Caller(caller) if is_session(caller));
    if is_from_elsewhere(request.method(), request.headers(), by_cookie, app.config.public_url.as_deref()) {
        return Err(Problem::new(&kinds::CROSS_SITE));
    }
    Ok(())
}

fn is_session(caller: &Caller) -> bool {
    matches!(caller.credential, Credential::Session(_))
}

/// Whether a request that may change something comes from a page of another site. Browsers say so by
/// `Sec-Fetch-Site`, older ones by `Origin`; with a session cookie one of the two must be there.
fn is_from_elsewhere(method: &Method, headers: &HeaderMap, by_cookie: bool, public_url: Option<&str>) -> bool {
    if method.is_safe() {
        return false;
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (header("sec-fetch-site"), header(ORIGIN.as_str())) {
        (Some(site), _) => site != "same-origin" && site != "none",
        (None, Some(origin)) => match public_url {
            Some(ours) => origin != ours,
            None => origin.split_once("://").map(|(_, host)| host) != header(HOST.as_str()),
        },
        (None, None) => by_cookie,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn elsewhere(pairs: &[(&'static str, &'static str)], by_cookie: bool, public_url: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        is_from_elsewhere(&Method::POST, &headers, by_cookie, public_url)
    }

    #[test]
    fn only_our_own_pages_may_change_something_with_a_cookie() {
        assert!(!elsewhere(&[("sec-fetch-site", "same-origin")], true, None));
        assert!(elsewhere(&[("sec-fetch-site", "cross-site")], true, None));
        assert!(elsewhere(&[("sec-fetch-site", "same-site")], true, None));
        assert!(!elsewhere(&[("origin", "http://desk:8080"), ("host", "desk:8080")], true, None));
        assert!(elsewhere(&[("origin", "http://evil"), ("host", "desk:8080")], true, None));
        assert!(elsewhere(&[("origin", "null"), ("host", "desk:8080")], true, None));
        assert!(elsewhere(&[("origin", "http://desk"), ("host", "desk")], true, Some("https://desk")));
        assert!(elsewhere(&[], true, None));
        assert!(!elsewhere(&[], false, None), "a program with a token sends neither");
        assert!(elsewhere(&[("sec-fetch-site", "cross-site")], false, None), "nor may another site sign one in");
    }

    #[test]
    fn reading_is_free() {
        assert!(!is_from_elsewhere(&Method::GET, &HeaderMap::new(), true, None));
    }
}
