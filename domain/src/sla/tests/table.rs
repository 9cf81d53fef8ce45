//! One test a line of the table in `docs/sla.md`, in its order.
//!
//! Time runs in minutes. Every policy promises a first answer in 30, a next one in 20 and a resolution in 100 minutes,
//! of calendar time, unless a test says otherwise.

use super::*;
use std::collections::BTreeSet;

const BASE: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const OTHER: SlaPolicyId = SlaPolicyId(Uuid::from_u128(0x51B));
const TOPIC: TopicId = TopicId(Uuid::from_u128(0x70));
const TEAM: TeamId = TeamId(Uuid::from_u128(0x7E));
const VIP: GroupId = GroupId(Uuid::from_u128(0x91));

fn minute(minute: i64) -> Timestamp {
    BASE.plus_secs(minute * 60)
}

fn minutes_of(at: Option<Timestamp>) -> Option<i64> {
    at.map(|at| (at.micros() - BASE.micros()) / 60_000_000)
}

fn in_minutes(minutes: u32) -> Target {
    target(minutes * 60, Counting::CalendarTime)
}

fn promise() -> Policy {
    policy(Targets {
        first_response: Some(in_minutes(30)),
        next_response: Some(in_minutes(20)),
        resolution: Some(in_minutes(100)),
    })
}

/// A conversation that begins at minute 0 under `policy`.
fn under(policy: Policy) -> Story {
    let mut story = Story::default();
    story.settings(minute(-1), policy_set(POLICY, policy, false));
    story.happens(minute(0), 1, started());
    story
}

fn with(events: impl IntoIterator<Item = (i64, ConversationEvent)>) -> Story {
    more(under(promise()), events)
}

fn more(mut story: Story, events: impl IntoIterator<Item = (i64, ConversationEvent)>) -> Story {
    for (at, event) in events {
        story.happens(minute(at), story.workspace_version, event);
    }
    story
}

fn answer() -> ConversationEvent {
    reply(ReplyOrigin::Desk)
}

/// What runs at a minute: what it measures, since when, and by when it is due, in minutes.
#[track_caller]
fn runs_at(story: &Story, now: i64, expected: &[(Metric, i64, Option<i64>)]) {
    let told = tell(story, &[], minute(now));
    let running = told.clocks.running().filter_map(|clock| {
        let promise = clock.promise?;
        Some((promise.metric, minutes_of(Some(clock.started_at))?, minutes_of(promise.due_at)))
    });
    assert_eq!(running.collect::<Vec<_>>(), expected);
}

/// What ended: what it measured, since when and until when, in minutes, how, and whether it breached.
#[track_caller]
fn ended(story: &Story, expected: &[(Metric, i64, i64, End, bool)]) {
    let told = tell(story, &[], minute(0));
    let ended = told.ended.iter().filter_map(|it| {
        let metric = it.promise()?.metric;
        let (from, to) = (minutes_of(Some(it.clock.started_at))?, minutes_of(Some(it.at))?);
        Some((metric, from, to, it.how, it.clock.breach.is_some()))
    });
    assert_eq!(ended.collect::<Vec<_>>(), expected);
}

use End::{Answered, Resolved};
use Metric::{FirstResponse, NextResponse, Resolution};

#[test]
fn the_first_message_starts_the_first_response_and_the_resolution() {
    runs_at(&with([(0, message())]), 0, &[(FirstResponse, 0, Some(30)), (Resolution, 0, Some(100))]);
}

#[test]
fn without_a_target_for_the_first_answer_the_first_message_starts_the_next_response() {
    let targets = Targets { next_response: Some(in_minutes(20)), ..Targets::default() };
    runs_at(&more(under(policy(targets)), [(0, message())]), 0, &[(NextResponse, 0, Some(20))]);
}

#[test]
fn a_second_unanswered_message_starts_nothing() {
    let story = with([(0, message()), (10, message())]);
    runs_at(&story, 10, &[(FirstResponse, 0, Some(30)), (Resolution, 0, Some(100))]);
}

#[test]
fn the_first_unanswered_message_starts_the_next_response() {
    let story = with([(0, message()), (5, answer()), (50, message()), (55, message())]);
    runs_at(&story, 55, &[(NextResponse, 50, Some(70)), (Resolution, 0, Some(100))]);
}

#[test]
fn where_we_wrote_first_there_is_no_first_response() {
    let story = with([(0, answer()), (10, message())]);
    runs_at(&story, 10, &[(NextResponse, 10, Some(30)), (Resolution, 10, Some(110))]);
}

#[test]
fn a_reply_stops_the_response_in_time_up_to_the_due_instant() {
    ended(&with([(0, message()), (30, answer())]), &[(FirstResponse, 0, 30, Answered, false)]);
    ended(&with([(0, message()), (31, answer())]), &[(FirstResponse, 0, 31, Answered, true)]);
    runs_at(&with([(0, message()), (30, answer())]), 30, &[(Resolution, 0, Some(100))]);
}

#[test]
fn a_reply_that_was_written_on_the_channel_is_an_answer() {
    let story = with([(0, message()), (5, reply(ReplyOrigin::Channel))]);
    ended(&story, &[(FirstResponse, 0, 5, Answered, false)]);
}

#[test]
fn an_automatic_reply_is_an_answer_if_the_policy_says_so() {
    let events = || [(0, message()), (1, reply(ReplyOrigin::Automation))];
    ended(&with(events()), &[]);
    let counting = under(Policy { automatic_replies_count: true, ..promise() });
    ended(&more(counting, events()), &[(FirstResponse, 0, 1, Answered, false)]);
}

#[test]
fn what_becomes_of_the_delivery_changes_nothing() {
    let failed = ConversationEvent::DeliveryFailed {
        reply: MessageId(Uuid::nil()),
        cause: crate::conversation::DeliveryFailure::Refused,
    };
    let story = with([(0, message()), (5, answer()), (6, failed)]);
    runs_at(&story, 6, &[(Resolution, 0, Some(100))]);
}

#[test]
fn resolving_stops_all() {
    ended(
        &with([(0, message()), (40, resolved())]),
        &[(FirstResponse, 0, 40, Resolved, true), (Resolution, 0, 40, Resolved, false)],
    );
    runs_at(&with([(0, message()), (40, resolved())]), 500, &[]);
}

#[test]
fn pending_pauses_and_coming_back_resumes() {
    let story = with([(0, message()), (10, pended())]);
    runs_at(&story, 500, &[(FirstResponse, 0, None), (Resolution, 0, None)]);
    let story = more(story, [(60, returned(ReturnCause::ByHand))]);
    runs_at(&story, 60, &[(FirstResponse, 0, Some(80)), (Resolution, 0, Some(150))]);
}

#[test]
fn a_message_to_a_pending_conversation_starts_a_clock_that_runs() {
    let events = [(0, message()), (5, answer()), (10, pended()), (60, message())];
    let story = more(with(events), [(60, returned(ReturnCause::ContactReplied))]);
    runs_at(&story, 60, &[(NextResponse, 60, Some(80)), (Resolution, 0, Some(150))]);
}

#[test]
fn pending_does_not_pause_if_the_policy_says_so() {
    let story = more(under(Policy { pending_pauses: false, ..promise() }), [(0, message()), (10, pended())]);
    runs_at(&story, 10, &[(FirstResponse, 0, Some(30)), (Resolution, 0, Some(100))]);
}

#[test]
fn what_was_due_before_the_pause_is_breached_in_it() {
    let told = tell(&with([(0, message()), (31, pended())]), &[], minute(500));
    let breaches: Vec<_> =
        told.clocks.running().map(|clock| clock.breach.and_then(|it| minutes_of(it.due_at))).collect();
    assert_eq!(breaches, [Some(30), None]);
}

#[test]
fn a_blocked_thread_freezes_the_clocks_and_unblocking_lets_them_go_on() {
    let story = with([(0, message()), (10, ConversationEvent::ThreadBlocked)]);
    runs_at(&story, 500, &[(FirstResponse, 0, None), (Resolution, 0, None)]);
    let story = more(story, [(110, ConversationEvent::ThreadUnblocked)]);
    runs_at(&story, 110, &[(FirstResponse, 0, Some(130)), (Resolution, 0, Some(200))]);
}

#[test]
fn a_refused_message_starts_nothing() {
    let refused = ConversationEvent::MessageRefused { message: MessageId(Uuid::nil()) };
    runs_at(&with([(0, refused)]), 500, &[]);
}

#[test]
fn reopening_starts_the_resolution_anew() {
    let events = [(0, message()), (5, answer()), (10, resolved()), (60, message())];
    let story = more(with(events), [(60, returned(ReturnCause::Reopened))]);
    runs_at(&story, 60, &[(NextResponse, 60, Some(80)), (Resolution, 60, Some(160))]);
    let by_hand = with([(0, message()), (5, answer()), (10, resolved()), (60, returned(ReturnCause::ByHand))]);
    runs_at(&by_hand, 60, &[(Resolution, 60, Some(160))]);
}

#[test]
fn masking_changes_nothing() {
    let masked = ConversationEvent::MessageMasked { message: MessageId(Uuid::nil()), erased: Vec::new() };
    let story = with([(0, message()), (10, masked)]);
    runs_at(&story, 10, &[(FirstResponse, 0, Some(30)), (Resolution, 0, Some(100))]);
}

/// The policy for the topic stands before the one for all.
fn two_policies(conditions: Conditions) -> Story {
    let mut story = Story::default();
    let strict = policy(Targets { first_response: Some(in_minutes(5)), ..Targets::default() });
    story.settings(minute(-2), policy_set(OTHER, Policy { conditions, ..strict }, false));
    story.settings(minute(-1), policy_set(POLICY, promise(), false));
    story.happens(minute(0), 2, started());
    story
}

#[test]
fn a_topic_chooses_the_policy_anew_from_the_start_of_the_clock() {
    let of_topic = || Conditions { topics: BTreeSet::from([TOPIC]), ..Conditions::default() };
    let added = ConversationEvent::TopicAdded { topic: TOPIC };
    let story = more(two_policies(of_topic()), [(0, message()), (3, added)]);
    runs_at(&story, 3, &[(FirstResponse, 0, Some(5))]);
    let removed = ConversationEvent::TopicRemoved { topic: TOPIC };
    runs_at(&more(story, [(4, removed)]), 4, &[(FirstResponse, 0, Some(30)), (Resolution, 0, Some(100))]);
}

#[test]
fn a_team_chooses_the_policy_anew_from_the_start_of_the_clock() {
    let of_team = || Conditions { teams: BTreeSet::from([TEAM]), ..Conditions::default() };
    let story = more(two_policies(of_team()), [(0, message()), (10, assigned(TEAM))]);
    runs_at(&story, 10, &[(FirstResponse, 0, Some(5))]);
    let told = tell(&story, &[], minute(10));
    assert_eq!(told.clocks.running().next().unwrap().breach.map(|it| it.policy), Some(OTHER));
    let told = tell(&more(story, [(11, unassigned())]), &[], minute(11));
    assert_eq!(told.clocks.running().next().unwrap().breach.map(|it| it.policy), Some(OTHER), "a breach stays");
}

#[test]
fn the_groups_of_the_contact_count_as_they_are_when_the_clock_starts() {
    let of_group = Conditions { groups: BTreeSet::from([VIP]), ..Conditions::default() };
    let story = more(two_policies(of_group), [(0, message())]);
    let metric = |groups: &[GroupId]| {
        let told = tell(&story, groups, minute(0));
        told.clocks.running().next().and_then(|clock| clock.promise).map(|promise| promise.policy)
    };
    assert_eq!((metric(&[VIP]), metric(&[])), (Some(OTHER), Some(POLICY)));
}

#[test]
fn an_edit_holds_for_clocks_that_start_later() {
    let mut story = with([(0, message())]);
    let tighter =
        policy(Targets { first_response: Some(in_minutes(15)), next_response: Some(in_minutes(3)), resolution: None });
    story.settings(minute(10), policy_set(POLICY, tighter, false));
    runs_at(&story, 10, &[(FirstResponse, 0, Some(30)), (Resolution, 0, Some(100))]);
    let story = more(story, [(20, answer()), (40, message())]);
    runs_at(&story, 40, &[(NextResponse, 40, Some(43)), (Resolution, 0, Some(100))]);
}

#[test]
fn an_edit_that_applies_to_open_clocks_holds_from_its_own_instant_for_all_their_time() {
    let mut story = with([(0, message())]);
    let tighter = policy(Targets { first_response: Some(in_minutes(15)), ..Targets::default() });
    story.settings(minute(10), policy_set(POLICY, tighter, true));
    runs_at(&story, 10, &[(FirstResponse, 0, Some(15))]);
    let mut late = with([(0, message())]);
    let looser = policy(Targets { first_response: Some(in_minutes(60)), ..Targets::default() });
    late.settings(minute(40), policy_set(POLICY, looser, true));
    let told = tell(&late, &[], minute(40));
    let clock = told.clocks.running().next().unwrap();
    assert_eq!(minutes_of(clock.promise.and_then(|it| it.due_at)), Some(60));
    assert_eq!(minutes_of(clock.breach.and_then(|it| it.due_at)), Some(30), "a breach stays");
}

#[test]
fn an_edit_that_applies_to_open_clocks_reaches_those_that_a_late_writer_starts() {
    let mut story = Story::default();
    story.settings(minute(-1), policy_set(POLICY, promise(), false));
    let tighter = policy(Targets { first_response: Some(in_minutes(15)), ..Targets::default() });
    story.settings(minute(0), policy_set(POLICY, tighter, true));
    story.happens(minute(1), 1, started());
    story.happens(minute(1), 1, message());
    runs_at(&story, 1, &[(FirstResponse, 1, Some(16))]);
}

#[test]
fn a_channels_calendar_counts_for_policies_that_name_none() {
    let mut story = Story::default();
    let targets = Targets { first_response: Some(target(60 * 60, Counting::BusinessTime)), ..Targets::default() };
    let closed_calendar = Calendar {
        name: "Never".to_owned(),
        zone: "UTC".to_owned(),
        week: Week::default(),
        holidays: Vec::new(),
        exceptions: Vec::new(),
    };
    story.settings(minute(-3), policy_set(POLICY, policy(targets), false));
    let story_without = more(story.clone(), [(0, started()), (0, message())]);
    runs_at(&story_without, 0, &[(FirstResponse, 0, Some(60))]);
    let set =
        WorkspaceEvent::CalendarSet { calendar: OFFICE, definition: Box::new(closed_calendar), apply_to_open: false };
    story.settings(minute(-2), set);
    let chosen = WorkspaceEvent::ChannelCalendarSet {
        channel: CHANNEL,
        calendar: Some(OFFICE),
        before: None,
        apply_to_open: false,
    };
    story.settings(minute(-1), chosen);
    runs_at(&more(story, [(0, started()), (0, message())]), 0, &[(FirstResponse, 0, None)]);
}

#[test]
fn a_clock_turns_orange_at_its_warning() {
    let of = |warning| {
        let told = tell(&more(under(Policy { warning, ..promise() }), [(0, message())]), &[], minute(0));
        minutes_of(told.clocks.running().next().unwrap().promise.unwrap().warned_at)
    };
    assert_eq!(of(Warning::UsedPercent(50)), Some(15));
    assert_eq!(of(Warning::LeftSeconds(600)), Some(20));
    assert_eq!(of(Warning::LeftSeconds(6_000)), Some(0));
}

#[test]
fn time_does_not_go_back_within_a_conversation() {
    let story = with([(0, message()), (10, answer()), (5, message())]);
    runs_at(&story, 10, &[(NextResponse, 10, Some(30)), (Resolution, 0, Some(100))]);
}

#[test]
fn every_interval_is_explained_by_its_event() {
    let story = with([(0, message()), (10, pended()), (60, returned(ReturnCause::ByHand)), (70, answer())]);
    let pend = story.facts[3].id;
    let explained = explain(&story.facts, |_, _| Vec::new(), minute(90));
    let intervals = |at: usize| {
        explained[at]
            .intervals
            .iter()
            .map(|it| (minutes_of(Some(it.from)).unwrap(), minutes_of(Some(it.to)).unwrap(), it.taken.clone()))
    };
    let first = [(0, 10, Taken::Counted), (10, 60, Taken::Paused(pend)), (60, 70, Taken::Counted)];
    assert!(intervals(0).eq(first), "{:?}", explained[0]);
    assert_eq!(explained[0].counted_us, 20 * 60_000_000);
    assert_eq!(explained[0].ended.map(|it| it.by), Some(story.facts[5].id));
    let resolution = [(0, 10, Taken::Counted), (10, 60, Taken::Paused(pend)), (60, 90, Taken::Counted)];
    assert!(intervals(1).eq(resolution), "{:?}", explained[1]);
}
