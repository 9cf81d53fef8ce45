//! A conversation replayed from the log, step by step, up to an instant.

use crate::auth::Caller;
use crate::error::Problem;
use crate::extract::{Json, Path, Query};
use crate::replay::{Recorded, Replay};
use crate::routes::audit;
use crate::state::AppState;
use axum::extract::State;
use clew_domain::ids::ConversationId;
use clew_domain::installation::DataReading;
use clew_domain::time::Timestamp;
use clew_domain::workspace::ChannelRight;
use serde::Deserialize;

/// Up to when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UpTo {
    /// Replay what was recorded up to this instant; all there is, if absent.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// What the answer must have seen.
    #[allow(dead_code, reason = "read by the layer that waits, named here so that it is not refused")]
    min_position: Option<String>,
}

/// A conversation step by step as it was
///
/// Each step is a recorded fact with the state after it. What was masked since is masked in every step. That somebody
/// replays a conversation on which they do not work is recorded.
#[utoipa::path(get, path = "/v1/conversations/{conversation}/replay", tag = "audit",
    params(("conversation" = ConversationId, Path), UpTo), responses((status = 200, body = Replay)))]
pub async fn replay(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    caller: Caller,
    Query(up_to): Query<UpTo>,
) -> Result<Json<Replay>, Problem> {
    let recorded = Recorded::read(&app, conversation).await?;
    let (started, now) = recorded.started()?;
    caller.require_on(started.channel, ChannelRight::Viewer)?;
    caller.require_sight(now.agent)?;
    if !audit::works_on(&caller, started.channel, now.agent, now.team, now.lock) {
        audit::record(&app, &caller, DataReading::Replay(conversation)).await?;
    }
    Ok(Json(recorded.replay(&app, &caller.workspace, up_to.at).await?))
}
