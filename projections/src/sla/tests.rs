//! The breach view, the breaches that are told, and the explanations say the same of every conversation; asked through
//! random histories that the real deciders made.

use super::*;
use crate::engine::Engine;
use crate::histories::{self, History, Size};
use crate::projection::Spec;
use crate::table::Table;
use clew_domain::contact::Contact;
use clew_domain::conversation::{Conversation, SlaBreach};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{Actor, Aggregate, CommandMeta, NewFact, Position, facts_of};
use clew_domain::ids::{CalendarId, CommandId, CorrelationId, SlaPolicyId, StreamId, StreamKind};
use clew_domain::sla::{
    Calendar, Conditions, Counting, Explanation, Metric, Period, Policy, Target, Targets, Warning, Week, explain,
};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceEvent;
use clew_eventstore::cursor::Cursor;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const POLICY: SlaPolicyId = SlaPolicyId(Uuid::from_u128(1));
const BY_TEAM: SlaPolicyId = SlaPolicyId(Uuid::from_u128(2));
const BY_GROUP: SlaPolicyId = SlaPolicyId(Uuid::from_u128(4));
const OFFICE: CalendarId = CalendarId(Uuid::from_u128(3));

/// A log that grows, the view of it, and who tells of breaches.
struct Desk {
    facts: Vec<Fact>,
    versions: BTreeMap<StreamId, u64>,
    engine: Engine,
    table: Table,
    now: Timestamp,
    told: usize,
}

impl Desk {
    fn new() -> Self {
        let table = Table::memory();
        let engine = Engine::resume(Spec::of::<Sla>(), table.clone(), 1).unwrap();
        let (facts, versions) = (Vec::new(), BTreeMap::new());
        Self { facts, versions, engine, table, now: Timestamp::MIN, told: 0 }
    }

    /// Takes a fact in behind all others, under the settings in force.
    fn take(&mut self, stream: StreamId, body: NewFact) {
        let settings_version = self.versions.get(&StreamId::WORKSPACE).copied().unwrap_or(0);
        let version = self.versions.entry(stream).or_default();
        *version += 1;
        let position = Position { partition: 0, sequence: self.facts.len() as u64 + 1 };
        let body = NewFact { settings_version, ..body };
        self.now = self.now.max(body.occurred_at);
        self.facts.push(Fact { position, stream, version: *version, recorded_at: self.now, body });
        self.engine.fold(&self.facts[self.facts.len() - 1..]).unwrap();
    }

    fn set(&mut self, at: Timestamp, event: WorkspaceEvent) {
        let command = CommandId(Uuid::from_u128(1_000 + self.facts.len() as u128));
        let body = NewFact {
            id: derive::event(command, 0),
            occurred_at: at,
            actor: Actor::System,
            command,
            causation: None,
            correlation: CorrelationId(command.0),
            settings_version: 0,
            event: Event::Workspace(event),
        };
        self.take(StreamId::WORKSPACE, body);
    }

    fn view(&mut self) -> SlaReader {
        let (changes, cursor) = self.engine.changes().unwrap();
        self.table.save(changes, cursor).unwrap();
        SlaReader::still(self.table.clone(), Cursor::clone(cursor))
    }

    /// Appends what is breached and not told, as the gateway does.
    fn tell(&mut self) {
        let untold = self.view().untold(self.now, usize::MAX).unwrap();
        for Breached { conversation, breach } in untold {
            let meta = CommandMeta::first(breach.command(conversation), Actor::System, breach.due, 0);
            let stream = StreamId::from(conversation);
            let of_stream = self.facts.iter().filter(|fact| fact.stream == stream);
            let events: Vec<_> = of_stream.filter_map(|fact| Conversation::unwrap(&fact.event).cloned()).collect();
            let record = clew_domain::conversation::Command::RecordBreach(breach);
            let events = Conversation::decide(&Conversation::fold(&events), &meta, &record).unwrap();
            assert_eq!(events.len(), 1, "nothing is told twice: {breach:?}");
            for body in facts_of::<Conversation>(&meta, events) {
                self.take(stream, body);
            }
            self.told += 1;
        }
        assert_eq!(self.view().untold(self.now, usize::MAX).unwrap(), [], "what was told is no longer untold");
    }

    /// What the explanation of each conversation says now.
    fn explained(&self) -> BTreeMap<ConversationId, Vec<Explanation>> {
        let conversations: BTreeSet<_> = self
            .facts
            .iter()
            .filter(|fact| fact.stream.kind == StreamKind::Conversation)
            .map(|fact| fact.stream)
            .collect();
        let explained = |stream: StreamId| {
            let facts = self.facts.iter().filter(|it| it.stream == stream || it.stream == StreamId::WORKSPACE);
            explain(facts, |contact, fact| self.groups_at(contact, fact), self.now)
        };
        conversations.into_iter().map(|stream| (ConversationId(stream.id), explained(stream))).collect()
    }

    fn groups_at(&self, contact: ContactId, fact: &Fact) -> Vec<GroupId> {
        let mut groups = Vec::new();
        for before in self.facts.iter().take_while(|it| it.position < fact.position) {
            let event = Contact::unwrap(&before.event).filter(|_| before.stream == contact.into());
            if let Some(ContactEvent::GroupJoined { group }) = event {
                groups.push(*group);
            } else if let Some(ContactEvent::GroupLeft { group }) = event {
                groups.retain(|it| it != group);
            }
        }
        groups
    }

    fn told(&self) -> BTreeMap<ConversationId, Vec<SlaBreach>> {
        let mut told = BTreeMap::<_, Vec<_>>::new();
        for fact in &self.facts {
            if let Event::Conversation(E::SlaBreached(breach)) = fact.event {
                assert_eq!(fact.occurred_at, breach.due, "a breach occurs at its due instant");
                told.entry(ConversationId(fact.stream.id)).or_default().push(breach);
            }
        }
        told
    }
}

fn policy(name: &str, seconds: [u32; 3], conditions: Conditions) -> Policy {
    let [first, next, resolution] = seconds;
    let target = |seconds, counting| Some(Target { seconds, counting });
    Policy {
        name: name.to_owned(),
        conditions,
        targets: Targets {
            first_response: target(first, Counting::BusinessTime),
            next_response: target(next, Counting::CalendarTime),
            resolution: target(resolution, Counting::BusinessTime),
        },
        calendar: Some(OFFICE),
        warning: Warning::UsedPercent(50),
        pending_pauses: true,
        automatic_replies_count: false,
    }
}

fn policy_set(policy: SlaPolicyId, definition: Policy, apply_to_open: bool) -> WorkspaceEvent {
    WorkspaceEvent::SlaPolicySet { policy, definition: Box::new(definition), apply_to_open }
}

fn calendar_set(from: &str, to: &str, apply_to_open: bool) -> WorkspaceEvent {
    let period = Period { from: from.parse().unwrap(), to: to.parse().unwrap() };
    let definition = Calendar {
        name: "Office".to_owned(),
        zone: "Europe/Paris".to_owned(),
        week: Week { saturday: vec![period], sunday: vec![period], ..Week::workdays(&[period]) },
        holidays: Vec::new(),
        exceptions: Vec::new(),
    };
    WorkspaceEvent::CalendarSet { calendar: OFFICE, definition: Box::new(definition), apply_to_open }
}

/// A desk with a random history, edits of the rules in it, and breaches told now and then.
fn desk(seed: u64) -> Desk {
    let (mut desk, mut history) = (Desk::new(), History::new(seed, Size::default()));
    let begin = Timestamp::from_micros(1_585_000_000_000_000);
    let of_team = Conditions { teams: BTreeSet::from([histories::team(1)]), ..Conditions::default() };
    desk.set(begin, calendar_set("00:00", "23:00", false));
    let of_group = Conditions {
        groups: BTreeSet::from([GroupId(Uuid::from_u64_pair(7, 0))]),
        topics: BTreeSet::from([histories::topic(0)]),
        ..Conditions::default()
    };
    desk.set(begin, policy_set(BY_GROUP, policy("Group", [100, 700, 5_000], of_group), false));
    desk.set(begin, policy_set(BY_TEAM, policy("Team", [300, 200, 4_000], of_team), false));
    desk.set(begin, policy_set(POLICY, policy("All", [900, 1_200, 9_000], Conditions::default()), false));
    let mut edits = vec![
        policy_set(POLICY, policy("All", [500, 2_000, 6_000], Conditions::default()), true),
        calendar_set("00:00", "24:00", true),
        WorkspaceEvent::SlaPoliciesOrdered { order: vec![BY_GROUP, POLICY, BY_TEAM], apply_to_open: false },
        WorkspaceEvent::SlaPolicyRemoved { policy: BY_TEAM, apply_to_open: true },
    ]
    .into_iter();
    let mut steps = 0;
    while desk.facts.len() < 600 {
        steps += 1;
        for fact in history.advance() {
            desk.take(fact.stream, fact.body);
        }
        if steps % 120 == 0
            && let Some(edit) = edits.next()
        {
            desk.set(desk.now, edit);
        }
        if steps % 40 == 0 {
            desk.tell();
        }
    }
    desk
}

fn told_of(explained: &Explanation) -> Option<SlaBreach> {
    let breach = explained.breach?;
    let clock = explained.started_by;
    Some(SlaBreach { metric: breach.metric, policy: breach.policy, due: breach.due, clock })
}

#[test]
fn the_view_the_facts_and_the_explanations_agree() {
    let mut breaches = 0;
    for seed in 0..8 {
        let mut desk = desk(seed);
        desk.tell();
        let (explained, mut told) = (desk.explained(), desk.told());
        for (conversation, explained) in &explained {
            let mut facts = told.remove(conversation).unwrap_or_default();
            let mut expected: Vec<_> = explained.iter().filter_map(told_of).collect();
            facts.sort_by_key(|it| (it.clock, it.metric));
            expected.sort_by_key(|it| (it.clock, it.metric));
            assert_eq!(facts, expected, "seed {seed}, {conversation}");
            breaches += facts.len();
            let standing = desk.view().of(*conversation, desk.now).unwrap();
            let red = standing.iter().filter(|it| it.colour == Colour::Red).count();
            let running = explained.iter().filter(|it| it.ended.is_none());
            assert_eq!(standing.len(), running.clone().count(), "seed {seed}, {conversation}");
            assert_eq!(red, running.filter(|it| it.breach.is_some()).count(), "seed {seed}, {conversation}");
        }
        assert!(told.is_empty());
        let all: Vec<_> = explained.values().flatten().collect();
        let kept = all.iter().filter(|it| it.ended.is_some() && it.breach.is_none()).count();
        let mut tally = Tally::default();
        for (_, one) in desk.view().history(Timestamp::from_micros(0), desk.now).unwrap() {
            tally.kept += one.kept;
            tally.breached += one.breached;
        }
        assert_eq!((tally.kept, tally.breached), (kept as u64, desk.told as u64), "seed {seed}");
    }
    assert!(breaches > 100, "the histories say too little: {breaches} breaches");
}

#[test]
fn no_order_between_partitions_changes_what_is_promised_or_broken() {
    for seed in 40..48 {
        let mut facts = desk(seed).facts;
        // Some writers had not seen the latest settings.
        for fact in facts.iter_mut().step_by(3) {
            fact.body.settings_version = fact.settings_version.saturating_sub(1);
        }
        crate::tests::partitions::check(Spec::of::<Sla>(), &facts, seed);
    }
}

#[test]
fn lists_hold_each_clock_once_in_the_order_of_due_instants() {
    for seed in 20..24 {
        let mut desk = desk(seed);
        let (view, now) = (desk.view(), desk.now);
        let scopes = (0..3).flat_map(|n| [Scope::Channel(histories::channel(n)), Scope::Team(histories::team(n))]);
        let scopes = scopes.chain([Scope::All, Scope::Policy(POLICY), Scope::New, Scope::Pending]);
        for scope in scopes {
            let is_in = |it: &Standing| match scope {
                Scope::All => true,
                Scope::Channel(channel) => it.channel == Some(channel),
                Scope::Team(team) => it.team == Some(team),
                Scope::Policy(policy) => it.policy == policy,
                Scope::New => !it.pending,
                Scope::Pending => it.pending,
            };
            let known = desk.explained().into_keys().flat_map(|id| view.of(id, now).unwrap());
            let mut known: Vec<_> = known.filter(|it| it.due_at.is_some() && is_in(it)).collect();
            known.sort_by_key(|it| (it.due_at, it.conversation, it.metric == Metric::Resolution));
            let (late, ahead): (Vec<_>, Vec<_>) = known.into_iter().partition(|it| it.due_at.unwrap() < now);
            let mut sorted = pages(|after| view.breached(scope, now, after, 3).unwrap());
            sorted.sort_by_key(|it| (it.due_at, it.conversation, it.metric == Metric::Resolution));
            assert_eq!(sorted, late, "seed {seed}, {scope:?}");
            assert_eq!(view.breached_count(scope, now, usize::MAX).unwrap(), late.len());
            let next = pages(|after| view.due_next(scope, now, after, 3).unwrap());
            assert!(next.is_sorted_by_key(|it| it.due_at));
            assert_eq!(next.len(), ahead.len(), "seed {seed}, {scope:?}");
        }
    }
}

fn pages(page: impl Fn(Option<&str>) -> crate::page::Page<Standing>) -> Vec<Standing> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = page(after.as_deref());
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

#[test]
fn what_is_waited_for_is_the_first_promise_that_is_not_broken() {
    let mut desk = desk(7);
    desk.tell();
    let (view, now) = (desk.view(), desk.now);
    let next = view.due_next(Scope::All, now, None, 500).unwrap().items;
    let unbroken = next.iter().filter(|it| it.colour != Colour::Red).filter_map(|it| it.due_at).min();
    assert_eq!(view.next_due().unwrap(), unbroken);
    let due = unbroken.unwrap();
    assert_eq!(view.untold(due, 10).unwrap(), [], "in time up to the due instant");
    assert!(!view.untold(due.plus_micros(1), 10).unwrap().is_empty(), "broken strictly after it");
}

#[test]
fn a_breach_is_told_although_the_answer_came_before_anyone_looked() {
    let mut told = 0;
    for seed in 30..34 {
        let mut desk = desk(seed);
        desk.tell();
        let explained: Vec<_> = desk.explained().into_values().flatten().filter(|it| it.ended.is_some()).collect();
        for breach in desk.told().into_values().flatten() {
            told += explained.iter().filter(|it| told_of(it) == Some(breach)).count();
        }
    }
    assert!(told > 10, "only {told} ended clocks breached");
}
