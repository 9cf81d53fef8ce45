//! What handlers take: typed parts of a request, each refused with a problem that says what is wrong with it.
//! `Path`, `Query` and `Json` stand where axum's would, so that OpenAPI finds them.

mod body;
mod command;
mod position;

pub use body::{Json, read_body};
pub use command::{Command, IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_CHARACTERS_MAX};
pub use position::{AtPosition, MIN_POSITION, POSITION, Receipt, place_of, position_of, wait_for_position};

use crate::auth::{Caller, Identity};
use crate::error::{Problem, kinds};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Identity>().unwrap_or(&Identity::Nobody).caller().cloned()
    }
}

/// The variable parts of the address. One that can't be what it should names nothing.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::new(&kinds::NOT_FOUND).detail(rejection.body_text())),
        }
    }
}

/// The parameters behind the `?`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::new(&kinds::INVALID_QUERY).detail(rejection.body_text())),
        }
    }
}

/// The address that a request came from, as far as our own proxies can be trusted.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::LOCALHOST))))
    }
}

impl ClientAddress {
    /// The address behind so many trusted proxies: each wrote the address that it saw at the end of the header.
    pub fn of(peer: SocketAddr, headers: &axum::http::HeaderMap, trusted_proxies: u8) -> Self {
        let forwarded = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = forwarded.flat_map(|line| line.split(',')).map(str::trim).collect();
        let index = hops.len().checked_sub(usize::from(trusted_proxies)).filter(|_| trusted_proxies > 0);
        let told = index.and_then(|index| hops.get(index)).and_then(|hop| hop.parse().ok());
        Self(told.unwrap_or(peer.ip()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn only_what_our_own_proxies_wrote_is_believed() {
        let peer: SocketAddr = "10.0.0.1:1".parse().expect("an address");
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("1.1.1.1, 2.2.2.2"));
        let seen = |proxies| ClientAddress::of(peer, &headers, proxies).0.to_string();
        assert_eq!(seen(0), "10.0.0.1");
        assert_eq!(seen(1), "2.2.2.2");
        assert_eq!(seen(2), "1.1.1.1");
        assert_eq!(seen(3), "10.0.0.1");
    }
}
