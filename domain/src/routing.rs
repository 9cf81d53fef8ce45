//! Routing: who is given which conversation, decided from what the log told so far. Pure; that a decision still
//! holds when it is written is for the deciders of agent and conversation to say, in one commit.

mod board;
mod floor;
mod quiet;
#[cfg(test)]
mod tests;
mod tracked;

pub use board::{Board, Offer};
pub use floor::{Floor, Ruling, Saved, Work};
pub use tracked::{Place, Tracked};

use crate::ids::{AgentId, ChannelId, TeamId};
use crate::workspace::{ChannelRight, WorkspaceState};
use serde::{Deserialize, Serialize};

/// What decides who may serve a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Class {
    /// Its channel.
    pub channel: ChannelId,
    /// The team that it is assigned to.
    pub team: Option<TeamId>,
}

/// Whether the agent may be given conversations of this class: they may work on the channel, and are in the team if it
/// has one, else in one that serves the channel, or in none. A team that was closed or serves the channel no longer
/// holds nobody back.
pub fn may_serve(workspace: &WorkspaceState, agent: AgentId, class: Class) -> bool {
    let Class { channel, team } = class;
    if workspace.right_on(agent, channel) < ChannelRight::Contributor {
        return false;
    }
    match team.and_then(|team| workspace.team_serving(team, channel)) {
        Some(team) => team.members.contains(&agent),
        None => workspace.teams_let_serve(agent, channel),
    }
}
