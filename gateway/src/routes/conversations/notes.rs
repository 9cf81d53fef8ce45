//! Internal notes: added, edited, deleted, masked.

use super::{Acted, Answer, acted, carry_out, erase_what_it_said, number_of, open};
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Path, position_of};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use clew_domain::conversation;
use clew_domain::ids::{ConversationId, MessageId, NoteId};
use clew_domain::plaintext::Note;
use clew_domain::workspace::ChannelRight;
use serde::{Deserialize, Serialize};

/// Characters of a note at most.
const NOTE_CHARS_MAX: usize = 10_000;

/// What a note says.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteText {
    /// Its text.
    pub text: String,
    /// The message that it stands at, if at one; it can't be moved later.
    pub on: Option<MessageId>,
}

impl NoteText {
    fn checked(&self) -> Result<Note, Problem> {
        let invalid = |why: String| Problem::new(&kinds::INVALID_VALUE).with("field", "text").detail(why);
        if self.text.trim().is_empty() {
            return Err(invalid("a note says something; write a text, or delete the note".into()));
        }
        if self.text.chars().count() > NOTE_CHARS_MAX {
            return Err(invalid(format!("a note has at most {NOTE_CHARS_MAX} characters")));
        }
        Ok(Note { text: self.text.clone() })
    }
}

/// A note that was added.
#[derive(Serialize, utoipa::ToSchema)]
pub struct NoteAdded {
    /// Its id.
    pub note: NoteId,
    /// The version that the conversation has now.
    pub version: u64,
    /// What to wait for before reading it.
    pub position: Option<String>,
}

/// Adds a note to a conversation.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/notes", tag = "conversations",
    params(("conversation" = ConversationId, Path)), request_body = NoteText, responses((status = 201, body = NoteAdded)))]
pub async fn add(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
    Json(text): Json<NoteText>,
) -> Result<(StatusCode, AtPosition<Json<NoteAdded>>), Problem> {
    let there = open(&app, &command.caller, conversation, ChannelRight::Contributor).await?;
    let number = number_of(&app, there.started.contact).await?;
    let sealed = app.vault.seal_value(number, &text.checked()?)?;
    let note = NoteId(command.fresh("note"));
    let asked = conversation::Command::AddNote { note, content: sealed.reference(), on: text.on };
    let done = carry_out(&app, &command, conversation, &asked, vec![sealed]).await?;
    let body = NoteAdded { note, version: done.version, position: position_of(done.position) };
    Ok((StatusCode::CREATED, AtPosition(done.position, Json(body))))
}

/// Rewrites a note; what it said before is erased.
#[utoipa::path(put, path = "/v1/conversations/{conversation}/notes/{note}", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("note" = NoteId, Path)),
    request_body = NoteText, responses((status = 200, body = Acted)))]
pub async fn edit(
    State(app): State<AppState>,
    Path((conversation, note)): Path<(ConversationId, NoteId)>,
    command: Command,
    Json(text): Json<NoteText>,
) -> Answer {
    let there = open(&app, &command.caller, conversation, ChannelRight::Contributor).await?;
    let number = number_of(&app, there.started.contact).await?;
    let sealed = app.vault.seal_value(number, &text.checked()?)?;
    let asked = conversation::Command::EditNote { note, content: sealed.reference() };
    let done = carry_out(&app, &command, conversation, &asked, vec![sealed]).await?;
    erase_what_it_said(&app, conversation.into(), command.meta.id).await?;
    acted(done)
}

/// Deletes a note; what it said is erased.
#[utoipa::path(delete, path = "/v1/conversations/{conversation}/notes/{note}", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("note" = NoteId, Path)), responses((status = 200, body = Acted)))]
pub async fn delete(
    State(app): State<AppState>,
    Path((conversation, note)): Path<(ConversationId, NoteId)>,
    command: Command,
) -> Answer {
    open(&app, &command.caller, conversation, ChannelRight::Contributor).await?;
    let asked = conversation::Command::DeleteNote { note };
    let done = carry_out(&app, &command, conversation, &asked, Vec::new()).await?;
    erase_what_it_said(&app, conversation.into(), command.meta.id).await?;
    acted(done)
}

/// Erases what a note says for good; its place stays.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/notes/{note}/mask", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("note" = NoteId, Path)), responses((status = 200, body = Acted)))]
pub async fn mask(
    State(app): State<AppState>,
    Path((conversation, note)): Path<(ConversationId, NoteId)>,
    command: Command,
) -> Answer {
    super::messages::erasing(&app, &command, conversation, conversation::Command::MaskNote { note }).await
}
