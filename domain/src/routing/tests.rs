//! The properties of distribution, against an oracle that looks at everything each time.

mod claims;

use super::*;
use crate::agent::{AgentState, Availability};
use crate::conversation::Visibility;
use crate::decider::Decider;
use crate::ids::ConversationId;
use crate::time::Timestamp;
use crate::workspace::{ChannelKind, ChannelProfile, Role, Settings, TeamSettings, Workspace, WorkspaceEvent as W};
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

const AGENTS: u128 = 5;
const HELD_MAX: usize = 2;

fn agent(n: u128) -> AgentId {
    AgentId(Uuid::from_u128(n % AGENTS))
}

fn conversation(n: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(n))
}

/// Two channels and three teams. Agent n is in team n % 2, agent 2 also in team 2, and agent 3 in none. Team 1 serves
/// channel 1 alone, members of team 2 are given one at a time, and agent 0 may only read on channel 1.
fn workspace() -> Arc<WorkspaceState> {
    let mut events = vec![W::SettingsChanged {
        settings: Settings {
            conversations_per_agent_max: u16::try_from(HELD_MAX).expect("it is small"),
            ..Settings::default()
        },
    }];
    for n in 0..2 {
        let profile = ChannelProfile {
            kind: ChannelKind::Email,
            name: n.to_string(),
            visibility: Visibility::Private,
            reopens: false,
            team: None,
            reply_characters_max: None,
        };
        events.push(W::ChannelConnected { channel: channel(n), profile });
    }
    for n in 0..3 {
        events.push(W::TeamCreated { team: team(n), name: n.to_string() });
    }
    let before = TeamSettings::default();
    let of_one = TeamSettings { channels: BTreeSet::from([channel(1)]), ..before.clone() };
    events.push(W::TeamSettingsChanged { team: team(1), settings: of_one, before: before.clone() });
    let limited = TeamSettings { limit: Some(1), ..before.clone() };
    events.push(W::TeamSettingsChanged { team: team(2), settings: limited, before });
    for n in 0..AGENTS {
        let login = n.to_string();
        events.push(W::AccountOpened {
            agent: agent(n),
            login: login.clone(),
            name: login,
            roles: BTreeSet::from([Role::Agent]),
        });
        if n != 3 {
            events.push(W::TeamMemberAdded { team: team(n % 2), agent: agent(n) });
        }
    }
    events.push(W::TeamMemberAdded { team: team(2), agent: agent(2) });
    let right = crate::workspace::ChannelRight::Viewer;
    events.push(W::ChannelRightSet { agent: agent(0), channel: channel(1), right, before: None });
    Arc::new(Workspace::fold(&events))
}

fn channel(n: u128) -> ChannelId {
    ChannelId(Uuid::from_u128(100 + n))
}

fn team(n: u128) -> TeamId {
    TeamId(Uuid::from_u128(200 + n))
}

/// What the board is told, and the same kept plainly.
struct Desk {
    board: Board,
    workspace: Arc<WorkspaceState>,
    waiting: BTreeMap<ConversationId, (Class, Place)>,
    agents: BTreeMap<AgentId, AgentState>,
}

#[derive(Clone, Debug)]
enum Step {
    Arrives { n: u128, class: u8, priority: i16, since: i64 },
    Goes { n: u128 },
    Turns { agent: u128, available: bool },
    Finishes { agent: u128 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40u128, 0..6u8, -1..2i16, 0..50i64)
            .prop_map(|(n, class, priority, since)| Step::Arrives { n, class, priority, since }),
        1 => (0..40u128).prop_map(|n| Step::Goes { n }),
        2 => (0..AGENTS, any::<bool>()).prop_map(|(agent, available)| Step::Turns { agent, available }),
        3 => (0..AGENTS).prop_map(|agent| Step::Finishes { agent }),
    ]
}

impl Desk {
    fn new() -> Self {
        let workspace = workspace();
        let mut board = Board::default();
        board.change_workspace(|it| it.clone_from(&workspace));
        Self { board, workspace, waiting: BTreeMap::new(), agents: BTreeMap::new() }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Arrives { n, class, priority, since } => {
                let id = conversation(n);
                if self.agents.values().any(|state| state.holds.contains(&id)) {
                    return;
                }
                let teams = [None, Some(team(0)), Some(team(1))];
                let class = Class { channel: channel(u128::from(class) % 2), team: teams[usize::from(class) / 2] };
                let since = Timestamp::from_micros(since);
                let place = Place { priority: Reverse(priority), since, conversation: id };
                self.waiting.insert(id, (class, place));
                self.board.put(class, place);
            }
            Step::Goes { n } => {
                self.waiting.remove(&conversation(n));
                self.board.remove(conversation(n));
            }
            Step::Turns { agent: n, available } => self.change(agent(n), |state| {
                state.availability = if available { Availability::Available } else { Availability::Away };
            }),
            Step::Finishes { agent: n } => self.change(agent(n), |state| {
                state.holds.pop_first();
            }),
        }
    }

    fn change(&mut self, agent: AgentId, change: impl FnOnce(&mut AgentState)) {
        let state = self.agents.entry(agent).or_default();
        change(state);
        self.board.set_agent(agent, state);
    }

    /// The first that the agent may serve, by looking at everything.
    fn first_for(&self, agent: AgentId) -> Option<Place> {
        let servable = self.waiting.values().filter(|(class, _)| may_serve(&self.workspace, agent, *class));
        servable.map(|(_, place)| *place).min()
    }

    fn has_room(&self, agent: AgentId) -> bool {
        let held_max = if agent == super::tests::agent(2) { 1 } else { HELD_MAX };
        let state = self.agents.get(&agent);
        state.is_some_and(|it| it.availability == Availability::Available && it.holds.len() < held_max)
    }

    fn hand_out(&mut self) -> Result<(), TestCaseError> {
        while let Some(offer) = self.board.next_offer() {
            prop_assert!(self.has_room(offer.agent), "{offer:?} goes over the limit, or to one who is away");
            let first = self.first_for(offer.agent).map(|place| place.conversation);
            prop_assert_eq!(first, Some(offer.conversation), "not the first that they may serve");
            self.waiting.remove(&offer.conversation);
            self.change(offer.agent, |state| {
                state.holds.insert(offer.conversation);
            });
            self.board.settle(offer.agent);
        }
        prop_assert_eq!(self.board.waiting(), self.waiting.len());
        for n in 0..AGENTS {
            let stranded = self.first_for(agent(n)).filter(|_| self.has_room(agent(n)));
            prop_assert!(stranded.is_none(), "{stranded:?} waits while agent {n} has room");
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn each_gets_the_first_they_may_serve_and_nothing_waits_for_one_with_room(
        steps in prop::collection::vec(any_step(), 1..120)
    ) {
        let mut desk = Desk::new();
        for step in &steps {
            desk.take(step);
            desk.hand_out()?;
        }
    }
}

#[test]
fn teams_say_what_their_members_may_be_given() {
    let workspace = workspace();
    let serves = |n: u128, on: u128, of: Option<u128>| {
        may_serve(&workspace, agent(n), Class { channel: channel(on), team: of.map(team) })
    };
    assert!(!serves(1, 0, None) && serves(1, 1, None), "agent 1's team serves channel 1 alone");
    assert!(serves(2, 0, None) && serves(2, 1, None) && serves(3, 0, None), "a team for all channels, or no team");
    assert!(serves(1, 1, Some(1)) && !serves(4, 1, Some(1)) && !serves(3, 1, Some(1)), "the team's are its members'");
    assert!(serves(4, 0, Some(1)) && !serves(1, 0, Some(1)), "a team that does not serve it holds nobody back");
    assert!(!serves(0, 1, None) && !serves(0, 1, Some(0)), "no team gives a right on a channel");
    assert_eq!([1, 2, 3].map(|n| workspace.limit_of(agent(n))), [HELD_MAX, 1, HELD_MAX]);
}

#[test]
fn the_line_is_by_priority_then_by_waiting_and_backlog_comes_before_newcomers() {
    let mut desk = Desk::new();
    for (n, priority, since) in [(1, 0, 30), (2, 0, 10), (3, 1, 40)] {
        desk.take(&Step::Arrives { n, class: 0, priority, since });
    }
    desk.take(&Step::Turns { agent: 4, available: true });
    let next = |desk: &mut Desk| desk.board.next_offer().map(|offer| offer.conversation);
    assert_eq!(next(&mut desk), Some(conversation(3)));
    desk.board.settle(agent(4));
    assert_eq!(next(&mut desk), Some(conversation(2)));
    assert_eq!(next(&mut desk), None, "one offer at a time");
}
