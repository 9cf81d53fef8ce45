//! A floor that goes on from what was saved does what one does that took every fact, wherever the log was cut.

use super::*;
use crate::agent::{AgentEvent, Availability, AvailabilityCause, ClaimCause, FreeCause, SignOutCause};
use crate::automation::{Quiet, Rule, Trigger};
use crate::conversation::{
    Assignee, AssignmentCause, ConversationEvent, Queue, ResolveReason, ReturnCause, Started, UnassignmentCause,
    Visibility,
};
use crate::derive;
use crate::fact::{Actor, Event, NewFact, Position};
use crate::ids::{
    ChannelId, CommandId, ContactId, CorrelationId, EventId, MessageId, RuleId, SessionId, StreamId, TeamId, ThreadId,
};
use crate::workspace::{ChannelKind, ChannelProfile, Role, Settings, WhenAgentLeaves, WorkspaceEvent as W};
use proptest::prelude::*;
use uuid::Uuid;

const PARTITIONS: u128 = 3;
const AGENTS: u128 = 4;
const CONVERSATIONS: u128 = 7;
const SECOND: i64 = 1_000_000;

fn uuid(kind: u128, n: u128) -> Uuid {
    Uuid::from_u128(kind << 64 | n)
}

fn agent(n: u128) -> AgentId {
    AgentId(uuid(1, n % AGENTS))
}

fn conversation(n: u128) -> ConversationId {
    ConversationId(uuid(2, n % CONVERSATIONS))
}

fn channel(n: u128) -> ChannelId {
    ChannelId(uuid(3, n % 2))
}

fn team(n: u128) -> TeamId {
    TeamId(uuid(4, n % 2))
}

fn rule(n: u128) -> RuleId {
    RuleId(uuid(5, n % 2))
}

/// Draws what there is to draw from given numbers, so that a history can be made smaller.
struct Dice<'a>(std::slice::Iter<'a, u32>);

impl Dice<'_> {
    fn roll(&mut self, below: u128) -> u128 {
        u128::from(self.0.next().copied().unwrap_or(0)) % below
    }
}

/// A log of several partitions, in the order in which it came about.
#[derive(Default)]
struct Log {
    facts: Vec<Fact>,
    now: i64,
}

impl Log {
    fn version(&self, stream: StreamId) -> u64 {
        self.facts.iter().filter(|fact| fact.stream == stream).count() as u64
    }

    fn add(&mut self, stream: StreamId, actor: Actor, event: Event) {
        let version = self.version(stream) + 1;
        let partition = u16::try_from(stream.id.as_u128() % PARTITIONS).expect("a few");
        let command = CommandId(uuid(6, self.facts.len() as u128));
        let body = NewFact {
            id: derive::event(command, 0),
            occurred_at: Timestamp::from_micros(self.now),
            actor,
            command,
            causation: None,
            correlation: CorrelationId(command.0),
            settings_version: self.version(StreamId::WORKSPACE),
            event,
        };
        let sequence = self.facts.len() as u64 + 1;
        let position = Position { partition, sequence };
        self.facts.push(Fact { position, stream, version, recorded_at: body.occurred_at, body });
    }

    fn set(&mut self, event: W) {
        self.add(StreamId::WORKSPACE, Actor::System, Event::Workspace(event));
    }

    fn set_up(&mut self) {
        for n in 0..2 {
            let profile = ChannelProfile {
                kind: ChannelKind::Email,
                name: n.to_string(),
                visibility: Visibility::Private,
                reopens: false,
                team: None,
                reply_characters_max: None,
            };
            self.set(W::ChannelConnected { channel: channel(n), profile });
            self.set(W::TeamCreated { team: team(n), name: n.to_string() });
        }
        for n in 0..AGENTS {
            let (login, roles) = (n.to_string(), BTreeSet::from([Role::Agent]));
            self.set(W::AccountOpened { agent: agent(n), login: login.clone(), name: login, roles });
        }
    }

    fn step(&mut self, dice: &mut Dice<'_>) {
        self.now += i64::try_from(dice.roll(4)).expect("small") * SECOND;
        match dice.roll(20) {
            0 => self.settings_step(dice),
            1..7 => self.agent_step(dice),
            _ => self.conversation_step(dice),
        }
    }

    fn settings_step(&mut self, dice: &mut Dice<'_>) {
        let event = match dice.roll(5) {
            0 | 1 => {
                let queue = if dice.roll(2) == 0 { Queue::New } else { Queue::Pending };
                let seconds = u32::try_from(dice.roll(20)).expect("small");
                let trigger = Trigger::Quiet(Quiet { queue, seconds });
                let (name, when, then) = (String::new(), Vec::new(), Vec::new());
                let definition = Box::new(Rule { name, on: true, trigger, when, then, last: false });
                W::RuleSet { rule: rule(dice.roll(2)), definition }
            }
            2 => W::RuleRemoved { rule: rule(dice.roll(2)) },
            3 => W::TeamMemberAdded { team: team(dice.roll(2)), agent: agent(dice.roll(AGENTS)) },
            _ => {
                let stays = [WhenAgentLeaves::HandOver, WhenAgentLeaves::Keep][usize::from(dice.roll(2) == 1)];
                let most = u16::try_from(dice.roll(3)).expect("small");
                let conversations_per_agent_max = most + 1;
                W::SettingsChanged {
                    settings: Settings { when_agent_leaves: stays, conversations_per_agent_max, ..Settings::default() },
                }
            }
        };
        self.set(event);
    }

    fn agent_step(&mut self, dice: &mut Dice<'_>) {
        let (who, session) = (agent(dice.roll(AGENTS)), SessionId(uuid(7, dice.roll(2))));
        let conversation = conversation(dice.roll(CONVERSATIONS));
        let event = match dice.roll(10) {
            0 => AgentEvent::SignedIn { session },
            1 => AgentEvent::SignedOut { session, cause: SignOutCause::ByHand },
            2..5 => {
                let availability = [Availability::Away, Availability::Available][usize::from(dice.roll(4) > 0)];
                AgentEvent::AvailabilityChanged { availability, cause: AvailabilityCause::ByHand }
            }
            5 => AgentEvent::ConnectionLost,
            6 | 7 => AgentEvent::ConversationClaimed { conversation, cause: ClaimCause::Distribution },
            8 => AgentEvent::ConversationClaimed { conversation, cause: ClaimCause::Owned },
            _ => AgentEvent::ConversationFreed { conversation, cause: FreeCause::Pended },
        };
        self.add(who.into(), Actor::Agent(who), Event::Agent(event));
    }

    fn conversation_step(&mut self, dice: &mut Dice<'_>) {
        let (id, who) = (conversation(dice.roll(CONVERSATIONS)), agent(dice.roll(AGENTS)));
        if self.version(id.into()) == 0 {
            let (contact, thread) = (ContactId(Uuid::nil()), ThreadId(Uuid::nil()));
            let (channel, visibility) = (channel(dice.roll(2)), Visibility::Private);
            let started = Started { contact, channel, thread, root: None, number: 1, previous: None, visibility };
            return self.add(
                id.into(),
                Actor::Contact(contact),
                Event::Conversation(ConversationEvent::Started(started)),
            );
        }
        let cause = AssignmentCause::ByHand;
        let event = match dice.roll(13) {
            0..3 => ConversationEvent::Assigned { to: Assignee::Agent(who), cause },
            3 => ConversationEvent::Assigned { to: Assignee::Team(team(dice.roll(2))), cause },
            4 => ConversationEvent::Unassigned { cause: UnassignmentCause::ByHand },
            5 => ConversationEvent::Pended { until: None },
            6 => {
                let later = i64::try_from(dice.roll(30)).expect("small") * SECOND;
                ConversationEvent::Pended { until: Some(Timestamp::from_micros(self.now + later)) }
            }
            7 => ConversationEvent::Resolved { reason: ResolveReason::Answered, bulk: None },
            8 => ConversationEvent::ReturnedToNew { cause: ReturnCause::ByHand },
            9 => ConversationEvent::Locked { agent: who },
            10 => ConversationEvent::LockReleased { agent: who, cause: ReleaseCause::Left },
            11 => ConversationEvent::RuleApplied { trigger: EventId(Uuid::nil()) },
            _ => ConversationEvent::MessageRefused { message: MessageId(Uuid::nil()) },
        };
        let actor = match &event {
            ConversationEvent::RuleApplied { .. } => Actor::Rule(rule(dice.roll(2))),
            _ if dice.roll(3) == 0 => Actor::System,
            _ => Actor::Agent(who),
        };
        self.add(id.into(), actor, Event::Conversation(event));
    }

    /// The facts in an order in which they may be read: that of each partition is kept.
    fn interleaved(&self, dice: &mut Dice<'_>) -> Vec<&Fact> {
        let mut parts = vec![Vec::new(); usize::try_from(PARTITIONS).expect("a few")];
        for fact in self.facts.iter().rev() {
            parts[usize::from(fact.position.partition)].push(fact);
        }
        let mut read = Vec::with_capacity(self.facts.len());
        while parts.iter().any(|part| !part.is_empty()) {
            let drawn = usize::try_from(dice.roll(PARTITIONS)).expect("a few");
            let next = parts[drawn].pop().or_else(|| parts.iter_mut().find_map(Vec::pop));
            read.extend(next);
        }
        read
    }

    /// As routing takes it: a conversation that was reopened is read whole.
    fn give(&self, floor: &mut Floor, fact: &Fact) {
        if let Some(reopened) = floor.take(fact) {
            for fact in self.facts.iter().filter(|fact| fact.stream == reopened.into()) {
                floor.take(fact);
            }
        }
    }

    fn settings(&self) -> Vec<Fact> {
        self.facts.iter().filter(|fact| fact.stream == StreamId::WORKSPACE).cloned().collect()
    }
}

/// Some work is begun, some finished: done where that alone ends it, else put off, since no facts follow here.
fn work(floor: &mut Floor, under_way: &mut Vec<Work>, now: i64, dice: &mut Dice<'_>) {
    for _ in 0..dice.roll(3) {
        under_way.extend(floor.next_work(Timestamp::from_micros(now)));
    }
    if dice.roll(2) == 0 && !under_way.is_empty() {
        let finished = under_way.swap_remove(usize::try_from(dice.roll(under_way.len() as u128)).expect("small"));
        match finished {
            Work::Count(..) | Work::Return(..) => floor.again(&finished),
            Work::Give(..) | Work::Release(..) | Work::Unlock(..) | Work::Rule(_) => floor.done(&finished),
        }
    }
}

fn of_all<T: Clone>(sets: &HashMap<AgentId, BTreeSet<T>>) -> BTreeMap<AgentId, BTreeSet<T>> {
    let held = sets.iter().filter(|(_, set)| !set.is_empty());
    held.map(|(agent, set)| (*agent, set.clone())).collect()
}

/// As it can be compared: without what was still to be done about conversations that are resolved meanwhile.
fn comparable(mut saved: Saved) -> Saved {
    saved.sort();
    let open: BTreeSet<ConversationId> = saved.conversations.iter().map(|(id, _)| *id).collect();
    saved.left.retain(|id, _| open.contains(id));
    saved.unlocking.retain(|id, _| open.contains(id));
    saved
}

/// What both hold, and then all that they give out, is the same.
fn compare(mut kept: Floor, mut resumed: Floor, now: Timestamp) -> Result<(), TestCaseError> {
    prop_assert_eq!(comparable(kept.saved(&[])), comparable(resumed.saved(&[])));
    prop_assert_eq!(of_all(&kept.owned), of_all(&resumed.owned));
    prop_assert_eq!(of_all(&kept.opened), of_all(&resumed.opened));
    prop_assert_eq!(kept.waiting(), resumed.waiting());
    prop_assert!(resumed.in_hand.is_empty() && kept.in_hand.is_empty());
    // Who is looked at first after a change of settings: everybody, as after a start.
    kept.board.change_workspace(|_| {});
    resumed.board.change_workspace(|_| {});
    for at in [now, now.plus_secs(10), Timestamp::MAX] {
        loop {
            let (ours, theirs) = (kept.next_work(at), resumed.next_work(at));
            prop_assert_eq!(&ours, &theirs);
            if ours.is_none() {
                break;
            }
        }
        prop_assert_eq!(kept.next_due_at(), resumed.next_due_at());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_floor_that_is_resumed_goes_on_as_one_that_never_stopped(
        history in prop::collection::vec(any::<u32>(), 20..500),
        order in prop::collection::vec(any::<u32>(), 1..400),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut dice, mut log) = (Dice(history.iter()), Log::default());
        log.set_up();
        while dice.0.len() > 0 {
            log.step(&mut dice);
        }
        let mut dice = Dice(order.iter());
        let read = log.interleaved(&mut dice);
        let (before, tail) = read.split_at(cut.index(read.len() + 1));
        let (mut kept, mut under_way) = (Floor::default(), Vec::new());
        for fact in before {
            log.give(&mut kept, fact);
            work(&mut kept, &mut under_way, log.now, &mut dice);
        }
        let saved = rmp_serde::to_vec(&kept.saved(&under_way)).expect("plain data");
        let saved: Saved = rmp_serde::from_slice(&saved).expect("what was written");
        let mut resumed = Floor::resumed(saved, &log.settings()).expect("all settings are there");
        for work in under_way {
            kept.again(&work);
        }
        let now = Timestamp::from_micros(log.now);
        compare(kept.clone(), resumed.clone(), now)?;
        // What lies behind may have been known already: a fold knows streams further than it knows the log.
        let overlap = &before[before.len() - before.len().min(3)..];
        for fact in tail {
            log.give(&mut kept, fact);
        }
        for fact in overlap.iter().chain(tail) {
            log.give(&mut resumed, fact);
        }
        compare(kept, resumed, now)?;
    }
}

#[test]
fn settings_that_end_before_what_was_known_resume_nothing() {
    let mut log = Log::default();
    log.set_up();
    let mut floor = Floor::default();
    log.facts.iter().for_each(|fact| log.give(&mut floor, fact));
    let settings = log.settings();
    assert!(Floor::resumed(floor.saved(&[]), &settings).is_some());
    assert!(Floor::resumed(floor.saved(&[]), &settings[..settings.len() - 1]).is_none());
}

#[test]
fn rules_that_become_known_after_conversations_that_began_under_them_are_waited_for() {
    let mut log = Log::default();
    log.set_up();
    let (queue, name, when, then) = (Queue::New, String::new(), Vec::new(), Vec::new());
    let trigger = Trigger::Quiet(Quiet { queue, seconds: 10 });
    let definition = Box::new(Rule { name, on: true, trigger, when, then, last: false });
    log.set(W::RuleSet { rule: rule(0), definition });
    log.conversation_step(&mut Dice([].iter()));
    let mut floor = Floor::default();
    log.facts.iter().rev().take(1).for_each(|fact| log.give(&mut floor, fact));
    assert_eq!(floor.next_due_at(), None, "the rule is not known");
    log.facts.iter().for_each(|fact| log.give(&mut floor, fact));
    assert_eq!(floor.next_due_at(), Some(Timestamp::from_micros(10 * SECOND)));
}
