//! The channels that the caller sees: `/v1/channels`. Setting them up is `admin/channels.rs`'s.

use crate::auth::Caller;
use crate::extract::{Json, Query};
use crate::wire::{ByName, Items};
use clew_domain::conversation::Visibility;
use clew_domain::ids::ChannelId;
use clew_domain::workspace::{ChannelKind, ChannelRight};
use serde::Serialize;
use utoipa::ToSchema;

/// A channel, as the caller sees it.
#[derive(Serialize, ToSchema)]
pub struct VisibleChannel {
    /// Its id.
    id: ChannelId,
    /// Its name.
    name: String,
    /// What kind of account it is.
    kind: ChannelKind,
    /// Whether what is written there can be read by anyone.
    visibility: Visibility,
    /// Characters in one reply at most, if it limits them.
    reply_characters_max: Option<u32>,
    /// Whether it takes messages, in or out.
    active: bool,
    /// What the caller may do there.
    right: ChannelRight,
}

/// The channels that one sees
#[utoipa::path(get, path = "/v1/channels", tag = "workspace", responses((status = 200, body = Items<VisibleChannel>)))]
pub async fn list(caller: Caller, Query(wanted): Query<ByName>) -> Json<Items<VisibleChannel>> {
    let seen = caller.workspace.channels.iter().filter(|(_, channel)| wanted.takes(&channel.profile.name));
    let mut items: Vec<VisibleChannel> = seen
        .map(|(id, channel)| VisibleChannel {
            id: *id,
            name: channel.profile.name.clone(),
            kind: channel.profile.kind,
            visibility: channel.profile.visibility,
            reply_characters_max: channel.profile.reply_characters_max,
            active: !channel.disconnected,
            right: caller.right_on(*id),
        })
        .filter(|channel| channel.right > ChannelRight::None)
        .collect();
    items.sort_by_key(|channel| (channel.name.to_lowercase(), channel.id));
    Json(Items { items })
}
