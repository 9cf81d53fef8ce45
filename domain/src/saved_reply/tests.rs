//! The rules of a collection of saved replies, by example.

use super::*;
use crate::content::{Commitment, ContentId, ContentRef};
use crate::decider::spec::{ALICE, Spec, given};
use crate::ids::SavedReplyId;
use crate::name::NotAName;
use proptest::prelude::*;
use uuid::Uuid;

const OWNER: CollectionOwner = CollectionOwner::Agent(ALICE);

fn content(id: u64) -> ContentRef {
    ContentRef { id: ContentId(id), commitment: Commitment([u8::try_from(id).unwrap_or(0); 32]) }
}

fn reply(n: u128) -> SavedReplyId {
    SavedReplyId(Uuid::from_u128(n))
}

fn create(name: &str) -> Command {
    Command::Create { owner: OWNER, name: name.to_owned() }
}

fn rename(name: &str) -> Command {
    Command::Rename { name: name.to_owned() }
}

fn added(n: u128, id: u64) -> CollectionEvent {
    CollectionEvent::SavedReplyAdded { reply: reply(n), content: content(id) }
}

fn created() -> CollectionEvent {
    CollectionEvent::CollectionCreated { owner: OWNER, name: "Bonjour".to_owned() }
}

fn collection(more: impl IntoIterator<Item = CollectionEvent>) -> Spec<Collection> {
    given(std::iter::once(created()).chain(more))
}

fn deleted() -> Spec<Collection> {
    collection([CollectionEvent::CollectionDeleted { erased: vec![] }])
}

#[test]
fn a_collection_is_made_once() {
    given::<Collection>([]).when(create(" Bonjour ")).then([created()]);
    given::<Collection>([]).when(create(" ")).then_rejected(Rejection::Name(NotAName));
    collection([]).when(create("Bonjour")).then_nothing();
    collection([]).when(create("Bonsoir")).then_rejected(Rejection::Exists);
    deleted().when(create("Bonjour")).then_rejected(Rejection::Exists);
}

#[test]
fn a_collection_is_renamed() {
    collection([]).when(rename("Bonsoir")).then([CollectionEvent::CollectionRenamed { name: "Bonsoir".to_owned() }]);
    collection([]).when(rename("Bonjour")).then_nothing();
    collection([]).when(rename("\u{1}")).then_rejected(Rejection::Name(NotAName));
}

#[test]
fn what_is_not_there_takes_nothing() {
    given::<Collection>([]).when(rename("a")).then_rejected(Rejection::Unknown);
    given::<Collection>([]).when(Command::Delete).then_rejected(Rejection::Unknown);
    deleted().when(rename("a")).then_rejected(Rejection::Deleted);
    deleted().when(Command::AddReply { reply: reply(1), content: content(1) }).then_rejected(Rejection::Deleted);
}

#[test]
fn deleting_a_collection_erases_all_its_replies() {
    let erased = vec![ContentId(10), ContentId(20)];
    collection([added(1, 10), added(2, 20)])
        .when(Command::Delete)
        .then([CollectionEvent::CollectionDeleted { erased }]);
    deleted().when(Command::Delete).then_nothing();
}

#[test]
fn a_reply_is_saved_once() {
    let add = Command::AddReply { reply: reply(1), content: content(10) };
    collection([]).when(add.clone()).then([added(1, 10)]);
    collection([added(1, 10)]).when(add.clone()).then_nothing();
    collection([added(1, 11)]).when(add).then_rejected(Rejection::ReplyExists(reply(1)));
}

#[test]
fn a_collection_can_be_full() {
    let full = (0..REPLIES_MAX as u64).map(|n| added(u128::from(n), n));
    let add = Command::AddReply { reply: reply(5_000), content: content(5_000) };
    collection(full).when(add).then_rejected(Rejection::Full);
}

#[test]
fn a_rewritten_reply_erases_what_it_said() {
    let edit = Command::EditReply { reply: reply(1), content: content(11) };
    let edited = CollectionEvent::SavedReplyEdited { reply: reply(1), content: content(11), erased: ContentId(10) };
    collection([added(1, 10)]).when(edit.clone()).then([edited]);
    collection([added(1, 11)]).when(edit.clone()).then_nothing();
    collection([]).when(edit).then_rejected(Rejection::ReplyUnknown(reply(1)));
}

#[test]
fn a_deleted_reply_is_erased() {
    let delete = Command::DeleteReply { reply: reply(1) };
    let deleted = CollectionEvent::SavedReplyDeleted { reply: reply(1), erased: ContentId(10) };
    collection([added(1, 10)]).when(delete.clone()).then([deleted]);
    collection([]).when(delete).then_rejected(Rejection::ReplyUnknown(reply(1)));
}

fn any_command() -> impl Strategy<Value = Command> {
    let ids = || (1..4u128, 1..6u64);
    prop_oneof![
        4 => Just(create("Bonjour")),
        4 => "[ab]".prop_map(|name| rename(&name)),
        1 => Just(Command::Delete),
        8 => ids().prop_map(|(n, id)| Command::AddReply { reply: reply(n), content: content(id) }),
        8 => ids().prop_map(|(n, id)| Command::EditReply { reply: reply(n), content: content(id) }),
        8 => (1..4u128).prop_map(|n| Command::DeleteReply { reply: reply(n) }),
    ]
}

proptest! {
    #[test]
    fn a_command_given_again_at_once_changes_nothing(commands in prop::collection::vec(any_command(), 1..40)) {
        crate::decider::spec::repeats_change_nothing::<Collection>(&commands)?;
    }
}
