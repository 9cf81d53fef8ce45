//! Routing: who is given which conversation, decided from what the log told so far. Pure; that a decision still
//! holds when it is written is for the deciders of agent and conversation to say, in one commit.

mod board;
mod floor;
mod quiet;
#[cfg(test)]
mod tests;
mod tracked;

pub use board::{Board, Offer};
pub use floor::{Floor, Ruling, Work};
pub use tracked::{Place, Tracked};

use crate::ids::{AgentId, ChannelId, TeamId};
use crate::workspace::{ChannelRight, WorkspaceState};

/// What decides who may serve a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// Its channel.
    pub channel: ChannelId,
    /// The team that it is assigned to.
    pub team: Option<TeamId>,
}

/// Whether the agent may be given conversations of this class: they may work on the channel, and are in the team
/// if it has one. A team that was closed holds nobody back.
pub fn may_serve(workspace: &WorkspaceState, agent: AgentId, class: Class) -> bool {
    let team = class.team.and_then(|team| workspace.open_team(team));
    workspace.right_on(agent, class.channel) >= ChannelRight::Contributor
        && team.is_none_or(|team| team.members.contains(&agent))
}
