//! Asks a running server over its API: plain HTTP/1.1 to its address, with a token. Where the server is reached over
//! TLS alone, ask it on its own machine, past the proxy.

use super::{Exit, Failure};
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;

/// Which server to ask, if one.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Server {
    /// Ask the server at this address instead of opening a data directory, as in `http://127.0.0.1:8080`
    #[arg(long, env = "CLEW_SERVER", value_name = "URL")]
    pub(super) server: Option<String>,

    /// Token of an account that may do this; see `clew token issue`
    #[arg(long, env = "CLEW_TOKEN", value_name = "TOKEN", hide_env_values = true, requires = "server")]
    token: Option<String>,
}

/// A server that is asked.
pub(super) struct Remote {
    authority: String,
    token: Option<String>,
}

impl Server {
    /// The server that was named, if one was.
    pub(super) fn remote(&self) -> Result<Option<Remote>, Failure> {
        let Some(url) = &self.server else { return Ok(None) };
        let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')).unwrap_or_default();
        if authority.is_empty() || authority.contains('/') {
            let why = format!("--server: '{url}' is not an address of the form http://HOST:PORT");
            return Err(Failure::new(Exit::Usage, why));
        }
        let authority = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Some(Remote { authority, token: self.token.clone() }))
    }
}

impl Remote {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::DELETE, path, None).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<T, Failure> {
        let unreachable = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Failed, format!("the server at {} can't be asked: {error}", self.authority))
        };
        let stream = TcpStream::connect(&self.authority).await.map_err(|error| unreachable(&error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| unreachable(&error))?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::<Bytes>::from(body.unwrap_or_default()));
        let request = request.map_err(|error| unreachable(&error))?;
        let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(|error| unreachable(&error))?.to_bytes();
        connection.abort();
        if !status.is_success() {
            return Err(refused(status.as_u16(), &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| unreachable(&format!("its answer is not understood: {error}")))
    }
}

/// What the server says is the matter, and the code for the script.
fn refused(status: u16, body: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let word = |name| problem.get(name).and_then(Value::as_str);
    let mut message = word("detail").or(word("title")).unwrap_or("the server does not say why").to_owned();
    if status == 401 || status == 403 {
        message.push_str("; give a token of an account with the role that this needs (--token, CLEW_TOKEN)");
    }
    let exit = match status {
        404 => Exit::NotFound,
        400..=499 => Exit::Refused,
        _ => Exit::Failed,
    };
    Failure::new(exit, format!("the server refused ({status}): {message}"))
}
