//! Who looks at a conversation and who types, live: nothing of it is stored.

use super::open;
use crate::auth::Caller;
use crate::error::Problem;
use crate::extract::{Json, Path};
use crate::state::AppState;
use crate::wire::AgentRef;
use axum::extract::State;
use axum::http::StatusCode;
use clew_domain::ids::{AgentId, ConversationId};
use clew_domain::workspace::{ChannelRight, WorkspaceState};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// How one is there.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Here {
    /// Whether one types. It counts for 6 seconds; say it again while it goes on.
    #[serde(default)]
    pub typing: bool,
}

/// Who is at a conversation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Viewers {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Who looks at it.
    pub agents: Vec<Viewer>,
}

/// Somebody who looks at a conversation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Viewer {
    /// Their id.
    pub id: AgentId,
    /// How they are shown.
    pub name: String,
    /// Whether they type.
    pub typing: bool,
}

impl Viewers {
    /// Who is at it now.
    pub fn of(app: &AppState, workspace: &WorkspaceState, conversation: ConversationId) -> Self {
        let viewer = |(agent, typing)| {
            let AgentRef { id, name } = AgentRef::of(workspace, agent);
            Viewer { id, name, typing }
        };
        Self { conversation, agents: app.presence.of(conversation).into_iter().map(viewer).collect() }
    }
}

/// Says that one looks at a conversation, and whether one types
///
/// It counts for 45 seconds; say it again every 20 while it goes on. The feed tells others (`presence`).
#[utoipa::path(put, path = "/v1/conversations/{conversation}/presence", tag = "conversations",
    params(("conversation" = ConversationId, Path)), request_body = Here, responses((status = 200, body = Viewers)))]
pub async fn enter(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    caller: Caller,
    Json(Here { typing }): Json<Here>,
) -> Result<Json<Viewers>, Problem> {
    open(&app, &caller, conversation, ChannelRight::Viewer).await?;
    app.presence.enter(conversation, caller.agent, typing, Instant::now());
    Ok(Json(Viewers::of(&app, &caller.workspace, conversation)))
}

/// Says that one looks at a conversation no longer
#[utoipa::path(delete, path = "/v1/conversations/{conversation}/presence", tag = "conversations",
    params(("conversation" = ConversationId, Path)), responses((status = 204)))]
pub async fn leave(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    caller: Caller,
) -> StatusCode {
    app.presence.leave(conversation, caller.agent);
    StatusCode::NO_CONTENT
}
