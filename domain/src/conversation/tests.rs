//! Given/when/then: what a conversation does, and one specification per rejection.

use super::*;
use crate::content::{Commitment, ContentId, ContentRef};
use crate::decider::Decider;
use crate::decider::spec::{ALICE, BOB, given as spec};
use crate::ids::*;
use crate::time::Timestamp;
use ConversationEvent as E;
use uuid::Uuid;

const CONTACT: ContactId = ContactId(Uuid::from_u128(0xC0));
const TEAM: TeamId = TeamId(Uuid::from_u128(0x7EA));
const TOPIC: TopicId = TopicId(Uuid::from_u128(0x70));
const NOTE: NoteId = NoteId(Uuid::from_u128(0x4073));
const LATER: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const EARLIER: Timestamp = Timestamp::from_micros(1_600_000_000_000_000);

fn message(number: u128) -> MessageId {
    MessageId(Uuid::from_u128(number))
}

fn content(number: u64) -> ContentRef {
    ContentRef { id: ContentId(number), commitment: Commitment([0; 32]) }
}

fn span(first: u64, count: u32) -> ContentSpan {
    ContentSpan { first: ContentId(first), count }
}

fn started(visibility: Visibility) -> Started {
    Started {
        contact: CONTACT,
        channel: ChannelId(Uuid::from_u128(0xC4)),
        thread: ThreadId(Uuid::from_u128(0x74)),
        root: None,
        number: 1,
        previous: None,
        visibility,
    }
}

fn received(number: u128) -> MessageReceived {
    MessageReceived {
        message: message(number),
        content: content(u64::try_from(number).unwrap()),
        kind: MessageKind::Tweet,
        answers: None,
        attachments: vec![],
        groups: None,
    }
}

fn reply(number: u128) -> ReplySent {
    ReplySent {
        reply: message(number),
        content: content(u64::try_from(number).unwrap()),
        kind: MessageKind::Tweet,
        channel: ChannelId(Uuid::from_u128(0xC4)),
        mode: ReplyMode::Plain,
        attachments: vec![],
        origin: ReplyOrigin::Desk,
    }
}

fn attachment() -> Attachment {
    Attachment {
        id: AttachmentId(Uuid::from_u128(0xA7)),
        label: content(70),
        body: span(71, 3),
        commitment: Commitment([0; 32]),
    }
}

/// A public conversation with one message of the contact, then these events.
fn given(more: impl IntoIterator<Item = E>) -> crate::decider::spec::Spec<Conversation> {
    let begun = [E::Started(started(Visibility::Public)), E::MessageReceived(received(1))];
    spec(begun.into_iter().chain(more))
}

fn receive(number: u128) -> Receive {
    let opening = Opening { started: started(Visibility::Public), team: None };
    Receive { opening, message: received(number), redactions: vec![], reopens: false }
}

fn send(seen: u64) -> SendReply {
    let context = ReplyContext { agent: Some(ALICE), seen, first_response_assigns: false };
    SendReply { reply: reply(9), context, then: Then::Stay }
}

fn assigned(agent: AgentId) -> E {
    E::Assigned { to: Assignee::Agent(agent), cause: AssignmentCause::ByHand }
}

fn resolved() -> E {
    E::Resolved { reason: ResolveReason::Answered, bulk: None }
}

const PENDED: E = E::Pended { until: None };

#[test]
fn the_first_message_starts_it_and_gives_it_to_the_team_of_the_channel() {
    let mut first = receive(1);
    first.opening.team = Some(TEAM);
    first.redactions = vec![(None, 2)];
    spec::<Conversation>([]).when(Command::Receive(first)).then([
        E::Started(started(Visibility::Public)),
        E::Assigned { to: Assignee::Team(TEAM), cause: AssignmentCause::Channel },
        E::MessageReceived(received(1)),
        E::MessageRedacted { message: message(1), rule: None, places: 2 },
    ]);
}

#[test]
fn the_first_that_waits_is_given_and_locked() {
    let given_to = |agent| E::Assigned { to: Assignee::Agent(agent), cause: AssignmentCause::Distribution };
    let distribute = || Command::Distribute { agent: ALICE };
    given([]).when(distribute()).then([given_to(ALICE), E::Locked { agent: ALICE }]);
    given([E::Locked { agent: ALICE }]).when(distribute()).then([given_to(ALICE)]);
    given([assigned(ALICE)]).when(distribute()).then_nothing();
    given([assigned(BOB)]).when(distribute()).then_rejected(Rejection::NotWaiting);
    given([PENDED]).when(distribute()).then_rejected(Rejection::NotWaiting);
    given([E::Locked { agent: BOB }]).when(distribute()).then_rejected(Rejection::LockedByOther(BOB));
}

#[test]
fn what_an_agent_leaves_is_the_teams_again_or_nobodys() {
    let release = || Command::Release { agent: ALICE };
    let unlocked = E::LockReleased { agent: ALICE, cause: ReleaseCause::Reassigned };
    let nobodys = E::Unassigned { cause: UnassignmentCause::AgentLeft };
    given([assigned(ALICE), E::Locked { agent: ALICE }]).when(release()).then([nobodys.clone(), unlocked]);
    given([assigned(ALICE), E::Locked { agent: BOB }]).when(release()).then([nobodys]);
    let to_team = |cause| E::Assigned { to: Assignee::Team(TEAM), cause };
    let of_the_team = [to_team(AssignmentCause::Channel), assigned(ALICE)];
    given(of_the_team).when(release()).then([to_team(AssignmentCause::AgentLeft)]);
    given([assigned(BOB)]).when(release()).then_nothing();
}

#[test]
fn a_message_delivered_twice_lands_once() {
    given([]).when(Command::Receive(receive(1))).then_nothing();
    given([resolved()]).when(Command::Receive(receive(1))).then_nothing();
}

#[test]
fn pending_returns_to_new_when_the_contact_writes() {
    given([PENDED])
        .when(Command::Receive(receive(2)))
        .then([E::MessageReceived(received(2)), E::ReturnedToNew { cause: ReturnCause::ContactReplied }]);
}

#[test]
fn after_resolved_a_message_is_for_the_next_conversation_unless_the_channel_reopens() {
    given([resolved()]).when(Command::Receive(receive(2))).then_rejected(Rejection::AlreadyResolved);
    given([resolved()])
        .when(Command::Receive(Receive { reopens: true, ..receive(2) }))
        .then([E::MessageReceived(received(2)), E::ReturnedToNew { cause: ReturnCause::Reopened }]);
}

#[test]
fn a_blocked_thread_takes_nothing_in_and_says_so_once() {
    given([E::ThreadBlocked]).when(Command::Receive(receive(2))).then([E::MessageRefused { message: message(2) }]);
    let refused = [E::ThreadBlocked, E::MessageRefused { message: message(2) }];
    given(refused).when(Command::Receive(receive(2))).then_nothing();
    given([E::ThreadBlocked, resolved()])
        .when(Command::Receive(receive(2)))
        .then([E::MessageRefused { message: message(2) }]);
}

#[test]
fn a_blocked_public_thread_refuses_other_contacts_too() {
    let mut other = receive(2);
    other.opening.started.contact = ContactId(Uuid::from_u128(0xC1));
    given([E::ThreadBlocked]).when(Command::Receive(other.clone())).then([E::MessageRefused { message: message(2) }]);
    given([]).when(Command::Receive(other)).then_rejected(Rejection::BelongsElsewhere);
}

#[test]
fn a_reply_written_on_the_channel_is_recorded_whatever_the_state() {
    let opening = Opening { started: started(Visibility::Public), team: None };
    let outside = ReplySent { origin: ReplyOrigin::Channel, ..reply(9) };
    let record = || Command::RecordReply { opening, reply: outside.clone() };
    given([resolved()]).when(record()).then([E::ReplySent(outside.clone())]);
    given([E::ReplySent(outside.clone())]).when(record()).then_nothing();
    spec::<Conversation>([])
        .when(record())
        .then([E::Started(started(Visibility::Public)), E::ReplySent(outside.clone())]);
}

#[test]
fn a_reply_is_sent_and_sending_it_again_does_nothing() {
    given([]).when(Command::SendReply(send(2))).then([E::ReplySent(reply(9))]);
    given([E::ReplySent(reply(9))]).when(Command::SendReply(send(2))).then_nothing();
}

#[test]
fn the_first_to_answer_owns_what_nobody_owns_and_resolving_ends_it() {
    let mut first = send(2);
    first.context.first_response_assigns = true;
    let owned = E::Assigned { to: Assignee::Agent(ALICE), cause: AssignmentCause::FirstResponse };
    given([]).when(Command::SendReply(first.clone())).then([E::ReplySent(reply(9)), owned.clone()]);
    given([assigned(BOB)]).when(Command::SendReply(first.clone())).then([E::ReplySent(reply(9))]);
    first.then = Then::Resolve(ResolveReason::Answered);
    given([E::Locked { agent: ALICE }]).when(Command::SendReply(first)).then([
        E::ReplySent(reply(9)),
        owned,
        resolved(),
        E::Unassigned { cause: UnassignmentCause::Resolved },
        E::LockReleased { agent: ALICE, cause: ReleaseCause::StateChanged },
    ]);
}

#[test]
fn a_reply_can_pend() {
    let pending = SendReply { then: Then::Pend(Some(LATER)), ..send(2) };
    given([]).when(Command::SendReply(pending)).then([E::ReplySent(reply(9)), E::Pended { until: Some(LATER) }]);
    let past = SendReply { then: Then::Pend(Some(EARLIER)), ..send(2) };
    given([]).when(Command::SendReply(past)).then_rejected(Rejection::UntilNotAhead);
}

#[test]
fn a_reply_against_a_state_with_newer_messages_is_refused_with_them() {
    let newer = [E::MessageReceived(received(3)), E::MessageReceived(received(2))];
    given(newer)
        .when(Command::SendReply(send(2)))
        .then_rejected(Rejection::NewerMessages(vec![message(3), message(2)]));
    given([E::ReplySent(reply(8))]).when(Command::SendReply(send(2))).then([E::ReplySent(reply(9))]);
}

#[test]
fn a_reply_needs_an_open_conversation_and_no_other_lock() {
    given([resolved()]).when(Command::SendReply(send(3))).then_rejected(Rejection::AlreadyResolved);
    given([E::Locked { agent: BOB }]).when(Command::SendReply(send(3))).then_rejected(Rejection::LockedByOther(BOB));
    given([E::Locked { agent: ALICE }]).when(Command::SendReply(send(3))).then([E::ReplySent(reply(9))]);
    let mut by_rule = send(3);
    by_rule.context.agent = None;
    given([E::Locked { agent: BOB }]).when(Command::SendReply(by_rule)).then([E::ReplySent(reply(9))]);
}

#[test]
fn a_reply_refers_only_to_messages_that_can_be_read() {
    let referring = |mode| {
        let mut send = send(9);
        send.reply.mode = mode;
        Command::SendReply(send)
    };
    let masked = E::MessageMasked { message: message(1), erased: vec![span(1, 1)] };
    given([]).when(referring(ReplyMode::To(message(7)))).then_rejected(Rejection::UnknownMessage(message(7)));
    given([masked.clone()])
        .when(referring(ReplyMode::To(message(1))))
        .then_rejected(Rejection::MaskedMessage(message(1)));
    given([masked]).when(referring(ReplyMode::Quoting(message(1)))).then_rejected(Rejection::MaskedMessage(message(1)));
    let private = MessageReceived { kind: MessageKind::TwitterDirectMessage, ..received(2) };
    given([E::MessageReceived(private)])
        .when(referring(ReplyMode::Quoting(message(2))))
        .then_rejected(Rejection::NotPublic(message(2)));
}

#[test]
fn deliveries_are_reported_and_failed_ones_tried_again() {
    let sent = || E::ReplySent(reply(9));
    let accept =
        || Command::ReportDelivery { reply: message(9), outcome: Outcome::Accepted { receipt: Some(content(10)) } };
    let fail = || Command::ReportDelivery { reply: message(9), outcome: Outcome::Failed(DeliveryFailure::Refused) };
    let accepted = |receipt| E::DeliveryAccepted { reply: message(9), receipt };
    let failed = || E::DeliveryFailed { reply: message(9), cause: DeliveryFailure::Refused };
    let retry = || Command::RetryDelivery { reply: message(9) };
    given([sent()]).when(accept()).then([accepted(Some(content(10)))]);
    given([sent(), accepted(None)]).when(accept()).then_nothing();
    given([sent()]).when(fail()).then([failed()]);
    given([sent(), failed()]).when(fail()).then_nothing();
    given([sent(), failed()]).when(retry()).then([E::DeliveryRetried { reply: message(9) }]);
    given([sent()]).when(retry()).then_nothing();
    given([sent(), accepted(None)]).when(retry()).then_rejected(Rejection::NothingToRetry(message(9)));
    given([]).when(accept()).then_rejected(Rejection::UnknownMessage(message(9)));
    given([])
        .when(Command::ReportDelivery { reply: message(1), outcome: Outcome::Accepted { receipt: None } })
        .then_rejected(Rejection::NotAReply(message(1)));
    let masked = E::MessageMasked { message: message(9), erased: vec![span(9, 1)] };
    given([sent(), masked]).when(accept()).then([accepted(None)]);
}

#[test]
fn assigning_moves_ownership_and_frees_the_lock() {
    let to_bob = || Command::Assign { to: Assignee::Agent(BOB), cause: AssignmentCause::ByHand };
    given([]).when(to_bob()).then([assigned(BOB)]);
    given([assigned(BOB)]).when(to_bob()).then_nothing();
    given([E::Locked { agent: ALICE }])
        .when(to_bob())
        .then([assigned(BOB), E::LockReleased { agent: ALICE, cause: ReleaseCause::Reassigned }]);
    given([E::Locked { agent: BOB }]).when(to_bob()).then([assigned(BOB)]);
    given([resolved()]).when(to_bob()).then_rejected(Rejection::AlreadyResolved);
    let unassign = || Command::Unassign { cause: UnassignmentCause::ByHand };
    given([assigned(BOB)]).when(unassign()).then([E::Unassigned { cause: UnassignmentCause::ByHand }]);
    given([]).when(unassign()).then_nothing();
}

#[test]
fn a_team_takes_it_from_its_agent_and_an_agent_leaves_it_with_the_team() {
    let to_team = E::Assigned { to: Assignee::Team(TEAM), cause: AssignmentCause::ByHand };
    let state = Conversation::fold(&[E::Started(started(Visibility::Public)), assigned(BOB), to_team, assigned(ALICE)]);
    assert_eq!((state.agent, state.team), (Some(ALICE), Some(TEAM)));
}

#[test]
fn pending_and_returning() {
    given([]).when(Command::Pend { until: None }).then([PENDED]);
    given([PENDED]).when(Command::Pend { until: None }).then_nothing();
    given([PENDED]).when(Command::Pend { until: Some(LATER) }).then([E::Pended { until: Some(LATER) }]);
    given([]).when(Command::Pend { until: Some(EARLIER) }).then_rejected(Rejection::UntilNotAhead);
    given([resolved()]).when(Command::Pend { until: None }).then_rejected(Rejection::AlreadyResolved);
    let back = || Command::ReturnToNew { cause: ReturnCause::ByHand };
    given([PENDED]).when(back()).then([E::ReturnedToNew { cause: ReturnCause::ByHand }]);
    given([]).when(back()).then_nothing();
    given([resolved()]).when(back()).then_rejected(Rejection::AlreadyResolved);
}

#[test]
fn resolving_ends_ownership_and_the_lock_and_names_its_bulk_act() {
    let bulk = Some(BulkId(Uuid::from_u128(0xB1)));
    given([assigned(BOB), E::Locked { agent: BOB }]).when(Command::Resolve { reason: ResolveReason::Spam, bulk }).then(
        [
            E::Resolved { reason: ResolveReason::Spam, bulk },
            E::Unassigned { cause: UnassignmentCause::Resolved },
            E::LockReleased { agent: BOB, cause: ReleaseCause::StateChanged },
        ],
    );
    given([resolved()]).when(Command::Resolve { reason: ResolveReason::Spam, bulk }).then_nothing();
}

#[test]
fn a_follow_up_begins_once() {
    let next = Started { number: 2, previous: Some(ConversationId(Uuid::from_u128(1))), ..started(Visibility::Public) };
    spec::<Conversation>([]).when(Command::FollowUp(next)).then([E::Started(next)]);
    spec::<Conversation>([E::Started(next)]).when(Command::FollowUp(next)).then_nothing();
    given([]).when(Command::FollowUp(next)).then_rejected(Rejection::AlreadyStarted);
}

#[test]
fn notes_are_added_edited_deleted_and_masked() {
    let added = || E::NoteAdded { note: NOTE, content: content(5), on: None };
    let masked = || E::NoteMasked { note: NOTE, erased: ContentId(5) };
    let edit = || Command::EditNote { note: NOTE, content: content(6) };
    given([]).when(Command::AddNote { note: NOTE, content: content(5), on: None }).then([added()]);
    given([added()]).when(Command::AddNote { note: NOTE, content: content(5), on: None }).then_nothing();
    given([])
        .when(Command::AddNote { note: NOTE, content: content(5), on: Some(message(7)) })
        .then_rejected(Rejection::UnknownMessage(message(7)));
    given([added()]).when(edit()).then([E::NoteEdited { note: NOTE, content: content(6), erased: ContentId(5) }]);
    given([added()]).when(Command::EditNote { note: NOTE, content: content(5) }).then_nothing();
    given([added(), masked()]).when(edit()).then_rejected(Rejection::MaskedNote(NOTE));
    given([added()])
        .when(Command::DeleteNote { note: NOTE })
        .then([E::NoteDeleted { note: NOTE, erased: ContentId(5) }]);
    given([]).when(Command::DeleteNote { note: NOTE }).then_rejected(Rejection::UnknownNote(NOTE));
    given([added()]).when(Command::MaskNote { note: NOTE }).then([masked()]);
    given([added(), masked()]).when(Command::MaskNote { note: NOTE }).then_nothing();
}

#[test]
fn masking_names_every_content_of_the_message() {
    let with_file = MessageReceived { attachments: vec![attachment()], ..received(2) };
    let mask = || Command::MaskMessage { message: message(2) };
    let masked = E::MessageMasked { message: message(2), erased: vec![span(2, 1), span(70, 1), span(71, 3)] };
    given([E::MessageReceived(with_file.clone())]).when(mask()).then([masked.clone()]);
    given([E::MessageReceived(with_file), masked]).when(mask()).then_nothing();
    given([]).when(mask()).then_rejected(Rejection::UnknownMessage(message(2)));
    let accepted = E::DeliveryAccepted { reply: message(9), receipt: Some(content(10)) };
    given([E::ReplySent(reply(9)), accepted])
        .when(Command::MaskMessage { message: message(9) })
        .then([E::MessageMasked { message: message(9), erased: vec![span(9, 1), span(10, 1)] }]);
}

#[test]
fn one_attachment_can_be_masked() {
    let with_file = || E::MessageReceived(MessageReceived { attachments: vec![attachment()], ..received(2) });
    let id = attachment().id;
    let mask = || Command::MaskAttachment { message: message(2), attachment: id };
    let erased = vec![span(70, 1), span(71, 3)];
    let masked = E::AttachmentMasked { message: message(2), attachment: id, erased };
    given([with_file()]).when(mask()).then([masked.clone()]);
    given([with_file(), masked]).when(mask()).then_rejected(Rejection::UnknownAttachment(id));
}

#[test]
fn only_public_unmasked_messages_of_the_contact_are_liked() {
    let like = |number| Command::Like { message: message(number) };
    let liked = || E::MessageLiked { message: message(1) };
    given([]).when(like(1)).then([liked()]);
    given([liked()]).when(like(1)).then_nothing();
    given([liked()]).when(Command::Unlike { message: message(1) }).then([E::MessageUnliked { message: message(1) }]);
    given([E::ReplySent(reply(9))]).when(like(9)).then_rejected(Rejection::NotFromContact(message(9)));
    let private = MessageReceived { kind: MessageKind::TwitterDirectMessage, ..received(2) };
    given([E::MessageReceived(private)]).when(like(2)).then_rejected(Rejection::NotPublic(message(2)));
    given([E::MessageMasked { message: message(1), erased: vec![] }])
        .when(like(1))
        .then_rejected(Rejection::MaskedMessage(message(1)));
}

#[test]
fn public_threads_are_blocked_and_unblocked() {
    given([]).when(Command::BlockThread).then([E::ThreadBlocked]);
    given([E::ThreadBlocked]).when(Command::BlockThread).then_nothing();
    given([E::ThreadBlocked]).when(Command::UnblockThread).then([E::ThreadUnblocked]);
    given([]).when(Command::UnblockThread).then_nothing();
    spec::<Conversation>([E::Started(started(Visibility::Private))])
        .when(Command::BlockThread)
        .then_rejected(Rejection::ThreadNotPublic);
}

#[test]
fn topics_and_priority_change_only_when_they_do() {
    let (added, removed) = (E::TopicAdded { topic: TOPIC }, E::TopicRemoved { topic: TOPIC });
    given([]).when(Command::AddTopic { topic: TOPIC }).then([added.clone()]);
    given([added.clone()]).when(Command::AddTopic { topic: TOPIC }).then_nothing();
    given([added]).when(Command::RemoveTopic { topic: TOPIC }).then([removed]);
    given([]).when(Command::RemoveTopic { topic: TOPIC }).then_nothing();
    given([]).when(Command::SetPriority { priority: 3 }).then([E::PriorityChanged { priority: 3, before: 0 }]);
    given([]).when(Command::SetPriority { priority: 0 }).then_nothing();
}

#[test]
fn a_lock_has_one_holder() {
    let locked = |agent| E::Locked { agent };
    given([]).when(Command::Lock { agent: ALICE }).then([locked(ALICE)]);
    given([locked(ALICE)]).when(Command::Lock { agent: ALICE }).then_nothing();
    given([locked(BOB)]).when(Command::Lock { agent: ALICE }).then_rejected(Rejection::LockedByOther(BOB));
    given([locked(BOB)]).when(Command::TakeOverLock { agent: ALICE }).then([E::LockTakenOver { from: BOB, to: ALICE }]);
    given([locked(ALICE)]).when(Command::TakeOverLock { agent: ALICE }).then_nothing();
    given([]).when(Command::TakeOverLock { agent: ALICE }).then([locked(ALICE)]);
    let release = || Command::ReleaseLock { agent: ALICE, cause: ReleaseCause::Left };
    given([locked(ALICE)]).when(release()).then([E::LockReleased { agent: ALICE, cause: ReleaseCause::Left }]);
    given([locked(BOB)]).when(release()).then_nothing();
    given([resolved()]).when(Command::Lock { agent: ALICE }).then_rejected(Rejection::AlreadyResolved);
}

#[test]
fn nothing_is_asked_of_a_conversation_that_has_not_begun() {
    spec::<Conversation>([]).when(Command::Pend { until: None }).then_rejected(Rejection::NotStarted);
    spec::<Conversation>([]).when(Command::SendReply(send(0))).then_rejected(Rejection::NotStarted);
}

#[test]
fn a_clock_breaches_once() {
    let breach = SlaBreach {
        metric: crate::sla::Metric::FirstResponse,
        policy: SlaPolicyId(Uuid::from_u128(0x51A)),
        due: LATER,
        clock: EventId(Uuid::from_u128(0xE)),
    };
    let record = Command::RecordBreach(breach);
    spec::<Conversation>([]).when(record.clone()).then_rejected(Rejection::NotStarted);
    let began = E::Started(started(Visibility::Public));
    spec::<Conversation>([began.clone()]).when(record.clone()).then([E::SlaBreached(breach)]);
    spec::<Conversation>([began, E::SlaBreached(breach)]).when(record).then_nothing();
}
