//! Bulk acts: one act, a line per conversation, each with its own outcome. Every line names the act.

use super::work::Assignment;
use super::{carry_out, open};
use crate::auth::permissions::Permission;
use crate::error::{Problem, ProblemDetails, kinds};
use crate::extract::{AtPosition, Command, Json};
use crate::state::AppState;
use axum::extract::State;
use clew_domain::conversation::{self, ResolveReason};
use clew_domain::derive;
use clew_domain::fact::{CommandMeta, Position};
use clew_domain::ids::{AgentId, BulkId, ConversationId, CorrelationId, TeamId};
use clew_domain::workspace::ChannelRight;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::transact::Effect;
use serde::{Deserialize, Serialize};

/// Conversations in one bulk act at most.
const CONVERSATIONS_MAX: usize = 500;

/// Which conversations to resolve.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkResolve {
    /// At most 500.
    pub conversations: Vec<ConversationId>,
    /// Why they are done.
    pub reason: ResolveReason,
}

/// Which conversations to give to whom.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkAssign {
    /// At most 500.
    pub conversations: Vec<ConversationId>,
    /// To an agent.
    pub agent: Option<AgentId>,
    /// To a team. With neither they are taken from whoever has them.
    pub team: Option<TeamId>,
}

/// What became of a bulk act.
#[derive(Serialize, utoipa::ToSchema)]
pub struct BulkDone {
    /// The act, as every line of it names it in the audit trail.
    pub bulk: BulkId,
    /// What became of each conversation, in the order in which they were given.
    pub results: Vec<BulkLine>,
    /// What to wait for before reading what the act did.
    pub position: Option<String>,
}

/// What became of one conversation of a bulk act.
#[derive(Serialize, utoipa::ToSchema)]
pub struct BulkLine {
    /// Which conversation.
    pub conversation: ConversationId,
    /// What became of it.
    pub outcome: BulkOutcome,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemDetails>,
}

/// What became of one conversation of a bulk act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkOutcome {
    /// It was done.
    Done,
    /// It was as asked already.
    Unchanged,
    /// It may not be done; `problem` says why.
    Refused,
}

/// Resolves many conversations as one act.
#[utoipa::path(post, path = "/v1/conversations:bulk-resolve", tag = "conversations", request_body = BulkResolve,
    responses((status = 200, body = BulkDone)))]
pub async fn resolve(
    State(app): State<AppState>,
    command: Command,
    Json(BulkResolve { conversations, reason }): Json<BulkResolve>,
) -> Result<AtPosition<Json<BulkDone>>, Problem> {
    let bulk = Some(BulkId(command.fresh("bulk")));
    each(&app, command, conversations, None, conversation::Command::Resolve { reason, bulk }).await
}

/// Gives many conversations to one agent or team as one act.
#[utoipa::path(post, path = "/v1/conversations:bulk-assign", tag = "conversations", request_body = BulkAssign,
    responses((status = 200, body = BulkDone)))]
pub async fn assign(
    State(app): State<AppState>,
    command: Command,
    Json(BulkAssign { conversations, agent, team }): Json<BulkAssign>,
) -> Result<AtPosition<Json<BulkDone>>, Problem> {
    let assignment = Assignment { agent, team };
    let asked = assignment.command(&command.caller.workspace)?;
    each(&app, command, conversations, Some(assignment), asked).await
}

async fn each(
    app: &AppState,
    command: Command,
    conversations: Vec<ConversationId>,
    assignment: Option<Assignment>,
    asked: conversation::Command,
) -> Result<AtPosition<Json<BulkDone>>, Problem> {
    command.caller.require(Permission::ActInBulk)?;
    if conversations.is_empty() || conversations.len() > CONVERSATIONS_MAX {
        let why = format!("give 1 to {CONVERSATIONS_MAX} conversations");
        return Err(Problem::new(&kinds::INVALID_VALUE).with("field", "conversations").detail(why));
    }
    let bulk = BulkId(command.fresh("bulk"));
    let mut reached = Cursor::default();
    let mut last: Option<Position> = None;
    let mut results = Vec::with_capacity(conversations.len());
    for conversation in conversations {
        let meta = CommandMeta {
            id: derive::consequence(bulk.0, "line", conversation.0),
            correlation: CorrelationId(bulk.0),
            ..command.meta.clone()
        };
        let line = Command { caller: command.caller.clone(), meta };
        let (outcome, problem) = match one(app, &line, conversation, assignment, &asked).await {
            Ok((effect, position)) => {
                if let Some(position) = position {
                    reached.advance(position);
                    last = Some(position);
                }
                (if effect == Effect::Unchanged { BulkOutcome::Unchanged } else { BulkOutcome::Done }, None)
            }
            Err(problem) if problem.kind().status.is_server_error() => return Err(problem),
            Err(problem) => (BulkOutcome::Refused, Some(problem.details())),
        };
        results.push(BulkLine { conversation, outcome, problem });
    }
    let position = last.map(|_| reached.to_string());
    Ok(AtPosition(last, Json(BulkDone { bulk, results, position })))
}

async fn one(
    app: &AppState,
    line: &Command,
    conversation: ConversationId,
    assignment: Option<Assignment>,
    asked: &conversation::Command,
) -> Result<(Effect, Option<Position>), Problem> {
    let there = open(app, &line.caller, conversation, ChannelRight::Contributor).await?;
    if let Some(assignment) = assignment {
        assignment.check_right(&line.caller.workspace, &there.started)?;
    }
    let done = carry_out(app, line, conversation, asked, Vec::new()).await?;
    Ok((done.effect, done.position))
}
