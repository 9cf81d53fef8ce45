//! The rules of an agent at work, by example.

use super::*;
use crate::decider::spec::given;
use crate::ids::{AwayStatusId, ConversationId, SessionId};
use proptest::prelude::*;
use uuid::Uuid;

const LUNCH: AwayStatusId = AwayStatusId(Uuid::from_u128(5));

fn session(n: u128) -> SessionId {
    SessionId(Uuid::from_u128(n))
}

fn signed_in(n: u128) -> AgentEvent {
    AgentEvent::SignedIn { session: session(n) }
}

fn signed_out(n: u128, cause: SignOutCause) -> AgentEvent {
    AgentEvent::SignedOut { session: session(n), cause }
}

fn sign_in(n: u128) -> Command {
    Command::SignIn { session: session(n) }
}

fn sign_out(n: u128) -> Command {
    Command::SignOut { session: session(n), cause: SignOutCause::ByHand }
}

fn now(availability: Availability, cause: AvailabilityCause) -> AgentEvent {
    AgentEvent::AvailabilityChanged { availability, cause }
}

fn prefers(default_availability: Availability) -> Preferences {
    Preferences { default_availability, ..Preferences::default() }
}

fn preferred(default_availability: Availability) -> AgentEvent {
    AgentEvent::PreferencesChanged { preferences: prefers(default_availability) }
}

#[test]
fn the_first_sign_in_sets_the_preferred_availability() {
    let available = now(Availability::Available, AvailabilityCause::SignIn);
    given::<Agent>([preferred(Availability::Available)]).when(sign_in(1)).then([signed_in(1), available]);
    given::<Agent>([]).when(sign_in(1)).then([signed_in(1)]);
}

#[test]
fn a_second_session_leaves_the_availability_alone() {
    let by_hand = now(Availability::Away, AvailabilityCause::ByHand);
    given::<Agent>([preferred(Availability::Available), signed_in(1), by_hand]).when(sign_in(2)).then([signed_in(2)]);
    given::<Agent>([signed_in(1)]).when(sign_in(1)).then_nothing();
}

#[test]
fn sessions_are_limited() {
    let open = (0..SESSIONS_MAX as u128).map(signed_in);
    given::<Agent>(open).when(sign_in(1_000)).then_rejected(Rejection::TooManySessions);
}

#[test]
fn the_last_sign_out_makes_away() {
    let available = now(Availability::Available, AvailabilityCause::ByHand);
    let away = now(Availability::Away, AvailabilityCause::SignOut);
    let two = [signed_in(1), signed_in(2), available];
    given::<Agent>(two.clone()).when(sign_out(1)).then([signed_out(1, SignOutCause::ByHand)]);
    let one_left = two.into_iter().chain([signed_out(1, SignOutCause::Expired)]);
    given::<Agent>(one_left).when(sign_out(2)).then([signed_out(2, SignOutCause::ByHand), away]);
    given::<Agent>([signed_in(1)]).when(sign_out(2)).then_nothing();
}

#[test]
fn a_closed_account_is_signed_out_everywhere() {
    let available = now(Availability::Available, AvailabilityCause::ByHand);
    let cause = SignOutCause::Revoked;
    given::<Agent>([signed_in(1), signed_in(2), available]).when(Command::SignOutEverywhere { cause }).then([
        signed_out(1, cause),
        signed_out(2, cause),
        now(Availability::Away, AvailabilityCause::SignOut),
    ]);
    given::<Agent>([]).when(Command::SignOutEverywhere { cause }).then_nothing();
}

#[test]
fn availability_is_chosen() {
    let set = |availability| Command::SetAvailability { availability };
    let lunch = Availability::AwayFor(LUNCH);
    given::<Agent>([signed_in(1)]).when(set(lunch)).then([now(lunch, AvailabilityCause::ByHand)]);
    given::<Agent>([signed_in(1)]).when(set(Availability::Away)).then_nothing();
    given::<Agent>([]).when(set(Availability::Available)).then_rejected(Rejection::NotSignedIn);
}

#[test]
fn a_retired_status_is_left_for_away() {
    let lunch = Availability::AwayFor(LUNCH);
    let leave = Command::LeaveRetiredStatus { status: LUNCH };
    let at_lunch = [preferred(lunch), signed_in(1), now(lunch, AvailabilityCause::SignIn)];
    given::<Agent>(at_lunch)
        .when(leave.clone())
        .then([now(Availability::Away, AvailabilityCause::StatusRetired), preferred(Availability::Away)]);
    given::<Agent>([signed_in(1)]).when(leave).then_nothing();
}

#[test]
fn preferences_change_once() {
    let change = Command::ChangePreferences { preferences: prefers(Availability::Available) };
    given::<Agent>([]).when(change.clone()).then([preferred(Availability::Available)]);
    given::<Agent>([preferred(Availability::Available)]).when(change).then_nothing();
}

#[test]
fn what_was_read_stays_read() {
    let read = |up_to: &[u64]| AgentEvent::NotificationsRead { up_to: up_to.to_vec() };
    let when = |up_to: &[u64]| Command::ReadNotifications { up_to: up_to.to_vec() };
    given::<Agent>([]).when(when(&[3, 9])).then([read(&[3, 9])]);
    given::<Agent>([read(&[3, 9])]).when(when(&[5, 4])).then([read(&[5, 9])]);
    given::<Agent>([read(&[3, 9])]).when(when(&[2, 9])).then_nothing();
    given::<Agent>([]).when(when(&[0, 0])).then_nothing();
}

#[test]
fn what_was_read_in_a_log_of_other_partitions_does_not_count_as_read_in_this_one() {
    let read = |up_to: &[u64]| AgentEvent::NotificationsRead { up_to: up_to.to_vec() };
    let when = |up_to: &[u64]| Command::ReadNotifications { up_to: up_to.to_vec() };
    given::<Agent>([read(&[500])]).when(when(&[7, 0])).then([read(&[7, 0])]);
    given::<Agent>([read(&[500]), read(&[7, 0])]).when(when(&[8, 0])).then([read(&[8, 0])]);
    given::<Agent>([read(&[7, 9])]).when(when(&[3])).then([read(&[3])]);
}

fn conversation(n: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(n))
}

fn claimed(n: u128, cause: ClaimCause) -> AgentEvent {
    AgentEvent::ConversationClaimed { conversation: conversation(n), cause }
}

fn claim(n: u128, held_max: usize) -> Command {
    Command::Claim { conversation: conversation(n), held_max }
}

#[test]
fn an_available_agent_is_given_what_they_have_room_for() {
    let available = [signed_in(1), now(Availability::Available, AvailabilityCause::ByHand)];
    given::<Agent>(available.clone()).when(claim(7, 1)).then([claimed(7, ClaimCause::Distribution)]);
    given::<Agent>([signed_in(1)]).when(claim(7, 1)).then_rejected(Rejection::NotAvailable);
    let full = available.into_iter().chain([claimed(7, ClaimCause::Distribution)]);
    given::<Agent>(full.clone()).when(claim(8, 1)).then_rejected(Rejection::NoRoom);
    given::<Agent>(full).when(claim(7, 1)).then_nothing();
}

#[test]
fn what_an_agent_owns_counts_until_it_is_freed() {
    let count = Command::Count { conversation: conversation(7) };
    let free = Command::Free { conversation: conversation(7), cause: FreeCause::Pended };
    let freed = AgentEvent::ConversationFreed { conversation: conversation(7), cause: FreeCause::Pended };
    given::<Agent>([]).when(count).then([claimed(7, ClaimCause::Owned)]);
    given::<Agent>([claimed(7, ClaimCause::Owned)]).when(free.clone()).then([freed]);
    given::<Agent>([]).when(free).then_nothing();
}

#[test]
fn a_lost_connection_makes_the_available_away() {
    let available = now(Availability::Available, AvailabilityCause::ByHand);
    let lost = now(Availability::Away, AvailabilityCause::ConnectionLost);
    let gone = AgentEvent::ConnectionLost;
    given::<Agent>([signed_in(1), available]).when(Command::LoseConnection).then([gone.clone(), lost]);
    let lunch = now(Availability::AwayFor(LUNCH), AvailabilityCause::ByHand);
    given::<Agent>([signed_in(1), lunch.clone()]).when(Command::LoseConnection).then([gone.clone()]);
    given::<Agent>([signed_in(1), lunch, gone.clone()]).when(Command::LoseConnection).then_nothing();
    given::<Agent>([]).when(Command::LoseConnection).then_nothing();
    let back = AgentEvent::ConnectionRestored;
    given::<Agent>([signed_in(1), gone.clone()]).when(Command::RestoreConnection).then([back.clone()]);
    given::<Agent>([signed_in(1), gone.clone(), back]).when(Command::LoseConnection).then([gone]);
    given::<Agent>([signed_in(1)]).when(Command::RestoreConnection).then_nothing();
}

fn any_availability() -> impl Strategy<Value = Availability> {
    prop_oneof![Just(Availability::Available), Just(Availability::Away), Just(Availability::AwayFor(LUNCH))]
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (1..4u128).prop_map(sign_in),
        (1..4u128).prop_map(sign_out),
        Just(Command::SignOutEverywhere { cause: SignOutCause::Revoked }),
        any_availability().prop_map(|availability| Command::SetAvailability { availability }),
        Just(Command::LeaveRetiredStatus { status: LUNCH }),
        any_availability().prop_map(|it| Command::ChangePreferences { preferences: prefers(it) }),
        prop::collection::vec(0..4u64, 0..3).prop_map(|up_to| Command::ReadNotifications { up_to }),
        (1..6u128).prop_map(|n| claim(n, 3)),
        (1..6u128).prop_map(|n| Command::Count { conversation: conversation(n) }),
        (1..6u128).prop_map(|n| Command::Free { conversation: conversation(n), cause: FreeCause::Reassigned }),
        Just(Command::LoseConnection),
        Just(Command::RestoreConnection),
    ]
}

proptest! {
    #[test]
    fn a_command_given_again_at_once_changes_nothing(commands in prop::collection::vec(any_command(), 1..40)) {
        crate::decider::spec::repeats_change_nothing::<Agent>(&commands)?;
    }
}

#[test]
fn a_bulk_act_is_under_way_until_it_is_over_and_names_each_conversation_once() {
    let bulk = crate::ids::BulkId(Uuid::from_u128(9));
    let act = BulkAct::Unassign;
    let begin = |conversations: Vec<ConversationId>| Command::BeginBulk { bulk, act, conversations };
    let under_way = AgentEvent::BulkBegun { bulk, act, conversations: vec![conversation(2), conversation(1)] };
    let twice = vec![conversation(2), conversation(1), conversation(2)];
    given::<Agent>([]).when(begin(twice.clone())).then([under_way.clone()]);
    given::<Agent>([under_way.clone()]).when(begin(twice)).then_nothing();
    given::<Agent>([]).when(begin(Vec::new())).then_rejected(Rejection::BulkOutOfBounds);
    let too_many = (0..=BULK_CONVERSATIONS_MAX as u128).map(conversation).collect();
    given::<Agent>([]).when(begin(too_many)).then_rejected(Rejection::BulkOutOfBounds);
    let end = BulkEnd { cancelled: false, done: 2, unchanged: 0, refused: 0 };
    let ended = AgentEvent::BulkEnded { bulk, end };
    given::<Agent>([under_way.clone()]).when(Command::EndBulk { bulk, end }).then([ended.clone()]);
    given::<Agent>([under_way, ended]).when(Command::EndBulk { bulk, end }).then_nothing();
    let others = (0..BULKS_MAX as u128).map(|n| AgentEvent::BulkBegun {
        bulk: crate::ids::BulkId(Uuid::from_u128(100 + n)),
        act,
        conversations: vec![conversation(1)],
    });
    given::<Agent>(others).when(begin(vec![conversation(1)])).then_rejected(Rejection::TooManyBulks);
}
