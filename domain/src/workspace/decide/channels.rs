//! Channels: connected, changed, disconnected, and the secrets that sign their traffic.

use super::{CHANNELS_MAX, Decision, Rejection, Thing, only, teams};
use crate::content::ContentRef;
use crate::ids::ChannelId;
use crate::name;
use crate::workspace::event::{ChannelProfile, WorkspaceEvent};
use crate::workspace::state::{Channel, WorkspaceState};

/// The channel, if it is connected.
pub(super) fn connected(state: &WorkspaceState, channel: ChannelId) -> Result<&Channel, Rejection> {
    let thing = Thing::Channel(channel);
    match state.channels.get(&channel) {
        None => Err(Rejection::Unknown(thing)),
        Some(it) if it.disconnected => Err(Rejection::Gone(thing)),
        Some(it) => Ok(it),
    }
}

pub(super) fn connect(state: &WorkspaceState, channel: ChannelId, profile: &ChannelProfile) -> Decision {
    let profile = sound(state, channel, profile)?;
    match state.channels.get(&channel) {
        Some(there) if !there.disconnected && there.profile == profile => Ok(Vec::new()),
        Some(_) => Err(Rejection::Exists(Thing::Channel(channel))),
        None if state.channels.values().filter(|it| !it.disconnected).count() >= CHANNELS_MAX => {
            Err(Rejection::TooMany { what: "connected channels", max: CHANNELS_MAX })
        }
        None => Ok(vec![WorkspaceEvent::ChannelConnected { channel, profile }]),
    }
}

pub(super) fn change(state: &WorkspaceState, channel: ChannelId, profile: &ChannelProfile) -> Decision {
    let before = connected(state, channel)?;
    if before.profile.kind != profile.kind {
        return Err(Rejection::ChannelKindFixed(Thing::Channel(channel)));
    }
    let profile = sound(state, channel, profile)?;
    only(before.profile != profile, || WorkspaceEvent::ChannelChanged { channel, profile })
}

pub(super) fn disconnect(state: &WorkspaceState, channel: ChannelId) -> Decision {
    let it = state.channels.get(&channel).ok_or(Rejection::Unknown(Thing::Channel(channel)))?;
    only(!it.disconnected, || WorkspaceEvent::ChannelDisconnected { channel })
}

pub(super) fn set_secret(state: &WorkspaceState, channel: ChannelId, secret: ContentRef) -> Decision {
    let before = connected(state, channel)?.secret;
    let erased = before.map(|it| it.id);
    only(before != Some(secret), || WorkspaceEvent::ChannelSecretSet { channel, secret, erased })
}

/// The profile with its name trimmed, if all of it can be used.
fn sound(state: &WorkspaceState, channel: ChannelId, profile: &ChannelProfile) -> Result<ChannelProfile, Rejection> {
    let name = name::tidy(&profile.name)?;
    let taken =
        |(id, it): &(&ChannelId, &Channel)| **id != channel && !it.disconnected && name::same(&it.profile.name, &name);
    if let Some((other, _)) = state.channels.iter().find(taken) {
        return Err(Rejection::NameTaken(Thing::Channel(*other)));
    }
    if let Some(team) = profile.team
        && !teams::open(state, team)?.serves(channel)
    {
        return Err(Rejection::NotServed { team, channel });
    }
    if profile.reply_characters_max == Some(0) {
        return Err(Rejection::NoRoomForReplies);
    }
    Ok(ChannelProfile { name, ..profile.clone() })
}
