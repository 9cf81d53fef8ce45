//! What one is told of: `/v1/me/notifications`.

use crate::auth::Caller;
use crate::error::Problem;
use crate::extract::{AtPosition, Command, Json, Query, Receipt};
use crate::routes::me::receipt;
use crate::state::AppState;
use crate::wire::ActorRef;
use axum::extract::State;
use clew_domain::agent::{self, Agent};
use clew_domain::ids::ConversationId;
use clew_domain::time::Timestamp;
use clew_eventstore::cursor::Cursor;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Notifications of a page, if nothing else is asked for.
const NOTIFICATIONS: usize = 50;

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Notifications at most; 50 if absent.
    limit: Option<usize>,
}

/// A page of notifications.
#[derive(Serialize, ToSchema)]
pub struct Notifications {
    /// The newest first.
    items: Vec<NotificationView>,
    /// Where the next page begins.
    next: Option<String>,
    /// How many are unread, counted up to 1000.
    unread: u64,
}

/// A notification.
#[derive(Serialize, ToSchema)]
pub struct NotificationView {
    /// What to give back to have this and all before it counted as read.
    position: String,
    at: Timestamp,
    kind: NotificationKind,
    /// The conversation that it is about.
    conversation: ConversationId,
    /// Who did it.
    by: ActorRef,
    /// Whether it counts as read.
    read: bool,
}

/// What one is told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// One was given a conversation.
    Assigned,
}

/// Notifications
#[utoipa::path(get, path = "/v1/me/notifications", tag = "session", responses((status = 200, body = Notifications)))]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Notifications>, Problem> {
    let notifications = app.projections.notifications();
    let limit = wanted.limit.unwrap_or(NOTIFICATIONS);
    let page = notifications.page(caller.agent, wanted.cursor.as_deref(), limit)?;
    let items = page.items.iter().map(|told| NotificationView {
        position: Cursor::at(told.notification.position).to_string(),
        at: told.notification.at,
        kind: NotificationKind::Assigned,
        conversation: told.notification.conversation,
        by: ActorRef::of(&caller.workspace, told.notification.by, None),
        read: told.read,
    });
    let unread = notifications.unread(caller.agent)?;
    Ok(Json(Notifications { items: items.collect(), next: page.next, unread }))
}

/// How far one has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadUpTo {
    /// The position of the last notification read.
    up_to: String,
}

/// Count notifications as read
#[utoipa::path(post, path = "/v1/me/notifications/read", tag = "session", responses((status = 200, body = Receipt)))]
pub async fn read(
    State(app): State<AppState>,
    command: Command,
    Json(wanted): Json<ReadUpTo>,
) -> Result<AtPosition<Json<Receipt>>, Problem> {
    let cursor: Cursor = wanted.up_to.parse()?;
    // What is not written yet can't have been read.
    let partitions = 0..app.store.partitions();
    let head = app.store.head();
    let up_to = partitions.map(|at| cursor.sequence(at).min(head.sequence(at))).collect();
    let read = agent::Command::ReadNotifications { up_to };
    Ok(receipt(&app.act::<Agent>(command.caller.agent.into(), &command.meta, &read, Vec::new()).await?))
}
