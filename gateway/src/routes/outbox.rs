//! `GET /v1/outbox/{channel}`: the replies that a channel's program has to deliver. What became of each it reports
//! over `inbound`; until then the reply stays here.

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Query, place_of, position_of};
use crate::reader::Reader;
use crate::state::AppState;
use axum::extract::State;
use clew_domain::conversation::{MessageKind, ReplyMode};
use clew_domain::ids::{AttachmentId, ChannelId, ConversationId, MessageId};
use clew_domain::plaintext;
use clew_domain::time::Timestamp;
use clew_eventstore::cursor::Cursor;
use clew_projections::outbox::Outgoing;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Replies of a page, if nothing else is asked for, and at most.
const REPLIES: usize = 50;
const REPLIES_MAX: usize = 200;
/// How long a read waits until the view has seen all that the log holds.
const CURRENT_WITHIN: Duration = Duration::from_secs(5);

/// Which part of the outbox.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Behind this position: the `next` of the page before.
    after: Option<String>,
    /// Replies at most; 50 if absent, never more than 200.
    limit: Option<usize>,
    /// What the answer must have seen.
    #[allow(dead_code, reason = "read by the layer that waits, named here so that it is not refused")]
    min_position: Option<String>,
}

/// Replies to deliver.
#[derive(Serialize, utoipa::ToSchema)]
pub struct OutboxPage {
    /// The replies, in the order in which they were sent.
    replies: Vec<OutboxReply>,
    /// Where the next page begins; none if this is the last.
    next: Option<String>,
}

/// A reply to deliver.
#[derive(Serialize, utoipa::ToSchema)]
pub struct OutboxReply {
    /// The reply.
    reply: MessageId,
    /// Its conversation.
    conversation: ConversationId,
    /// To whom, as the channel knows them.
    to: String,
    /// What kind of message it is to be.
    kind: MessageKind,
    /// What it says.
    text: String,
    /// Plain, to one message, or quoting one.
    mode: OutboxMode,
    /// What the channel calls the message that it answers or quotes.
    refers_to: Option<String>,
    /// What goes with it.
    attachments: Vec<OutboxAttachment>,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// How a reply refers to what was written before.
#[derive(Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutboxMode {
    /// To the conversation as a whole.
    Plain,
    /// To one message.
    To,
    /// Quoting one message.
    Quoting,
}

/// A file that goes with a reply.
#[derive(Serialize, utoipa::ToSchema)]
pub struct OutboxAttachment {
    /// Which attachment.
    id: AttachmentId,
    /// Its name.
    name: String,
    /// Its media type.
    media_type: String,
    /// Its size.
    size_bytes: u64,
    /// Where it can be fetched.
    url: String,
}

/// The replies that the channel has to take, oldest first within a partition of the log.
#[utoipa::path(get, path = "/v1/outbox/{channel}", tag = "connectors", params(("channel" = ChannelId, Path), Part),
    responses((status = 200, body = OutboxPage)))]
pub async fn read(
    State(app): State<AppState>,
    Path(channel): Path<ChannelId>,
    caller: Caller,
    Query(part): Query<Part>,
) -> Result<Json<OutboxPage>, Problem> {
    caller.require(Permission::BringMessagesIn)?;
    caller.workspace.connected_channel(channel).ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    // A view that is behind may still list what a channel has taken: nothing is handed out twice.
    let current = app.projections.outbox().wait_for(&app.store.head(), CURRENT_WITHIN).await;
    current.map_err(|_| Problem::new(&kinds::PROJECTION_BEHIND).retry_after(CURRENT_WITHIN))?;
    let after = part.after.map(|after| after.parse::<Cursor>()).transpose()?;
    let limit = part.limit.unwrap_or(REPLIES).clamp(1, REPLIES_MAX);
    let waiting = app.projections.outbox().waiting(channel, after.and_then(|after| place_of(&after)), limit)?;
    let next = if waiting.len() == limit { position_of(waiting.last().map(|reply| reply.position)) } else { None };
    let mut reader = Reader::new(&app, Arc::clone(&caller.workspace));
    let mut replies = Vec::with_capacity(waiting.len());
    for outgoing in &waiting {
        // What was masked before it left is not sent any more.
        replies.extend(outbox_reply(&app, &mut reader, outgoing).await?);
    }
    Ok(Json(OutboxPage { replies, next }))
}

async fn outbox_reply(
    app: &AppState,
    reader: &mut Reader<'_>,
    outgoing: &Outgoing,
) -> Result<Option<OutboxReply>, Problem> {
    let Some(message) = reader.open::<plaintext::Message>(outgoing.content).await? else { return Ok(None) };
    let Some(to) = reader.contact(outgoing.contact).await?.handle else { return Ok(None) };
    let (mode, message_id) = match outgoing.mode {
        ReplyMode::Plain => (OutboxMode::Plain, None),
        ReplyMode::To(message) => (OutboxMode::To, Some(message)),
        ReplyMode::Quoting(message) => (OutboxMode::Quoting, Some(message)),
    };
    let refers_to = match message_id {
        None => None,
        Some(message) => {
            let known = app.projections.conversations().message(outgoing.conversation, message)?;
            match known.filter(|known| known.masked.is_none()) {
                Some(known) => {
                    reader.open::<plaintext::Message>(known.content).await?.and_then(|said| said.external_id)
                }
                None => None,
            }
        }
    };
    let mut attachments = Vec::with_capacity(outgoing.attachments.len());
    for attachment in &outgoing.attachments {
        let Some(label) = reader.open::<plaintext::AttachmentLabel>(attachment.label).await? else { continue };
        let (conversation, reply, id) = (outgoing.conversation, outgoing.reply, attachment.id);
        let url = format!("/v1/conversations/{conversation}/messages/{reply}/attachments/{id}");
        let plaintext::AttachmentLabel { name, media_type, size_bytes } = label;
        attachments.push(OutboxAttachment { id, name, media_type, size_bytes, url });
    }
    Ok(Some(OutboxReply {
        reply: outgoing.reply,
        conversation: outgoing.conversation,
        to,
        kind: outgoing.kind,
        text: message.text,
        mode,
        refers_to,
        attachments,
        at: outgoing.at,
    }))
}
