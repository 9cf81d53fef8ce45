//! Teams: made, renamed, closed, who is in them, what they serve and may do.

use super::{Decision, Rejection, TEAMS_MAX, Thing, accounts, channels, only, within};
use crate::ids::{AgentId, ChannelId, TeamId};
use crate::name;
use crate::workspace::event::{ChannelProfile, TeamSettings, WorkspaceEvent};
use crate::workspace::state::{Channel, Team, WorkspaceState};

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

/// What a channel gives the team it must serve, so that nothing is given to somebody who may not take it.
pub(super) fn change_settings(state: &WorkspaceState, team: TeamId, settings: &TeamSettings) -> Decision {
    let it = open(state, team)?;
    if it.settings == *settings {
        return Ok(Vec::new());
    }
    if let Some(limit) = settings.limit {
        within("limit", u32::from(limit), 1, 1_000)?;
    }
    // What was disconnected since may stay, so that the rest can be changed.
    for channel in settings.channels.difference(&it.settings.channels) {
        channels::connected(state, *channel)?;
    }
    let giving = |(_, it): &(&ChannelId, &Channel)| !it.disconnected && it.profile.team == Some(team);
    if let Some((channel, _)) = state.channels.iter().filter(giving).find(|(id, _)| !settings.serves(**id)) {
        return Err(Rejection::NotServed { team, channel: *channel });
    }
    let (settings, before) = (settings.clone(), it.settings.clone());
    Ok(vec![WorkspaceEvent::TeamSettingsChanged { team, settings, before }])
}

fn free_name(state: &WorkspaceState, team: TeamId, name: &str) -> Result<String, Rejection> {
    let name = name::tidy(name)?;
    let taken = state.teams.iter().find(|(id, it)| **id != team && !it.closed && name::same(&it.name, &name));
    match taken {
        Some((other, _)) => Err(Rejection::NameTaken(Thing::Team(*other))),
        None => Ok(name),
    }
}
