//! Teams: made, renamed, closed, and who is in them.

use super::{Decision, Rejection, TEAMS_MAX, Thing, accounts, only};
use crate::ids::{AgentId, TeamId};
use crate::name;
use crate::workspace::event::{ChannelProfile, WorkspaceEvent};
use crate::workspace::state::{Team, WorkspaceState};

/// The team, if it is not closed.
pub(super) fn open(state: &WorkspaceState, team: TeamId) -> Result<&Team, Rejection> {
    match state.teams.get(&team) {
        None => Err(Rejection::Unknown(Thing::Team(team))),
        Some(it) if it.closed => Err(Rejection::Gone(Thing::Team(team))),
        Some(it) => Ok(it),
    }
}

pub(super) fn create(state: &WorkspaceState, team: TeamId, name: &str) -> Decision {
    let name = free_name(state, team, name)?;
    match state.teams.get(&team) {
        Some(there) if !there.closed && there.name == name => Ok(Vec::new()),
        Some(_) => Err(Rejection::Exists(Thing::Team(team))),
        None if state.teams.values().filter(|it| !it.closed).count() >= TEAMS_MAX => {
            Err(Rejection::TooMany { what: "open teams", max: TEAMS_MAX })
        }
        None => Ok(vec![WorkspaceEvent::TeamCreated { team, name }]),
    }
}

pub(super) fn rename(state: &WorkspaceState, team: TeamId, name: &str) -> Decision {
    let before = open(state, team)?;
    let name = free_name(state, team, name)?;
    only(before.name != name, || WorkspaceEvent::TeamRenamed { team, name })
}

/// A closed team can't be given conversations, so the channels that give it theirs stop doing so.
pub(super) fn close(state: &WorkspaceState, team: TeamId) -> Decision {
    let it = state.teams.get(&team).ok_or(Rejection::Unknown(Thing::Team(team)))?;
    if it.closed {
        return Ok(Vec::new());
    }
    let giving = state.channels.iter().filter(|(_, it)| !it.disconnected && it.profile.team == Some(team));
    let no_longer = giving.map(|(channel, it)| WorkspaceEvent::ChannelChanged {
        channel: *channel,
        profile: ChannelProfile { team: None, ..it.profile.clone() },
    });
    Ok(no_longer.chain([WorkspaceEvent::TeamClosed { team }]).collect())
}

pub(super) fn add_member(state: &WorkspaceState, team: TeamId, agent: AgentId) -> Decision {
    let it = open(state, team)?;
    accounts::opened(state, agent)?;
    only(!it.members.contains(&agent), || WorkspaceEvent::TeamMemberAdded { team, agent })
}

pub(super) fn remove_member(state: &WorkspaceState, team: TeamId, agent: AgentId) -> Decision {
    let it = open(state, team)?;
    only(it.members.contains(&agent), || WorkspaceEvent::TeamMemberRemoved { team, agent })
}

fn free_name(state: &WorkspaceState, team: TeamId, name: &str) -> Result<String, Rejection> {
    let name = name::tidy(name)?;
    let taken = state.teams.iter().find(|(id, it)| **id != team && !it.closed && name::same(&it.name, &name));
    match taken {
        Some((other, _)) => Err(Rejection::NameTaken(Thing::Team(*other))),
        None => Ok(name),
    }
}
