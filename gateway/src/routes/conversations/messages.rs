//! Replies, and what agents do with single messages: mask, like, deliver again.

use super::{Acted, Answer, Open, Refusal, act, acted, carry_out, erase_what_it_said, number_of, open, rejection};
use crate::auth::Caller;
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Path, position_of};
use crate::ingest::{check as limits, usual_kind};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use clew_domain::conversation::{
    self, Conversation, Rejection, ReplyContext, ReplyMode, ReplyOrigin, ReplySent, ResolveReason, SendReply, Then,
};
use clew_domain::ids::{AttachmentId, ChannelId, ConversationId, MessageId};
use clew_domain::plaintext::Message;
use clew_domain::time::Timestamp;
use clew_domain::workspace::{ChannelProfile, ChannelRight};
use clew_eventstore::transact::transact;
use serde::{Deserialize, Serialize};

/// A reply to send.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReply {
    /// What it says; may be empty if there is an attachment.
    #[serde(default)]
    pub text: String,
    /// Plain, to one message, or quoting one.
    pub mode: Option<ReplyMode>,
    /// The account that it leaves by, if not the conversation's own channel.
    pub channel: Option<ChannelId>,
    /// Files that were uploaded to the conversation.
    #[serde(default)]
    pub attachments: Vec<AttachmentId>,
    /// The version of the conversation that its writer had before them.
    pub seen: u64,
    /// What happens to the conversation with it; nothing, if absent.
    pub then: Option<AfterReply>,
    /// Until when, for `pend`.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Why, for `resolve`; `answered`, if absent.
    pub reason: Option<ResolveReason>,
}

/// What happens to a conversation with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterReply {
    /// It is pended.
    Pend,
    /// It is resolved.
    Resolve,
}

/// A reply that was sent.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ReplyAccepted {
    /// Its id.
    pub message: MessageId,
    /// The version that the conversation has now.
    pub version: u64,
    /// What to wait for before reading it.
    pub position: Option<String>,
}

/// Replies by the active channel, or by another account of the same kind.
///
/// A reply against a version that has newer messages of the contact is refused with them (`newer-messages`).
#[utoipa::path(post, path = "/v1/conversations/{conversation}/messages", tag = "conversations",
    params(("conversation" = ConversationId, Path)), request_body = NewReply,
    responses((status = 201, body = ReplyAccepted)))]
pub async fn send(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
    Json(reply): Json<NewReply>,
) -> Result<(StatusCode, AtPosition<Json<ReplyAccepted>>), Problem> {
    let there = open(&app, &command.caller, conversation, ChannelRight::Contributor).await?;
    let (channel, profile) = outgoing_channel(&command.caller, &there, reply.channel)?;
    check_text(&reply, &profile)?;
    let attachments = app.uploads.of_reply(command.caller.agent, conversation, &reply.attachments)?;
    let number = number_of(&app, there.started.contact).await?;
    let body = Message { text: reply.text.clone(), ..Message::default() };
    let sealed = app.vault.seal_value(number, &body)?;
    let message = MessageId(command.fresh("reply"));
    let sent = ReplySent {
        reply: message,
        content: sealed.reference(),
        kind: usual_kind(&profile),
        channel,
        mode: reply.mode.unwrap_or(ReplyMode::Plain),
        attachments,
        origin: ReplyOrigin::Desk,
    };
    let context = ReplyContext {
        agent: Some(command.caller.agent),
        seen: reply.seen,
        first_response_assigns: command.caller.workspace.settings.first_response_assigns,
    };
    let asked = conversation::Command::SendReply(SendReply { reply: sent, context, then: then(&reply)? });
    let stream = conversation.into();
    let done = transact::<Conversation>(app.store.as_ref(), stream, &command.meta, &asked, vec![sealed]).await;
    match rejection(done) {
        Ok(done) => {
            app.uploads.forget(&reply.attachments);
            let body = ReplyAccepted { message, version: done.version, position: position_of(done.position) };
            Ok((StatusCode::CREATED, AtPosition(done.position, Json(body))))
        }
        Err(Refusal::Rejected(Rejection::NewerMessages(newer))) => {
            Err(with_newer_messages(&app, &command.caller, conversation, newer).await)
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The refusal of a reply, with the messages that its writer had not seen.
async fn with_newer_messages(
    app: &AppState,
    caller: &Caller,
    conversation: ConversationId,
    newer: Vec<MessageId>,
) -> Problem {
    match super::view::messages(app, caller, conversation, &newer).await {
        Ok((messages, version)) => {
            Problem::from(Rejection::NewerMessages(newer)).with("messages", messages).with("version", version)
        }
        Err(problem) => problem,
    }
}

/// The account that a reply leaves by: the conversation's own, or one of the same kind that the caller works.
fn outgoing_channel(
    caller: &Caller,
    there: &Open,
    wanted: Option<ChannelId>,
) -> Result<(ChannelId, ChannelProfile), Problem> {
    let invalid = |why: &str| Problem::new(&kinds::INVALID_VALUE).with("field", "channel").detail(why);
    let workspace = &caller.workspace;
    let own = there.started.channel;
    let channel = wanted.unwrap_or(own);
    let connected = workspace.connected_channel(channel);
    let connected = connected.ok_or_else(|| invalid("the channel is not connected any more; choose another"))?;
    if channel != own {
        caller.require_on(channel, ChannelRight::Contributor)?;
        let own_kind = workspace.channels.get(&own).map(|own| own.profile.kind);
        if own_kind != Some(connected.profile.kind) {
            return Err(invalid("the contact is not known there; choose a channel of the same kind"));
        }
    }
    Ok((channel, connected.profile.clone()))
}

fn check_text(reply: &NewReply, profile: &ChannelProfile) -> Result<(), Problem> {
    let invalid = |why: String| Problem::new(&kinds::INVALID_VALUE).with("field", "text").detail(why);
    if reply.text.trim().is_empty() && reply.attachments.is_empty() {
        return Err(invalid("a reply has a text or an attachment".into()));
    }
    let chars = reply.text.chars().count();
    let max = profile.reply_characters_max.map_or(limits::TEXT_CHARS_MAX, |max| max as usize);
    if chars > max {
        let why = format!("it has {chars} characters; the channel takes {max}");
        return Err(invalid(why).with("characters", chars).with("characters_max", max));
    }
    if reply.attachments.len() > limits::ATTACHMENTS_MAX {
        return Err(invalid(format!("a reply takes {} attachments at most", limits::ATTACHMENTS_MAX))
            .with("field", "attachments"));
    }
    Ok(())
}

fn then(reply: &NewReply) -> Result<Then, Problem> {
    let misplaced = |field: &str, only: &str| {
        let why = format!("`{field}` goes only with `then`: \"{only}\"");
        Err(Problem::new(&kinds::INVALID_VALUE).with("field", field).detail(why))
    };
    if reply.until.is_some() && reply.then != Some(AfterReply::Pend) {
        return misplaced("until", "pend");
    }
    if reply.reason.is_some() && reply.then != Some(AfterReply::Resolve) {
        return misplaced("reason", "resolve");
    }
    Ok(match reply.then {
        None => Then::Stay,
        Some(AfterReply::Pend) => Then::Pend(reply.until),
        Some(AfterReply::Resolve) => Then::Resolve(reply.reason.unwrap_or(ResolveReason::Answered)),
    })
}

/// Has a reply that the channel did not take delivered again.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/messages/{message}/retry", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("message" = MessageId, Path)),
    responses((status = 200, body = Acted)))]
pub async fn retry(
    State(app): State<AppState>,
    Path((conversation, reply)): Path<(ConversationId, MessageId)>,
    command: Command,
) -> Answer {
    act(&app, &command, conversation, ChannelRight::Contributor, conversation::Command::RetryDelivery { reply }).await
}

/// Masks a message: what it says, its link and its attachments are erased for good, here and in every database.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/messages/{message}/mask", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("message" = MessageId, Path)),
    responses((status = 200, body = Acted)))]
pub async fn mask(
    State(app): State<AppState>,
    Path((conversation, message)): Path<(ConversationId, MessageId)>,
    command: Command,
) -> Answer {
    erasing(&app, &command, conversation, conversation::Command::MaskMessage { message }).await
}

/// Masks one attachment; the rest of its message stays.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/messages/{message}/attachments/{attachment}/mask",
    tag = "conversations", params(("conversation" = ConversationId, Path), ("message" = MessageId, Path),
    ("attachment" = AttachmentId, Path)), responses((status = 200, body = Acted)))]
pub async fn mask_attachment(
    State(app): State<AppState>,
    Path((conversation, message, attachment)): Path<(ConversationId, MessageId, AttachmentId)>,
    command: Command,
) -> Answer {
    erasing(&app, &command, conversation, conversation::Command::MaskAttachment { message, attachment }).await
}

/// Carries a mask out, if the caller may mask there, and answers when the content is gone.
pub(super) async fn erasing(
    app: &AppState,
    command: &Command,
    conversation: ConversationId,
    asked: conversation::Command,
) -> Answer {
    let there = open(app, &command.caller, conversation, ChannelRight::Contributor).await?;
    if !command.caller.may_mask(there.started.channel) {
        let right = command.caller.right_on(there.started.channel);
        let problem = Problem::new(&kinds::CHANNEL_FORBIDDEN);
        return Err(problem.with("needed", ChannelRight::Supervisor).with("right", right));
    }
    let done = carry_out(app, command, conversation, &asked, Vec::new()).await?;
    erase_what_it_said(app, conversation.into(), command.meta.id).await?;
    acted(done)
}

/// Likes a public message in the channel's name.
#[utoipa::path(put, path = "/v1/conversations/{conversation}/messages/{message}/like", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("message" = MessageId, Path)),
    responses((status = 200, body = Acted)))]
pub async fn like(
    State(app): State<AppState>,
    Path((conversation, message)): Path<(ConversationId, MessageId)>,
    command: Command,
) -> Answer {
    act(&app, &command, conversation, ChannelRight::Contributor, conversation::Command::Like { message }).await
}

/// Takes a like back.
#[utoipa::path(delete, path = "/v1/conversations/{conversation}/messages/{message}/like", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("message" = MessageId, Path)),
    responses((status = 200, body = Acted)))]
pub async fn unlike(
    State(app): State<AppState>,
    Path((conversation, message)): Path<(ConversationId, MessageId)>,
    command: Command,
) -> Answer {
    act(&app, &command, conversation, ChannelRight::Contributor, conversation::Command::Unlike { message }).await
}
