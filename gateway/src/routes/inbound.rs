//! `POST /v1/inbound/{channel}`: what a channel tells us, signed as the Standard Webhooks specification says
//! (<https://www.standardwebhooks.com>): HMAC-SHA256 over `id.timestamp.body` under the channel's secret.

use crate::attachments::NewAttachment;
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Json, Path, position_of, read_body};
use crate::ingest::{ChannelMessage, Ingested, Report, Source, ThreadName, Verdict};
use crate::reader::Reader;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_domain::conversation::{DeliveryFailure, MessageKind};
use clew_domain::ids::{ChannelId, ConversationId, MessageId};
use clew_domain::plaintext::{ContactIdentity, Delivery, Secret};
use clew_domain::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How far a webhook's timestamp may be from our clock.
const TOLERANCE_S: i64 = 300;
/// What the text of a secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a webhook's body at most; attachments come in it.
const BODY_BYTES_MAX: usize = 30 * 1024 * 1024;

/// What a channel tells. Members beside `type` and `data`, such as the `timestamp` of Standard Webhooks, are passed over.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", content = "data")]
pub enum Told {
    /// The contact wrote.
    #[serde(rename = "message.received")]
    Received(Received),
    /// We wrote, on the channel itself.
    #[serde(rename = "message.sent")]
    Sent(Sent),
    /// The channel took a reply.
    #[serde(rename = "delivery.accepted")]
    Accepted(Accepted),
    /// The channel did not take a reply.
    #[serde(rename = "delivery.failed")]
    Failed(Failed),
}

/// A message of a contact.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// What the channel calls the message; the same message told twice lands once.
    id: String,
    /// Who wrote it.
    contact: Person,
    /// What it says; may be empty if there is an attachment.
    #[serde(default)]
    text: String,
    /// What kind of message it is; the channel's usual kind, if absent.
    kind: Option<MessageKind>,
    /// When it was written; now, if absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// The public thread that it is part of, as the channel calls it.
    thread: Option<String>,
    /// The message that it answers, as the channel calls it.
    answers: Option<String>,
    /// Where it can be read in public.
    link: Option<String>,
    /// What came with it.
    #[serde(default)]
    attachments: Vec<InboundAttachment>,
}

/// Somebody on a channel.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// By what the channel knows them.
    handle: String,
    /// How the channel shows them.
    name: Option<String>,
}

/// A file that came with a message.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InboundAttachment {
    /// Its name.
    name: String,
    /// Its media type.
    media_type: String,
    /// Its bytes in Base64.
    data_base64: String,
}

impl std::fmt::Debug for InboundAttachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InboundAttachment(..)")
    }
}

/// A message of ours that was written on the channel itself.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// What the channel calls the message.
    id: String,
    /// To whom.
    to: Person,
    /// What it says.
    #[serde(default)]
    text: String,
    /// What kind of message it is; the channel's usual kind, if absent.
    kind: Option<MessageKind>,
    /// When it was written; now, if absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// The public thread that it is part of, as the channel calls it.
    thread: Option<String>,
    /// The message that it answers, as the channel calls it.
    answers: Option<String>,
    /// Where it can be read in public.
    link: Option<String>,
    /// Who wrote it, as the channel shows them.
    author: Option<String>,
}

/// A reply that the channel took.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Its conversation, as the outbox told.
    conversation: ConversationId,
    /// The reply, as the outbox told.
    reply: MessageId,
    /// What the channel calls it.
    external_id: Option<String>,
    /// Where it can be read in public.
    link: Option<String>,
}

/// A reply that the channel did not take.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Its conversation, as the outbox told.
    conversation: ConversationId,
    /// The reply, as the outbox told.
    reply: MessageId,
    /// Why.
    cause: DeliveryFailure,
}

/// What became of what the channel told.
#[derive(Serialize, utoipa::ToSchema)]
pub struct TakenIn {
    /// The conversation that it is in; none for a message of a blocked contact.
    conversation: Option<ConversationId>,
    /// The message that it is about.
    message: MessageId,
    /// Whether it is new.
    outcome: TakenInOutcome,
    /// What to wait for before reading it.
    position: Option<String>,
}

/// Whether what a channel told is new.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakenInOutcome {
    /// It was taken in.
    Accepted,
    /// It was here already; nothing changed.
    Duplicate,
    /// Its thread or contact is blocked; the log says so.
    Refused,
}

/// Takes in what a channel tells: a message, or what became of a reply.
#[utoipa::path(post, path = "/v1/inbound/{channel}", tag = "connectors", params(("channel" = ChannelId, Path),
    ("webhook-id" = String, Header, description = "The webhook's own id"),
    ("webhook-timestamp" = i64, Header, description = "When it was sent, in seconds since 1970"),
    ("webhook-signature" = String, Header, description = "`v1,` and the Base64 of the HMAC-SHA256; several may stand in a row")),
    request_body = Told, responses((status = 202, body = TakenIn)))]
pub async fn take_in(
    State(app): State<AppState>,
    Path(channel): Path<ChannelId>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, AtPosition<Json<TakenIn>>), Problem> {
    let settings = app.directory.settings();
    let connected = settings.workspace.connected_channel(channel).ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    let source =
        Source::of(&settings.workspace, settings.version, channel).ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    let source = Source { rules: Some(Arc::clone(&settings.workspace)), ..source };
    let secret = match connected.secret {
        None => return Err(Problem::new(&kinds::SIGNATURE_INVALID).detail("the channel has no secret yet; set one")),
        Some(content) => Reader::new(&app, Arc::clone(&settings.workspace)).open::<Secret>(content).await?,
    };
    let secret = Zeroizing::new(secret.ok_or_else(|| Problem::new(&kinds::SIGNATURE_INVALID))?.secret);
    let body = read_body(body, BODY_BYTES_MAX).await?;
    verify(&secret, &headers, &body, app.clock.now())?;
    let told: Told =
        serde_json::from_slice(&body).map_err(|error| Problem::new(&kinds::INVALID_BODY).detail(error.to_string()))?;
    let ingested = take(&app, &source, told).await?;
    if let Some(position) = ingested.position {
        app.directory.wait_for(position).await;
    }
    let outcome = match ingested.verdict {
        Verdict::Accepted => TakenInOutcome::Accepted,
        Verdict::Duplicate => TakenInOutcome::Duplicate,
        Verdict::Refused => TakenInOutcome::Refused,
    };
    let Ingested { conversation, message, position, .. } = ingested;
    let body = TakenIn { conversation, message, outcome, position: position_of(position) };
    Ok((StatusCode::ACCEPTED, AtPosition(position, Json(body))))
}

async fn take(app: &AppState, source: &Source, told: Told) -> Result<Ingested, Problem> {
    let now = app.clock.now();
    let taken = match told {
        Told::Received(received) => {
            let attachments: Result<Vec<_>, _> = received.attachments.into_iter().map(decoded).collect();
            let message = ChannelMessage {
                id: received.id,
                contact: ContactIdentity { handle: received.contact.handle, name: received.contact.name },
                text: received.text,
                kind: received.kind,
                at: received.at.unwrap_or(now),
                thread: received.thread.map(ThreadName::Named),
                answers: received.answers,
                link: received.link,
                author: None,
                attachments: attachments?,
            };
            app.ingest.receive(source, message).await
        }
        Told::Sent(sent) => {
            let message = ChannelMessage {
                id: sent.id,
                contact: ContactIdentity { handle: sent.to.handle, name: sent.to.name },
                text: sent.text,
                kind: sent.kind,
                at: sent.at.unwrap_or(now),
                thread: sent.thread.map(ThreadName::Named),
                answers: sent.answers,
                link: sent.link,
                author: sent.author,
                attachments: Vec::new(),
            };
            app.ingest.record_reply(source, message).await
        }
        Told::Accepted(Accepted { conversation, reply, external_id, link }) => {
            let told_more = external_id.is_some() || link.is_some();
            let receipt = told_more.then_some(Delivery { external_id, link });
            app.ingest.report_delivery(source, conversation, reply, Report::Accepted { receipt, at: now }).await
        }
        Told::Failed(Failed { conversation, reply, cause }) => {
            app.ingest.report_delivery(source, conversation, reply, Report::Failed { cause, at: now }).await
        }
    };
    taken.map_err(Problem::from)
}

fn decoded(attachment: InboundAttachment) -> Result<NewAttachment, Problem> {
    let bytes = STANDARD.decode(&attachment.data_base64).map_err(|_| {
        Problem::new(&kinds::INVALID_BODY).detail("data_base64 of an attachment is not Base64 (RFC 4648, padded)")
    })?;
    Ok(NewAttachment { name: attachment.name, media_type: attachment.media_type, bytes })
}

/// Refuses what was not signed with the channel's secret, or not lately.
fn verify(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Problem> {
    let refuse = |why: &str| Problem::new(&kinds::SIGNATURE_INVALID).detail(why);
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| refuse(&format!("the header {name} is missing")))
    };
    let (id, sent, signatures) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    let sent_s: i64 = sent.parse().map_err(|_| refuse("webhook-timestamp is not a number of seconds since 1970"))?;
    if (now.micros() / 1_000_000).abs_diff(sent_s) > TOLERANCE_S.unsigned_abs() {
        return Err(refuse("webhook-timestamp is more than five minutes from our clock; send it again, signed anew"));
    }
    let key = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
    let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| Problem::new(&kinds::INTERNAL))?);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    for part in [id.as_bytes(), b".", sent.as_bytes(), b".", body] {
        mac.update(part);
    }
    let given = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let mut given = given.filter_map(|one| STANDARD.decode(one).ok());
    if given.any(|signature| mac.clone().verify_slice(&signature).is_ok()) {
        Ok(())
    } else {
        Err(refuse("no signature is right; sign `webhook-id.webhook-timestamp.body` with the channel's secret"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_614_265_330_000_000);

    fn headers(signature: &str, sent: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert("webhook-timestamp", sent.parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        headers
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn the_specification_s_own_example_verifies() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert!(verify(secret, &headers(right, "1614265330"), body, NOW).is_ok());
        assert!(verify(secret, &headers(&format!("v1,AAAA {right}"), "1614265330"), body, NOW).is_ok());
        assert!(verify(secret, &headers(right, "1614265331"), body, NOW).is_err());
        assert!(verify(secret, &headers(right, "1614265330"), b"{}", NOW).is_err());
        assert!(verify(secret, &headers(right, "1614265330"), body, NOW.plus_secs(301)).is_err());
        assert!(verify("whsec_AAAA", &headers(right, "1614265330"), body, NOW).is_err());
    }
}
