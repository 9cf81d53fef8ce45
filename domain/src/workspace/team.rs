//! What follows from the teams that somebody is in: what they can be given, how much of it, what they see and how they
//! may look at it. That channels let them is [`WorkspaceState::right_on`]'s to say.

use super::event::{Role, Sees, TeamSettings};
use super::state::{Team, WorkspaceState};
use crate::ids::{AgentId, ChannelId, TeamId};
use std::collections::BTreeSet;

impl TeamSettings {
    /// Whether the channel is one of those that the team serves.
    pub fn serves(&self, channel: ChannelId) -> bool {
        self.channels.is_empty() || self.channels.contains(&channel)
    }
}

impl Team {
    pub(super) fn named(name: &str) -> Self {
        let (name, members) = (name.to_owned(), BTreeSet::new());
        Self { name, members, settings: TeamSettings::default(), closed: false }
    }

    /// Whether it can be given conversations of the channel.
    pub fn serves(&self, channel: ChannelId) -> bool {
        !self.closed && self.settings.serves(channel)
    }
}

impl WorkspaceState {
    /// The team, if it is not closed and serves the channel.
    pub fn team_serving(&self, team: TeamId, channel: ChannelId) -> Option<&Team> {
        self.teams.get(&team).filter(|team| team.serves(channel))
    }

    /// The teams that can be given conversations of the channel.
    pub fn teams_serving(&self, channel: ChannelId) -> BTreeSet<TeamId> {
        self.teams.iter().filter(|(_, team)| team.serves(channel)).map(|(id, _)| *id).collect()
    }

    /// Whether one of the agent's teams serves the channel, or they are in none.
    pub fn teams_let_serve(&self, agent: AgentId, channel: ChannelId) -> bool {
        let mut teams = self.teams_of(agent).peekable();
        teams.peek().is_none() || teams.any(|(_, team)| team.serves(channel))
    }

    /// Conversations in New that the agent is given at most at the same time: the least of what the workspace and
    /// their teams say.
    pub fn limit_of(&self, agent: AgentId) -> usize {
        let limits = self.teams_of(agent).filter_map(|(_, team)| team.settings.limit);
        usize::from(limits.fold(self.settings.conversations_per_agent_max, u16::min))
    }

    /// Whether the agent sees conversations that others own.
    pub fn sees_all(&self, agent: AgentId) -> bool {
        self.one_of_their_teams(agent, |settings| settings.sees == Sees::All)
    }

    /// Whether the agent sees a conversation that this agent, or nobody, owns.
    pub fn sees(&self, agent: AgentId, owner: Option<AgentId>) -> bool {
        owner.is_none_or(|owner| owner == agent) || self.sees_all(agent)
    }

    /// Whether the agent may choose the order of a queue.
    pub fn may_order(&self, agent: AgentId) -> bool {
        self.one_of_their_teams(agent, |settings| settings.may_order)
    }

    /// Whether the agent may narrow a queue to more than what is theirs or nobody's.
    pub fn may_filter(&self, agent: AgentId) -> bool {
        self.one_of_their_teams(agent, |settings| settings.may_filter)
    }

    /// Whether one of their teams gives it. It is given to who is in none, and to whom their role lets see to others.
    fn one_of_their_teams(&self, agent: AgentId, gives: impl Fn(&TeamSettings) -> bool) -> bool {
        let sees_to_others = |role: &Role| match role {
            Role::Supervisor | Role::Auditor | Role::Admin => true,
            Role::Agent | Role::Operator | Role::Connector => false,
        };
        if self.open_account(agent).is_some_and(|account| account.roles.iter().any(sees_to_others)) {
            return true;
        }
        let mut teams = self.teams_of(agent).peekable();
        teams.peek().is_none() || teams.any(|(_, team)| gives(&team.settings))
    }
}
