//! Who has a conversation open for writing.

use super::{Acted, Answer, act};
use crate::extract::{Command, Json, Path};
use crate::state::AppState;
use axum::extract::State;
use clew_domain::conversation::{self, ReleaseCause};
use clew_domain::ids::ConversationId;
use clew_domain::workspace::ChannelRight;
use serde::Deserialize;

/// How to open a conversation for writing.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Whether to take it from another agent who has it open.
    #[serde(default)]
    pub take_over: bool,
}

/// Opens a conversation for writing.
#[utoipa::path(put, path = "/v1/conversations/{conversation}/lock", tag = "conversations",
    params(("conversation" = ConversationId, Path)), request_body = Lock, responses((status = 200, body = Acted)))]
pub async fn lock(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
    Json(Lock { take_over }): Json<Lock>,
) -> Answer {
    let agent = command.caller.agent;
    let asked =
        if take_over { conversation::Command::TakeOverLock { agent } } else { conversation::Command::Lock { agent } };
    act(&app, &command, conversation, ChannelRight::Contributor, asked).await
}

/// No longer has a conversation open for writing.
#[utoipa::path(delete, path = "/v1/conversations/{conversation}/lock", tag = "conversations",
    params(("conversation" = ConversationId, Path)), responses((status = 200, body = Acted)))]
pub async fn release(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
) -> Answer {
    let asked = conversation::Command::ReleaseLock { agent: command.caller.agent, cause: ReleaseCause::Left };
    act(&app, &command, conversation, ChannelRight::Contributor, asked).await
}
