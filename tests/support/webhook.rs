//! A channel's program: signs what it tells as Standard Webhooks says.

use super::{Answer, Client, TestApp};
use axum::body::Body;
use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_domain::conversation::Visibility;
use clew_domain::ids::ChannelId;
use clew_domain::workspace::{ChannelKind, ChannelProfile, Command, Role};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

/// A connected channel and what its program knows.
pub(crate) struct Webhook {
    pub(crate) channel: ChannelId,
    client: Client,
    secret: Vec<u8>,
    sent_s: i64,
}

impl Webhook {
    /// Connects a channel of this kind and draws its secret.
    pub(crate) async fn connect(app: &TestApp, kind: ChannelKind, visibility: Visibility) -> Self {
        Self::connect_as(app, kind, visibility, false).await
    }

    /// Connects a channel that reopens resolved conversations, or not.
    pub(crate) async fn connect_as(app: &TestApp, kind: ChannelKind, visibility: Visibility, reopens: bool) -> Self {
        let channel = ChannelId(Uuid::new_v4());
        let name = format!("Channel {channel}");
        let profile = ChannelProfile { kind, name, visibility, reopens, team: None, reply_characters_max: None };
        app.set(Command::ConnectChannel { channel, profile }).await;
        let login = format!("admin-{channel}");
        let (admin, _) = app.signed_in(&login, [Role::Admin]).await;
        let shown = admin.put(&format!("/v1/admin/channels/{channel}/secret"), json!({})).await.expect(200);
        let secret = shown["secret"].as_str().expect("a secret").strip_prefix("whsec_").expect("its prefix").to_owned();
        let secret = STANDARD.decode(secret).expect("Base64");
        Self { channel, client: app.anybody(), secret, sent_s: app.app.state.clock.now().micros() / 1_000_000 }
    }

    /// Tells something, rightly signed.
    pub(crate) async fn tell(&self, kind: &str, data: Value) -> Answer {
        self.tell_signed_with(&self.secret, kind, data).await
    }

    pub(crate) async fn tell_signed_with(&self, secret: &[u8], kind: &str, data: Value) -> Answer {
        let body = json!({"type": kind, "data": data}).to_string();
        let sent = self.sent_s.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
        mac.update(format!("hook.{sent}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let client = self.client.with("webhook-id", "hook").with("webhook-timestamp", &sent);
        let client = client.with("webhook-signature", &signature).with("content-type", "application/json");
        client.send(Method::POST, &format!("/v1/inbound/{}", self.channel), Body::from(body)).await
    }

    /// The contact `handle` writes; the answer tells the conversation.
    pub(crate) async fn write(&self, id: &str, handle: &str, text: &str) -> Value {
        let data = json!({"id": id, "contact": {"handle": handle, "name": format!("Name of {handle}")}, "text": text});
        self.tell("message.received", data).await.expect(202)
    }
}
