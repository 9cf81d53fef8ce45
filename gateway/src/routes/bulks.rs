//! Bulk acts over a selection or a filter: begun, followed, cancelled. The server goes on with them by itself.

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::bulk::{self, Line};
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Path, position_of};
use crate::routes::queues::Narrowed;
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use clew_domain::agent::{self, Agent, BULK_CONVERSATIONS_MAX, Bulk, BulkAct};
use clew_domain::conversation::{Assignee, Queue};
use clew_domain::ids::{BulkId, ChannelId, ConversationId, TeamId, TopicId};
use clew_domain::workspace::WorkspaceState;
use clew_projections::queues::Order;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rows read at once where a filter says which conversations are meant.
const ROWS_AT_ONCE: usize = 200;

/// What to do, and to which conversations: those that are named, or all that a filter finds when it begins.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedBulk {
    /// What to do to each.
    act: BulkAct,
    /// These; at most 5,000.
    conversations: Option<Vec<ConversationId>>,
    /// All of this queue that the filter finds; at most 5,000.
    filter: Option<BulkFilter>,
}

/// Which conversations are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkFilter {
    /// In this queue.
    queue: Queue,
    /// On this channel.
    channel: Option<ChannelId>,
    /// Given to this team.
    team: Option<TeamId>,
    /// `me`, `none`, or an agent's id.
    assignee: Option<String>,
    /// With this topic.
    topic: Option<TopicId>,
}

/// A bulk act that has begun.
#[derive(Serialize, ToSchema)]
pub struct BulkBegun {
    /// The act, as every line of it names it in the audit trail.
    bulk: BulkId,
    /// Its conversations.
    total: usize,
    /// What to wait for before reading it.
    position: Option<String>,
}

/// How a bulk act stands.
#[derive(Serialize, ToSchema)]
pub struct BulkProgress {
    /// Which act.
    bulk: BulkId,
    /// Its conversations.
    total: usize,
    /// What became of those that were looked at, in order.
    lines: Vec<Line>,
    /// Whether it was cancelled.
    cancelled: bool,
    /// Whether it is over.
    ended: bool,
}

/// Begin a bulk act
#[utoipa::path(post, path = "/v1/bulks", tag = "conversations", request_body = WantedBulk,
    responses((status = 202, body = BulkBegun)))]
pub async fn begin(
    State(app): State<AppState>,
    command: Command,
    Json(wanted): Json<WantedBulk>,
) -> Result<(StatusCode, AtPosition<Json<BulkBegun>>), Problem> {
    command.caller.require(Permission::ActInBulk)?;
    check(&command.caller.workspace, wanted.act)?;
    let bulk = BulkId(command.fresh("bulk"));
    let conversations = match (wanted.conversations, wanted.filter) {
        (Some(conversations), None) => conversations,
        (None, Some(filter)) => found(&app, &command.caller, &filter)?,
        (None, None) | (Some(_), Some(_)) => return Err(of_field("conversations", "name them, or give a filter")),
    };
    let total = conversations.len();
    let asked = agent::Command::BeginBulk { bulk, act: wanted.act, conversations };
    let agent = command.caller.agent;
    let done = app.act::<Agent>(agent.into(), &command.meta, &asked, Vec::new()).await?;
    // A repetition under the same key finds it over, or goes on with it.
    if let Some(act) = done.state.bulks.get(&bulk) {
        bulk::start(&app, agent, bulk, Bulk::clone(act));
    }
    let body = BulkBegun { bulk, total, position: position_of(done.position) };
    Ok((StatusCode::ACCEPTED, AtPosition(done.position, Json(body))))
}

/// How a bulk act stands
///
/// Known while it goes on, and for the last 50 acts since the server started; the audit trail keeps every line.
#[utoipa::path(get, path = "/v1/bulks/{bulk}", tag = "conversations", params(("bulk" = BulkId, Path)),
    responses((status = 200, body = BulkProgress)))]
pub async fn show(
    State(app): State<AppState>,
    Path(bulk): Path<BulkId>,
    caller: Caller,
) -> Result<Json<BulkProgress>, Problem> {
    let progress = app.bulks.progress(bulk).filter(|it| it.agent == caller.agent);
    let it = progress.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    let (total, lines, cancelled, ended) = (it.total, it.lines, it.cancelled, it.ended);
    Ok(Json(BulkProgress { bulk, total, lines, cancelled, ended }))
}

/// Cancel a bulk act; what is done stays done
#[utoipa::path(delete, path = "/v1/bulks/{bulk}", tag = "conversations", params(("bulk" = BulkId, Path)),
    responses((status = 200, body = BulkProgress)))]
pub async fn cancel(
    State(app): State<AppState>,
    command: Command,
    Path(bulk): Path<BulkId>,
) -> Result<Json<BulkProgress>, Problem> {
    let agent = command.caller.agent;
    let known = app.bulks.progress(bulk).filter(|it| it.agent == agent);
    known.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    app.bulks.cancel(bulk);
    let it = app.bulks.progress(bulk).ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    // At once, so that it stays cancelled if the server stops before the line that is under way is done.
    bulk::end(&app, agent, bulk, &it).await?;
    show(State(app), Path(bulk), command.caller).await
}

fn of_field(field: &str, why: &str) -> Problem {
    Problem::new(&kinds::INVALID_VALUE).with("field", field).detail(why)
}

fn check(workspace: &WorkspaceState, act: BulkAct) -> Result<(), Problem> {
    let there = match act {
        BulkAct::Assign(Assignee::Agent(agent)) => workspace.open_account(agent).is_some(),
        BulkAct::Assign(Assignee::Team(team)) => workspace.open_team(team).is_some(),
        BulkAct::AddTopic(topic) => workspace.topics.is_usable(topic),
        BulkAct::Resolve(_) | BulkAct::Unassign | BulkAct::RemoveTopic(_) => true,
    };
    if there { Ok(()) } else { Err(of_field("act", "there is none with this id that is open")) }
}

/// What the filter finds now, for this caller; more than an act takes is refused, not cut.
fn found(app: &AppState, caller: &Caller, filter: &BulkFilter) -> Result<Vec<ConversationId>, Problem> {
    let BulkFilter { queue: _, channel, team, assignee, topic } = filter;
    let narrowed = Narrowed::to(*channel, *team, assignee.clone(), *topic).filter(caller)?;
    let queues = app.projections.queues();
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let (page, _) = queues.page(filter.queue, &narrowed, Order::Oldest, cursor.as_deref(), ROWS_AT_ONCE)?;
        found.extend(page.items.iter().map(|row| row.id));
        if found.len() > BULK_CONVERSATIONS_MAX {
            return Err(of_field("filter", "it finds more than 5000 conversations; narrow it"));
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}
