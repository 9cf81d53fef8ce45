//! Where a conversation stands and whose it is: assign, pend, resolve, return, follow up, topics, priority, block.

use super::{Acted, Answer, act, open};
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Path, position_of};
use crate::state::AppState;
use axum::extract::State;
use clew_domain::conversation::{
    self, Assignee, AssignmentCause, Conversation, Queue, ResolveReason, ReturnCause, Started, UnassignmentCause,
};
use clew_domain::derive;
use clew_domain::ids::{AgentId, ChannelId, ConversationId, TeamId, TopicId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{self, ChannelRight, WorkspaceState};
use serde::{Deserialize, Serialize};

/// Whom to give a conversation to: one of the two, or neither to take it from whoever has it.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// An agent.
    pub agent: Option<AgentId>,
    /// A team.
    pub team: Option<TeamId>,
}

impl Assignment {
    /// The command that it asks for, if the workspace has such an agent or team.
    pub fn command(self, workspace: &WorkspaceState) -> Result<conversation::Command, Problem> {
        let unknown = |field: &str| {
            Problem::new(&kinds::INVALID_VALUE).with("field", field).detail("there is none with this id that is open")
        };
        let to = match (self.agent, self.team) {
            (None, None) => {
                return Ok(conversation::Command::Unassign { cause: UnassignmentCause::ByHand });
            }
            (Some(_), Some(_)) => {
                let why = "give an agent or a team, not both";
                return Err(Problem::new(&kinds::INVALID_VALUE).with("field", "team").detail(why));
            }
            (Some(agent), None) => {
                workspace.open_account(agent).ok_or_else(|| unknown("agent"))?;
                Assignee::Agent(agent)
            }
            (None, Some(team)) => {
                workspace.open_team(team).ok_or_else(|| unknown("team"))?;
                Assignee::Team(team)
            }
        };
        Ok(conversation::Command::Assign { to, cause: AssignmentCause::ByHand })
    }

    /// Refuses an agent who could not work what they are given, and a team that does not serve it.
    pub fn check_right(self, workspace: &WorkspaceState, started: &Started) -> Result<(), Problem> {
        if let Some(team) = self.team {
            return team_serves(workspace, team, started.channel);
        }
        let Some(agent) = self.agent else { return Ok(()) };
        if workspace.right_on(agent, started.channel) >= ChannelRight::Contributor {
            return Ok(());
        }
        let why = "this agent may not work conversations of the channel; choose another, or give them the right";
        Err(Problem::new(&kinds::INVALID_VALUE).with("field", "agent").detail(why))
    }
}

/// Refuses a team that does not serve the channel.
pub(crate) fn team_serves(workspace: &WorkspaceState, team: TeamId, channel: ChannelId) -> Result<(), Problem> {
    match workspace.open_team(team) {
        Some(it) if !it.serves(channel) => Err(workspace::Rejection::NotServed { team, channel }.into()),
        Some(_) | None => Ok(()),
    }
}

/// Gives a conversation to an agent or a team, or takes it from whoever has it.
#[utoipa::path(put, path = "/v1/conversations/{conversation}/assignment", tag = "conversations",
    params(("conversation" = ConversationId, Path)), request_body = Assignment, responses((status = 200, body = Acted)))]
pub async fn assign(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
    Json(assignment): Json<Assignment>,
) -> Answer {
    let there = open(&app, &command.caller, conversation, ChannelRight::Contributor).await?;
    let asked = assignment.command(&command.caller.workspace)?;
    assignment.check_right(&command.caller.workspace, &there.started)?;
    super::acted(super::carry_out(&app, &command, conversation, &asked, Vec::new()).await?)
}

/// How long to let a conversation wait.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pend {
    /// When to bring it back if the contact does not write before.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// Lets a conversation wait, for the contact or for work of ours.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/pend", tag = "conversations",
    params(("conversation" = ConversationId, Path)), request_body = Pend, responses((status = 200, body = Acted)))]
pub async fn pend(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
    Json(Pend { until }): Json<Pend>,
) -> Answer {
    act(&app, &command, conversation, ChannelRight::Contributor, conversation::Command::Pend { until }).await
}

/// Why a conversation is done.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// The reason.
    pub reason: ResolveReason,
}

/// Closes a conversation; nobody owns it any more.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/resolve", tag = "conversations",
    params(("conversation" = ConversationId, Path)), request_body = Resolve, responses((status = 200, body = Acted)))]
pub async fn resolve(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
    Json(Resolve { reason }): Json<Resolve>,
) -> Answer {
    let asked = conversation::Command::Resolve { reason, bulk: None };
    act(&app, &command, conversation, ChannelRight::Contributor, asked).await
}

/// Brings a pending conversation back to New.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/return", tag = "conversations",
    params(("conversation" = ConversationId, Path)), responses((status = 200, body = Acted)))]
pub async fn return_to_new(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
) -> Answer {
    let asked = conversation::Command::ReturnToNew { cause: ReturnCause::ByHand };
    act(&app, &command, conversation, ChannelRight::Contributor, asked).await
}

/// The conversation in which a resolved one goes on.
#[derive(Serialize, utoipa::ToSchema)]
pub struct FollowedUp {
    /// The next conversation of the thread.
    pub conversation: ConversationId,
    /// The version that it has now.
    pub version: u64,
    /// What to wait for before reading it.
    pub position: Option<String>,
}

/// Starts the conversation after a resolved one, without waiting for the contact to write.
#[utoipa::path(post, path = "/v1/conversations/{conversation}/follow-up", tag = "conversations",
    params(("conversation" = ConversationId, Path)), responses((status = 200, body = FollowedUp)))]
pub async fn follow_up(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
) -> Result<AtPosition<Json<FollowedUp>>, Problem> {
    let there = open(&app, &command.caller, conversation, ChannelRight::Contributor).await?;
    if there.state.queue != Queue::Resolved {
        return Err(Problem::new(&kinds::ALREADY_STARTED).detail("the conversation is still open; go on in it"));
    }
    let number = there.started.number + 1;
    let next = derive::conversation(there.started.thread, number);
    let started = Started { number, previous: Some(conversation), ..there.started };
    let asked = conversation::Command::FollowUp(started);
    let done = app.act::<Conversation>(next.into(), &command.meta, &asked, Vec::new()).await?;
    let body = FollowedUp { conversation: next, version: done.version, position: position_of(done.position) };
    Ok(AtPosition(done.position, Json(body)))
}

/// How urgent a conversation is.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// Higher comes first, 0 is ordinary.
    pub priority: i16,
}

/// Says how urgent a conversation is.
#[utoipa::path(put, path = "/v1/conversations/{conversation}/priority", tag = "conversations",
    params(("conversation" = ConversationId, Path)), request_body = Priority, responses((status = 200, body = Acted)))]
pub async fn prioritize(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
    Json(Priority { priority }): Json<Priority>,
) -> Answer {
    act(&app, &command, conversation, ChannelRight::Contributor, conversation::Command::SetPriority { priority }).await
}

/// A change of topics, and what rules make of it.
async fn change_topics(
    app: &AppState,
    command: &Command,
    conversation: ConversationId,
    asked: conversation::Command,
) -> Answer {
    let there = open(app, &command.caller, conversation, ChannelRight::Contributor).await?;
    let by_hand = app.by_hand(&command.caller.workspace);
    let done = by_hand.on_topics(&command.meta, there.started.contact, conversation, &asked).await;
    super::acted(done.map_err(Problem::from)?)
}

/// Adds a topic
///
/// Rules that ask for it, and not for what the message says, act on it in the same commit.
#[utoipa::path(put, path = "/v1/conversations/{conversation}/topics/{topic}", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("topic" = TopicId, Path)), responses((status = 200, body = Acted)))]
pub async fn add_topic(
    State(app): State<AppState>,
    Path((conversation, topic)): Path<(ConversationId, TopicId)>,
    command: Command,
) -> Answer {
    if !command.caller.workspace.topics.is_usable(topic) {
        return Err(Problem::new(&kinds::NOT_FOUND).detail("there is no such topic, or it was retired"));
    }
    change_topics(&app, &command, conversation, conversation::Command::AddTopic { topic }).await
}

/// Removes a topic.
#[utoipa::path(delete, path = "/v1/conversations/{conversation}/topics/{topic}", tag = "conversations",
    params(("conversation" = ConversationId, Path), ("topic" = TopicId, Path)), responses((status = 200, body = Acted)))]
pub async fn remove_topic(
    State(app): State<AppState>,
    Path((conversation, topic)): Path<(ConversationId, TopicId)>,
    command: Command,
) -> Answer {
    change_topics(&app, &command, conversation, conversation::Command::RemoveTopic { topic }).await
}

/// Refuses further messages of a public thread.
#[utoipa::path(put, path = "/v1/conversations/{conversation}/block", tag = "conversations",
    params(("conversation" = ConversationId, Path)), responses((status = 200, body = Acted)))]
pub async fn block(State(app): State<AppState>, Path(conversation): Path<ConversationId>, command: Command) -> Answer {
    act(&app, &command, conversation, ChannelRight::Contributor, conversation::Command::BlockThread).await
}

/// Takes messages of a blocked thread in again.
#[utoipa::path(delete, path = "/v1/conversations/{conversation}/block", tag = "conversations",
    params(("conversation" = ConversationId, Path)), responses((status = 200, body = Acted)))]
pub async fn unblock(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    command: Command,
) -> Answer {
    act(&app, &command, conversation, ChannelRight::Contributor, conversation::Command::UnblockThread).await
}
