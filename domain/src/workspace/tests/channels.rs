//! Channels.

use super::*;
use crate::decider::spec::given;
use crate::name::NotAName;

fn connect(channel: ChannelId, name: &str) -> Command {
    Command::ConnectChannel { channel, profile: profile(name) }
}

fn change(profile: ChannelProfile) -> Command {
    Command::ChangeChannel { channel: MAIL, profile }
}

fn disconnected() -> WorkspaceEvent {
    WorkspaceEvent::ChannelDisconnected { channel: MAIL }
}

#[test]
fn a_channel_is_connected_once() {
    given::<Workspace>([]).when(connect(MAIL, " Mail ")).then([connected(MAIL, "Mail")]);
    given::<Workspace>([connected(MAIL, "Mail")]).when(connect(MAIL, "Mail")).then_nothing();
    let other = connect(MAIL, "Letters");
    given::<Workspace>([connected(MAIL, "Mail")]).when(other).then_rejected(Rejection::Exists(Thing::Channel(MAIL)));
    given::<Workspace>([]).when(connect(MAIL, "\t")).then_rejected(Rejection::Name(NotAName));
}

#[test]
fn connected_channels_are_limited() {
    let full = (0..CHANNELS_MAX as u128).map(|n| connected(ChannelId(Uuid::from_u128(n)), &format!("channel {n}")));
    let one_more = connect(ChannelId(Uuid::from_u128(1 << 64)), "one more");
    given::<Workspace>(full)
        .when(one_more)
        .then_rejected(Rejection::TooMany { what: "connected channels", max: CHANNELS_MAX });
}

#[test]
fn names_of_connected_channels_differ() {
    let taken = Rejection::NameTaken(Thing::Channel(MAIL));
    given::<Workspace>([connected(MAIL, "Mail")]).when(connect(CHAT, "MAIL")).then_rejected(taken);
    given::<Workspace>([connected(MAIL, "Mail"), disconnected()])
        .when(connect(CHAT, "MAIL"))
        .then([connected(CHAT, "MAIL")]);
}

#[test]
fn a_channel_gives_conversations_to_open_teams_only() {
    let to_billing = ChannelProfile { team: Some(BILLING), ..profile("Mail") };
    let connect = Command::ConnectChannel { channel: MAIL, profile: to_billing };
    given::<Workspace>([]).when(connect.clone()).then_rejected(Rejection::Unknown(Thing::Team(BILLING)));
    given::<Workspace>([team_created(BILLING, "Billing"), WorkspaceEvent::TeamClosed { team: BILLING }])
        .when(connect)
        .then_rejected(Rejection::Gone(Thing::Team(BILLING)));
}

#[test]
fn a_channel_changes_but_not_its_kind() {
    let open = [connected(MAIL, "Mail")];
    let letters = profile("Letters");
    let changed = WorkspaceEvent::ChannelChanged { channel: MAIL, profile: letters.clone() };
    given::<Workspace>(open.clone()).when(change(letters.clone())).then([changed]);
    given::<Workspace>(open.clone()).when(change(profile("Mail"))).then_nothing();
    let chat = ChannelProfile { kind: ChannelKind::WebChat, ..letters.clone() };
    given::<Workspace>(open.clone())
        .when(change(chat))
        .then_rejected(Rejection::ChannelKindFixed(Thing::Channel(MAIL)));
    let mute = ChannelProfile { reply_characters_max: Some(0), ..letters.clone() };
    given::<Workspace>(open.clone()).when(change(mute)).then_rejected(Rejection::NoRoomForReplies);
    given::<Workspace>([]).when(change(letters.clone())).then_rejected(Rejection::Unknown(Thing::Channel(MAIL)));
    given::<Workspace>(open.into_iter().chain([disconnected()]))
        .when(change(letters))
        .then_rejected(Rejection::Gone(Thing::Channel(MAIL)));
}

#[test]
fn a_channel_is_disconnected_once() {
    let disconnect = Command::DisconnectChannel { channel: MAIL };
    given::<Workspace>([connected(MAIL, "Mail")]).when(disconnect.clone()).then([disconnected()]);
    given::<Workspace>([connected(MAIL, "Mail"), disconnected()]).when(disconnect.clone()).then_nothing();
    given::<Workspace>([]).when(disconnect).then_rejected(Rejection::Unknown(Thing::Channel(MAIL)));
}

#[test]
fn a_new_secret_erases_the_one_before() {
    let set = |id| Command::SetChannelSecret { channel: MAIL, secret: content(id) };
    let was_set = |id, erased: Option<u64>| WorkspaceEvent::ChannelSecretSet {
        channel: MAIL,
        secret: content(id),
        erased: erased.map(ContentId),
    };
    let open = connected(MAIL, "Mail");
    given::<Workspace>([open.clone()]).when(set(1)).then([was_set(1, None)]);
    given::<Workspace>([open.clone(), was_set(1, None)]).when(set(2)).then([was_set(2, Some(1))]);
    given::<Workspace>([open.clone(), was_set(1, None)]).when(set(1)).then_nothing();
    given::<Workspace>([open, disconnected()]).when(set(1)).then_rejected(Rejection::Gone(Thing::Channel(MAIL)));
}
