//! The rules of the workspace, by example; one file a subject.

mod accounts;
mod attributes;
mod catalog;
mod channels;
mod redactions;
mod repeats;
mod settings;
mod sla;
mod teams;
mod tokens;

use super::*;
use crate::content::{Commitment, ContentId, ContentRef};
use crate::conversation::Visibility;
use crate::decider::spec::{ALICE, BOB};
use crate::ids::{AgentId, ChannelId, TeamId};
use std::collections::BTreeSet;
use uuid::Uuid;

const MAIL: ChannelId = ChannelId(Uuid::from_u128(0xC1));
const CHAT: ChannelId = ChannelId(Uuid::from_u128(0xC2));
const BILLING: TeamId = TeamId(Uuid::from_u128(0x71));
const SALES: TeamId = TeamId(Uuid::from_u128(0x72));

fn content(id: u64) -> ContentRef {
    ContentRef { id: ContentId(id), commitment: Commitment([u8::try_from(id).unwrap(); 32]) }
}

fn profile(name: &str) -> ChannelProfile {
    ChannelProfile {
        kind: ChannelKind::Email,
        name: name.to_owned(),
        visibility: Visibility::Private,
        reopens: false,
        team: None,
        reply_characters_max: None,
    }
}

fn connected(channel: ChannelId, name: &str) -> WorkspaceEvent {
    WorkspaceEvent::ChannelConnected { channel, profile: profile(name) }
}

fn team_created(team: TeamId, name: &str) -> WorkspaceEvent {
    WorkspaceEvent::TeamCreated { team, name: name.to_owned() }
}

fn roles<const N: usize>(roles: [Role; N]) -> BTreeSet<Role> {
    BTreeSet::from(roles)
}

fn opened<const N: usize>(agent: AgentId, login: &str, its: [Role; N]) -> WorkspaceEvent {
    WorkspaceEvent::AccountOpened { agent, login: login.to_owned(), name: login.to_owned(), roles: roles(its) }
}

fn alice() -> WorkspaceEvent {
    opened(ALICE, "alice", [Role::Admin])
}

fn bob() -> WorkspaceEvent {
    opened(BOB, "bob", [Role::Agent])
}
