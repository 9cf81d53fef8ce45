//! Channels and the secrets that sign their traffic: `/v1/admin/channels`.

use super::{Admin, AdminCommand, Changed, Made, act_once, change, make};
use crate::error::Problem;
use crate::extract::{AtPosition, Json, Path, Receipt, position_of};
use crate::state::AppState;
use crate::wire::{Created, Items};
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_domain::content::ContactNumber;
use clew_domain::ids::ChannelId;
use clew_domain::plaintext::Secret;
use clew_domain::workspace::{ChannelProfile, Command};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// A channel, connected or not.
#[derive(Serialize, ToSchema)]
pub struct ChannelSetup {
    id: ChannelId,
    #[serde(flatten)]
    profile: ChannelProfile,
    /// Whether a secret that signs its traffic is set.
    has_secret: bool,
    /// Whether it takes no more messages, in or out.
    disconnected: bool,
}

/// Channels, disconnected ones too
#[utoipa::path(get, path = "/v1/admin/channels", tag = "admin", responses((status = 200, body = Items<ChannelSetup>)))]
pub async fn list(Admin(caller): Admin) -> Json<Items<ChannelSetup>> {
    let channels = caller.workspace.channels.iter().map(|(id, channel)| ChannelSetup {
        id: *id,
        profile: channel.profile.clone(),
        has_secret: channel.secret.is_some(),
        disconnected: channel.disconnected,
    });
    Json(Items { items: channels.collect() })
}

/// Connect a channel
#[utoipa::path(
    post, path = "/v1/admin/channels", tag = "admin", request_body = ChannelProfile,
    responses((status = 201, body = Created))
)]
pub async fn connect(State(app): State<AppState>, command: AdminCommand, Json(profile): Json<ChannelProfile>) -> Made {
    make(&app, command, |id| Command::ConnectChannel { channel: ChannelId(id), profile }).await
}

/// Change a channel; its kind stays
#[utoipa::path(
    put, path = "/v1/admin/channels/{channel}", tag = "admin", request_body = ChannelProfile,
    responses((status = 200, body = Receipt))
)]
pub async fn replace(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(channel): Path<ChannelId>,
    Json(profile): Json<ChannelProfile>,
) -> Changed {
    change(&app, command, Command::ChangeChannel { channel, profile }).await
}

/// Disconnect a channel: it takes no more messages, in or out
#[utoipa::path(delete, path = "/v1/admin/channels/{channel}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn disconnect(State(app): State<AppState>, command: AdminCommand, Path(channel): Path<ChannelId>) -> Changed {
    change(&app, command, Command::DisconnectChannel { channel }).await
}

/// A secret, shown this once.
#[derive(Serialize, ToSchema)]
pub struct ShownSecret {
    /// The secret, in the form of Standard Webhooks.
    #[schema(example = "whsec_...")]
    secret: String,
    /// What to wait for before reading.
    position: Option<String>,
}

/// Draw a new secret that signs the channel's traffic
///
/// The one before is erased at once. A repetition under the same `Idempotency-Key` is refused: the secret was shown
/// before.
#[utoipa::path(
    put, path = "/v1/admin/channels/{channel}/secret", tag = "admin",
    responses((status = 200, body = ShownSecret))
)]
pub async fn draw_secret(
    State(app): State<AppState>,
    AdminCommand(command): AdminCommand,
    Path(channel): Path<ChannelId>,
) -> Result<AtPosition<Json<ShownSecret>>, Problem> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).expect("the operating system gives random bytes");
    let secret = format!("whsec_{}", STANDARD.encode(bytes.as_slice()));
    let (sealed, content) = app.seal(ContactNumber::WORKSPACE, &Secret { secret: secret.clone() })?;
    let wanted = Command::SetChannelSecret { channel, secret: content };
    let position = act_once(&app, &command, wanted, vec![sealed]).await?;
    Ok(AtPosition(position, Json(ShownSecret { secret, position: position_of(position) })))
}
