//! Asks the configured witnesses to cosign the log, over HTTP: at intervals, or when told to. What is said to them,
//! and what their answers mean, is `clew_eventstore::proofs::witness`'.
//!
//! Plain HTTP only: what a witness signs is checked with its key, so the way there needs no secrecy.

use crate::proofs::Proofs;
use crate::state::AppState;
use axum::body::Bytes;
use clew_eventstore::proofs::witness::{Answer, take_answer};
use clew_eventstore::proofs::{Log, ProofError, SignedCheckpoint, VerifierKey};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long one witness may take for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer at most; a cosignature takes a few hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How often one witness is asked anew because it has seen another size than we thought.
const ATTEMPTS_MAX: usize = 3;

/// A witness that can be asked.
pub struct Asked {
    key: VerifierKey,
    address: Uri,
    /// Host and port to connect to.
    host: (String, u16),
}

/// What came of asking one witness.
pub struct Outcome {
    /// The name of its key.
    pub witness: String,
    /// When it cosigned, in seconds since 1970; or why it did not.
    pub result: Result<u64, String>,
}

impl Asked {
    /// The witness with this address and key; or why it can't be asked.
    pub fn parse(url: &str, key: &str) -> Result<Self, String> {
        let key: VerifierKey = key.parse().map_err(|error: ProofError| error.to_string())?;
        let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let address: Uri = address.parse().map_err(|_| "its url is not an address".to_owned())?;
        if address.scheme_str() != Some("http") {
            return Err("only http:// is spoken here; for https put a forwarding proxy of your own in between".into());
        }
        let host = address.host().ok_or("its url names no host")?.trim_matches(['[', ']']).to_owned();
        let port = address.port_u16().unwrap_or(80);
        Ok(Self { key, address, host: (host, port) })
    }

    /// Asks for a cosignature, which is then in the checkpoint.
    async fn cosign(&self, log: &Log, signed: &mut SignedCheckpoint) -> Result<u64, String> {
        let told = |error: ProofError| error.to_string();
        let seen = log.witnessed().filter(|seen| seen.cosigned_at(&self.key).is_ok_and(|at| at.is_some()));
        let mut old = seen.map_or(0, |seen| seen.checkpoint().size).min(signed.checkpoint().size);
        for _ in 0..ATTEMPTS_MAX {
            let body = log.ask_witness(signed, old).map_err(told)?;
            let answer = tokio::time::timeout(ANSWER_MAX, self.post(body)).await;
            let (status, text) = answer.map_err(|_| format!("no answer within {} s", ANSWER_MAX.as_secs()))??;
            match take_answer(signed, &self.key, old, status, &text).map_err(told)? {
                Answer::Cosigned(at) => return Ok(at),
                Answer::SeenUpTo(size) => old = size,
                Answer::Refused(why) => return Err(why.to_owned()),
            }
        }
        Err("it names another size each time it is asked".into())
    }

    async fn post(&self, body: String) -> Result<(u16, String), String> {
        let (host, port) = (self.host.0.as_str(), self.host.1);
        let failed = |error: &dyn std::fmt::Display| format!("{host}:{port}: {error}");
        let stream = TcpStream::connect((host, port)).await.map_err(|error| failed(&error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| failed(&error))?;
        let connection = tokio::spawn(connection);
        let path = self.address.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.address.authority().map_or(host, |authority| authority.as_str());
        let request = Request::post(path).header(HOST, authority).header(CONTENT_TYPE, "text/plain; charset=utf-8");
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| failed(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| failed(&error))?.to_bytes();
        connection.abort();
        let text = String::from_utf8(body.into()).map_err(|_| "its answer is not text".to_owned())?;
        Ok((status, text))
    }
}

/// Signs the log as it is and asks each witness to cosign that, partition by partition; what they sign is kept and served.
/// Answers the checkpoint of each partition with what came of asking.
pub async fn ask_all(
    proofs: &Proofs,
    witnesses: &[Asked],
) -> Result<Vec<(SignedCheckpoint, Vec<Outcome>)>, ProofError> {
    proofs.refresh().await?;
    let mut asked = Vec::with_capacity(proofs.logs().len());
    for log in proofs.logs() {
        asked.push(ask_for(log, witnesses).await?);
    }
    Ok(asked)
}

async fn ask_for(log: &Log, witnesses: &[Asked]) -> Result<(SignedCheckpoint, Vec<Outcome>), ProofError> {
    let stopped = || ProofError::Stopped("the log is not signed".into());
    let mut signed = log.served().ok_or_else(stopped)?;
    let mut outcomes = Vec::with_capacity(witnesses.len());
    for witness in witnesses {
        let result = match signed.cosigned_at(&witness.key) {
            Ok(Some(at)) => Ok(at),
            Ok(None) | Err(_) => witness.cosign(log, &mut signed).await,
        };
        outcomes.push(Outcome { witness: witness.key.name().to_owned(), result });
    }
    if outcomes.iter().any(|outcome| outcome.result.is_ok()) {
        log.keep_witnessed(&signed)?;
    }
    Ok((signed, outcomes))
}

/// Those that the settings name; their addresses and keys were checked when the settings were read.
pub fn configured(app: &AppState) -> Vec<Asked> {
    app.config.witnesses.iter().filter_map(|witness| Asked::parse(&witness.url, &witness.key).ok()).collect()
}

/// Asks at the interval that is set, until the server stops; what goes wrong is logged when it changes.
pub async fn run(app: AppState) {
    let witnesses = configured(&app);
    if witnesses.is_empty() || app.config.witness_interval_s == 0 {
        return;
    }
    let every = Duration::from_secs(app.config.witness_interval_s.into());
    let mut stopping = app.stopping.clone();
    loop {
        let trouble = match ask_all(&app.proofs, &witnesses).await {
            Ok(asked) => trouble(asked.iter().flat_map(|(_, outcomes)| outcomes)),
            Err(error) => Some(error.to_string()),
        };
        if app.proofs.set_witness_trouble(trouble.clone())
            && let Some(why) = trouble
        {
            tracing::warn!(why, "not every witness cosigned the log");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

fn trouble<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Option<String> {
    let failed =
        outcomes.filter_map(|outcome| outcome.result.as_ref().err().map(|why| format!("{}: {why}", outcome.witness)));
    let failed: Vec<String> = failed.collect();
    (!failed.is_empty()).then(|| failed.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn what_can_not_be_asked_says_why() {
        assert_eq!(Asked::parse("http://[::1]:7/w/", KEY).map(|asked| asked.host), Ok(("::1".to_owned(), 7)));
        for (url, key) in [("https://witness.example", KEY), ("witness", KEY), ("http://witness.example", "key")] {
            assert!(Asked::parse(url, key).is_err(), "{url} {key}");
        }
    }
}
