//! The rules of a contact, by example.

use super::*;
use crate::content::{Commitment, ContactNumber, ContentId, ContentRef};
use crate::decider::Decider;
use crate::decider::spec::{Spec, given};
use crate::ids::{ChannelId, GroupId, MessageId};
use proptest::prelude::*;
use uuid::Uuid;

const CHANNEL: ChannelId = ChannelId(Uuid::from_u128(7));
const VIP: GroupId = GroupId(Uuid::from_u128(8));
const NUMBER: ContactNumber = ContactNumber(12);

fn content(id: u64) -> ContentRef {
    ContentRef { id: ContentId(id), commitment: Commitment([u8::try_from(id).unwrap_or(0); 32]) }
}

fn key(text: &str) -> AttributeKey {
    text.parse().unwrap()
}

fn first_seen() -> ContactEvent {
    ContactEvent::FirstSeen { number: NUMBER, channel: CHANNEL, generation: 0, identity: content(1) }
}

fn see_first() -> Command {
    Command::SeeFirst { number: NUMBER, channel: CHANNEL, generation: 0, identity: content(1) }
}

fn known(more: impl IntoIterator<Item = ContactEvent>) -> Spec<Contact> {
    given(std::iter::once(first_seen()).chain(more))
}

fn language(value: u64, erased: Option<u64>) -> ContactEvent {
    ContactEvent::AttributeSet { key: key("language"), value: content(value), erased: erased.map(ContentId) }
}

#[test]
fn a_contact_is_first_seen_once() {
    given::<Contact>([]).when(see_first()).then([first_seen()]);
    known([]).when(see_first()).then_nothing();
}

#[test]
fn an_unknown_contact_takes_nothing() {
    for command in [Command::Block, Command::Unblock, Command::Forget, Command::JoinGroup { group: VIP }] {
        given::<Contact>([]).when(command).then_rejected(Rejection::Unknown);
    }
}

#[test]
fn another_name_erases_the_one_before() {
    let changed = ContactEvent::IdentityChanged { identity: content(2), erased: ContentId(1) };
    known([]).when(Command::ChangeIdentity { identity: content(2) }).then([changed]);
    known([]).when(Command::ChangeIdentity { identity: content(1) }).then_nothing();
}

#[test]
fn a_new_value_erases_the_one_before() {
    let set = |value| Command::SetAttribute { key: key("language"), value: content(value) };
    known([]).when(set(2)).then([language(2, None)]);
    known([language(2, None)]).when(set(3)).then([language(3, Some(2))]);
    known([language(2, None)]).when(set(2)).then_nothing();
}

#[test]
fn emptying_an_attribute_erases_its_value() {
    let remove = Command::RemoveAttribute { key: key("language") };
    let removed = ContactEvent::AttributeRemoved { key: key("language"), erased: ContentId(2) };
    known([language(2, None)]).when(remove.clone()).then([removed]);
    known([]).when(remove).then_nothing();
}

#[test]
fn groups_are_joined_and_left_once() {
    let joined = ContactEvent::GroupJoined { group: VIP };
    known([]).when(Command::JoinGroup { group: VIP }).then([joined.clone()]);
    known([joined.clone()]).when(Command::JoinGroup { group: VIP }).then_nothing();
    known([joined]).when(Command::LeaveGroup { group: VIP }).then([ContactEvent::GroupLeft { group: VIP }]);
    known([]).when(Command::LeaveGroup { group: VIP }).then_nothing();
}

#[test]
fn a_contact_is_blocked_and_unblocked_once() {
    known([]).when(Command::Block).then([ContactEvent::Blocked]);
    known([ContactEvent::Blocked]).when(Command::Block).then_nothing();
    known([ContactEvent::Blocked]).when(Command::Unblock).then([ContactEvent::Unblocked]);
    known([]).when(Command::Unblock).then_nothing();
}

#[test]
fn what_a_blocked_contact_writes_is_refused() {
    let message = MessageId(Uuid::from_u128(9));
    let refuse = Command::RefuseMessage { message };
    known([ContactEvent::Blocked]).when(refuse.clone()).then([ContactEvent::MessageRefused { message }]);
    known([]).when(refuse).then_rejected(Rejection::NotBlocked);
}

#[test]
fn a_forgotten_contact_takes_nothing_more() {
    let forgotten = ContactEvent::Forgotten { number: NUMBER };
    known([]).when(Command::Forget).then([forgotten.clone()]);
    known([forgotten.clone()]).when(Command::Forget).then_nothing();
    let set = Command::SetAttribute { key: key("language"), value: content(2) };
    for command in [see_first(), set, Command::Block, Command::LeaveGroup { group: VIP }] {
        known([forgotten.clone()]).when(command).then_rejected(Rejection::Forgotten);
    }
}

#[test]
fn forgetting_leaves_no_reference_to_a_content() {
    let state = Contact::fold(&[first_seen(), language(2, None), ContactEvent::Forgotten { number: NUMBER }]);
    assert_eq!(state.identity, None);
    assert!(state.attributes.is_empty());
    assert_eq!(state.known.map(|known| known.number), Some(NUMBER));
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(see_first()),
        (1..5u64).prop_map(|id| Command::ChangeIdentity { identity: content(id) }),
        ("[ab]", 5..9u64).prop_map(|(k, id)| Command::SetAttribute { key: key(&k), value: content(id) }),
        "[ab]".prop_map(|k| Command::RemoveAttribute { key: key(&k) }),
        Just(Command::JoinGroup { group: VIP }),
        Just(Command::LeaveGroup { group: VIP }),
        Just(Command::Block),
        Just(Command::Unblock),
        Just(Command::Forget),
    ]
}

proptest! {
    #[test]
    fn a_command_given_again_at_once_changes_nothing(commands in prop::collection::vec(any_command(), 1..40)) {
        crate::decider::spec::repeats_change_nothing::<Contact>(&commands)?;
    }
}
