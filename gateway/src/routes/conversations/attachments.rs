//! Files of a conversation: uploaded before the reply that they go with, fetched by who may read it.

use super::{number_of, open};
use crate::attachments::{self, MAGIC_BYTES};
use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{Command, Json, Path, Query};
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use clew_domain::conversation::Attachment;
use clew_domain::ids::{AttachmentId, ConversationId, MessageId};
use clew_domain::workspace::ChannelRight;
use clew_eventstore::vault::attachment::{self, Writer};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::sync::Arc;

/// How a file that is uploaded is called.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The file's name.
    name: String,
}

/// A file that was uploaded.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Uploaded {
    /// What a reply names among its attachments, within an hour.
    upload: AttachmentId,
    /// The file's name.
    name: String,
    /// Its media type.
    media_type: String,
    /// Its size.
    size_bytes: u64,
}

/// Uploads a file for a reply that is still to be sent. The body is the file, `Content-Type` its type, and
/// `Content-Length` must be told.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/uploads", tag = "conversations",
    params(("conversation" = ConversationId, Path), Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Uploaded)))]
pub async fn upload(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    Query(Named { name }): Query<Named>,
    command: Command,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    let there = open(&app, &command.caller, conversation, ChannelRight::Contributor).await?;
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let size = header(CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let size: u64 = size
        .ok_or_else(|| Problem::new(&kinds::INVALID_HEADER).detail("Content-Length must tell the size of the file"))?;
    let media_type = header(CONTENT_TYPE).unwrap_or_default();
    let mut stream = body.into_data_stream();
    let mut beginning = Vec::new();
    while beginning.len() < MAGIC_BYTES {
        match stream.next().await {
            Some(bytes) => beginning.extend_from_slice(&bytes.map_err(|_| broken_off())?),
            None => break,
        }
    }
    let label = attachments::label(&name, media_type, size, &beginning)?;
    let owner = number_of(&app, there.started.contact).await?;
    let id = AttachmentId(command.fresh("upload"));
    let (store, vault) = (Arc::clone(&app.store), Arc::clone(&app.vault));
    let mut writer = Writer::new(store, vault, owner, id, label.clone())?;
    writer.write(&beginning).await?;
    while let Some(bytes) = stream.next().await {
        writer.write(&bytes.map_err(|_| broken_off())?).await?;
    }
    app.uploads.stage(command.caller.agent, conversation, writer.finish().await?)?;
    let uploaded =
        Uploaded { upload: id, name: label.name, media_type: label.media_type, size_bytes: label.size_bytes };
    Ok((StatusCode::CREATED, Json(uploaded)))
}

fn broken_off() -> Problem {
    Problem::new(&kinds::INVALID_BODY).detail("the upload broke off; send the file again")
}

/// The bytes of an attachment.
#[utoipa::path(get, path = "/v1/conversations/{conversation}/messages/{message}/attachments/{attachment}",
    tag = "conversations", params(("conversation" = ConversationId, Path), ("message" = MessageId, Path),
    ("attachment" = AttachmentId, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
pub async fn fetch(
    State(app): State<AppState>,
    Path((conversation, message, id)): Path<(ConversationId, MessageId, AttachmentId)>,
    caller: Caller,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(&kinds::NOT_FOUND);
    let header = app.projections.conversations().header(conversation)?.ok_or_else(not_found)?;
    // A program that carries replies out fetches their files too.
    if !caller.has(Permission::BringMessagesIn) {
        caller.require_on(header.started.channel, ChannelRight::Viewer)?;
        caller.require_sight(header.agent)?;
    }
    let message = app.projections.conversations().message(conversation, message)?.ok_or_else(not_found)?;
    let found = message.attachments.iter().find(|found| found.id == id).ok_or_else(not_found)?;
    if found.masked.is_some() || message.masked.is_some() {
        return Err(Problem::new(&kinds::MASKED).with("attachment", id));
    }
    let attachment = Attachment { id, label: found.label, body: found.body, commitment: found.commitment };
    let label = attachment::read_label(&*app.store, &app.vault, attachment.label).await?;
    let chunks = attachment::read(Arc::clone(&app.store), Arc::clone(&app.vault), attachment);
    let body = Body::from_stream(chunks.map(|chunk| chunk.map(|bytes| bytes.to_vec())));
    let disposition = disposition(&label.name, attachments::is_shown(&label.media_type));
    let headers = [
        (CONTENT_TYPE, label.media_type),
        (CONTENT_DISPOSITION, disposition),
        (CONTENT_LENGTH, label.size_bytes.to_string()),
        (CACHE_CONTROL, "private, no-store".to_owned()),
        (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// How a browser is to treat the file (RFC 6266), its name in the encoding of RFC 8187.
fn disposition(name: &str, shown: bool) -> String {
    let mut text = String::from(if shown { "inline" } else { "attachment" });
    text.push_str("; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn names_can_not_break_out_of_the_header() {
        assert_eq!(disposition("été \"1\".png", true), "inline; filename*=UTF-8''%C3%A9t%C3%A9%20%221%22.png");
    }
}
